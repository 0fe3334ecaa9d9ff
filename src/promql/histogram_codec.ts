/**
 * Native histograms as bytes, for columns of the family `histogram`.
 *
 *   offset  size  field
 *        0     1  version   1
 *        1     1  flags     bits 0-1 hint (0 unknown, 1 reset, 2 not reset, 3 gauge), bit 2: counts are integers;
 *                           the other bits are 0
 *        2     1  schema    signed
 *        3     8  sum       f64; of a stale marker the bits of that NaN
 *       11     8  zero threshold, f64
 *       19     n  count, zero count
 *        …     n  positive buckets, negative buckets: number of runs; per run its distance from the end of the run
 *                 before (zigzag; the first from index 0), its length, and its counts
 *        …     n  only custom schema: number of bounds, the bounds as f64
 *
 * Little-endian; lengths and distances are LEB128. Counts are LEB128 if all are integers from 0 to 2^53, else f64.
 */
import { EngineError } from "../../engine/mod.ts";
import type { BucketColumns, CounterResetHint, NativeHistogram } from "./histogram.ts";
import {
  CUSTOM_BUCKETS_SCHEMA,
  EXPONENTIAL_SCHEMA_MAX,
  EXPONENTIAL_SCHEMA_MIN,
  NO_BUCKETS,
  NO_CUSTOM_VALUES,
} from "./histogram.ts";

const VERSION = 1;
/** Written to disk: never reorder. */
const HINTS: readonly CounterResetHint[] = ["unknown", "reset", "not_reset", "gauge"];
const FLAG_INTEGERS = 4;
/** Most buckets of one sign, and most custom bounds. */
export const HISTOGRAM_BUCKETS_MAX = 65_536;

export function encodeHistogram(histogram: NativeHistogram): Uint8Array {
  const integers = isCount(histogram.count) && isCount(histogram.zeroCount) &&
    histogram.positive.counts.every(isCount) && histogram.negative.counts.every(isCount);
  const writer = new Writer(integers);
  writer.byte(VERSION);
  writer.byte(HINTS.indexOf(histogram.hint) | (integers ? FLAG_INTEGERS : 0));
  writer.byte(histogram.schema & 0xff);
  writer.double(histogram.sum);
  writer.double(histogram.zeroThreshold);
  writer.count(histogram.count);
  writer.count(histogram.zeroCount);
  writeBuckets(writer, histogram.positive);
  writeBuckets(writer, histogram.negative);
  if (histogram.schema === CUSTOM_BUCKETS_SCHEMA) {
    writer.varint(histogram.customValues.length);
    for (const bound of histogram.customValues) writer.double(bound);
  }
  return writer.finish();
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}

function writeBuckets(writer: Writer, { indices, counts }: BucketColumns): void {
  let runs = 0;
  for (let at = 0; at < indices.length; at++) {
    if (at === 0 || indices[at]! !== indices[at - 1]! + 1) runs++;
  }
  writer.varint(runs);
  let end = 0;
  for (let at = 0; at < indices.length;) {
    let length = 1;
    while (at + length < indices.length && indices[at + length]! === indices[at]! + length) {
      length++;
    }
    const distance = indices[at]! - end;
    writer.varint(distance < 0 ? -distance * 2 - 1 : distance * 2);
    writer.varint(length);
    end = indices[at]! + length;
    for (const stop = at + length; at < stop; at++) writer.count(counts[at]!);
  }
}

const SUM_OFFSET = 3;
/** The NaN that marks the end of a series, as it lies in memory. */
const STALE_BYTES: readonly number[] = [2, 0, 0, 0, 0, 0, 0xf0, 0x7f];

/** The marker that a series of histograms ended. */
export function encodeStaleHistogram(): Uint8Array {
  const bytes = encodeHistogram({
    schema: 0,
    hint: "unknown",
    zeroThreshold: 0,
    zeroCount: 0,
    count: 0,
    sum: 0,
    positive: NO_BUCKETS,
    negative: NO_BUCKETS,
    customValues: NO_CUSTOM_VALUES,
  });
  bytes.set(STALE_BYTES, SUM_OFFSET);
  return bytes;
}

/** Whether the bytes are a stale marker. Decoding cannot tell, because a NaN loses its payload in a number. */
export function isStaleHistogram(bytes: Uint8Array): boolean {
  return STALE_BYTES.every((byte, index) => bytes[SUM_OFFSET + index] === byte);
}

