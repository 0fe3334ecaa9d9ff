/** A compensated sum, or mean, of many histograms: every component is summed as kahan.ts describes. */
import {
  type BucketColumns,
  type CounterResetHint,
  isCustom,
  type NativeHistogram,
} from "./histogram.ts";
import {
  commonBounds,
  compact,
  reconcile,
  reduceBounds,
  reduceSchema,
  sameBounds,
  widenZeroBucket,
} from "./histogram_layout.ts";
import { addHistograms, combinedHint, scaleHistogram } from "./histogram_math.ts";

/**
 * `#total` and `#lost` have one layout; `#lost` holds the compensation of each component, its hint means nothing.
 */
export class HistogramSum {
  /** Hints said both that a reset precedes and that none does. */
  resetsConflict = false;
  /** Custom bounds differed and were reduced to the common ones. */
  boundsDiffered = false;
  count = 0;
  readonly #mean: boolean;
  #total: NativeHistogram | undefined;
  #lost: NativeHistogram | undefined;
  #resetSeen = false;
  #notResetSeen = false;
  /** The sum would overflow: `#total` is the mean of what was added so far. */
  #incremental = false;
  #largest = 0;

  constructor(mean: boolean) {
    this.#mean = mean;
  }

  /** Whether the sum is of histograms with custom bounds; undefined while it is empty. */
  get isCustom(): boolean | undefined {
    return this.#total === undefined ? undefined : isCustom(this.#total);
  }

  /** Must be of the same kind as those before. */
  add(histogram: NativeHistogram): void {
    this.count++;
    this.#noteHint(histogram.hint);
    if (this.#total === undefined || this.#lost === undefined) {
      this.#total = histogram;
      this.#lost = zeroed(histogram);
      this.#largest = largestComponent(histogram);
      return;
    }
    let addend = histogram;
    if (this.#mean) {
      this.#largest += largestComponent(histogram);
      if (!this.#incremental && this.#largest > Number.MAX_VALUE) {
        this.#incremental = true;
        this.#total = scaleHistogram(this.#total, 1 / (this.count - 1));
        this.#lost = scaleHistogram(this.#lost, 1 / (this.count - 1));
      }
      if (this.#incremental) {
        const kept = (this.count - 1) / this.count;
        this.#total = scaleHistogram(this.#total, kept);
        this.#lost = scaleHistogram(this.#lost, kept);
        addend = scaleHistogram(histogram, 1 / this.count);
      }
    }
    this.#addCompensated(addend);
  }

  #noteHint(hint: CounterResetHint): void {
    if (hint === "reset") this.#resetSeen = true;
    if (hint === "not_reset") this.#notResetSeen = true;
    if (this.#resetSeen && this.#notResetSeen) this.resetsConflict = true;
  }

  #addCompensated(histogram: NativeHistogram): void {
    const { left, right, boundsDiffered } = reconcile(this.#total!, histogram);
    if (boundsDiffered) this.boundsDiffered = true;
    const lost = sameLayout(this.#lost!, left);
    const hint = combinedHint(left.hint, right.hint);
    const count = addOne(left.count, right.count, lost.count);
    const sum = addOne(left.sum, right.sum, lost.sum);
    const zero = addOne(left.zeroCount, right.zeroCount, lost.zeroCount);
    const positive = addColumns(left.positive, right.positive, lost.positive);
    const negative = addColumns(left.negative, right.negative, lost.negative);
    this.#total = {
      ...left,
      hint,
      count: count.sum,
      sum: sum.sum,
      zeroCount: zero.sum,
      positive: positive.sum,
      negative: negative.sum,
    };
    this.#lost = {
      ...this.#total,
      count: count.lost,
      sum: sum.lost,
      zeroCount: zero.lost,
      positive: positive.lost,
      negative: negative.lost,
    };
  }

  /** Sum or mean of what was added; at least one histogram must have been. */
  result(): NativeHistogram {
    const { hint } = this.#total!;
    let total = addHistograms(this.#total!, this.#lost!).histogram;
    if (this.#mean && !this.#incremental) total = scaleHistogram(total, 1 / this.count);
    return compact({ ...total, hint });
  }
}

/** The compensation moved to a coarser layout of the total. */
function sameLayout(lost: NativeHistogram, total: NativeHistogram): NativeHistogram {
  if (isCustom(total)) {
    if (sameBounds(lost.customValues, total.customValues)) return lost;
    return reduceBounds(lost, commonBounds(lost.customValues, total.customValues));
  }
  const widened = widenZeroBucket(lost, total.zeroThreshold);
  return reduceSchema({ ...widened, zeroThreshold: total.zeroThreshold }, total.schema);
}

function addOne(sum: number, value: number, lost: number): { sum: number; lost: number } {
  const next = sum + value;
  if (next === Infinity || next === -Infinity) return { sum: next, lost: 0 };
  const more = Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
  return { sum: next, lost: lost + more };
}

function addColumns(
  sums: BucketColumns,
  addends: BucketColumns,
  losses: BucketColumns,
): { sum: BucketColumns; lost: BucketColumns } {
  const indices: number[] = [];
  const total: number[] = [];
  const lost: number[] = [];
  let s = 0;
  let a = 0;
  let l = 0;
  while (s < sums.indices.length || a < addends.indices.length) {
    const sumIndex = s < sums.indices.length ? sums.indices[s]! : Infinity;
    const addendIndex = a < addends.indices.length ? addends.indices[a]! : Infinity;
    const index = Math.min(sumIndex, addendIndex);
    while (l < losses.indices.length && losses.indices[l]! < index) l++;
    const before = losses.indices[l] === index ? losses.counts[l]! : 0;
    const sum = sumIndex === index ? sums.counts[s++]! : 0;
    const added = addOne(sum, addendIndex === index ? addends.counts[a++]! : 0, before);
    indices.push(index);
    total.push(added.sum);
    lost.push(added.lost);
  }
  const columns = Int32Array.from(indices);
  return {
    sum: { indices: columns, counts: Float64Array.from(total) },
    lost: { indices: columns, counts: Float64Array.from(lost) },
  };
}

function largestComponent(histogram: NativeHistogram): number {
  let largest = Math.max(Math.abs(histogram.count), Math.abs(histogram.zeroCount));
  if (Math.abs(histogram.sum) > largest) largest = Math.abs(histogram.sum);
  for (const count of histogram.positive.counts) if (count > largest) largest = count;
  for (const count of histogram.negative.counts) if (count > largest) largest = count;
  return largest;
}

/** The same layout with every component 0. */
function zeroed(histogram: NativeHistogram): NativeHistogram {
  const empty = (buckets: BucketColumns): BucketColumns => ({
    indices: buckets.indices,
    counts: new Float64Array(buckets.counts.length),
  });
  return {
    ...histogram,
    count: 0,
    sum: 0,
    zeroCount: 0,
    positive: empty(histogram.positive),
    negative: empty(histogram.negative),
  };
}
