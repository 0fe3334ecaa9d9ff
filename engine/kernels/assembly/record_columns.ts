/**
 * Columns of a log record: numbers that are mostly small, in blocks of 128 (the last of a column: fewer).
 *
 *   1 byte   bits 0-6 width of the packed numbers, 0 to 64; bit 7: patched
 *   patched  1 byte count, as many positions (bytes, ascending), as many varints: the number shifted right by the width
 *   packed   128 numbers of at most 32 bits: bits.ts packRun, otherwise packTail
 *
 * Invariants
 * - A column of `count` numbers takes at most columnBytesBound(count) bytes.
 * - The reader works on the window of varints.ts and may read UNPACK_SLACK bytes behind it.
 */
import { packRun, packTail, RUN_ROWS, tailBytes, unpackRun, unpackTail } from "./bits";
import { alloc, TAG_SCRATCH } from "./memory";
import { getByte, getVarint, isDamaged, markDamaged, putVarint, take } from "./varints";

const PATCHED: u32 = 128;
/** Bits that a patch is reckoned to cost beside the bits it saves. */
const PATCH_BITS: u32 = 17;
const WIDTHS: u32 = 65;

// Counts of the widths in a block, and its numbers in 32-bit lanes.
let counts: usize = 0;
let lanes: usize = 0;

export function initRecordColumns(): void {
  counts = alloc(80 + RUN_ROWS * 4, TAG_SCRATCH);
  lanes = counts + 80;
}

/** Upper bound of a column's bytes. */
export function columnBytesBound(count: u32): u32 {
  return count * 10 + (count / RUN_ROWS + 1) * 4;
}

/** Encodes `count` u64 numbers; returns the address behind. May touch 8 bytes more. */
export function putColumn(numbers: usize, count: u32, at: usize): usize {
  while (count > 0) {
    const size = min<u32>(count, RUN_ROWS);
    at = putBlock(numbers, size, at);
    numbers += <usize> size * 8;
    count -= size;
  }
  return at;
}

function putBlock(numbers: usize, count: u32, at: usize): usize {
  const width = chooseWidth(numbers, count);
  store<u8>(at, <u8> width);
  if (width < 64) at = putPatches(numbers, count, width, at);
  else at++;
  if (count < RUN_ROWS || width > 32) {
    packTail(numbers, count, width, at);
    return at + tailBytes(count, width);
  }
  if (width == 0) return at;
  const mask = i64x2.splat(<i64> (((<u64> 1) << width) - 1));
  for (let i: usize = 0; i < <usize> RUN_ROWS; i += 4) {
    const low = v128.and(v128.load(numbers + i * 8), mask);
    const high = v128.and(v128.load(numbers + i * 8, 16), mask);
    v128.store(lanes + i * 4, v128.shuffle<u32>(low, high, 0, 2, 4, 6));
  }
  packRun(lanes, width, at);
  return at + width * 16;
}

/** The width with which a block takes the fewest bits. */
function chooseWidth(numbers: usize, count: u32): u32 {
  let all: u64 = 0;
  for (let i: u32 = 0; i < count; i++) all |= load<u64>(numbers + <usize> i * 8);
  const widest = 64 - <u32> clz<u64>(all);
  if (widest <= 1 && count < 32) return widest;
  memory.fill(counts, 0, 80);
  for (let i: u32 = 0; i < count; i++) {
    const at = counts + 64 - <usize> clz<u64>(load<u64>(numbers + <usize> i * 8));
    store<u8>(at, load<u8>(at) + 1);
  }
  let best = widest;
  let bestBits = count * widest;
  let patches: u32 = 0;
  let extra: u32 = 0;
  const most = count >> 2;
  for (let width = widest; width > 0;) {
    patches += load<u8>(counts + width);
    if (patches > most) break;
    width--;
    extra += patches;
    const bits = count * width + patches * PATCH_BITS + extra + 8;
    if (bits < bestBits) {
      bestBits = bits;
      best = width;
    }
  }
  return best;
}

/** Lists the numbers that need more than `width` bits, behind the width byte already written at `at`. */
function putPatches(numbers: usize, count: u32, width: u32, at: usize): usize {
  const start = at + 2;
  let end = start;
  for (let i: u32 = 0; i < count; i++) {
    if (load<u64>(numbers + <usize> i * 8) >> width != 0) store<u8>(end++, <u8> i);
  }
  if (end == start) return at + 1;
  store<u8>(at, <u8> (width | PATCHED));
  store<u8>(at, <u8> (end - start), 1);
  const positions = end;
  for (let p = start; p < positions; p++) {
    end = putVarint(end, load<u64>(numbers + <usize> load<u8>(p) * 8) >> width);
  }
  return end;
}

/** Decodes `count` numbers from the window into u64 at `target`; marks the window when damaged. */
export function getColumn(count: u32, target: usize): void {
  while (count > 0) {
    const size = min<u32>(count, RUN_ROWS);
    getBlock(size, target);
    if (isDamaged()) return;
    target += <usize> size * 8;
    count -= size;
  }
}

function getBlock(count: u32, target: usize): void {
  const head = getByte();
  const width = head & 127;
  const patches = (head & PATCHED) != 0 ? getByte() : 0;
  const positions = take(patches);
  if (width >= WIDTHS || (width == 64 && patches > 0)) markDamaged();
  if (isDamaged()) return;
  const highs = take(0);
  for (let i: u32 = 0; i < patches; i++) {
    getVarint();
    if (<u32> load<u8>(positions + i) >= count) markDamaged();
  }
  if (count < RUN_ROWS || width > 32) {
    const packed = take(tailBytes(count, width));
    if (isDamaged()) return;
    if (width == 0) memory.fill(target, 0, count * 8);
    else unpackTail(packed, count, width, target);
  } else {
    const packed = take(width * 16);
    if (isDamaged()) return;
    unpackWide(packed, width, target);
  }
  addPatches(positions, patches, highs, width, target);
}

function unpackWide(packed: usize, width: u32, target: usize): void {
  if (width == 0) {
    memory.fill(target, 0, RUN_ROWS * 8);
    return;
  }
  unpackRun(packed, width, lanes);
  for (let i: usize = 0; i < <usize> RUN_ROWS; i += 4) {
    const four = v128.load(lanes + i * 4);
    v128.store(target + i * 8, i64x2.extend_low_i32x4_u(four));
    v128.store(target + i * 8, i64x2.extend_high_i32x4_u(four), 16);
  }
}

/** Puts the high parts, which have been checked, on the packed numbers. */
function addPatches(positions: usize, patches: u32, highs: usize, width: u32, target: usize): void {
  for (let i: u32 = 0; i < patches; i++) {
    let high: u64 = 0;
    for (let shift: u64 = 0;; shift += 7) {
      const byte = load<u8>(highs++);
      high |= <u64> (byte & 127) << shift;
      if (byte < 128) break;
    }
    const at = target + <usize> load<u8>(positions + i) * 8;
    store<u64>(at, load<u64>(at) | high << width);
  }
}
