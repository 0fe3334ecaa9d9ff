// deno-fmt-ignore-file: the formatter drops the decorators that inline hot functions.
/**
 * Line protocol, read with care: one line to tokens, or the reason why it is none. The quick path of line_protocol.ts
 * hands over every line that it does not take as it stands: new series and fields, escapes, errors.
 *
 *   tag token, 16 bytes:   0 u32 name   4 u32 name bytes   8 u32 value   12 u32 value bytes
 *   field token, 32 bytes: 0 u32 name   4 u32 name bytes   8 u32 family  12 u32 1 when a string holds escapes
 *                         16 u64 value: bits as in the batch; a string is opening quote | bytes between the quotes << 32
 *                         24 i32 slot, for line_protocol.ts     28..31 unused
 *
 * Behind the last token of either kind there is room for one more.
 *
 * Names and values are as written: a separator with a backslash in front is part of them. The rules, and the order of
 * reasons, are those of InfluxDB 1.x; what it accepts by accident is refused.
 *
 * Invariants
 * - Nothing is created, and nothing in the input is changed.
 * - A line feed stands at `limit`, so that every scan but that of a string ends there.
 */
import { numberEnd, readUnsigned } from "./decimals";
import {
  REASON_BAD_TIMESTAMP,
  REASON_INVALID_FIELD_FORMAT,
  REASON_INVALID_POINT,
  REASON_INVALID_TAG_FORMAT,
  REASON_MISSING_FIELDS,
  REASON_MISSING_FIELD_KEY,
  REASON_MISSING_FIELD_VALUE,
  REASON_MISSING_MEASUREMENT,
  REASON_MISSING_TAG_KEY,
  REASON_MISSING_TAG_VALUE,
  REASON_NONE,
  REASON_TIMESTAMP_RANGE,
  REASON_TIMESTAMP_SYNTAX,
  REASON_UNBALANCED_QUOTES,
} from "./line_reasons";
import {
  findQuote,
  isLineEnd,
  scanBoolean,
  scanNumber,
  scanString,
  valueBits,
  valueEnd,
  valueEscapes,
  valueFamily,
} from "./line_values";
import { alloc, free, TAG_SCRATCH } from "./memory";

export const TAG_TOKEN_BYTES: u32 = 16;
export const FIELD_TOKEN_BYTES: u32 = 32;
/** Tokens for which room is kept from line to line. */
const TOKENS_KEPT: u32 = 1024;

export let tagTokens: usize = 0;
export let tagTokenCount: u32 = 0;
export let fieldTokens: usize = 0;
export let fieldTokenCount: u32 = 0;
/** First byte past the measurement and past measurement and tags. */
export let measurementEnd: usize = 0;
export let prefixEnd: usize = 0;
/** The timestamp as written; only when there is one. */
export let hasTimestamp: bool = false;
export let timestamp: i64 = 0;
/** The line feed that ends the line, or the limit. */
export let lineEnd: usize = 0;
/** Whether an empty value drops its tag instead of refusing the line. */
let dropEmptyTags: bool = false;

let tagRoom: u32 = 0;
let fieldRoom: u32 = 0;
let limit: usize = 0;

export function initSyntax(): void {
  tagRoom = TOKENS_KEPT;
  fieldRoom = TOKENS_KEPT;
  tagTokens = alloc((tagRoom + 1) * TAG_TOKEN_BYTES, TAG_SCRATCH);
  fieldTokens = alloc(fieldRoom * FIELD_TOKEN_BYTES, TAG_SCRATCH);
}

/** Gives back the room that one very long line took. */
export function trimTokens(): void {
  if (tagRoom == TOKENS_KEPT && fieldRoom == TOKENS_KEPT) return;
  free(tagTokens, TAG_SCRATCH);
  free(fieldTokens, TAG_SCRATCH);
  initSyntax();
}

// @ts-ignore: decorator
@inline
function isEscaped(at: usize): bool {
  return load<u8>(at - 1) == 92;
}

/** Skips spaces, tabs and NULs. */
export function skipBlanks(at: usize): usize {
  while (true) {
    const byte = load<u8>(at);
    if (byte != 32 && byte != 9 && byte != 0) return at;
    at++;
  }
}

