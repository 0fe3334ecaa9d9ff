/**
 * Builders: open slabs of rows, one source and partition each. Layout, growth and the end of their blocks.
 *
 *   builder   64-byte header, slots u16 x columns, families u8 x columns, padding to 16, then rows of `stride` bytes
 *      0 u32 next builder of the source   4 u32 source        8 i64 start, 16 i64 end of its partition (half-open)
 *     24 i64 lowest, 32 i64 highest time  40 u32 rows        44 u32 capacity in rows      48 u32 columns
 *     52 u32 flags (1 disordered, 2 sparse, 4 holds blobs)   56 u32 generation            60 u32 blob bytes
 *   row       i64 time, presence words (u64, only when sparse: bit c of word c / 64), u64 x columns
 *
 * Blocks that a reader may have captured are retired, not freed, while views are open (`headSetViews`).
 *
 * Invariants
 * - Rows of a builder lie in its partition; the slots of its columns are distinct; blob cells own their bytes.
 */
import { cellBitsPtr, cellSlotPtr } from "./batch";
import { alloc, free, TAG_HEAD, TAG_SCRATCH } from "./memory";
import {
  FIELD_BYTES,
  FIELD_FAMILY,
  markSeen,
  MEASUREMENT_FIELD_RECORDS,
  SOURCE_BUILDERS,
  SOURCE_MEASUREMENT,
} from "./series_table";

/** Rows at which a builder is sealed. */
export const SLAB_ROWS_MAX: u32 = 128;
/** Rows that a builder begins with once its source was sealed before. */
export const ROWS_HOT: u32 = 16;
/** Flag of a source that was sealed before. */
export const SOURCE_HOT: u32 = 1;

export const B_NEXT: usize = 0;
export const B_SOURCE: usize = 4;
export const B_START: usize = 8;
export const B_END: usize = 16;
export const B_MIN: usize = 24;
export const B_MAX: usize = 32;
export const B_ROWS: usize = 40;
export const B_CAPACITY: usize = 44;
export const B_COLUMNS: usize = 48;
export const B_FLAGS: usize = 52;
export const B_GENERATION: usize = 56;
export const B_BLOB_BYTES: usize = 60;
export const B_SLOTS: usize = 64;
export const DISORDERED: u32 = 1;
export const SPARSE: u32 = 2;
export const BLOBS: u32 = 4;
const FAMILY_BLOB: u32 = 5;

let hasViews: bool = false;
// Blocks to free once no view can look at them; the low bit marks a builder that still owns its blobs.
let retired: usize = 0, retiredCount: u32 = 0, retiredCapacity: u32 = 0;

export function initBuilders(): void {
  retiredCapacity = 1024;
  retired = alloc(retiredCapacity * 4, TAG_SCRATCH);
}

export function presenceWords(columns: u32, flags: u32): u32 {
  return (flags & SPARSE) != 0 ? (columns + 63) >> 6 : 0;
}

function rowsOffset(columns: u32): u32 {
  return (<u32> B_SLOTS + columns * 3 + 15) & ~15;
}

export function strideOf(columns: u32, flags: u32): u32 {
  return 8 + presenceWords(columns, flags) * 8 + columns * 8;
}

export function rowAt(b: usize, row: u32): usize {
  const columns = load<u32>(b + B_COLUMNS);
  return b + <usize> rowsOffset(columns) +
    <usize> row * <usize> strideOf(columns, load<u32>(b + B_FLAGS));
}

function familyOf(source: usize, slot: u32): u32 {
  const fields = <usize> load<u32>(
    <usize> load<u32>(source + SOURCE_MEASUREMENT) + MEASUREMENT_FIELD_RECORDS,
  );
  return load<u8>(fields + <usize> slot * FIELD_BYTES + FIELD_FAMILY);
}

