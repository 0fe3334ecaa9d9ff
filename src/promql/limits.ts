/**
 * Limits of one query. The defaults fit a machine with 512 MB. An error names the limit it ran into and its value.
 */

export interface QueryLimits {
  /** Points held in memory at once: read from storage or computed. A histogram counts by its size. */
  readonly queryPointsMax: number;
  /** Series that one selector may match. */
  readonly querySeriesMax: number;
  /** Steps of a range query, and of the grid of a subquery. */
  readonly queryStepsMax: number;
  readonly subqueryStepsMax: number;
  /** Series in the result. */
  readonly resultSeriesMax: number;
  /** Longest evaluation in milliseconds. */
  readonly queryMsMax: number;
}

export const DEFAULT_QUERY_LIMITS: QueryLimits = {
  queryPointsMax: 50_000_000,
  querySeriesMax: 500_000,
  queryStepsMax: 11_000,
  subqueryStepsMax: 1_000_000,
  resultSeriesMax: 200_000,
  queryMsMax: 120_000,
};
