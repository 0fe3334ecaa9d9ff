/** `and`, `or` and `unless`: whole samples pass or not, step by step, by whether the other side has their match group. */
import { forEachInSlices, type Pauses } from "../slices.ts";
import type { BinaryExpr, Expr, SetOperator, VectorMatching } from "./ast.ts";
import type { Grid } from "./evaluation.ts";
import type { Evaluator } from "./evaluator_face.ts";
import { areDisjoint } from "./label_facts.ts";
import { keyOfListed, keyWithout, METRIC_NAME } from "./labels.ts";
import type { Labels } from "./queryable.ts";
import { ABSENT, type Row, type RowStream, streamOf } from "./row.ts";
import { RowTable } from "./row_table.ts";

/** The function that gives the match group of a label set as a key. */
export function matchKey(matching: VectorMatching): (labels: Labels) => string {
  if (matching.on) {
    const names = [...matching.labels].sort();
    return (labels) => keyOfListed(labels, names);
  }
  const ignored = new Set([METRIC_NAME, ...matching.labels]);
  return (labels) => keyWithout(labels, ignored);
}

export async function combineSets(
  node: BinaryExpr,
  operator: SetOperator,
  evaluator: Evaluator,
  grid: Grid,
): Promise<RowStream> {
  const keyOf = matchKey(node.matching!);
  if (operator === "or") {
    const operands = chainOf(node);
    if (areDisjoint(operands, node.matching!)) return await concatenate(operands, evaluator, grid);
    return await union(operands, keyOf, evaluator, grid);
  }
  const left = await evaluator.collect(await evaluator.vector(node.left, grid), grid);
  const right = await evaluator.collect(await evaluator.vector(node.right, grid), grid);
  const { evaluation } = evaluator;
  const present = await presence(right, keyOf, grid, evaluation);
  await forEachInSlices(left, evaluation, (row) => mask(row, present, keyOf, operator === "and"));
  return streamOf(left);
}

/** The operands of `a or b or c` from left to right, as far as they are matched in the same way. */
function chainOf(node: BinaryExpr): Expr[] {
  const operands: Expr[] = [node.right];
  let left = withoutParens(node.left);
  while (left.kind === "binary" && left.operator === "or" && matchesAlike(left, node)) {
    operands.push(left.right);
    left = withoutParens(left.left);
  }
  operands.push(left);
  return operands.reverse();
}

function withoutParens(expr: Expr): Expr {
  let inner = expr;
  while (inner.kind === "paren") inner = inner.expr;
  return inner;
}

function matchesAlike({ matching: a }: BinaryExpr, { matching: b }: BinaryExpr): boolean {
  return a!.on === b!.on && a!.labels.length === b!.labels.length &&
    a!.labels.every((label, at) => label === b!.labels[at]);
}

/** The rows of all operands one after the other. */
async function concatenate(
  operands: readonly Expr[],
  evaluator: Evaluator,
  grid: Grid,
): Promise<RowStream> {
  const streams: RowStream[] = [];
  for (const operand of operands) streams.push(await evaluator.vector(operand, grid));
  let at = 0;
  return {
    next(row) {
      while (at < streams.length) {
        if (streams[at]!.next(row)) return true;
        at++;
      }
      return false;
    },
  };
}

/** Takes from each operand what no operand before it has in the same match group and step. */
async function union(
  operands: readonly Expr[],
  keyOf: (labels: Labels) => string,
  evaluator: Evaluator,
  grid: Grid,
): Promise<RowStream> {
  const { evaluation } = evaluator;
  const table = new RowTable(evaluation, grid.steps);
  const present = new Presence();
  for (const [at, operand] of operands.entries()) {
    const rows = await evaluator.collect(await evaluator.vector(operand, grid), grid);
    const keys: string[] = [];
    await forEachInSlices(rows, evaluation, ({ labels, kinds }) => {
      const key = keyOf(labels);
      keys.push(key);
      const steps = present.of(key);
      if (steps === undefined) return;
      for (let step = 0; step < kinds.length; step++) {
        if (steps[step] !== ABSENT) kinds[step] = ABSENT;
      }
    });
    // Only now: rows of one operand do not hide each other.
    let added = 0;
    await forEachInSlices(rows, evaluation, (row) => {
      if (at + 1 < operands.length) present.add(keys[added++]!, row);
      table.merge(row);
    });
  }
  return streamOf(table.rows);
}

/** At which steps any row of a match group has a sample: not ABSENT. The only row of its group tells it itself. */
class Presence {
  readonly #steps = new Map<string, Uint8Array>();
  readonly #owned = new Set<string>();

  of(key: string): Uint8Array | undefined {
    return this.#steps.get(key);
  }

  add(key: string, { kinds }: Row): void {
    let steps = this.#steps.get(key);
    if (steps === undefined) {
      this.#steps.set(key, kinds);
      return;
    }
    if (!this.#owned.has(key)) {
      this.#owned.add(key);
      this.#steps.set(key, steps = steps.slice());
    }
    for (let step = 0; step < kinds.length; step++) {
      if (kinds[step] !== ABSENT) steps[step] = 1;
    }
  }
}

/** By match group, at which steps any row of it has a sample. */
async function presence(
  rows: readonly Row[],
  keyOf: (labels: Labels) => string,
  grid: Grid,
  pauses: Pauses,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const present = new Map<string, Uint8Array>();
  await forEachInSlices(rows, pauses, ({ labels, kinds }) => {
    const key = keyOf(labels);
    let steps = present.get(key);
    if (steps === undefined) present.set(key, steps = new Uint8Array(grid.steps));
    for (let step = 0; step < kinds.length; step++) {
      if (kinds[step] !== ABSENT) steps[step] = 1;
    }
  });
  return present;
}

/** Removes the samples whose match group is present (`wanted` false) or absent (`wanted` true) on the other side. */
function mask(
  { labels, kinds }: Row,
  present: ReadonlyMap<string, Uint8Array>,
  keyOf: (labels: Labels) => string,
  wanted: boolean,
): void {
  const steps = present.get(keyOf(labels));
  if (steps === undefined) {
    if (wanted) kinds.fill(ABSENT);
    return;
  }
  for (let step = 0; step < kinds.length; step++) {
    if ((steps[step] === 1) !== wanted) kinds[step] = ABSENT;
  }
}
