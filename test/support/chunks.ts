/** Staged rows and chunks for tests: plain values into linear memory and back. */
import { FAMILY, type FamilyCode } from "../../engine/base/types.ts";
import { EFFORT } from "../../engine/chunk/chunk.ts";
import { Kernels } from "../../engine/kernels/kernels.ts";

/** A value: bits of the numeric families, bytes of blobs and histograms, undefined where a row has none. */
export type Cell = bigint | Uint8Array | undefined;

export interface TestColumn {
  readonly slot: number;
  readonly family: FamilyCode;
  readonly cells: readonly Cell[];
}

export interface TestRows {
  readonly times: readonly bigint[];
  readonly columns: readonly TestColumn[];
}

export type Effort = (typeof EFFORT)[keyof typeof EFFORT];

export function isBlobFamily(family: FamilyCode): boolean {
  return family === FAMILY.blob || family === FAMILY.histogram;
}

const bitsView = new DataView(new ArrayBuffer(8));

/** Bits of a double as an unsigned number. */
export function bitsOf(value: number): bigint {
  bitsView.setFloat64(0, value);
  return bitsView.getBigUint64(0);
}

export function doubleOf(bits: bigint): number {
  bitsView.setBigUint64(0, bits);
  return bitsView.getFloat64(0);
}

/** Linear memory of a test, and chunks in it. */
export class ChunkBench {
  readonly kernels: Kernels = new Kernels();
  #blocks: number[] = [];

  alloc(bytes: number): number {
    const block = this.kernels.alloc(Math.max(bytes, 16), "scratch");
    this.#blocks.push(block);
    return block;
  }

  /** Frees all that was allocated since the last call. */
  clear(): void {
    for (const block of this.#blocks) this.kernels.free(block, "scratch");
    this.#blocks = [];
  }

  #stageColumn(entry: number, column: TestColumn, rows: number): void {
    const bits = this.alloc(rows * 8);
    const isSparse = column.cells.some((cell) => cell === undefined);
    const presence = isSparse ? this.alloc(Math.ceil(rows / 8)) : 0;
    if (isSparse) this.kernels.u8.fill(0, presence, presence + Math.ceil(rows / 8));
    column.cells.forEach((cell, row) => {
      // Absent cells hold what must not matter.
      let value = 0xdead_beef_dead_beefn;
      if (cell instanceof Uint8Array) {
        const pointer = this.alloc(cell.length);
        this.kernels.u8.set(cell, pointer);
        value = BigInt(pointer) | (BigInt(cell.length) << 32n);
      } else if (cell !== undefined) value = cell;
      this.kernels.i64[bits / 8 + row] = BigInt.asIntN(64, value);
      if (isSparse && cell !== undefined) {
        this.kernels.u8[presence + (row >> 3)]! |= 1 << (row & 7);
      }
    });
    const view = new DataView(this.kernels.u8.buffer);
    view.setUint16(entry, column.slot, true);
    view.setUint8(entry + 2, column.family);
    view.setUint8(entry + 3, 0);
    view.setUint32(entry + 4, bits, true);
    view.setUint32(entry + 8, presence, true);
    view.setUint32(entry + 12, 0, true);
  }

  /** Lays rows out in linear memory. */
  stage(rows: TestRows): { times: number; columns: number } {
    const times = this.alloc(rows.times.length * 8);
    const columns = this.alloc(rows.columns.length * 16);
    rows.times.forEach((time, row) => this.kernels.i64[times / 8 + row] = time);
    rows.columns.forEach((column, i) =>
      this.#stageColumn(columns + i * 16, column, rows.times.length)
    );
    return { times, columns };
  }

  /** Encodes rows; the chunk stays in linear memory until `clear`. */
  encode(rows: TestRows, effort: Effort): { pointer: number; bytes: number } {
    const { times, columns } = this.stage(rows);
    const { exports } = this.kernels;
    const count = rows.columns.length;
    const bound = exports.chunkBytesBound(rows.times.length, columns, count);
    const pointer = this.alloc(bound + 8);
    this.kernels.u8.fill(0xa5, pointer + bound, pointer + bound + 8);
    const bytes = exports.encodeChunk(times, rows.times.length, columns, count, pointer, effort);
    this.kernels.refresh();
    for (let i = 0; i < 8; i++) {
      if (this.kernels.u8[pointer + bound + i] !== 0xa5) throw new Error("Bound overrun");
    }
    return { pointer, bytes };
  }

  /** Copies bytes into linear memory, at the very end of a block of the same size. */
  place(bytes: Uint8Array): { pointer: number; bytes: number } {
    const pointer = this.alloc(bytes.length);
    this.kernels.u8.set(bytes, pointer);
    return { pointer, bytes: bytes.length };
  }

