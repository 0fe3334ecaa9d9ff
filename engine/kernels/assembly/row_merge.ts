/**
 * Merging chunks of one source into new ones; driven by engine/chunk/row_merger.ts.
 *
 * An input is a chunk with its decoded times and a record of INPUT_BYTES:
 *    0 u32 chunk   4 u32 bytes   8 u32 rows   12 u32 times (i64 x rows)   16 u32 places (u16 x rows)
 *   20 u32 first row of the output being made   24 u32 next row to take   28 u32 live rows: bitmap, 0 = all
 *   32 u32 hidden ranges   36 u32 their number   40 u32 columns   44 u32 directory   48 u32 where the columns begin
 *   52 u32 next entry of the directory   56 u32 columns read   60 u32 slot   64 u32 family   68 u32 start   72 u32 end
 *
 * A hidden range is 24 bytes: u32 slot (0xffffffff all), u32 0, i64 start, i64 end (half open).
 *
 * First mergeTimes puts the inputs' times together and notes for each row its place in the output; then mergeEncode goes
 * through the slots, and for each through the inputs in order: a later input's value replaces an earlier one's. So rows of
 * one time merge field by field, and only one column is decoded at a time.
 */
import { CHUNK_ROWS_MAX, SPARSE } from "./chunk_format";
import { countBits, fillBits, hasBit } from "./bitmaps";
import {
  chunkRoom,
  chunkUsed,
  finishChunk,
  moveChunk,
  putColumn,
  putTimes,
  startChunk,
} from "./chunk";
import {
  BY_INDEX,
  decodeTimes,
  findColumn,
  getValues,
  headColumns,
  openChunk,
  openEntry,
  rowBitmap,
  timesLength,
  timesStart,
} from "./chunk_reader";
import { alloc, free, TAG_SCRATCH } from "./memory";
import { endBelow } from "./merge";
import { lowerBound } from "./times";
import { getByte, getVarint, isDamaged, openWindow, position } from "./varints";

export const INPUT_BYTES: u32 = 80;
const I_BYTES: usize = 4;
const I_ROWS: usize = 8;
const I_TIMES: usize = 12;
const I_PLACES: usize = 16;
const I_FIRST: usize = 20;
const I_NEXT: usize = 24;
const I_LIVE: usize = 28;
const I_HIDDEN: usize = 32;
const I_HIDDEN_COUNT: usize = 36;
const I_COLUMNS: usize = 40;
const I_DIRECTORY: usize = 44;
const I_DATA: usize = 48;
const I_ENTRY: usize = 52;
const I_READ: usize = 56;
const I_SLOT: usize = 60;
const I_FAMILY: usize = 64;
const I_START: usize = 68;
const I_END: usize = 72;
const HIDDEN_BYTES: u32 = 24;
const ALL_SLOTS: u32 = 0xffffffff;
/** No further column. */
const NO_SLOT: u32 = 0xffffffff;
/** Place of a row that is not wanted. */
const NOWHERE: u32 = 0xffff;
const BITMAP_BYTES: u32 = CHUNK_ROWS_MAX / 8 + 16;
/** Bytes of the memory that mergeUse takes: times and bits of the output, values of an input, two bitmaps. */
export const MERGE_WORK_BYTES: u32 = CHUNK_ROWS_MAX * 24 + BITMAP_BYTES * 2;

let outTimes: usize = 0;
let outBits: usize = 0;
let inBits: usize = 0;
let outPresence: usize = 0;
let visible: usize = 0;
let outRows: u32 = 0;

// The chunk being made grows with its columns.
let chunkMemory: usize = 0;
let chunkMemoryBytes: u32 = 0;

/** Where the chunk made last lies, and the values it has. */
export let mergedChunk: usize = 0;
export let mergedPoints: u32 = 0;

/** Begins merging with MERGE_WORK_BYTES of memory, in which the output's times come first. */
export function mergeUse(work: usize): void {
  outTimes = work;
  outBits = work + CHUNK_ROWS_MAX * 8;
  inBits = outBits + CHUNK_ROWS_MAX * 8;
  outPresence = inBits + CHUNK_ROWS_MAX * 8;
  visible = outPresence + BITMAP_BYTES;
  outRows = 0;
}

/** Gives up the memory of the chunk made last. */
export function mergeRelease(): void {
  if (chunkMemory != 0) free(chunkMemory, TAG_SCRATCH);
  chunkMemory = 0;
  chunkMemoryBytes = 0;
}

// ---- Inputs ----

