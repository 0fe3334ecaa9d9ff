// deno-fmt-ignore-file: the formatter drops the decorators that inline hot functions.
/**
 * Line protocol to batch rows.
 *
 * A line goes the quick way when its prefix (measurement and tags as written) is an alias, its fields are known and of
 * their family, and nothing is unusual: then no name is read. The alias is guessed from the line before (the one that
 * came next last time) and confirmed by comparing bytes; likewise the next field. Whatever the quick way does not take
 * is scanned with care (line_syntax.ts) and resolved (line_commit.ts), or refused with a reason.
 *
 * Invariants
 * - Every line is taken whole or not at all: the offset returned is the start of a line.
 * - Reasons from 32 on refuse a well-formed line; those below, a malformed one.
 * - Strings of rows in the batch are unescaped in the input; no other byte of it changes but those behind its end.
 */
import {
  addAlias,
  ALIAS_BYTES,
  ALIAS_FIRST_SLOT,
  ALIAS_NEXT,
  ALIAS_PREFIX,
  ALIAS_SOURCE,
  CONTEXT_FLAGS,
  CONTEXT_LAST,
  contextAt,
  findAlias,
  findContext,
  initAliases,
} from "./alias_table";
import {
  cellBitsPtr,
  cellCount,
  cellSlotPtr,
  CELLS_MAX,
  inputPtr,
  ROWS_MAX,
  rowCount,
} from "./batch";
import { initDecimals, numberEnd, readDigits, readFloat } from "./decimals";
import {
  countStrings,
  finishStrings,
  forgetStrings,
  initCells,
  integerCell,
  otherCell,
  stringCount,
} from "./line_cells";
import {
  buildKey,
  cellOfSlot,
  checkFieldNames,
  commitLine,
  committedSource,
  CONTEXT_DROP_EMPTY_TAGS,
  hasRowRoom,
  initCommit,
  pushFinishedRow,
  setStringLineFeeds,
  stringLineFeeds,
} from "./line_commit";
import {
  REASON_BEHIND_QUOTE,
  REASON_INVALID_FIELD_FORMAT,
  REASON_INVALID_UTF8,
  REASON_NONE,
  REASON_TIME_OUTSIDE_RANGE,
  REASON_UNBALANCED_QUOTES,
} from "./line_reasons";
import {
  addError,
  clearErrors,
  initRefusals,
  LINE_ERRORS_MAX,
  lineErrorCount,
} from "./line_refusals";
import {
  endsQuoted,
  findLineEnd,
  hasTimestamp,
  initSyntax,
  lineEnd,
  prefixEnd,
  scanLine,
  skipBlanks,
  timestamp,
  trimTokens,
} from "./line_syntax";
import {
  guessUnit,
  noteTime,
  timeDefault,
  timeGuessed,
  timeLimit,
  toDatabaseTime,
} from "./line_time";
import { countLineFeeds } from "./line_values";
import {
  FIELD_BYTES,
  FIELD_FAMILY,
  FIELD_NAME,
  FIELD_NEXT,
  FIELD_PREDICTION,
  findField,
  isSeen,
  MEASUREMENT_FIELD_RECORDS,
  MEASUREMENT_FIELDS,
  SOURCE_MEASUREMENT,
  SOURCE_SEEN,
} from "./series_table";
import { asciiEnd, isUtf8 } from "./text";

/** The data end here: the last line needs no line feed. */
export const PARSE_FINAL: u32 = 1;
/** Only look for malformed lines: write and create nothing, report nothing else. */
export const PARSE_CHECK_ONLY: u32 = 2;
/** Stop at the first line that would create something or be refused. */
export const PARSE_KNOWN_ONLY: u32 = 4;

export const STOP_NONE: u32 = 0;
/** The last line has no end yet. */
export const STOP_INCOMPLETE: u32 = 1;
/** The batch has no room for the next line's row: write it. */
export const STOP_BATCH_FULL: u32 = 2;
/** No room for another error: read them. */
export const STOP_ERRORS_FULL: u32 = 3;
/** The next line is not one for PARSE_KNOWN_ONLY. */
export const STOP_UNKNOWN: u32 = 4;

/** Longest prefix that becomes an alias; with any predicted name it stays below the limit of keys. */
const ALIAS_BYTES_MAX: u32 = 60000;
const NAME_QUICK_MAX: u32 = 1023;
const TIME: u32 = 0x656d6974;

