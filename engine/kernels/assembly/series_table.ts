/**
 * The series table: databases, measurements, fields and sources in linear memory, found by bytes without a string.
 *
 * Layout, which other kernels and TypeScript read through the accessors and offsets below:
 *
 *   measurement record (one for each pair of database and measurement name), 48 bytes
 *     0 u32 id, dense from 1      4 u32 fields           8 u32 pointer to field records     12 u32 capacity in fields
 *    16 u32 name pointer         20 u32 name bytes      24 u32 database pointer            28 u32 database bytes
 *    32 u32 sources              36 u32 pointer to the hash of field names or 0        40..47 zero
 *   field records: field_table.ts
 *   source record, 64 bytes
 *     0 u32 id, dense from 1      4 u32 measurement      8 u32 key pointer      12 u32 key bytes
 *    16 u64 seen: bit s is set once slot s (below 64) holds a value           24 u32 pointer to further seen words or 0
 *    28 u32 builders: newest open slab (slabs.ts) or 0                        32 u32 chunks: sealed in the head (slabs.ts) or 0
 *    36 u32 log base: what the log's records count differences from (record.ts) or 0
 *    40 u32 log epoch: log file that wrote the base (record.ts)               44 u16 flags, 48..63 free for slabs.ts
 *    46 u16 seen slots in the last checkpoint, + 1 (definitions.ts)
 *
 * A source's key is canonical: u16 LE measurement bytes, measurement, then for every tag in byte order of the names
 * u16 name bytes, name, u16 value bytes, value; unescaped. Its database is the value of the tag `db`, or empty.
 *
 * Invariants
 * - Source and measurement records never move and are never freed; ids are never reused.
 * - Names and keys may be read 32 bytes past their end.
 * - Two sources never have the same key; two measurements never the same database and name.
 * - Creation and claims refuse past the series limit; definitions from disk and markSeen never do, since what is in the
 *   log must be applied.
 */
import {
  addToTable,
  firstSlot,
  initTable,
  LIST_BYTES,
  listAt,
  nextSlot,
  setListAt,
  TABLE_BYTES,
} from "./byte_table";
import { compareBytes, equalBytes, hashBytes, keepBytes, keepRoom } from "./bytes";
import { initFields } from "./field_table";
import { alloc, free, TAG_REGISTRY } from "./memory";

export * from "./field_table";

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
export const SOURCE_CHECKPOINTED: usize = 46;
export const SOURCE_SLABS: usize = 48;
export const SOURCE_BYTES: u32 = 64;

export const MEASUREMENT_ID: usize = 0;
export const MEASUREMENT_FIELDS: usize = 4;
export const MEASUREMENT_FIELD_RECORDS: usize = 8;
export const MEASUREMENT_NAME: usize = 16;
export const MEASUREMENT_NAME_BYTES: usize = 20;
export const MEASUREMENT_DATABASE: usize = 24;
export const MEASUREMENT_DATABASE_BYTES: usize = 28;

export const MEASUREMENT_SOURCES: usize = 32;
export const MEASUREMENT_CAPACITY: usize = 12;
export const MEASUREMENT_FIELD_HASH: usize = 36;
const MEASUREMENT_BYTES: u32 = 48;

/** Bytes of a measurement's, tag's or field's name, and of a tag's value. */
export const NAME_BYTES_MAX: u32 = 65535;
let sourceTable: usize = 0;
let measurementTable: usize = 0;
let sourceList: usize = 0;
let measurementList: usize = 0;
let sourceIdLast: u32 = 0;
let sources: u32 = 0;
let lateSources: u32 = 0;
let measurements: u32 = 0;
let series: u32 = 0;
let seriesMax: u32 = 0xffffffff;

/** Sets up empty tables. */
export function initSeriesTable(): void {
  const headers = alloc(TABLE_BYTES * 2 + LIST_BYTES * 2, TAG_REGISTRY);
  memory.fill(headers, 0, TABLE_BYTES * 2 + LIST_BYTES * 2);
  sourceTable = headers;
  measurementTable = headers + TABLE_BYTES;
  sourceList = measurementTable + TABLE_BYTES;
  measurementList = sourceList + LIST_BYTES;
  initTable(sourceTable, 1024, TAG_REGISTRY);
  initTable(measurementTable, 64, TAG_REGISTRY);
  initFields();
}

/** Highest source id; ids run from 1 to this, with gaps where definitions from disk left some. */
export function sourceCount(): u32 {
  return sourceIdLast;
}

/** Sources that exist. */
export function sourceTotal(): u32 {
  return sources;
}

