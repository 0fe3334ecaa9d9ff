/** Functions by name: how each makes rows or a scalar of its arguments. */
import { forEachInSlices, sortInSlices } from "../slices.ts";
import type { Call } from "./ast.ts";
import { unwrap } from "./ast.ts";
import type { Grid } from "./evaluation.ts";
import type { Evaluator } from "./evaluator_face.ts";
import {
  HISTOGRAM_FUNCTIONS,
  histogramFractions,
  histogramQuantiles,
  mapHistograms,
} from "./histogram_functions.ts";
import { info } from "./info.ts";
import { keepsDistinct } from "./label_facts.ts";
import type { Relabelling } from "./label_functions.ts";
import { absentLabels, byLabelValues, labelJoin, labelReplace, textOf } from "./label_functions.ts";
import { rangeFunction } from "./range_functions.ts";
import { ABSENT, FLOAT, HISTOGRAM, mapRows, Row, type RowStream, streamOf } from "./row.ts";
import { RowTable } from "./row_table.ts";
import {
  CALENDAR_FUNCTIONS,
  clampTo,
  mapFloats,
  NUMBER_FUNCTIONS,
  roundTo,
} from "./sample_functions.ts";
import { selectInstant } from "./selector.ts";
import { overWindows } from "./window_rows.ts";

type VectorFunction = (node: Call, evaluator: Evaluator, grid: Grid) => Promise<RowStream>;
type ScalarFunction = (
  node: Call,
  evaluator: Evaluator,
  grid: Grid,
) => Promise<Float64Array> | Float64Array;

const VECTOR_FUNCTIONS: Readonly<Record<string, VectorFunction>> = {
  round: async (node, evaluator, grid) => {
    const to = node.args[1] === undefined
      ? new Float64Array(grid.steps).fill(1)
      : await evaluator.scalar(node.args[1], grid);
    return await mapArgument(node, evaluator, grid, (value, step) => roundTo(value, to[step]!));
  },
  clamp: async (node, evaluator, grid) => {
    const min = await evaluator.scalar(node.args[1]!, grid);
    const max = await evaluator.scalar(node.args[2]!, grid);
    const source = await evaluator.vector(node.args[0]!, grid);
    return mapRows(source, (row) => {
      mapFloats(row, (value, step) => clampTo(value, min[step]!, max[step]!));
      for (let step = 0; step < grid.steps; step++) {
        if (max[step]! < min[step]!) row.kinds[step] = ABSENT;
      }
    });
  },
  clamp_min: async (node, evaluator, grid) => {
    const min = await evaluator.scalar(node.args[1]!, grid);
    return await mapArgument(node, evaluator, grid, (value, step) => Math.max(min[step]!, value));
  },
  clamp_max: async (node, evaluator, grid) => {
    const max = await evaluator.scalar(node.args[1]!, grid);
    return await mapArgument(node, evaluator, grid, (value, step) => Math.min(max[step]!, value));
  },
  timestamp: async (node, evaluator, grid) => {
    const selected = await selectTimes(node, evaluator, grid, "time");
    if (selected !== undefined) return selected;
    const source = await evaluator.vector(node.args[0]!, grid);
    return mapRows(source, (row) => {
      row.dropName = true;
      row.histograms = undefined;
      for (let step = 0; step < grid.steps; step++) {
        if (row.kinds[step] !== ABSENT) row.setFloat(step, grid.times[step]! / 1000);
      }
    });
  },
  start_timestamp: async (node, evaluator, grid) => {
    return await selectTimes(node, evaluator, grid, "start_time") ?? streamOf([]);
  },
  vector: async (node, evaluator, grid) => {
    const values = await evaluator.scalar(node.args[0]!, grid);
    return streamOf([scalarRow(values)]);
  },
  absent: async (node, evaluator, grid) => {
    const present = new Uint8Array(grid.steps);
    const source = await evaluator.vector(node.args[0]!, grid);
    await evaluator.forEach(source, grid, ({ kinds }) => {
      for (let step = 0; step < kinds.length; step++) if (kinds[step] !== ABSENT) present[step] = 1;
    });
    return absentRow(node, present, evaluator);
  },
  absent_over_time: async (node, evaluator, grid) => {
    const present = new Uint8Array(grid.steps);
    const rows = await overWindows(node, evaluator, grid, rangeFunction("present_over_time")!);
    await evaluator.forEach(rows, grid, ({ kinds }) => {
      for (let step = 0; step < kinds.length; step++) if (kinds[step] !== ABSENT) present[step] = 1;
    });
    return absentRow(node, present, evaluator);
  },
  sort: sortByValue(1),
  sort_desc: sortByValue(-1),
  sort_by_label: sortByLabels(1),
  sort_by_label_desc: sortByLabels(-1),
  label_replace: async (node, evaluator, grid) =>
    labelReplace(node, await relabelling(node, evaluator, grid)),
  label_join: async (node, evaluator, grid) =>
    labelJoin(node, await relabelling(node, evaluator, grid)),
  info,
  histogram_quantile: histogramQuantiles,
  histogram_quantiles: histogramQuantiles,
  histogram_fraction: histogramFractions,
};

