/**
 * Tables of index entries in linear memory, as engine/kernels/assembly/segment_index.ts reads and writes them: columns
 * of INDEX_CHUNKS_MAX entries, one behind the other.
 */

/** Entries of a table, and so chunks that one index block may describe. */
export const INDEX_CHUNKS_MAX = 1_024;
export const INDEX_TABLE_BYTES: number = INDEX_CHUNKS_MAX * 40;
/** Upper bound of an encoded index block. */
export const INDEX_BLOCK_BYTES_MAX: number = INDEX_CHUNKS_MAX * 42 + 64;

/** Byte offsets of the columns: source, rows, bytes and place are u32, offsets f64, min and max i64. */
export const TABLE: {
  readonly sources: number;
  readonly rows: number;
  readonly bytes: number;
  readonly places: number;
  readonly offsets: number;
  readonly min: number;
  readonly max: number;
} = {
  sources: 0,
  rows: 4 * INDEX_CHUNKS_MAX,
  bytes: 8 * INDEX_CHUNKS_MAX,
  places: 12 * INDEX_CHUNKS_MAX,
  offsets: 16 * INDEX_CHUNKS_MAX,
  min: 24 * INDEX_CHUNKS_MAX,
  max: 32 * INDEX_CHUNKS_MAX,
};
