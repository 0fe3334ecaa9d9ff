/**
 * Columns of byte strings: blobs and histograms. A value is pointer | bytes << 32; decoded ones point into the chunk.
 *
 *   1 byte   form: 1 plain, 2 dictionary
 *   plain    lengths as numbers (1 kind byte, then numbers.ts), the strings one behind the other
 *   dictionary: varint entries, their lengths as numbers, the entries, then the entry of each value as numbers
 */
import { alloc, TAG_SCRATCH } from "./memory";
import { decodeNumbers, encodeNumbers } from "./numbers";
import { AS_INTEGERS } from "./runs";
import {
  bitsFor,
  endOfWindow,
  getByte,
  getCount,
  isDamaged,
  markDamaged,
  position,
  putVarint,
  take,
} from "./varints";

const PLAIN: u32 = 1;
const DICTIONARY: u32 = 2;
const ENTRIES_MAX: u32 = 4096;
const TABLE_SLOTS: u32 = 8192;
const ROWS_MAX: u32 = 8192;

// Hash table of entry + 1 (u16), row of each entry (u16), entry of each row (u16), decoded lengths or entries (u64).
let table: usize = 0;
let entryRows: usize = 0;
let rowEntries: usize = 0;
let lengths: usize = 0;
let entryCount: u32 = 0;

export function initBlobs(): void {
  table = alloc(TABLE_SLOTS * 2 + ENTRIES_MAX * 2 + ROWS_MAX * 2, TAG_SCRATCH);
  entryRows = table + TABLE_SLOTS * 2;
  rowEntries = entryRows + ENTRIES_MAX * 2;
  lengths = alloc(ROWS_MAX * 8, TAG_SCRATCH);
}

function hashOf(start: usize, bytes: u32): u32 {
  let hash: u64 = <u64> bytes * 0x9e3779b97f4a7c15;
  const end = start + bytes;
  while (start + 8 <= end) {
    hash = rotl<u64>(hash ^ load<u64>(start), 29) * 0x9e3779b97f4a7c15;
    start += 8;
  }
  while (start < end) hash = rotl<u64>(hash ^ <u64> load<u8>(start++), 29) * 0x9e3779b97f4a7c15;
  return <u32> (hash >> 40);
}