/** Fills an input's record, of which chunk, bytes, times and places are set. Returns the rows, -1 when damaged. */
export function mergeOpen(input: usize): i32 {
  const chunk = <usize> load<u32>(input);
  const bytes = load<u32>(input, I_BYTES);
  if (!openChunk(chunk, bytes)) return -1;
  const directory = position();
  if (!findColumn(0, BY_INDEX)) return -1;
  store<u32>(input, headColumns, I_COLUMNS);
  store<u32>(input, <u32> directory, I_DIRECTORY);
  store<u32>(input, <u32> (timesStart + <usize> timesLength), I_DATA);
  store<u32>(input, 0, I_FIRST);
  store<u32>(input, 0, I_NEXT);
  store<u32>(input, 0, I_LIVE);
  store<u32>(input, 0, I_HIDDEN_COUNT);
  const rows = decodeTimes(chunk, bytes, load<u32>(input, I_TIMES));
  store<u32>(input, rows, I_ROWS);
  return rows;
}

/** Reads the next entry of an input's directory, which mergeOpen has checked. */
function nextColumn(input: usize): void {
  const read = load<u32>(input, I_READ);
  const columns = load<u32>(input, I_COLUMNS);
  if (read == columns) {
    store<u32>(input, NO_SLOT, I_SLOT);
    return;
  }
  const chunkEnd = load<u32>(input) + load<u32>(input, I_BYTES);
  openWindow(load<u32>(input, I_ENTRY), chunkEnd);
  const slot = <u32> getVarint() + (read > 0 ? load<u32>(input, I_SLOT) + 1 : 0);
  const family = getByte();
  const start = load<u32>(input, I_END);
  const end = read + 1 == columns ? chunkEnd : start + <u32> getVarint();
  store<u32>(input, <u32> position(), I_ENTRY);
  store<u32>(input, read + 1, I_READ);
  store<u32>(input, slot, I_SLOT);
  store<u32>(input, family, I_FAMILY);
  store<u32>(input, start, I_START);
  store<u32>(input, end, I_END);
}

function firstColumn(input: usize): void {
  store<u32>(input, load<u32>(input, I_DIRECTORY), I_ENTRY);
  store<u32>(input, 0, I_READ);
  store<u32>(input, load<u32>(input, I_DATA), I_END);
  nextColumn(input);
}

/** Opens an input's current column; its presence, when it has one, is then in rowBitmap. False when damaged. */
function openCurrent(input: usize): bool {
  return openEntry(
    load<u32>(input),
    load<u32>(input, I_BYTES),
    load<u32>(input, I_ROWS),
    load<u32>(input, I_FAMILY),
    load<u32>(input, I_START),
    load<u32>(input, I_END),
  );
}

/** Marks the rows of an input that no hidden range of the slot covers. */
function findVisible(input: usize, slot: u32): void {
  const rows = load<u32>(input, I_ROWS);
  const times = <usize> load<u32>(input, I_TIMES);
  fillBits(visible, 0, rows, 1);
  let range = <usize> load<u32>(input, I_HIDDEN);
  for (let i = load<u32>(input, I_HIDDEN_COUNT); i > 0; i--) {
    const wanted = load<u32>(range);
    if (wanted == ALL_SLOTS || wanted == slot) {
      const from = lowerBound(times, rows, load<i64>(range, 8));
      const to = lowerBound(times, rows, load<i64>(range, 16));
      if (from < to) fillBits(visible, from, to, 0);
    }
    range += HIDDEN_BYTES;
  }
}

/**
 * Sets the hidden ranges of an opened input and finds the rows that still have a value; `live` has room for a bitmap of its
 * rows. Returns how many, -1 when damaged.
 */
export function mergeHide(input: usize, ranges: usize, count: u32, live: usize): i32 {
  const rows = load<u32>(input, I_ROWS);
  const bytes = (rows + 7) >> 3;
  store<u32>(input, <u32> ranges, I_HIDDEN);
  store<u32>(input, count, I_HIDDEN_COUNT);
  memory.fill(live, 0, bytes);
  for (firstColumn(input); load<u32>(input, I_SLOT) != NO_SLOT; nextColumn(input)) {
    if (!openCurrent(input)) return -1;
    findVisible(input, load<u32>(input, I_SLOT));
    const isSparse = (load<u32>(input, I_FAMILY) & SPARSE) != 0;
    for (let i: u32 = 0; i < bytes; i++) {
      const present: u32 = isSparse ? load<u8>(rowBitmap + i) : 255;
      const alive = <u32> load<u8>(visible + i) & present;
      store<u8>(live + i, <u8> (<u32> load<u8>(live + i) | alive));
    }
  }
  const left = countBits(live, 0, rows);
  store<u32>(input, left == rows ? 0 : <u32> live, I_LIVE);
  return left;
}

