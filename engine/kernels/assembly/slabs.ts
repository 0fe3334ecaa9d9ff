/**
 * The head's write side: rows of the batch join open builders (builder.ts), full builders are sealed (seal.ts).
 *
 * A source's builders are linked most recently used first, its chunks newest first. A generation is what one flush
 * writes: `headFreeze` begins the next one, and rows never join a builder of an older generation.
 */
import { cellBitsPtr, cellSlotPtr, rowCellPtr, rowCount, rowSourcePtr, rowTimePtr } from "./batch";
import {
  B_BLOB_BYTES,
  B_CAPACITY,
  B_COLUMNS,
  B_END,
  B_FLAGS,
  B_GENERATION,
  B_MAX,
  B_MIN,
  B_NEXT,
  B_ROWS,
  B_SLOTS,
  B_START,
  BLOBS,
  copyCells,
  discardBuilder,
  DISORDERED,
  fitColumns,
  newBuilder,
  rebuild,
  recycleBuilder,
  rowAt,
  ROWS_HOT,
  SLAB_ROWS_MAX,
  SOURCE_HOT,
  SPARSE,
  storeCells,
} from "./builder";
import { encodeBuilder } from "./seal";
import { SOURCE_BUILDERS, SOURCE_FLAGS } from "./series_table";

const ROWS_FIRST: u32 = 4;
/** Blob bytes at which a builder is sealed: bounds a chunk. */
const BLOB_BYTES_SEAL: u32 = 1 << 18;
/** Builders of different partitions that a source may have open; the least recently used is sealed beyond. */
const BUILDERS_MAX: u32 = 8;

let partitionTicks: i64 = 86400000000000;
let generation: u32 = 1;

/** Rows and points in the head, sealed or not. */
export let headRows: f64 = 0;
export let headPoints: f64 = 0;
/** What headPlan found: points to write, and the highest time that is not beyond its bound (i64 min when none). */
export let planPoints: u32 = 0;
export let planMaxTime: i64 = 0;
export let planFutureRows: u32 = 0;

/** Width of a partition in ticks, at least 1. */
export function headConfigure(ticks: i64): void {
  partitionTicks = ticks;
}

/**
 * Refuses the batch's rows before `cutoff` by setting their source to 0; returns how many. Sums up the rest: rows beyond
 * `bound` do not count for planMaxTime.
 */
export function headPlan(cutoff: i64, bound: i64): u32 {
  let refused: u32 = 0, points: u32 = 0, future: u32 = 0;
  let highest: i64 = i64.MIN_VALUE;
  for (let r: u32 = 0; r < rowCount; r++) {
    if (load<u32>(rowSourcePtr + r * 4) == 0) continue;
    const time = load<i64>(rowTimePtr + r * 8);
    if (time < cutoff) {
      store<u32>(rowSourcePtr + r * 4, 0);
      refused++;
      continue;
    }
    if (time <= bound) highest = max<i64>(highest, time);
    else future++;
    points += load<u32>(rowCellPtr + r * 4 + 4) - load<u32>(rowCellPtr + r * 4);
  }
  planPoints = points;
  planMaxTime = highest;
  planFutureRows = future;
  return refused;
}

/** Takes the batch's rows into the head. Cannot fail. Returns the points. */
export function headAppend(): u32 {
  let points: u32 = 0, rows: u32 = 0;
  for (let r: u32 = 0; r < rowCount; r++) {
    const source = <usize> load<u32>(rowSourcePtr + r * 4);
    if (source == 0) continue;
    const first = load<u32>(rowCellPtr + r * 4);
    const cells = load<u32>(rowCellPtr + r * 4 + 4) - first;
    if (cells == 0) continue;
    appendRow(source, load<i64>(rowTimePtr + r * 8), first, cells);
    points += cells;
    rows++;
  }
  headRows += <f64> rows;
  headPoints += <f64> points;
  return points;
}