  bytesOf(chunk: { pointer: number; bytes: number }): Uint8Array {
    return this.kernels.u8.slice(chunk.pointer, chunk.pointer + chunk.bytes);
  }

  #cell(bits: bigint, family: FamilyCode): Cell {
    if (!isBlobFamily(family)) return bits;
    const pointer = Number(bits & 0xffff_ffffn);
    return this.kernels.u8.slice(pointer, pointer + Number(bits >> 32n));
  }

  #bitsAt(pointer: number, row: number): bigint {
    return BigInt.asUintN(64, this.kernels.i64[pointer / 8 + row]!);
  }

  /** Decodes a whole chunk; undefined when it is damaged. */
  decode(chunk: { pointer: number; bytes: number }): TestRows | undefined {
    const { exports } = this.kernels;
    const rows = exports.chunkRows(chunk.pointer, chunk.bytes);
    const count = exports.chunkColumns(chunk.pointer, chunk.bytes);
    if (rows < 0 || count < 0) return undefined;
    const target = this.alloc(rows * 8);
    if (exports.decodeTimes(chunk.pointer, chunk.bytes, target) !== rows) return undefined;
    const times = Array.from({ length: rows }, (_, row) => this.kernels.i64[target / 8 + row]!);
    const columns: TestColumn[] = [];
    const presence = this.alloc(Math.ceil(rows / 8));
    for (let i = 0; i < count; i++) {
      const key = exports.chunkColumn(chunk.pointer, chunk.bytes, i);
      const values = exports.decodeColumn(chunk.pointer, chunk.bytes, i, target, presence);
      if (key < 0 || values < 0) return undefined;
      if (exports.chunkHolds(chunk.pointer, chunk.bytes, key & 0xffff) !== 1) return undefined;
      const family = (key >> 16) as FamilyCode;
      const cells = Array.from({ length: rows }, (_, row) => {
        const isThere = (this.kernels.u8[presence + (row >> 3)]! >> (row & 7)) & 1;
        return isThere === 1 ? this.#cell(this.#bitsAt(target, row), family) : undefined;
      });
      columns.push({ slot: key & 0xffff, family, cells });
    }
    return { times, columns };
  }

  /** Points of a slot with first <= t <= last; undefined when damaged. */
  read(
    chunk: { pointer: number; bytes: number },
    query: { slot: number; family: FamilyCode; first: bigint; last: bigint; rows: number },
  ): (readonly [bigint, Cell])[] | undefined {
    const times = this.alloc(query.rows * 8);
    const bits = this.alloc(query.rows * 8);
    const { slot, first, last } = query;
    const points = this.kernels.exports.readColumn(
      chunk.pointer,
      chunk.bytes,
      slot,
      first,
      last,
      times,
      bits,
    );
    if (points < 0) return undefined;
    return Array.from({ length: points }, (_, i) =>
      [
        this.kernels.i64[times / 8 + i]!,
        this.#cell(this.#bitsAt(bits, i), query.family),
      ] as const);
  }

  /** The same points of a numeric family, as doubles and milliseconds of a million ticks; undefined when damaged. */
  readDoubles(
    chunk: { pointer: number; bytes: number },
    query: { slot: number; first: bigint; last: bigint; rows: number },
  ): (readonly [number, number])[] | undefined {
    const times = this.alloc(query.rows * 8);
    const values = this.alloc(query.rows * 8);
    const { slot, first, last } = query;
    const { pointer, bytes } = chunk;
    const { readColumnDoubles } = this.kernels.exports;
    const points = readColumnDoubles(pointer, bytes, slot, first, last, times, values, 1e6);
    if (points < 0) return undefined;
    return Array.from({ length: points }, (_, i) =>
      [
        settled(this.kernels.f64[times / 8 + i]!),
        this.kernels.f64[values / 8 + i]!,
      ] as const);
  }
}

/** The double that a cell of a numeric family is read as. */
export function numberOf(bits: bigint, family: FamilyCode): number {
  if (family === FAMILY.f64) return doubleOf(bits);
  return Number(family === FAMILY.i64 ? BigInt.asIntN(64, bits) : bits);
}

/**
 * Milliseconds without what depends on the points beside: near 1970 a fraction is as exact as its distance to the first point
 * allows.
 */
function settled(ms: number): number {
  return Math.abs(ms) < 1e6 ? Math.round(ms * 1e9) / 1e9 : ms;
}

/** Times as milliseconds of a million ticks, by the kernel that turns any times. */
export function msOf(kernels: Kernels, times: readonly bigint[]): number[] {
  const block = kernels.alloc(Math.max(8, times.length * 8), "scratch");
  kernels.i64.set(times, block >> 3);
  kernels.exports.timesToMs(block, times.length, 1e6);
  const ms = [...kernels.f64.subarray(block >> 3, (block >> 3) + times.length)].map(settled);
  kernels.free(block, "scratch");
  return ms;
}
