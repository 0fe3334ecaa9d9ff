/** Constants of chunks that writer, reader and merger share; the layout stands in chunk.ts. */

export const LAYOUT: u32 = 1;
/** Bit of the first byte: encoded with the effort `small`. */
export const LAYOUT_SMALL: u32 = 16;
export const CHUNK_ROWS_MAX: u32 = 8192;
export const SLOT_MAX: u32 = 65535;

export const FAMILY_F64: u32 = 1;
export const FAMILY_I64: u32 = 2;
export const FAMILY_U64: u32 = 3;
export const FAMILY_BOOL: u32 = 4;
export const FAMILY_BLOB: u32 = 5;
export const FAMILY_HISTOGRAM: u32 = 6;
/** Bit of a column's family byte: some rows have no value. */
export const SPARSE: u32 = 8;
/** First byte of a presence that is another column's. */
export const SAME_PRESENCE: u32 = 5;
