/**
 * Chunks: encoded runs of rows of one source. Encoding and decoding run in the kernels
 * (engine/kernels/assembly/chunk.ts); this is their contract and the layout of staged rows.
 *
 * Staged rows (what is encoded, and what decoding a whole chunk gives):
 *   times     i64 x rows, strictly ascending
 *   columns   table of 16-byte entries, ascending by slot:
 *               0 u16 slot   2 u8 family   3 u8 0   4 u32 bits pointer (u64 x rows)
 *               8 u32 presence pointer (bit r of a little-endian bitmap: row r has a value; 0 = all rows have one)   12 u32 0
 *   bits      f64 bits, i64, u64, 0/1 for bool; for blob and histogram pointer | bytes << 32. Undefined where absent.
 */

/** Rows that one chunk may hold. */
export const CHUNK_ROWS_MAX = 8_192;

/** `fast`: sealing in the write path. `small`: compaction, which may spend more for fewer bytes. */
export const EFFORT = { fast: 0, small: 1 } as const;

export interface ChunkKernel {
  /** Upper bound of the bytes that encodeChunk writes for these staged rows. */
  chunkBytesBound(rows: number, columns: number, columnCount: number): number;
  /** Encodes staged rows at `target`; returns the bytes. Infallible for valid staged rows of any values. */
  encodeChunk(
    times: number,
    rows: number,
    columns: number,
    columnCount: number,
    target: number,
    effort: number,
  ): number;
  /** Rows of a chunk, -1 when its header is damaged. */
  chunkRows(chunk: number, bytes: number): number;
  /** EFFORT that a chunk was encoded with, -1 when damaged. */
  chunkEffort(chunk: number, bytes: number): number;
  /** Columns of a chunk, -1 when damaged. */
  chunkColumns(chunk: number, bytes: number): number;
  /** Slot | family << 16 of column i. */
  chunkColumn(chunk: number, bytes: number, index: number): number;
  /** Whether there is a column of this slot, 1 or 0; -1 when damaged. */
  chunkHolds(chunk: number, bytes: number, slot: number): number;
  /** Decodes all timestamps into i64 x rows; rows, or -1 when damaged. */
  decodeTimes(chunk: number, bytes: number, target: number): number;
  /**
   * Decodes the points of one slot with first <= t <= last, absent rows left out: times into i64, bits into u64, both
   * with room for the chunk's rows. Blob bits point into the chunk. Returns the points (0 when the slot is not there), -1 when damaged.
   */
  readColumn(
    chunk: number,
    bytes: number,
    slot: number,
    first: bigint,
    last: bigint,
    times: number,
    bits: number,
  ): number;
  /** The same for a numeric column: values as the nearest doubles, times as milliseconds of so many ticks, 0: as ticks. */
  readColumnDoubles(
    chunk: number,
    bytes: number,
    slot: number,
    first: bigint,
    last: bigint,
    times: number,
    values: number,
    ticksPerMs: number,
  ): number;
  /** Decodes a column for all rows: bits (undefined where absent) and presence bitmap; returns values present, -1 when damaged. */
  decodeColumn(chunk: number, bytes: number, index: number, bits: number, presence: number): number;
  /** Merges two ascending runs (times i64, bits u64); at equal times `newer` wins. Returns the points at the targets. */
  mergeRuns(
    olderTimes: number,
    olderBits: number,
    olderCount: number,
    newerTimes: number,
    newerBits: number,
    newerCount: number,
    times: number,
    bits: number,
  ): number;
}
