/**
 * Bitmaps of rows: which rows have a value, and columns of bool.
 *
 *   1 byte   form: 0 all bits clear, 1 all set, 2 runs that begin with clear bits, 3 runs that begin with set bits,
 *            4 the bitmap itself
 *   runs     varint number of runs less 1, varint length of each but the last
 *   bitmap   bit r of byte r >> 3 at r & 7; bits behind the last row are 0
 */
import { getByte, getCount, isDamaged, markDamaged, putVarint, take } from "./varints";

const CLEAR: u32 = 0;
const SET: u32 = 1;
const RUNS: u32 = 2;
const BITMAP: u32 = 4;

function bitAt(bitmap: usize, row: u32): u32 {
  return (<u32> load<u8>(bitmap + (row >> 3)) >> (row & 7)) & 1;
}

export function hasBit(bitmap: usize, row: u32): bool {
  return bitAt(bitmap, row) != 0;
}

/** Bits set among the rows from <= r < to. */
export function countBits(bitmap: usize, from: u32, to: u32): u32 {
  let count: u32 = 0;
  while (from < to && (from & 7) != 0) count += bitAt(bitmap, from++);
  while (from + 64 <= to) {
    count += <u32> popcnt<u64>(load<u64>(bitmap + (from >> 3)));
    from += 64;
  }
  while (from < to) count += bitAt(bitmap, from++);
  return count;
}

/** The first row from `row` on whose bit differs from `bit`, at most `rows`. */
function endOfBits(bitmap: usize, row: u32, rows: u32, bit: u32): u32 {
  const same: u32 = bit != 0 ? 255 : 0;
  while (row < rows) {
    if ((row & 7) == 0 && row + 8 <= rows && <u32> load<u8>(bitmap + (row >> 3)) == same) row += 8;
    else if (bitAt(bitmap, row) != bit) break;
    else row++;
  }
  return row;
}

/** Encodes the bitmap of `rows` (at least 1) rows; at most 3 + rows / 8 bytes, of which it may touch twice as many. */
export function encodeBitmap(bitmap: usize, rows: u32, at: usize): usize {
  const first = bitAt(bitmap, 0);
  const bytes = (rows + 7) >> 3;
  let runs: u32 = 0;
  let runBytes: u32 = 2;
  let row: u32 = 0;
  while (row < rows && runBytes <= bytes + 2) {
    const end = endOfBits(bitmap, row, rows, first ^ (runs & 1));
    runs++;
    runBytes += end - row < 128 ? 1 : 2;
    row = end;
  }
  if (row == rows && runs == 1) {
    store<u8>(at, <u8> (first == 0 ? CLEAR : SET));
    return at + 1;
  }
  if (row < rows || runBytes > bytes + 1) {
    store<u8>(at, <u8> BITMAP);
    memory.copy(at + 1, bitmap, bytes);
    const rest = rows & 7;
    if (rest != 0) {
      const last = at + bytes;
      store<u8>(last, <u8> (<u32> load<u8>(last) & ((1 << rest) - 1)));
    }
    return at + 1 + bytes;
  }
  store<u8>(at, <u8> (RUNS + first));
  at = putVarint(at + 1, runs - 1);
  row = 0;
  for (let i: u32 = 0; i + 1 < runs; i++) {
    const end = endOfBits(bitmap, row, rows, first ^ (i & 1));
    at = putVarint(at, end - row);
    row = end;
  }
  return at;
}

/** Sets or clears the bits from <= r < to. */
export function fillBits(bitmap: usize, from: u32, to: u32, bit: u32): void {
  while (from < to) {
    if ((from & 7) == 0 && from + 8 <= to) {
      const bytes = (to - from) >> 3;
      memory.fill(bitmap + (from >> 3), bit != 0 ? 255 : 0, bytes);
      from += bytes << 3;
      continue;
    }
    const at = bitmap + (from >> 3);
    const mask = <u32> 1 << (from & 7);
    const byte = <u32> load<u8>(at);
    store<u8>(at, <u8> (bit != 0 ? byte | mask : byte & ~mask));
    from++;
  }
}

/** Decodes the bitmap at the cursor into (rows + 7) / 8 bytes; bits behind the last row are 0. */
export function decodeBitmap(rows: u32, bitmap: usize): void {
  const form = getByte();
  const bytes = (rows + 7) >> 3;
  if (form == BITMAP) {
    const source = take(bytes);
    if (isDamaged()) return;
    memory.copy(bitmap, source, bytes);
    const rest = rows & 7;
    if (rest != 0 && <u32> load<u8>(bitmap + bytes - 1) >> rest != 0) markDamaged();
    return;
  }
  store<u8>(bitmap + bytes - 1, 0);
  if (form <= SET) {
    fillBits(bitmap, 0, rows, form);
    return;
  }
  if (form > BITMAP) {
    markDamaged();
    return;
  }
  let bit = form - RUNS;
  let row: u32 = 0;
  const runs = getCount(rows - 1);
  for (let i: u32 = 0; i < runs; i++) {
    const length = getCount(rows - row);
    fillBits(bitmap, row, row + length, bit);
    row += length;
    bit ^= 1;
  }
  fillBits(bitmap, row, rows, bit);
}

/** Writes bits from <= r < to as numbers 0 and 1 of 64 bits. */
export function spreadBits(bitmap: usize, from: u32, to: u32, target: usize): void {
  for (let row = from; row < to; row++) {
    store<u64>(target, bitAt(bitmap, row));
    target += 8;
  }
}
