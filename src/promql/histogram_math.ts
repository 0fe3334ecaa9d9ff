/** Arithmetic of native histograms, comparison, and detection of counter resets. */
import type { BucketColumns, CounterResetHint, NativeHistogram } from "./histogram.ts";
import { CUSTOM_BUCKETS_SCHEMA, isCustom, NO_BUCKETS, NO_CUSTOM_VALUES } from "./histogram.ts";
import {
  commonBounds,
  fittingThreshold,
  reconcile,
  reduceBounds,
  reduceSchema,
  sameBounds,
  widenZeroBucket,
} from "./histogram_layout.ts";

/** A histogram without observations; what is not given is zero or empty. */
export function makeHistogram(parts: Partial<NativeHistogram> = {}): NativeHistogram {
  return {
    schema: 0,
    hint: "unknown",
    zeroThreshold: 0,
    zeroCount: 0,
    count: 0,
    sum: 0,
    positive: NO_BUCKETS,
    negative: NO_BUCKETS,
    customValues: NO_CUSTOM_VALUES,
    ...parts,
  };
}

/** The result of an operation on two histograms and what has to be said about it. */
export interface Combined {
  readonly histogram: NativeHistogram;
  /** One side is known to follow a counter reset, the other known not to. */
  readonly resetsConflict: boolean;
  /** Custom bounds differed and were reduced to the common ones. */
  readonly boundsDiffered: boolean;
}

/** Whether two histograms can be combined at all: both exponential or both with custom bounds. */
export function compatible(left: NativeHistogram, right: NativeHistogram): boolean {
  return isCustom(left) === isCustom(right);
}

/** The hint of a sum of two histograms. */
export function combinedHint(left: CounterResetHint, right: CounterResetHint): CounterResetHint {
  if (left === right) return left;
  return left === "gauge" || right === "gauge" ? "gauge" : "unknown";
}

function hintsConflict(left: CounterResetHint, right: CounterResetHint): boolean {
  return left === "reset" && right === "not_reset" || left === "not_reset" && right === "reset";
}

/** Both must be `compatible`. */
export function addHistograms(left: NativeHistogram, right: NativeHistogram): Combined {
  return combine(left, right, 1);
}

/** Both must be `compatible`. The hint follows the same rule as for addition; callers override it where needed. */
export function subtractHistograms(left: NativeHistogram, right: NativeHistogram): Combined {
  return combine(left, right, -1);
}

function combine(left: NativeHistogram, right: NativeHistogram, sign: 1 | -1): Combined {
  const { left: a, right: b, boundsDiffered } = reconcile(left, right);
  const histogram: NativeHistogram = {
    ...a,
    hint: combinedHint(left.hint, right.hint),
    zeroCount: a.zeroCount + sign * b.zeroCount,
    count: a.count + sign * b.count,
    sum: a.sum + sign * b.sum,
    positive: mergeBuckets(a.positive, b.positive, sign),
    negative: mergeBuckets(a.negative, b.negative, sign),
  };
  return { histogram, resetsConflict: hintsConflict(left.hint, right.hint), boundsDiffered };
}

function mergeBuckets(left: BucketColumns, right: BucketColumns, sign: 1 | -1): BucketColumns {
  if (right.indices.length === 0) return left;
  const lengthMax = left.indices.length + right.indices.length;
  const indices = new Int32Array(lengthMax);
  const counts = new Float64Array(lengthMax);
  let l = 0;
  let r = 0;
  let used = 0;
  while (l < left.indices.length || r < right.indices.length) {
    const leftIndex = l < left.indices.length ? left.indices[l]! : Infinity;
    const rightIndex = r < right.indices.length ? right.indices[r]! : Infinity;
    let count = 0;
    if (leftIndex <= rightIndex) count = left.counts[l++]!;
    if (rightIndex <= leftIndex) count += sign * right.counts[r++]!;
    indices[used] = Math.min(leftIndex, rightIndex);
    counts[used++] = count;
  }
  if (used === lengthMax) return { indices, counts };
  return { indices: indices.slice(0, used), counts: counts.slice(0, used) };
}

/** All components times `factor`; a negative factor makes a gauge. */
export function scaleHistogram(histogram: NativeHistogram, factor: number): NativeHistogram {
  return {
    ...histogram,
    hint: factor < 0 ? "gauge" : histogram.hint,
    zeroCount: histogram.zeroCount * factor,
    count: histogram.count * factor,
    sum: histogram.sum * factor,
    positive: scaleBuckets(histogram.positive, factor),
    negative: scaleBuckets(histogram.negative, factor),
  };
}

