// deno-fmt-ignore-file: the formatter drops the decorators that inline hot functions.
/**
 * Doubles as text: the shortest decimal that reads back as the same double, of several the nearest one, in the form of
 * JavaScript's String() but for exponents of at least two digits and "+Inf", "-Inf", "-0".
 *
 * Digits are found by Schubfach (Giulietti, "The Schubfach way to render doubles"): three products with a 128-bit power of
 * ten, rounded to odd, tell the bounds of the interval that rounds to the double; the one or two candidates of the coarsest
 * scale that has a point in it are compared with them.
 */
import { multiplyHigh } from "./decimals";
import { POWER_MAX, POWER_MIN, powersOfFive } from "./powers_of_five";

/** Bytes that putNumber writes at most: sign, "0.", five zeros, 17 digits; it may touch 8 more. */
export const NUMBER_TEXT_MAX: u32 = 32;

const FRACTION_BITS: u64 = 52;
const FRACTION_MASK: u64 = (1 << 52) - 1;
/** Whole numbers below this are all doubles, and their digits are the shortest. */
const WHOLE_MAX: f64 = 9007199254740992;
/** Powers of five with an exponent up to this are exact in 128 bits. */
const EXACT_POWER_MAX: i32 = 55;
/** Powers of five from this exponent to -1 stand rounded up in the table, the others cut. */
const ROUNDED_UP_MIN: i32 = -27;

const DOT: u8 = 0x2e;
const ZERO: u8 = 0x30;
const MINUS: u8 = 0x2d;

let powerLow: u64 = 0;
let powerHigh: u64 = 0;

/** The power of ten with this exponent as 128 bits, the high one set, rounded up. */
function loadPower(exponent: i32): void {
  const entry = powersOfFive + (<usize> (exponent - POWER_MIN) << 4);
  powerLow = load<u64>(entry);
  powerHigh = load<u64>(entry, 8);
  if (exponent > EXACT_POWER_MAX || exponent < ROUNDED_UP_MIN) {
    powerLow++;
    if (powerLow == 0) powerHigh++;
  }
}

/** The high 64 bits of power * factor / 2^64, the lowest set when what follows is not zero. */
// @ts-ignore: decorator
@inline
function roundedToOdd(factor: u64): u64 {
  const carried = multiplyHigh(powerLow, factor);
  const middle = powerHigh * factor + carried;
  const high = multiplyHigh(powerHigh, factor) + (middle < carried ? 1 : 0);
  return high | (middle > 1 ? 1 : 0);
}

let digits: u64 = 0;
let exponent: i32 = 0;

/** Sets digits and exponent of a double that is finite and above 0. False for those beyond the table. */
function findDigits(bits: u64): bool {
  const fraction = bits & FRACTION_MASK;
  const biased = <i32> (bits >> FRACTION_BITS);
  const c = biased == 0 ? fraction : fraction | (1 << FRACTION_BITS);
  const q = (biased == 0 ? 1 : biased) - 1075;
  // Below a power of two the next double is half as far.
  const isCloserBelow = fraction == 0 && biased > 1;
  const k = (q * 1262611 - (isCloserBelow ? 524031 : 0)) >> 22;
  if (-k > POWER_MAX) return false;
  const h = <u64> (q + ((-k * 1741647) >> 19) + 1);
  loadPower(-k);
  const low = roundedToOdd((4 * c - (isCloserBelow ? 1 : 2)) << h);
  const middle = roundedToOdd((4 * c) << h);
  const high = roundedToOdd((4 * c + 2) << h);
  // The bounds themselves read back as the double when its fraction is even.
  const lower = low + (c & 1);
  const upper = high - (c & 1);
  const s = middle >> 2;
  exponent = k;
  if (s >= 10) {
    const tenth = s / 10;
    const isBelowInside = lower <= 40 * tenth;
    const isAboveInside = 40 * tenth + 40 <= upper;
    if (isBelowInside != isAboveInside) {
      digits = tenth + (isAboveInside ? 1 : 0);
      exponent = k + 1;
      return true;
    }
  }
  const isBelowInside = lower <= 4 * s;
  const isAboveInside = 4 * s + 4 <= upper;
  if (isBelowInside != isAboveInside) {
    digits = s + (isAboveInside ? 1 : 0);
    return true;
  }
  const half = 4 * s + 2;
  digits = s + (middle > half || (middle == half && (s & 1) != 0) ? 1 : 0);
  return true;
}

