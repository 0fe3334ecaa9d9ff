/**
 * Chunks: encoded runs of rows of one source; docs/format/chunk.md. Staged rows: engine/chunk/chunk.ts.
 *
 *   1 byte   layout, 1
 *   varint   rows, 1 to CHUNK_ROWS_MAX
 *   varint   columns
 *   varint   bytes of the timestamp column
 *   for each column, ascending by slot:
 *     varint   slot less the previous one less 1 (the first: the slot)
 *     1 byte   bits 0-2 family, bit 3: some rows have no value
 *     varint   bytes, but for the last column, which reaches to the end
 *   ...      timestamp column (times.ts)
 *   ...      columns: presence when bit 3 is set, then the values of the rows that have one
 *              f64 floats.ts; i64, u64 1 kind byte and numbers.ts; bool bitmaps.ts; blob, histogram blobs.ts
 *
 * Presence is a bitmap (bitmaps.ts), or the byte 5 and a varint: the column that has the same presence, with a bitmap of
 * its own. A column that no row has a value of is left out.
 *
 * Invariants
 * - Encoding succeeds for all values and all strictly ascending times.
 * - Decoders read nothing outside the chunk, write nothing outside the targets, and answer -1 to damaged bytes. A chunk whose
 *   damage leaves it well-formed decodes to other values: checksums are the segment's affair.
 */
import { alloc, TAG_SCRATCH } from "./memory";
import { countBits, decodeBitmap, encodeBitmap, spreadBits } from "./bitmaps";
import { decodeBlobs, encodeBlobs, initBlobs } from "./blobs";
import { decodeFloats, encodeFloats, initFloats } from "./floats";
import { decodeNumbers, encodeNumbers, initNumbers } from "./numbers";
import { AS_INTEGERS, initRuns } from "./runs";
import { decodeTimeColumn, decodeTimeRange, encodeTimes, rangeFrom, rangeTo } from "./times";
import {
  endOfWindow,
  getByte,
  getCount,
  getVarint,
  isDamaged,
  markDamaged,
  openWindow,
  position,
  putVarint,
  take,
} from "./varints";

const LAYOUT: u32 = 1;
const CHUNK_ROWS_MAX: u32 = 8192;
const SLOT_MAX: u32 = 65535;
const FAMILY_F64: u32 = 1;
const FAMILY_BOOL: u32 = 4;
const FAMILY_BLOB: u32 = 5;
const FAMILY_HISTOGRAM: u32 = 6;
const SPARSE: u32 = 8;
const SAME_PRESENCE: u32 = 5;
/** Bytes of a staged column's entry, and its fields. */
const COLUMN_BYTES: u32 = 16;
const COLUMN_FAMILY: usize = 2;
const COLUMN_BITS: usize = 4;
const COLUMN_PRESENCE: usize = 8;
/** Columns whose presence others are compared with. */
const PRESENCES_MAX: u32 = 8;

// Scratch: values of the rows that have one, integers to be encoded, a bitmap, and columns with a presence of their own.
let dense: usize = 0;
let integers: usize = 0;
let bitmap: usize = 0;
let presences: usize = 0;
let presenceCount: u32 = 0;

export function initChunk(): void {
  dense = alloc(CHUNK_ROWS_MAX * 8, TAG_SCRATCH);
  integers = alloc(CHUNK_ROWS_MAX * 8, TAG_SCRATCH);
  bitmap = alloc(CHUNK_ROWS_MAX / 8 + 16, TAG_SCRATCH);
  presences = alloc(PRESENCES_MAX * 8, TAG_SCRATCH);
  initRuns();
  initNumbers();
  initFloats();
  initBlobs();
}

// ---- Encoding ----

// @ts-ignore: decorator
function isString(family: u32): bool {
  return family == FAMILY_BLOB || family == FAMILY_HISTOGRAM;
}

/** Upper bound of what encodeChunk writes and touches for these staged rows. */
export function chunkBytesBound(rows: u32, columns: usize, columnCount: u32): u32 {
  const perColumn = rows * 9 + (rows >> 3) + 192;
  let bound = 64 + rows * 20 + perColumn;
  for (let c: u32 = 0; c < columnCount; c++) {
    const column = columns + c * COLUMN_BYTES;
    bound += perColumn;
    if (!isString(load<u8>(column, COLUMN_FAMILY))) continue;
    const bits = <usize> load<u32>(column, COLUMN_BITS);
    const presence = <usize> load<u32>(column, COLUMN_PRESENCE);
    for (let r: u32 = 0; r < rows; r++) {
      if (presence == 0 || hasBit(presence, r)) bound += load<u32>(bits + r * 8, 4);
    }
  }
  return bound;
}