function appendRow(source: usize, time: i64, first: u32, cells: u32): void {
  let b = <usize> load<u32>(source + SOURCE_BUILDERS);
  if (
    b == 0 || load<u32>(b + B_GENERATION) != generation || time < load<i64>(b + B_START) ||
    time >= load<i64>(b + B_END)
  ) b = builderFor(source, time);
  const slots = cellSlotPtr + <usize> first * 2;
  const dense = load<u32>(b + B_COLUMNS) == cells &&
    (load<u32>(b + B_FLAGS) & (SPARSE | BLOBS)) == 0 &&
    sameSlots(b + B_SLOTS, slots, cells);
  if (!dense) b = fitColumns(b, slots, cells);
  let rows = load<u32>(b + B_ROWS);
  if (rows == load<u32>(b + B_CAPACITY)) {
    b = rebuild(b, rows * 2, load<u32>(b + B_COLUMNS), load<u32>(b + B_FLAGS));
  }
  const row = rowAt(b, rows);
  store<i64>(row, time);
  if (dense) copyCells(row + 8, cellBitsPtr + <usize> first * 8, cells);
  else storeCells(b, row, first, cells);
  if (rows == 0) {
    store<i64>(b + B_MIN, time);
    store<i64>(b + B_MAX, time);
  } else if (time > load<i64>(b + B_MAX)) store<i64>(b + B_MAX, time);
  else {
    store<u32>(b + B_FLAGS, load<u32>(b + B_FLAGS) | DISORDERED);
    if (time < load<i64>(b + B_MIN)) store<i64>(b + B_MIN, time);
  }
  store<u32>(b + B_ROWS, ++rows);
  if (rows == SLAB_ROWS_MAX || load<u32>(b + B_BLOB_BYTES) >= BLOB_BYTES_SEAL) {
    encodeBuilder(b);
    recycleBuilder(b);
  }
}

function sameSlots(a: usize, b: usize, count: u32): bool {
  let i: u32 = 0;
  for (; i + 4 <= count; i += 4) {
    if (load<u64>(a + <usize> i * 2) != load<u64>(b + <usize> i * 2)) return false;
  }
  for (; i < count; i++) {
    if (load<u16>(a + <usize> i * 2) != load<u16>(b + <usize> i * 2)) return false;
  }
  return true;
}

/** Start of the partition that `time` lies in. */
function partitionStart(time: i64): i64 {
  let rest = time % partitionTicks;
  if (rest < 0) rest += partitionTicks;
  return time - rest < time || rest == 0 ? time - rest : i64.MIN_VALUE;
}

/** The open builder of this generation and partition, at the front of the source's list; made when it is missing. */
function builderFor(source: usize, time: i64): usize {
  let previous: usize = 0, open: u32 = 0, oldest: usize = 0;
  for (let b = <usize> load<u32>(source + SOURCE_BUILDERS); b != 0; b = load<u32>(b + B_NEXT)) {
    if (load<u32>(b + B_GENERATION) == generation) {
      if (time >= load<i64>(b + B_START) && time < load<i64>(b + B_END)) {
        if (previous != 0) {
          store<u32>(previous + B_NEXT, load<u32>(b + B_NEXT));
          store<u32>(b + B_NEXT, load<u32>(source + SOURCE_BUILDERS));
          store<u32>(source + SOURCE_BUILDERS, <u32> b);
        }
        return b;
      }
      open++;
      oldest = b;
    }
    previous = b;
  }
  if (open >= BUILDERS_MAX) {
    encodeBuilder(oldest);
    discardBuilder(oldest);
  }
  const hot = (load<u32>(source + SOURCE_FLAGS) & SOURCE_HOT) != 0;
  const b = newBuilder(source, hot ? ROWS_HOT : ROWS_FIRST, 0, 0, generation);
  const start = partitionStart(time);
  const end = start + partitionTicks;
  store<i64>(b + B_START, start);
  // Beyond the last whole partition the end would overflow; the very last tick is then left out, as half-open ranges do.
  store<i64>(b + B_END, end > start ? end : i64.MAX_VALUE);
  store<u32>(b + B_NEXT, load<u32>(source + SOURCE_BUILDERS));
  store<u32>(source + SOURCE_BUILDERS, <u32> b);
  return b;
}

/** Begins the next generation; returns the one that ends: what a flush is to write. */
export function headFreeze(): u32 {
  return generation++;
}

/** Takes rows and points out of the totals once they are in a segment. */
export function headForget(rows: f64, points: f64): void {
  headRows -= rows;
  headPoints -= points;
}