/** A builder without rows or column slots, in no list yet. */
export function newBuilder(
  source: usize,
  capacity: u32,
  columns: u32,
  flags: u32,
  generation: u32,
): usize {
  const b = alloc(rowsOffset(columns) + capacity * strideOf(columns, flags), TAG_HEAD);
  memory.fill(b, 0, B_SLOTS);
  store<u32>(b + B_SOURCE, <u32> source);
  store<u32>(b + B_CAPACITY, capacity);
  store<u32>(b + B_COLUMNS, columns);
  store<u32>(b + B_FLAGS, flags);
  store<u32>(b + B_GENERATION, generation);
  return b;
}

function unlinkBuilder(source: usize, builder: usize): void {
  let previous: usize = 0;
  for (let b = <usize> load<u32>(source + SOURCE_BUILDERS); b != 0; b = load<u32>(b + B_NEXT)) {
    if (b == builder) {
      const next = load<u32>(b + B_NEXT);
      if (previous == 0) store<u32>(source + SOURCE_BUILDERS, next);
      else store<u32>(previous + B_NEXT, next);
      return;
    }
    previous = b;
  }
}

/** Puts `by` in the place of `old` in the source's list. */
function replaceBuilder(source: usize, old: usize, by: usize): void {
  store<u32>(by + B_NEXT, load<u32>(old + B_NEXT));
  if (<usize> load<u32>(source + SOURCE_BUILDERS) == old) {
    store<u32>(source + SOURCE_BUILDERS, <u32> by);
    return;
  }
  for (let b = <usize> load<u32>(source + SOURCE_BUILDERS); b != 0; b = load<u32>(b + B_NEXT)) {
    if (<usize> load<u32>(b + B_NEXT) == old) {
      store<u32>(b + B_NEXT, <u32> by);
      return;
    }
  }
}

export function copyCells(target: usize, from: usize, cells: u32): void {
  for (let i: u32 = 0; i < cells; i++) {
    store<u64>(target + <usize> i * 8, load<u64>(from + <usize> i * 8));
  }
}

/** Column of a slot in the builder, or -1. */
export function columnOf(b: usize, slot: u32): i32 {
  const columns = load<u32>(b + B_COLUMNS);
  for (let c: u32 = 0; c < columns; c++) {
    if (<u32> load<u16>(b + B_SLOTS + <usize> c * 2) == slot) return <i32> c;
  }
  return -1;
}

/** Makes the builder able to take a row with these slots: new columns, room for absent cells, blobs marked. */
export function fitColumns(b: usize, slots: usize, cells: u32): usize {
  const source = <usize> load<u32>(b + B_SOURCE);
  const columns = load<u32>(b + B_COLUMNS);
  let missing: u32 = 0, distinct: u32 = 0;
  let flags = load<u32>(b + B_FLAGS);
  for (let i: u32 = 0; i < cells; i++) {
    const slot = <u32> load<u16>(slots + <usize> i * 2);
    if (isRepeated(slots, i, slot)) continue;
    distinct++;
    if (columnOf(b, slot) < 0) missing++;
    if (familyOf(source, slot) >= FAMILY_BLOB) flags |= BLOBS;
  }
  const rows = load<u32>(b + B_ROWS);
  if ((missing > 0 && rows > 0) || distinct < columns) flags |= SPARSE;
  if (missing == 0 && ((flags ^ load<u32>(b + B_FLAGS)) & SPARSE) == 0) {
    store<u32>(b + B_FLAGS, flags);
    return b;
  }
  const grown = rebuild(b, load<u32>(b + B_CAPACITY), columns + missing, flags);
  let at = columns;
  for (let i: u32 = 0; i < cells; i++) {
    const slot = <u32> load<u16>(slots + <usize> i * 2);
    let known = false;
    for (let c: u32 = 0; c < at && !known; c++) {
      known = <u32> load<u16>(grown + B_SLOTS + <usize> c * 2) == slot;
    }
    if (known) continue;
    store<u16>(grown + B_SLOTS + <usize> at * 2, <u16> slot);
    store<u8>(
      grown + B_SLOTS + <usize> (columns + missing) * 2 + <usize> at,
      <u8> familyOf(source, slot),
    );
    markSeen(source, slot);
    at++;
  }
  return grown;
}