/** Why parseLines stopped. */
export let lineStop: u32 = 0;
/** Line feeds (and a last line without one) that parseLines passed. */
export let lineCount: u32 = 0;

// Of the call: the record of its context and its number, the end of the data, flags.
let context: usize = 0;
let contextNumber: u32 = 0;
let dataEnd: usize = 0;
let isFinal: bool = false;
let checkOnly: bool = false;
let knownOnly: bool = false;
/** Every byte before is ASCII, or belongs to a line that was checked. */
let checkedEnd: usize = 0;
/** The alias of the line before, or 0. */
let previous: usize = 0;

export function initLineProtocol(): void {
  initDecimals();
  initSyntax();
  initCommit();
  initAliases();
  initRefusals();
  initCells();
}

/** Number of the context with this database (none: no bytes) and flags (CONTEXT_ of line_commit.ts); -1 when there are too many. */
export function lineContext(database: usize, bytes: u32, flags: u32): i32 {
  return findContext(database, bytes, flags);
}

/**
 * Parses the lines of the input window from offset `from` to `to` and adds their rows to the batch. Returns the offset
 * behind the last line taken; lineStop tells why no more was, lineErrorCount what was refused. `to` is the end of the
 * data and at most INPUT_BYTES_MAX; the 64 bytes behind it are overwritten.
 */
export function parseLines(contextId: u32, from: u32, to: u32, flags: u32): u32 {
  contextNumber = contextId;
  context = contextAt(contextId);
  previous = load<u32>(context, CONTEXT_LAST);
  dataEnd = inputPtr + to;
  isFinal = (flags & PARSE_FINAL) != 0;
  checkOnly = (flags & PARSE_CHECK_ONLY) != 0;
  knownOnly = (flags & PARSE_KNOWN_ONLY) != 0;
  lineStop = STOP_NONE;
  clearErrors();
  lineCount = 0;
  setStringLineFeeds(0);
  // A line feed ends every scan but that of a string, which the quotes end.
  store<u8>(dataEnd, 10);
  const quotes = i8x16.splat(34);
  v128.store(dataEnd, quotes, 1);
  v128.store(dataEnd, quotes, 17);
  v128.store(dataEnd, quotes, 33);
  let at = inputPtr + from;
  checkedEnd = asciiEnd(at, dataEnd);
  while (at < dataEnd) {
    let next = quickLine(at);
    if (next == 0) {
      next = carefulLine(at);
      if (next == 0) break;
    }
    lineCount++;
    at = next;
  }
  lineCount += stringLineFeeds;
  trimTokens();
  store<u32>(context, <u32> previous, CONTEXT_LAST);
  return <u32> (min<usize>(at, dataEnd) - inputPtr);
}

/** Whether the `size` bytes at `a` and `b` are the same; 16 bytes past both may be read. */
// @ts-ignore: decorator
@inline
function startsWith(a: usize, b: usize, size: u32): bool {
  while (size > 16) {
    if (v128.any_true(v128.xor(v128.load(a), v128.load(b)))) return false;
    a += 16;
    b += 16;
    size -= 16;
  }
  const same = i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b)));
  return (~same & ((1 << size) - 1)) == 0;
}

/** The first unescaped space of a line, 0 when the line ends before. */
function findSpace(start: usize): usize {
  const spaces = i8x16.splat(32);
  const feeds = i8x16.splat(10);
  let at = start;
  while (true) {
    const bytes = v128.load(at);
    const found = i8x16.bitmask(v128.or(i8x16.eq(bytes, spaces), i8x16.eq(bytes, feeds)));
    if (found == 0) {
      at += 16;
      continue;
    }
    at += ctz(found);
    if (load<u8>(at) == 10) return 0;
    if (at > start && load<u8>(at - 1) == 92) {
      at++;
      continue;
    }
    return at;
  }
}

/** The alias of the line at `start`, by prediction or by its bytes; 0 when it has none. */
// @ts-ignore: decorator
@inline
function aliasOf(start: usize): usize {
  if (previous != 0) {
    const guess = <usize> load<u32>(previous, ALIAS_NEXT);
    if (guess != 0 && startsWith(start, guess + ALIAS_PREFIX, load<u32>(guess, ALIAS_BYTES) + 1)) {
      return guess;
    }
  }
  const space = findSpace(start);
  if (space == 0) return 0;
  const alias = findAlias(contextNumber, start, <u32> (space - start));
  if (alias != 0 && previous != 0) store<u32>(previous, <u32> alias, ALIAS_NEXT);
  return alias;
}

