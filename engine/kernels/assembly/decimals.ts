// deno-fmt-ignore-file: the formatter drops the decorators that inline hot functions.
/**
 * Numbers in text: digits eight at a time, and doubles rounded exactly as IEEE 754 asks (to nearest, ties to even).
 *
 * A decimal w * 10^q becomes a double in the cheapest way that is exact: a division or multiplication of two exact
 * doubles (Clinger), else the product of w and a 128-bit power of five (Eisel and Lemire; Mushtak and Lemire show that
 * it needs no fallback for w of 64 bits). A number of more than 19 digits lies between two such decimals; where these
 * round differently, the digits are compared with the midpoint in whole numbers.
 *
 * Invariants
 * - Every function reads up to 24 bytes past the number; a byte that is no digit must stand behind it.
 * - No result differs from what the language's own Number() gives for the same text.
 */
import { POWERS } from "./powers_of_ten";
import { alloc, TAG_SCRATCH } from "./memory";
import { initPowers, POWER_MAX, POWER_MIN, powersOfFive } from "./powers_of_five";

const ZEROS: u64 = 0x3030303030303030;
const SIGN: u64 = 0x8000000000000000;
const INFINITY_BITS: u64 = 0x7ff0000000000000;
const HIDDEN_BIT: u64 = 1 << 52;

/** Significant digits that can decide a rounding; of the rest only whether all are zero. */
const DIGITS_MAX: u32 = 768;
/** 32-bit words of the whole numbers compared with a midpoint: 769 digits by 5^1111 shifted stay below 6,000 bits. */
const BIG_WORDS: u32 = 192;

const POWERS_U64: StaticArray<u64> = [1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000];

let bigLeft: usize = 0;
let bigRight: usize = 0;

/** Where the number read last ends; 0 when it was none, or none that fits. */
export let numberEnd: usize = 0;

export function initDecimals(): void {
  bigLeft = alloc(BIG_WORDS * 4 + 16, TAG_SCRATCH);
  bigRight = alloc(BIG_WORDS * 4 + 16, TAG_SCRATCH);
  initPowers();
}

/** Marks (with the high bit) bytes that are no digits; right for the lowest such byte and all below it. */
// @ts-ignore: decorator
@inline
export function notDigits(word: u64): u64 {
  return ((word + 0x4646464646464646) | (word - ZEROS)) & 0x8080808080808080;
}

/** Digits at the beginning of a word, 0 to 8. */
// @ts-ignore: decorator
@inline
export function digitCount(word: u64): u64 {
  return ctz(notDigits(word)) >> 3;
}

