/**
 * The series table: databases, measurements, fields and sources in linear memory, found by bytes without a string.
 *
 * Layout, which other kernels and TypeScript read through the accessors and offsets below:
 *
 *   measurement record (one for each pair of database and measurement name), 48 bytes
 *     0 u32 id, dense from 1      4 u32 fields           8 u32 pointer to field records     12 u32 capacity in fields
 *    16 u32 name pointer         20 u32 name bytes      24 u32 database pointer            28 u32 database bytes
 *    32 u32 sources              36..47 free for the table
 *   field record, 16 bytes; its index is the slot
 *     0 u32 name pointer          4 u16 name bytes       6 u8 family (FAMILY of engine/base/types.ts)   7 u8 zero
 *     8..15 free for the table (hash, prediction)
 *   source record, 64 bytes
 *     0 u32 id, dense from 1      4 u32 measurement      8 u32 key pointer      12 u32 key bytes
 *    16 u64 seen: bit s is set once slot s (below 64) holds a value           24 u32 pointer to further seen words or 0
 *    28 u32 builders: newest open slab (slabs.ts) or 0                        32 u32 chunks: sealed in the head (slabs.ts) or 0
 *    36 u32 log base: what the log's records count differences from (record.ts) or 0
 *    40 u32 log epoch: log file that wrote the base (record.ts)               44 u32 flags, 48..63 free for slabs.ts
 *
 * A source's key is canonical: u16 LE measurement bytes, measurement, then for every tag in byte order of the names
 * u16 name bytes, name, u16 value bytes, value; unescaped. Its database is the value of the tag `db`, or empty.
 *
 * Invariants
 * - Records never move and are never freed; ids are never reused.
 * - Two sources never have the same key; two measurements never the same database and name.
 * - A field's family never changes.
 */

export const SOURCE_ID: usize = 0;
export const SOURCE_MEASUREMENT: usize = 4;
export const SOURCE_KEY: usize = 8;
export const SOURCE_KEY_BYTES: usize = 12;
export const SOURCE_SEEN: usize = 16;
export const SOURCE_SEEN_MORE: usize = 24;
export const SOURCE_BUILDERS: usize = 28;
export const SOURCE_CHUNKS: usize = 32;
export const SOURCE_LOG_BASE: usize = 36;
export const SOURCE_LOG_EPOCH: usize = 40;
export const SOURCE_FLAGS: usize = 44;
export const SOURCE_SLABS: usize = 48;
export const SOURCE_BYTES: u32 = 64;

export const MEASUREMENT_ID: usize = 0;
export const MEASUREMENT_FIELDS: usize = 4;
export const MEASUREMENT_FIELD_RECORDS: usize = 8;
export const MEASUREMENT_NAME: usize = 16;
export const MEASUREMENT_NAME_BYTES: usize = 20;
export const MEASUREMENT_DATABASE: usize = 24;
export const MEASUREMENT_DATABASE_BYTES: usize = 28;

export const FIELD_NAME: usize = 0;
export const FIELD_NAME_BYTES: usize = 4;
export const FIELD_FAMILY: usize = 6;
export const FIELD_BYTES: u32 = 16;

/** Sets up empty tables. */
export function initSeriesTable(): void {}

/** Sources so far; ids run from 1 to this. */
export function sourceCount(): u32 {
  return 0;
}

/** Record of a source by its id, 0 for an id that does not exist. */
export function sourceById(id: u32): usize {
  return 0;
}

/** Measurements so far; ids run from 1 to this. */
export function measurementCount(): u32 {
  return 0;
}

export function measurementById(id: u32): usize {
  return 0;
}

/** Source with this canonical key; created when `create`, else 0. 0 also when the series limit refuses. */
export function findSource(key: usize, bytes: u32, create: bool): usize {
  return 0;
}

/** Creates (or finds) a measurement; database and name as bytes. */
export function findMeasurement(
  database: usize,
  databaseBytes: u32,
  name: usize,
  nameBytes: u32,
  create: bool,
): usize {
  return 0;
}

/** Slot of a field, created with `family` (1..6) when missing; -1 not there (family 0), -2 family conflict, -3 too many fields. */
export function findField(measurement: usize, name: usize, nameBytes: u32, family: u32): i32 {
  return -1;
}

/** Creates a source with a given id, for replay and load: ids may come with gaps but ascend. 0 when it contradicts the table. */
export function defineSource(id: u32, key: usize, bytes: u32): usize {
  return 0;
}

/** Series (pairs of source and slot with a value) so far, for the limit. */
export function seriesCount(): u32 {
  return 0;
}

/** Series that may exist; findSource and markSeen refuse beyond. */
export function setSeriesMax(series: u32): void {}

/** Whether the source's slot ever held a value. */
export function isSeen(source: usize, slot: u32): bool {
  return false;
}

/** Notes that the slot holds a value from now on. */
export function markSeen(source: usize, slot: u32): void {}
