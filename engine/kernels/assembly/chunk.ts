/**
 * Writing chunks; docs/format/chunk.md. Staged rows: engine/chunk/chunk.ts. Reading: chunk_reader.ts.
 *
 *   1 byte   bits 0-3 layout, 1; bit 4: encoded with the effort `small`
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
 * - One chunk is written at a time: startChunk, putTimes, putColumn in the order of slots, finishChunk.
 */
import { alloc, TAG_SCRATCH } from "./memory";
import { countBits, encodeBitmap, hasBit } from "./bitmaps";
import {
  CHUNK_ROWS_MAX,
  FAMILY_BLOB,
  FAMILY_BOOL,
  FAMILY_F64,
  LAYOUT,
  LAYOUT_SMALL,
  SAME_PRESENCE,
  SPARSE,
} from "./chunk_format";
import { encodeBlobs, initBlobs } from "./blobs";
import { encodeFloats, initFloats } from "./floats";
import { encodeNumbers, initNumbers } from "./numbers";
import { initReader } from "./chunk_reader";
import { initRunWriter } from "./run_writer";
import { initRuns } from "./runs";
import { encodeTimes } from "./times";
import { initTotals } from "./totals";
import { putVarint } from "./varints";

/** Bytes of a staged column's entry, and its fields. */
const COLUMN_BYTES: u32 = 16;
const COLUMN_FAMILY: usize = 2;
const COLUMN_BITS: usize = 4;
const COLUMN_PRESENCE: usize = 8;
/** Columns whose presence others are compared with, and room for a bitmap and the column's index. */
const PRESENCES_MAX: u32 = 8;
const PRESENCE_BYTES: u32 = CHUNK_ROWS_MAX / 8 + 16;

// Scratch: values of the rows that have one, integers to be encoded, a bitmap, and presences for comparison.
let dense: usize = 0;
let integers: usize = 0;
let bitmap: usize = 0;
let presences: usize = 0;

export function initChunk(): void {
  dense = alloc(CHUNK_ROWS_MAX * 8, TAG_SCRATCH);
  integers = alloc(CHUNK_ROWS_MAX * 8, TAG_SCRATCH);
  bitmap = alloc(CHUNK_ROWS_MAX / 8 + 16, TAG_SCRATCH);
  presences = alloc(PRESENCES_MAX * PRESENCE_BYTES, TAG_SCRATCH);
  initReader(integers, bitmap);
  initTotals(dense);
  initRuns();
  initRunWriter();
  initNumbers();
  initFloats();
  initBlobs();
}

function isString(family: u32): bool {
  return family >= FAMILY_BLOB;
}

/** Upper bound of what putColumn writes and touches, strings left out. */
function columnBound(rows: u32): u32 {
  return rows * 9 + (rows >> 3) + 192;
}

/** Bytes of the strings of a column. */
function stringBytes(bits: usize, presence: usize, rows: u32): u32 {
  let bytes: u32 = 0;
  for (let r: u32 = 0; r < rows; r++) {
    if (presence == 0 || hasBit(presence, r)) bytes += load<u32>(bits + r * 8, 4);
  }
  return bytes;
}

/** Upper bound of what encodeChunk writes and touches for these staged rows. */
export function chunkBytesBound(rows: u32, columns: usize, columnCount: u32): u32 {
  let bound = headBound(columnCount) + rows * 20 + columnBound(rows) * (columnCount + 1);
  for (let c: u32 = 0; c < columnCount; c++) {
    const column = columns + c * COLUMN_BYTES;
    if (!isString(load<u8>(column, COLUMN_FAMILY))) continue;
    bound += stringBytes(load<u32>(column, COLUMN_BITS), load<u32>(column, COLUMN_PRESENCE), rows);
  }
  return bound;
}

// ---- The chunk being written ----

let target: usize = 0;
let at: usize = 0;
let data: usize = 0;
let rowCount: u32 = 0;
let chunkEffort: u32 = 0;
let timesBytes: usize = 0;
let kept: u32 = 0;
let presenceCount: u32 = 0;

/** Room in front of the columns for the longest directory. */
function headBound(columnsMax: u32): u32 {
  return 32 + columnsMax * 12;
}

/** Begins a chunk of `rows` rows and at most `columnsMax` columns at `place`. */
export function startChunk(place: usize, rows: u32, columnsMax: u32, effort: u32): void {
  target = place;
  // Columns are written behind room for the longest directory, then moved up to the real one.
  data = place + headBound(columnsMax);
  at = data;
  rowCount = rows;
  chunkEffort = effort;
  kept = 0;
  presenceCount = 0;
}

