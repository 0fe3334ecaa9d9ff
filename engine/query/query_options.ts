/**
 * Options of the row-oriented reads: aggregation, downsampling, aggregations of one's own over byte values, and the page
 * of the result. Evaluated in this order: read, then custom or downsampled or aggregated or as they are, then offset and limit.
 */
import type { Labels } from "../base/types.ts";
import { EngineError } from "../errors.ts";
import {
  aggregateSeries,
  type Aggregation,
  type DataPoint,
  downsample,
  forEachBucket,
  pointsOf,
} from "./aggregate.ts";
import { type ColumnBlock, timeAt, type Value, valueAt } from "./block.ts";

/** Makes one value of many byte values: for aggregations of one's own. */
export interface BytesAggregation {
  /** Undefined: no output. */
  aggregate(values: readonly Uint8Array[]): Uint8Array | undefined;
}

/** Turns items of one's own into stored bytes and back; what either throws reaches the caller. */
export interface Codec<Item> {
  encode(item: Item): Uint8Array;
  decode(bytes: Uint8Array): Item;
}

/** Makes one item of many, at least one; undefined: no output. */
export interface Aggregator<Item> {
  aggregate(items: readonly Item[]): Item | undefined;
}

export interface QueryOptions {
  /** Exactly these labels; absent: the series without labels. */
  readonly labels?: Labels;
  readonly start: bigint;
  readonly end: bigint;
  /** Absent: "none", and "last" where `downsampleInterval` is given. */
  readonly aggregation?: Aggregation;
  /** Buckets of this many ticks, at least 1, aligned to `start`. */
  readonly downsampleInterval?: bigint;
  /** Takes the place of `aggregation`; every value must be bytes. */
  readonly custom?: BytesAggregation;
  /** Points of the result to return at most, from 0; absent: all. */
  readonly limit?: number;
  /** Points of the result to skip, from 0. */
  readonly offset?: number;
}

/** A codec and an aggregator over its items as one aggregation over bytes. */
export function bytesAggregation<Item>(
  codec: Codec<Item>,
  aggregator: Aggregator<Item>,
): BytesAggregation {
  return {
    aggregate(values) {
      const item = aggregator.aggregate(values.map((value) => codec.decode(value)));
      return item === undefined ? undefined : codec.encode(item);
    },
  };
}

/** An item of one's own as a value to write. */
export function encodeValue<Item>(codec: Codec<Item>, item: Item): Value {
  return { kind: "bytes", value: codec.encode(item) };
}

/** The item in a value. Throws "invalid" for a value that is not bytes. */
export function decodeValue<Item>(codec: Codec<Item>, value: Value): Item {
  return codec.decode(bytesOf(value));
}

/** Throws "invalid" for an interval, offset or limit that cannot be. */
export function checkQueryOptions(options: QueryOptions): void {
  const { downsampleInterval: interval } = options;
  if (interval !== undefined && interval <= 0n) {
    throw new EngineError("invalid", `Cannot downsample: interval ${interval} is not above 0`);
  }
  for (const name of ["offset", "limit"] as const) {
    const value = options[name] ?? 0;
    if (Number.isInteger(value) && value >= 0) continue;
    throw new EngineError(
      "invalid",
      `Cannot select: ${name} ${value} is not a whole number from 0`,
    );
  }
}

/**
 * What the options make of a series' pieces; no more of them are read than the page needs. Throws "invalid" for an
 * aggregation that the values have not.
 */
export function evaluate(
  pieces: Iterable<readonly ColumnBlock[]>,
  options: QueryOptions,
): DataPoint[] {
  const from = options.offset ?? 0;
  const to = options.limit === undefined ? Infinity : from + options.limit;
  const { custom, downsampleInterval: interval, aggregation = "none", start } = options;
  if (custom === undefined && interval === undefined && aggregation === "none") {
    return pointsBetween(pieces, from, to);
  }
  const points = Array.from(pieces).flatMap(pointsOf);
  if (custom !== undefined) return aggregateBytes(points, custom, options).slice(from, to);
  if (interval === undefined) return aggregateSeries(points, aggregation).slice(from, to);
  return downsample(points, { start, interval, aggregation }).slice(from, to);
}

/** The points with these places in the sequence; no others are made. */
function pointsBetween(
  pieces: Iterable<readonly ColumnBlock[]>,
  from: number,
  to: number,
): DataPoint[] {
  const points: DataPoint[] = [];
  let before = 0;
  for (const piece of pieces) {
    for (const block of piece) {
      const end = Math.min(block.count, to - before);
      for (let i = Math.max(0, from - before); i < end; i++) {
        points.push({ timestamp: timeAt(block, i), value: valueAt(block, i) });
      }
      before += block.count;
    }
    if (before >= to) break;
  }
  return points;
}

function aggregateBytes(
  points: readonly DataPoint[],
  custom: BytesAggregation,
  options: QueryOptions,
): DataPoint[] {
  const { downsampleInterval: interval, start } = options;
  const result: DataPoint[] = [];
  const add = (timestamp: bigint, part: readonly DataPoint[]) => {
    const value = custom.aggregate(part.map(({ value }) => bytesOf(value)));
    if (value !== undefined) result.push({ timestamp, value: { kind: "bytes", value } });
  };
  if (interval !== undefined) forEachBucket(points, { start, interval }, add);
  else if (points.length > 0) add(points.at(-1)!.timestamp, points);
  return result;
}

function bytesOf(value: Value): Uint8Array {
  if (value.kind === "bytes") return value.value;
  throw new EngineError("invalid", `Cannot aggregate: the value is ${value.kind}, not bytes`);
}
