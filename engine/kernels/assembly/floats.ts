/**
 * Columns of doubles. Most doubles that are measured are decimals: integer / 10^e, the division rounding to exactly the
 * double that came in. Those become integers; the few that are not (NaN, infinities, -0, outliers) are listed beside them.
 * Columns of true doubles become integers by their bits.
 *
 *   1 byte   kind (numbers.ts): bits 0-3 are e, 0 to 14, or 15 for bits; bit 4 that there are exceptions
 *   varint   exceptions, when bit 4 is set; for each: varint its place less the previous one's less 1 (the first: the
 *            place), 1 byte code, and 8 bytes for code 0
 *   ...      numbers.ts; where an exception stands, the number before it is repeated
 *
 * Codes: 0 any bits, 1 -0, 2 the quiet NaN 0x7ff8000000000000, 3 the staleness mark 0x7ff0000000000002, 4 +Inf, 5 -Inf.
 */
import { alloc, TAG_SCRATCH } from "./memory";
import { decodeNumbers, encodeNumbers } from "./numbers";
import { AS_DOUBLES, AS_INTEGERS } from "./runs";
import { getByte, getCount, getVarint, isDamaged, markDamaged, putVarint, take } from "./varints";

const EXPONENT_MAX: u32 = 14;
const KIND_BITS: u32 = 15;
const HAS_EXCEPTIONS: u32 = 16;
/** Integers beyond this are not told apart by a double. */
const INTEGER_MAX: f64 = 9007199254740992;
const ROWS_MAX: u32 = 8192;

const POWERS: StaticArray<f64> = [
  1e0,
  1e1,
  1e2,
  1e3,
  1e4,
  1e5,
  1e6,
  1e7,
  1e8,
  1e9,
  1e10,
  1e11,
  1e12,
  1e13,
  1e14,
];
const SPECIALS: StaticArray<u64> = [
  0,
  0x8000000000000000,
  0x7ff8000000000000,
  0x7ff0000000000002,
  0x7ff0000000000000,
  0xfff0000000000000,
];

let exceptions: usize = 0;
let exceptionCount: u32 = 0;
let exponent: u32 = 0;

export function initFloats(): void {
  exceptions = alloc((ROWS_MAX / 8 + 64) * 2, TAG_SCRATCH);
}

/** The exponent from `from` on with which a double is a decimal, 15 when there is none. */
function exponentOf(value: f64, from: u32): u32 {
  for (let e = from; e <= EXPONENT_MAX; e++) {
    const power = POWERS[e];
    const integer = nearest<f64>(value * power) + 0.0;
    if (!(abs<f64>(integer) <= INTEGER_MAX)) return KIND_BITS;
    if (reinterpret<u64>(integer / power) == reinterpret<u64>(value)) return e;
  }
  return KIND_BITS;
}

/**
 * Finds the exponent and lists the exceptions of `count` doubles. False when they are no decimals: too many exceptions, or
 * integers too far apart.
 */
function findDecimals(bits: usize, count: u32): bool {
  exponent = 0;
  exceptionCount = 0;
  let power: f64 = 1;
  for (let i: u32 = 0; i < count; i++) {
    const value = load<f64>(bits + i * 8);
    const integer = nearest<f64>(value * power) + 0.0;
    if (
      reinterpret<u64>(integer / power) == reinterpret<u64>(value) &&
      abs<f64>(integer) <= INTEGER_MAX
    ) continue;
    const found = exponentOf(value, exponent + 1);
    if (found != KIND_BITS) {
      exponent = found;
      power = POWERS[found];
      continue;
    }
    if (exceptionCount > 4 + (i >> 3)) return false;
    store<u16>(exceptions + exceptionCount * 2, <u16> i);
    exceptionCount++;
  }
  return exceptionCount < count;
}

/** Writes the integers of decimals to `numbers`. False when their span is too wide to be exact. */
function takeIntegers(bits: usize, count: u32, numbers: usize): bool {
  const power = POWERS[exponent];
  let low = Infinity;
  let high = -Infinity;
  let next: u32 = 0;
  let last: f64 = 0;
  let pending: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (next < exceptionCount && <u32> load<u16>(exceptions + next * 2) == i) {
      next++;
      if (low > high) pending++;
      else store<i64>(numbers + i * 8, <i64> last);
      continue;
    }
    last = nearest<f64>(load<f64>(bits + i * 8) * power);
    if (abs<f64>(last) > INTEGER_MAX) return false;
    store<i64>(numbers + i * 8, <i64> last);
    if (low > high) {
      for (let j: u32 = 0; j < pending; j++) store<i64>(numbers + j * 8, <i64> last);
    }
    low = min<f64>(low, last);
    high = max<f64>(high, last);
  }
  return high - low <= INTEGER_MAX;
}

