/** What a function over windows is told: its parameters, the place in the query, and where to report. */
import type { Annotations } from "./annotations.ts";
import type { PositionRange } from "./errors.ts";
import type { WindowFolder } from "./queryable.ts";
import type { Row } from "./row.ts";
import type { WindowSeries } from "./selector.ts";
import type { Windows } from "./windows.ts";

export interface RangeCall {
  readonly annotations: Annotations;
  /** Of the range argument. */
  readonly position: PositionRange;
  /** Of the scalar argument, where there is one. */
  readonly parameterPosition: PositionRange;
  /** Scalar arguments in order, one value a step. */
  readonly parameters: readonly Float64Array[];
  /**
   * To be called with the number of samples looked at: throws if the query is cancelled or too late. Rather once for
   * `WORK_SAMPLES` than for each window.
   */
  countWork(samples: number): void;
  /** Folds windows of small integers, where storage can. */
  readonly folder: WindowFolder | undefined;
  /** Times of the steps in milliseconds, before `@` and offset. */
  readonly times: Float64Array;
}

/** Samples looked at between two calls of `countWork`. */
export const WORK_SAMPLES = 65_536;

/**
 * Computes one row from the windows of one series. The row is empty when it comes; steps without a result stay so.
 */
export type RangeFunction = (
  series: WindowSeries,
  windows: Windows,
  row: Row,
  call: RangeCall,
) => void;
