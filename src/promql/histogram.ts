/**
 * Native histograms as PromQL sees them: one sample that holds a whole distribution.
 *
 * Exponential schemas -4..8: bucket i covers (base^(i-1), base^i] with base = 2^(2^-schema), negative buckets mirror
 * that, and the zero bucket covers [-zeroThreshold, zeroThreshold]. Schema -53: custom bounds, bucket i covers
 * (customValues[i-1], customValues[i]], the first from -Inf, the last (index customValues.length) to +Inf.
 *
 * Invariants
 * - Immutable: operations make new histograms, columns may be shared between them.
 * - Bucket indices ascend strictly. Empty buckets may be listed; `compact` removes them.
 * - Custom schema: no zero bucket and no negative buckets; `customValues` ascend strictly and lack +Inf.
 */

/** What is known of a counter reset between the preceding sample and this one; `gauge` is no counter at all. */
export type CounterResetHint = "unknown" | "reset" | "not_reset" | "gauge";

export const CUSTOM_BUCKETS_SCHEMA = -53;
export const EXPONENTIAL_SCHEMA_MIN = -4;
export const EXPONENTIAL_SCHEMA_MAX = 8;

/** Sparse buckets: parallel columns, indices ascending. */
export interface BucketColumns {
  readonly indices: Int32Array;
  readonly counts: Float64Array;
}

/** A native histogram sample; all counts are floats. */
export interface NativeHistogram {
  readonly schema: number;
  readonly hint: CounterResetHint;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  readonly positive: BucketColumns;
  readonly negative: BucketColumns;
  /** Upper bounds without +Inf; empty for exponential schemas. */
  readonly customValues: Float64Array;
}

/**
 * Which bounds belong to a bucket in the HTTP form: 0 only the upper, 1 only the lower, 2 neither, 3 both.
 */
export type BucketRule = 0 | 1 | 2 | 3;

/** A bucket with its bounds, as the HTTP form shows it. */
export interface HistogramBucket {
  readonly rule: BucketRule;
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
}

export const NO_BUCKETS: BucketColumns = {
  indices: new Int32Array(0),
  counts: new Float64Array(0),
};
export const NO_CUSTOM_VALUES: Float64Array = new Float64Array(0);

export function isCustom(histogram: NativeHistogram): boolean {
  return histogram.schema === CUSTOM_BUCKETS_SCHEMA;
}

/** Upper bound of exponential bucket `index`. Exact at powers of two; the bucket that would end at 2^1024 ends at the largest double. */
export function exponentialBound(index: number, schema: number): number {
  if (schema <= 0) {
    const exponent = index * 2 ** -schema;
    if (exponent === 1024) return Number.MAX_VALUE;
    return 2 ** exponent;
  }
  const perOctave = 2 ** schema;
  const octave = Math.floor(index / perOctave);
  const within = index - octave * perOctave;
  if (within === 0) {
    if (octave === 1024) return Number.MAX_VALUE;
    return 2 ** octave;
  }
  const fraction = 2 ** (within / perOctave);
  // 2^octave alone may be below the smallest double where the product is not.
  return octave < -1022 ? fraction * 2 ** (octave + 64) * 2 ** -64 : fraction * 2 ** octave;
}

/** Upper bound of a positive bucket of either kind of schema. */
export function bucketUpper(histogram: NativeHistogram, index: number): number {
  if (!isCustom(histogram)) return exponentialBound(index, histogram.schema);
  return index < histogram.customValues.length ? histogram.customValues[index]! : Infinity;
}

/** Lower bound of a positive bucket of either kind of schema. */
export function bucketLower(histogram: NativeHistogram, index: number): number {
  if (!isCustom(histogram)) return exponentialBound(index - 1, histogram.schema);
  return index > 0 ? histogram.customValues[index - 1]! : -Infinity;
}

/**
 * The populated buckets in ascending order of their bounds. Buckets that overlap the zero bucket are shown from its
 * threshold on.
 */
export function histogramBuckets(histogram: NativeHistogram): HistogramBucket[] {
  const buckets: HistogramBucket[] = [];
  const { positive, negative, zeroCount, zeroThreshold } = histogram;
  for (let at = negative.indices.length - 1; at >= 0; at--) {
    const count = negative.counts[at]!;
    if (count === 0) continue;
    const index = negative.indices[at]!;
    const lower = -exponentialBound(index, histogram.schema);
    const upper = Math.min(-exponentialBound(index - 1, histogram.schema), -zeroThreshold);
    buckets.push({ rule: 1, lower, upper, count });
  }
  if (zeroCount > 0 && !isCustom(histogram)) {
    buckets.push({ rule: 3, lower: -zeroThreshold, upper: zeroThreshold, count: zeroCount });
  }
  for (let at = 0; at < positive.indices.length; at++) {
    const count = positive.counts[at]!;
    if (count === 0) continue;
    const index = positive.indices[at]!;
    let lower = bucketLower(histogram, index);
    if (!isCustom(histogram)) lower = Math.max(lower, zeroThreshold);
    const upper = bucketUpper(histogram, index);
    buckets.push({ rule: lower === -Infinity ? 3 : 0, lower, upper, count });
  }
  return buckets;
}
