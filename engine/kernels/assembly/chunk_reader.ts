/**
 * Reading chunks; layout in chunk.ts.
 *
 * Invariants
 * - Decoders read nothing outside the chunk, write nothing outside the targets, and answer -1 to damaged bytes. A chunk whose
 *   damage leaves it well-formed decodes to other values: checksums are the segment's affair.
 */
import { countBits, decodeBitmap, hasBit, spreadBits } from "./bitmaps";
import {
  CHUNK_ROWS_MAX,
  FAMILY_BLOB,
  FAMILY_BOOL,
  FAMILY_F64,
  FAMILY_HISTOGRAM,
  FAMILY_I64,
  LAYOUT,
  LAYOUT_SMALL,
  SAME_PRESENCE,
  SLOT_MAX,
  SPARSE,
} from "./chunk_format";
import { decodeBlobs } from "./blobs";
import { bitsToDoubles } from "./doubles";
import { decodeFloats } from "./floats";
import { decodeNumbers } from "./numbers";
import { AS_DOUBLES, AS_INTEGERS } from "./runs";
import { decodeMsRange, decodeTimeColumn, decodeTimeRange, rangeFrom, rangeTo } from "./times";
import {
  endOfWindow,
  getByte,
  getCount,
  getVarint,
  isDamaged,
  markDamaged,
  openWindow,
  position,
} from "./varints";

// Scratch: bitmaps of rows and of bools.
export let rowBitmap: usize = 0;
let boolBitmap: usize = 0;

export function initReader(rows: usize, bools: usize): void {
  rowBitmap = rows;
  boolBitmap = bools;
}

let chunkStart: usize = 0;
let chunkEnd: usize = 0;
export let headRows: u32 = 0;
export let headColumns: u32 = 0;
export let timesLength: u64 = 0;
// The column found last.
let foundSlot: u32 = 0;
let foundFamily: u32 = 0;
let foundStart: usize = 0;
let foundEnd: usize = 0;
export let timesStart: usize = 0;

/** Reads the fixed head; the cursor then stands at the directory. False when damaged. */
export function openChunk(chunk: usize, bytes: u32): bool {
  chunkStart = chunk;
  chunkEnd = chunk + bytes;
  openWindow(chunk, chunkEnd);
  const layout = getByte();
  headRows = getCount(CHUNK_ROWS_MAX);
  headColumns = getCount(SLOT_MAX);
  timesLength = getVarint();
  return !isDamaged() && (layout & ~LAYOUT_SMALL) == LAYOUT && headRows > 0;
}

export const BY_SLOT: bool = true;
export const BY_INDEX: bool = false;

/**
 * Walks the directory of the opened chunk and finds a column by its slot or index; sets found* and timesStart. False when
 * the directory is damaged. foundFamily is 0 when there is no such column.
 */
