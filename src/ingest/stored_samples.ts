/**
 * The samples of one series as remote read sends them: floats in columns, histograms in a list, whole milliseconds.
 *
 * Times finer than milliseconds are rounded down; of several samples in one millisecond the last is sent.
 */
import type { SeriesReference, TimeUnit, View } from "../../engine/mod.ts";
import { msToTicks, ticksToMs, timeAt } from "../../engine/mod.ts";
import type { TimedHistogram } from "./histogram_chunk.ts";
import type { HistogramSample } from "./remote_histogram.ts";

export type StoredReference = SeriesReference;

export interface MsRange {
  readonly startMs: number;
  /** Inclusive. */
  readonly endMs: number;
}

/** Both kinds in ascending order of their times. Columns are valid until the next read of the view. */
export interface SeriesColumns {
  /** Floats. */
  readonly count: number;
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly histograms: readonly TimedHistogram[];
}

export class StoredSamples {
  readonly #view: View;
  readonly #unit: TimeUnit;
  readonly #decode: (bytes: Uint8Array) => HistogramSample | undefined;
  #times = new Float64Array(1_024);
  #values = new Float64Array(1_024);

  constructor(
    view: View,
    unit: TimeUnit,
    decode: (bytes: Uint8Array) => HistogramSample | undefined,
  ) {
    this.#view = view;
    this.#unit = unit;
    this.#decode = decode;
  }

  read(references: readonly StoredReference[], range: MsRange): SeriesColumns {
    const floats = references.filter(({ family }) => family !== "histogram");
    const histograms = references.filter(({ family }) => family === "histogram")
      .flatMap((reference) => this.#readHistograms(reference, range));
    if (histograms.length > 1 && references.length > 1) {
      histograms.sort((left, right) => left.timeMs - right.timeMs);
    }
    const count = floats.length > 1
      ? this.#readMerged(floats, range)
      : floats.length === 1
      ? this.#readFloats(floats[0]!, range)
      : 0;
    return { count, times: this.#times, values: this.#values, histograms };
  }

  #readHistograms(reference: StoredReference, { startMs, endMs }: MsRange): TimedHistogram[] {
    const start = msToTicks(startMs, this.#unit);
    const end = msToTicks(endMs + 1, this.#unit);
    const found: TimedHistogram[] = [];
    for (const block of this.#view.readBlocks(reference, { start, end })) {
      for (let index = 0; index < block.count; index++) {
        const timeMs = Math.floor(ticksToMs(timeAt(block, index), this.#unit));
        if (timeMs > endMs) continue;
        const sample = { timeMs, histogram: this.#decode(block.blobs![index]!) };
        if (found.at(-1)?.timeMs === timeMs) found[found.length - 1] = sample;
        else found.push(sample);
      }
    }
    return found;
  }

  /** Brings several columns together; of equal times the last reference's stands. */
  #readMerged(references: readonly StoredReference[], range: MsRange): number {
    const bitsByTime = new Map<number, bigint>();
    for (const reference of references) {
      const count = this.#readFloats(reference, range);
      const bits = new BigUint64Array(this.#values.buffer);
      for (let at = 0; at < count; at++) bitsByTime.set(this.#times[at]!, bits[at]!);
    }
    const times = [...bitsByTime.keys()].sort((left, right) => left - right);
    this.#room(times.length);
    this.#times.set(times);
    const bits = new BigUint64Array(this.#values.buffer);
    times.forEach((time, at) => bits[at] = bitsByTime.get(time)!);
    return times.length;
  }

  #room(count: number): void {
    if (this.#times.length >= count) return;
    this.#times = new Float64Array(count * 2);
    this.#values = new Float64Array(count * 2);
  }

  /** Copies a series' floats into the columns; their number. */
  #readFloats(reference: StoredReference, { startMs, endMs }: MsRange): number {
    // Anything finer than a millisecond belongs to the one it began in.
    const column = this.#view.readNumbers(reference, startMs, endMs + 0.999_999);
    this.#room(column.count);
    const times = this.#times;
    const from = new BigUint64Array(column.values.buffer, column.values.byteOffset, column.count);
    let count = 0;
    let runStart = 0;
    const bits = new BigUint64Array(this.#values.buffer);
    const isWhole = this.#unit === "ms" || this.#unit === "s";
    if (isWhole) {
      times.set(column.times.subarray(0, column.count));
      bits.set(from);
      return column.count;
    }
    // Values move in runs, as integers: an assignment through a double may change a NaN's payload.
    for (let index = 0; index < column.count; index++) {
      const timeMs = Math.floor(column.times[index]!);
      if (count > 0 && times[count - 1] === timeMs) {
        bits.set(from.subarray(runStart, index - 1), count - 1 - (index - 1 - runStart));
        runStart = index;
        continue;
      }
      times[count++] = timeMs;
    }
    bits.set(from.subarray(runStart), count - (column.count - runStart));
    return count;
  }
}
