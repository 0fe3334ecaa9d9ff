/**
 * Changing how a histogram's observations are divided into buckets: coarser schemas, a wider zero bucket, fewer custom
 * bounds. Counts, sums and hints stay.
 */
import type { BucketColumns, NativeHistogram } from "./histogram.ts";
import { bucketLower, bucketUpper, exponentialBound, isCustom, NO_BUCKETS } from "./histogram.ts";

/** Index of the bucket of the coarser schema, `difference` steps down, that holds bucket `index`. */
export function coarserIndex(index: number, difference: number): number {
  return Math.floor((index - 1) / 2 ** difference) + 1;
}

/** Buckets under new indices, which must not descend; equal ones are added up. */
function remapBuckets(buckets: BucketColumns, target: (index: number) => number): BucketColumns {
  const length = buckets.indices.length;
  if (length === 0) return buckets;
  const indices = new Int32Array(length);
  const counts = new Float64Array(length);
  let used = 0;
  for (let at = 0; at < length; at++) {
    const index = target(buckets.indices[at]!);
    if (used > 0 && indices[used - 1] === index) {
      counts[used - 1]! += buckets.counts[at]!;
    } else {
      indices[used] = index;
      counts[used++] = buckets.counts[at]!;
    }
  }
  return { indices: indices.slice(0, used), counts: counts.slice(0, used) };
}

/** The same observations at a coarser exponential schema. */
export function reduceSchema(histogram: NativeHistogram, schema: number): NativeHistogram {
  const difference = histogram.schema - schema;
  if (difference <= 0) return histogram;
  const target = (index: number) => coarserIndex(index, difference);
  return {
    ...histogram,
    schema,
    positive: remapBuckets(histogram.positive, target),
    negative: remapBuckets(histogram.negative, target),
  };
}

/** Whether two lists of custom bounds are the same. */
export function sameBounds(left: Float64Array, right: Float64Array): boolean {
  if (left === right) return true;
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at++) {
    if (left[at] !== right[at]) return false;
  }
  return true;
}

/** The bounds that both ascending lists have. */
export function commonBounds(left: Float64Array, right: Float64Array): Float64Array {
  if (sameBounds(left, right)) return left;
  const common: number[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length && r < right.length) {
    if (left[l]! === right[r]!) {
      common.push(left[l]!);
      l++;
      r++;
    } else if (left[l]! < right[r]!) {
      l++;
    } else {
      r++;
    }
  }
  return Float64Array.from(common);
}

/** The same observations over fewer custom bounds, all of which the histogram must have. */
export function reduceBounds(histogram: NativeHistogram, bounds: Float64Array): NativeHistogram {
  const own = histogram.customValues;
  if (sameBounds(own, bounds)) return histogram;
  const target = (index: number) => {
    if (index >= own.length) return bounds.length;
    let at = 0;
    while (at < bounds.length && bounds[at]! < own[index]!) at++;
    return at;
  };
  return {
    ...histogram,
    customValues: bounds,
    positive: remapBuckets(histogram.positive, target),
  };
}

/**
 * The same observations with a zero bucket at least as wide as `threshold`. Where the threshold falls inside a
 * populated bucket it moves to that bucket's outer bound; swallowed buckets are counted in the zero bucket.
 */
export function widenZeroBucket(histogram: NativeHistogram, threshold: number): NativeHistogram {
  if (isCustom(histogram) || threshold <= histogram.zeroThreshold) return histogram;
  const width = fittingThreshold(histogram, threshold);
  const positive = swallow(histogram.positive, histogram.schema, width);
  const negative = swallow(histogram.negative, histogram.schema, width);
  return {
    ...histogram,
    zeroThreshold: width,
    zeroCount: histogram.zeroCount + positive.swallowed + negative.swallowed,
    positive: positive.buckets,
    negative: negative.buckets,
  };
}

/** The smallest threshold from `threshold` up that lies within no populated bucket. */
export function fittingThreshold(histogram: NativeHistogram, threshold: number): number {
  let width = threshold;
  for (let again = true; again;) {
    again = false;
    for (const buckets of [histogram.positive, histogram.negative]) {
      for (let at = 0; at < buckets.indices.length; at++) {
        const index = buckets.indices[at]!;
        if (exponentialBound(index - 1, histogram.schema) >= width) break;
        const outer = exponentialBound(index, histogram.schema);
        if (buckets.counts[at] === 0 || outer <= width) continue;
        width = outer;
        again = true;
      }
    }
  }
  return width;
}

function swallow(
  buckets: BucketColumns,
  schema: number,
  width: number,
): { buckets: BucketColumns; swallowed: number } {
  let swallowed = 0;
  let first = 0;
  while (first < buckets.indices.length) {
    const index = buckets.indices[first]!;
    if (exponentialBound(index - 1, schema) >= width) break;
    swallowed += buckets.counts[first]!;
    first++;
  }
  if (first === 0) return { buckets, swallowed };
  const kept = {
    indices: buckets.indices.slice(first),
    counts: buckets.counts.slice(first),
  };
  return { buckets: kept, swallowed };
}

/** Two histograms of the same kind brought to one layout. */
export interface Reconciled {
  readonly left: NativeHistogram;
  readonly right: NativeHistogram;
  /** The custom bounds differed and were reduced to the common ones. */
  readonly boundsDiffered: boolean;
}

/** Both histograms with the coarser schema, the wider zero bucket or the common custom bounds. */
export function reconcile(left: NativeHistogram, right: NativeHistogram): Reconciled {
  if (isCustom(left)) {
    const bounds = commonBounds(left.customValues, right.customValues);
    const boundsDiffered = !sameBounds(left.customValues, right.customValues);
    return {
      left: reduceBounds(left, bounds),
      right: reduceBounds(right, bounds),
      boundsDiffered,
    };
  }
  let a = left;
  let b = right;
  while (a.zeroThreshold !== b.zeroThreshold) {
    if (a.zeroThreshold < b.zeroThreshold) a = widenZeroBucket(a, b.zeroThreshold);
    else b = widenZeroBucket(b, a.zeroThreshold);
  }
  const schema = Math.min(a.schema, b.schema);
  return { left: reduceSchema(a, schema), right: reduceSchema(b, schema), boundsDiffered: false };
}

/** Without empty buckets. */
export function compact(histogram: NativeHistogram): NativeHistogram {
  const positive = dropEmpty(histogram.positive);
  const negative = dropEmpty(histogram.negative);
  if (positive === histogram.positive && negative === histogram.negative) return histogram;
  return { ...histogram, positive, negative };
}

function dropEmpty(buckets: BucketColumns): BucketColumns {
  let populated = 0;
  for (const count of buckets.counts) if (count !== 0) populated++;
  if (populated === buckets.counts.length) return buckets;
  if (populated === 0) return NO_BUCKETS;
  const indices = new Int32Array(populated);
  const counts = new Float64Array(populated);
  let used = 0;
  for (let at = 0; at < buckets.counts.length; at++) {
    if (buckets.counts[at] === 0) continue;
    indices[used] = buckets.indices[at]!;
    counts[used++] = buckets.counts[at]!;
  }
  return { indices, counts };
}

/** Middle of a positive bucket for estimates: geometric for exponential schemas, arithmetic for custom bounds. */
export function bucketMiddle(histogram: NativeHistogram, index: number): number {
  const lower = bucketLower(histogram, index);
  const upper = bucketUpper(histogram, index);
  if (isCustom(histogram)) return (lower + upper) / 2;
  return Math.sqrt(lower * upper);
}
