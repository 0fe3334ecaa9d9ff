/** min, max, first and last: the row of each bucket that they mean. */
import { compareText } from "../../../engine/mod.ts";
import { numbersOf } from "../values/columns.ts";
import type { Instants } from "../values/instants.ts";
import type { Column } from "../values/result.ts";
import {
  ALL_KINDS,
  type FunctionInput,
  type InfluxqlFunction,
  NUMBERS_AND_BOOLEANS,
} from "./function.ts";
import { compareHalves, type Halves, halvesOf, isWide } from "./halves.ts";

/** Of equal values the earliest. */
export const min: InfluxqlFunction = {
  name: "min",
  type: "selector",
  arity: { min: 1, max: 1 },
  accepts: NUMBERS_AND_BOOLEANS,
  run: (input) => extremes(input, -1),
};

export const max: InfluxqlFunction = {
  name: "max",
  type: "selector",
  arity: { min: 1, max: 1 },
  accepts: NUMBERS_AND_BOOLEANS,
  run: (input) => extremes(input, 1),
};

/** Of equal times the one with the largest value, but false before true. */
export const first: InfluxqlFunction = {
  name: "first",
  type: "selector",
  arity: { min: 1, max: 1 },
  accepts: ALL_KINDS,
  run: ({ times, column, buckets: { bounds } }) => {
    const order = orderOf(column);
    const sign = column.kind === "boolean" ? -1 : 1;
    const rows = new Int32Array(bounds.length - 1);
    for (let i = 0; i < rows.length; i++) {
      let best = bounds[i]!;
      for (let row = best + 1; row < bounds[i + 1]! && isSameTime(times, best, row); row++) {
        if (sign * order(row, best) > 0) best = row;
      }
      rows[i] = best;
    }
    return rows;
  },
};

/** Of equal times the one with the largest value. */
export const last: InfluxqlFunction = {
  name: "last",
  type: "selector",
  arity: { min: 1, max: 1 },
  accepts: ALL_KINDS,
  run: ({ times, column, buckets: { bounds } }) => {
    const order = orderOf(column);
    const rows = new Int32Array(bounds.length - 1);
    for (let i = 0; i < rows.length; i++) {
      let best = bounds[i + 1]! - 1;
      for (let row = best - 1; row >= bounds[i]! && isSameTime(times, best, row); row--) {
        if (order(row, best) >= 0) best = row;
      }
      rows[i] = best;
    }
    return rows;
  },
};

/** How the values of two rows compare: negative, 0 or positive. */
export function orderOf(column: Column): (left: number, right: number) => number {
  if (column.kind === "string") {
    const { values } = column;
    return (left, right) => compareText(values[left] ?? "", values[right] ?? "");
  }
  if (isWide(column.values)) {
    const halves = halvesOf(column.values);
    return (left, right) => compareHalves(halves, left, right);
  }
  const values = numbersOf(column);
  return (left, right) => values[left]! - values[right]!;
}

export function isSameTime({ eras, offsets }: Instants, left: number, right: number): boolean {
  return offsets[left] === offsets[right] && eras[left] === eras[right];
}

/** Rows with the least (-1) or greatest (1) value of each bucket, the first of equal ones. */
export function extremes({ column, buckets: { bounds } }: FunctionInput, sign: 1 | -1): Int32Array {
  const rows = new Int32Array(bounds.length - 1);
  const halves = isWide(column.values) ? halvesOf(column.values) : undefined;
  const values = halves === undefined ? numbersOf(column) : undefined;
  for (let i = 0; i < rows.length; i++) {
    const [from, to] = [bounds[i]!, bounds[i + 1]!];
    rows[i] = values === undefined
      ? extremeOfHalves(halves!, { from, to, sign })
      : sign > 0
      ? greatest(values, from, to)
      : least(values, from, to);
  }
  return rows;
}

function greatest(values: Float64Array | Uint8Array, from: number, to: number): number {
  let best = from;
  let value = values[from]!;
  for (let row = from + 1; row < to; row++) {
    if (values[row]! > value) {
      best = row;
      value = values[row]!;
    }
  }
  return best;
}

function least(values: Float64Array | Uint8Array, from: number, to: number): number {
  let best = from;
  let value = values[from]!;
  for (let row = from + 1; row < to; row++) {
    if (values[row]! < value) {
      best = row;
      value = values[row]!;
    }
  }
  return best;
}

function extremeOfHalves(
  halves: Halves,
  { from, to, sign }: { readonly from: number; readonly to: number; readonly sign: 1 | -1 },
): number {
  let best = from;
  for (let row = from + 1; row < to; row++) {
    if (sign * compareHalves(halves, row, best) > 0) best = row;
  }
  return best;
}
