/**
 * rate, increase, delta with extrapolation to the borders of the window, irate, idelta, changes and resets.
 *
 * Start timestamps: where a sample carries the time at which its counter began, a reset shows even without a fall, and a
 * counter that began inside the window counts from zero at that time in place of extrapolation.
 */
import {
  mixedInRange,
  mixedSchemas,
  notACounter,
  notAGauge,
  overlappingStart,
  reconciledBounds,
} from "./annotations.ts";
import { extendedRate, isMixed, type RateKind } from "./extended_windows.ts";
import type { NativeHistogram } from "./histogram.ts";
import { compact } from "./histogram_layout.ts";
import {
  addHistograms,
  compatible,
  detectReset,
  divideHistogram,
  emptiedHistogram,
  equalHistograms,
  scaleHistogram,
  subtractHistograms,
  withHint,
} from "./histogram_math.ts";
import type { RangeCall, RangeFunction } from "./range_call.ts";
import { FLOAT, type Row } from "./row.ts";
import type { WindowSeries } from "./selector.ts";
import type { Windows } from "./windows.ts";

/** A gap to a border above this many mean distances of samples means that the series begins or ends there. */
const GAP_MAX = 1.1;

export const rate: RangeFunction = extrapolating({ counter: true, perSecond: true });
export const increase: RangeFunction = extrapolating({ counter: true, perSecond: false });
export const delta: RangeFunction = extrapolating({ counter: false, perSecond: false });

function extrapolating(kind: RateKind): RangeFunction {
  return (series, windows, row, call) => {
    if (windows.frame.modifier !== undefined) {
      extendedRate(series, windows, row, call, kind);
    } else if (series.histograms === undefined && series.startTimes === undefined) {
      extrapolateFloats(series, windows, row, kind);
    } else {
      for (let step = 0; step < windows.from.length; step++) {
        extrapolateWindow(series, windows, row, { call, kind, step });
      }
    }
  };
}

function extrapolateFloats(
  { times, values, count, areSmallIntegers }: WindowSeries,
  windows: Windows,
  row: Row,
  { counter, perSecond }: RateKind,
): void {
  const { from, to } = windows;
  const { ends, rangeMs } = windows.frame;
  const { kinds, values: output } = row;
  const divisor = perSecond ? rangeMs / 1000 : 1;
  const isSummed = counter && areSmallIntegers === true;
  const sums = isSummed ? sumFalls(values, count, windows.numbers(count)) : values;
  const falls = windows.scratch(count);
  const finite = counter && !isSummed && countFalls(values, count, falls);
  for (let step = 0; step < from.length; step++) {
    const first = from[step]!;
    const last = to[step]! - 1;
    if (last <= first) continue;
    let rise = values[last]! - values[first]!;
    if (isSummed) {
      rise += sums[last]! - sums[first]!;
    } else if (counter && falls[first] !== falls[last]) {
      rise += finite ? lostByCounts(values, falls, first, last) : lostInFalls(values, first, last);
    }
    // The rules of `extrapolation`, spelled out: an object a step would cost more than all else here.
    const sampled = times[last]! - times[first]!;
    const gap = sampled / (last - first);
    const end = ends[step]!;
    let toStart = times[first]! - (end - rangeMs);
    let toEnd = end - times[last]!;
    if (toStart >= gap * GAP_MAX) toStart = gap / 2;
    if (counter && rise > 0 && values[first]! >= 0) {
      const toZero = sampled * (values[first]! / rise);
      if (toZero < toStart) toStart = toZero;
    }
    if (toEnd >= gap * GAP_MAX) toEnd = gap / 2;
    const factor = (sampled + toStart + toEnd) / sampled;
    kinds[step] = FLOAT;
    output[step] = rise * factor / divisor;
  }
}

/** What was lost in falls up to each value: sums of small integers are exact, and so are their differences. */
function sumFalls(values: Float64Array, count: number, sums: Float64Array): Float64Array {
  let lost = 0;
  let before = 0;
  for (let at = 0; at < count; at++) {
    const value = values[at]!;
    // Without a branch, as below. The first value follows nothing: zero is no loss.
    lost += before * Number(value < before);
    before = value;
    sums[at] = lost;
  }
  return sums;
}

