/**
 * Arithmetic, comparisons and trims between two vectors.
 *
 * Series are joined once, by match group; within a group the columns of each pair are combined over all steps. Only
 * groups with several series on a side look at single steps, because there a duplicate may arise.
 *
 * The "many" side is the left one, but for `group_right` the right one.
 */
import { forEachInSlices, type Pauses } from "../slices.ts";
import {
  arithmetic,
  combineSamples,
  comparison,
  isArithmetic,
  isComparison,
  type OperatorPlace,
  type Sample,
} from "./arithmetic.ts";
import type { BinaryExpr, VectorMatching } from "./ast.ts";
import { PromqlError } from "./errors.ts";
import type { Grid } from "./evaluation.ts";
import type { Evaluator } from "./evaluator_face.ts";
import {
  dropLabels,
  dropMetadata,
  keepLabels,
  labelsKey,
  labelsText,
  labelValue,
  METRIC_NAME,
  withLabel,
} from "./labels.ts";
import type { Labels } from "./queryable.ts";
import { ABSENT, FLOAT, Row, type RowStream, streamOf } from "./row.ts";
import { RowTable, sameLabelsError } from "./row_table.ts";
import { matchKey } from "./set_operators.ts";

interface Group {
  /** Labels that all series of the group share. */
  readonly labels: Labels;
  readonly many: Row[];
  readonly one: Row[];
}

/** A pair of series, and the labels of its result with their key. */
interface Output {
  readonly many: Row;
  readonly one: Row;
  /** Number of the "one" series, as `#owner` holds it. */
  readonly owner: number;
  readonly labels: Labels;
  readonly key: string;
  readonly dropName: boolean;
}

export async function matchVectors(
  node: BinaryExpr,
  evaluator: Evaluator,
  grid: Grid,
): Promise<RowStream> {
  const left = await evaluator.collect(await evaluator.vector(node.left, grid), grid);
  const right = await evaluator.collect(await evaluator.vector(node.right, grid), grid);
  const { evaluation } = evaluator;
  const matcher = new Matcher(node, evaluator, grid, left, right);
  await matcher.findActiveSteps();
  for (const group of await matcher.groups()) {
    if (evaluation.isDue) await evaluation.pause();
    await matcher.combine(group);
  }
  return streamOf(matcher.rows);
}

class Matcher {
  readonly #node: BinaryExpr;
  readonly #matching: VectorMatching;
  readonly #grid: Grid;
  readonly #manyIsLeft: boolean;
  readonly #manyRows: readonly Row[];
  readonly #oneRows: readonly Row[];
  readonly #fillMany: number | undefined;
  readonly #fillOne: number | undefined;
  /** Steps at which both sides have samples, or gaps are filled: elsewhere nothing is looked at. */
  readonly #active: Uint8Array;
  readonly #table: RowTable;
  readonly #place: OperatorPlace;
  /** Which of a group's "one" rows is present at a step, plus 1. */
  readonly #owner: Int32Array;
  readonly #names: ReadonlySet<string>;
  readonly #ignored: ReadonlySet<string>;
  readonly #pauses: Pauses;

  constructor(
    node: BinaryExpr,
    evaluator: Evaluator,
    grid: Grid,
    left: readonly Row[],
    right: readonly Row[],
  ) {
    const matching = node.matching!;
    const manyIsLeft = matching.cardinality !== "one-to-many";
    this.#node = node;
    this.#matching = matching;
    this.#grid = grid;
    this.#manyIsLeft = manyIsLeft;
    this.#manyRows = manyIsLeft ? left : right;
    this.#oneRows = manyIsLeft ? right : left;
    this.#fillMany = manyIsLeft ? matching.fillLeft : matching.fillRight;
    this.#fillOne = manyIsLeft ? matching.fillRight : matching.fillLeft;
    this.#names = new Set(matching.labels);
    this.#ignored = new Set([METRIC_NAME, ...matching.labels]);
    this.#table = new RowTable(evaluator.evaluation, grid.steps);
    this.#place = { annotations: evaluator.evaluation.annotations, position: node.position };
    this.#owner = new Int32Array(grid.steps);
    this.#active = new Uint8Array(grid.steps);
    this.#pauses = evaluator.evaluation;
  }

  get rows(): Row[] {
    return this.#table.rows;
  }

