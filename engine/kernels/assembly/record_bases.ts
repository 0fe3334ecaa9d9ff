/**
 * What log records count from: shapes and bases, both of one epoch. An epoch begins with every log file and at every record
 * that restarts; writer and reader build the same shapes and bases from the same rows.
 *
 *   shape: the measurement and slots of a row, in the row's order; numbered from 0 within the epoch
 *      0 u32 number            4 u32 columns           8 u32 measurement (reader: that it was last checked against)
 *     12 u32 next of its hash bucket                  16 u32 rows in the record at hand   20 u32 rows taken so far
 *     24 u32 record stamp     28 u32 next shape of the record                             32 u32 its list of rows
 *     36 u32 its numbers      40 u32 newest: values of the row written last, where a row without base counts from
 *     44 u32 hash             48 u32 column states    52 u32 slots                        56 u32 plain: integers only
 *     64 f64 or u64 values of the last row that has no base of its own, 8 bytes a column
 *   column state, 8 bytes: 0 u8 family   1 u8 kind   2 u8 exponent of this record   4 u32 exceptions of this record
 *
 *   base: the last row of one source in one shape
 *      0 u32 next base of the source     4 u32 shape     8 i64 time     16 i64 step (time less the time before)
 *     24 u32 source                     28 u32 successor: base of the row that followed it last
 *     32 u32 rows, 1 or 2 (more)        40 u64 values, 8 bytes a column
 *
 * SOURCE_LOG_BASE of a source whose SOURCE_LOG_EPOCH is the epoch: its newest base; or, odd, number * 2 + 1 of the shape
 * of its last row when it has no base.
 *
 * Which row gets a base is part of the format: see addBase.
 */
import { equalBytes, hashBytes } from "./bytes";
import { alloc, free, TAG_HEAD } from "./memory";
import {
  FIELD_BYTES,
  FIELD_FAMILY,
  MEASUREMENT_FIELD_RECORDS,
  MEASUREMENT_FIELDS,
  SOURCE_BYTES,
  SOURCE_ID,
  SOURCE_LOG_BASE,
  SOURCE_LOG_EPOCH,
} from "./series_table";

export const SHAPE_NUMBER: usize = 0;
export const SHAPE_COLUMNS: usize = 4;
export const SHAPE_MEASUREMENT: usize = 8;
export const SHAPE_ROWS: usize = 16;
export const SHAPE_TAKEN: usize = 20;
export const SHAPE_STAMP: usize = 24;
export const SHAPE_USED_NEXT: usize = 28;
export const SHAPE_LIST: usize = 32;
export const SHAPE_NUMBERS: usize = 36;
export const SHAPE_NEWEST: usize = 40;
export const SHAPE_STATES: usize = 48;
export const SHAPE_SLOTS: usize = 52;
export const SHAPE_PLAIN: usize = 56;
export const SHAPE_VALUES: usize = 64;
const SHAPE_BUCKET_NEXT: usize = 12;
const SHAPE_HASH: usize = 44;

export const STATE_FAMILY: usize = 0;
export const STATE_KIND: usize = 1;
export const STATE_EXPONENT: usize = 2;
export const STATE_EXCEPTIONS: usize = 4;

/** How the numbers of a column come from its values. */
export const KIND_INTEGER: u8 = 0;
export const KIND_DECIMAL: u8 = 1;
export const KIND_BITS: u8 = 2;
export const KIND_BOOL: u8 = 3;
export const KIND_BLOB: u8 = 4;

export const BASE_SHAPE: usize = 4;
export const BASE_TIME: usize = 8;
export const BASE_STEP: usize = 16;
export const BASE_SOURCE: usize = 24;
export const BASE_SUCCESSOR: usize = 28;
export const BASE_ROWS: usize = 32;
export const BASE_VALUES: usize = 40;
const BASE_NEXT: usize = 0;

