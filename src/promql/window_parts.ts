/**
 * A row in parts: functions that look at each window by itself take seconds for one series where windows are long and overlap,
 * so they are called for some steps at a time, and others have their turn in between.
 */
import type { RangeCall, RangeFunction } from "./range_call.ts";
import { HISTOGRAM, Row } from "./row.ts";
import type { WindowSeries } from "./selector.ts";
import type { Windows } from "./windows.ts";

/** Functions that look at each window by itself, whatever came before it. */
const OF_EACH_WINDOW: ReadonlySet<string> = new Set([
  "deriv",
  "double_exponential_smoothing",
  "mad_over_time",
  "predict_linear",
  "quantile_over_time",
  "stddev_over_time",
  "stdvar_over_time",
  "ts_of_max_over_time",
  "ts_of_min_over_time",
]);
/** Those that do so where there are histograms. */
const OF_EACH_HISTOGRAM_WINDOW: ReadonlySet<string> = new Set(["avg_over_time", "sum_over_time"]);
/** Samples in all windows of a row above which it is made in parts, some milliseconds of work; and in those of one part. */
const NUMBERS = { row: 262_144, part: 16_384 } as const;
const HISTOGRAMS = { row: 16_384, part: 2_048 } as const;

/** Whether the row of a function takes long and can be made in parts. */
export function isLongRow(name: string, series: WindowSeries, { inside }: Windows): boolean {
  const isSeparate = OF_EACH_WINDOW.has(name) ||
    (series.histograms !== undefined && OF_EACH_HISTOGRAM_WINDOW.has(name));
  return isSeparate && inside > limitsOf(series).row;
}

function limitsOf({ histograms }: WindowSeries): typeof NUMBERS | typeof HISTOGRAMS {
  return histograms === undefined ? NUMBERS : HISTOGRAMS;
}

export class RowInParts {
  readonly #windows: Windows;
  readonly #series: WindowSeries;
  readonly #compute: RangeFunction;
  readonly #call: RangeCall;
  readonly #row: Row;
  #step = 0;

  /** Copies the columns, which others overwrite meanwhile; the windows stay as they are until the row is made. */
  constructor(series: WindowSeries, windows: Windows, compute: RangeFunction, call: RangeCall) {
    const { count, times, values, histograms, startTimes } = series;
    this.#series = {
      ...series,
      times: times.slice(0, count),
      values: values.slice(0, count),
      histograms: histograms?.slice(0, count),
      startTimes: startTimes?.slice(0, count),
    };
    this.#windows = windows;
    this.#compute = compute;
    this.#call = call;
    this.#row = new Row(windows.from.length);
  }

  /** Makes some more steps; false when there are no more. */
  advance(): boolean {
    const { from, to } = this.#windows;
    const { part } = limitsOf(this.#series);
    const start = this.#step;
    let end = start;
    for (let samples = 0; end < from.length && samples < part; end++) {
      samples += to[end]! - from[end]!;
    }
    this.#step = end;
    if (start < end) this.#make(start, end);
    return end < from.length;
  }

  /** Fills in what was made. */
  moveTo(row: Row): void {
    row.takeLabels(this.#series.source);
    row.kinds.set(this.#row.kinds);
    row.values.set(this.#row.values);
    row.histograms = this.#row.histograms;
  }

  #make(start: number, end: number): void {
    const { times, values, histograms, startTimes } = this.#series;
    const first = this.#windows.from[start]!;
    const past = Math.max(first, this.#windows.to[end - 1]!);
    const part = new Row(0);
    part.kinds = this.#row.kinds.subarray(start, end);
    part.values = this.#row.values.subarray(start, end);
    const series: WindowSeries = {
      ...this.#series,
      count: past - first,
      times: times.subarray(first, past),
      values: values.subarray(first, past),
      histograms: histograms?.slice(first, past),
      startTimes: startTimes?.subarray(first, past),
    };
    const call = this.#call;
    this.#compute(series, this.#windows.part(start, end), part, {
      ...call,
      parameters: call.parameters.map((parameter) => parameter.subarray(start, end)),
      times: call.times.subarray(start, end),
    });
    for (let step = 0; step < end - start; step++) {
      if (part.kinds[step] !== HISTOGRAM) continue;
      this.#row.setHistogram(start + step, part.histograms![step]!);
    }
  }
}