/** Value of the first `count` (1 to 8) digits of a word. */
// @ts-ignore: decorator
@inline
export function digitValue(word: u64, count: u64): u64 {
  let x = (word - ZEROS) << ((8 - count) << 3);
  x = x * 10 + (x >> 8);
  return ((x & 0x000000ff000000ff) * 0x000f424000000064 +
    ((x >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >> 32;
}

// @ts-ignore: decorator
@inline
function powerU64(exponent: u64): u64 {
  return unchecked(POWERS_U64[<i32> exponent]);
}

/** Reads 1 to 19 digits and sets numberEnd; 0 there for none or more. */
export function readDigits(at: usize): u64 {
  const first = load<u64>(at);
  let count = digitCount(first);
  if (count == 0) {
    numberEnd = 0;
    return 0;
  }
  let value = digitValue(first, count);
  at += <usize> count;
  if (count == 8) {
    const second = load<u64>(at);
    count = digitCount(second);
    if (count != 0) {
      value = value * powerU64(count) + digitValue(second, count);
      at += <usize> count;
      if (count == 8) {
        const third = load<u64>(at);
        count = digitCount(third);
        if (count > 3) {
          numberEnd = 0;
          return 0;
        }
        if (count != 0) {
          value = value * powerU64(count) + digitValue(third, count);
          at += <usize> count;
        }
      }
    }
  }
  numberEnd = at;
  return value;
}

/** Reads digits of a whole number up to 2^64 - 1, however many zeros lead; numberEnd is 0 for none or more than fits. */
export function readUnsigned(at: usize): u64 {
  let value: u64 = 0;
  const start = at;
  while (true) {
    const digit = <u64> load<u8>(at) - 48;
    if (digit > 9) break;
    if (value > 1844674407370955161 || (value == 1844674407370955161 && digit > 5)) {
      numberEnd = 0;
      return 0;
    }
    value = value * 10 + digit;
    at++;
  }
  numberEnd = at == start ? 0 : at;
  return value;
}

/**
 * Reads `["-"] (digits ["." [digits]] | "." digits) [("e" | "E") ["+" | "-"] digits]` and sets numberEnd: 0 for another
 * text and for a value beyond the largest double. A fraction of up to eight digits, as most are, is exact in one division.
 */
// @ts-ignore: decorator
@inline
export function readFloat(start: usize): f64 {
  const negative = load<u8>(start) == 45;
  const at = start + <usize> negative;
  const whole = load<u64>(at);
  const wholeDigits = digitCount(whole);
  if (wholeDigits != 0 && wholeDigits != 8) {
    let value = digitValue(whole, wholeDigits);
    let end = at + <usize> wholeDigits;
    let byte = <u32> (whole >> (wholeDigits << 3)) & 255;
    if (byte == 44 || byte == 32 || byte == 10) {
      numberEnd = end;
      const result = <f64> value;
      return negative ? -result : result;
    }
    if (byte == 46) {
      const fraction = load<u64>(end + 1);
      const digits = digitCount(fraction);
      byte = <u32> (fraction >> (digits << 3)) & 255;
      if (digits != 0 && digits != 8 && (byte == 44 || byte == 32 || byte == 10)) {
        value = value * powerU64(digits) + digitValue(fraction, digits);
        end += 1 + <usize> digits;
        numberEnd = end;
        const result = <f64> value / unchecked(POWERS[<i32> digits]);
        return negative ? -result : result;
      }
    }
  }
  return readAnyFloat(start);
}

/** readFloat without its short cut. */
export function readAnyFloat(start: usize): f64 {
  const negative = load<u8>(start) == 45;
  let at = start + <usize> negative;
  const first = at;
  while (load<u8>(at) == 48) at++;
  let any = at != first;
  // The mantissa's first 19 digits; `exponent` counts the rest and the digits behind the point.
  let significant = at;
  let mantissa: u64 = 0;
  let digits: u32 = 0;
  let exponent: i32 = 0;
  let cut = false;
  let word: u64;
  while (digits <= 11 && notDigits(word = load<u64>(at)) == 0) {
    mantissa = mantissa * 100000000 + digitValue(word, 8);
    digits += 8;
    at += 8;
  }
  while (true) {
    const digit = <u32> load<u8>(at) - 48;
    if (digit > 9) break;
    if (digits < 19) {
      mantissa = mantissa * 10 + digit;
      digits++;
    } else {
      exponent++;
      if (digit != 0) cut = true;
    }
    at++;
  }
  if (digits != 0) any = true;
  if (load<u8>(at) == 46) {
    at++;
    const fraction = at;
    if (digits == 0) {
      while (load<u8>(at) == 48) at++;
      exponent -= <i32> (at - fraction);
      significant = at;
    }
    while (digits <= 11 && notDigits(word = load<u64>(at)) == 0) {
      mantissa = mantissa * 100000000 + digitValue(word, 8);
      digits += 8;
      exponent -= 8;
      at += 8;
    }
    while (true) {
      const digit = <u32> load<u8>(at) - 48;
      if (digit > 9) break;
      if (digits < 19) {
        mantissa = mantissa * 10 + digit;
        digits++;
        exponent--;
      } else if (digit != 0) cut = true;
      at++;
    }
    if (at != fraction) any = true;
  }
  numberEnd = 0;
  if (!any) return 0;
  if ((load<u8>(at) | 32) == 101) {
    at = readExponent(at + 1);
    if (at == 0) return 0;
    exponent += exponentRead;
  }
  let result: f64;
  if (mantissa == 0) {
    result = 0;
  } else if (!cut && mantissa <= 9007199254740992 && exponent >= -22 && exponent <= 22) {
    const whole = <f64> mantissa;
    result = exponent < 0
      ? whole / unchecked(POWERS[-exponent])
      : whole * unchecked(POWERS[exponent]);
  } else {
    let bits = roundDecimal(mantissa, exponent);
    if (cut) {
      const above = roundDecimal(mantissa + 1, exponent);
      if (above != bits) bits = nearerOf(bits, above, significant, exponent);
    }
    if (bits == INFINITY_BITS) return 0;
    result = reinterpret<f64>(bits);
  }
  numberEnd = at;
  return negative ? -result : result;
}

let exponentRead: i32 = 0;

/** Reads an exponent's sign and digits into exponentRead, bounded so that sums with it stay in range; returns its end or 0. */
function readExponent(at: usize): usize {
  const sign = load<u8>(at);
  if (sign == 45 || sign == 43) at++;
  const first = at;
  let value: i32 = 0;
  while (true) {
    const digit = <u32> load<u8>(at) - 48;
    if (digit > 9) break;
    if (value < 100000000) value = value * 10 + <i32> digit;
    at++;
  }
  if (at == first) return 0;
  exponentRead = sign == 45 ? -value : value;
  return at;
}

/** High half of a product of two words. */
// @ts-ignore: decorator
@inline
export function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + (aLow * bLow >> 32);
  return aHigh * bHigh + (middle >> 32) + ((aLow * bHigh + (middle & 0xffffffff)) >> 32);
}

/** Bits of the double nearest to mantissa * 10^exponent, mantissa not 0; infinity when there is none. */
function roundDecimal(mantissa: u64, exponent: i32): u64 {
  if (exponent < POWER_MIN) return 0;
  if (exponent > POWER_MAX) return INFINITY_BITS;
  const power = powersOfFive + (<usize> (exponent - POWER_MIN) << 4);
  const zeros = clz(mantissa);
  const shifted = mantissa << zeros;
  const powerHigh = load<u64>(power, 8);
  let high = multiplyHigh(shifted, powerHigh);
  let low = shifted * powerHigh;
  if ((high & 0x1ff) == 0x1ff) {
    const more = multiplyHigh(shifted, load<u64>(power));
    low += more;
    if (low < more) high++;
  }
  const upper = high >> 63;
  const shift = upper + 9;
  let fraction = high >> shift;
  let exponentBits = ((217706 * exponent) >> 16) + 63 + 1023 + <i32> upper - <i32> zeros;
  if (exponentBits <= 0) {
    if (exponentBits <= -63) return 0;
    fraction >>= <u64> (1 - exponentBits);
    // A fraction that rounds up to the hidden bit is the smallest normal double, and its bits say so.
    return (fraction + (fraction & 1)) >> 1;
  }
  // An exact tie is possible only for small powers; it goes to the even side.
  if (
    low <= 1 && exponent >= -4 && exponent <= 23 && (fraction & 3) == 1 &&
    fraction << shift == high
  ) fraction &= ~1;
  fraction = (fraction + (fraction & 1)) >> 1;
  if (fraction >= HIDDEN_BIT << 1) {
    fraction = HIDDEN_BIT;
    exponentBits++;
  }
  if (exponentBits >= 2047) return INFINITY_BITS;
  return (fraction & ~HIDDEN_BIT) | <u64> exponentBits << 52;
}

/**
 * Decides between neighbours for a number of more than 19 digits: `digitsAt` is its first digit that is not zero,
 * `exponent` the power of ten of its 19th digit. Compares the digits with the midpoint, both as whole numbers.
 */
function nearerOf(below: u64, above: u64, digitsAt: usize, exponent: i32): u64 {
  const biased = <i32> (below >> 52);
  const fraction = below & (HIDDEN_BIT - 1);
  const odd = biased == 0 ? fraction * 2 + 1 : (fraction | HIDDEN_BIT) * 2 + 1;
  const midpointPower = max<i32>(biased, 1) - 1076;

  const digits = loadDigits(digitsAt);
  const power = exponent + 19 - <i32> digits;
  setBig(bigRight, odd);
  for (let i = power; i > 0; i--) multiplyBig(bigLeft, 5, 0);
  for (let i = power; i < 0; i++) multiplyBig(bigRight, 5, 0);
  const shift = power - midpointPower;
  if (shift > 0) shiftBig(bigLeft, shift);
  else shiftBig(bigRight, -shift);
  const order = compareBig(bigLeft, bigRight);
  if (order != 0) return order > 0 ? above : below;
  return (below & 1) == 0 ? below : above;
}

/** Puts a number's digits into bigLeft, at most DIGITS_MAX and one more that stands for a rest; returns how many. */
function loadDigits(at: usize): u32 {
  setBig(bigLeft, 0);
  let count: u32 = 0;
  while (true) {
    const byte = <u32> load<u8>(at++);
    if (byte == 46) continue;
    const digit = byte - 48;
    if (digit > 9) return count;
    if (count == DIGITS_MAX) {
      if (digit == 0) continue;
      multiplyBig(bigLeft, 10, 1);
      return count + 1;
    }
    multiplyBig(bigLeft, 10, digit);
    count++;
  }
}

// Whole numbers: u32 count of words, then the words, lowest first, without a zero word at the top.

function setBig(big: usize, value: u64): void {
  store<u64>(big, value, 4);
  store<u32>(big, value >> 32 != 0 ? 2 : value != 0 ? 1 : 0);
}

function multiplyBig(big: usize, factor: u32, add: u32): void {
  const count = load<u32>(big);
  let carry = <u64> add;
  let at = big + 4;
  for (let i: u32 = 0; i < count; i++) {
    carry += <u64> load<u32>(at) * factor;
    store<u32>(at, <u32> carry);
    carry >>= 32;
    at += 4;
  }
  if (carry == 0) return;
  store<u32>(at, <u32> carry);
  store<u32>(big, count + 1);
}

function shiftBig(big: usize, bits: i32): void {
  const words = <u32> bits >> 5;
  for (let i = bits & 31; i > 0; i--) multiplyBig(big, 2, 0);
  if (words == 0) return;
  const count = load<u32>(big);
  memory.copy(big + 4 + <usize> words * 4, big + 4, <usize> count * 4);
  memory.fill(big + 4, 0, <usize> words * 4);
  store<u32>(big, count + words);
}

function compareBig(a: usize, b: usize): i32 {
  const count = load<u32>(a);
  const other = load<u32>(b);
  if (count != other) return count > other ? 1 : -1;
  for (let i = <usize> count * 4; i > 0; i -= 4) {
    const x = load<u32>(a + i);
    const y = load<u32>(b + i);
    if (x != y) return x > y ? 1 : -1;
  }
  return 0;
}
