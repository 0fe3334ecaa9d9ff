/**
 * Prometheus' chunks of float histograms, for streamed remote read.
 *
 *   u16 big-endian  number of samples
 *   u8              highest two bits: 11 gauges, 00 counters of which nothing is known before the first
 *   bits            layout: zero threshold, schema (signed varbits), spans of the positive and of the negative buckets,
 *                   custom bounds where the schema says so
 *                   samples: time (signed varbits; the second as difference, the rest as difference of differences), then
 *                   count, zero count, sum, positive and negative buckets, each an XOR column of its own
 *   threshold       a byte: 0 for 0, exponent + 243 for a power of two, 255 and 64 bits for anything else
 *   spans           how many, then length and distance from the end of the one before (varbits)
 *   bounds          how many, then each as thousandths + 1 where it is a whole number of them, else 0 and 64 bits
 *
 * All histograms of a chunk have one layout, and after the first none counts less than the one before.
 */
import { BitWriter, XorColumn } from "./bit_writer.ts";
import type { HistogramBuckets, HistogramSample } from "./remote_histogram.ts";
import { CHUNK_SAMPLES_MAX } from "./xor_chunk.ts";

const CUSTOM_SCHEMA = -53;
const GAUGES = 0b1100_0000;
const THRESHOLD_AS_IT_IS = 255;
const THRESHOLD_EXPONENT_MIN = -242;
const THRESHOLD_EXPONENT_MAX = 11;
const THOUSANDTHS_MAX = 33_554_430;
const STALE_HIGH = 0x7ff0_0000;
const STALE_LOW = 2;

/** A histogram at a time in milliseconds; one without a histogram ends the series. */
export interface TimedHistogram {
  readonly timeMs: number;
  readonly histogram: HistogramSample | undefined;
}

/** Where the chunk ends that begins at `start`: what lies between fits one chunk. */
export function histogramChunkEnd(samples: readonly TimedHistogram[], start: number): number {
  const most = Math.min(samples.length, start + CHUNK_SAMPLES_MAX);
  let end = start + 1;
  while (end < most && follows(samples[end - 1]!.histogram, samples[end]!.histogram)) end++;
  return end;
}

/** Whether a histogram may stand behind another in one chunk. */
function follows(
  previous: HistogramSample | undefined,
  current: HistogramSample | undefined,
): boolean {
  if (previous === undefined || current === undefined) return previous === current;
  const isGauge = current.hint === "gauge";
  return isGauge === (previous.hint === "gauge") && current.hint !== "reset" &&
    current.schema === previous.schema && current.zeroThreshold === previous.zeroThreshold &&
    sameNumbers(current.customValues, previous.customValues) &&
    sameNumbers(current.positive.indices, previous.positive.indices) &&
    sameNumbers(current.negative.indices, previous.negative.indices) &&
    (isGauge || !fell(previous, current));
}

function sameNumbers(left: ArrayLike<number>, right: ArrayLike<number>): boolean {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return false;
  return true;
}

/** Whether any count of a counter is below the one before, in the same layout. */
function fell(previous: HistogramSample, current: HistogramSample): boolean {
  if (current.count < previous.count || current.zeroCount < previous.zeroCount) return true;
  const sides = ["positive", "negative"] as const;
  return sides.some((side) =>
    current[side].counts.some((count, at) => count < previous[side].counts[at]!)
  );
}

/** Encodes one chunk after the other in one buffer. */
export class HistogramChunkEncoder {
  readonly #writer = new BitWriter();
  readonly #halves = new Uint32Array(2);
  readonly #value = new Float64Array(this.#halves.buffer);
  #columns: XorColumn[] = [];
  #column = 0;
  #isFirst = true;

