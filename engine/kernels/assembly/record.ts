/**
 * Rows of the batch as bytes of a log record, columnar and counted from what earlier records of the log file held.
 * record_read.ts is the reverse. Layout (see docs/format/wal.md):
 *
 *   1 byte   bit 0: times count from the row before, not from the source's base; bits 1-2: their scale, 1, 10^3, 10^6 or 10^9
 *   varint   rows
 *   varint   shapes that no record of the epoch had; for each: varint columns; for each column signed slot less the slot
 *            before less 1 (the first: the slot); for each column 1 byte family
 *   column   of the rows' sources: zigzag of id less the id foretold
 *   column   of the rows' shapes: 0 as foretold, else number + 1
 *   column   of the rows' times: zigzag of (time less the time foretold) / scale
 *   for each shape in the order of first use, for each of its columns:
 *     f64    1 byte: exponent of decimals 0 to 13, or 15 for bits; bit 4: exceptions follow:
 *            varint count, for each varint place less the place before less 1 (the first: the place), 8 bytes
 *            column: zigzag of integer less the reference's integer (0 for an exception), or of bits less its bits
 *     i64, u64   column: zigzag of value less the reference's
 *     bool   column: value exclusive-or the reference's
 *     blob, histogram   column: 0 when the bytes are those of the shape's row before in this record, else length + 1
 *   bytes    of the blobs, in the order of the columns above
 *
 * Columns: record_columns.ts. References, foretold sources, shapes and times: record_rows.ts and record_bases.ts.
 *
 * Invariants
 * - Encoding advances shapes and bases. When the record is not written, the next one must restart.
 * - The record buffer has RECORD_HEADROOM writable bytes before it and RECORD_SLACK behind it.
 */
import {
  epochBaseBytes,
  epochShapeBytes,
  initRecordBases,
  isShape,
  KIND_BITS,
  KIND_BLOB,
  KIND_DECIMAL,
  SHAPE_COLUMNS,
  SHAPE_LIST,
  SHAPE_NUMBER,
  SHAPE_NUMBERS,
  SHAPE_PLAIN,
  SHAPE_ROWS,
  SHAPE_SLOTS,
  SHAPE_STATES,
  SHAPE_USED_NEXT,
  shapeAt,
  shapeCount,
  shapeOf,
  STATE_EXCEPTIONS,
  STATE_EXPONENT,
  STATE_FAMILY,
  STATE_KIND,
} from "./record_bases";
import {
  cellBitsPtr,
  cellCount,
  cellSlotPtr,
  rowCellPtr,
  rowCount,
  rowSourcePtr,
  rowTimePtr,
} from "./batch";
import { alloc, free, TAG_SCRATCH } from "./memory";
import { columnBytesBound, initRecordColumns, putColumn } from "./record_columns";
import { decimalOf, NO_DECIMAL, powerOf } from "./record_decimals";
import { takeDecimals, takeLengths, takeNumbers, zigzag } from "./record_numbers";
import {
  baseTimes,
  beginRecord,
  dealRows,
  foretellShape,
  foretellSource,
  foretellTime,
  previousTime,
  previousTimes,
  reserveRows,
  restartRows,
  ROW_BYTES,
  rowEntries,
  settleRow,
  shapeNumbers,
  sourceNumbers,
  usedShapes,
} from "./record_rows";
import { SOURCE_ID, SOURCE_MEASUREMENT } from "./series_table";
import { putSigned, putVarint } from "./varints";

/** Bytes before the record buffer, for the record's header. */
export const RECORD_HEADROOM: u32 = 64;
/** Readable bytes behind what the record buffer was asked to hold. */
export const RECORD_SLACK: u32 = 64;
/** Exponent byte of doubles that are taken as bits. */
export const EXPONENT_BITS: u32 = 15;
export const EXPONENT_EXCEPTIONS: u32 = 16;
/** In the first byte. */
export const TIMES_FROM_PREVIOUS: u32 = 1;

const SCALES: StaticArray<i64> = [1, 1_000, 1_000_000, 1_000_000_000];

/** Where a record's rows are encoded to and decoded from; moves when the buffer grows. */
export let recordPtr: usize = 0;
/** Of the record encoded or decoded last. */
export let recordRows: u32 = 0;
export let recordCells: u32 = 0;
/** Bytes of the blobs at the end of the record encoded last. */
export let recordBlobBytes: u32 = 0;
let recordCapacity: u32 = 0;

/** Sets up scratch; buffers come with the first record. */
export function initRecord(): void {
  initRecordColumns();
  initRecordBases();
  restartRows();
}

/** Begins an epoch: what follows counts from nothing before it. */
export function recordRestart(): void {
  restartRows();
}

/** Bytes of linear memory that the epoch's bases take; what a restart forgoes. */
export function recordBaseBytes(): u32 {
  return epochBaseBytes();
}

export function recordShapeBytes(): u32 {
  return epochShapeBytes();
}

