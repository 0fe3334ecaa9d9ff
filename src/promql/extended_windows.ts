/**
 * `anchored` and `smoothed`: values at the very borders of a window in place of extrapolation, and between samples for
 * instant selectors.
 */
import type { Annotations, HistogramOperation } from "./annotations.ts";
import {
  mixedInRange,
  mixedSchemas,
  notACounter,
  notAGauge,
  reconciledBounds,
} from "./annotations.ts";
import type { PositionRange } from "./errors.ts";
import { isCustom, type NativeHistogram } from "./histogram.ts";
import { compact } from "./histogram_layout.ts";
import {
  addHistograms,
  compatible,
  detectReset,
  scaleHistogram,
  subtractHistograms,
  withHint,
} from "./histogram_math.ts";
import type { RangeCall } from "./range_call.ts";
import type { Row } from "./row.ts";
import type { WindowSeries } from "./selector.ts";
import type { Windows } from "./windows.ts";

interface Lookup {
  readonly lookup: number;
  readonly lookbackMs: number;
  readonly annotations: Annotations;
  readonly position: PositionRange;
}

/**
 * The sample that `selector smoothed` finds at a time; `next` is the index of the first sample behind that time.
 */
export function interpolatedSample(
  series: WindowSeries,
  next: number,
  { lookup, lookbackMs, annotations, position }: Lookup,
): number | NativeHistogram | undefined {
  const { count, times, values, histograms } = series;
  if (histograms !== undefined) {
    const extent = {
      after: lookup - lookbackMs,
      upTo: lookup + lookbackMs,
      first: next,
      past: next,
    };
    if (mixesKinds(series, extent)) {
      annotations.warn(mixedInRange(series.source.labels), position);
      return undefined;
    }
  }
  const before = next - 1;
  if (before < 0 || times[before]! <= lookup - lookbackMs) return undefined;
  const left = histograms?.[before] ?? values[before]!;
  if (times[before] === lookup) return left;
  if (next >= count || times[next]! > lookup + lookbackMs) {
    // What a histogram tells of resets holds for its own time only.
    return typeof left === "number" ? left : withHint(left, "unknown");
  }
  const fraction = (lookup - times[before]!) / (times[next]! - times[before]!);
  if (typeof left === "number") return left + (values[next]! - left) * fraction;
  const right = histograms![next]!;
  if (!compatible(left, right)) {
    annotations.warn(mixedSchemas(series.source.labels), position);
    return undefined;
  }
  const counter = left.hint !== "gauge" || right.hint !== "gauge";
  return interpolateHistogram(left, right, { fraction, counter }, (operation) => {
    annotations.inform(reconciledBounds(operation), position);
  });
}

/** Times around some samples, `first` up to `past`, that lie within: after the one, up to the other. */
interface Extent {
  readonly after: number;
  readonly upTo: number;
  readonly first: number;
  readonly past: number;
}

/** Whether the samples of all these times hold both kinds. */
function mixesKinds(
  { count, times, histograms }: WindowSeries,
  { after, upTo, first, past }: Extent,
): boolean {
  let start = first;
  while (start > 0 && times[start - 1]! > after) start--;
  let end = past;
  while (end < count && times[end]! <= upTo) end++;
  return isMixed(histograms!, start, end);
}

/** Whether the samples from `first` up to `past` hold both kinds. */
export function isMixed(
  histograms: readonly (NativeHistogram | undefined)[],
  first: number,
  past: number,
): boolean {
  const isHistogram = histograms[first] !== undefined;
  for (let at = first + 1; at < past; at++) {
    if ((histograms[at] !== undefined) !== isHistogram) return true;
  }
  return false;
}

function interpolateHistogram(
  left: NativeHistogram,
  right: NativeHistogram,
  { fraction, counter }: { readonly fraction: number; readonly counter: boolean },
  boundsDiffered: (operation: HistogramOperation) => void,
): NativeHistogram {
  if (counter && detectReset(right, left)) return scaleHistogram(right, fraction);
  const rise = subtractHistograms(right, left);
  if (rise.boundsDiffered) boundsDiffered("subtraction");
  const risen = addHistograms(left, scaleHistogram(rise.histogram, fraction));
  if (risen.boundsDiffered) boundsDiffered("addition");
  return compact(risen.histogram);
}

/** Whether the result is the rise of a counter, and whether it is per second. */
export interface RateKind {
  readonly counter: boolean;
  readonly perSecond: boolean;
}

/** rate, increase and delta of `anchored` and `smoothed` windows. */
export function extendedRate(
  series: WindowSeries,
  windows: Windows,
  row: Row,
  call: RangeCall,
  kind: RateKind,
): void {
  const { frame } = windows;
  const { histograms } = series;
  const divisor = kind.perSecond ? frame.rangeMs / 1000 : 1;
  const lookAheadMs = frame.modifier === "smoothed" ? frame.lookbackMs : 0;
  for (let step = 0; step < frame.ends.length; step++) {
    const extent = {
      after: windows.start(step) - frame.lookbackMs,
      upTo: frame.ends[step]! + lookAheadMs,
      first: windows.from[step]!,
      past: windows.to[step]!,
    };
    if (histograms !== undefined && mixesKinds(series, extent)) {
      call.annotations.warn(mixedInRange(series.source.labels), call.position);
      continue;
    }
    const borders = findBorders(series, windows, step);
    if (borders === undefined) continue;
    if (histograms?.[borders.first] === undefined) {
      row.setFloat(step, floatRise(series, borders, kind.counter) / divisor);
      continue;
    }
    const rise = histogramRise(series, borders, call, kind.counter);
    if (rise !== undefined) row.setHistogram(step, scaleHistogram(rise, 1 / divisor));
  }
}