/** What is stored for a sample: a histogram, or (undefined) the marker that the series ended. */
export function encodeStored(histogram: NativeHistogram | undefined): Uint8Array {
  return histogram === undefined ? encodeStaleHistogram() : encodeHistogram(histogram);
}

/** Inverse of `encodeStored`. Throws "corrupt". */
export function decodeStored(bytes: Uint8Array): NativeHistogram | undefined {
  return isStaleHistogram(bytes) ? undefined : decodeHistogram(bytes);
}

/** Inverse of `encodeHistogram`. Throws "corrupt" for anything it did not write. */
export function decodeHistogram(bytes: Uint8Array): NativeHistogram {
  const reader = new Reader(bytes);
  if (reader.byte() !== VERSION) throw corrupt("unknown version");
  const flags = reader.byte();
  if (flags > 7) throw corrupt("unknown flags");
  reader.integers = (flags & FLAG_INTEGERS) !== 0;
  const schema = reader.byte() << 24 >> 24;
  const custom = schema === CUSTOM_BUCKETS_SCHEMA;
  if (!custom && (schema < EXPONENTIAL_SCHEMA_MIN || schema > EXPONENTIAL_SCHEMA_MAX)) {
    throw corrupt(`schema ${schema}`);
  }
  const histogram: NativeHistogram = {
    schema,
    hint: HINTS[flags & 3]!,
    sum: reader.double(),
    zeroThreshold: reader.double(),
    count: reader.count(),
    zeroCount: reader.count(),
    positive: readBuckets(reader),
    negative: readBuckets(reader),
    customValues: custom ? readBounds(reader) : NO_CUSTOM_VALUES,
  };
  if (!reader.atEnd) throw corrupt("bytes behind the end");
  return histogram;
}

function readBuckets(reader: Reader): BucketColumns {
  const runs = reader.length();
  if (runs === 0) return NO_BUCKETS;
  const indices: number[] = [];
  const counts: number[] = [];
  let end = 0;
  for (let run = 0; run < runs; run++) {
    const zigzag = reader.varint();
    let index = end + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2);
    if (run > 0 && index < end) throw corrupt("runs of buckets overlap");
    const length = reader.length();
    if (indices.length + length > HISTOGRAM_BUCKETS_MAX) throw corrupt("too many buckets");
    for (let at = 0; at < length; at++) {
      indices.push(index++);
      counts.push(reader.count());
    }
    if (index > 0x7fff_ffff || index < -0x7fff_ffff) throw corrupt("bucket index out of range");
    end = index;
  }
  return { indices: Int32Array.from(indices), counts: Float64Array.from(counts) };
}

function readBounds(reader: Reader): Float64Array {
  const bounds = new Float64Array(reader.length());
  for (let at = 0; at < bounds.length; at++) bounds[at] = reader.double();
  return bounds;
}

function corrupt(reason: string): EngineError {
  return new EngineError("corrupt", `Cannot decode histogram: ${reason}`);
}

class Writer {
  readonly #integers: boolean;
  #bytes = new Uint8Array(128);
  #view = new DataView(this.#bytes.buffer);
  #used = 0;

  constructor(integers: boolean) {
    this.#integers = integers;
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(this.#bytes.length * 2 + bytes);
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#used++] = value;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#used, value, true);
    this.#used += 8;
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.byte(rest % 128 | 128);
      rest = Math.floor(rest / 128);
    }
    this.byte(rest);
  }

  count(value: number): void {
    if (this.#integers) this.varint(value);
    else this.double(value);
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#used);
  }
}

class Reader {
  /** Whether counts are LEB128 rather than f64. */
  integers = false;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    if (this.#at >= this.#bytes.length) throw corrupt("too short");
    return this.#bytes[this.#at++]!;
  }

  double(): number {
    if (this.#at + 8 > this.#bytes.length) throw corrupt("too short");
    this.#at += 8;
    return this.#view.getFloat64(this.#at - 8, true);
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
      const byte = this.byte();
      value += byte % 128 * factor;
      if (byte < 128) return value;
    }
    throw corrupt("number too long");
  }

  count(): number {
    return this.integers ? this.varint() : this.double();
  }

  length(): number {
    const length = this.varint();
    if (length > HISTOGRAM_BUCKETS_MAX) throw corrupt("too many buckets");
    return length;
  }
}
