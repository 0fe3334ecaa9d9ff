/** Reads series for selectors: the newest sample at each step, or the columns that windows slide over. */
import type { VectorSelector } from "./ast.ts";
import { type DurationContext, durationMs } from "./durations.ts";
import type { Evaluation, Grid } from "./evaluation.ts";
import type { NativeHistogram } from "./histogram.ts";
import { detectReset, withHint } from "./histogram_math.ts";
import { labelValue, sortedByLabels } from "./labels.ts";
import type { MsBounds, SampleColumns, SelectedSeries, SeriesList } from "./queryable.ts";
import {
  ABSENT,
  FLOAT,
  HISTOGRAM,
  type HistogramColumn,
  type Labelled,
  type Row,
  type RowStream,
} from "./row.ts";
import { interpolatedSample } from "./extended_windows.ts";

/** Series without a sample that are passed over at once: after them comes an empty row, so that whoever reads may pause. */
export const EMPTY_IN_A_ROW_MAX = 32;
/** The bits of the NaN that marks the end of a series. */
const STALE_HIGH = 0x7ff00000;
const STALE_LOW = 2;
/** More numbers below 2^31 than this may come to more than doubles hold exactly. */
const EXACT_SUMS_MAX = 2 ** 21;

/** Bounds of the times `start()` and `end()` stand for. */
export interface QueryBounds {
  readonly startMs: number;
  readonly endMs: number;
}

interface Placed {
  readonly offset: VectorSelector["offset"];
  readonly at: VectorSelector["at"];
}

/**
 * Where a selector or subquery looks from at each time of a grid: `@` and offset applied.
 */
export function lookupTimes(
  placed: Placed,
  times: Float64Array,
  query: QueryBounds,
  durations: DurationContext,
): Float64Array {
  const { at, offset } = placed;
  if (at === undefined && offset === undefined) return times;
  if (at !== undefined) {
    return new Float64Array(times.length).fill(lookupTime(placed, 0, query, durations));
  }
  const offsetMs = durationMs(offset!, durations);
  return times.map((time) => time - offsetMs);
}

/** The same for one time. */
export function lookupTime(
  { at, offset }: Placed,
  time: number,
  query: QueryBounds,
  durations: DurationContext,
): number {
  const offsetMs = offset === undefined ? 0 : durationMs(offset, durations);
  if (at === undefined) return time - offsetMs;
  const fixed = at.kind === "time" ? at.ms : at.kind === "start" ? query.startMs : query.endMs;
  return fixed - offsetMs;
}

/** The samples of one series without stale markers; the columns are valid until the next series is read. */
export interface WindowSeries {
  /** Whose labels the series has. */
  source: Labelled;
  dropName: boolean;
  count: number;
  times: Float64Array;
  values: Float64Array;
  /** As of SampleColumns. */
  areSmallIntegers?: boolean;
  histograms: HistogramColumn | undefined;
  startTimes: Float64Array | undefined;
}

/** How the series of a selector are to be read. */
export interface ReadingManner {
  /** In the order of their labels, rather than any. */
  readonly inOrder: boolean;
  /** Unknown counter resets of histograms are determined by comparison with the sample before. */
  readonly detectResets: boolean;
}

/** Reads selected series one after the other. */
export class SeriesReader {
  readonly #evaluation: Evaluation;
  readonly #series: SeriesList;
  readonly #bounds: MsBounds;
  readonly #detectResets: boolean;
  #at = 0;
  #current: SelectedSeries | undefined;
  /** Values read last, and those that `#bits` shows. */
  #values: Float64Array | undefined;
  #bitsOf: Float64Array | undefined;
  #bits: Uint32Array | undefined;

  private constructor(
    evaluation: Evaluation,
    series: SeriesList,
    bounds: MsBounds,
    detectResets: boolean,
  ) {
    this.#evaluation = evaluation;
    this.#series = series;
    this.#bounds = bounds;
    this.#detectResets = detectResets;
  }

  static async open(
    evaluation: Evaluation,
    selector: VectorSelector,
    bounds: MsBounds,
    how: ReadingManner,
  ): Promise<SeriesReader> {
    const series = await evaluation.select(selector.matchers, bounds);
    return new SeriesReader(
      evaluation,
      how.inOrder ? await inOrder(series, evaluation) : series,
      bounds,
      how.detectResets,
    );
  }

  /** The series that `next` returned last. */
  get current(): SelectedSeries {
    return this.#current!;
  }

