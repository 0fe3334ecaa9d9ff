/**
 * Chunks found in a segment: parallel columns that grow, no object per chunk. Reuse one list for many searches.
 */
import type { Kernels } from "../kernels/kernels.ts";
import { TABLE } from "./index_table.ts";

export class ChunkList {
  count = 0;
  /** Source of the chunk. */
  sources: Uint32Array<ArrayBuffer>;
  /** Rows in the chunk. */
  rows: Uint32Array<ArrayBuffer>;
  /** Encoded bytes. */
  bytes: Uint32Array<ArrayBuffer>;
  /** Offset in the segment's stream. */
  offsets: Float64Array<ArrayBuffer>;
  /** First and last timestamp, inclusive. */
  minTimes: BigInt64Array<ArrayBuffer>;
  maxTimes: BigInt64Array<ArrayBuffer>;

  constructor(capacity = 256) {
    this.sources = new Uint32Array(capacity);
    this.rows = new Uint32Array(capacity);
    this.bytes = new Uint32Array(capacity);
    this.offsets = new Float64Array(capacity);
    this.minTimes = new BigInt64Array(capacity);
    this.maxTimes = new BigInt64Array(capacity);
  }

  clear(): void {
    this.count = 0;
  }

  /** Appends the first `count` entries of a decoded table in linear memory. */
  append(kernels: Kernels, table: number, count: number): void {
    const from = this.count;
    const to = from + count;
    if (to > this.sources.length) this.#grow(Math.max(to, this.sources.length * 2));
    const word = table >> 2;
    const double = table >> 3;
    const { u32, f64, i64 } = kernels;
    this.sources.set(u32.subarray(word, word + count), from);
    this.rows.set(u32.subarray(word + TABLE.rows / 4, word + TABLE.rows / 4 + count), from);
    this.bytes.set(u32.subarray(word + TABLE.bytes / 4, word + TABLE.bytes / 4 + count), from);
    this.offsets.set(
      f64.subarray(double + TABLE.offsets / 8, double + TABLE.offsets / 8 + count),
      from,
    );
    this.minTimes.set(i64.subarray(double + TABLE.min / 8, double + TABLE.min / 8 + count), from);
    this.maxTimes.set(i64.subarray(double + TABLE.max / 8, double + TABLE.max / 8 + count), from);
    this.count = to;
  }

  /** Appends entries start ..< end of another list. */
  appendFrom(other: ChunkList, range: { readonly start: number; readonly end: number }): void {
    const { start, end } = range;
    const from = this.count;
    const to = from + end - start;
    if (to > this.sources.length) this.#grow(Math.max(to, this.sources.length * 2));
    this.sources.set(other.sources.subarray(start, end), from);
    this.rows.set(other.rows.subarray(start, end), from);
    this.bytes.set(other.bytes.subarray(start, end), from);
    this.offsets.set(other.offsets.subarray(start, end), from);
    this.minTimes.set(other.minTimes.subarray(start, end), from);
    this.maxTimes.set(other.maxTimes.subarray(start, end), from);
    this.count = to;
  }

  #grow(capacity: number): void {
    const old = {
      sources: this.sources,
      rows: this.rows,
      bytes: this.bytes,
      offsets: this.offsets,
      minTimes: this.minTimes,
      maxTimes: this.maxTimes,
    };
    this.sources = new Uint32Array(capacity);
    this.rows = new Uint32Array(capacity);
    this.bytes = new Uint32Array(capacity);
    this.offsets = new Float64Array(capacity);
    this.minTimes = new BigInt64Array(capacity);
    this.maxTimes = new BigInt64Array(capacity);
    this.sources.set(old.sources);
    this.rows.set(old.rows);
    this.bytes.set(old.bytes);
    this.offsets.set(old.offsets);
    this.minTimes.set(old.minTimes);
    this.maxTimes.set(old.maxTimes);
  }
}
