/**
 * Functions that look at each window by itself: counts, sums, means, extremes, quantiles, first and last samples.
 *
 * Hot loops spell compensated summation (kahan.ts) out over the columns.
 */
import {
  conflictingResets,
  ignoredInRange,
  mixedInRange,
  mixedSchemas,
  quantileText,
  reconciledBounds,
} from "./annotations.ts";
import { isMixed } from "./extended_windows.ts";
import { HistogramSum } from "./histogram_sum.ts";
import { isCustom } from "./histogram.ts";
import { CompensatedSum } from "./kahan.ts";
import { quantileBySelection, quantileOfSorted, sortNumbers } from "./quantile.ts";
import { type RangeCall, type RangeFunction, WORK_SAMPLES } from "./range_call.ts";
import { FLOAT, type Row } from "./row.ts";
import type { WindowSeries } from "./selector.ts";
import { larger, overlapsMuch, slideExtremes, slideSums, smaller } from "./sliding.ts";
import { SortedWindow } from "./sorted_window.ts";
import { Windows } from "./windows.ts";

/** The value of one window that holds floats only, at least one. */
type FloatWindow = (
  values: Float64Array,
  from: number,
  to: number,
  times: Float64Array,
) => number;

/**
 * A function of floats: histograms in a window are left out with an info, windows of only histograms have no result.
 */
export function floatsOnly(ofFloats: RangeFunction): RangeFunction {
  return (series, windows, row, call) => {
    if (series.histograms === undefined) {
      ofFloats(series, windows, row, call);
      return;
    }
    const floats = withoutHistograms(series);
    const narrowed = new Windows(windows.frame);
    narrowed.slide(floats.times, floats.count);
    ofFloats(floats, narrowed, row, call);
    for (let step = 0; step < windows.from.length; step++) {
      const all = windows.to[step]! - windows.from[step]!;
      const kept = narrowed.to[step]! - narrowed.from[step]!;
      if (kept > 0 && kept < all) {
        call.annotations.inform(ignoredInRange(series.source.labels), call.position);
        return;
      }
    }
  };
}

function withoutHistograms(series: WindowSeries): WindowSeries {
  const kept: number[] = [];
  for (let at = 0; at < series.count; at++) {
    if (series.histograms![at] === undefined) kept.push(at);
  }
  return {
    ...series,
    count: kept.length,
    times: Float64Array.from(kept, (at) => series.times[at]!),
    values: Float64Array.from(kept, (at) => series.values[at]!),
    histograms: undefined,
    startTimes: undefined,
  };
}

function perFloatWindow(compute: FloatWindow): RangeFunction {
  return floatsOnly(({ values, times }, { from, to }, row, call) => {
    const { kinds, values: output } = row;
    let work = 0;
    for (let step = 0; step < from.length; step++) {
      const first = from[step]!;
      const past = to[step]!;
      if (first >= past) continue;
      kinds[step] = FLOAT;
      output[step] = compute(values, first, past, times);
      work += past - first;
      if (work < WORK_SAMPLES) continue;
      call.countWork(work);
      work = 0;
    }
  });
}

export const countOverTime: RangeFunction = (_series, { from, to }, row) => {
  for (let step = 0; step < from.length; step++) {
    if (from[step]! < to[step]!) row.setFloat(step, to[step]! - from[step]!);
  }
};

export const presentOverTime: RangeFunction = (_series, { from, to }, row) => {
  for (let step = 0; step < from.length; step++) {
    if (from[step]! < to[step]!) row.setFloat(step, 1);
  }
};

export const firstOverTime: RangeFunction = (series, { from, to }, row) => {
  for (let step = 0; step < from.length; step++) {
    if (from[step]! < to[step]!) takeSample(series, from[step]!, row, step);
  }
};

export const lastOverTime: RangeFunction = (series, { from, to }, row) => {
  for (let step = 0; step < from.length; step++) {
    if (from[step]! < to[step]!) takeSample(series, to[step]! - 1, row, step);
  }
};

function takeSample(series: WindowSeries, at: number, row: Row, step: number): void {
  const histogram = series.histograms?.[at];
  if (histogram === undefined) row.setFloat(step, series.values[at]!);
  else row.setHistogram(step, histogram);
}

export const timeOfFirst: RangeFunction = ({ times }, { from, to }, row) => {
  for (let step = 0; step < from.length; step++) {
    if (from[step]! < to[step]!) row.setFloat(step, times[from[step]!]! / 1000);
  }
};

export const timeOfLast: RangeFunction = ({ times }, { from, to }, row) => {
  for (let step = 0; step < from.length; step++) {
    if (from[step]! < to[step]!) row.setFloat(step, times[to[step]! - 1]! / 1000);
  }
};

