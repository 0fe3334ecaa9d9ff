/** cumulative_sum, moving_average and elapsed: what adds up along the rows. Rows with equal times all count. */
import { type Cell, columnOf, narrow } from "../values/columns.ts";
import { ERA_NS, nsAt, sliceInstants } from "../values/instants.ts";
import type { Column } from "../values/result.ts";
import {
  ALL_KINDS,
  type InfluxqlFunction,
  NUMBERS,
  sameKind,
  toFloat,
  toInteger,
} from "./function.ts";
import { halvesOfColumn, isWide, WholeColumn } from "./halves.ts";
import { doublesColumn } from "./sums.ts";

const TWO_32 = 2 ** 32;

export const cumulativeSum: InfluxqlFunction = {
  name: "cumulative_sum",
  type: "transformation",
  arity: { min: 1, max: 1 },
  accepts: NUMBERS,
  kindOf: sameKind,
  run: ({ points: { times, column } }) => {
    const { kind } = column;
    const sums = isWide(column.values) ? undefined : sumUp(column.values as Float64Array);
    if (kind !== "integer" && kind !== "unsigned") return { times, column: doublesColumn(sums!) };
    const isExact = sums?.every((sum) => Number.isSafeInteger(sum)) ?? false;
    return { times, column: isExact ? { kind, values: sums! } : sumUpWhole(column, kind) };
  },
};

/** Begins with the n-th row. */
export const movingAverage: InfluxqlFunction = {
  name: "moving_average",
  type: "transformation",
  arity: { min: 2, max: 2 },
  accepts: NUMBERS,
  kindOf: toFloat,
  run: ({ points: { times, column }, args }) => {
    const size = Number(args[0]);
    const count = column.values.length;
    if (count < size) {
      return {
        times: sliceInstants(times, count, count),
        column: doublesColumn(new Float64Array()),
      };
    }
    const means = isExactSum(column, size)
      ? movingMeans(column.values as Float64Array, size)
      : movingMeansOfWhole(column, size);
    return { times: sliceInstants(times, size - 1, count), column: doublesColumn(means) };
  },
};

/** Whole units of time since the row before, nanoseconds unless another is written. */
export const elapsed: InfluxqlFunction = {
  name: "elapsed",
  type: "transformation",
  arity: { min: 1, max: 2 },
  accepts: ALL_KINDS,
  kindOf: toInteger,
  run: ({ points: { times }, args }) => {
    const { eras, offsets } = times;
    const unitNs = BigInt(args[0] ?? 1);
    const unit = Number(unitNs);
    const values = new Float64Array(Math.max(eras.length - 1, 0));
    const wide = new Map<number, bigint>();
    for (let i = 0; i < values.length; i++) {
      const ns = (eras[i + 1]! - eras[i]!) * ERA_NS + (offsets[i + 1]! - offsets[i]!);
      // Rest first: a quotient just below a whole number would round up to it. Adding 0 makes -0 plain.
      values[i] = (ns - ns % unit) / unit + 0;
      if (!Number.isSafeInteger(ns)) wide.set(i, (nsAt(times, i + 1) - nsAt(times, i)) / unitNs);
    }
    return { times: sliceInstants(times, 1, eras.length), column: withWide(values, wide) };
  },
};

function sumUp(values: Float64Array): Float64Array {
  const sums = new Float64Array(values.length);
  let sum = 0;
  for (let i = 0; i < sums.length; i++) sums[i] = sum += values[i]!;
  return sums;
}

function sumUpWhole(column: Column, kind: "integer" | "unsigned"): Column {
  const { low, high } = halvesOfColumn(column);
  const sums = new WholeColumn(kind, column.values.length);
  let [lows, highs] = [0, 0];
  for (let i = 0; i < column.values.length; i++) {
    lows += low[2 * i]!;
    const carry = lows >= TWO_32 ? 1 : 0;
    lows -= carry * TWO_32;
    highs = (highs + high[2 * i + 1]! + carry) | 0;
    sums.set(i, highs, lows);
  }
  return sums.finish();
}

/** Whether sums of `size` values, and what comes in between, are what InfluxDB's are. */
function isExactSum({ kind, values }: Column, size: number): boolean {
  if (kind === "float") return true;
  if (isWide(values)) return false;
  const largest = Number.MAX_SAFE_INTEGER / (size + 1);
  return (values as Float64Array).every((value) => Math.abs(value) <= largest);
}

/** As InfluxDB adds: the value that leaves is subtracted, then the one that comes is added. */
function movingMeans(values: Float64Array, size: number): Float64Array {
  const means = new Float64Array(values.length - size + 1);
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    if (i >= size) sum -= values[i - size]!;
    sum += values[i]!;
    if (i >= size - 1) means[i - size + 1] = sum / size;
  }
  return means;
}

/** Sums of halves are exact while the window is below 2^21 rows; the whole wraps at 64 bits. */
function movingMeansOfWhole(column: Column, size: number): Float64Array {
  const { low, high } = halvesOfColumn(column);
  const { length } = column.values;
  const means = new Float64Array(length - size + 1);
  let [lows, highs] = [0, 0];
  for (let i = 0; i < length; i++) {
    lows += low[2 * i]! - (i >= size ? low[2 * (i - size)]! : 0);
    highs += high[2 * i + 1]! - (i >= size ? high[2 * (i - size) + 1]! : 0);
    if (i < size - 1) continue;
    const carry = Math.floor(lows / TWO_32);
    const wrapped = column.kind === "unsigned" ? (highs + carry) >>> 0 : (highs + carry) | 0;
    means[i - size + 1] = (wrapped * TWO_32 + (lows - carry * TWO_32)) / size;
  }
  return means;
}

/** A column of doubles but where there are whole numbers that these do not hold. */
function withWide(values: Float64Array, wide: ReadonlyMap<number, bigint>): Column {
  if (wide.size === 0) return { kind: "integer", values };
  const cells: Cell[] = Array.from(values);
  for (const [index, value] of wide) cells[index] = narrow(value);
  return columnOf("integer", cells);
}
