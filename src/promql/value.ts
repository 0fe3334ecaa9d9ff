/**
 * Results of queries, as columns: what the engine hands to the HTTP layer and to rules.
 *
 * Times are milliseconds since the epoch and may have fractions. No stale marker appears in a result: a sample that
 * is not there is not listed. NaN is a value like any other.
 */
import type { PositionRange } from "./errors.ts";
import type { NativeHistogram } from "./histogram.ts";
import type { Labels } from "./queryable.ts";

/**
 * One series of a matrix: its samples in ascending time. The arrays may be longer than `count` and may be shared
 * between series (all complete series of a range query share one `times`): read only.
 */
export interface ResultSeries {
  readonly labels: Labels;
  readonly count: number;
  readonly times: Float64Array;
  /** Float samples; where `histograms` has an entry the number is meaningless. */
  readonly values: Float64Array;
  /** Present only when the series holds at least one histogram. */
  readonly histograms?: readonly (NativeHistogram | undefined)[];
}

export interface ScalarValue {
  readonly type: "scalar";
  readonly timeMs: number;
  readonly value: number;
}

export interface StringValue {
  readonly type: "string";
  readonly timeMs: number;
  readonly value: string;
}

/** One sample a series, all at `timeMs`; parallel columns. */
export interface VectorValue {
  readonly type: "vector";
  readonly timeMs: number;
  readonly labels: readonly Labels[];
  /** Same length as `labels`; where `histograms` has an entry the number is meaningless. */
  readonly values: Float64Array;
  /** Present only when there is at least one histogram. */
  readonly histograms?: readonly (NativeHistogram | undefined)[];
}

/** Series in ascending order of their labels, each with at least one sample. */
export interface MatrixValue {
  readonly type: "matrix";
  readonly series: readonly ResultSeries[];
}

export type QueryValue = ScalarValue | StringValue | VectorValue | MatrixValue;

/** Something a person should know about a result, with the place in the query that caused it. */
export interface Annotation {
  /** `PromQL warning: ...` or `PromQL info: ...`, without the place. */
  readonly message: string;
  readonly position: PositionRange | undefined;
}

/** What a query cost. */
export interface QueryStats {
  /** Points read from storage. */
  readonly pointsRead: number;
  readonly seriesRead: number;
  /** Most points held at once, as the limit `queryPointsMax` counts them. */
  readonly pointsPeak: number;
  readonly evaluationMs: number;
}

export interface QueryResult {
  readonly value: QueryValue;
  /** Without repetition, in the order they arose. */
  readonly warnings: readonly Annotation[];
  readonly infos: readonly Annotation[];
  readonly stats: QueryStats;
  /** Call it once the value is done with: what it holds of the memory of all queries is given back. */
  readonly release?: () => void;
}