function isRepeated(slots: usize, index: u32, slot: u32): bool {
  for (let i: u32 = 0; i < index; i++) {
    if (<u32> load<u16>(slots + <usize> i * 2) == slot) return true;
  }
  return false;
}

/** A builder with the same rows and another capacity, more columns (slots of new ones unset) or presence words. */
export function rebuild(old: usize, capacity: u32, columns: u32, flags: u32): usize {
  const source = <usize> load<u32>(old + B_SOURCE);
  const oldColumns = load<u32>(old + B_COLUMNS);
  const oldFlags = load<u32>(old + B_FLAGS);
  const rows = load<u32>(old + B_ROWS);
  const room = min<u32>(SLAB_ROWS_MAX, max<u32>(capacity, rows));
  const b = newBuilder(source, room, columns, flags, load<u32>(old + B_GENERATION));
  memory.copy(b, old, B_SLOTS);
  store<u32>(b + B_CAPACITY, room);
  store<u32>(b + B_COLUMNS, columns);
  store<u32>(b + B_FLAGS, flags);
  memory.copy(b + B_SLOTS, old + B_SLOTS, oldColumns * 2);
  memory.copy(
    b + B_SLOTS + <usize> columns * 2,
    old + B_SLOTS + <usize> oldColumns * 2,
    oldColumns,
  );
  const words = presenceWords(columns, flags);
  const oldWords = presenceWords(oldColumns, oldFlags);
  if (words == oldWords && columns == oldColumns) {
    memory.copy(rowAt(b, 0), rowAt(old, 0), <usize> rows * <usize> strideOf(columns, flags));
  } else {
    for (let r: u32 = 0; r < rows; r++) {
      moveRow(rowAt(old, r), rowAt(b, r), oldColumns, oldWords, columns, words);
    }
  }
  replaceBuilder(source, old, b);
  retire(old, false);
  return b;
}

function moveRow(
  from: usize,
  to: usize,
  fromColumns: u32,
  fromWords: u32,
  toColumns: u32,
  toWords: u32,
): void {
  store<i64>(to, load<i64>(from));
  for (let w: u32 = 0; w < toWords; w++) {
    let bits: u64 = 0;
    if (w < fromWords) bits = load<u64>(from + 8 + <usize> w * 8);
    else if (fromWords == 0 && w * 64 < fromColumns) {
      const count = fromColumns - w * 64;
      bits = count >= 64 ? ~(<u64> 0) : ((<u64> 1 << <u64> count) - 1);
    }
    store<u64>(to + 8 + <usize> w * 8, bits);
  }
  copyCells(to + 8 + <usize> toWords * 8, from + 8 + <usize> fromWords * 8, fromColumns);
}

/** Stores a row's cells by slot; blobs are copied. */
export function storeCells(b: usize, row: usize, first: u32, cells: u32): void {
  const columns = load<u32>(b + B_COLUMNS);
  const words = presenceWords(columns, load<u32>(b + B_FLAGS));
  const families = b + B_SLOTS + <usize> columns * 2;
  const values = row + 8 + <usize> words * 8;
  for (let w: u32 = 0; w < words; w++) store<u64>(row + 8 + <usize> w * 8, 0);
  for (let i: u32 = 0; i < cells; i++) {
    const slot = <u32> load<u16>(cellSlotPtr + <usize> (first + i) * 2);
    const c = <u32> columnOf(b, slot);
    let bits = load<u64>(cellBitsPtr + <usize> (first + i) * 8);
    if (<u32> load<u8>(families + c) >= FAMILY_BLOB) {
      const bytes = <u32> (bits >> 32);
      const copy = alloc(bytes, TAG_HEAD);
      memory.copy(copy, <usize> <u32> bits, bytes);
      bits = <u64> <u32> copy | (<u64> bytes << 32);
      store<u32>(b + B_BLOB_BYTES, load<u32>(b + B_BLOB_BYTES) + bytes);
    }
    store<u64>(values + <usize> c * 8, bits);
    if (words > 0) {
      const at = row + 8 + <usize> (c >> 6) * 8;
      store<u64>(at, load<u64>(at) | (<u64> 1 << <u64> (c & 63)));
    }
  }
}

