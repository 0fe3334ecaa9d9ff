/**
 * Aggregation and downsampling of one series for the row-oriented calls (QueryOptions).
 *
 * NaN values of the family f64 are ignored by everything but first, last and none. Buckets are aligned to the query's
 * start, stamped with the bucket's start, and left out when empty. Integer sums run in arbitrary precision and are
 * clamped to the family; variance is Welford's.
 */
import { assert, unreachable } from "../base/assert.ts";
import { floorDiv } from "../base/time.ts";
import { EngineError } from "../errors.ts";
import { type ColumnBlock, timeAt, type Value, valueAt, type ValueKind } from "./block.ts";

export type Aggregation =
  | "none"
  | "sum"
  | "min"
  | "max"
  | "avg"
  | "first"
  | "last"
  | "count"
  | "median"
  | "range"
  | "variance"
  | "stddev";

/** A point of the row-oriented calls. */
export interface DataPoint {
  readonly timestamp: bigint;
  readonly value: Value;
}

const INT_BOUNDS = {
  i64: { min: -(2n ** 63n), max: 2n ** 63n - 1n },
  u64: { min: 0n, max: 2n ** 64n - 1n },
} as const;

/** One aggregate over all points; empty when nothing that counts is there. Ascending points. */
export function aggregateSeries(
  points: readonly DataPoint[],
  aggregation: Aggregation,
): DataPoint[] {
  if (aggregation === "none") return [...points];
  const result = aggregatePoints(points, aggregation);
  return result === undefined ? [] : [result];
}

/** Calls `each` for every bucket of `interval` ticks that holds points; buckets are aligned to `start`. */
export function forEachBucket(
  points: readonly DataPoint[],
  grid: { readonly start: bigint; readonly interval: bigint },
  each: (bucketStart: bigint, points: readonly DataPoint[]) => void,
): void {
  if (grid.interval <= 0n) {
    throw new EngineError("invalid", `Cannot downsample: interval ${grid.interval} is not above 0`);
  }
  const bucketOf = (point: DataPoint) => floorDiv(point.timestamp - grid.start, grid.interval);
  for (let from = 0; from < points.length;) {
    const bucket = bucketOf(points[from]!);
    let to = from + 1;
    while (to < points.length && bucketOf(points[to]!) === bucket) to++;
    each(grid.start + bucket * grid.interval, points.slice(from, to));
    from = to;
  }
}

/** Aggregates per bucket. */
export function downsample(
  points: readonly DataPoint[],
  grid: { readonly start: bigint; readonly interval: bigint; readonly aggregation: Aggregation },
): DataPoint[] {
  const aggregation = grid.aggregation === "none" ? "last" : grid.aggregation;
  const result: DataPoint[] = [];
  forEachBucket(points, grid, (timestamp, bucket) => {
    const aggregated = aggregatePoints(bucket, aggregation);
    if (aggregated !== undefined) result.push({ timestamp, value: aggregated.value });
  });
  return result;
}

/** The points of blocks, one object each: for the row-oriented calls only. */
export function pointsOf(blocks: readonly ColumnBlock[]): DataPoint[] {
  const points: DataPoint[] = [];
  for (const block of blocks) {
    for (let i = 0; i < block.count; i++) {
      points.push({ timestamp: timeAt(block, i), value: valueAt(block, i) });
    }
  }
  return points;
}

type PointAggregation = Exclude<Aggregation, "none">;

function aggregatePoints(
  all: readonly DataPoint[],
  aggregation: PointAggregation,
): DataPoint | undefined {
  const last = all.at(-1);
  if (last === undefined) return undefined;
  if (aggregation === "first") return all[0];
  if (aggregation === "last") return last;
  const points = all.filter(({ value }) => value.kind !== "f64" || !Number.isNaN(value.value));
  if (aggregation === "count") {
    return { timestamp: last.timestamp, value: { kind: "u64", value: BigInt(points.length) } };
  }
  if (points.length === 0) return undefined;
  if (aggregation === "min" || aggregation === "max") return extreme(points, aggregation);
  return { timestamp: points.at(-1)!.timestamp, value: numericAggregate(points, aggregation) };
}

