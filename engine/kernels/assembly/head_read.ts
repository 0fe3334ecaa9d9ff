/**
 * Reading the head: what a view captures of it, and the points of one column in an open builder.
 *
 *   capture of a source, u32 words: chunks, builders, chunk pointers newest first, then (builder pointer, rows) pairs
 *
 * A capture stays readable until the view is closed, whatever is appended, sealed or flushed meanwhile: blocks are
 * retired instead of freed, and rows are only ever added behind the captured ones.
 */
import { alloc, TAG_SCRATCH } from "./memory";
import { C_NEXT, orderRows } from "./seal";
import { SOURCE_BUILDERS, SOURCE_CHUNKS, sourceById } from "./series_table";
import {
  B_COLUMNS,
  B_FLAGS,
  B_NEXT,
  B_ROWS,
  columnOf,
  DISORDERED,
  isPresent,
  presenceWords,
  rowAt,
  SLAB_ROWS_MAX,
  strideOf,
} from "./builder";

let order: usize = 0;

export function initHeadRead(): void {
  order = alloc(SLAB_ROWS_MAX * 4, TAG_SCRATCH);
}

/** Words that headCapture writes for these ids. */
export function headCaptureWords(ids: usize, count: u32): u32 {
  let words: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const source = sourceById(load<u32>(ids + <usize> i * 4));
    words += 2;
    if (source == 0) continue;
    for (let c = <usize> load<u32>(source + SOURCE_CHUNKS); c != 0; c = load<u32>(c + C_NEXT)) {
      words++;
    }
    for (let b = <usize> load<u32>(source + SOURCE_BUILDERS); b != 0; b = load<u32>(b + B_NEXT)) {
      words += 2;
    }
  }
  return words;
}

/** Captures the sources one after the other; the word at which source i begins goes to offsets[i]. */
export function headCapture(ids: usize, count: u32, target: usize, offsets: usize): void {
  let at = target;
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(offsets + <usize> i * 4, <u32> ((at - target) >> 2));
    const source = sourceById(load<u32>(ids + <usize> i * 4));
    const start = at;
    store<u64>(start, 0);
    at += 8;
    if (source == 0) continue;
    for (let c = <usize> load<u32>(source + SOURCE_CHUNKS); c != 0; c = load<u32>(c + C_NEXT)) {
      store<u32>(at, <u32> c);
      at += 4;
    }
    store<u32>(start, <u32> ((at - start) >> 2) - 2);
    let builders: u32 = 0;
    for (let b = <usize> load<u32>(source + SOURCE_BUILDERS); b != 0; b = load<u32>(b + B_NEXT)) {
      store<u32>(at, <u32> b);
      store<u32>(at, load<u32>(b + B_ROWS), 4);
      at += 8;
      builders++;
    }
    store<u32>(start, builders, 4);
  }
}

/**
 * Points of a slot in a builder's first `rows` rows with first <= t <= last, ascending, the last value of a time standing.
 * Blob bits point into the head. Returns the points at `times` (i64) and `bits` (u64).
 */
export function headReadBuilder(
  b: usize,
  rows: u32,
  slot: u32,
  first: i64,
  last: i64,
  times: usize,
  bits: usize,
): u32 {
  const c = columnOf(b, slot);
  if (c < 0) return 0;
  const columns = load<u32>(b + B_COLUMNS);
  const words = presenceWords(columns, load<u32>(b + B_FLAGS));
  const base = rowAt(b, 0);
  const stride = <usize> strideOf(columns, load<u32>(b + B_FLAGS));
  const value: usize = 8 + <usize> words * 8 + <usize> c * 8;
  const disordered = (load<u32>(b + B_FLAGS) & DISORDERED) != 0;
  if (disordered) orderRows(b, rows, order);
  let count: u32 = 0;
  for (let i: u32 = 0; i < rows; i++) {
    const row = base + <usize> (disordered ? load<u32>(order + <usize> i * 4) : i) * stride;
    const time = load<i64>(row);
    if (time < first || time > last || !isPresent(row, words, <u32> c)) continue;
    if (count > 0 && load<i64>(times + <usize> (count - 1) * 8) == time) count--;
    store<i64>(times + <usize> count * 8, time);
    store<u64>(bits + <usize> count * 8, load<u64>(row + value));
    count++;
  }
  return count;
}

/** Removes the points with start <= t < end from an ascending run. Returns what is left. */
export function hideRange(times: usize, bits: usize, count: u32, start: i64, end: i64): u32 {
  const from = lowerBound(times, count, start);
  const to = lowerBound(times, count, end);
  if (from >= to) return count;
  memory.copy(times + <usize> from * 8, times + <usize> to * 8, <usize> (count - to) * 8);
  memory.copy(bits + <usize> from * 8, bits + <usize> to * 8, <usize> (count - to) * 8);
  return count - (to - from);
}

function lowerBound(times: usize, count: u32, time: i64): u32 {
  let low: u32 = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<i64>(times + <usize> middle * 8) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
