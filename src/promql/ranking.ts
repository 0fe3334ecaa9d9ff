/**
 * Aggregations that look at all samples of a group at once: topk, bottomk, quantile, count_values, limitk, limit_ratio.
 */
import { forEachInSlices } from "../slices.ts";
import { quantileText, ratioText } from "./annotations.ts";
import type { Aggregation } from "./ast.ts";
import { type Grouping, groupingOf } from "./grouping.ts";
import { PromqlError } from "./errors.ts";
import type { Evaluation, Grid } from "./evaluation.ts";
import type { Evaluator } from "./evaluator_face.ts";
import { histogramText } from "./histogram_statistics.ts";
import { KBest } from "./k_best.ts";
import { labelsFraction } from "./label_hash.ts";
import { withLabel } from "./labels.ts";
import { formatDecimal } from "./number_format.ts";
import { shortNumber } from "./number_text.ts";
import { quantileOfSorted, sortNumbers } from "./quantile.ts";
import { ABSENT, FLOAT, HISTOGRAM, type Row, type RowStream, streamOf } from "./row.ts";
import { RowTable } from "./row_table.ts";
import { reportIgnored } from "./fold.ts";

/** Integer parameters lie between these: the least signed 64-bit integer and the largest that is a double. */
const INTEGER_MIN = -(2 ** 63);
const INTEGER_MAX = 2 ** 63 - 1024;

/** Rows of which one step is looked at between two questions for a pause. */
const ROWS_PER_LOOK = 256;

interface Task {
  readonly node: Aggregation;
  readonly evaluation: Evaluation;
  readonly grid: Grid;
  /** The scalar parameter at each step; empty where the operator has none. */
  readonly parameter: Float64Array;
}

export async function rankingAggregation(
  node: Aggregation,
  evaluator: Evaluator,
  grid: Grid,
): Promise<RowStream> {
  const { evaluation } = evaluator;
  const { param, operator } = node;
  if (operator === "count_values") {
    const rows = await evaluator.collect(await evaluator.vector(node.expr, grid), grid);
    const task = { node, evaluation, grid, parameter: new Float64Array(0) };
    return streamOf(await countValues(rows, task, param?.kind === "string" ? param.value : ""));
  }
  const parameter = await evaluator.scalar(param!, grid);
  const task: Task = { node, evaluation, grid, parameter };
  if (operator === "quantile") warnOfQuantiles(task);
  const keepsNothing = operator === "quantile" ? false : checkParameter(task);
  const rows = await evaluator.collect(await evaluator.vector(node.expr, grid), grid);
  if (keepsNothing) return streamOf([]);
  if (operator === "limit_ratio") {
    await forEachInSlices(rows, evaluation, (row) => limitRatio(row, task));
    return streamOf(rows);
  }
  const output: Row[] = [];
  for (const group of await groupRows(rows, groupingOf(node), evaluation)) {
    if (evaluation.isDue) await evaluation.pause();
    if (operator === "quantile") output.push(await quantileOfGroup(group, task));
    else {
      const rank = operator === "limitk" ? limitGroup : rankGroup;
      const ranked = await rank(group, task);
      for (const row of ranked) output.push(row);
    }
  }
  return streamOf(output);
}

/** Warns of NaN, and of the smallest and largest of all quantiles that are none. */
function warnOfQuantiles({ node, parameter, evaluation }: Task): void {
  const { position } = node.param!;
  const numbers = parameter.filter((q) => q === q);
  const wrong = [
    ...numbers.length < parameter.length ? [NaN] : [],
    numbers.reduce((left, right) => Math.max(left, right), 1),
    numbers.reduce((left, right) => Math.min(left, right), 0),
  ].filter((q) => !(q >= 0 && q <= 1));
  for (const q of wrong) evaluation.annotations.warn(quantileText(q), position);
}

/** Checks k or the ratio at all steps. Whether it lets nothing pass at any step. */
function checkParameter({ node, parameter, evaluation }: Task): boolean {
  let largest = -Infinity;
  let smallest = Infinity;
  if (node.operator === "limit_ratio") {
    let any = false;
    for (const ratio of parameter) {
      if (ratio !== ratio) throw new PromqlError("execution", "Ratio value is NaN");
      if (ratio !== 0) any = true;
      largest = Math.max(largest, ratio);
      smallest = Math.min(smallest, ratio);
    }
    const { position } = node.param!;
    if (largest > 1) evaluation.annotations.warn(ratioText(largest, 1), position);
    if (smallest < -1) evaluation.annotations.warn(ratioText(smallest, -1), position);
    return !any;
  }
  for (const k of parameter) {
    if (k !== k) throw new PromqlError("execution", "Parameter value is NaN");
    largest = Math.max(largest, k);
    smallest = Math.min(smallest, k);
  }
  if (largest < 1) return true;
  if (smallest <= INTEGER_MIN) throw outsideIntegers(smallest, "underflows");
  if (largest >= INTEGER_MAX) throw outsideIntegers(largest, "overflows");
  return false;
}

function outsideIntegers(k: number, direction: "underflows" | "overflows"): PromqlError {
  return new PromqlError("execution", `Scalar value ${shortNumber(k)} ${direction} int64`);
}

