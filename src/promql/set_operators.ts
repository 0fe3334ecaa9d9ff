/** `and`, `or` and `unless`: whole samples pass or not, step by step, by whether the other side has their match group. */
import type { BinaryExpr, SetOperator, VectorMatching } from "./ast.ts";
import type { Grid } from "./evaluation.ts";
import type { Evaluator } from "./evaluator_face.ts";
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
  const left = await evaluator.collect(await evaluator.vector(node.left, grid), grid);
  const right = await evaluator.collect(await evaluator.vector(node.right, grid), grid);
  if (operator === "or") {
    mask(right, presence(left, keyOf, grid), keyOf, false);
    const table = new RowTable(evaluator.evaluation, grid.steps);
    for (const row of left) table.merge(row);
    for (const row of right) table.merge(row);
    return streamOf(table.rows);
  }
  mask(left, presence(right, keyOf, grid), keyOf, operator === "and");
  return streamOf(left);
}

/** By match group, at which steps any row of it has a sample. */
function presence(
  rows: readonly Row[],
  keyOf: (labels: Labels) => string,
  grid: Grid,
): ReadonlyMap<string, Uint8Array> {
  const present = new Map<string, Uint8Array>();
  for (const { labels, kinds } of rows) {
    const key = keyOf(labels);
    let steps = present.get(key);
    if (steps === undefined) present.set(key, steps = new Uint8Array(grid.steps));
    for (let step = 0; step < kinds.length; step++) {
      if (kinds[step] !== ABSENT) steps[step] = 1;
    }
  }
  return present;
}

/** Removes the samples whose match group is present (`wanted` false) or absent (`wanted` true) on the other side. */
function mask(
  rows: readonly Row[],
  present: ReadonlyMap<string, Uint8Array>,
  keyOf: (labels: Labels) => string,
  wanted: boolean,
): void {
  for (const { labels, kinds } of rows) {
    const steps = present.get(keyOf(labels));
    if (steps === undefined) {
      if (wanted) kinds.fill(ABSENT);
      continue;
    }
    for (let step = 0; step < kinds.length; step++) {
      if ((steps[step] === 1) !== wanted) kinds[step] = ABSENT;
    }
  }
}