/**
 * Reads the line at `start`, which is neither blank nor a comment, up to `dataEnd`. Returns a reason; for
 * REASON_NONE the tokens and lineEnd are set, else only measurementEnd as far as known. REASON_UNBALANCED_QUOTES
 * comes only when no closing quote stands before `dataEnd`.
 */
export function scanLine(start: usize, dataEnd: usize, emptyTags: bool): u32 {
  limit = dataEnd;
  dropEmptyTags = emptyTags;
  tagTokenCount = 0;
  fieldTokenCount = 0;
  hasTimestamp = false;
  measurementEnd = start;
  let at = scanMeasurement(start);
  if (at == 0) return failure;
  measurementEnd = at;
  while (load<u8>(at) == 44) {
    at = scanTag(at + 1);
    if (at == 0) return failure;
  }
  prefixEnd = at;
  at = skipBlanks(at);
  if (isLineEnd(at, load<u8>(at))) return REASON_INVALID_FIELD_FORMAT;
  while (true) {
    at = scanField(at);
    if (at == 0) return failure;
    const byte = load<u8>(at);
    if (byte == 44) {
      at++;
      continue;
    }
    return byte == 32 ? scanTimestamp(at) : endLine(at);
  }
}

// Why the last scan returned 0.
let failure: u32 = 0;

function fail(reason: u32): usize {
  failure = reason;
  return 0;
}

function endLine(at: usize): u32 {
  lineEnd = at + <usize> (load<u8>(at) == 13);
  return REASON_NONE;
}

function scanMeasurement(start: usize): usize {
  let at = start;
  if (load<u8>(at) == 44) return fail(REASON_MISSING_MEASUREMENT);
  while (true) {
    at++;
    const byte = <u32> load<u8>(at);
    if (byte > 44) continue;
    if (isLineEnd(at, byte)) return fail(REASON_MISSING_FIELDS);
    if ((byte == 44 || byte == 32) && !isEscaped(at)) return at;
  }
}

/** Reads `name=value`; returns the comma or space behind it. */
function scanTag(start: usize): usize {
  let at = start;
  let byte = <u32> load<u8>(at);
  if (byte == 32 || byte == 44 || byte == 61 || isLineEnd(at, byte)) return fail(REASON_MISSING_TAG_KEY);
  while (true) {
    at++;
    byte = load<u8>(at);
    if (byte > 61) continue;
    if (isLineEnd(at, byte)) return fail(REASON_MISSING_TAG_VALUE);
    if (byte != 32 && byte != 44 && byte != 61) continue;
    if (isEscaped(at)) continue;
    if (byte != 61) return fail(REASON_MISSING_TAG_VALUE);
    break;
  }
  const nameBytes = <u32> (at - start);
  const value = at + 1;
  byte = load<u8>(value);
  if (byte == 32 || byte == 44 || isLineEnd(value, byte)) {
    if (!dropEmptyTags || isLineEnd(value, byte)) return fail(REASON_MISSING_TAG_VALUE);
    return value;
  }
  // A value that begins with "=" is refused once the line turns out to go on behind it.
  const refused = byte == 61;
  at = value;
  while (true) {
    at++;
    byte = load<u8>(at);
    if (byte > 61) continue;
    if (isLineEnd(at, byte)) return fail(REASON_MISSING_FIELDS);
    if (byte != 32 && byte != 44 && byte != 61) continue;
    if (isEscaped(at)) continue;
    if (byte == 61 || refused) return fail(REASON_INVALID_TAG_FORMAT);
    break;
  }
  addTagToken(start, nameBytes, value, <u32> (at - value));
  return at;
}

/** Adds a tag to those of the line. */
export function addTagToken(name: usize, nameBytes: u32, value: usize, valueBytes: u32): void {
  if (tagTokenCount == tagRoom) {
    tagTokens = growTokens(tagTokens, tagRoom * TAG_TOKEN_BYTES);
    tagRoom *= 2;
  }
  const token = tagTokens + <usize> tagTokenCount * TAG_TOKEN_BYTES;
  tagTokenCount++;
  store<u32>(token, <u32> name);
  store<u32>(token, nameBytes, 4);
  store<u32>(token, <u32> value, 8);
  store<u32>(token, valueBytes, 12);
}