// @ts-ignore: decorator
function hasBit(bits: usize, row: u32): bool {
  return ((<u32> load<u8>(bits + (row >> 3)) >> (row & 7)) & 1) != 0;
}

/** Values of the rows that have one, in a row. */
function compact(bits: usize, presence: usize, rows: u32): usize {
  let to = dense;
  for (let r: u32 = 0; r < rows; r++) {
    store<u64>(to, load<u64>(bits + r * 8));
    if (hasBit(presence, r)) to += 8;
  }
  return dense;
}

function samePresence(a: usize, b: usize, rows: u32): bool {
  const bytes = rows >> 3;
  for (let i: u32 = 0; i < bytes; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  for (let r = bytes << 3; r < rows; r++) if (hasBit(a, r) != hasBit(b, r)) return false;
  return true;
}

/** Writes a column's presence. `index` counts the columns that are kept, `columns` is their staged table. */
function putPresence(columns: usize, column: usize, index: u32, rows: u32, at: usize): usize {
  const presence = <usize> load<u32>(column, COLUMN_PRESENCE);
  for (let i: u32 = 0; i < presenceCount; i++) {
    const entry = presences + i * 8;
    const other = <usize> load<u32>(columns + load<u32>(entry) * COLUMN_BYTES, COLUMN_PRESENCE);
    if (!samePresence(other, presence, rows)) continue;
    store<u8>(at, <u8> SAME_PRESENCE);
    return putVarint(at + 1, load<u32>(entry, 4));
  }
  if (presenceCount < PRESENCES_MAX) {
    const entry = presences + presenceCount * 8;
    store<u32>(entry, (column - columns) / COLUMN_BYTES);
    store<u32>(entry, index, 4);
    presenceCount++;
  }
  return encodeBitmap(presence, rows, at);
}

function putBools(bits: usize, count: u32, at: usize): usize {
  memory.fill(bitmap, 0, (count + 7) >> 3);
  for (let i: u32 = 0; i < count; i++) {
    const byte = bitmap + (i >> 3);
    const bit: u32 = load<u64>(bits + i * 8) != 0 ? 1 : 0;
    store<u8>(byte, <u8> (<u32> load<u8>(byte) | (bit << (i & 7))));
  }
  return encodeBitmap(bitmap, count, at);
}

function putValues(family: u32, bits: usize, count: u32, at: usize, effort: u32): usize {
  if (family == FAMILY_F64) return encodeFloats(bits, count, integers, at, effort);
  if (family == FAMILY_BOOL) return putBools(bits, count, at);
  if (isString(family)) return encodeBlobs(bits, count, integers, at, effort);
  store<u8>(at, 0);
  memory.copy(integers, bits, count * 8);
  return encodeNumbers(integers, count, at, at + 1, effort);
}

/** Encodes staged rows at `target`; returns the bytes. */
export function encodeChunk(
  times: usize,
  rows: u32,
  columns: usize,
  columnCount: u32,
  target: usize,
  effort: u32,
): u32 {
  // Columns are written behind room for the longest directory, then moved up to the real one.
  const data = target + 32 + columnCount * 12;
  let at = encodeTimes(times, rows, integers, data, effort);
  const timesBytes = at - data;
  const lengths = target + 32;
  let kept: u32 = 0;
  presenceCount = 0;
  for (let c: u32 = 0; c < columnCount; c++) {
    const column = columns + c * COLUMN_BYTES;
    const start = at;
    let bits = <usize> load<u32>(column, COLUMN_BITS);
    const presence = <usize> load<u32>(column, COLUMN_PRESENCE);
    let count = rows;
    if (presence != 0) count = countBits(presence, 0, rows);
    if (count == 0) continue;
    const isSparse = count < rows;
    if (isSparse) {
      at = putPresence(columns, column, kept, rows, at);
      bits = compact(bits, presence, rows);
    }
    at = putValues(load<u8>(column, COLUMN_FAMILY), bits, count, at, effort);
    const entry = lengths + kept * 12;
    store<u32>(entry, load<u16>(column));
    store<u32>(entry, <u32> load<u8>(column, COLUMN_FAMILY) | (isSparse ? SPARSE : 0), 4);
    store<u32>(entry, <u32> (at - start), 8);
    kept++;
  }
  return putDirectory(target, rows, kept, timesBytes, data, at - data);
}

/** Writes the directory from the entries at target + 32 and moves the data behind it; returns the chunk's bytes. */
function putDirectory(
  target: usize,
  rows: u32,
  kept: u32,
  timesBytes: usize,
  data: usize,
  dataBytes: usize,
): u32 {
  const lengths = target + 32;
  store<u8>(target, <u8> LAYOUT);
  let at = putVarint(target + 1, rows);
  at = putVarint(at, kept);
  at = putVarint(at, timesBytes);
  // An entry takes at most 3 + 1 + 5 bytes, so writing never overtakes the entries still to be read.
  let next: u32 = 0;
  for (let i: u32 = 0; i < kept; i++) {
    const entry = lengths + i * 12;
    const slot = load<u32>(entry);
    const family = load<u32>(entry, 4);
    const bytes = load<u32>(entry, 8);
    at = putVarint(at, slot - next);
    store<u8>(at++, <u8> family);
    if (i + 1 < kept) at = putVarint(at, bytes);
    next = slot + 1;
  }
  memory.copy(at, data, dataBytes);
  return <u32> (at + dataBytes - target);
}

// ---- Decoding ----

let chunkStart: usize = 0;
let chunkEnd: usize = 0;
let headRows: u32 = 0;
let headColumns: u32 = 0;
let timesLength: u64 = 0;
// The column found last.
let foundSlot: u32 = 0;
let foundFamily: u32 = 0;
let foundStart: usize = 0;
let foundEnd: usize = 0;
let timesStart: usize = 0;

/** Reads the fixed head; the cursor then stands at the directory. False when damaged. */
function openChunk(chunk: usize, bytes: u32): bool {
  chunkStart = chunk;
  chunkEnd = chunk + bytes;
  openWindow(chunk, chunkEnd);
  const layout = getByte();
  headRows = getCount(CHUNK_ROWS_MAX);
  headColumns = getCount(SLOT_MAX);
  timesLength = getVarint();
  return !isDamaged() && layout == LAYOUT && headRows > 0;
}

const BY_SLOT: bool = true;
const BY_INDEX: bool = false;

/**
 * Walks the directory of the opened chunk and finds a column by its slot or index; sets found* and timesStart. False when
 * the directory is damaged. foundFamily is 0 when there is no such column.
 */
function findColumn(wanted: u32, bySlot: bool): bool {
  let slot: u64 = 0;
  let offset: u64 = timesLength;
  let start: u64 = 0;
  let end: u64 = 0;
  foundFamily = 0;
  for (let i: u32 = 0; i < headColumns; i++) {
    slot += getVarint() + (i > 0 ? 1 : 0);
    const family = getByte();
    const isLast = i + 1 == headColumns;
    const length = isLast ? 0 : getVarint();
    if (isDamaged() || slot > <u64> SLOT_MAX || length > 0xffffffff) return false;
    if ((family & 7) == 0 || (family & 7) > FAMILY_HISTOGRAM || family > 15) return false;
    if (bySlot ? slot == <u64> wanted : i == wanted) {
      foundSlot = <u32> slot;
      foundFamily = family;
      start = offset;
      end = isLast ? u64.MAX_VALUE : offset + length;
    }
    offset += length;
  }
  timesStart = position();
  const room = <u64> (chunkEnd - timesStart);
  if (timesLength > room || offset > room) return false;
  if (headColumns == 0 && offset != room) return false;
  foundStart = timesStart + <usize> start;
  foundEnd = end == u64.MAX_VALUE ? chunkEnd : timesStart + <usize> end;
  return true;
}

/** Rows of a chunk, -1 when its head is damaged. */
export function chunkRows(chunk: usize, bytes: u32): i32 {
  return openChunk(chunk, bytes) ? <i32> headRows : -1;
}

/** Columns of a chunk, -1 when its head is damaged. */
export function chunkColumns(chunk: usize, bytes: u32): i32 {
  return openChunk(chunk, bytes) ? <i32> headColumns : -1;
}

/** Slot | family << 16 of column `index`, -1 when damaged or when there is no such column. */
export function chunkColumn(chunk: usize, bytes: u32, index: u32): i32 {
  if (!openChunk(chunk, bytes) || !findColumn(index, BY_INDEX) || foundFamily == 0) return -1;
  return <i32> (foundSlot | ((foundFamily & 7) << 16));
}

/** Whether the reader is where the window ends, as it must be behind a column. */
function isConsumed(): bool {
  return !isDamaged() && position() == endOfWindow();
}

/** Decodes all timestamps into i64 x rows; rows, or -1 when damaged. */
export function decodeTimes(chunk: usize, bytes: u32, target: usize): i32 {
  if (!openChunk(chunk, bytes) || !findColumn(0, BY_INDEX)) return -1;
  openWindow(timesStart, timesStart + <usize> timesLength);
  decodeTimeColumn(headRows, target);
  return isConsumed() ? <i32> headRows : -1;
}

/**
 * Opens the window of the column found last and decodes its presence into `rowBits`, when it has one. False when damaged.
 */
function openColumn(rowBits: usize): bool {
  const isSparse = (foundFamily & SPARSE) != 0;
  const start = foundStart;
  const end = foundEnd;
  openWindow(start, end);
  if (!isSparse) return true;
  if (start >= end) return false;
  if (<u32> load<u8>(start) != SAME_PRESENCE) {
    decodeBitmap(headRows, rowBits);
    return !isDamaged();
  }
  const family = foundFamily;
  getByte();
  const index = getCount(SLOT_MAX);
  const behind = position();
  if (isDamaged()) return false;
  openChunk(chunkStart, <u32> (chunkEnd - chunkStart));
  if (!findColumn(index, BY_INDEX) || (foundFamily & SPARSE) == 0) return false;
  openWindow(foundStart, foundEnd);
  decodeBitmap(headRows, rowBits);
  if (isDamaged()) return false;
  foundFamily = family;
  openWindow(behind, end);
  return true;
}

/** Decodes values from <= i < to of the `count` of the column at the cursor. */
function getValues(count: u32, from: u32, to: u32, target: usize): void {
  const family = foundFamily & 7;
  if (family == FAMILY_F64) decodeFloats(count, from, to, target);
  else if (family == FAMILY_BOOL) {
    decodeBitmap(count, bitmap);
    if (!isDamaged()) spreadBits(bitmap, from, to, target);
  } else if (isString(family)) decodeBlobs(count, from, to, target);
  else {
    const kind = getByte();
    if ((kind & 31) != 0) markDamaged();
    else decodeNumbers(kind, count, from, to, AS_INTEGERS, 1, target);
  }
}

/**
 * Decodes the points of one slot with first <= t <= last; absent rows are left out. `times` and `bits` have room for all
 * rows. Returns the points, 0 when the slot is not there, -1 when damaged.
 */
export function readColumn(
  chunk: usize,
  bytes: u32,
  slot: u32,
  first: i64,
  last: i64,
  times: usize,
  bits: usize,
): i32 {
  if (!openChunk(chunk, bytes) || !findColumn(slot, BY_SLOT)) return -1;
  if (foundFamily == 0) return 0;
  openWindow(timesStart, timesStart + <usize> timesLength);
  decodeTimeRange(headRows, first, last, times);
  if (isDamaged()) return -1;
  const from = rangeFrom;
  const to = rangeTo;
  if (from == to) return 0;
  if (!openColumn(integers)) return -1;
  if ((foundFamily & SPARSE) == 0) {
    getValues(headRows, from, to, bits);
    return isDamaged() ? -1 : <i32> (to - from);
  }
  const before = countBits(integers, 0, from);
  const inside = countBits(integers, from, to);
  const count = before + inside + countBits(integers, to, headRows);
  if (count == 0) return -1;
  if (inside == 0) return 0;
  let place = times;
  for (let r = from; r < to; r++) {
    store<i64>(place, load<i64>(times + (r - from) * 8));
    if (hasBit(integers, r)) place += 8;
  }
  getValues(count, before, before + inside, bits);
  return isDamaged() ? -1 : <i32> inside;
}

/**
 * Decodes column `index` for all rows: `bits` (undefined where absent) and the bitmap `presence` of (rows + 7) / 8 bytes.
 * Returns the values present, -1 when damaged.
 */
export function decodeColumn(
  chunk: usize,
  bytes: u32,
  index: u32,
  bits: usize,
  presence: usize,
): i32 {
  if (!openChunk(chunk, bytes) || !findColumn(index, BY_INDEX) || foundFamily == 0) return -1;
  if (!openColumn(presence)) return -1;
  const rows = headRows;
  let count = rows;
  if ((foundFamily & SPARSE) == 0) {
    memory.fill(presence, 255, rows >> 3);
    if ((rows & 7) != 0) store<u8>(presence + (rows >> 3), <u8> ((<u32> 1 << (rows & 7)) - 1));
  } else count = countBits(presence, 0, rows);
  if (count == 0) return -1;
  getValues(count, 0, count, bits);
  if (!isConsumed()) return -1;
  if (count < rows) {
    let next = count;
    for (let r = rows; r > 0; r--) {
      if (!hasBit(presence, r - 1)) continue;
      next--;
      store<u64>(bits + (r - 1) * 8, load<u64>(bits + next * 8));
    }
  }
  return <i32> count;
}
