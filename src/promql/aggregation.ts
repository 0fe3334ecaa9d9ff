/**
 * Aggregations over the series of each group. sum, avg, min, max, count, group, stddev and stdvar fold series into group
 * columns as they come, so that memory is that of the groups; those that compare samples with each other stand in
 * ranking.ts.
 */
import type { Aggregation } from "./ast.ts";
import type { Grid } from "./evaluation.ts";
import type { Evaluator } from "./evaluator_face.ts";
import { type Fold, FOLDS } from "./fold.ts";
import { groupingOf } from "./grouping.ts";
import { rankingAggregation } from "./ranking.ts";
import { type Row, type RowStream, streamOf } from "./row.ts";

export async function aggregate(
  node: Aggregation,
  evaluator: Evaluator,
  grid: Grid,
): Promise<RowStream> {
  const make = FOLDS[node.operator];
  if (make === undefined) return await rankingAggregation(node, evaluator, grid);
  const grouping = groupingOf(node);
  const groups = new Map<string, Fold>();
  const { evaluation } = evaluator;
  await evaluator.forEach(await evaluator.vector(node.expr, grid), grid, (row) => {
    const own = (grouping.needsNoName ? row.tags : undefined) ?? row.labels;
    const key = grouping.keyOf(own);
    let group = groups.get(key);
    if (group === undefined) {
      if (row.isEmpty) return;
      group = make(evaluation, grid.steps, node);
      group.output.labels = grouping.labelsOf(own);
      groups.set(key, group);
    }
    if (row.dropName) group.output.dropName = true;
    group.add(row);
  });
  const rows: Row[] = [];
  for (const group of groups.values()) {
    group.finish();
    rows.push(group.output);
    if (evaluation.isDue) await evaluation.pause();
  }
  return streamOf(rows);
}