export function findColumn(wanted: u32, bySlot: bool): bool {
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

/** The effort a chunk was encoded with, -1 when its head is damaged. */
export function chunkEffort(chunk: usize, bytes: u32): i32 {
  if (!openChunk(chunk, bytes)) return -1;
  return (<u32> load<u8>(chunk) & LAYOUT_SMALL) != 0 ? 1 : 0;
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

/** Whether a chunk has a column of this slot, 1 or 0; -1 when damaged. */
export function chunkHolds(chunk: usize, bytes: u32, slot: u32): i32 {
  if (!openChunk(chunk, bytes) || !findColumn(slot, BY_SLOT)) return -1;
  return foundFamily != 0 ? 1 : 0;
}

/** Whether the reader is where the window ends, as it must be behind a column. */
export function isConsumed(): bool {
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

/**
 * Opens the column that a directory's entry described and decodes its presence into rowBitmap, when it has one. False when
 * damaged.
 */
export function openEntry(
  chunk: usize,
  bytes: u32,
  rows: u32,
  family: u32,
  start: usize,
  end: usize,
): bool {
  chunkStart = chunk;
  chunkEnd = chunk + bytes;
  headRows = rows;
  foundFamily = family;
  foundStart = start;
  foundEnd = end;
  if (!openColumn(rowBitmap)) return false;
  // The presence may have been another column's.
  headRows = rows;
  return true;
}

/** Family byte of the column found last, 0 when there is none. */
export function foundColumnFamily(): u32 {
  return foundFamily;
}

/** Puts the cursor at the times of the opened chunk. */
export function openTimesWindow(): void {
  openWindow(timesStart, timesStart + <usize> timesLength);
}

/** Opens the column found last, its presence in rowBitmap when it has one. False when damaged. */
export function openFoundColumn(): bool {
  return openColumn(rowBitmap);
}

/** Decodes values from <= i < to of the `count` of the column at the cursor. */
export function getValues(count: u32, from: u32, to: u32, target: usize): void {
  const family = foundFamily & 7;
  if (family == FAMILY_F64) decodeFloats(count, from, to, target);
  else if (family == FAMILY_BOOL) {
    decodeBitmap(count, boolBitmap);
    if (!isDamaged()) spreadBits(boolBitmap, from, to, target);
  } else if (family >= FAMILY_BLOB) decodeBlobs(count, from, to, target);
  else {
    const kind = getByte();
    if ((kind & 31) != 0) markDamaged();
    else decodeNumbers(kind, count, from, to, AS_INTEGERS, 1, target);
  }
}

/** The same for a numeric column, as the nearest doubles. */
export function getDoubles(count: u32, from: u32, to: u32, target: usize): void {
  const family = foundFamily & 7;
  if (family != FAMILY_I64) {
    getValues(count, from, to, target);
    if (!isDamaged()) bitsToDoubles(target, to - from, family);
    return;
  }
  const kind = getByte();
  if ((kind & 31) != 0) markDamaged();
  else decodeNumbers(kind, count, from, to, AS_DOUBLES, 1, target);
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
  return readPoints(chunk, bytes, slot, first, last, times, bits, false, 0);
}

/**
 * The same for a numeric column: `values` come as the nearest doubles, times as milliseconds of so many ticks; with
 * `ticksPerMs` 0 as ticks.
 */
export function readColumnDoubles(
  chunk: usize,
  bytes: u32,
  slot: u32,
  first: i64,
  last: i64,
  times: usize,
  values: usize,
  ticksPerMs: f64,
): i32 {
  return readPoints(chunk, bytes, slot, first, last, times, values, true, ticksPerMs);
}

function readPoints(
  chunk: usize,
  bytes: u32,
  slot: u32,
  first: i64,
  last: i64,
  times: usize,
  bits: usize,
  asDoubles: bool,
  ticksPerMs: f64,
): i32 {
  if (!openChunk(chunk, bytes) || !findColumn(slot, BY_SLOT)) return -1;
  if (foundFamily == 0) return 0;
  openWindow(timesStart, timesStart + <usize> timesLength);
  if (ticksPerMs != 0) decodeMsRange(headRows, first, last, ticksPerMs, times);
  else decodeTimeRange(headRows, first, last, times);
  if (isDamaged()) return -1;
  const from = rangeFrom;
  const to = rangeTo;
  if (from == to) return 0;
  if (!openColumn(rowBitmap)) return -1;
  if ((foundFamily & SPARSE) == 0) {
    if (asDoubles) getDoubles(headRows, from, to, bits);
    else getValues(headRows, from, to, bits);
    return isDamaged() ? -1 : <i32> (to - from);
  }
  const before = countBits(rowBitmap, 0, from);
  const inside = countBits(rowBitmap, from, to);
  const count = before + inside + countBits(rowBitmap, to, headRows);
  if (count == 0) return -1;
  if (inside == 0) return 0;
  let place = times;
  for (let r = from; r < to; r++) {
    store<i64>(place, load<i64>(times + (r - from) * 8));
    if (hasBit(rowBitmap, r)) place += 8;
  }
  if (asDoubles) getDoubles(count, before, before + inside, bits);
  else getValues(count, before, before + inside, bits);
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