/** Bases a source may have, one a shape. */
const BASES_A_SOURCE_MAX: u32 = 8;
/** Columns of a shape that has bases. */
const BASE_COLUMNS_MAX: u32 = 4096;
/** While bases take less, a source's first row in the epoch gets one; later only its second. */
const EAGER_BYTES: u32 = 2 << 20;
/** Bases take no more than this (and the last one). */
const BASE_BYTES_MAX: u32 = 16 << 20;
/** Shapes an epoch may have; a reader refuses more. */
const SHAPES_MAX: u32 = 65536;
const PHANTOMS_MAX: u32 = 65536;

const ARENA_BLOCK: u32 = 1 << 16;
const ARENA_HEADER: u32 = 16;
const BUCKETS: u32 = 1024;
const PHANTOM_BUCKETS: u32 = 256;
const PHANTOM_NEXT: usize = 60;

let epoch: u32 = 0;
let arenaBlocks: usize = 0;
let arenaAt: usize = 0;
let arenaEnd: usize = 0;
let baseBytes: u32 = 0;
let shapeBytes: u32 = 0;
let shapes: u32 = 0;
let shapeList: usize = 0;
let shapeListCapacity: u32 = 0;
let buckets: usize = 0;
let phantomBuckets: usize = 0;
let phantoms: u32 = 0;

export function initRecordBases(): void {
  buckets = alloc((BUCKETS + PHANTOM_BUCKETS) * 4, TAG_HEAD);
  phantomBuckets = buckets + BUCKETS * 4;
}

/** Forgets all shapes and bases. */
export function beginEpoch(): void {
  epoch++;
  while (arenaBlocks != 0) {
    const next = <usize> load<u32>(arenaBlocks);
    free(arenaBlocks, TAG_HEAD);
    arenaBlocks = next;
  }
  if (shapeList != 0) free(shapeList, TAG_HEAD);
  shapeList = 0;
  shapeListCapacity = 0;
  arenaAt = 0;
  arenaEnd = 0;
  baseBytes = 0;
  shapeBytes = 0;
  shapes = 0;
  phantoms = 0;
  memory.fill(buckets, 0, (BUCKETS + PHANTOM_BUCKETS) * 4);
}

/** Bytes of this epoch's bases. */
export function epochBaseBytes(): u32 {
  return baseBytes;
}

/** Bytes of this epoch's shapes. */
export function epochShapeBytes(): u32 {
  return shapeBytes;
}

/** Zeroed bytes until the next epoch. */
function take(bytes: u32): usize {
  bytes = (bytes + 15) & ~15;
  let at = arenaAt;
  if (at + bytes > arenaEnd || at == 0) {
    const size = max<u32>(ARENA_BLOCK, bytes + ARENA_HEADER);
    const block = alloc(size, TAG_HEAD);
    store<u32>(block, <u32> arenaBlocks);
    arenaBlocks = block;
    at = block + ARENA_HEADER;
    // What is left in the block before is given up only for a block that has more room.
    if (size == ARENA_BLOCK) {
      arenaEnd = block + size;
      arenaAt = at + bytes;
    }
  } else arenaAt = at + bytes;
  memory.fill(at, 0, bytes);
  return at;
}

/** Shapes of this epoch; numbers run from 0 to this, exclusive. */
export function shapeCount(): u32 {
  return shapes;
}

/** The shape with a number below shapeCount. */
export function shapeAt(number: u32): usize {
  return <usize> load<u32>(shapeList + <usize> number * 4);
}

