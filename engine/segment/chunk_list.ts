/**
 * Chunks found in a segment: parallel columns that grow, no object per chunk. Reuse one list for many searches: making one
 * costs more than most searches do.
 */
import type { Kernels } from "../kernels/kernels.ts";
import { TABLE } from "./index_table.ts";

/** Fewer entries are copied one by one: a view for each column costs more. */
const COPIED_AT_ONCE_MIN = 16;
/** Spare lists that are kept, and the entries of the largest. */
const SPARE_MAX = 8;
const SPARE_CAPACITY_MAX = 1_024;

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
  #starts = new Uint32Array(2);

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
    this.count = to;
    if (count < COPIED_AT_ONCE_MIN) {
      for (let i = 0; i < count; i++) {
        this.sources[from + i] = u32[word + i]!;
        this.rows[from + i] = u32[word + TABLE.rows / 4 + i]!;
        this.bytes[from + i] = u32[word + TABLE.bytes / 4 + i]!;
        this.offsets[from + i] = f64[double + TABLE.offsets / 8 + i]!;
        this.minTimes[from + i] = i64[double + TABLE.min / 8 + i]!;
        this.maxTimes[from + i] = i64[double + TABLE.max / 8 + i]!;
      }
      return;
    }
    this.sources.set(u32.subarray(word, word + count), from);
    this.rows.set(u32.subarray(word + TABLE.rows / 4, word + TABLE.rows / 4 + count), from);
    this.bytes.set(u32.subarray(word + TABLE.bytes / 4, word + TABLE.bytes / 4 + count), from);
    this.offsets.set(
      f64.subarray(double + TABLE.offsets / 8, double + TABLE.offsets / 8 + count),
      from,
    );
    this.minTimes.set(i64.subarray(double + TABLE.min / 8, double + TABLE.min / 8 + count), from);
    this.maxTimes.set(i64.subarray(double + TABLE.max / 8, double + TABLE.max / 8 + count), from);
  }

  /**
   * Where the chunks of each of some ascending sources lie, which have all of the list: those of ids[i] are at starts[i] to
   * starts[i + 1]. Valid until the next call.
   */
  startsOf(ids: Uint32Array): Uint32Array {
    if (this.#starts.length <= ids.length) this.#starts = new Uint32Array(ids.length + 1);
    const starts = this.#starts;
    const { sources, count } = this;
    let at = 0;
    for (let i = 0; i < ids.length; i++) {
      starts[i] = at;
      const id = ids[i]!;
      while (at < count && sources[at] === id) at++;
    }
    starts[ids.length] = at;
    return starts;
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

/** Lists that are not in use. */
export class SpareChunkLists {
  readonly #lists: ChunkList[] = [];

  /** An empty list, with room for `capacity` entries if it is a new one. */
  take(capacity: number): ChunkList {
    return this.#lists.pop() ?? new ChunkList(capacity);
  }

  /** Takes a list back that nobody looks at any more. */
  give(list: ChunkList): void {
    if (this.#lists.length === SPARE_MAX || list.sources.length > SPARE_CAPACITY_MAX) return;
    list.clear();
    this.#lists.push(list);
  }
}
