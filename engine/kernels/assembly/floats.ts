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
import { POWERS } from "./powers_of_ten";
import { alloc, TAG_SCRATCH } from "./memory";
import { decodeNumbers, encodeNumbers } from "./numbers";
import { AS_DOUBLES, AS_INTEGERS } from "./runs";
import { getByte, getCount, getVarint, isDamaged, markDamaged, putVarint, take } from "./varints";

const EXPONENT_MAX: u32 = 14;
const KIND_BITS: u32 = 15;
const HAS_EXCEPTIONS: u32 = 16;
/** Integers beyond this are not told apart by a double. */
const INTEGER_MAX: f64 = 9007199254740992;
/** Added to a double of at most MAGIC_MAX, leaves its integer in the low bits. */
const MAGIC: f64 = 6755399441055744;
const MAGIC_MAX: f64 = 2251799813685248;
const ROWS_MAX: u32 = 8192;

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

/** How many of the doubles from `i` on are, pair by pair, decimals of an exponent. */
function decimalsFrom(bits: usize, i: u32, count: u32, power: f64): u32 {
  const power2 = f64x2.splat(power);
  const zero = f64x2.splat(0);
  const limit = f64x2.splat(INTEGER_MAX);
  let row = i;
  for (; row + 2 <= count; row += 2) {
    const values = v128.load(bits + row * 8);
    // Adding 0 makes -0 a 0, which then differs from what came in.
    const integers = f64x2.add(f64x2.nearest(f64x2.mul(values, power2)), zero);
    const same = i64x2.eq(f64x2.div(integers, power2), values);
    if (!i64x2.all_true(v128.and(same, f64x2.le(f64x2.abs(integers), limit)))) break;
  }
  return row - i;
}

/**
 * Finds the exponent and lists the exceptions of `count` doubles. False when they are no decimals: too many exceptions.
 */
function findDecimals(bits: usize, count: u32): bool {
  exponent = 0;
  exceptionCount = 0;
  let i: u32 = 0;
  while (i < count) {
    i += decimalsFrom(bits, i, count, POWERS[exponent]);
    // Two doubles of which one at least is none, or the last one.
    for (const end = min<u32>(i + 2, count); i < end; i++) {
      const found = exponentOf(load<f64>(bits + i * 8), exponent);
      if (found != KIND_BITS) {
        exponent = found;
        continue;
      }
      if (exceptionCount > 4 + (i >> 3)) return false;
      store<u16>(exceptions + exceptionCount * 2, <u16> i);
      exceptionCount++;
    }
  }
  return exceptionCount < count;
}

/** Writes the integers of decimals without exceptions to `numbers`. False when they are too large for this way. */
function takeSmall(bits: usize, count: u32, numbers: usize): bool {
  const power = f64x2.splat(POWERS[exponent]);
  const magic = f64x2.splat(MAGIC);
  let most = f64x2.splat(0);
  const pairs = count & ~1;
  for (let i: u32 = 0; i < pairs; i += 2) {
    const integers = f64x2.nearest(f64x2.mul(v128.load(bits + i * 8), power));
    most = f64x2.max(most, f64x2.abs(integers));
    v128.store(numbers + i * 8, i64x2.sub(f64x2.add(integers, magic), magic));
  }
  if (pairs < count) {
    const integer = nearest<f64>(load<f64>(bits + pairs * 8) * POWERS[exponent]);
    most = f64x2.max(most, f64x2.splat(abs<f64>(integer)));
    store<i64>(numbers + pairs * 8, <i64> integer);
  }
  return max<f64>(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1)) <= MAGIC_MAX;
}

/** Writes the integers of decimals to `numbers`. False when they are too large to be exact. */
function takeIntegers(bits: usize, count: u32, numbers: usize): bool {
  if (exceptionCount == 0 && takeSmall(bits, count, numbers)) return true;
  const power = POWERS[exponent];
  let next: u32 = 0;
  let last: i64 = 0;
  let hasLast = false;
  let leading: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (next < exceptionCount && <u32> load<u16>(exceptions + next * 2) == i) {
      next++;
      store<i64>(numbers + i * 8, last);
      if (!hasLast) leading++;
      continue;
    }
    const integer = nearest<f64>(load<f64>(bits + i * 8) * power);
    if (abs<f64>(integer) > INTEGER_MAX) return false;
    last = <i64> integer;
    store<i64>(numbers + i * 8, last);
    if (hasLast) continue;
    hasLast = true;
    for (let j: u32 = 0; j < leading; j++) store<i64>(numbers + j * 8, last);
  }
  return true;
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