/** How many values up to each one are below their predecessor. Whether all are finite. */
function countFalls(values: Float64Array, count: number, falls: Int32Array): boolean {
  let fallen = 0;
  let before = NaN;
  let rest = 0;
  for (let at = 0; at < count; at++) {
    const value = values[at]!;
    // Without a branch: gauges fall half of the time, which no processor can predict.
    fallen += Number(value < before);
    rest += value - value;
    before = value;
    falls[at] = fallen;
  }
  return rest === 0;
}

/** The sum of the values that were followed by a lower one. */
function lostInFalls(values: Float64Array, first: number, last: number): number {
  let lost = 0;
  let before = values[first]!;
  for (let at = first + 1; at <= last; at++) {
    const value = values[at]!;
    if (value < before) lost += before;
    before = value;
  }
  return lost;
}

/** The same for finite values, without a branch: adding nothing changes no sum. */
function lostByCounts(
  values: Float64Array,
  falls: Int32Array,
  first: number,
  last: number,
): number {
  let lost = 0;
  let before = falls[first]!;
  for (let at = first + 1; at <= last; at++) {
    const fallen = falls[at]!;
    lost += values[at - 1]! * (fallen - before);
    before = fallen;
  }
  return lost;
}

interface Extent {
  /** From the first sample, or from the known start, to the last one; milliseconds, as all here. */
  readonly sampled: number;
  readonly samples: number;
  readonly toStart: number;
  readonly toEnd: number;
  /** Value of the first sample in parts of the rise: a counter was zero that many `sampled` before; NaN if no counter. */
  readonly zeroAt: number;
  /** `toStart` is exactly zero, the start being known; the mean distance of samples is `meanGap`. */
  readonly startKnown: boolean;
  readonly meanGap?: number;
}

/** By which factor the rise between first and last sample becomes the rise of the whole window. */
function extrapolation(extent: Extent): number {
  const { sampled, samples, zeroAt } = extent;
  let { toStart, toEnd } = extent;
  const gap = extent.meanGap ?? sampled / (samples - 1);
  const threshold = gap * GAP_MAX;
  if (!extent.startKnown) {
    if (toStart >= threshold) toStart = gap / 2;
    const toZero = sampled * zeroAt;
    if (toZero < toStart) toStart = toZero;
  }
  if (toEnd >= threshold) toEnd = gap / 2;
  return sampled === 0 ? 1 : (sampled + toStart + toEnd) / sampled;
}

interface WindowTask {
  readonly call: RangeCall;
  readonly kind: RateKind;
  readonly step: number;
}

/** One window of a series that has histograms or start timestamps. */
function extrapolateWindow(
  series: WindowSeries,
  windows: Windows,
  row: Row,
  { call, kind, step }: WindowTask,
): void {
  const { times, values, histograms, source } = series;
  const first = windows.from[step]!;
  const past = windows.to[step]!;
  if (first >= past) return;
  if (histograms !== undefined && isMixed(histograms, first, past)) {
    call.annotations.warn(mixedInRange(source.labels), call.position);
    return;
  }
  const last = past - 1;
  const start = windows.start(step);
  const began = series.startTimes === undefined ? NaN : series.startTimes[first]!;
  const startKnown = kind.counter && began > start && began < times[first]!;
  if (first === last && !startKnown) return;
  if (kind.counter) warnOfOverlap(series, first, last, call);
  const common = {
    sampled: times[last]! - (startKnown ? began : times[first]!),
    samples: past - first,
    toStart: startKnown ? 0 : times[first]! - start,
    toEnd: windows.frame.ends[step]! - times[last]!,
    startKnown,
    meanGap: first === last ? 0 : (times[last]! - times[first]!) / (last - first),
  };
  const divisor = kind.perSecond ? windows.frame.rangeMs / 1000 : 1;
  if (histograms?.[first] === undefined) {
    let rise = values[last]! - values[first]!;
    if (kind.counter) {
      for (let at = first + 1; at <= last; at++) {
        if (values[at]! < values[at - 1]! || startsAnew(series, at)) rise += values[at - 1]!;
      }
    }
    if (startKnown) rise += values[first]!;
    const zeroAt = kind.counter && rise > 0 && values[first]! >= 0 ? values[first]! / rise : NaN;
    row.setFloat(step, rise * extrapolation({ ...common, zeroAt }) / divisor);
    return;
  }
  const initial = histograms[first]!;
  const rise = first === last
    ? initial
    : histogramRise(series, first, last, { call, kind, startKnown });
  if (rise === undefined) return;
  const zeroAt = kind.counter && rise.count > 0 && initial.count >= 0
    ? initial.count / rise.count
    : NaN;
  const factor = extrapolation({ ...common, zeroAt }) / divisor;
  row.setHistogram(step, compact(scaleHistogram(rise, factor)));
}

