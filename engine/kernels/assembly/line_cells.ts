// deno-fmt-ignore-file: the formatter drops the decorators that inline hot functions.
/** Values of fields whose family is known, straight into cells of the batch. What is unusual is left to line_syntax.ts. */
import { cellBitsPtr } from "./batch";
import { digitCount, digitValue, numberEnd, readDigits } from "./decimals";
import { countStringLineFeeds, finishString } from "./line_commit";
import { findQuote, quoteEscapes, readBoolean } from "./line_values";
import { alloc, TAG_SCRATCH } from "./memory";

/** Strings in a line that goes the quick way. */
const STRINGS_QUICK_MAX: u32 = 1024;

// Cells of the row at hand that hold a string as scanned: cell | 1 << 31 when it holds escapes.
let strings: usize = 0;
export let stringCount: u32 = 0;

export function initCells(): void {
  strings = alloc(STRINGS_QUICK_MAX * 4, TAG_SCRATCH);
}

/** Begins a row. */
export function forgetStrings(): void {
  stringCount = 0;
}

/** Reads an integer with its suffix into a cell; returns its end or 0. */
// @ts-ignore: decorator
@inline
export function integerCell(start: usize, target: usize): usize {
  const negative = load<u8>(start) == 45;
  let at = start + <usize> negative;
  const word = load<u64>(at);
  const count = digitCount(word);
  let value: u64;
  if (count != 8) {
    if (count == 0) return 0;
    value = digitValue(word, count);
    at += <usize> count;
  } else {
    value = readDigits(at);
    at = numberEnd;
    if (at == 0 || value > <u64> i64.MAX_VALUE + <u64> negative) return 0;
  }
  if (load<u8>(at) != 105) return 0;
  store<u64>(target, negative ? 0 - value : value);
  return at + 1;
}

/** Reads an unsigned integer, boolean or string into a cell; returns its end or 0. */
export function otherCell(at: usize, dataEnd: usize, cell: u32, family: u32): usize {
  const target = cellBitsPtr + (<usize> cell << 3);
  if (family == 5) {
    if (load<u8>(at) != 34 || stringCount == STRINGS_QUICK_MAX) return 0;
    const close = findQuote(at + 1, dataEnd);
    if (close == 0) return 0;
    store<u32>(target, <u32> at);
    store<u32>(target, <u32> (close - at - 1), 4);
    store<u32>(strings + (<usize> stringCount << 2), cell | (quoteEscapes ? 0x80000000 : 0));
    stringCount++;
    return close + 1;
  }
  if (family == 4) {
    store<u64>(target, (load<u8>(at) | 32) == 116 ? 1 : 0);
    return readBoolean(at);
  }
  if (family != 3) return 0;
  store<u64>(target, readDigits(at));
  return numberEnd != 0 && load<u8>(numberEnd) == 117 ? numberEnd + 1 : 0;
}

/** Turns the row's strings into blobs. */
export function finishStrings(): void {
  for (let i: u32 = 0; i < stringCount; i++) {
    const cell = load<u32>(strings + (<usize> i << 2));
    finishString(cellBitsPtr + (<usize> (cell & 0x7fffffff) << 3), cell >> 31 != 0);
  }
}

/** Counts the line feeds in the row's strings and leaves them as they are. */
export function countStrings(): void {
  for (let i: u32 = 0; i < stringCount; i++) {
    const cell = load<u32>(strings + (<usize> i << 2));
    countStringLineFeeds(cellBitsPtr + (<usize> (cell & 0x7fffffff) << 3));
  }
}
