/** Windows that slide over the columns of a series: which samples belong to `(end - range, end]` at each step. */
import type { WindowSeries } from "./selector.ts";

/** Where the windows of a range selector or subquery lie; the same for all of its series. */
export interface WindowFrame {
  /** Right ends, inclusive, in milliseconds; never descending. */
  readonly ends: Float64Array;
  readonly rangeMs: number;
  /** `anchored` and `smoothed` windows look this far beyond their borders. */
  readonly lookbackMs: number;
  readonly modifier: "anchored" | "smoothed" | undefined;
}

/** Samples a step from which on borders are searched for. */
const SPARSE_STEPS = 32;

/** The first of ascending times from <= at < to that is above one; `to` when none is. */
function firstAbove(times: Float64Array, time: number, from: number, to: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The frame and, for the series at hand, the samples of each window: `from <= index < to`. */
export class Windows {
  readonly frame: WindowFrame;
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** Samples in all windows together, those that lie in several counted for each. */
  inside = 0;
  #scratch: Int32Array | undefined;
  #numbers: Float64Array | undefined;

  constructor(frame: WindowFrame) {
    this.frame = frame;
    this.from = new Int32Array(frame.ends.length);
    this.to = new Int32Array(frame.ends.length);
  }

  /** Finds the samples of each window in one pass. Whether any window holds a sample. */
  slide(times: Float64Array, count: number): boolean {
    const { from, to } = this;
    const { ends, rangeMs } = this.frame;
    if (count > SPARSE_STEPS * ends.length) return this.#search(times, count);
    let first = 0;
    let past = 0;
    let inside = 0;
    const steps = ends.length;
    for (let step = 0; step < steps; step++) {
      const end = ends[step]!;
      const start = end - rangeMs;
      while (past < count && times[past]! <= end) past++;
      while (first < past && times[first]! <= start) first++;
      from[step] = first;
      to[step] = past;
      inside += past - first;
    }
    this.inside = inside;
    return inside > 0;
  }

  /** The same where windows are few: searches for their borders. */
  #search(times: Float64Array, count: number): boolean {
    const { from, to } = this;
    const { ends, rangeMs } = this.frame;
    let first = 0;
    let past = 0;
    let inside = 0;
    for (let step = 0; step < ends.length; step++) {
      const end = ends[step]!;
      past = firstAbove(times, end, past, count);
      first = firstAbove(times, end - rangeMs, first, past);
      from[step] = first;
      to[step] = past;
      inside += past - first;
    }
    this.inside = inside;
    return inside > 0;
  }

  /** The windows of the steps from `start` on and before `end`, of the samples from the first of `start` on. */
  part(start: number, end: number): Windows {
    const part = new Windows({ ...this.frame, ends: this.frame.ends.subarray(start, end) });
    const first = this.from[start]!;
    for (let step = start; step < end; step++) {
      part.from[step - start] = this.from[step]! - first;
      part.to[step - start] = this.to[step]! - first;
      part.inside += this.to[step]! - this.from[step]!;
    }
    return part;
  }

  /** Room for `count` integers with any content; the same room at every call. */
  scratch(count: number): Int32Array {
    if (this.#scratch === undefined || this.#scratch.length < count) {
      this.#scratch = new Int32Array(count * 2);
    }
    return this.#scratch;
  }

  /** As `scratch`, for numbers. */
  numbers(count: number): Float64Array {
    if (this.#numbers === undefined || this.#numbers.length < count) {
      this.#numbers = new Float64Array(count * 2);
    }
    return this.#numbers;
  }

  /** Left border, exclusive, of a step's window. */
  start(step: number): number {
    return this.frame.ends[step]! - this.frame.rangeMs;
  }

  /**
   * Index of the newest sample at or before the left border and inside the lookback; the first of the window if there is
   * none.
   */
  anchor(series: WindowSeries, step: number): number {
    const first = this.from[step]!;
    const before = first - 1;
    if (before < 0) return first;
    return series.times[before]! > this.start(step) - this.frame.lookbackMs ? before : first;
  }
}