/** Whether the start timestamp tells of a reset between a sample and its predecessor. */
function startsAnew({ times, startTimes }: WindowSeries, at: number): boolean {
  if (startTimes === undefined) return false;
  const start = startTimes[at]!;
  const before = times[at - 1]!;
  if (!(start < times[at]!)) return false;
  if (start !== before) return start > before;
  // Delta series: each sample begins where the one before ended.
  const startBefore = startTimes[at - 1]!;
  return startBefore < before;
}

function warnOfOverlap(series: WindowSeries, first: number, last: number, call: RangeCall): void {
  const { startTimes, times, source } = series;
  if (startTimes === undefined) return;
  for (let at = first + 1; at <= last; at++) {
    if (startTimes[at]! < times[at - 1]! && startTimes[at] !== startTimes[at - 1]) {
      call.annotations.warn(overlappingStart(source.labels), call.position);
      return;
    }
  }
}

/** Rise between the first and last of some histograms, resets added; undefined if their layouts do not go together. */
function histogramRise(
  series: WindowSeries,
  first: number,
  last: number,
  { call, kind, startKnown }: Pick<WindowTask, "call" | "kind"> & { readonly startKnown: boolean },
): NativeHistogram | undefined {
  const histograms = series.histograms as readonly NativeHistogram[];
  const { annotations, position } = call;
  const resetAt = (at: number) =>
    detectReset(histograms[at]!, histograms[at - 1]!) || startsAnew(series, at);
  let base = histograms[first]!;
  // What the first sample looked like does not matter when the counter began anew behind it.
  if (kind.counter && first < last && resetAt(first + 1)) {
    base = emptiedHistogram(histograms[first + 1]!);
  }
  const wrongHint = (at: number) => (histograms[at]!.hint === "gauge") === kind.counter;
  let wrong = wrongHint(first) || wrongHint(last);
  for (let at = first + 1; at <= last; at++) {
    if (!kind.counter && at < last) continue;
    if (kind.counter && wrongHint(at)) wrong = true;
    if (!compatible(histograms[at]!, base)) {
      if (wrong && kind.counter) annotations.warn(notACounter(series.source.labels), position);
      annotations.warn(mixedSchemas(series.source.labels), position);
      return undefined;
    }
  }
  if (wrong) {
    annotations.warn((kind.counter ? notACounter : notAGauge)(series.source.labels), position);
  }
  const difference = subtractHistograms(histograms[last]!, base);
  if (difference.boundsDiffered) annotations.inform(reconciledBounds("subtraction"), position);
  let rise = difference.histogram;
  if (kind.counter) {
    for (let at = first + 1; at <= last; at++) {
      if (!resetAt(at)) continue;
      const corrected = addHistograms(rise, at - 1 === first ? base : histograms[at - 1]!);
      if (corrected.boundsDiffered) annotations.inform(reconciledBounds("addition"), position);
      rise = corrected.histogram;
    }
  }
  // The first sample rose from zero.
  if (startKnown) {
    if (!compatible(rise, histograms[first]!)) {
      annotations.warn(mixedSchemas(series.source.labels), position);
      return undefined;
    }
    const whole = addHistograms(rise, histograms[first]!);
    if (whole.boundsDiffered) annotations.inform(reconciledBounds("addition"), position);
    rise = whole.histogram;
  }
  return withHint(compact(rise), "gauge");
}