export function isPresent(row: usize, words: u32, c: u32): bool {
  return words == 0 || (load<u64>(row + 8 + <usize> (c >> 6) * 8) >> <u64> (c & 63) & 1) != 0;
}

/** After sealing: the block serves again, unless a reader may still look at its rows. */
export function recycleBuilder(b: usize): void {
  if (hasViews) {
    const source = <usize> load<u32>(b + B_SOURCE);
    const columns = load<u32>(b + B_COLUMNS);
    const fresh = newBuilder(
      source,
      ROWS_HOT,
      columns,
      load<u32>(b + B_FLAGS) & ~DISORDERED,
      load<u32>(b + B_GENERATION),
    );
    store<i64>(fresh + B_START, load<i64>(b + B_START));
    store<i64>(fresh + B_END, load<i64>(b + B_END));
    memory.copy(fresh + B_SLOTS, b + B_SLOTS, columns * 3);
    replaceBuilder(source, b, fresh);
    retire(b, true);
    return;
  }
  freeBlobs(b);
  store<u32>(b + B_ROWS, 0);
  store<u32>(b + B_BLOB_BYTES, 0);
  store<u32>(b + B_FLAGS, load<u32>(b + B_FLAGS) & ~DISORDERED);
}

/** Takes a builder out of its source's list and gives it up, with its blobs. */
export function discardBuilder(b: usize): void {
  unlinkBuilder(<usize> load<u32>(b + B_SOURCE), b);
  retire(b, true);
}

function freeBlobs(b: usize): void {
  if ((load<u32>(b + B_FLAGS) & BLOBS) == 0) return;
  const columns = load<u32>(b + B_COLUMNS);
  const words = presenceWords(columns, load<u32>(b + B_FLAGS));
  const families = b + B_SLOTS + <usize> columns * 2;
  const rows = load<u32>(b + B_ROWS);
  for (let c: u32 = 0; c < columns; c++) {
    if (<u32> load<u8>(families + c) < FAMILY_BLOB) continue;
    for (let r: u32 = 0; r < rows; r++) {
      const row = rowAt(b, r);
      if (!isPresent(row, words, c)) continue;
      free(<usize> load<u32>(row + 8 + <usize> words * 8 + <usize> c * 8), TAG_HEAD);
    }
  }
}

/** Frees a block, or keeps it until the views that may look at it are closed. */
export function retire(block: usize, ownsBlobs: bool): void {
  if (!hasViews) {
    if (ownsBlobs) freeBlobs(block);
    free(block, TAG_HEAD);
    return;
  }
  if (retiredCount == retiredCapacity) {
    const grown = alloc(retiredCapacity * 8, TAG_SCRATCH);
    memory.copy(grown, retired, retiredCapacity * 4);
    free(retired, TAG_SCRATCH);
    retired = grown;
    retiredCapacity *= 2;
  }
  store<u32>(retired + <usize> retiredCount * 4, <u32> block | (ownsBlobs ? 1 : 0));
  retiredCount++;
}

/** Whether any view is open; blocks are retired from then on. */
export function headSetViews(open: bool): void {
  hasViews = open;
}

/** Blocks that wait to be freed. */
export function headRetiredCount(): u32 {
  return retiredCount;
}

/** Frees the `count` blocks that were retired first. */
export function headReleaseRetired(count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const entry = load<u32>(retired + <usize> i * 4);
    const block = <usize> (entry & ~1);
    if ((entry & 1) != 0) freeBlobs(block);
    free(block, TAG_HEAD);
  }
  retiredCount -= count;
  memory.copy(retired, retired + <usize> count * 4, retiredCount * 4);
}