// ---- Times ----

/** Whether an input has rows left; steps over rows that are not wanted. */
function hasNext(input: usize): bool {
  let row = load<u32>(input, I_NEXT);
  const rows = load<u32>(input, I_ROWS);
  const live = <usize> load<u32>(input, I_LIVE);
  if (live != 0) {
    const places = <usize> load<u32>(input, I_PLACES);
    while (row < rows && !hasBit(live, row)) {
      store<u16>(places + row * 2, <u16> NOWHERE);
      row++;
    }
    store<u32>(input, row, I_NEXT);
  }
  return row < rows;
}

function nextTime(input: usize): i64 {
  return load<i64>(<usize> load<u32>(input, I_TIMES) + load<u32>(input, I_NEXT) * 8);
}

/** Takes rows of one input up to and with the time `last`, at least one. */
function takeStretch(input: usize, last: i64, room: u32): void {
  const times = <usize> load<u32>(input, I_TIMES);
  const places = <usize> load<u32>(input, I_PLACES);
  const row = load<u32>(input, I_NEXT);
  let end = load<u32>(input, I_ROWS);
  if (load<u32>(input, I_LIVE) != 0) end = row + 1;
  else if (last != i64.MAX_VALUE) end = endBelow(times, row, end, last + 1);
  end = min<u32>(end, row + room);
  for (let r = row; r < end; r++) {
    store<u16>(places + r * 2, <u16> outRows);
    store<i64>(outTimes + outRows * 8, load<i64>(times + r * 8));
    outRows++;
  }
  store<u32>(input, end, I_NEXT);
}

/** Takes the row of time `time` of all inputs that have it. */
function takeTies(list: usize, count: u32, time: i64): void {
  for (let i: u32 = 0; i < count; i++) {
    const input = <usize> load<u32>(list + i * 4);
    const row = load<u32>(input, I_NEXT);
    if (row == load<u32>(input, I_ROWS) || nextTime(input) != time) continue;
    store<u16>(<usize> load<u32>(input, I_PLACES) + row * 2, <u16> outRows);
    store<u32>(input, row + 1, I_NEXT);
  }
  store<i64>(outTimes + outRows * 8, time);
  outRows++;
}

/**
 * Takes rows of the `count` inputs in `list` (pointers) with times up to and with `last` into the output, until it has
 * `rowsMax`. Returns the output's rows.
 */
export function mergeTimes(list: usize, count: u32, last: i64, rowsMax: u32): u32 {
  while (outRows < rowsMax) {
    let lowest: usize = 0;
    let low: i64 = 0;
    let second: i64 = i64.MAX_VALUE;
    let hasSecond = false;
    let isTied = false;
    for (let i: u32 = 0; i < count; i++) {
      const input = <usize> load<u32>(list + i * 4);
      if (!hasNext(input)) continue;
      const time = nextTime(input);
      if (lowest == 0 || time < low) {
        hasSecond = lowest != 0;
        second = low;
        low = time;
        lowest = input;
        isTied = false;
      } else if (time == low) isTied = true;
      else if (!hasSecond || time < second) {
        hasSecond = true;
        second = time;
      }
    }
    if (lowest == 0 || low > last) break;
    if (isTied) takeTies(list, count, low);
    else takeStretch(lowest, hasSecond ? min<i64>(last, second - 1) : last, rowsMax - outRows);
  }
  return outRows;
}

// ---- Columns ----

/** Makes room for the next column of the chunk being made. */
function ensureRoom(bytes: u32): void {
  if (bytes <= chunkMemoryBytes) return;
  const larger = max<u32>(bytes, chunkMemoryBytes + (chunkMemoryBytes >> 1));
  const place = alloc(larger, TAG_SCRATCH);
  if (chunkMemory != 0) {
    memory.copy(place, chunkMemory, chunkUsed());
    free(chunkMemory, TAG_SCRATCH);
  }
  chunkMemory = place;
  chunkMemoryBytes = larger;
  moveChunk(place);
}

