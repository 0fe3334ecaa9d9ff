/**
 * The lines that a call of parseLines refused.
 *
 *   error entry, 32 bytes
 *     0 u32 line, from 0 within the call      4 u32 offset in the input     8 u32 bytes of the line    12 u32 reason
 *    16 u32, 20 u32, 24 u32 detail by reason: INTEGER_RANGE, UNSIGNED_RANGE, RESERVED_TAG offset in the input and bytes;
 *           KEY_TOO_LONG bytes; TYPE_CONFLICT measurement, slot, family given
 */
import { inputPtr } from "./batch";
import { detailA, detailB, detailC } from "./line_commit";
import {
  REASON_INTEGER_RANGE,
  REASON_KEY_TOO_LONG,
  REASON_RESERVED_TAG,
  REASON_TYPE_CONFLICT,
  REASON_UNSIGNED_RANGE,
} from "./line_reasons";
import { reasonAt, reasonBytes } from "./line_values";
import { alloc, TAG_SCRATCH } from "./memory";

export const LINE_ERRORS_MAX: u32 = 64;
export const LINE_ERROR_BYTES: u32 = 32;

export let lineErrorsPtr: usize = 0;
export let lineErrorCount: u32 = 0;

export function initRefusals(): void {
  lineErrorsPtr = alloc(LINE_ERRORS_MAX * LINE_ERROR_BYTES, TAG_SCRATCH);
}

export function clearErrors(): void {
  lineErrorCount = 0;
}

/** Notes that the line from `start` to its line feed at `end`, number `line` of the call, was refused; false when there is no room. */
export function addError(start: usize, end: usize, line: u32, reason: u32): bool {
  if (lineErrorCount == LINE_ERRORS_MAX) return false;
  const entry = lineErrorsPtr + <usize> lineErrorCount * LINE_ERROR_BYTES;
  lineErrorCount++;
  const carriage = end > start && load<u8>(end - 1) == 13;
  store<u32>(entry, line);
  store<u32>(entry, <u32> (start - inputPtr), 4);
  store<u32>(entry, <u32> (end - start) - <u32> carriage, 8);
  store<u32>(entry, reason, 12);
  store<u32>(entry, 0, 16);
  store<u32>(entry, 0, 20);
  store<u32>(entry, 0, 24);
  if (reason == REASON_INTEGER_RANGE || reason == REASON_UNSIGNED_RANGE) {
    store<u32>(entry, <u32> (reasonAt - inputPtr), 16);
    store<u32>(entry, reasonBytes, 20);
  } else if (reason == REASON_RESERVED_TAG) {
    store<u32>(entry, detailB, 20);
  } else if (reason == REASON_KEY_TOO_LONG) {
    store<u32>(entry, detailA, 16);
  } else if (reason == REASON_TYPE_CONFLICT) {
    store<u32>(entry, detailA, 16);
    store<u32>(entry, detailB, 20);
    store<u32>(entry, detailC, 24);
  }
  return true;
}