function scaleBuckets(buckets: BucketColumns, factor: number): BucketColumns {
  if (buckets.indices.length === 0) return buckets;
  return { indices: buckets.indices, counts: buckets.counts.map((count) => count * factor) };
}

/** All components through `divisor`. Through zero: infinities, and no regular buckets remain. */
export function divideHistogram(histogram: NativeHistogram, divisor: number): NativeHistogram {
  const divide = (buckets: BucketColumns): BucketColumns => {
    if (divisor === 0 || buckets.indices.length === 0) return NO_BUCKETS;
    return { indices: buckets.indices, counts: buckets.counts.map((count) => count / divisor) };
  };
  return {
    ...histogram,
    hint: divisor < 0 ? "gauge" : histogram.hint,
    zeroCount: histogram.zeroCount / divisor,
    count: histogram.count / divisor,
    sum: histogram.sum / divisor,
    positive: divide(histogram.positive),
    negative: divide(histogram.negative),
  };
}

export function withHint(histogram: NativeHistogram, hint: CounterResetHint): NativeHistogram {
  return histogram.hint === hint ? histogram : { ...histogram, hint };
}

/** A histogram of the same layout without observations. */
export function emptiedHistogram(histogram: NativeHistogram): NativeHistogram {
  return {
    ...histogram,
    zeroCount: 0,
    count: 0,
    sum: 0,
    positive: NO_BUCKETS,
    negative: NO_BUCKETS,
  };
}

/** Same layout, listed buckets and numbers; hints do not matter. NaN sums are equal to each other. */
export function equalHistograms(left: NativeHistogram, right: NativeHistogram): boolean {
  if (left === right) return true;
  return left.schema === right.schema && left.count === right.count &&
    Object.is(left.sum + 0, right.sum + 0) && left.zeroThreshold === right.zeroThreshold &&
    left.zeroCount === right.zeroCount && sameBounds(left.customValues, right.customValues) &&
    equalBuckets(left.positive, right.positive) && equalBuckets(left.negative, right.negative);
}

function equalBuckets(left: BucketColumns, right: BucketColumns): boolean {
  if (left.indices.length !== right.indices.length) return false;
  for (let at = 0; at < left.indices.length; at++) {
    if (left.indices[at] !== right.indices[at] || left.counts[at] !== right.counts[at]) {
      return false;
    }
  }
  return true;
}

/** Whether a counter was reset between `previous` and `current`. */
export function detectReset(current: NativeHistogram, previous: NativeHistogram): boolean {
  if (current.hint === "reset") return true;
  if (current.hint === "not_reset") return false;
  if (current.count < previous.count) return true;
  if (isCustom(current)) {
    return previous.schema !== CUSTOM_BUCKETS_SCHEMA || detectCustomReset(current, previous);
  }
  if (isCustom(previous) || current.schema > previous.schema) return true;
  if (current.zeroThreshold < previous.zeroThreshold) return true;
  if (
    current.zeroThreshold > previous.zeroThreshold &&
    fittingThreshold(previous, current.zeroThreshold) !== current.zeroThreshold
  ) return true;
  const before = reduceSchema(widenZeroBucket(previous, current.zeroThreshold), current.schema);
  return current.zeroCount < before.zeroCount ||
    bucketsFell(current.positive, before.positive) ||
    bucketsFell(current.negative, before.negative);
}

/** Bounds that only one side has cannot be compared: what lies between the common ones is. */
function detectCustomReset(current: NativeHistogram, previous: NativeHistogram): boolean {
  const bounds = commonBounds(current.customValues, previous.customValues);
  const now = reduceBounds(current, bounds);
  const before = reduceBounds(previous, bounds);
  return bucketsFell(now.positive, before.positive);
}

/** Whether a bucket has fewer observations than before; a bucket that is not listed has none. */
function bucketsFell(current: BucketColumns, previous: BucketColumns): boolean {
  let at = 0;
  for (let before = 0; before < previous.indices.length; before++) {
    const index = previous.indices[before]!;
    while (at < current.indices.length && current.indices[at]! < index) at++;
    const listed = at < current.indices.length && current.indices[at] === index;
    if ((listed ? current.counts[at]! : 0) < previous.counts[before]!) return true;
  }
  return false;
}