  next(): SampleColumns | undefined {
    const series = this.#series.at(this.#at);
    if (series === undefined) return undefined;
    this.#current = series;
    this.#at++;
    const columns = series.read(this.#bounds);
    this.#evaluation.countRead(columns.count);
    this.#values = columns.values;
    return this.#detectResets && columns.histograms !== undefined
      ? { ...columns, histograms: resolveHints(columns) }
      : columns;
  }

  /** Whether a sample of the series that `next` returned last is a stale marker. */
  isStale(at: number): boolean {
    if (this.#values !== this.#bitsOf) {
      this.#bitsOf = this.#values!;
      const { buffer, byteOffset, length } = this.#bitsOf;
      this.#bits = new Uint32Array(buffer, byteOffset, length * 2);
    }
    return this.#bits![at * 2 + 1] === STALE_HIGH && this.#bits![at * 2] === STALE_LOW;
  }
}

/** Series in the order of their labels, which they have at hand where they are looked at more than once. */
async function inOrder(series: SeriesList, evaluation: Evaluation): Promise<SeriesList> {
  const ordered = await series.inOrder?.(evaluation);
  if (ordered !== undefined) return ordered;
  const labelled: SelectedSeries[] = [];
  for (let at = 0; at < series.length; at++) {
    const each = series.at(at)!;
    labelled.push({ labels: each.labels, read: (bounds) => each.read(bounds) });
    if (evaluation.isDue) await evaluation.pause();
  }
  return await sortedByLabels(labelled, evaluation);
}

/** The histograms with unknown hints replaced by what comparison with the sample before tells. */
function resolveHints({ count, histograms }: SampleColumns): HistogramColumn {
  const resolved: HistogramColumn = new Array(count);
  let previous: NativeHistogram | undefined;
  for (let at = 0; at < count; at++) {
    let current = histograms![at];
    if (current === undefined) continue;
    if (current.hint === "unknown" && previous !== undefined) {
      current = withHint(current, detectReset(current, previous) ? "reset" : "not_reset");
    }
    resolved[at] = current;
    previous = histograms![at];
  }
  return resolved;
}

/** What an instant selector puts into its rows: samples, or times in seconds for `timestamp` and `start_timestamp`. */
export type SelectedContent = "value" | "time" | "start_time";

export interface InstantSelection {
  readonly evaluation: Evaluation;
  readonly selector: VectorSelector;
  readonly grid: Grid;
  readonly content: SelectedContent;
  readonly manner: ReadingManner;
  /** What is read; by default all that the steps may look at. */
  readonly bounds?: MsBounds;
}

/** A row a series with the newest sample not older than the lookback at each step. */
export async function selectInstant(selection: InstantSelection): Promise<RowStream> {
  const { evaluation, selector, grid } = selection;
  const { lookbackMs } = evaluation.options;
  const lookups = lookupTimes(selector, grid.times, evaluation.options, evaluation.durations);
  const bounds = selection.bounds ?? instantBounds(lookups, lookbackMs, selector);
  const reader = await SeriesReader.open(evaluation, selector, bounds, selection.manner);
  // Times are those of samples, also where values are interpolated.
  const smoothed = selector.modifier === "smoothed" && selection.content === "value";
  const fill = smoothed ? fillSmoothed : fillNewest;
  return {
    next(row) {
      for (let empty = 0;; empty++) {
        const columns = reader.next();
        if (columns === undefined) return false;
        row.clear();
        row.takeLabels(reader.current);
        row.dropName = false;
        const found = fill(row, columns, { ...selection, reader, lookups, lookbackMs });
        if (found || empty === EMPTY_IN_A_ROW_MAX) return true;
      }
    },
  };
}

/** The part of the data that an instant selector reads. */
export function instantBounds(
  lookups: Float64Array,
  lookbackMs: number,
  selector: VectorSelector,
): MsBounds {
  const after = selector.modifier === "smoothed" ? lookbackMs : 0;
  return {
    startMs: lookups[0]! - lookbackMs,
    endMs: lookups[lookups.length - 1]! + after,
  };
}

interface FillContext extends InstantSelection {
  readonly reader: SeriesReader;
  readonly lookups: Float64Array;
  readonly lookbackMs: number;
}

/** Whether anything was found. */
function fillNewest(row: Row, columns: SampleColumns, context: FillContext): boolean {
  const { lookups, lookbackMs, reader, content } = context;
  const { count, times, values, histograms } = columns;
  const { kinds } = row;
  const output = row.values;
  let next = 0;
  let found = false;
  for (let step = 0; step < lookups.length; step++) {
    const lookup = lookups[step]!;
    while (next < count && times[next]! <= lookup) next++;
    const at = next - 1;
    if (at < 0 || times[at]! <= lookup - lookbackMs) continue;
    const histogram = histograms === undefined ? undefined : histograms[at];
    const value = values[at]!;
    if (histogram === undefined && value !== value && reader.isStale(at)) continue;
    found = true;
    if (content !== "value") {
      kinds[step] = FLOAT;
      output[step] = content === "time" ? times[at]! / 1000 : startSeconds(columns, at);
    } else if (histogram !== undefined) {
      row.setHistogram(step, histogram);
    } else {
      kinds[step] = FLOAT;
      output[step] = value;
    }
  }
  return found;
}

function startSeconds(columns: SampleColumns, at: number): number {
  const start = columns.startTimes === undefined ? NaN : columns.startTimes[at]!;
  return start !== start ? 0 : start / 1000;
}

function fillSmoothed(row: Row, columns: SampleColumns, context: FillContext): boolean {
  const { lookups, lookbackMs, reader, evaluation, selector } = context;
  const series = withoutStale(reader, columns);
  let next = 0;
  let found = false;
  for (let step = 0; step < lookups.length; step++) {
    const lookup = lookups[step]!;
    while (next < series.count && series.times[next]! <= lookup) next++;
    const sample = interpolatedSample(series, next, {
      lookup,
      lookbackMs,
      annotations: evaluation.annotations,
      position: selector.position,
    });
    if (sample === undefined) continue;
    found = true;
    if (typeof sample === "number") row.setFloat(step, sample);
    else row.setHistogram(step, sample);
  }
  return found;
}

/** The columns without stale markers; the given ones themselves if there are none. */
export function withoutStale(reader: SeriesReader, columns: SampleColumns): WindowSeries {
  const source = reader.current;
  const { count, times, values, histograms, startTimes } = columns;
  const areSmallIntegers = columns.areSmallIntegers === true && count < EXACT_SUMS_MAX;
  const isStale = (at: number) =>
    values[at] !== values[at] && histograms?.[at] === undefined && reader.isStale(at);
  let first = columns.mayHaveNaN === false && histograms === undefined ? count : 0;
  while (first < count && !isStale(first)) first++;
  if (first === count) {
    return {
      source,
      dropName: false,
      count,
      times,
      values,
      areSmallIntegers,
      histograms: histograms as HistogramColumn | undefined,
      startTimes,
    };
  }
  const kept: number[] = [];
  for (let at = 0; at < count; at++) if (!isStale(at)) kept.push(at);
  return {
    source,
    dropName: false,
    count: kept.length,
    times: Float64Array.from(kept, (at) => times[at]!),
    values: Float64Array.from(kept, (at) => values[at]!),
    histograms: histograms === undefined ? undefined : kept.map((at) => histograms[at]),
    startTimes: startTimes === undefined
      ? undefined
      : Float64Array.from(kept, (at) => startTimes[at]!),
  };
}

/** Whether any sample of a row is a histogram. */
export function holdsHistograms(row: Row): boolean {
  return row.histograms !== undefined && row.kinds.includes(HISTOGRAM);
}

/**
 * The samples of a row as columns for windows. What histograms tell of counter resets holds against their stored
 * predecessor, not against the sample at the step before, and is forgotten.
 */
export function rowAsSeries(row: Row, times: Float64Array): WindowSeries {
  const { kinds, values } = row;
  const length = kinds.length;
  const series: WindowSeries = {
    source: { labels: row.labels },
    dropName: row.dropName,
    count: 0,
    times: new Float64Array(length),
    values: new Float64Array(length),
    histograms: holdsHistograms(row) ? [] : undefined,
    startTimes: undefined,
  };
  let count = 0;
  for (let step = 0; step < length; step++) {
    if (kinds[step] === ABSENT) continue;
    series.times[count] = times[step]!;
    series.values[count] = values[step]!;
    if (series.histograms !== undefined) {
      const histogram = kinds[step] === HISTOGRAM ? row.histograms![step] : undefined;
      series.histograms[count] = histogram === undefined || histogram.hint === "gauge"
        ? histogram
        : withHint(histogram, "unknown");
    }
    count++;
  }
  series.count = count;
  return series;
}

/** The name of a series' metric. */
export function metricOf({ source }: Pick<WindowSeries, "source">): string {
  return labelValue(source.labels, "__name__");
}