/** Adds a shape whose slots and families are still zero. 0 when there are too many. */
export function newShape(columns: u32): usize {
  if (shapes >= SHAPES_MAX) return 0;
  const bytes = <u32> SHAPE_VALUES + columns * 18 + 16;
  const shape = take(bytes);
  shapeBytes += bytes;
  if (shapes == shapeListCapacity) {
    const capacity = max<u32>(64, shapeListCapacity * 2);
    const list = alloc(capacity * 4, TAG_HEAD);
    memory.copy(list, shapeList, shapes * 4);
    if (shapeList != 0) free(shapeList, TAG_HEAD);
    shapeList = list;
    shapeListCapacity = capacity;
  }
  store<u32>(shapeList + <usize> shapes * 4, <u32> shape);
  store<u32>(shape, shapes++, SHAPE_NUMBER);
  store<u32>(shape, columns, SHAPE_COLUMNS);
  const states = shape + SHAPE_VALUES + <usize> columns * 8;
  store<u32>(shape, <u32> states, SHAPE_STATES);
  store<u32>(shape, <u32> (states + <usize> columns * 8), SHAPE_SLOTS);
  store<u32>(shape, <u32> (shape + SHAPE_VALUES), SHAPE_NEWEST);
  store<u32>(shape, 1, SHAPE_PLAIN);
  return shape;
}

/** Sets slot and family of a shape's column. */
export function setShapeColumn(shape: usize, column: u32, slot: u32, family: u32): void {
  store<u16>(<usize> load<u32>(shape, SHAPE_SLOTS) + <usize> column * 2, <u16> slot);
  const state = <usize> load<u32>(shape, SHAPE_STATES) + <usize> column * 8;
  let kind = KIND_BLOB;
  if (family == 1) kind = KIND_DECIMAL;
  else if (family == 2 || family == 3) kind = KIND_INTEGER;
  else if (family == 4) kind = KIND_BOOL;
  store<u8>(state, <u8> family, STATE_FAMILY);
  store<u8>(state, kind, STATE_KIND);
  if (kind != KIND_INTEGER) store<u32>(shape, 0, SHAPE_PLAIN);
}

/** Whether a row of this measurement with these slots has the shape. */
export function isShape(shape: usize, measurement: usize, slots: usize, columns: u32): bool {
  return load<u32>(shape, SHAPE_MEASUREMENT) == <u32> measurement &&
    load<u32>(shape, SHAPE_COLUMNS) == columns &&
    equalBytes(load<u32>(shape, SHAPE_SLOTS), slots, columns * 2);
}

/** The writer's shape of these slots, made when missing. */
export function shapeOf(measurement: usize, slots: usize, columns: u32): usize {
  const hash = hashBytes(slots, columns * 2, <u32> measurement);
  const bucket = buckets + <usize> (hash & (BUCKETS - 1)) * 4;
  let shape = <usize> load<u32>(bucket);
  while (shape != 0) {
    if (load<u32>(shape, SHAPE_HASH) == hash && isShape(shape, measurement, slots, columns)) {
      return shape;
    }
    shape = load<u32>(shape, SHAPE_BUCKET_NEXT);
  }
  shape = newShape(columns);
  if (shape == 0) unreachable();
  store<u32>(shape, <u32> measurement, SHAPE_MEASUREMENT);
  store<u32>(shape, hash, SHAPE_HASH);
  store<u32>(shape, load<u32>(bucket), SHAPE_BUCKET_NEXT);
  store<u32>(bucket, <u32> shape);
  const fields = <usize> load<u32>(measurement, MEASUREMENT_FIELD_RECORDS);
  for (let c: u32 = 0; c < columns; c++) {
    const slot = <u32> load<u16>(slots + <usize> c * 2);
    const family = load<u8>(fields + <usize> slot * FIELD_BYTES, FIELD_FAMILY);
    setShapeColumn(shape, c, slot, family);
  }
  return shape;
}

/** Whether the measurement's fields are those the shape was read with. */
export function fitsMeasurement(shape: usize, measurement: usize): bool {
  if (load<u32>(shape, SHAPE_MEASUREMENT) == <u32> measurement) return true;
  const count = load<u32>(measurement, MEASUREMENT_FIELDS);
  const fields = <usize> load<u32>(measurement, MEASUREMENT_FIELD_RECORDS);
  const slots = <usize> load<u32>(shape, SHAPE_SLOTS);
  const states = <usize> load<u32>(shape, SHAPE_STATES);
  for (let c: u32 = 0; c < load<u32>(shape, SHAPE_COLUMNS); c++) {
    const slot = <u32> load<u16>(slots + <usize> c * 2);
    if (slot >= count) return false;
    const family = load<u8>(fields + <usize> slot * FIELD_BYTES, FIELD_FAMILY);
    if (family != load<u8>(states + <usize> c * 8, STATE_FAMILY)) return false;
  }
  store<u32>(shape, <u32> measurement, SHAPE_MEASUREMENT);
  return true;
}