const SCALAR_FUNCTIONS: Readonly<Record<string, ScalarFunction>> = {
  time: (_node, _evaluator, grid) => grid.times.map((time) => time / 1000),
  pi: (_node, _evaluator, grid) => new Float64Array(grid.steps).fill(Math.PI),
  start: (_node, { evaluation }, grid) => seconds(grid, evaluation.options.startMs),
  end: (_node, { evaluation }, grid) => seconds(grid, evaluation.options.endMs),
  step: (_node, { evaluation }, grid) => seconds(grid, evaluation.options.stepMs),
  range: (_node, { evaluation: { options } }, grid) =>
    seconds(grid, options.endMs - options.startMs),
  min_of: async (node, evaluator, grid) => {
    const right = await evaluator.scalar(node.args[1]!, grid);
    const left = await evaluator.scalar(node.args[0]!, grid);
    return left.map((value, step) => extremeOf(value, right[step]!, -1));
  },
  max_of: async (node, evaluator, grid) => {
    const right = await evaluator.scalar(node.args[1]!, grid);
    const left = await evaluator.scalar(node.args[0]!, grid);
    return left.map((value, step) => extremeOf(value, right[step]!, 1));
  },
  scalar: async (node, evaluator, grid) => {
    const floats = new Uint8Array(grid.steps);
    const values = new Float64Array(grid.steps);
    const source = await evaluator.vector(node.args[0]!, grid);
    await evaluator.forEach(source, grid, (row) => {
      for (let step = 0; step < grid.steps; step++) {
        if (row.kinds[step] !== FLOAT || floats[step] === 2) continue;
        floats[step]!++;
        values[step] = row.values[step]!;
      }
    });
    return values.map((value, step) => floats[step] === 1 ? value : NaN);
  },
};

/** A call that gives a vector. */
export function vectorCall(node: Call, evaluator: Evaluator, grid: Grid): Promise<RowStream> {
  const { name } = node.signature;
  const special = VECTOR_FUNCTIONS[name];
  if (special !== undefined) return special(node, evaluator, grid);
  const overRange = rangeFunction(name);
  if (overRange !== undefined) return overWindows(node, evaluator, grid, overRange);
  return mapCall(node, evaluator, grid);
}

/** A call of a function that changes each sample by itself. */
async function mapCall(node: Call, evaluator: Evaluator, grid: Grid): Promise<RowStream> {
  const { name } = node.signature;
  const ofHistogram = HISTOGRAM_FUNCTIONS[name];
  if (ofHistogram !== undefined) {
    return mapHistograms(await evaluator.vector(node.args[0]!, grid), ofHistogram);
  }
  const calendar = CALENDAR_FUNCTIONS[name];
  if (calendar !== undefined && node.args.length === 0) {
    return streamOf([scalarRow(grid.times.map((time) => calendar(time / 1000)))]);
  }
  const compute = calendar ?? NUMBER_FUNCTIONS[name];
  if (compute === undefined) throw new Error(`Function without implementation: ${name}`);
  return await mapArgument(node, evaluator, grid, compute);
}

/** A call that gives a scalar: one value a step. */
export async function scalarCall(
  node: Call,
  evaluator: Evaluator,
  grid: Grid,
): Promise<Float64Array> {
  const compute = SCALAR_FUNCTIONS[node.signature.name];
  if (compute === undefined) {
    throw new Error(`Function without implementation: ${node.signature.name}`);
  }
  return await compute(node, evaluator, grid);
}