/** Takes zeros off the end of the digits. */
function trimDigits(): void {
  if (digits % 10 != 0) return;
  while (digits % 100000000 == 0) {
    digits /= 100000000;
    exponent += 8;
  }
  if (digits % 10000 == 0) {
    digits /= 10000;
    exponent += 4;
  }
  if (digits % 100 == 0) {
    digits /= 100;
    exponent += 2;
  }
  if (digits % 10 == 0) {
    digits /= 10;
    exponent += 1;
  }
}

/** Eight digits of a number below 10^8, as text with the first digit lowest. */
// @ts-ignore: decorator
@inline
function eightDigits(x: u32): u64 {
  const high = <u64> ((<u64> x * 3518437209) >> 45);
  const low = <u64> x - high * 10000;
  const fours = high | low << 32;
  // In each half the upper two digits, times 2^0, and the lower two, times 2^16; then each pair apart.
  const hundreds = ((fours * 5243) >> 19) & 0x0000007f0000007f;
  const pairs = hundreds | (fours - hundreds * 100) << 16;
  const tens = ((pairs * 103) >> 10) & 0x000f000f000f000f;
  return (tens | (pairs - tens * 10) << 8) | 0x3030303030303030;
}

/** Writes a whole number without leading zeros; returns the address behind. May touch 8 bytes behind. */
export function putUnsigned(x: u64, at: usize): usize {
  if (x < 100000000) return putLeading(<u32> x, at);
  const high = x / 100000000;
  const low = <u32> (x - high * 100000000);
  at = putUnsigned(high, at);
  store<u64>(at, eightDigits(low));
  return at + 8;
}

function putLeading(x: u32, at: usize): usize {
  if (x < 10) {
    store<u8>(at, <u8> (x + ZERO));
    return at + 1;
  }
  const text = eightDigits(x);
  const zeros = ctz(text ^ 0x3030303030303030) & ~7;
  store<u64>(at, text >> zeros);
  return at + <usize> (8 - (zeros >> 3));
}

function putWord(text: u32, length: usize, at: usize): usize {
  store<u32>(at, text);
  return at + length;
}

function putZeros(count: i32, at: usize): usize {
  for (; count > 0; count--) store<u8>(at++, ZERO);
  return at;
}

/** Writes digits and exponent with a point or an exponent where they ask for one. */
function putDecimal(at: usize): usize {
  const start = at;
  at = putUnsigned(digits, at);
  const count = <i32> (at - start);
  // The value is 0.DIGITS * 10^point.
  const point = count + exponent;
  if (point > 21 || point <= -6) return putExponent(start, at, count, point - 1);
  if (count <= point) return putZeros(point - count, at);
  if (point > 0) {
    memory.copy(start + point + 1, start + point, count - point);
    store<u8>(start + point, DOT);
    return at + 1;
  }
  const front: usize = 2 - point;
  memory.copy(start + front, start, count);
  store<u8>(start, ZERO);
  store<u8>(start + 1, DOT);
  putZeros(-point, start + 2);
  return at + front;
}

/** Makes d.ddde+nn of the digits from `start` to `at`. */
function putExponent(start: usize, at: usize, count: i32, power: i32): usize {
  if (count > 1) {
    memory.copy(start + 2, start + 1, count - 1);
    store<u8>(start + 1, DOT);
    at++;
  }
  store<u8>(at++, 0x65);
  store<u8>(at++, power < 0 ? MINUS : 0x2b);
  const size = <u32> abs<i32>(power);
  if (size < 10) store<u8>(at++, ZERO);
  return putUnsigned(size, at);
}

/** Writes a double; returns the address behind it, or 0 for one of the few that need a larger table (below 10^-290). */
export function putNumber(value: f64, at: usize): usize {
  const bits = reinterpret<u64>(value);
  if (value != value) return putWord(0x4e614e, 3, at);
  if (<i64> bits < 0) store<u8>(at++, MINUS);
  const size = abs<f64>(value);
  if (size < WHOLE_MAX && f64.trunc(size) == size) return putUnsigned(<u64> size, at);
  if (size == Infinity) {
    if (<i64> bits >= 0) store<u8>(at++, 0x2b);
    return putWord(0x666e49, 3, at);
  }
  if (!findDigits(bits & ~(<u64> 1 << 63))) return 0;
  trimDigits();
  return putDecimal(at);
}
