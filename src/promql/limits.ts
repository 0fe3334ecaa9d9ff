/**
 * Limits of one query. The defaults fit a machine with 512 MB. An error names the limit it ran into and its value.
 */

export interface QueryLimits {
  /** Points held at once: the series being read and all intermediate results. A histogram counts by its size. */
  readonly queryPointsMax: number;
  /** Bytes of intermediate results and of the result. */
  readonly queryBytesMax: number;
  /** Series that all selectors of a query may match together. */
  readonly querySeriesMax: number;
  /** Steps of a range query. */
  readonly queryStepsMax: number;
  /** Steps of the grid of one subquery. */
  readonly subqueryStepsMax: number;
  /** Longest evaluation in milliseconds. */
  readonly queryMsMax: number;
}

export const DEFAULT_QUERY_LIMITS: QueryLimits = {
  queryPointsMax: 50_000_000,
  queryBytesMax: 192 * 1024 * 1024,
  querySeriesMax: 1_000_000,
  queryStepsMax: 11_000,
  subqueryStepsMax: 1_000_000,
  queryMsMax: 120_000,
};
