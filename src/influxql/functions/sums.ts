/** count, sum and mean. Whole numbers add up exactly and wrap at 64 bits. */
import { columnOf, narrow } from "../values/columns.ts";
import type { Column } from "../values/result.ts";
import {
  ALL_KINDS,
  type FunctionInput,
  type InfluxqlFunction,
  NUMBERS,
  sameKind,
  toFloat,
  toInteger,
} from "./function.ts";
import { halvesOf, isWide, sumOfHalves } from "./halves.ts";

export const count: InfluxqlFunction = {
  name: "count",
  type: "aggregate",
  arity: { min: 1, max: 1 },
  accepts: ALL_KINDS,
  kindOf: toInteger,
  run: ({ buckets: { bounds } }) => {
    const values = new Float64Array(bounds.length - 1);
    for (let i = 0; i < values.length; i++) values[i] = bounds[i + 1]! - bounds[i]!;
    return { kind: "integer", values };
  },
};

export const sum: InfluxqlFunction = {
  name: "sum",
  type: "aggregate",
  arity: { min: 1, max: 1 },
  accepts: NUMBERS,
  kindOf: sameKind,
  run: (input) => {
    const { column } = input;
    if (column.kind === "integer" || column.kind === "unsigned") {
      return columnOf(column.kind, wholeSums(input));
    }
    return doublesColumn(doubleSums(input));
  },
};

export const mean: InfluxqlFunction = {
  name: "mean",
  type: "aggregate",
  arity: { min: 1, max: 1 },
  accepts: NUMBERS,
  kindOf: toFloat,
  run: (input) => {
    const { kind } = input.column;
    const isWhole = kind === "integer" || kind === "unsigned";
    const means = isWhole ? Float64Array.from(wholeSums(input), Number) : doubleSums(input);
    const { bounds } = input.buckets;
    for (let i = 0; i < means.length; i++) means[i] = means[i]! / (bounds[i + 1]! - bounds[i]!);
    return doublesColumn(means);
  },
};

/** A column of doubles; those that are not finite are missing. */
export function doublesColumn(values: Float64Array): Column {
  const lost = values.findIndex((value) => !Number.isFinite(value));
  if (lost < 0) return { kind: "float", values };
  const present = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) present[i] = Number.isFinite(values[i]!) ? 1 : 0;
  return { kind: "float", values, present };
}

/** In the order of the rows, as InfluxDB adds. */
function doubleSums({ column, buckets: { bounds } }: FunctionInput): Float64Array {
  const values = column.values as Float64Array;
  const sums = new Float64Array(bounds.length - 1);
  for (let i = 0; i < sums.length; i++) {
    let total = 0;
    for (let row = bounds[i]!; row < bounds[i + 1]!; row++) total += values[row]!;
    sums[i] = total;
  }
  return sums;
}

function wholeSums({ column, buckets: { bounds } }: FunctionInput): (number | bigint)[] {
  const values = column.values as Float64Array | BigInt64Array | BigUint64Array;
  const sums: (number | bigint)[] = [];
  const halves = isWide(values) ? halvesOf(values) : undefined;
  for (let i = 0; i + 1 < bounds.length; i++) {
    const [from, to] = [bounds[i]!, bounds[i + 1]!];
    const total = halves === undefined
      ? safeSum(values as Float64Array, from, to)
      : sumOfHalves(halves, from, to);
    sums.push(typeof total === "number" ? total : wrap(total, column.kind));
  }
  return sums;
}

/** The sum of whole numbers that doubles hold, exact however large it grows. */
function safeSum(values: Float64Array, from: number, to: number): number | bigint {
  let large = 0n;
  let total = 0;
  for (let row = from; row < to; row++) {
    const next = total + values[row]!;
    if (next <= Number.MAX_SAFE_INTEGER && next >= -Number.MAX_SAFE_INTEGER) {
      total = next;
    } else {
      large += BigInt(total);
      total = values[row]!;
    }
  }
  return large === 0n ? total : large + BigInt(total);
}

/** A whole number of 64 bits in its cheapest form. */
function wrap(value: bigint, kind: Column["kind"]): number | bigint {
  return narrow(kind === "unsigned" ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value));
}