function isSame(a: usize, b: usize, bytes: u32): bool {
  let i: u32 = 0;
  for (; i + 8 <= bytes; i += 8) if (load<u64>(a + i) != load<u64>(b + i)) return false;
  for (; i < bytes; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}

/** The entry of a value, a new one when it is the first of its kind; ENTRIES_MAX when there is no room. */
function entryOf(bits: usize, row: u32): u32 {
  const start = <usize> load<u32>(bits + row * 8);
  const bytes = load<u32>(bits + row * 8, 4);
  let slot = hashOf(start, bytes) & (TABLE_SLOTS - 1);
  while (true) {
    const found = <u32> load<u16>(table + slot * 2);
    if (found == 0) break;
    const other = bits + <usize> load<u16>(entryRows + (found - 1) * 2) * 8;
    if (load<u32>(other, 4) == bytes && isSame(load<u32>(other), start, bytes)) return found - 1;
    slot = (slot + 1) & (TABLE_SLOTS - 1);
  }
  if (entryCount == ENTRIES_MAX) return ENTRIES_MAX;
  store<u16>(entryRows + entryCount * 2, <u16> row);
  store<u16>(table + slot * 2, <u16> (++entryCount));
  return entryCount - 1;
}

/** Whether a dictionary is worth it: fills entryRows and rowEntries. */
function findEntries(bits: usize, count: u32): bool {
  if (count < 2) return false;
  memory.fill(table, 0, TABLE_SLOTS * 2);
  entryCount = 0;
  let total: u64 = 0;
  for (let row: u32 = 0; row < count; row++) {
    const entry = entryOf(bits, row);
    if (entry == ENTRIES_MAX) return false;
    store<u16>(rowEntries + row * 2, <u16> entry);
    total += load<u32>(bits + row * 8, 4);
    // Values that keep being new will not repeat often enough.
    if (row == 512 && entryCount > 448) return false;
  }
  let distinct: u64 = 0;
  for (let i: u32 = 0; i < entryCount; i++) {
    distinct += load<u32>(bits + <usize> load<u16>(entryRows + i * 2) * 8, 4) + 1;
  }
  return distinct + (<u64> count * bitsFor(entryCount - 1) >> 3) < total;
}

function putString(bits: usize, at: usize): usize {
  const bytes = load<u32>(bits, 4);
  memory.copy(at, load<u32>(bits), bytes);
  return at + bytes;
}

function putNumbers(numbers: usize, count: u32, at: usize, effort: u32): usize {
  store<u8>(at, 0);
  return encodeNumbers(numbers, count, at, at + 1, effort);
}

/** Encodes `count` (at least 1) strings with `numbers` as scratch; returns the address behind the column. */
export function encodeBlobs(
  bits: usize,
  count: u32,
  numbers: usize,
  at: usize,
  effort: u32,
): usize {
  if (!findEntries(bits, count)) {
    store<u8>(at, <u8> PLAIN);
    for (let i: u32 = 0; i < count; i++) {
      store<u64>(numbers + i * 8, load<u32>(bits + i * 8, 4));
    }
    at = putNumbers(numbers, count, at + 1, effort);
    for (let i: u32 = 0; i < count; i++) at = putString(bits + i * 8, at);
    return at;
  }
  store<u8>(at, <u8> DICTIONARY);
  at = putVarint(at + 1, entryCount);
  for (let i: u32 = 0; i < entryCount; i++) {
    const row = bits + <usize> load<u16>(entryRows + i * 2) * 8;
    store<u64>(numbers + i * 8, load<u32>(row, 4));
  }
  at = putNumbers(numbers, entryCount, at, effort);
  for (let i: u32 = 0; i < entryCount; i++) {
    at = putString(bits + <usize> load<u16>(entryRows + i * 2) * 8, at);
  }
  for (let i: u32 = 0; i < count; i++) {
    store<u64>(numbers + i * 8, load<u16>(rowEntries + i * 2));
  }
  return putNumbers(numbers, count, at, effort);
}

function getNumbers(count: u32, from: u32, to: u32, target: usize): void {
  const kind = getByte();
  if ((kind & 31) != 0) markDamaged();
  else decodeNumbers(kind, count, from, to, AS_INTEGERS, 1, target);
}

/** Turns `count` lengths into values that lie one behind the other from the cursor on, and steps over them. */
function placeStrings(count: u32): void {
  let at = position();
  const end = endOfWindow();
  for (let i: u32 = 0; i < count; i++) {
    const bytes = load<u64>(lengths + i * 8);
    if (bytes > <u64> (end - at)) {
      markDamaged();
      return;
    }
    store<u32>(lengths + i * 8, <u32> at);
    store<u32>(lengths + i * 8, <u32> bytes, 4);
    at += <usize> bytes;
  }
  take(at - position());
}

/** Decodes values from <= i < to of a column of `count` at the cursor. Marks the window when damaged. */
export function decodeBlobs(count: u32, from: u32, to: u32, target: usize): void {
  const form = getByte();
  if (form == PLAIN) {
    getNumbers(count, 0, count, lengths);
    if (isDamaged()) return;
    placeStrings(count);
    if (isDamaged()) return;
    memory.copy(target, lengths + from * 8, (to - from) * 8);
    return;
  }
  if (form != DICTIONARY) {
    markDamaged();
    return;
  }
  const entries = getCount(ENTRIES_MAX);
  if (entries == 0) markDamaged();
  if (isDamaged()) return;
  getNumbers(entries, 0, entries, lengths);
  if (isDamaged()) return;
  placeStrings(entries);
  getNumbers(count, from, to, target);
  if (isDamaged()) return;
  for (let i: u32 = 0; i < to - from; i++) {
    const entry = load<u64>(target + i * 8);
    if (entry >= <u64> entries) {
      markDamaged();
      return;
    }
    store<u64>(target + i * 8, load<u64>(lengths + <usize> entry * 8));
  }
}