/** Makes the record buffer hold `bytes` bytes; its content is lost when it grows. Returns its address. */
export function recordReserve(bytes: u32): usize {
  if (bytes > recordCapacity) {
    if (recordPtr != 0) free(recordPtr - RECORD_HEADROOM, TAG_SCRATCH);
    recordCapacity = max<u32>(65536, bytes + (bytes >> 2));
    recordPtr = alloc(recordCapacity + RECORD_HEADROOM + RECORD_SLACK, TAG_SCRATCH) +
      RECORD_HEADROOM;
  }
  return recordPtr;
}

/** Notes what a record held; for the reader. */
export function noteRecord(rows: u32, cells: u32): void {
  recordRows = rows;
  recordCells = cells;
}

export function scaleAt(index: u32): i64 {
  return unchecked(SCALES[index]);
}

/**
 * Encodes the rows of the batch that were not refused into the record buffer, with room for `extraBytes` behind them.
 * Returns their bytes, 0 when there is no row.
 */
export function encodeRecord(extraBytes: u32): u32 {
  const shapesBefore = shapeCount();
  reserveRows(rowCount, cellCount);
  beginRecord();
  walkRows();
  recordBlobBytes = 0;
  if (recordRows == 0) return 0;
  dealRows(recordRows);
  const start = recordReserve(boundBytes(shapesBefore) + extraBytes);
  takeDecimals();
  takeNumbers(recordRows);
  const flags = start;
  let at = putVarint(start + 1, recordRows);
  at = putShapes(shapesBefore, at);
  at = putColumn(sourceNumbers, recordRows, at);
  at = putColumn(shapeNumbers, recordRows, at);
  at = putTimes(flags, at);
  for (let shape = usedShapes(); shape != 0; shape = load<u32>(shape, SHAPE_USED_NEXT)) {
    at = putValues(shape, at);
  }
  const columnsEnd = at;
  for (let shape = usedShapes(); shape != 0; shape = load<u32>(shape, SHAPE_USED_NEXT)) {
    at = putBlobs(shape, at);
  }
  recordBlobBytes = <u32> (at - columnsEnd);
  return <u32> (at - start);
}

/** Gives every row its shape and base, and the numbers of sources, shapes and times. */
function walkRows(): void {
  const count = rowCount;
  let rows: u32 = 0;
  let cells: u32 = 0;
  for (let r: usize = 0; r < <usize> count; r++) {
    const source = <usize> load<u32>(rowSourcePtr + r * 4);
    if (source == 0) continue;
    const cell = load<u32>(rowCellPtr + r * 4);
    const columns = load<u32>(rowCellPtr + r * 4, 4) - cell;
    const slots = cellSlotPtr + <usize> cell * 2;
    const at = <usize> rows * 8;
    store<i64>(sourceNumbers + at, zigzag(<i64> load<u32>(source, SOURCE_ID) - foretellSource()));
    let shape = foretellShape(source);
    const measurement = <usize> load<u32>(source, SOURCE_MEASUREMENT);
    let number: u32 = 0;
    if (shape == 0 || !isShape(shape, measurement, slots, columns)) {
      shape = shapeOf(measurement, slots, columns);
      number = load<u32>(shape, SHAPE_NUMBER) + 1;
    }
    store<u64>(shapeNumbers + at, number);
    const time = load<i64>(rowTimePtr + r * 8);
    store<i64>(baseTimes + at, time - foretellTime(source, shape));
    store<i64>(previousTimes + at, time - previousTime());
    const bits = cellBitsPtr + <usize> cell * 8;
    settleRow(rowEntries + <usize> rows * ROW_BYTES, source, shape, time, bits);
    rows++;
    cells += columns;
  }
  recordRows = rows;
  recordCells = cells;
}

/** No record of these rows is longer. */
function boundBytes(shapesBefore: u32): u32 {
  let bytes = 64 + columnBytesBound(recordRows) * 3;
  for (let number = shapesBefore; number < shapeCount(); number++) {
    bytes += 8 + load<u32>(shapeAt(number), SHAPE_COLUMNS) * 4;
  }
  for (let shape = usedShapes(); shape != 0; shape = load<u32>(shape, SHAPE_USED_NEXT)) {
    const rows = load<u32>(shape, SHAPE_ROWS);
    bytes += load<u32>(shape, SHAPE_COLUMNS) * (columnBytesBound(rows) + rows * 4 + 32);
    bytes += blobBytes(shape);
  }
  return bytes;
}

function blobBytes(shape: usize): u32 {
  if (load<u32>(shape, SHAPE_PLAIN) != 0) return 0;
  const rows = <usize> load<u32>(shape, SHAPE_ROWS);
  const list = <usize> load<u32>(shape, SHAPE_LIST);
  let bytes: u32 = 0;
  for (let c: usize = 0; c < <usize> load<u32>(shape, SHAPE_COLUMNS); c++) {
    const state = <usize> load<u32>(shape, SHAPE_STATES) + c * 8;
    if (load<u8>(state, STATE_KIND) != KIND_BLOB) continue;
    for (let j: usize = 0; j < rows; j++) {
      bytes += load<u32>(<usize> load<u32>(list + j * 4) + c * 8, 4);
    }
  }
  return bytes;
}

