/** What one native histogram tells of its observations: quantiles, fractions, variance, and its text form. */
import type { HistogramBucket, NativeHistogram } from "./histogram.ts";
import { histogramBuckets, isCustom } from "./histogram.ts";
import { shortNumber } from "./number_text.ts";

/** What observations of NaN, which lie in no bucket, did to a result. */
export type NanEffect = "none" | "nan" | "skewed" | "excluded";

export interface Estimate {
  readonly value: number;
  readonly nanEffect: NanEffect;
}

const NOT_A_NUMBER: Estimate = { value: NaN, nanEffect: "none" };

/** Estimates the quantile `q` of the observations by interpolation within a bucket. */
export function histogramQuantile(q: number, histogram: NativeHistogram): Estimate {
  if (q < 0) return { value: -Infinity, nanEffect: "none" };
  if (q > 1) return { value: Infinity, nanEffect: "none" };
  if (histogram.count === 0 || q !== q) return NOT_A_NUMBER;
  const buckets = histogramBuckets(histogram);
  const mayHoldNan = histogram.sum !== histogram.sum;
  const upward = mayHoldNan || q < 0.5;
  if (!upward) buckets.reverse();
  let rank = (upward ? q : 1 - q) * histogram.count;
  let running = 0;
  let at = -1;
  while (at + 1 < buckets.length) {
    running += buckets[++at]!.count;
    if (running >= rank) break;
  }
  // Without buckets all observations count as zeros, which rank 0 is below.
  if (at < 0 && !mayHoldNan) return { value: rank > 0 ? 0 : NaN, nanEffect: "none" };
  const bucket = at < 0 ? undefined : oneSided(histogram, buckets[at]!);
  let { lower, upper } = bucket ?? { lower: 0, upper: 0 };
  if (isCustom(histogram)) {
    if (lower === -Infinity) {
      if (upper <= 0) return { value: upper, nanEffect: "none" };
      lower = 0;
    } else if (upper === Infinity) {
      return { value: lower, nanEffect: "none" };
    }
  }
  if (mayHoldNan && (bucket === undefined || Math.min(running, histogram.count) < rank)) {
    return { value: NaN, nanEffect: "nan" };
  }
  let total = running;
  for (let rest = at + 1; rest < buckets.length; rest++) total += buckets[rest]!.count;
  const nanEffect = mayHoldNan && total < histogram.count ? "skewed" : "none";
  running = Math.min(running, histogram.count);
  if (running < rank) return { value: upper, nanEffect };
  rank = upward ? rank - (running - bucket!.count) : running - rank;
  const value = interpolate(histogram, { ...bucket!, lower, upper }, rank / bucket!.count);
  return { value, nanEffect };
}

/** Zero bucket of a histogram whose observations all have one sign: it reaches only up to, or from, 0. */
function oneSided(histogram: NativeHistogram, bucket: HistogramBucket): HistogramBucket {
  if (bucket.rule !== 3 || isCustom(histogram)) return bucket;
  const hasPositive = histogram.positive.indices.length > 0;
  const hasNegative = histogram.negative.indices.length > 0;
  if (hasPositive && !hasNegative) return { ...bucket, lower: 0 };
  if (hasNegative && !hasPositive) return { ...bucket, upper: 0 };
  return bucket;
}

/** The value that lies `fraction` of the way up through a bucket. */
function interpolate(
  histogram: NativeHistogram,
  { lower, upper }: HistogramBucket,
  fraction: number,
): number {
  if (isCustom(histogram) || lower <= 0 && upper >= 0) return lower + (upper - lower) * fraction;
  const logLower = Math.log2(Math.abs(lower));
  const logUpper = Math.log2(Math.abs(upper));
  if (lower > 0) return 2 ** (logLower + (logUpper - logLower) * fraction);
  return -(2 ** (logUpper + (logLower - logUpper) * (1 - fraction)));
}