/** Puts an input's values of its current column into the output's. False when damaged. */
function gather(input: usize): bool {
  if (!openCurrent(input)) return false;
  const from = load<u32>(input, I_FIRST);
  const to = load<u32>(input, I_NEXT);
  const rows = load<u32>(input, I_ROWS);
  const places = <usize> load<u32>(input, I_PLACES);
  const isSparse = (load<u32>(input, I_FAMILY) & SPARSE) != 0;
  const isHiding = load<u32>(input, I_HIDDEN_COUNT) != 0;
  if (!isSparse && !isHiding) {
    const place = <u32> load<u16>(places + from * 2);
    if (<u32> load<u16>(places + (to - 1) * 2) - place == to - 1 - from) {
      getValues(rows, from, to, outBits + place * 8);
      fillBits(outPresence, place, place + to - from, 1);
      return !isDamaged();
    }
  }
  let count = rows;
  let before = from;
  let behind = to;
  if (isSparse) {
    count = countBits(rowBitmap, 0, rows);
    before = countBits(rowBitmap, 0, from);
    behind = before + countBits(rowBitmap, from, to);
    if (count == 0) return false;
    if (before == behind) return true;
  }
  getValues(count, before, behind, inBits);
  if (isDamaged()) return false;
  if (isHiding) findVisible(input, load<u32>(input, I_SLOT));
  let value = inBits;
  for (let r = from; r < to; r++) {
    if (isSparse && !hasBit(rowBitmap, r)) continue;
    const bits = load<u64>(value);
    value += 8;
    if (isHiding && !hasBit(visible, r)) continue;
    const place = <u32> load<u16>(places + r * 2);
    if (place == NOWHERE) continue;
    store<u64>(outBits + place * 8, bits);
    const byte = outPresence + (place >> 3);
    store<u8>(byte, <u8> (<u32> load<u8>(byte) | ((<u32> 1) << (place & 7))));
  }
  return true;
}

/** The lowest slot that an input stands at. */
function lowestSlot(list: usize, count: u32): u32 {
  let slot = NO_SLOT;
  for (let i: u32 = 0; i < count; i++) {
    slot = min<u32>(slot, load<u32>(<usize> load<u32>(list + i * 4), I_SLOT));
  }
  return slot;
}

/** Merges one column of all inputs and adds it to the chunk. False when damaged. */
function mergeColumn(list: usize, count: u32, slot: u32): bool {
  let family: u32 = 0;
  memory.fill(outPresence, 0, (outRows + 7) >> 3);
  for (let i: u32 = 0; i < count; i++) {
    const input = <usize> load<u32>(list + i * 4);
    if (load<u32>(input, I_SLOT) != slot) continue;
    const own = load<u32>(input, I_FAMILY) & 7;
    if (family != 0 && own != family) return false;
    family = own;
    if (!gather(input)) return false;
    nextColumn(input);
  }
  ensureRoom(chunkRoom(outBits, outPresence, family));
  mergedPoints += putColumn(slot, family, outBits, outPresence);
  return true;
}

/**
 * Encodes the output and begins the next one. Returns the bytes at mergedChunk, valid until the next call; -1 when an input
 * is damaged or inputs disagree about a column's family.
 */
export function mergeEncode(list: usize, count: u32, effort: u32): i32 {
  let columnsMax: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const input = <usize> load<u32>(list + i * 4);
    if (load<u32>(input, I_FIRST) < load<u32>(input, I_NEXT)) {
      columnsMax += load<u32>(input, I_COLUMNS);
      firstColumn(input);
    } else store<u32>(input, NO_SLOT, I_SLOT);
  }
  mergedPoints = 0;
  startChunk(chunkMemory, outRows, columnsMax, effort);
  ensureRoom(chunkRoom(0, 0, 0));
  putTimes(outTimes);
  for (let slot = lowestSlot(list, count); slot != NO_SLOT; slot = lowestSlot(list, count)) {
    if (!mergeColumn(list, count, slot)) return -1;
  }
  const bytes = finishChunk();
  mergedChunk = chunkMemory;
  for (let i: u32 = 0; i < count; i++) {
    const input = <usize> load<u32>(list + i * 4);
    store<u32>(input, load<u32>(input, I_NEXT), I_FIRST);
  }
  outRows = 0;
  return bytes;
}

/** Values in an opened input's chunk, -1 when damaged. */
export function mergeCountPoints(input: usize): i32 {
  let points: u32 = 0;
  const rows = load<u32>(input, I_ROWS);
  for (firstColumn(input); load<u32>(input, I_SLOT) != NO_SLOT; nextColumn(input)) {
    if ((load<u32>(input, I_FAMILY) & SPARSE) == 0) points += rows;
    else {
      if (!openCurrent(input)) return -1;
      points += countBits(rowBitmap, 0, rows);
    }
  }
  return points;
}
