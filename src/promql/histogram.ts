/** Native histograms as PromQL sees them. */

/** A native histogram sample; all counts are floats. */
export interface NativeHistogram {
  readonly schema: number;
  readonly count: number;
  readonly sum: number;
}