/** Bytes that the next call of putTimes or putColumn may need from the chunk's start. */
export function chunkRoom(bits: usize, presence: usize, family: u32): u32 {
  const strings = isString(family) ? stringBytes(bits, presence, rowCount) : 0;
  return <u32> (at - target) + columnBound(rowCount) * 2 + rowCount * 2 + strings;
}

/** Goes on at another place; the caller has copied the bytes up to `chunkUsed`. */
export function moveChunk(place: usize): void {
  at = place + (at - target);
  data = place + (data - target);
  target = place;
}

export function chunkUsed(): u32 {
  return <u32> (at - target);
}

export function putTimes(times: usize): void {
  at = encodeTimes(times, rowCount, integers, at, chunkEffort);
  timesBytes = at - data;
}

/** Values of the rows that have one, one behind the other. */
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

function putPresence(presence: usize): void {
  for (let i: u32 = 0; i < presenceCount; i++) {
    const known = presences + i * PRESENCE_BYTES;
    if (!samePresence(known + 16, presence, rowCount)) continue;
    store<u8>(at, <u8> SAME_PRESENCE);
    at = putVarint(at + 1, load<u32>(known));
    return;
  }
  if (presenceCount < PRESENCES_MAX) {
    const entry = presences + presenceCount * PRESENCE_BYTES;
    store<u32>(entry, kept);
    memory.copy(entry + 16, presence, (rowCount + 7) >> 3);
    presenceCount++;
  }
  at = encodeBitmap(presence, rowCount, at);
}

function putBools(bits: usize, count: u32): void {
  memory.fill(bitmap, 0, (count + 7) >> 3);
  for (let i: u32 = 0; i < count; i++) {
    const byte = bitmap + (i >> 3);
    const bit: u32 = load<u64>(bits + i * 8) != 0 ? 1 : 0;
    store<u8>(byte, <u8> (<u32> load<u8>(byte) | (bit << (i & 7))));
  }
  at = encodeBitmap(bitmap, count, at);
}

function putValues(family: u32, bits: usize, count: u32): void {
  if (family == FAMILY_F64) at = encodeFloats(bits, count, integers, at, chunkEffort);
  else if (family == FAMILY_BOOL) putBools(bits, count);
  else if (isString(family)) at = encodeBlobs(bits, count, integers, at, chunkEffort);
  else {
    store<u8>(at, 0);
    memory.copy(integers, bits, count * 8);
    at = encodeNumbers(integers, count, at, at + 1, chunkEffort);
  }
}

/** Adds a column; `presence` may be 0. Returns the values it has. */
export function putColumn(slot: u32, family: u32, bits: usize, presence: usize): u32 {
  const start = at;
  const count = presence != 0 ? countBits(presence, 0, rowCount) : rowCount;
  if (count == 0) return 0;
  const isSparse = count < rowCount;
  if (isSparse) {
    putPresence(presence);
    bits = compact(bits, presence, rowCount);
  }
  putValues(family, bits, count);
  const entry = target + 32 + kept * 12;
  store<u32>(entry, slot);
  store<u32>(entry, family | (isSparse ? SPARSE : 0), 4);
  store<u32>(entry, <u32> (at - start), 8);
  kept++;
  return count;
}

/** Writes the directory from the entries at target + 32 and moves the columns behind it; returns the chunk's bytes. */
export function finishChunk(): u32 {
  store<u8>(target, <u8> (LAYOUT | (chunkEffort != 0 ? LAYOUT_SMALL : 0)));
  let to = putVarint(target + 1, rowCount);
  to = putVarint(to, kept);
  to = putVarint(to, timesBytes);
  // An entry takes at most 3 + 1 + 5 bytes, so writing never overtakes the entries still to be read.
  let next: u32 = 0;
  for (let i: u32 = 0; i < kept; i++) {
    const entry = target + 32 + i * 12;
    const slot = load<u32>(entry);
    const family = load<u32>(entry, 4);
    const bytes = load<u32>(entry, 8);
    to = putVarint(to, slot - next);
    store<u8>(to++, <u8> family);
    if (i + 1 < kept) to = putVarint(to, bytes);
    next = slot + 1;
  }
  memory.copy(to, data, at - data);
  return <u32> (to + (at - data) - target);
}

/** Encodes staged rows at `place`; returns the bytes. */
export function encodeChunk(
  times: usize,
  rows: u32,
  columns: usize,
  columnCount: u32,
  place: usize,
  effort: u32,
): u32 {
  startChunk(place, rows, columnCount, effort);
  putTimes(times);
  for (let c: u32 = 0; c < columnCount; c++) {
    const column = columns + c * COLUMN_BYTES;
    putColumn(
      load<u16>(column),
      load<u8>(column, COLUMN_FAMILY),
      load<u32>(column, COLUMN_BITS),
      load<u32>(column, COLUMN_PRESENCE),
    );
  }
  return finishChunk();
}
