/** median, stddev, spread and percentile: what a bucket's values are like once they are sorted or measured. */
import { selectRank } from "../../selection.ts";
import { columnOf, gather, narrow, numbersOf } from "../values/columns.ts";
import type { Column } from "../values/result.ts";
import {
  type FunctionInput,
  type InfluxqlFunction,
  NUMBERS,
  sameKind,
  toFloat,
} from "./function.ts";
import { isWide, type WideValues } from "./halves.ts";
import { extremes } from "./selectors.ts";
import { doublesColumn } from "./sums.ts";

export const median: InfluxqlFunction = {
  name: "median",
  type: "aggregate",
  arity: { min: 1, max: 1 },
  accepts: NUMBERS,
  kindOf: toFloat,
  run: ({ column, buckets: { bounds } }) => {
    const values = column.values as Float64Array | WideValues;
    const medians = new Float64Array(bounds.length - 1);
    for (let i = 0; i < medians.length; i++) {
      const own = values.slice(bounds[i]!, bounds[i + 1]!);
      medians[i] = own instanceof Float64Array && areOrdered(own)
        ? middleOf(own)
        : middle(own.sort());
    }
    return doublesColumn(medians);
  },
};

/** Of a sample; a single value has none. */
export const stddev: InfluxqlFunction = {
  name: "stddev",
  type: "aggregate",
  arity: { min: 1, max: 1 },
  accepts: NUMBERS,
  kindOf: toFloat,
  run: ({ column, buckets: { bounds } }) => {
    const values = numbersOf(column);
    const deviations = new Float64Array(bounds.length - 1);
    for (let i = 0; i < deviations.length; i++) {
      const [from, to] = [bounds[i]!, bounds[i + 1]!];
      let mean = 0;
      for (let row = from; row < to; row++) mean += (values[row]! - mean) / (row - from + 1);
      let squares = 0;
      for (let row = from; row < to; row++) squares += (values[row]! - mean) ** 2;
      deviations[i] = Math.sqrt(squares / (to - from - 1));
    }
    return doublesColumn(deviations);
  },
};

export const spread: InfluxqlFunction = {
  name: "spread",
  type: "aggregate",
  arity: { min: 1, max: 1 },
  accepts: NUMBERS,
  kindOf: sameKind,
  run: (input) => {
    const most = gather(input.column, extremes(input, 1));
    const least = gather(input.column, extremes(input, -1));
    return subtract(most, least);
  },
};

/** Nearest rank; where that lies outside of the values there is no row. */
export const percentile: InfluxqlFunction = {
  name: "percentile",
  type: "selector",
  arity: { min: 2, max: 2 },
  accepts: NUMBERS,
  run: (input) => {
    const { bounds } = input.buckets;
    const percent = Number(input.args[0]);
    const rows = new Int32Array(bounds.length - 1);
    for (let i = 0; i < rows.length; i++) {
      const [from, to] = [bounds[i]!, bounds[i + 1]!];
      const rank = Math.floor((to - from) * percent / 100 + 0.5) - 1;
      rows[i] = rank >= 0 && rank < to - from ? rowOfRank(input, { from, to, rank }) : -1;
    }
    return rows;
  },
};

/** Whether none is NaN. */
function areOrdered(values: Float64Array): boolean {
  for (let at = 0; at < values.length; at++) if (values[at] !== values[at]) return false;
  return true;
}

/** The same as `middle` of numbers in any order, which it changes. */
function middleOf(values: Float64Array): number {
  const count = values.length;
  const half = count >>> 1;
  const high = selectRank(values, 0, count - 1, half);
  if (count % 2 === 1) return high;
  let low = values[0]!;
  for (let at = 1; at < half; at++) low = Math.max(low, values[at]!);
  return low + (high - low) / 2;
}

/** The mean of the two middle values where their count is even. */
function middle(sorted: Float64Array | WideValues): number {
  const half = sorted.length >>> 1;
  const high = sorted[half]!;
  if (sorted.length % 2 === 1) return Number(high);
  const low = sorted[half - 1]!;
  return Number(low) + Number(subtractOne(high, low)) / 2;
}

function subtractOne(left: number | bigint, right: number | bigint): number | bigint {
  return typeof left === "bigint" ? left - BigInt(right) : left - Number(right);
}

/** Of rows that have the value of a rank, the one that a stable sort puts there. */
function rowOfRank(
  { column }: FunctionInput,
  { from, to, rank }: { readonly from: number; readonly to: number; readonly rank: number },
): number {
  const values = column.values as Float64Array | WideValues;
  const own = values.slice(from, to);
  const isPlain = own instanceof Float64Array && areOrdered(own);
  const value = isPlain ? selectRank(own, 0, own.length - 1, rank) : own.sort()[rank]!;
  let skipped = rank;
  for (let row = from; row < to; row++) if (values[row]! < value) skipped--;
  for (let row = from; row < to; row++) if (values[row] === value && skipped-- === 0) return row;
  return -1;
}

/** Bucket by bucket; whole numbers stay exact and wrap at 64 bits. */
function subtract(left: Column, right: Column): Column {
  const [a, b] = [left.values as Float64Array, right.values as Float64Array];
  if (left.kind === "float") return doublesColumn(a.map((value, i) => value - b[i]!));
  const kind = left.kind as "integer" | "unsigned";
  const cells = Array.from(left.values as ArrayLike<number | bigint>, (value, i) => {
    const step = BigInt(value) - BigInt(b[i] as number | bigint);
    return narrow(kind === "integer" ? BigInt.asIntN(64, step) : step);
  });
  return isWide(left.values) || cells.some((cell) => typeof cell === "bigint")
    ? columnOf(kind, cells)
    : { kind, values: Float64Array.from(cells, Number) };
}