function extreme(points: readonly DataPoint[], aggregation: "min" | "max"): DataPoint {
  const sign = aggregation === "min" ? -1 : 1;
  let best = points[0]!;
  if (best.value.kind === "histogram") throw unsupported(aggregation, best.value.kind);
  for (const point of points) if (compareValues(point.value, best.value) * sign > 0) best = point;
  return best;
}

function unsupported(aggregation: Aggregation, kind: ValueKind): EngineError {
  return new EngineError(
    "invalid",
    `Cannot aggregate: "${aggregation}" is not defined for ${kind} values`,
  );
}

/** Order of two values of one family; doubles by total order, so that -0 is below 0. */
export function compareValues(a: Value, b: Value): number {
  if (a.kind === "f64" && b.kind === "f64") return totalOrder(a.value, b.value);
  if ((a.kind === "i64" || a.kind === "u64") && a.kind === b.kind) {
    return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
  }
  if (a.kind === "bool" && b.kind === "bool") return Number(a.value) - Number(b.value);
  return compareBytes(blobBytes(a), blobBytes(b));
}

function totalOrder(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return Object.is(a, b) ? 0 : Object.is(a, -0) ? -1 : 1;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

const textEncoder = new TextEncoder();

function blobBytes(value: Value): Uint8Array {
  if (value.kind === "string") return textEncoder.encode(value.value);
  assert(value.kind === "bytes" || value.kind === "histogram", "Values of different families");
  return value.value;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

type NumericAggregation = Exclude<PointAggregation, "first" | "last" | "count" | "min" | "max">;

function numericAggregate(points: readonly DataPoint[], aggregation: NumericAggregation): Value {
  const kind = points[0]!.value.kind;
  if (kind === "i64" || kind === "u64") {
    const integers = points.map((point) => point.value.value as bigint);
    if (aggregation === "sum") {
      return { kind, value: clamp(integers.reduce((sum, value) => sum + value, 0n), kind) };
    }
    if (aggregation === "range") return { kind, value: clamp(spread(integers), kind) };
    const doubles = exactDoubles(integers, aggregation, kind);
    return { kind: "f64", value: floatAggregate(doubles, aggregation) };
  }
  if (kind !== "f64") throw unsupported(aggregation, kind);
  const doubles = points.map((point) => point.value.value as number);
  return { kind: "f64", value: floatAggregate(doubles, aggregation) };
}

function clamp(value: bigint, kind: "i64" | "u64"): bigint {
  const bounds = INT_BOUNDS[kind];
  return value < bounds.min ? bounds.min : value > bounds.max ? bounds.max : value;
}

function spread(values: readonly bigint[]): bigint {
  let min = values[0]!;
  let max = min;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return max - min;
}

function exactDoubles(
  integers: readonly bigint[],
  aggregation: Aggregation,
  kind: ValueKind,
): number[] {
  return integers.map((integer) => {
    const double = Number(integer);
    if (BigInt(double) !== integer) {
      throw new EngineError(
        "invalid",
        `Cannot aggregate: "${aggregation}" of ${kind} value ${integer} is not exact in a double`,
      );
    }
    return double;
  });
}

function floatAggregate(values: readonly number[], aggregation: NumericAggregation): number {
  switch (aggregation) {
    case "sum":
      return values.reduce((sum, value) => sum + value, 0);
    case "avg":
      return mean(values);
    case "median": {
      const sorted = [...values].sort(totalOrder);
      const middle = sorted.length >> 1;
      return sorted.length % 2 === 1
        ? sorted[middle]!
        : sorted[middle - 1]! / 2 + sorted[middle]! / 2;
    }
    case "range": {
      const sorted = [...values].sort(totalOrder);
      return sorted.at(-1)! - sorted[0]!;
    }
    case "variance":
      return variance(values);
    case "stddev":
      return Math.sqrt(variance(values));
    default:
      return unreachable(aggregation);
  }
}

function mean(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  if (Number.isFinite(sum) || !values.every(Number.isFinite)) return sum / values.length;
  // The sum overflowed although every value is finite: average in steps instead.
  let average = 0;
  values.forEach((value, index) => average += value / (index + 1) - average / (index + 1));
  return average;
}

function variance(values: readonly number[]): number {
  let average = 0;
  let squares = 0;
  values.forEach((value, index) => {
    const delta = value - average;
    average += delta / (index + 1);
    squares += delta * (value - average);
  });
  return squares / values.length;
}