/** Bytes of the field's name at `at`, 0 when it takes care to read. */
function plainNameBytes(at: usize): u32 {
  for (let size: u32 = 0; size <= NAME_QUICK_MAX; size++) {
    const byte = load<u8>(at + size);
    if (byte == 61) return size;
    if (byte == 92 || byte == 44 || byte <= 32) return 0;
  }
  return 0;
}

/** Takes a line the quick way; returns the start of the next, or 0 when it has to be read with care: nothing is done then. */
// @ts-ignore: decorator
@inline
function quickLine(start: usize): usize {
  const alias = aliasOf(start);
  if (alias == 0) return 0;
  previous = alias;
  const source = <usize> load<u32>(alias, ALIAS_SOURCE);
  const measurement = <usize> load<u32>(source, SOURCE_MEASUREMENT);
  const records = <usize> load<u32>(measurement, MEASUREMENT_FIELD_RECORDS);
  const fields = load<u32>(measurement, MEASUREMENT_FIELDS);
  const first = cellCount;
  let at = start + load<u32>(alias, ALIAS_BYTES) + 1;
  let prediction = alias + ALIAS_FIRST_SLOT;
  let low: u64 = 0;
  let cell = first;
  let byte: u32;
  forgetStrings();
  while (true) {
    let slot = <u32> load<u16>(prediction);
    let field = records + <usize> slot * FIELD_BYTES;
    let size = slot < fields ? <u32> load<u16>(field, FIELD_PREDICTION) : 0;
    if (size == 0 || !startsWith(at, load<u32>(field, FIELD_NAME), size)) {
      size = plainNameBytes(at);
      if (size == 0 || (size == 4 && load<u32>(at) == TIME)) return 0;
      slot = <u32> findField(measurement, at, size, 0);
      if (<i32> slot < 0) return 0;
      store<u16>(prediction, <u16> slot);
      field = records + <usize> slot * FIELD_BYTES;
      size++;
    }
    if (cell == CELLS_MAX) return 0;
    if (slot < 64) {
      const bit = <u64> 1 << <u64> slot;
      if ((low & bit) != 0) return 0;
      low |= bit;
    } else if (cellOfSlot(slot, first, cell) >= 0 || !isSeen(source, slot)) return 0;
    store<u16>(cellSlotPtr + (<usize> cell << 1), <u16> slot);
    at += size;
    const target = cellBitsPtr + (<usize> cell << 3);
    const family = <u32> load<u8>(field, FIELD_FAMILY);
    if (family == 1) {
      const value = readFloat(at);
      at = numberEnd;
      store<f64>(target, value);
    } else if (family == 2) at = integerCell(at, target);
    else at = otherCell(at, dataEnd, cell, family);
    if (at == 0) return 0;
    cell++;
    byte = load<u8>(at++);
    if (byte != 44) break;
    prediction = field + FIELD_NEXT;
  }
  let time = timeDefault;
  let given = false;
  if (byte == 32) {
    const negative = load<u8>(at) == 45;
    const written = readDigits(at + <usize> negative);
    if (numberEnd == 0 || written > <u64> i64.MAX_VALUE) return 0;
    const signed = negative ? -<i64> written : <i64> written;
    if (timeGuessed) guessUnit(signed);
    if (written > <u64> timeLimit) return 0;
    at = numberEnd;
    byte = load<u8>(at++);
    time = toDatabaseTime(signed);
    given = true;
  }
  if (byte == 13) byte = load<u8>(at++);
  if (byte != 10 || (at > dataEnd && !isFinal)) return 0;
  if ((low & ~load<u64>(source, SOURCE_SEEN)) != 0) return 0;
  if (at > checkedEnd && !checkText(start, at)) return 0;
  if (checkOnly) {
    if (stringCount != 0) countStrings();
    return at;
  }
  if (rowCount == ROWS_MAX) return 0;
  if (stringCount != 0) finishStrings();
  if (given) noteTime(time);
  pushFinishedRow(source, time, cell);
  return at;
}