function putShapes(before: u32, at: usize): usize {
  const count = shapeCount();
  at = putVarint(at, count - before);
  for (let number = before; number < count; number++) {
    const shape = shapeAt(number);
    const columns = <usize> load<u32>(shape, SHAPE_COLUMNS);
    at = putVarint(at, columns);
    let next: i64 = 0;
    for (let c: usize = 0; c < columns; c++) {
      const slot = <i64> load<u16>(<usize> load<u32>(shape, SHAPE_SLOTS) + c * 2);
      at = putSigned(at, slot - next);
      next = slot + 1;
    }
    const states = <usize> load<u32>(shape, SHAPE_STATES);
    for (let c: usize = 0; c < columns; c++) {
      store<u8>(at++, load<u8>(states + c * 8, STATE_FAMILY));
    }
  }
  return at;
}

/** Writes the shorter of the two columns of times, in the coarsest scale that all of it has. */
function putTimes(flags: usize, at: usize): usize {
  let baseBits: u64 = 0;
  let previousBits: u64 = 0;
  for (let i: usize = 0; i < <usize> recordRows * 8; i += 8) {
    baseBits += 64 - clz<u64>(zigzag(load<i64>(baseTimes + i)));
    previousBits += 64 - clz<u64>(zigzag(load<i64>(previousTimes + i)));
  }
  const fromPrevious = previousBits < baseBits;
  const times = fromPrevious ? previousTimes : baseTimes;
  let index: u32 = 3;
  let scale = scaleAt(index);
  for (let i: usize = 0; i < <usize> recordRows * 8; i += 8) {
    const difference = load<i64>(times + i);
    if (difference == 0) continue;
    while (difference % scale != 0) scale = scaleAt(--index);
  }
  for (let i: usize = 0; i < <usize> recordRows * 8; i += 8) {
    const difference = load<i64>(times + i);
    if (difference != 0) store<i64>(times + i, zigzag(difference / scale));
  }
  store<u8>(flags, <u8> ((fromPrevious ? TIMES_FROM_PREVIOUS : 0) | index << 1));
  return putColumn(times, recordRows, at);
}

function putValues(shape: usize, at: usize): usize {
  const rows = load<u32>(shape, SHAPE_ROWS);
  const list = <usize> load<u32>(shape, SHAPE_LIST);
  let numbers = <usize> load<u32>(shape, SHAPE_NUMBERS);
  let state = <usize> load<u32>(shape, SHAPE_STATES);
  for (let c: u32 = 0; c < load<u32>(shape, SHAPE_COLUMNS); c++) {
    const kind = load<u8>(state, STATE_KIND);
    if (kind == KIND_BITS) store<u8>(at++, <u8> EXPONENT_BITS);
    else if (kind == KIND_DECIMAL) at = putDecimalHead(state, list, rows, c * 8, at);
    else if (kind == KIND_BLOB) takeLengths(list, rows, c * 8, numbers);
    at = putColumn(numbers, rows, at);
    state += 8;
    numbers += <usize> rows * 8;
  }
  return at;
}

function putDecimalHead(state: usize, list: usize, rows: u32, offset: u32, at: usize): usize {
  const exponent = <u32> load<u8>(state, STATE_EXPONENT);
  const exceptions = load<u32>(state, STATE_EXCEPTIONS);
  store<u8>(at++, <u8> (exponent | (exceptions > 0 ? EXPONENT_EXCEPTIONS : 0)));
  if (exceptions == 0) return at;
  at = putVarint(at, exceptions);
  const power = powerOf(exponent);
  let next: u32 = 0;
  for (let j: u32 = 0; j < rows; j++) {
    const value = load<f64>(<usize> load<u32>(list + <usize> j * 4) + offset);
    if (decimalOf(value, power) != NO_DECIMAL) continue;
    at = putVarint(at, j - next);
    store<u64>(at, reinterpret<u64>(value));
    at += 8;
    next = j + 1;
  }
  return at;
}

function putBlobs(shape: usize, at: usize): usize {
  if (load<u32>(shape, SHAPE_PLAIN) != 0) return at;
  const rows = <usize> load<u32>(shape, SHAPE_ROWS);
  const list = <usize> load<u32>(shape, SHAPE_LIST);
  let numbers = <usize> load<u32>(shape, SHAPE_NUMBERS);
  for (let c: usize = 0; c < <usize> load<u32>(shape, SHAPE_COLUMNS); c++) {
    const state = <usize> load<u32>(shape, SHAPE_STATES) + c * 8;
    if (load<u8>(state, STATE_KIND) == KIND_BLOB) {
      for (let j: usize = 0; j < rows; j++) {
        if (load<u64>(numbers + j * 8) == 0) continue;
        const cell = <usize> load<u32>(list + j * 4) + c * 8;
        const bytes = load<u32>(cell, 4);
        memory.copy(at, load<u32>(cell), bytes);
        at += bytes;
      }
    }
    numbers += rows * 8;
  }
  return at;
}
