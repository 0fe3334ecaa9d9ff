// deno-fmt-ignore-file: the formatter drops the decorators that inline hot functions.
/**
 * Values of fields in lines, read with care: numbers, booleans, strings, and where they end. As InfluxDB 1.x does, a
 * number is first looked through for bytes that have no place in one, which decides the reason, and then read.
 */
import { numberEnd, readAnyFloat, readUnsigned } from "./decimals";
import {
  REASON_INTEGER_RANGE,
  REASON_INVALID_BOOLEAN,
  REASON_BEHIND_QUOTE,
  REASON_INVALID_FLOAT,
  REASON_INVALID_NUMBER,
  REASON_NONE,
  REASON_UNBALANCED_QUOTES,
  REASON_UNSIGNED_RANGE,
} from "./line_reasons";

const FAMILY_F64: u32 = 1;
const FAMILY_I64: u32 = 2;
const FAMILY_U64: u32 = 3;
const FAMILY_BOOL: u32 = 4;
const FAMILY_BLOB: u32 = 5;

// What scanning a value leaves behind: its end, family, bits as in the batch, and 1 for a string with escapes.
export let valueEnd: usize = 0;
export let valueFamily: u32 = 0;
export let valueBits: u64 = 0;
export let valueEscapes: u32 = 0;

/** What a reason is about: the text of a number. */
export let reasonAt: usize = 0;
export let reasonBytes: u32 = 0;
/** Whether a line ends here: at LF, or at CR before LF. */
// @ts-ignore: decorator
@inline
export function isLineEnd(at: usize, byte: u32): bool {
  return byte == 10 || (byte == 13 && load<u8>(at + 1) == 10);
}

// @ts-ignore: decorator
@inline
export function isValueEnd(at: usize, byte: u32): bool {
  return byte == 44 || byte == 32 || isLineEnd(at, byte);
}

export function scanString(open: usize, dataEnd: usize): u32 {
  const close = findQuote(open + 1, dataEnd);
  if (close == 0) return REASON_UNBALANCED_QUOTES;
  const behind = close + 1;
  if (!isValueEnd(behind, load<u8>(behind))) return REASON_BEHIND_QUOTE;
  valueEnd = behind;
  valueFamily = FAMILY_BLOB;
  valueEscapes = <u32> quoteEscapes;
  valueBits = <u64> open | <u64> (close - open - 1) << 32;
  return REASON_NONE;
}

/** Whether the string that findQuote passed over holds a backslash. */
export let quoteEscapes: bool = false;

/** The quote that ends a string whose content begins at `at`, 0 when there is none before `end`. */
export function findQuote(at: usize, end: usize): usize {
  quoteEscapes = false;
  const quotes = i8x16.splat(34);
  const backslashes = i8x16.splat(92);
  while (at < end) {
    const bytes = v128.load(at);
    const found = i8x16.bitmask(v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, backslashes)));
    if (found == 0) {
      at += 16;
      continue;
    }
    at += ctz(found);
    if (at >= end) return 0;
    if (load<u8>(at) == 34) return at;
    quoteEscapes = true;
    at += 2;
  }
  return 0;
}

/** Reads a number as InfluxDB does: first what may stand in one, then what it amounts to. */
export function scanNumber(start: usize): u32 {
  let at = start + <usize> (load<u8>(start) == 45);
  if (isValueEnd(at, load<u8>(at))) return REASON_INVALID_NUMBER;
  let suffix: u32 = 0;
  let points: u32 = 0;
  let scientific = false;
  while (true) {
    const byte = <u32> load<u8>(at);
    if (byte - 48 > 9) {
      if (isValueEnd(at, byte)) break;
      if ((byte == 105 || byte == 117) && at > start && suffix == 0) suffix = byte;
      else if (byte == 46) {
        if (points++ != 0) return REASON_INVALID_NUMBER;
      } else if ((byte | 32) == 101 && at > start) scientific = true;
      else if (byte == 43 || byte == 45) {
        if ((load<u8>(at - 1) | 32) != 101) return REASON_INVALID_NUMBER;
      } else return REASON_INVALID_NUMBER;
    }
    at++;
  }
  const negative = load<u8>(start) == 45;
  const digits = <u32> (at - start) - points - <u32> negative - <u32> (suffix == 105);
  if (digits == 0) return REASON_INVALID_NUMBER;
  valueEnd = at;
  if (suffix != 0) {
    if (points != 0 || scientific || load<u8>(at - 1) != suffix) return REASON_INVALID_NUMBER;
    return wholeNumber(start, at - 1, suffix == 117);
  }
  valueEscapes = 0;
  valueFamily = FAMILY_F64;
  valueBits = reinterpret<u64>(readAnyFloat(start));
  return numberEnd == at ? REASON_NONE : REASON_INVALID_FLOAT;
}

function wholeNumber(start: usize, end: usize, unsigned: bool): u32 {
  const negative = load<u8>(start) == 45;
  if (unsigned && (negative || start == end)) return REASON_INVALID_NUMBER;
  const value = readUnsigned(start + <usize> negative);
  const fits = numberEnd == end &&
    (unsigned || value <= <u64> i64.MAX_VALUE + <u64> negative);
  if (!fits) {
    reasonAt = start;
    reasonBytes = <u32> (end - start);
    return unsigned ? REASON_UNSIGNED_RANGE : REASON_INTEGER_RANGE;
  }
  valueEscapes = 0;
  valueFamily = unsigned ? FAMILY_U64 : FAMILY_I64;
  valueBits = negative ? 0 - value : value;
  return REASON_NONE;
}

export function scanBoolean(start: usize): u32 {
  const end = readBoolean(start);
  if (end == 0 || !isValueEnd(end, load<u8>(end))) return REASON_INVALID_BOOLEAN;
  valueEnd = end;
  valueEscapes = 0;
  valueFamily = FAMILY_BOOL;
  valueBits = (load<u8>(start) | 32) == 116 ? 1 : 0;
  return REASON_NONE;
}

/** Passes over one of the ten spellings of a boolean, longest first; 0 for anything else. Begins with t or T when true. */
export function readBoolean(start: usize): usize {
  const word = load<u32>(start);
  if (word == 0x65757274 || word == 0x65757254 || word == 0x45555254) return start + 4;
  const fifth = load<u8>(start + 4);
  if ((word == 0x736c6166 || word == 0x736c6146) && fifth == 101) return start + 5;
  if (word == 0x534c4146 && fifth == 69) return start + 5;
  const first = (word & 255) | 32;
  return first == 116 || first == 102 ? start + 1 : 0;
}

/** Line feeds among the bytes. */
export function countLineFeeds(at: usize, end: usize): u32 {
  let count: u32 = 0;
  const feeds = i8x16.splat(10);
  for (; at + 16 <= end; at += 16) {
    count += popcnt(i8x16.bitmask(i8x16.eq(v128.load(at), feeds)));
  }
  for (; at < end; at++) count += <u32> (load<u8>(at) == 10);
  return count;
}