/** Whether a line is UTF-8; every line up to the next byte beyond ASCII need not be asked then. */
function checkText(start: usize, end: usize): bool {
  if (!isUtf8(start, end)) return false;
  checkedEnd = asciiEnd(end, dataEnd);
  return true;
}

/** Stops before the line at hand. */
function stop(why: u32): usize {
  lineStop = why;
  return 0;
}

/** Behind a line that ends at `end` (a line feed or the data's end); 0 when more data may belong to it. */
function behindLine(end: usize): usize {
  return end >= dataEnd && !isFinal ? stop(STOP_INCOMPLETE) : end + 1;
}

/** Takes a line with care: a blank one, a comment, a row or an error. Returns the start of the next, or 0 to stop. */
function carefulLine(lineStart: usize): usize {
  const start = skipBlanks(lineStart);
  const byte = load<u8>(start);
  if (byte == 10) return behindLine(start);
  if (byte == 13 && load<u8>(start + 1) == 10) return behindLine(start + 1);
  if (byte == 35) {
    let end = start;
    while (load<u8>(end) != 10) end++;
    return behindLine(end);
  }
  if (knownOnly) return stop(rowCount == ROWS_MAX ? STOP_BATCH_FULL : STOP_UNKNOWN);
  let reason = scanLine(start, dataEnd, (load<u32>(context, CONTEXT_FLAGS) & CONTEXT_DROP_EMPTY_TAGS) != 0);
  if (reason != REASON_NONE) return refuseMalformed(lineStart, start, reason);
  if (lineEnd >= dataEnd && !isFinal) return stop(STOP_INCOMPLETE);
  const end = lineEnd;
  const feedsWithin = countLineFeeds(start, end);
  let time = timeDefault;
  if (end > checkedEnd && !checkText(start, end)) reason = REASON_INVALID_UTF8;
  else reason = checkLine(start);
  if (reason == REASON_NONE && hasTimestamp) {
    if (timeGuessed) guessUnit(timestamp);
    if (timestamp > timeLimit || timestamp < -timeLimit) reason = REASON_TIME_OUTSIDE_RANGE;
    else time = toDatabaseTime(timestamp);
  }
  if (reason == REASON_NONE && !checkOnly) {
    if (!hasRowRoom()) return stop(STOP_BATCH_FULL);
    if (lineErrorCount == LINE_ERRORS_MAX) return stop(STOP_ERRORS_FULL);
    const feeds = stringLineFeeds;
    reason = commitLine(context, time);
    setStringLineFeeds(feeds);
    if (reason == REASON_NONE) {
      if (hasTimestamp) noteTime(time);
      noteAlias(start, committedSource);
      lineCount += feedsWithin;
      return end + 1;
    }
  }
  if (reason != REASON_NONE && !addError(start, end, lineCount + stringLineFeeds, reason)) return stop(STOP_ERRORS_FULL);
  lineCount += feedsWithin;
  return end + 1;
}

function checkLine(start: usize): u32 {
  const reason = buildKey(start, context);
  return reason != REASON_NONE ? reason : checkFieldNames(start);
}

/** Remembers the prefix of a row's line; the next line like it goes the quick way. */
function noteAlias(start: usize, source: usize): void {
  const size = <u32> (prefixEnd - start);
  if (size > ALIAS_BYTES_MAX) return;
  let alias = findAlias(contextNumber, start, size);
  if (alias == 0) {
    store<u32>(context, <u32> previous, CONTEXT_LAST);
    alias = addAlias(contextNumber, start, size, source);
    previous = load<u32>(context, CONTEXT_LAST);
  }
  if (previous != 0 && previous != alias) store<u32>(previous, <u32> alias, ALIAS_NEXT);
  previous = alias;
}

function refuseMalformed(lineStart: usize, start: usize, reason: u32): usize {
  if (reason == REASON_UNBALANCED_QUOTES && !isFinal) return stop(STOP_INCOMPLETE);
  const end = findLineEnd(start, dataEnd);
  if (end >= dataEnd && !isFinal) return stop(STOP_INCOMPLETE);
  if (reason == REASON_BEHIND_QUOTE) {
    reason = endsQuoted ? REASON_UNBALANCED_QUOTES : REASON_INVALID_FIELD_FORMAT;
  }
  if (!addError(start, end, lineCount + stringLineFeeds, reason)) return stop(STOP_ERRORS_FULL);
  lineCount += countLineFeeds(lineStart, end);
  return end + 1;
}

