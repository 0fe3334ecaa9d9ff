/**
 * Columns of 64-bit integers: what timestamps, integers, decimals, doubles' bits, lengths and dictionary indexes become.
 *
 *   kind     1 byte, written by the owner of the column: bits 0-4 are the owner's, bits 5-6 tell the body (0 constant,
 *            1 runs, 2 entropy), bit 7 that there is a scale
 *   ...      what the owner puts between
 *   signed   base: the lowest number
 *   varint   scale (at least 2), when bit 7 is set: greatest common divisor of the differences to the base
 *   body     of (number - base) / scale: nothing, runs of 128 (runs.ts), or entropy blocks (entropy.ts)
 *
 * Among runs, a stretch of one number that begins where a run would and is longer than a run may be written as: 1 byte
 * FLAT, varint number, varint rows, a multiple of 128 unless the column ends there.
 *
 * All arithmetic wraps at 64 bits.
 */
import { alloc, TAG_SCRATCH } from "./memory";
import { RUN_ROWS } from "./bits";
import { decodeEntropy, initEntropy } from "./entropy";
import { encodeEntropy, initEntropyWriter } from "./entropy_writer";
import { encodeRun } from "./run_writer";
import { initHuffman } from "./huffman";
import { AS_INTEGERS, decodeRun, finishNumbers, FLAT, setOutput, skipRun } from "./runs";
import {
  getByte,
  getCount,
  getSigned,
  getVarint,
  greatestDivisor,
  isDamaged,
  markDamaged,
  peekByte,
  putSigned,
  putVarint,
} from "./varints";

export const BODY_CONSTANT: u32 = 0;
export const BODY_RUNS: u32 = 1;
export const BODY_ENTROPY: u32 = 2;
const SCALED: u32 = 128;
/** Fewer numbers do not pay for a code. */
const ENTROPY_ROWS_MIN: u32 = 192;

// Values of a run of which only a part is wanted.
let part: usize = 0;

export function initNumbers(): void {
  part = alloc(RUN_ROWS * 8, TAG_SCRATCH);
  initHuffman();
  initEntropy();
  initEntropyWriter();
}

/** Greatest common divisor of the differences to `base`, 0 when all are 0. */
function scaleOf(numbers: usize, count: u32, base: i64): u64 {
  let scale: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const difference = <u64> (load<i64>(numbers + i * 8) - base);
    if (scale == 0) scale = difference;
    else if (difference % scale != 0) scale = greatestDivisor(scale, difference % scale);
    if (scale == 1) break;
  }
  return scale;
}

/** Rows of the stretch of one number at row `i`, as a stretch may have them; 0 when it is too short. */
function flatRows(numbers: usize, i: u32, count: u32): u32 {
  const number = load<u64>(numbers + i * 8);
  let end = i + 1;
  while (end < count && load<u64>(numbers + end * 8) == number) end++;
  const rows = end == count ? end - i : (end - i) & ~(RUN_ROWS - 1);
  // A run of one number is as short.
  return rows > RUN_ROWS ? rows : 0;
}

function putRuns(numbers: usize, count: u32, at: usize): usize {
  let i: u32 = 0;
  while (i < count) {
    const flat = flatRows(numbers, i, count);
    if (flat > 0) {
      store<u8>(at, <u8> FLAT);
      at = putVarint(at + 1, load<u64>(numbers + i * 8));
      at = putVarint(at, flat);
      i += flat;
      continue;
    }
    const rows = min<u32>(RUN_ROWS, count - i);
    at = encodeRun(numbers + i * 8, rows, at);
    i += rows;
  }
  return at;
}

/**
 * Encodes `count` (at least 1) numbers, which it spoils, and completes the kind byte at `kind`. Returns the address
 * behind the column.
 */