  /** Encodes samples `[start, end)`, as `histogramChunkEnd` bounds them. The bytes are valid until the next call. */
  encode(samples: readonly TimedHistogram[], start: number, end: number): Uint8Array {
    const writer = this.#writer;
    const first = samples[start]!.histogram;
    writer.reset();
    writer.bits(end - start, 16);
    writer.bits(first?.hint === "gauge" ? GAUGES : 0, 8);
    this.#layout(first);
    this.#columns = [];
    let previousTime = 0;
    let previousDelta = 0;
    for (let index = start; index < end; index++) {
      const { timeMs, histogram } = samples[index]!;
      const delta = timeMs - previousTime;
      writer.signedVarbits(index > start + 1 ? delta - previousDelta : delta);
      previousDelta = delta;
      previousTime = timeMs;
      this.#isFirst = index === start;
      this.#column = 0;
      this.#sample(histogram);
    }
    return writer.written;
  }

  #layout(histogram: HistogramSample | undefined): void {
    const writer = this.#writer;
    this.#threshold(histogram?.zeroThreshold ?? 0);
    writer.signedVarbits(histogram?.schema ?? 0);
    this.#spans(histogram?.positive);
    this.#spans(histogram?.negative);
    if (histogram?.schema !== CUSTOM_SCHEMA) return;
    writer.unsignedVarbits(histogram.customValues.length);
    for (const bound of histogram.customValues) {
      const thousandths = bound * 1000;
      const isWhole = thousandths >= 0 && thousandths <= THOUSANDTHS_MAX &&
        Number.isInteger(thousandths) && thousandths / 1000 === bound;
      writer.unsignedVarbits(isWhole ? thousandths + 1 : 0);
      if (!isWhole) this.#double(bound);
    }
  }

  #threshold(threshold: number): void {
    const writer = this.#writer;
    if (threshold === 0) return writer.bits(0, 8);
    // The exponent of a power of two as a fraction of 0.5.
    const exponent = Math.log2(threshold) + 1;
    const isPower = Number.isInteger(exponent) && 2 ** (exponent - 1) === threshold &&
      exponent >= THRESHOLD_EXPONENT_MIN && exponent <= THRESHOLD_EXPONENT_MAX;
    if (isPower) return writer.bits(exponent + 243, 8);
    writer.bits(THRESHOLD_AS_IT_IS, 8);
    this.#double(threshold);
  }

  #spans(buckets: HistogramBuckets | undefined): void {
    const spans: number[] = [];
    const indices = buckets?.indices ?? [];
    let end = 0;
    for (let at = 0; at < indices.length;) {
      let length = 1;
      while (at + length < indices.length && indices[at + length] === indices[at]! + length) {
        length++;
      }
      spans.push(length, indices[at]! - end);
      end = indices[at]! + length;
      at += length;
    }
    this.#writer.unsignedVarbits(spans.length / 2);
    for (let at = 0; at < spans.length; at += 2) {
      this.#writer.unsignedVarbits(spans[at]!);
      this.#writer.signedVarbits(spans[at + 1]!);
    }
  }

  #sample(histogram: HistogramSample | undefined): void {
    if (histogram === undefined) {
      this.#number(0);
      this.#number(0);
      return this.#bits(STALE_HIGH, STALE_LOW);
    }
    this.#number(histogram.count);
    this.#number(histogram.zeroCount);
    this.#number(histogram.sum);
    for (const count of histogram.positive.counts) this.#number(count);
    for (const count of histogram.negative.counts) this.#number(count);
  }

  #double(value: number): void {
    this.#value[0] = value;
    this.#writer.word(this.#halves[1]!, this.#halves[0]!);
  }

  #number(value: number): void {
    this.#value[0] = value;
    this.#bits(this.#halves[1]!, this.#halves[0]!);
  }

  /** Writes a value of the next column. */
  #bits(high: number, low: number): void {
    const column = this.#columns[this.#column] ??= new XorColumn();
    this.#column++;
    if (this.#isFirst) column.first(this.#writer, high, low);
    else column.next(this.#writer, high, low);
  }
}
