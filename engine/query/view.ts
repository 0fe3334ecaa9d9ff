/**
 * A view: consistent states of the database for reading. Everything that reads, reads through a view.
 *
 * Contract
 * - A selection shows one state, that of the moment in which it is made: every write applied before it and none after.
 *   Whatever is written, flushed, compacted or deleted later, its series read the same as long as the view is open. A
 *   source that several selections of a view meet stays in the state of the first one. Select at once what belongs together.
 * - A view pins what it has selected: segments and rows in memory. Dispose it.
 * - Columns are views on linear memory: valid until the next read of any view or any kernel call; copy what you keep.
 */
import type { Family, Labels, SourceId, TimeRange } from "../base/types.ts";
import type { Matcher } from "../series/matcher.ts";
import type { SeriesGroup, ShardFilter } from "../series/registry.ts";
import type { ColumnBlock } from "./block.ts";
import type { Outline } from "./outline.ts";

/** The points of one series as doubles, ascending in time, no time twice. */
export interface NumberColumn {
  readonly count: number;
  /** Milliseconds since the epoch, where a fraction holds what is finer; of `readOffsets` ticks after its origin. */
  readonly times: Float64Array;
  /** f64 with NaN payloads intact; i64, u64 rounded to the nearest double; bool 0 or 1. */
  readonly values: Float64Array;
  /** Known to be whole numbers below 2^31 in size: none is NaN, and sums of fewer than 2^21 are exact in any order. */
  readonly areSmallIntegers: boolean;
  /** False: none of the values is NaN. */
  readonly mayHaveNaN: boolean;
  /** Where the columns lie in linear memory (f64 each), for kernels that go on from there. */
  readonly timesPointer: number;
  readonly valuesPointer: number;
}

export interface View extends Disposable {
  readonly range: TimeRange;
  /**
   * Series that satisfy all matchers, whether or not they have points in the view's range, restricted to those of some
   * metadata shards where a scope is given. Sources ascend.
   */
  select(matchers: readonly Matcher[], scope?: ShardFilter): readonly SeriesGroup[];
  /** Tags of a source (sorted, without the metric's name). */
  tagsOf(source: SourceId): Labels;
  /**
   * Points with startMs <= t <= endMs of the families f64, i64, u64 and bool, as doubles. Throws "invalid" for blobs and histograms, "corrupt", "io",
   * "limit" beyond `queryScratchBytes`.
   */
  readNumbers(series: SeriesReference, startMs: number, endMs: number): NumberColumn;
  /**
   * The same points of a half-open range within the view's, with times as whole ticks after an origin, exact. Throws
   * "invalid" also where a time of the range may be 2^53 ticks or more away from it.
   */
  readOffsets(series: SeriesReference, range: TimeRange, origin: bigint): NumberColumn;
  /**
   * Count, sum, least and greatest value of the points in a half-open range within the view's, of the families f64, i64, u64 and bool, without
   * handing them out: many times faster than reading them. Throws as `readNumbers` does.
   */
  totals(series: SeriesReference, range: TimeRange): Totals;
  /** Points of any family in a half-open range within the view's, as owned blocks. */
  readBlocks(series: SeriesReference, range: TimeRange): ColumnBlock[];
  /** About how many points a series has in the view's range, from what is known without reading any. */
  pointsPerSeries(): number;
  /** About how many rows a source has in a half-open range and between which times, without reading any; undefined: none. */
  outline(source: SourceId, range: TimeRange): Outline | undefined;
  /** Whether the series has a point in the range; cheaper than reading it. */
  hasPoints(series: SeriesReference, range: TimeRange): boolean;
}

/** Names one series for reading. */
export interface SeriesReference {
  readonly source: SourceId;
  readonly slot: number;
  readonly family: Family;
}

/** What the points of one series in a range come to. Values are the doubles of `readNumbers`. */
export interface Totals {
  /** Points, NaN values included. */
  readonly points: number;
  /** Values that are not NaN; sum, least and greatest are of these. */
  readonly count: number;
  /** As if added one by one in order of time, each time rounded: what a loop over the points gives, to the last bit. */
  readonly sum: number;
  /** Infinity when there is no value; -0 is below 0. */
  readonly least: number;
  /** -Infinity when there is no value. */
  readonly greatest: number;
  /** Times of the first and last point, NaN values included; 0 when there is none. */
  readonly firstTime: bigint;
  readonly lastTime: bigint;
}