  async findActiveSteps(): Promise<void> {
    const active = this.#active;
    if (this.#fillMany !== undefined || this.#fillOne !== undefined) {
      active.fill(1);
      return;
    }
    const hasMany = new Uint8Array(this.#grid.steps);
    await forEachInSlices(this.#manyRows, this.#pauses, ({ kinds }) => {
      for (let step = 0; step < kinds.length; step++) if (kinds[step] !== ABSENT) hasMany[step] = 1;
    });
    await forEachInSlices(this.#oneRows, this.#pauses, ({ kinds }) => {
      for (let step = 0; step < kinds.length; step++) {
        if (kinds[step] !== ABSENT) active[step] = hasMany[step]!;
      }
    });
  }

  async groups(): Promise<Iterable<Group>> {
    const keyOf = matchKey(this.#matching);
    const groups = new Map<string, Group>();
    const groupOf = (row: Row): Group => {
      const key = keyOf(row.labels);
      let group = groups.get(key);
      if (group === undefined) {
        group = { labels: this.#groupLabels(row.labels), many: [], one: [] };
        groups.set(key, group);
      }
      return group;
    };
    await forEachInSlices(this.#manyRows, this.#pauses, (row) => {
      groupOf(row).many.push(row);
    });
    await forEachInSlices(this.#oneRows, this.#pauses, (row) => {
      groupOf(row).one.push(row);
    });
    return groups.values();
  }

  #groupLabels(labels: Labels): Labels {
    if (this.#matching.on) return keepLabels(labels, this.#names);
    return dropLabels(labels, this.#ignored);
  }

  async combine(group: Group): Promise<void> {
    this.#findOwners(group);
    if (this.#matching.cardinality === "one-to-one" && group.many.length > 1) {
      this.#checkSingle(group);
    }
    const taken = new Set<string>();
    let mayRepeat = false;
    const outputs: Output[] = [];
    const add = (many: Row, one: Row, owner: number) => {
      const labels = this.#resultLabels(many.labels, one.labels);
      const key = labelsKey(labels);
      mayRepeat ||= taken.has(key);
      taken.add(key);
      const dropName = this.#node.bool || many.dropName;
      outputs.push({ many, one, owner, labels, dropName, key });
    };
    await forEachInSlices(group.many, this.#pauses, (many) => {
      group.one.forEach((one, index) => add(many, one, index + 1));
      if (this.#fillOne !== undefined) add(many, this.#filled(group, this.#fillOne), 0);
    });
    if (this.#fillMany !== undefined) {
      const filled = this.#filledMany(group, this.#fillMany);
      group.one.forEach((one, index) => add(filled, one, index + 1));
    }
    // Steps at which a label set of this group is taken, where several pairs lead to the same one.
    const seen = mayRepeat && this.#matching.cardinality !== "one-to-one"
      ? new Map<string, Uint8Array>()
      : undefined;
    await forEachInSlices(outputs, this.#pauses, (output) => {
      const row = this.#table.row(output.labels, output.dropName, output.key);
      this.#combinePair(
        output,
        row,
        seen === undefined ? undefined : takenSteps(seen, output.key, this.#grid.steps),
      );
    });
  }

  /** Which "one" row has a sample at each step; two at once is an error. */
  #findOwners({ one, labels }: Group): void {
    const owner = this.#owner;
    owner.fill(0);
    one.forEach(({ kinds }, index) => {
      for (let step = 0; step < kinds.length; step++) {
        if (kinds[step] === ABSENT || this.#active[step] === 0) continue;
        if (owner[step] !== 0) {
          throw this.#duplicateError(labels, one[owner[step]! - 1]!, one[index]!);
        }
        owner[step] = index + 1;
      }
    });
  }

  #duplicateError(group: Labels, first: Row, second: Row): PromqlError {
    const shown = [first, second].map((row) =>
      labelsText(row.dropName ? dropMetadata(row.labels) : row.labels)
    ).sort();
    const side = this.#manyIsLeft ? "right" : "left";
    return new PromqlError(
      "execution",
      `found duplicate series for the match group ${
        labelsText(group)
      } on the ${side} hand-side of ` +
        `the operation: [${shown.join(", ")}];many-to-many matching not allowed: matching labels ` +
        "must be unique on one side",
    );
  }

  /** One-to-one: at no step may two "many" samples meet a sample of the other side. */
  #checkSingle({ many }: Group): void {
    const seen = new Uint8Array(this.#grid.steps);
    for (const { kinds } of many) {
      for (let step = 0; step < kinds.length; step++) {
        if (kinds[step] === ABSENT) continue;
        if (this.#owner[step] === 0 && this.#fillOne === undefined) continue;
        if (seen[step] === 1) {
          throw new PromqlError(
            "execution",
            "multiple matches for labels: many-to-one matching must be explicit " +
              "(group_left/group_right)",
          );
        }
        seen[step] = 1;
      }
    }
  }

  #resultLabels(many: Labels, one: Labels): Labels {
    const { cardinality, on, include } = this.#matching;
    let labels = isArithmetic(this.#node.operator) ? dropMetadata(many) : many;
    if (cardinality === "one-to-one") {
      labels = on ? keepLabels(labels, this.#names) : dropLabels(labels, this.#names);
    }
    for (const name of include) labels = withLabel(labels, name, labelValue(one, name));
    return labels;
  }

  /** A stand-in for a missing sample at every step. */
  #filled(group: Group, value: number): Row {
    const row = new Row(this.#grid.steps);
    row.labels = group.labels;
    row.kinds.fill(FLOAT);
    row.values.fill(value);
    return row;
  }

  /** A stand-in where a group has no "many" sample. */
  #filledMany(group: Group, value: number): Row {
    const row = this.#filled(group, value);
    for (const { kinds } of group.many) {
      for (let step = 0; step < kinds.length; step++) {
        if (kinds[step] !== ABSENT) row.kinds[step] = ABSENT;
      }
    }
    return row;
  }

  /** Combines the steps at which `owner` is the present "one" row. */
  #combinePair(
    { many, one, owner: wanted }: Output,
    output: Row,
    taken: Uint8Array | undefined,
  ): void {
    const { operator, bool } = this.#node;
    const left = this.#manyIsLeft ? many : one;
    const right = this.#manyIsLeft ? one : many;
    const compute = isArithmetic(operator) ? arithmetic(operator) : undefined;
    const compare = isComparison(operator) ? comparison(operator) : undefined;
    const owner = this.#owner;
    const { kinds, values } = output;
    for (let step = 0; step < owner.length; step++) {
      if (owner[step] !== wanted || many.kinds[step] === ABSENT) continue;
      let value: Sample;
      if (left.kinds[step] === FLOAT && right.kinds[step] === FLOAT && compute !== undefined) {
        value = compute(left.values[step]!, right.values[step]!);
      } else if (
        left.kinds[step] === FLOAT && right.kinds[step] === FLOAT && compare !== undefined
      ) {
        value = left.values[step]!;
        const holds = compare(value, right.values[step]!);
        if (bool) value = holds ? 1 : 0;
        else if (!holds) {
          take(taken, step);
          continue;
        }
      } else {
        const result = combineSamples(
          operator,
          sampleAt(left, step),
          sampleAt(right, step),
          this.#place,
        );
        if (result === undefined) continue;
        if (!result.holds && !bool) {
          take(taken, step);
          continue;
        }
        value = bool ? Number(result.holds) : result.value;
      }
      take(taken, step);
      if (kinds[step] !== ABSENT) throw sameLabelsError();
      if (typeof value === "number") {
        kinds[step] = FLOAT;
        values[step] = value;
      } else {
        output.setHistogram(step, value);
      }
    }
  }
}

function sampleAt(row: Row, step: number): Sample {
  return row.kinds[step] === FLOAT ? row.values[step]! : row.histograms![step]!;
}

/** At which steps a label set has a sample from this group. */
function takenSteps(seen: Map<string, Uint8Array>, key: string, count: number): Uint8Array {
  let steps = seen.get(key);
  if (steps === undefined) seen.set(key, steps = new Uint8Array(count));
  return steps;
}

/** A label set may come once at a step, also where a filter leaves nothing of it. */
function take(taken: Uint8Array | undefined, step: number): void {
  if (taken === undefined) return;
  if (taken[step] === 1) {
    throw new PromqlError(
      "execution",
      "multiple matches for labels: grouping labels must ensure unique matches",
    );
  }
  taken[step] = 1;
}
