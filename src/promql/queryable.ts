/**
 * What the evaluator needs to know of stored data: the seam between PromQL and whatever holds samples.
 * The daemon implements it over an engine view (src/promql/engine_queryable.ts), tests over plain arrays.
 *
 * Times are milliseconds since the epoch as numbers and may have fractions (data in ns keeps its sub-millisecond part).
 */
import type { Pauses } from "../slices.ts";
import type { NativeHistogram } from "./histogram.ts";

/** A label: name, value. */
export type Label = readonly [name: string, value: string];
/** Sorted by name, no name twice, no empty value; the metric name is `__name__`. */
export type Labels = readonly Label[];

export type MatchOperator = "=" | "!=" | "=~" | "!~";

/** One condition on one label; a missing label is the empty string. Regular expressions are anchored RE2, dot matches newline. */
export interface LabelMatcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
}

/** Bounds, both inclusive, in milliseconds. */
export interface MsBounds {
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * The samples of one series in ascending time order, no time twice. Only the first `count` entries are valid, and
 * only until the next `read` of any session, and until the next await: the arrays are reused.
 */
export interface SampleColumns {
  readonly count: number;
  readonly times: Float64Array;
  /** Float samples; where `histograms` has an entry the number is meaningless. Stale markers keep their bit pattern. */
  readonly values: Float64Array;
  /**
   * The values are known to be whole numbers below 2^31 in size, fewer than 2^21: none is NaN, and their sums are exact in
   * any order.
   */
  readonly areSmallIntegers?: boolean;
  /** False: none of the values is NaN. */
  readonly mayHaveNaN?: boolean;
  /** Present only when the series holds at least one native histogram in the bounds. A stale marker is a float. */
  readonly histograms?: readonly (NativeHistogram | undefined)[];
  /** Start timestamps in ms, NaN where unknown; absent when none is known. */
  readonly startTimes?: Float64Array;
}

/** One selected series. */
export interface SelectedSeries {
  readonly labels: Labels;
  /** The labels but for the metric's name, where they cost less to get; values may be empty. */
  readonly tags?: Labels;
  read(bounds: MsBounds): SampleColumns;
}

/** Selected series, which may be made only when they are asked for: there may be a million. */
export interface SeriesList {
  readonly length: number;
  /** Undefined from `length` on. */
  at(index: number): SelectedSeries | undefined;
  /** The same in the order of their labels, where that costs less than to compare these; undefined where it does not. */
  inOrder?(pauses: Pauses): Promise<SeriesList | undefined>;
}

/** Folds the windows of a column without a look at each value from here. */
export interface WindowFolder {
  /**
   * Folds values[from] to values[to - 1] of each window into `output`; what it leaves there for an empty window is undefined.
   * The values are those of a column just read, and small integers. False: it cannot, and nothing is done.
   */
  fold(
    operation: "sum" | "least" | "greatest",
    values: Float64Array,
    windows: { readonly from: Int32Array; readonly to: Int32Array },
    output: Float64Array,
  ): boolean;
}

/** Counts what a query touches and refuses what exceeds its limits. */
export interface QuerySession extends Disposable {
  readonly folder?: WindowFolder;
  /** About how many samples a series has in the bounds that the session was opened for. */
  samplesPerSeries?(): number;
  /**
   * Series that satisfy all matchers and may have samples in the bounds. Label sets are distinct; order is unspecified.
   * What takes long pauses.
   */
  select(
    matchers: readonly LabelMatcher[],
    bounds: MsBounds,
    pauses: Pauses,
  ): SeriesList | Promise<SeriesList>;
}

/** Opens one consistent read over the union of all ranges that a query will touch. */
export interface Queryable {
  open(bounds: MsBounds): QuerySession;
}
