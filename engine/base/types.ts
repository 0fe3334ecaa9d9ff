/** The words of the engine: ids, families, ranges. One definition each; see the glossary in docs/architecture.md. */
import { assert } from "./assert.ts";

declare const brand: unique symbol;
/** A number or string that may not be mixed up with others of its kind. */
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** A measurement and a tag set. Dense from 1, never reused; fits 32 bits. */
export type SourceId = Branded<number, "SourceId">;
/** One column of a source: `source * 65536 + slot`. Exact in a double, ordered by source, then slot. */
export type SeriesId = Branded<number, "SeriesId">;
/** A segment file. Dense from 1, never reused. */
export type SegmentId = Branded<number, "SegmentId">;
/** Commit number of an edit of the manifest; orders segments and tombstones. */
export type Sequence = Branded<number, "Sequence">;

/** Columns a measurement may have. */
export const SLOTS_MAX = 65_535;
const SOURCE_ID_MAX = 0xffff_ffff;

export function toSourceId(value: number): SourceId {
  assert(Number.isInteger(value) && value > 0 && value <= SOURCE_ID_MAX, "Bad source id");
  return value as SourceId;
}

export function toSegmentId(value: number): SegmentId {
  assert(Number.isSafeInteger(value) && value > 0, "Bad segment id");
  return value as SegmentId;
}

export function toSequence(value: number): Sequence {
  assert(Number.isSafeInteger(value) && value >= 0, "Bad sequence");
  return value as Sequence;
}

/** The series of a source's column. `slot` is the column's number within the source's measurement. */
export function seriesIdOf(source: SourceId, slot: number): SeriesId {
  return (source * 65_536 + slot) as SeriesId;
}

export function sourceOfSeries(series: SeriesId): SourceId {
  return Math.floor(series / 65_536) as SourceId;
}

export function slotOfSeries(series: SeriesId): number {
  return series % 65_536;
}

/**
 * What kind of values a column holds; fixed for ever by its first value.
 * The numbers are written to disk and shared with the kernels: never reuse one.
 */
export const FAMILY = { f64: 1, i64: 2, u64: 3, bool: 4, blob: 5, histogram: 6 } as const;
export type Family = keyof typeof FAMILY;
export type FamilyCode = (typeof FAMILY)[Family];
export const FAMILY_NAMES: readonly (Family | undefined)[] = [
  undefined,
  "f64",
  "i64",
  "u64",
  "bool",
  "blob",
  "histogram",
];

/** First byte of a stored blob value: what the bytes behind it are. Written to disk: never reuse one. */
export const BLOB_KIND = { bytes: 1, string: 2 } as const;

/** Half-open range of timestamps in the database's unit: start <= t < end. */
export interface TimeRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** The unit of a database's timestamps, fixed when it is created. */
export type TimeUnit = "ns" | "us" | "ms" | "s";

/** A label: name, value. Label sets are sorted by name (UTF-8 byte order) and hold no name twice. */
export type Label = readonly [name: string, value: string];
export type Labels = readonly Label[];

/** The label that carries the metric name in matchers and results. */
export const METRIC_NAME = "__name__";
/** The field that is not part of the metric's name: measurement `m`, field `value` is metric `m`. */
export const DEFAULT_FIELD = "value";

/**
 * Facets: further fields of the metric that a measurement's field `value` is, since a field has one family. `floats` and
 * `histograms` hold what is of another family than `value`; `starts` holds each sample's start timestamp, i64 in
 * milliseconds, 0 for none. Written to disk: never change one.
 */
export const FACET = {
  floats: "\0floats",
  histograms: "\0histograms",
  starts: "\0starts",
} as const;

/** Whether a field is a facet: its name begins with a zero byte. */
export function isFacet(field: string): boolean {
  return field.startsWith("\0");
}

/** The metric name of a measurement's field. */
export function metricName(measurement: string, field: string): string {
  return field === DEFAULT_FIELD || isFacet(field) ? measurement : `${measurement}_${field}`;
}