/** The samples that decide a window: `first` stands for its start, `last` for its end. */
interface Borders {
  readonly first: number;
  readonly last: number;
  readonly start: number;
  readonly end: number;
  readonly smoothed: boolean;
}

function findBorders(series: WindowSeries, windows: Windows, step: number): Borders | undefined {
  const { frame } = windows;
  const { times } = series;
  const end = frame.ends[step]!;
  const start = end - frame.rangeMs;
  const smoothed = frame.modifier === "smoothed";
  const past = windows.to[step]!;
  const first = windows.anchor(series, step);
  if (past === 0 || first >= past) return undefined;
  let last = past - 1;
  if (smoothed && times[last]! < end) {
    if (past < series.count && times[past]! <= end + frame.lookbackMs) last = past;
  }
  if (times[last]! <= start) return undefined;
  return { first, last, start, end, smoothed };
}

function floatRise(series: WindowSeries, borders: Borders, counter: boolean): number {
  const { values, times } = series;
  const { first, last, start, end, smoothed } = borders;
  const at = (index: number, time: number): number => {
    const left = values[index]!;
    const right = values[index + 1]!;
    const fraction = (time - times[index]!) / (times[index + 1]! - times[index]!);
    return counter && right < left ? right * fraction : left + (right - left) * fraction;
  };
  const left = smoothed && times[first]! < start && first < last
    ? at(first, start)
    : values[first]!;
  const right = smoothed && times[last]! > end && last > 0 ? at(last - 1, end) : values[last]!;
  let rise = right - left;
  if (!counter) return rise;
  let previous = left;
  for (let index = first + 1; index < last; index++) {
    if (values[index]! < previous) rise += previous;
    previous = values[index]!;
  }
  return right < previous ? rise + previous : rise;
}

function histogramRise(
  series: WindowSeries,
  { first, last, start, end, smoothed }: Borders,
  call: RangeCall,
  counter: boolean,
): NativeHistogram | undefined {
  const { histograms, times } = series;
  const { labels } = series.source;
  const samples = histograms!.slice(first, last + 1) as NativeHistogram[];
  if (samples.some((sample) => isCustom(sample) !== isCustom(samples[0]!))) {
    call.annotations.warn(mixedSchemas(labels), call.position);
    return undefined;
  }
  if (counter && samples.some((sample) => sample.hint === "gauge")) {
    call.annotations.warn(notACounter(labels), call.position);
  }
  const boundsDiffered = (operation: HistogramOperation) =>
    call.annotations.inform(reconciledBounds(operation), call.position);
  const between = (index: number, time: number): NativeHistogram => {
    const fraction = (time - times[index]!) / (times[index + 1]! - times[index]!);
    const [left, right] = [histograms![index]!, histograms![index + 1]!];
    return interpolateHistogram(left, right, { fraction, counter }, boundsDiffered);
  };
  const leftBetween = smoothed && times[first]! < start && first < last;
  const rightBetween = smoothed && times[last]! > end && last > 0;
  const left = leftBetween ? between(first, start) : histograms![first]!;
  const right = rightBetween ? between(last - 1, end) : histograms![last]!;
  if (!counter && (left.hint !== "gauge" || right.hint !== "gauge")) {
    call.annotations.warn(notAGauge(labels), call.position);
  }
  const rise = subtractHistograms(right, left);
  if (rise.boundsDiffered) boundsDiffered("subtraction");
  let result = rise.histogram;
  if (counter) {
    // What lies between the samples around the left border is part of the left value already.
    for (let index = leftBetween ? first + 2 : first + 1; index <= last; index++) {
      if (!detectReset(histograms![index]!, histograms![index - 1]!)) continue;
      const lost = index - 1 === first ? left : histograms![index - 1]!;
      const corrected = addHistograms(result, lost);
      if (corrected.boundsDiffered) boundsDiffered("addition");
      result = corrected.histogram;
    }
  }
  return withHint(compact(result), "gauge");
}

/** The samples of a bare `m[5m] anchored`: the first value stands at the start too, the last one at the end too. */
export function extendedSamples(
  series: WindowSeries,
  windows: Windows,
): { times: number[]; values: number[] } {
  const borders = findBorders(series, windows, 0);
  if (borders === undefined) return { times: [], values: [] };
  const { first, last, start, end, smoothed } = borders;
  const at = (index: number, time: number): number => {
    const fraction = (time - series.times[index]!) /
      (series.times[index + 1]! - series.times[index]!);
    return series.values[index]! + (series.values[index + 1]! - series.values[index]!) * fraction;
  };
  const left = smoothed && series.times[first]! < start && first < last
    ? at(first, start)
    : series.values[first]!;
  const right = smoothed && series.times[last]! > end ? at(last - 1, end) : series.values[last]!;
  const times = [start];
  const values = [left];
  for (let index = first; index <= last; index++) {
    if (series.times[index]! <= start || series.times[index]! >= end) continue;
    times.push(series.times[index]!);
    values.push(series.values[index]!);
  }
  times.push(end);
  values.push(right);
  return { times, values };
}