/** The part of a bucket's observations that lies below `value`, which lies inside it; from 0 to 1. */
function fractionBelow(
  histogram: NativeHistogram,
  { lower, upper }: HistogramBucket,
  value: number,
): number {
  if (isCustom(histogram) || lower <= 0 && upper >= 0) {
    if (lower === -Infinity) return 1;
    return upper === Infinity ? 0 : (value - lower) / (upper - lower);
  }
  const logLower = Math.log2(Math.abs(lower));
  const logUpper = Math.log2(Math.abs(upper));
  const logValue = Math.log2(Math.abs(value));
  if (value > 0) return (logValue - logLower) / (logUpper - logLower);
  return 1 - (logValue - logUpper) / (logLower - logUpper);
}

/** Estimates which part of all observations lies between `lower` and `upper`. */
export function histogramFraction(
  lower: number,
  upper: number,
  histogram: NativeHistogram,
): Estimate {
  if (histogram.count === 0 || lower !== lower || upper !== upper) return NOT_A_NUMBER;
  if (lower >= upper) return { value: 0, nanEffect: "none" };
  let total = 0;
  let rankLower = NaN;
  let rankUpper = NaN;
  for (const shown of histogramBuckets(histogram)) {
    const bucket = startingAtZero(histogram, oneSided(histogram, shown));
    if (rankLower !== rankLower) rankLower = rankAt(histogram, bucket, total, lower);
    if (rankUpper !== rankUpper) rankUpper = rankAt(histogram, bucket, total, upper);
    total += bucket.count;
  }
  const mayHoldNan = histogram.sum !== histogram.sum;
  const nanEffect = mayHoldNan && total < histogram.count ? "excluded" : "none";
  const highest = mayHoldNan ? Math.min(total, histogram.count) : histogram.count;
  if (!(rankLower <= highest)) rankLower = highest;
  if (!(rankUpper <= highest)) rankUpper = highest;
  return { value: (rankUpper - rankLower) / histogram.count, nanEffect };
}

/** The first custom bucket counts as starting at 0 where its bound allows it. */
function startingAtZero(histogram: NativeHistogram, bucket: HistogramBucket): HistogramBucket {
  return isCustom(histogram) && bucket.lower === -Infinity && bucket.upper > 0
    ? { ...bucket, lower: 0 }
    : bucket;
}

/** Observations below `value` when those below the bucket are `before`; NaN if `value` lies above the bucket. */
function rankAt(
  histogram: NativeHistogram,
  bucket: HistogramBucket,
  before: number,
  value: number,
): number {
  if (value <= bucket.lower) return before;
  if (value >= bucket.upper) return NaN;
  return before + bucket.count * fractionBelow(histogram, bucket, value);
}

/** Population variance of the observations, each taken to lie in the middle of its bucket. */
export function histogramVariance(histogram: NativeHistogram): number {
  const mean = histogram.sum / histogram.count;
  let sum = 0;
  let compensation = 0;
  for (const { lower, upper, count } of histogramBuckets(histogram)) {
    let middle: number;
    if (isCustom(histogram)) middle = (lower + upper) / 2;
    else if (lower <= 0 && upper >= 0) middle = 0;
    else middle = Math.sqrt(lower * upper) * (upper < 0 ? -1 : 1);
    const term = count * (middle - mean) ** 2;
    const next = sum + term;
    if (next === Infinity) compensation = 0;
    else if (sum >= term) compensation += sum - next + term;
    else compensation += term - next + sum;
    sum = next;
  }
  return (sum + compensation) / histogram.count;
}

/**
 * The observations below (`keep` "below") or above `bound`, with a bucket that holds the bound split by interpolation.
 * Count and sum are estimated anew if anything was cut.
 */
export function trimHistogram(
  histogram: NativeHistogram,
  keep: "below" | "above",
  bound: number,
): NativeHistogram {
  const trimmer = new Trimmer(histogram, keep, bound);
  const trimmed = trimmer.run();
  return trimmer.cut ? trimmed : histogram;
}

/** What a trim leaves of a bucket. */
type HistogramPart = Pick<HistogramBucket, "lower" | "upper" | "count">;

class Trimmer {
  /** Whether any populated bucket lost observations. */
  cut = false;
  readonly #histogram: NativeHistogram;
  readonly #keep: "below" | "above";
  readonly #bound: number;
  #count = 0;
  #sum = 0;

  constructor(histogram: NativeHistogram, keep: "below" | "above", bound: number) {
    this.#histogram = histogram;
    this.#keep = keep;
    this.#bound = bound;
  }