/** Shape of the source's newest base or of its only row in this epoch, 0 when there is none. */
export function newestShape(source: usize): usize {
  if (load<u32>(source, SOURCE_LOG_EPOCH) != epoch) return 0;
  const word = load<u32>(source, SOURCE_LOG_BASE);
  if (word == 0) return 0;
  return (word & 1) != 0 ? shapeAt(word >> 1) : <usize> load<u32>(<usize> word, BASE_SHAPE);
}

/** The source's base in a shape, 0 when there is none. */
export function findBase(source: usize, shape: usize): usize {
  if (load<u32>(source, SOURCE_LOG_EPOCH) != epoch) return 0;
  let base = <usize> load<u32>(source, SOURCE_LOG_BASE);
  if ((base & 1) != 0) return 0;
  while (base != 0 && load<u32>(base, BASE_SHAPE) != <u32> shape) {
    base = load<u32>(base, BASE_NEXT);
  }
  return base;
}

/**
 * Gives the source a base in a shape in which it has none; 0 when it gets none. A first row in the epoch gets one while
 * bases take less than EAGER_BYTES, a later row while they take less than BASE_BYTES_MAX; a source has at most
 * BASES_A_SOURCE_MAX, a shape of more than BASE_COLUMNS_MAX columns has none.
 */
export function addBase(source: usize, shape: usize): usize {
  const columns = load<u32>(shape, SHAPE_COLUMNS);
  let word: u32 = 0;
  let most = EAGER_BYTES;
  if (load<u32>(source, SOURCE_LOG_EPOCH) == epoch) {
    word = load<u32>(source, SOURCE_LOG_BASE);
    most = BASE_BYTES_MAX;
  } else store<u32>(source, epoch, SOURCE_LOG_EPOCH);
  const next: usize = (word & 1) != 0 ? 0 : <usize> word;
  if (baseBytes >= most || columns > BASE_COLUMNS_MAX || !hasRoomForBase(next)) {
    if (next == 0) store<u32>(source, load<u32>(shape, SHAPE_NUMBER) << 1 | 1, SOURCE_LOG_BASE);
    return 0;
  }
  const bytes = <u32> BASE_VALUES + columns * 8;
  const base = take(bytes);
  baseBytes += (bytes + 15) & ~15;
  store<u32>(base, <u32> next, BASE_NEXT);
  store<u32>(base, <u32> shape, BASE_SHAPE);
  store<u32>(base, <u32> source, BASE_SOURCE);
  store<u32>(source, <u32> base, SOURCE_LOG_BASE);
  return base;
}

function hasRoomForBase(base: usize): bool {
  let count: u32 = 0;
  while (base != 0) {
    count++;
    base = load<u32>(base, BASE_NEXT);
  }
  return count < BASES_A_SOURCE_MAX;
}

/** A stand-in for a source that the table does not know, so that the rows behind its rows can be read; 0 when too many. */
export function phantomOf(id: u32): usize {
  const bucket = phantomBuckets + <usize> (id & (PHANTOM_BUCKETS - 1)) * 4;
  let source = <usize> load<u32>(bucket);
  while (source != 0) {
    if (load<u32>(source, SOURCE_ID) == id) return source;
    source = load<u32>(source, PHANTOM_NEXT);
  }
  if (phantoms >= PHANTOMS_MAX) return 0;
  phantoms++;
  source = take(SOURCE_BYTES);
  store<u32>(source, id, SOURCE_ID);
  store<u32>(source, load<u32>(bucket), PHANTOM_NEXT);
  store<u32>(bucket, <u32> source);
  return source;
}