export const timeOfMin: RangeFunction = perFloatWindow((values, from, to, times) => {
  let found = from;
  for (let at = from + 1; at < to; at++) {
    const best = values[found]!;
    if (values[at]! <= best || best !== best) found = at;
  }
  return times[found]! / 1000;
});

export const timeOfMax: RangeFunction = perFloatWindow((values, from, to, times) => {
  let found = from;
  for (let at = from + 1; at < to; at++) {
    const best = values[found]!;
    if (values[at]! >= best || best !== best) found = at;
  }
  return times[found]! / 1000;
});

const minOfEach: RangeFunction = perFloatWindow((values, from, to) => {
  let min = values[from]!;
  for (let at = from + 1; at < to; at++) {
    const value = values[at]!;
    if (value < min || min !== min) min = value;
  }
  return min;
});

const maxOfEach: RangeFunction = perFloatWindow((values, from, to) => {
  let max = values[from]!;
  for (let at = from + 1; at < to; at++) {
    const value = values[at]!;
    if (value > max || max !== max) max = value;
  }
  return max;
});

export const minOverTime: RangeFunction = extremeOverTime("least", minOfEach, smaller);
export const maxOverTime: RangeFunction = extremeOverTime("greatest", maxOfEach, larger);

function extremeOverTime(
  operation: "least" | "greatest",
  ofEach: RangeFunction,
  pick: (left: number, right: number) => number,
): RangeFunction {
  return (series, windows, row, call) => {
    if (foldsInStorage(operation, series, windows, row, call)) return;
    if (series.histograms !== undefined || !overlapsMuch(windows, series.count)) {
      ofEach(series, windows, row, call);
    } else {
      slideExtremes(series.values, windows, pick, (step, value) => row.setFloat(step, value));
    }
  };
}

/** Series of fewer samples are folded here: handing windows over costs as much as hundreds of samples. */
const FOLDED_SAMPLES_MIN = 1_024;

/** Whether storage could fold the windows into the row. Windows that overlap much are left to sliding. */
function foldsInStorage(
  operation: "sum" | "least" | "greatest",
  series: WindowSeries,
  windows: Windows,
  row: Row,
  call: RangeCall,
): boolean {
  const { count, values } = series;
  const { from, to } = windows;
  const isPossible = call.folder !== undefined && series.areSmallIntegers === true &&
    series.histograms === undefined && count >= FOLDED_SAMPLES_MIN && !overlapsMuch(windows, count);
  if (!isPossible || !call.folder!.fold(operation, values, windows, row.values)) return false;
  for (let step = 0; step < from.length; step++) {
    if (from[step]! < to[step]!) row.kinds[step] = FLOAT;
  }
  call.countWork(count);
  return true;
}