/** The smaller (`sign` -1) or larger number; NaN wins, but not over the extreme itself. */
function extremeOf(left: number, right: number, sign: 1 | -1): number {
  const extreme = sign * Infinity;
  if (left === extreme || right === extreme) return extreme;
  return sign === 1 ? Math.max(left, right) : Math.min(left, right);
}

function seconds(grid: Grid, ms: number): Float64Array {
  return new Float64Array(grid.steps).fill(ms / 1000);
}

async function mapArgument(
  node: Call,
  evaluator: Evaluator,
  grid: Grid,
  compute: (value: number, step: number) => number,
): Promise<RowStream> {
  const source = await evaluator.vector(node.args[0]!, grid);
  return mapRows(source, (row) => mapFloats(row, compute));
}

/** A row without labels that has a float at every step. */
export function scalarRow(values: Float64Array): Row {
  const row = new Row(0);
  row.values = values.slice();
  row.kinds = new Uint8Array(values.length).fill(FLOAT);
  return row;
}

/** The times of the samples that a bare selector finds; undefined for any other argument. */
async function selectTimes(
  node: Call,
  evaluator: Evaluator,
  grid: Grid,
  content: "time" | "start_time",
): Promise<RowStream | undefined> {
  const selector = unwrap(node.args[0]!);
  if (selector.kind !== "vector_selector") return undefined;
  const { evaluation } = evaluator;
  const manner = evaluator.manner(selector);
  const source = await selectInstant({ evaluation, selector, grid, content, manner });
  return mapRows(source, (row) => {
    row.dropName = true;
  });
}

function absentRow(node: Call, present: Uint8Array, evaluator: Evaluator): RowStream {
  const row = evaluator.evaluation.newRow(present.length);
  row.labels = absentLabels(node.args[0]!);
  row.dropName = true;
  present.forEach((found, step) => {
    if (found === 0) row.setFloat(step, 1);
  });
  return streamOf([row]);
}

/** Whether results are ordered by labels anyway, there being several steps; says so. */
function isSortIneffective(node: Call, { evaluation }: Evaluator, grid: Grid): boolean {
  if (grid.steps === 1) return false;
  evaluation.annotations.warn(
    "sort is ineffective for range queries since results are always ordered by labels",
    node.position,
  );
  return true;
}

function sortByValue(sign: 1 | -1): VectorFunction {
  return async (node, evaluator, grid) => {
    const rows = await evaluator.collect(await evaluator.vector(node.args[0]!, grid), grid);
    await forEachInSlices(rows, evaluator.evaluation, ({ kinds }) => {
      for (let step = 0; step < kinds.length; step++) {
        if (kinds[step] === HISTOGRAM) kinds[step] = ABSENT;
      }
    });
    if (isSortIneffective(node, evaluator, grid)) return streamOf(rows);
    const compare = (left: Row, right: Row): number => {
      const a = left.values[0]!;
      const b = right.values[0]!;
      if (a !== a || b !== b) return Number(a !== a) - Number(b !== b);
      return a === b ? 0 : a < b ? -sign : sign;
    };
    await sortInSlices(rows, compare, evaluator.evaluation);
    return streamOf(rows);
  };
}

function sortByLabels(sign: 1 | -1): VectorFunction {
  return async (node, evaluator, grid) => {
    const rows = await evaluator.collect(await evaluator.vector(node.args[0]!, grid), grid);
    if (isSortIneffective(node, evaluator, grid)) return streamOf(rows);
    const compare = byLabelValues(node.args.slice(1).map(textOf));
    await sortInSlices(
      rows,
      (left, right) => sign * compare(left, right),
      evaluator.evaluation,
    );
    return streamOf(rows);
  };
}

async function relabelling(node: Call, evaluator: Evaluator, grid: Grid): Promise<Relabelling> {
  const { evaluation } = evaluator;
  const source = await evaluator.vector(node.args[0]!, grid);
  const table = new RowTable(evaluation, grid.steps);
  return { source, table, evaluation, distinct: keepsDistinct(node) };
}