function growTokens(old: usize, bytes: u32): usize {
  const more = alloc(bytes * 2 + FIELD_TOKEN_BYTES, TAG_SCRATCH);
  memory.copy(more, old, bytes);
  free(old, TAG_SCRATCH);
  return more;
}

/** Reads `name=value`; returns what stands behind it: comma, space or end of line. */
function scanField(start: usize): usize {
  let at = start;
  while (true) {
    const byte = <u32> load<u8>(at);
    if (byte <= 61) {
      if (isLineEnd(at, byte)) return fail(REASON_INVALID_FIELD_FORMAT);
      if ((byte == 61 || byte == 44 || byte == 32) && (at == start || !isEscaped(at))) {
        if (byte != 61) return fail(REASON_INVALID_FIELD_FORMAT);
        break;
      }
    }
    at++;
  }
  if (at == start) return fail(REASON_MISSING_FIELD_KEY);
  const nameBytes = <u32> (at - start);
  const value = at + 1;
  const byte = <u32> load<u8>(value);
  let reason: u32;
  if (byte == 44 || byte == 32 || isLineEnd(value, byte)) reason = REASON_MISSING_FIELD_VALUE;
  else if (byte == 34) reason = scanString(value, limit);
  else if (byte - 48 <= 9 || byte == 45 || byte == 46 || (byte | 32) == 110) reason = scanNumber(value);
  else reason = scanBoolean(value);
  if (reason != REASON_NONE) return fail(reason);
  if (fieldTokenCount == fieldRoom) {
    fieldTokens = growTokens(fieldTokens, fieldRoom * FIELD_TOKEN_BYTES);
    fieldRoom *= 2;
  }
  const token = fieldTokens + <usize> fieldTokenCount * FIELD_TOKEN_BYTES;
  fieldTokenCount++;
  store<u32>(token, <u32> start);
  store<u32>(token, nameBytes, 4);
  store<u32>(token, valueFamily, 8);
  store<u32>(token, valueEscapes, 12);
  store<u64>(token, valueBits, 16);
  return valueEnd;
}

function scanTimestamp(start: usize): u32 {
  let at = skipBlanks(start);
  const first = at;
  if (isLineEnd(at, load<u8>(at))) return endLine(at);
  const negative = load<u8>(at) == 45;
  if (negative) at++;
  while (<u32> load<u8>(at) - 48 <= 9) at++;
  let byte = <u32> load<u8>(at);
  if (byte != 32 && !isLineEnd(at, byte)) return REASON_BAD_TIMESTAMP;
  if (at == first + <usize> negative) return REASON_TIMESTAMP_SYNTAX;
  const value = readUnsigned(first + <usize> negative);
  if (numberEnd == 0 || value > <u64> i64.MAX_VALUE + <u64> negative) return REASON_TIMESTAMP_RANGE;
  hasTimestamp = true;
  timestamp = negative ? 0 - <i64> value : <i64> value;
  while (byte == 32) {
    at++;
    byte = load<u8>(at);
  }
  return isLineEnd(at, byte) ? endLine(at) : REASON_INVALID_POINT;
}

/** Whether the line whose end findLineEnd sought ends inside quotes. */
export let endsQuoted: bool = false;

/**
 * Where a line that does not parse ends: at the first LF outside the quotes of a field's value, told by counting "="
 * and commas behind the first space, as InfluxDB does. `end` when there is none.
 */
export function findLineEnd(start: usize, end: usize): usize {
  let behindSpace = false;
  let equals: u32 = 0;
  let commas: u32 = 0;
  endsQuoted = false;
  for (let at = start; at < end; at++) {
    const byte = <u32> load<u8>(at);
    if (byte == 10) return at;
    if (byte > 61 || (at > start && isEscaped(at))) continue;
    if (byte == 32) behindSpace = true;
    else if (!behindSpace) continue;
    else if (byte == 61) equals++;
    else if (byte == 44) commas++;
    else if (byte == 34 && equals > commas) {
      at = findQuote(at + 1, end);
      if (at == 0) {
        endsQuoted = true;
        return end;
      }
    }
  }
  return end;
}