  run(): NativeHistogram {
    const histogram = this.#histogram;
    const kept = new Map<HistogramBucket, number>();
    const buckets = histogramBuckets(histogram);
    for (const bucket of buckets) kept.set(bucket, this.#trim(bucket));
    // Shown buckets stand in ascending order: negative ones, the zero bucket, positive ones.
    let at = 0;
    const negative = histogram.negative.counts.slice();
    for (let index = negative.length - 1; index >= 0; index--) {
      if (negative[index] !== 0) negative[index] = kept.get(buckets[at++]!)!;
    }
    const hasZero = !isCustom(histogram) && histogram.zeroCount > 0;
    const zeroCount = hasZero ? kept.get(buckets[at++]!)! : histogram.zeroCount;
    const positive = histogram.positive.counts.slice();
    for (let index = 0; index < positive.length; index++) {
      if (positive[index] !== 0) positive[index] = kept.get(buckets[at++]!)!;
    }
    return {
      ...histogram,
      zeroCount,
      count: this.#count,
      sum: this.#sum,
      positive: { indices: histogram.positive.indices, counts: positive },
      negative: { indices: histogram.negative.indices, counts: negative },
    };
  }

  /** How many observations of the bucket stay; adds them to count and sum. */
  #trim(shown: HistogramBucket): number {
    const part = this.#keep === "below" ? this.#below(shown) : this.#above(shown);
    if (part?.count !== shown.count) this.cut = true;
    if (part === undefined) return 0;
    this.#count += part.count;
    this.#sum += part.count * this.#middle(part.lower, part.upper);
    return part.count;
  }

  /** The part of a bucket below the bound. An unbounded one that holds it goes at its upper end, stays at its lower. */
  #below(shown: HistogramBucket): HistogramPart | undefined {
    const bound = this.#bound;
    const bucket = startingAtZero(this.#histogram, oneSided(this.#histogram, shown));
    const { lower, upper, count } = bucket;
    if (!(bound > lower)) return undefined;
    if (upper <= bound) return bucket;
    if (upper === Infinity) return undefined;
    if (lower === -Infinity) return { lower, upper: bound, count };
    const fraction = fractionBelow(this.#histogram, bucket, bound);
    return { lower, upper: bound, count: count * fraction };
  }

  /** The part above the bound. A bucket without lower end is split only above 0, an unbounded one that holds it stays. */
  #above(shown: HistogramBucket): HistogramPart | undefined {
    const bound = this.#bound;
    const bucket = startingAtZero(this.#histogram, oneSided(this.#histogram, shown));
    const { lower, upper, count } = bucket;
    const isOpen = shown.lower === -Infinity && bound > -Infinity;
    if (lower >= bound && !isOpen) return bucket;
    if (!(upper > bound) || isOpen && (bound < 0 || upper === Infinity)) return undefined;
    if (upper === Infinity) return { lower: bound, upper, count };
    const fraction = fractionBelow(this.#histogram, bucket, bound);
    return { lower: bound, upper, count: count * (1 - fraction) };
  }

  /** Where the observations of a part of a bucket are taken to lie. */
  #middle(lower: number, upper: number): number {
    if (lower === -Infinity) return upper;
    if (upper === Infinity) return lower;
    if (isCustom(this.#histogram) || lower <= 0 && upper >= 0) return (lower + upper) / 2;
    return Math.sqrt(lower * upper) * (upper < 0 ? -1 : 1);
  }
}

/** `{count:4, sum:5, [-0.001,0.001]:1, (0.5,1]:3}`: as `count_values` puts it into a label. */
export function histogramText(histogram: NativeHistogram): string {
  const parts = [`count:${shortNumber(histogram.count)}`, `sum:${shortNumber(histogram.sum)}`];
  for (const { rule, lower, upper, count } of histogramBuckets(histogram)) {
    const open = rule === 1 || rule === 3 ? "[" : "(";
    const close = rule === 0 || rule === 3 ? "]" : ")";
    const bounds = `${shortNumber(lower)},${shortNumber(upper)}`;
    parts.push(`${open}${bounds}${close}:${shortNumber(count)}`);
  }
  return `{${parts.join(", ")}}`;
}