function sumOfFloats(values: Float64Array, from: number, to: number): number {
  let sum = 0;
  let lost = 0;
  for (let at = from; at < to; at++) {
    const value = values[at]!;
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  // Once the sum is infinite or NaN the compensation is worthless.
  return sum - sum === 0 ? sum + lost : sum;
}

/** The sum of numbers whose sums are exact: four at once. */
function sumOfExact(values: Float64Array, from: number, to: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let at = from;
  for (; at + 3 < to; at += 4) {
    a += values[at]!;
    b += values[at + 1]!;
    c += values[at + 2]!;
    d += values[at + 3]!;
  }
  for (; at < to; at++) a += values[at]!;
  return a + b + (c + d);
}

function meanOfExact(values: Float64Array, from: number, to: number): number {
  return sumOfExact(values, from, to) / (to - from);
}

/** Mean; scaled down first where the sum would overflow. */
function meanOfFloats(values: Float64Array, from: number, to: number): number {
  let sum = 0;
  let lost = 0;
  for (let at = from; at < to; at++) {
    const value = values[at]!;
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  const count = to - from;
  if (sum - sum === 0) return sum / count + lost / count;
  return incrementalMean(values, from, to);
}

function incrementalMean(values: Float64Array, from: number, to: number): number {
  const mean = new CompensatedSum();
  mean.sum = values[from]!;
  for (let at = from + 1; at < to; at++) {
    const count = at - from + 1;
    const kept = (count - 1) / count;
    mean.sum *= kept;
    mean.compensation *= kept;
    mean.add(values[at]! / count);
  }
  return mean.value;
}

export const sumOverTime: RangeFunction = sumOrMean(sumOfFloats, sumOfExact, false);
export const avgOverTime: RangeFunction = sumOrMean(meanOfFloats, meanOfExact, true);

function sumOrMean(
  ofFloats: (values: Float64Array, from: number, to: number) => number,
  ofExact: (values: Float64Array, from: number, to: number) => number,
  mean: boolean,
): RangeFunction {
  return (series, windows, row, call) => {
    const { values, histograms } = series;
    const { from, to } = windows;
    const { kinds, values: output } = row;
    if (histograms === undefined && overlapsMuch(windows, series.count)) {
      slideSums(values, windows, (step, sum, lost) => {
        const finite = sum - sum === 0;
        const count = mean ? to[step]! - from[step]! : 1;
        // A mean whose sum overflows is found the long way.
        row.setFloat(
          step,
          finite
            ? sum / count + lost / count
            : mean
            ? ofFloats(values, from[step]!, to[step]!)
            : sum,
        );
      });
      return;
    }
    if (foldsInStorage("sum", series, windows, row, call)) {
      for (let step = 0; mean && step < from.length; step++) {
        output[step]! /= to[step]! - from[step]!;
      }
      return;
    }
    let work = 0;
    const isExact = series.areSmallIntegers === true && histograms === undefined;
    for (let step = 0; step < from.length; step++) {
      const first = from[step]!;
      const past = to[step]!;
      if (first >= past) continue;
      work += past - first;
      if (work >= WORK_SAMPLES) {
        call.countWork(work);
        work = 0;
      }
      if (isExact) {
        kinds[step] = FLOAT;
        output[step] = ofExact(values, first, past);
      } else if (histograms === undefined) {
        kinds[step] = FLOAT;
        output[step] = ofFloats(values, first, past);
      } else if (isMixed(histograms, first, past)) {
        call.annotations.warn(mixedInRange(series.source.labels), call.position);
      } else if (histograms[first] === undefined) {
        row.setFloat(step, ofFloats(values, first, past));
      } else {
        sumHistograms(series, { first, past, step, mean }, row, call);
      }
    }
  };
}

function sumHistograms(
  series: WindowSeries,
  { first, past, step, mean }: {
    readonly first: number;
    readonly past: number;
    readonly step: number;
    readonly mean: boolean;
  },
  row: Row,
  call: RangeCall,
): void {
  const histograms = series.histograms!;
  const sum = new HistogramSum(mean);
  const custom = isCustom(histograms[first]!);
  for (let at = first; at < past; at++) {
    if (isCustom(histograms[at]!) !== custom) {
      call.annotations.warn(mixedSchemas(series.source.labels), call.position);
      return;
    }
    sum.add(histograms[at]!);
  }
  if (sum.resetsConflict) {
    call.annotations.warn(conflictingResets("aggregation"), call.position);
  }
  if (sum.boundsDiffered) {
    call.annotations.inform(reconciledBounds("aggregation"), call.position);
  }
  row.setHistogram(step, sum.result());
}

function varianceOfFloats(values: Float64Array, from: number, to: number): number {
  const mean = new CompensatedSum();
  const squares = new CompensatedSum();
  for (let at = from; at < to; at++) {
    const delta = values[at]! - mean.value;
    mean.add(delta / (at - from + 1));
    squares.add(delta * (values[at]! - mean.value));
  }
  return squares.value / (to - from);
}

export const stdvarOverTime: RangeFunction = perFloatWindow(varianceOfFloats);
export const stddevOverTime: RangeFunction = perFloatWindow((values, from, to) =>
  Math.sqrt(varianceOfFloats(values, from, to))
);

export const quantileOverTime: RangeFunction = floatsOnly(
  ({ values, count }, windows, row, call) => {
    const { from, to } = windows;
    const quantiles = call.parameters[0]!;
    const sorted = overlapsMuch(windows, count) ? new SortedWindow() : undefined;
    const scratch = sorted === undefined ? windows.numbers(count) : undefined;
    let first = 0;
    let past = 0;
    for (let step = 0; step < from.length; step++) {
      if (from[step]! >= to[step]!) continue;
      const q = quantiles[step]!;
      if (!(q >= 0 && q <= 1)) {
        call.annotations.warn(quantileText(q), call.parameterPosition);
      }
      call.countWork(to[step]! - from[step]!);
      if (sorted === undefined) {
        const offset = from[step]!;
        const size = to[step]! - offset;
        if (!(q >= 0 && q <= 1)) {
          row.setFloat(step, quantileOfSorted(q, values.subarray(offset, to[step]!)));
          continue;
        }
        for (let at = 0; at < size; at++) scratch![at] = values[offset + at]!;
        row.setFloat(step, quantileBySelection(q, scratch!, size));
        continue;
      }
      for (; past < to[step]!; past++) sorted.add(values[past]!);
      for (; first < from[step]!; first++) sorted.remove(values[first]!);
      row.setFloat(step, sorted.quantile(q));
    }
  },
);

/** Median of the distances to the median. */
export const madOverTime: RangeFunction = perFloatWindow((values, from, to) => {
  const window = values.slice(from, to);
  if (window.some((value) => value !== value)) return NaN;
  const median = quantileOfSorted(0.5, sortNumbers(window));
  return quantileOfSorted(0.5, sortNumbers(window.map((value) => Math.abs(value - median))));
});