/**
 * Sources defined so far with an id below the highest, as healing from segments does. An index that follows the ids
 * upwards has to start over when this changes.
 */
export function lateSourceCount(): u32 {
  return lateSources;
}

/** Record of a source by its id, 0 for an id that does not exist. */
export function sourceById(id: u32): usize {
  return listAt(sourceList, id);
}

/** Measurements so far; ids run from 1 to this. */
export function measurementCount(): u32 {
  return measurements;
}

/** Record of a measurement by its id, 0 for an id that does not exist. */
export function measurementById(id: u32): usize {
  return listAt(measurementList, id);
}

/** Source with this canonical key; created when `create`, else 0. 0 also when the series limit refuses or the key is not canonical. */
export function findSource(key: usize, bytes: u32, create: bool): usize {
  const hash = hashBytes(key, bytes, 0);
  const known = lookUpSource(key, bytes, hash);
  if (known != 0 || !create) return known;
  if (sources >= seriesMax || series >= seriesMax || sourceIdLast == 0xffffffff) return 0;
  return addSource(sourceIdLast + 1, key, bytes, hash);
}

/**
 * Creates a source with a given id, for replay and load; an id below the highest is taken while it is free.
 * Returns the existing record when it is already so; 0 when it contradicts the table or the key is not canonical.
 */
export function defineSource(id: u32, key: usize, bytes: u32): usize {
  if (id == 0) return 0;
  const hash = hashBytes(key, bytes, 0);
  const known = lookUpSource(key, bytes, hash);
  if (known != 0) return load<u32>(known, SOURCE_ID) == id ? known : 0;
  if (sourceById(id) != 0) return 0;
  return addSource(id, key, bytes, hash);
}

function lookUpSource(key: usize, bytes: u32, hash: u32): usize {
  let slot = firstSlot(sourceTable, hash);
  while (true) {
    const source = <usize> load<u32>(slot);
    if (source == 0) return 0;
    if (
      load<u32>(slot, 4) == hash && load<u32>(source, SOURCE_KEY_BYTES) == bytes &&
      equalBytes(load<u32>(source, SOURCE_KEY), key, bytes)
    ) return source;
    slot = nextSlot(sourceTable, slot);
  }
}

// Where the last well-formed key has the value of its tag `db`.
let databaseAt: usize = 0;
let databaseBytes: u32 = 0;

/** Whether a key is canonical: lengths add up, tags ascend, no name is empty. Notes its database. */
function readKey(key: usize, bytes: u32): bool {
  databaseAt = key;
  databaseBytes = 0;
  if (bytes < 2) return false;
  let left = bytes - 2;
  let size = <u32> load<u16>(key);
  if (size > left) return false;
  let at = key + 2 + size;
  left -= size;
  let previous: usize = 0;
  let previousBytes: u32 = 0;
  while (left > 0) {
    if (left < 4) return false;
    size = load<u16>(at);
    if (size == 0 || size > left - 4) return false;
    const name = at + 2;
    const valueBytes = <u32> load<u16>(name + size);
    if (valueBytes > left - 4 - size) return false;
    if (previous != 0 && compareBytes(previous, previousBytes, name, size) >= 0) return false;
    if (size == 2 && load<u16>(name) == 0x6264) {
      databaseAt = name + size + 2;
      databaseBytes = valueBytes;
    }
    previous = name;
    previousBytes = size;
    at = name + size + 2 + valueBytes;
    left -= 4 + size + valueBytes;
  }
  return true;
}

function addSource(id: u32, key: usize, bytes: u32, hash: u32): usize {
  if (!readKey(key, bytes)) return 0;
  const measurement = findMeasurement(databaseAt, databaseBytes, key + 2, load<u16>(key), true);
  const source = keepRoom(SOURCE_BYTES);
  memory.fill(source, 0, SOURCE_BYTES);
  store<u32>(source, id, SOURCE_ID);
  store<u32>(source, <u32> measurement, SOURCE_MEASUREMENT);
  store<u32>(source, <u32> keepBytes(key, bytes, 0), SOURCE_KEY);
  store<u32>(source, bytes, SOURCE_KEY_BYTES);
  store<u32>(measurement, load<u32>(measurement, MEASUREMENT_SOURCES) + 1, MEASUREMENT_SOURCES);
  addToTable(sourceTable, source, hash, TAG_REGISTRY);
  setListAt(sourceList, id, <u32> source, TAG_REGISTRY);
  sources++;
  if (id > sourceIdLast) sourceIdLast = id;
  else lateSources++;
  return source;
}

