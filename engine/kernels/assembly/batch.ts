/**
 * The write batch: rows of sources in columns, filled by a parser or by engine/write/batch.ts and consumed by
 * plan, record and slabs. There is one, because all engine state lives on one event loop.
 *
 *   row r    rowSource[r]  pointer to the source record (series_table.ts); 0 = the row was refused
 *            rowTime[r]    i64, database time unit
 *            rowCell[r]    index of its first cell; rowCell[rowCount] = cellCount
 *   cell c   cellSlot[c]   u16, column of the source's measurement
 *            cellBits[c]   u64: f64 bits, i64, u64, 0/1 for bool, or for blob and histogram pointer | bytes << 32
 *
 * Blob cells point into the input window (or into a WAL record during replay); they live until the next fill.
 */
import { alloc, TAG_SCRATCH } from "./memory";

export const ROWS_MAX: u32 = 32768;
export const CELLS_MAX: u32 = 131072;
/** Bytes of the input window: one slice of a request body, or the blobs of a batch that TypeScript fills. */
export const INPUT_BYTES_MAX: u32 = 1 << 20;
/** Readable and writable bytes behind the input window, for sentinels and SIMD loads. */
export const INPUT_SLACK: u32 = 128;

export let inputPtr: usize = 0;
export let rowSourcePtr: usize = 0;
export let rowTimePtr: usize = 0;
export let rowCellPtr: usize = 0;
export let cellSlotPtr: usize = 0;
export let cellBitsPtr: usize = 0;
export let rowCount: u32 = 0;
export let cellCount: u32 = 0;

export function initBatch(): void {
  inputPtr = alloc(INPUT_BYTES_MAX + INPUT_SLACK, TAG_SCRATCH);
  rowSourcePtr = alloc((ROWS_MAX + 1) * 4, TAG_SCRATCH);
  rowTimePtr = alloc((ROWS_MAX + 1) * 8, TAG_SCRATCH);
  rowCellPtr = alloc((ROWS_MAX + 1) * 4, TAG_SCRATCH);
  cellSlotPtr = alloc((CELLS_MAX + 1) * 2, TAG_SCRATCH);
  cellBitsPtr = alloc((CELLS_MAX + 1) * 8, TAG_SCRATCH);
  setBatch(0, 0);
}

/** Fixes the number of rows and cells after a fill; also writes the end mark of rowCell. */
export function setBatch(rows: u32, cells: u32): void {
  rowCount = rows;
  cellCount = cells;
  store<u32>(rowCellPtr + <usize> rows * 4, cells);
}

/** Whether a row of `cells` cells still fits. */
export function hasRoom(cells: u32): bool {
  return rowCount < ROWS_MAX && cellCount + cells <= CELLS_MAX;
}

/** Begins a row; its cells follow by pushCell. The caller has asked hasRoom. */
export function pushRow(source: usize, time: i64): void {
  store<u32>(rowSourcePtr + <usize> rowCount * 4, <u32> source);
  store<i64>(rowTimePtr + <usize> rowCount * 8, time);
  rowCount++;
  store<u32>(rowCellPtr + <usize> rowCount * 4, cellCount);
}

/** Begins a row at a time in milliseconds; a fraction is kept as far as the unit has it. */
export function pushRowMs(source: usize, ms: f64, ticksPerMs: f64): void {
  const whole = Math.floor(ms);
  const time = ticksPerMs >= 1
    ? <i64> whole * <i64> ticksPerMs + <i64> ((ms - whole) * ticksPerMs)
    : <i64> Math.floor(ms * ticksPerMs);
  pushRow(source, time);
}

/** Adds a cell of any family but f64 to the row begun last: bits as in the batch's layout. */
export function pushCell(slot: u32, bits: u64): void {
  store<u16>(cellSlotPtr + <usize> cellCount * 2, <u16> slot);
  store<u64>(cellBitsPtr + <usize> cellCount * 8, bits);
  cellCount++;
  store<u32>(rowCellPtr + <usize> rowCount * 4, cellCount);
}

/** Adds a double as its two halves, so that no NaN payload passes through a JavaScript number. */
export function pushHalves(slot: u32, low: u32, high: u32): void {
  pushCell(slot, <u64> low | (<u64> high << 32));
}