export const irate: RangeFunction = lastTwo(true);
export const idelta: RangeFunction = lastTwo(false);

function lastTwo(perSecond: boolean): RangeFunction {
  return (series, { from, to }, row, call) => {
    const { times, values, histograms } = series;
    for (let step = 0; step < from.length; step++) {
      const at = to[step]! - 1;
      if (at - 1 < from[step]!) continue;
      const divisor = perSecond ? (times[at]! - times[at - 1]!) / 1000 : 1;
      if (histograms !== undefined) {
        if (isMixed(histograms, at - 1, at + 1)) {
          call.annotations.warn(mixedInRange(series.source.labels), call.position);
          continue;
        }
        if (histograms[at] !== undefined) {
          const change = lastHistogramChange(series, at, call, perSecond);
          if (change !== undefined) row.setHistogram(step, divideHistogram(change, divisor));
          continue;
        }
      }
      const anew = perSecond && (values[at]! < values[at - 1]! || startsAnew(series, at));
      row.setFloat(step, (anew ? values[at]! : values[at]! - values[at - 1]!) / divisor);
    }
  };
}

function lastHistogramChange(
  series: WindowSeries,
  at: number,
  { annotations, position }: RangeCall,
  counter: boolean,
): NativeHistogram | undefined {
  const current = series.histograms![at]!;
  const previous = series.histograms![at - 1]!;
  const gauges = Number(current.hint === "gauge") + Number(previous.hint === "gauge");
  if (counter && gauges > 0) annotations.warn(notACounter(series.source.labels), position);
  if (!counter && gauges < 2) annotations.warn(notAGauge(series.source.labels), position);
  if (counter && (detectReset(current, previous) || startsAnew(series, at))) {
    return withHint(compact(current), "gauge");
  }
  if (!compatible(current, previous)) {
    annotations.warn(mixedSchemas(series.source.labels), position);
    return undefined;
  }
  const difference = subtractHistograms(current, previous);
  if (difference.boundsDiffered) annotations.inform(reconciledBounds("subtraction"), position);
  return withHint(compact(difference.histogram), "gauge");
}

export const changes: RangeFunction = counting((series, at) => {
  const histogram = series.histograms?.[at];
  const previous = series.histograms?.[at - 1];
  if (histogram !== undefined && previous !== undefined) {
    return !equalHistograms(histogram, previous);
  }
  if (histogram !== previous) return true;
  const value = series.values[at]!;
  const before = series.values[at - 1]!;
  return value !== before && (value === value || before === before);
});

export const resets: RangeFunction = counting((series, at) => {
  if (startsAnew(series, at)) return true;
  const histogram = series.histograms?.[at];
  const previous = series.histograms?.[at - 1];
  if (histogram !== undefined && previous !== undefined) return detectReset(histogram, previous);
  return histogram !== previous || series.values[at]! < series.values[at - 1]!;
});

/** Counts the neighbours in each window between which something happened. */
function counting(happened: (series: WindowSeries, at: number) => boolean): RangeFunction {
  return (series, windows, row) => {
    const { from, to, frame } = windows;
    // Samples 1..=at at which it happened, so that each window is a difference.
    const before = windows.scratch(series.count);
    let total = 0;
    for (let at = 0; at < series.count; at++) {
      if (at > 0 && happened(series, at)) total++;
      before[at] = total;
    }
    for (let step = 0; step < from.length; step++) {
      if (from[step]! >= to[step]!) continue;
      const first = frame.modifier === "anchored" ? windows.anchor(series, step) : from[step]!;
      row.setFloat(step, before[to[step]! - 1]! - before[first]!);
    }
  };
}