function putExceptions(bits: usize, at: usize): usize {
  at = putVarint(at, exceptionCount);
  let previous: u32 = -1;
  for (let i: u32 = 0; i < exceptionCount; i++) {
    const place = <u32> load<u16>(exceptions + i * 2);
    at = putVarint(at, place - previous - 1);
    previous = place;
    const value = load<u64>(bits + place * 8);
    let code: u32 = 0;
    for (let c: u32 = 1; c < 6; c++) if (SPECIALS[c] == value) code = c;
    store<u8>(at++, <u8> code);
    if (code == 0) {
      store<u64>(at, value);
      at += 8;
    }
  }
  return at;
}

/** Encodes `count` (at least 1) doubles with `numbers` as scratch of the same size; returns the address behind. */
export function encodeFloats(
  bits: usize,
  count: u32,
  numbers: usize,
  at: usize,
  effort: u32,
): usize {
  const start = at;
  let decimalBytes: usize = usize.MAX_VALUE;
  if (findDecimals(bits, count) && takeIntegers(bits, count, numbers)) {
    store<u8>(at++, <u8> (exponent | (exceptionCount > 0 ? HAS_EXCEPTIONS : 0)));
    if (exceptionCount > 0) at = putExceptions(bits, at);
    at = encodeNumbers(numbers, count, start, at, effort);
    decimalBytes = at - start;
    // Bits take 64 a value at most; only decimals near that may be longer.
    if (decimalBytes < 16 || decimalBytes < count * 4) return at;
  }
  const second = decimalBytes == usize.MAX_VALUE ? start : at;
  store<u8>(second, <u8> KIND_BITS);
  memory.copy(numbers, bits, count * 8);
  at = encodeNumbers(numbers, count, second, second + 1, effort);
  if (second == start) return at;
  const bitsBytes = at - second;
  if (decimalBytes <= bitsBytes) return second;
  memory.copy(start, second, bitsBytes);
  return start + bitsBytes;
}

/**
 * Decodes doubles from <= i < to of a column of `count` at the cursor into `target`. Marks the window when damaged.
 */
export function decodeFloats(count: u32, from: u32, to: u32, target: usize): void {
  const kind = getByte();
  const e = kind & 15;
  if (e == KIND_BITS) {
    if ((kind & HAS_EXCEPTIONS) != 0) markDamaged();
    else decodeNumbers(kind, count, from, to, AS_INTEGERS, 1, target);
    return;
  }
  if ((kind & HAS_EXCEPTIONS) == 0) {
    decodeNumbers(kind, count, from, to, AS_DOUBLES, POWERS[e], target);
    return;
  }
  const listed = getCount(count);
  let place: u64 = 0;
  let places: u32 = 0;
  const at = take(0);
  for (let i: u32 = 0; i < listed; i++) {
    place += getVarint() + (i > 0 ? 1 : 0);
    if (place >= <u64> count) markDamaged();
    const code = getByte();
    if (code == 0) take(8);
    else if (code > 5) markDamaged();
    if (isDamaged()) return;
    places++;
  }
  decodeNumbers(kind, count, from, to, AS_DOUBLES, POWERS[e], target);
  if (isDamaged()) return;
  applyExceptions(at, places, from, to, target);
}

/** Puts the exceptions, which have been checked, over the decoded values. */
function applyExceptions(at: usize, listed: u32, from: u32, to: u32, target: usize): void {
  let place: u32 = 0;
  for (let i: u32 = 0; i < listed; i++) {
    let step: u32 = 0;
    for (let shift: u32 = 0;; shift += 7) {
      const byte = <u32> load<u8>(at++);
      step |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    place += step + (i > 0 ? 1 : 0);
    const code = <u32> load<u8>(at++);
    let bits = SPECIALS[code];
    if (code == 0) {
      bits = load<u64>(at);
      at += 8;
    }
    if (place >= from && place < to) store<u64>(target + (place - from) * 8, bits);
  }
}