export function encodeNumbers(
  numbers: usize,
  count: u32,
  kind: usize,
  at: usize,
  effort: u32,
): usize {
  let base = load<i64>(numbers);
  for (let i: u32 = 1; i < count; i++) base = min<i64>(base, load<i64>(numbers + i * 8));
  const scale = scaleOf(numbers, count, base);
  at = putSigned(at, base);
  if (scale == 0) return at;
  let flags = BODY_RUNS << 5;
  if (scale > 1) {
    flags |= SCALED;
    at = putVarint(at, scale);
    for (let i: u32 = 0; i < count; i++) {
      const difference = <u64> (load<i64>(numbers + i * 8) - base);
      store<u64>(numbers + i * 8, difference / scale);
    }
  } else {
    for (let i: u32 = 0; i < count; i++) {
      store<i64>(numbers + i * 8, load<i64>(numbers + i * 8) - base);
    }
  }
  store<u8>(kind, <u8> (load<u8>(kind) | flags));
  const body = at;
  at = putRuns(numbers, count, at);
  if (effort == 0 || count < ENTROPY_ROWS_MIN) return at;
  const end = encodeEntropy(numbers, count, body, <u32> (at - body));
  if (end == 0) return at;
  store<u8>(kind, <u8> (load<u8>(kind) ^ ((BODY_RUNS ^ BODY_ENTROPY) << 5)));
  return end;
}

function fill(target: usize, count: u32, bits: i64): void {
  for (let i: u32 = 0; i < count; i++) store<i64>(target + i * 8, bits);
}

/**
 * Decodes numbers from <= i < to of a column of `count` at the cursor, behind kind byte and the owner's bytes, into 64-bit
 * values at `target`: integers, or doubles divided by `divisor`. Marks the window when damaged.
 */
export function decodeNumbers(
  kind: u32,
  count: u32,
  from: u32,
  to: u32,
  output: u32,
  divisor: f64,
  target: usize,
): void {
  const body = (kind >> 5) & 3;
  const base = getSigned();
  const scale = (kind & SCALED) != 0 ? getVarint() : 1;
  if (isDamaged()) return;
  if (body == BODY_CONSTANT) {
    const bits = output == AS_INTEGERS ? base : reinterpret<i64>(<f64> base / divisor);
    fill(target, to - from, bits);
    return;
  }
  setOutput(output, base, <i64> scale, divisor);
  if (body == BODY_ENTROPY) {
    decodeEntropy(count, from, to, target);
    return;
  }
  if (body != BODY_RUNS) {
    markDamaged();
    return;
  }
  getRuns(count, from, to, target);
}

/** Reads a stretch of one number at row `i`: fills the wanted part, returns its rows. */
function getFlat(
  i: u32,
  count: u32,
  from: u32,
  to: u32,
  target: usize,
): u32 {
  getByte();
  store<u64>(part, getVarint());
  const rows = getCount(count - i);
  if (rows == 0 || ((rows & (RUN_ROWS - 1)) != 0 && i + rows != count)) markDamaged();
  if (isDamaged()) return 0;
  const first = max<u32>(from, i);
  const end = min<u32>(to, i + rows);
  if (first < end) {
    finishNumbers(part, 1, 0, part);
    fill(target + (first - from) * 8, end - first, load<i64>(part));
  }
  return rows;
}

function getRuns(count: u32, from: u32, to: u32, target: usize): void {
  let i: u32 = 0;
  while (i < to) {
    if (peekByte() == FLAT) {
      i += getFlat(i, count, from, to, target);
      if (isDamaged()) return;
      continue;
    }
    const rows = min<u32>(RUN_ROWS, count - i);
    if (i + rows <= from) skipRun(rows);
    else if (i >= from && i + rows <= to) decodeRun(rows, target + (i - from) * 8);
    else {
      const first = max<u32>(from, i);
      const end = min<u32>(to, i + rows);
      decodeRun(rows, part);
      memory.copy(target + (first - from) * 8, part + (first - i) * 8, (end - first) * 8);
    }
    if (isDamaged()) return;
    i += rows;
  }
}