/** Finds a measurement, or creates it when `create`; database and name as bytes. 0 when it is not there or a name is too long. */
export function findMeasurement(
  database: usize,
  databaseBytes: u32,
  name: usize,
  nameBytes: u32,
  create: bool,
): usize {
  const hash = hashBytes(name, nameBytes, hashBytes(database, databaseBytes, 1));
  for (
    let slot = firstSlot(measurementTable, hash);;
    slot = nextSlot(measurementTable, slot)
  ) {
    const known = <usize> load<u32>(slot);
    if (known == 0) break;
    if (
      load<u32>(slot, 4) == hash && load<u32>(known, MEASUREMENT_NAME_BYTES) == nameBytes &&
      load<u32>(known, MEASUREMENT_DATABASE_BYTES) == databaseBytes &&
      equalBytes(load<u32>(known, MEASUREMENT_NAME), name, nameBytes) &&
      equalBytes(load<u32>(known, MEASUREMENT_DATABASE), database, databaseBytes)
    ) return known;
  }
  if (!create || nameBytes > NAME_BYTES_MAX || databaseBytes > NAME_BYTES_MAX) return 0;
  const measurement = keepRoom(MEASUREMENT_BYTES);
  memory.fill(measurement, 0, MEASUREMENT_BYTES);
  measurements++;
  store<u32>(measurement, measurements, MEASUREMENT_ID);
  store<u32>(measurement, <u32> keepBytes(name, nameBytes, 0), MEASUREMENT_NAME);
  store<u32>(measurement, nameBytes, MEASUREMENT_NAME_BYTES);
  store<u32>(measurement, <u32> keepBytes(database, databaseBytes, 0), MEASUREMENT_DATABASE);
  store<u32>(measurement, databaseBytes, MEASUREMENT_DATABASE_BYTES);
  addToTable(measurementTable, measurement, hash, TAG_REGISTRY);
  setListAt(measurementList, measurements, <u32> measurement, TAG_REGISTRY);
  return measurement;
}

/** Series (pairs of source and slot with a value) so far, for the limit. */
export function seriesCount(): u32 {
  return series;
}

/** Series that may exist; findSource and claimSeries refuse beyond. No limit at first, so that recovery is not refused. */
export function setSeriesMax(limit: u32): void {
  seriesMax = limit;
}

/** Series that may still be created. */
export function seriesRoom(): u32 {
  return series >= seriesMax ? 0 : seriesMax - series;
}

/** Whether the source's slot ever held a value. */
export function isSeen(source: usize, slot: u32): bool {
  if (slot < 64) return (load<u64>(source, SOURCE_SEEN) >> <u64> slot & 1) != 0;
  const more = <usize> load<u32>(source, SOURCE_SEEN_MORE);
  const word = (slot >> 6) - 1;
  if (more == 0 || word >= load<u32>(more)) return false;
  return (load<u64>(more + 8 + (<usize> word << 3)) >> <u64> (slot & 63) & 1) != 0;
}

/** Notes that the slot holds a value from now on, whatever the limit. */
export function markSeen(source: usize, slot: u32): void {
  if (isSeen(source, slot)) return;
  series++;
  if (slot < 64) {
    store<u64>(source, load<u64>(source, SOURCE_SEEN) | <u64> 1 << <u64> slot, SOURCE_SEEN);
    return;
  }
  const word = (slot >> 6) - 1;
  let more = <usize> load<u32>(source, SOURCE_SEEN_MORE);
  const words: u32 = more == 0 ? 0 : load<u32>(more);
  if (word >= words) more = growSeen(source, more, words, max<u32>(word + 1, words * 2));
  const at = more + 8 + (<usize> word << 3);
  store<u64>(at, load<u64>(at) | <u64> 1 << <u64> (slot & 63));
}

function growSeen(source: usize, old: usize, oldWords: u32, words: u32): usize {
  const more = alloc(8 + words * 8, TAG_REGISTRY);
  memory.fill(more, 0, 8 + <usize> words * 8);
  if (old != 0) {
    memory.copy(more + 8, old + 8, <usize> oldWords * 8);
    free(old, TAG_REGISTRY);
  }
  store<u32>(more, words);
  store<u32>(source, <u32> more, SOURCE_SEEN_MORE);
  return more;
}

/** Marks a slot as seen unless that would be one series too many: then false, and nothing is changed. */
export function claimSeries(source: usize, slot: u32): bool {
  if (isSeen(source, slot)) return true;
  if (series >= seriesMax) return false;
  markSeen(source, slot);
  return true;
}