interface RowGroup {
  /** Labels that all rows share. */
  readonly labels: Row["labels"];
  readonly rows: Row[];
}

async function groupRows(
  rows: readonly Row[],
  grouping: Grouping,
  evaluation: Evaluation,
): Promise<Iterable<RowGroup>> {
  const groups = new Map<string, RowGroup>();
  await forEachInSlices(rows, evaluation, (row) => {
    const key = grouping.keyOf(row.labels);
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, { labels: grouping.labelsOf(row.labels), rows: [row] });
    } else group.rows.push(row);
  });
  return groups.values();
}

async function quantileOfGroup({ labels, rows }: RowGroup, task: Task): Promise<Row> {
  const { node, evaluation, grid, parameter } = task;
  const output = evaluation.newRow(grid.steps);
  output.labels = labels;
  output.dropName = rows.some((row) => row.dropName);
  const room = new Float64Array(rows.length);
  for (let step = 0; step < grid.steps; step++) {
    let count = 0;
    await forEachInSlices(rows, evaluation, (row) => {
      if (row.kinds[step] === FLOAT) room[count++] = row.values[step]!;
      else if (row.kinds[step] === HISTOGRAM) reportIgnored(evaluation, node);
    }, ROWS_PER_LOOK);
    const q = parameter[step]!;
    if (count === 0) continue;
    output.setFloat(step, quantileOfSorted(q, sortNumbers(room.subarray(0, count))));
  }
  return output;
}

/** The first k rows that have a sample at a step keep it. */
async function limitGroup(
  { rows }: RowGroup,
  { parameter, grid, evaluation }: Task,
): Promise<Row[]> {
  for (let step = 0; step < grid.steps; step++) {
    let left = Math.trunc(parameter[step]!);
    await forEachInSlices(rows, evaluation, ({ kinds }) => {
      if (kinds[step] === ABSENT) return;
      if (left >= 1) left--;
      else kinds[step] = ABSENT;
    }, ROWS_PER_LOOK);
  }
  return rows;
}

function limitRatio(row: Row, { parameter, grid }: Task): void {
  const fraction = labelsFraction(row.labels);
  for (let step = 0; step < grid.steps; step++) {
    const ratio = Math.max(-1, Math.min(1, parameter[step]!));
    const passes = ratio >= 0 ? fraction < ratio : fraction >= 1 + ratio;
    if (!passes) row.kinds[step] = ABSENT;
  }
}

/** topk and bottomk: only the k best samples of each step stay. For one step, best first. */
async function rankGroup(
  { rows }: RowGroup,
  { node, evaluation, grid, parameter }: Task,
): Promise<Row[]> {
  let order: Row[] = rows;
  const kept = new Uint8Array(rows.length);
  for (let step = 0; step < grid.steps; step++) {
    const best = new KBest(Math.max(0, Math.trunc(parameter[step]!)), node.operator === "topk");
    let index = 0;
    await forEachInSlices(rows, evaluation, (row) => {
      if (row.kinds[step] === FLOAT) best.offer(row.values[step]!, index);
      else if (row.kinds[step] === HISTOGRAM) reportIgnored(evaluation, node);
      index++;
    }, ROWS_PER_LOOK);
    kept.fill(0);
    for (const index of best.indices) kept[index] = 1;
    index = 0;
    await forEachInSlices(rows, evaluation, ({ kinds }) => {
      if (kept[index++] === 0) kinds[step] = ABSENT;
    }, ROWS_PER_LOOK);
    if (grid.steps === 1) order = best.bestFirst().map((index) => rows[index]!);
  }
  return order;
}

/** One series a group and value, counting the samples that have it. */
async function countValues(
  rows: readonly Row[],
  { node, evaluation, grid }: Task,
  label: string,
): Promise<Row[]> {
  if (label === "" || !label.isWellFormed()) {
    throw new PromqlError("execution", `invalid label name ${JSON.stringify(label)}`);
  }
  const dropsLabel = node.without && node.labels.includes(label);
  const grouping = groupingOf(node);
  const table = new RowTable(evaluation, grid.steps);
  const texts = new Map<number, string>();
  const textOf = (value: number): string => {
    const known = texts.get(value);
    if (known !== undefined && value !== 0) return known;
    const text = formatDecimal(value);
    texts.set(value, text);
    return text;
  };
  await forEachInSlices(rows, evaluation, (row) => {
    const groupLabels = grouping.labelsOf(withLabel(row.labels, label, ""));
    for (let step = 0; step < grid.steps; step++) {
      const kind = row.kinds[step]!;
      if (kind === ABSENT) continue;
      const text = kind === FLOAT
        ? textOf(row.values[step]!)
        : histogramText(row.histograms![step]!);
      const labels = dropsLabel ? groupLabels : withLabel(groupLabels, label, text);
      const output = table.row(labels, row.dropName);
      if (row.dropName) output.dropName = true;
      const counted = output.kinds[step] === ABSENT ? 0 : output.values[step]!;
      output.setFloat(step, counted + 1);
    }
  });
  return table.rows;
}
