/**
 * Classic histograms: one series a bucket, its upper bound in the label `le`, counts cumulative. Quantiles and
 * fractions by linear interpolation within a bucket.
 */

/** Buckets at one step in ascending order of their bounds; columns whose first `length` entries are valid. */
export interface ClassicBuckets {
  length: number;
  readonly bounds: Float64Array;
  /** Cumulative. */
  readonly counts: Float64Array;
}

/** Counts that differ by no more than this part are taken to be equal. */
const RELATIVE_TOLERANCE = 1e-12;

/** What had to be done so that counts ascend. */
export interface MonotonicityRepair {
  readonly bucketMin: number;
  readonly bucketMax: number;
  readonly differenceMax: number;
}

/** Adds up the counts of equal bounds, which stand beside each other. */
export function mergeEqualBounds(buckets: ClassicBuckets): void {
  const { bounds, counts } = buckets;
  let used = 0;
  for (let at = 0; at < buckets.length; at++) {
    if (used > 0 && bounds[used - 1] === bounds[at]) {
      counts[used - 1]! += counts[at]!;
    } else {
      bounds[used] = bounds[at]!;
      counts[used++] = counts[at]!;
    }
  }
  buckets.length = used;
}

/** Lets counts ascend; tells of falls that are more than rounding. */
export function ensureAscending(buckets: ClassicBuckets): MonotonicityRepair | undefined {
  const { bounds, counts } = buckets;
  let bucketMin = Infinity;
  let bucketMax = -Infinity;
  let differenceMax = 0;
  let previous = counts[0]!;
  for (let at = 1; at < buckets.length; at++) {
    const count = counts[at]!;
    if (count === previous) continue;
    if (almostEqual(previous, count)) {
      counts[at] = previous;
    } else if (count < previous) {
      bucketMin = Math.min(bucketMin, bounds[at]!);
      bucketMax = Math.max(bucketMax, bounds[at]!);
      differenceMax = Math.max(differenceMax, previous - count);
      counts[at] = previous;
    } else {
      previous = count;
    }
  }
  return bucketMax === -Infinity ? undefined : { bucketMin, bucketMax, differenceMax };
}

/** Below this sum of magnitudes, differences are compared as they are. */
const SMALLEST_NORMAL = 2.2250738585072014e-308;

function almostEqual(left: number, right: number): boolean {
  if (left === right || (left !== left && right !== right)) return true;
  const difference = Math.abs(left - right);
  const magnitude = Math.abs(left) + Math.abs(right);
  if (left === 0 || right === 0 || magnitude < SMALLEST_NORMAL) {
    return difference < RELATIVE_TOLERANCE * SMALLEST_NORMAL;
  }
  return difference / Math.min(magnitude, Number.MAX_VALUE) < RELATIVE_TOLERANCE;
}

/** Whether the last bucket reaches to +Inf: without it nothing can be told. */
export function reachesInfinity({ length, bounds }: ClassicBuckets): boolean {
  return length > 0 && bounds[length - 1] === Infinity;
}

/** Estimates a quantile; the buckets must ascend and reach to +Inf. */
export function classicQuantile(q: number, buckets: ClassicBuckets): number {
  const { length, bounds, counts } = buckets;
  if (q !== q) return NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  if (length < 2) return NaN;
  const observations = counts[length - 1]!;
  if (observations === 0 || observations !== observations) return NaN;
  let rank = q * observations;
  let at = 0;
  while (at < length - 1 && !(counts[at]! >= rank)) at++;
  if (at === length - 1) return bounds[length - 2]!;
  if (at === 0 && bounds[0]! <= 0) return bounds[0]!;
  const upper = bounds[at]!;
  const lower = at === 0 ? 0 : bounds[at - 1]!;
  const below = at === 0 ? 0 : counts[at - 1]!;
  rank -= below;
  return lower + (upper - lower) * (rank / (counts[at]! - below));
}

/** Estimates which part of the observations lies between two values. */
export function classicFraction(lower: number, upper: number, buckets: ClassicBuckets): number {
  const { length, counts } = buckets;
  if (!reachesInfinity(buckets) || lower !== lower || upper !== upper) return NaN;
  const observations = counts[length - 1]!;
  if (observations === 0 || observations !== observations) return NaN;
  if (lower >= upper) return 0;
  return (rankOf(upper, buckets) - rankOf(lower, buckets)) / observations;
}

/** How many observations lie below a value. */
function rankOf(value: number, { length, bounds, counts }: ClassicBuckets): number {
  for (let at = 0; at < length; at++) {
    const upper = bounds[at]!;
    const below = at === 0 ? 0 : counts[at - 1]!;
    const lower = at > 0 ? bounds[at - 1]! : upper > 0 ? 0 : -Infinity;
    if (value <= lower) return below;
    if (value >= upper) continue;
    if (lower === -Infinity) return counts[at]!;
    return upper === Infinity
      ? below
      : below + (counts[at]! - below) * (value - lower) / (upper - lower);
  }
  return counts[length - 1]!;
}
