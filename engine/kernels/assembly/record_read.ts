/**
 * Rows of a log record back into the batch; the reverse of record.ts, whose header has the layout.
 *
 * Invariants
 * - Whatever the bytes are, nothing outside the record buffer is read and nothing outside batch and scratch is written.
 * - After -1 shapes and bases are undefined until recordRestart.
 */
import {
  fitsMeasurement,
  KIND_BITS,
  KIND_BLOB,
  KIND_BOOL,
  KIND_DECIMAL,
  newShape,
  phantomOf,
  setShapeColumn,
  SHAPE_COLUMNS,
  SHAPE_LIST,
  SHAPE_NUMBERS,
  SHAPE_PLAIN,
  SHAPE_ROWS,
  SHAPE_SLOTS,
  SHAPE_STATES,
  SHAPE_TAKEN,
  SHAPE_USED_NEXT,
  shapeAt,
  shapeCount,
  STATE_EXPONENT,
  STATE_FAMILY,
  STATE_KIND,
} from "./record_bases";
import {
  cellBitsPtr,
  CELLS_MAX,
  cellSlotPtr,
  rowCellPtr,
  ROWS_MAX,
  rowSourcePtr,
  rowTimePtr,
  setBatch,
} from "./batch";
import {
  EXPONENT_BITS,
  EXPONENT_EXCEPTIONS,
  noteRecord,
  recordPtr,
  scaleAt,
  TIMES_FROM_PREVIOUS,
} from "./record";
import { getColumn } from "./record_columns";
import { DECIMAL_EXPONENT_MAX, nearestInteger, powerOf } from "./record_decimals";
import {
  baseTimes,
  beginRecord,
  dealRows,
  foretellShape,
  foretellSource,
  foretellTime,
  previousTime,
  reserveRows,
  ROW_BYTES,
  ROW_CELLS,
  ROW_REFERENCE,
  ROW_SHAPE,
  ROW_TARGET,
  rowEntries,
  settleRow,
  shapeNumbers,
  sourceNumbers,
  usedShapes,
} from "./record_rows";
import { SOURCE_MEASUREMENT, sourceById } from "./series_table";
import {
  endOfWindow,
  getByte,
  getCount,
  getSigned,
  isDamaged,
  markDamaged,
  openWindow,
  position,
  rewind,
  take,
} from "./varints";

const SLOTS_MAX: i64 = 65535;
const FAMILY_MAX: u32 = 6;
/** Stands for a number whose value lies in its cell already; no encoder writes one. */
const GIVEN: u64 = u64.MAX_VALUE;

/** Rows of the record decoded last whose source or fields the table does not know; they stand in the batch as refused. */
export let recordLostRows: u32 = 0;

/**
 * Decodes `bytes` bytes in the record buffer, the last `blobBytes` of which are blobs, into the batch. Blob cells point
 * into the record buffer. Returns the rows, -1 for bytes that encodeRecord cannot have written.
 */
export function decodeRecord(bytes: u32, blobBytes: u32): i32 {
  setBatch(0, 0);
  noteRecord(0, 0);
  recordLostRows = 0;
  if (recordPtr == 0 || blobBytes > bytes) return -1;
  const blobs = recordPtr + (bytes - blobBytes);
  openWindow(recordPtr, blobs);
  const flags = getByte();
  const rows = getCount(ROWS_MAX);
  if (flags > 7 || rows == 0) markDamaged();
  getShapes();
  if (isDamaged()) return -1;
  reserveRows(rows, 0);
  beginRecord();
  getColumn(rows, sourceNumbers);
  if (!isDamaged()) getColumn(rows, shapeNumbers);
  if (!isDamaged()) getColumn(rows, baseTimes);
  if (isDamaged() || !walkRows(rows, flags)) return -1;
  const cells = load<u32>(rowCellPtr + <usize> rows * 4);
  reserveRows(rows, cells);
  dealRows(rows);
  let end = blobs;
  for (let shape = usedShapes(); shape != 0; shape = load<u32>(shape, SHAPE_USED_NEXT)) {
    end = getValues(shape, end, blobs + blobBytes);
    if (isDamaged()) return -1;
  }
  if (position() != endOfWindow() || end != blobs + blobBytes) return -1;
  giveValues(rows);
  setBatch(rows, cells);
  noteRecord(rows, cells);
  return <i32> rows;
}

function getShapes(): void {
  const count = getCount(ROWS_MAX);
  for (let i: u32 = 0; i < count && !isDamaged(); i++) {
    const columns = getCount(CELLS_MAX);
    // Each column takes two bytes at least.
    if (isDamaged() || <usize> columns * 2 > endOfWindow() - position()) return markDamaged();
    const shape = newShape(columns);
    if (shape == 0) return markDamaged();
    const slots = <usize> load<u32>(shape, SHAPE_SLOTS);
    let next: i64 = 0;
    for (let c: usize = 0; c < <usize> columns; c++) {
      const slot = next + getSigned();
      if (slot < 0 || slot >= SLOTS_MAX) return markDamaged();
      store<u16>(slots + c * 2, <u16> slot);
      next = slot + 1;
    }
    for (let c: u32 = 0; c < columns; c++) {
      const family = getByte();
      if (family == 0 || family > FAMILY_MAX) return markDamaged();
      setShapeColumn(shape, c, load<u16>(slots + <usize> c * 2), family);
    }
  }
}

/** Fills the batch's rows and slots. False when the numbers name what cannot be. */
function walkRows(rows: u32, flags: u32): bool {
  const scale = scaleAt(flags >> 1);
  const fromPrevious = (flags & TIMES_FROM_PREVIOUS) != 0;
  let cell: u32 = 0;
  for (let r: usize = 0; r < <usize> rows; r++) {
    const id = <i64> foretellSource() + unzigzag(load<u64>(sourceNumbers + r * 8));
    if (id <= 0 || id > 0xffffffff) return false;
    const known = sourceById(<u32> id);
    const source = known != 0 ? known : phantomOf(<u32> id);
    if (source == 0) return false;
    const number = load<u64>(shapeNumbers + r * 8);
    if (number > shapeCount()) return false;
    const foretold = foretellShape(source);
    const shape = number == 0 ? foretold : shapeAt(<u32> number - 1);
    if (shape == 0) return false;
    const columns = load<u32>(shape, SHAPE_COLUMNS);
    if (cell + columns > CELLS_MAX) return false;
    const difference = unzigzag(load<u64>(baseTimes + r * 8)) * scale;
    const baseTime = foretellTime(source, shape);
    const time = (fromPrevious ? previousTime() : baseTime) + difference;
    const fits = known != 0 && fitsMeasurement(shape, load<u32>(known, SOURCE_MEASUREMENT));
    if (!fits) recordLostRows++;
    store<u32>(rowSourcePtr + r * 4, fits ? <u32> known : 0);
    store<i64>(rowTimePtr + r * 8, time);
    store<u32>(rowCellPtr + r * 4, cell);
    copySlots(load<u32>(shape, SHAPE_SLOTS), cellSlotPtr + <usize> cell * 2, columns);
    const bits = cellBitsPtr + <usize> cell * 8;
    settleRow(rowEntries + r * ROW_BYTES, source, shape, time, bits);
    cell += columns;
  }
  store<u32>(rowCellPtr + <usize> rows * 4, cell);
  return true;
}

function copySlots(from: usize, to: usize, count: u32): void {
  const end = from + <usize> count * 2;
  while (from < end) {
    store<u16>(to, load<u16>(from));
    from += 2;
    to += 2;
  }
}

function unzigzag(value: u64): i64 {
  return <i64> (value >> 1) ^ -<i64> (value & 1);
}

/** Reads the numbers of a shape's columns; gives its blobs away from `blobs` on and returns where the next begin. */
function getValues(shape: usize, blobs: usize, blobsEnd: usize): usize {
  const rows = load<u32>(shape, SHAPE_ROWS);
  let numbers = <usize> load<u32>(shape, SHAPE_NUMBERS);
  let state = <usize> load<u32>(shape, SHAPE_STATES);
  const list = <usize> load<u32>(shape, SHAPE_LIST);
  for (let c: u32 = 0; c < load<u32>(shape, SHAPE_COLUMNS) && !isDamaged(); c++) {
    const exceptions = load<u8>(state, STATE_FAMILY) == 1 ? getDecimalHead(state, rows) : 0;
    if (!isDamaged()) getColumn(rows, numbers);
    if (isDamaged()) return blobs;
    if (exceptions != 0) giveExceptions(exceptions, list, c * 8, numbers);
    if (load<u8>(state, STATE_KIND) == KIND_BLOB) {
      blobs = giveBlobs(list, rows, c * 8, numbers, blobs, blobsEnd);
    }
    state += 8;
    numbers += <usize> rows * 8;
  }
  return blobs;
}

/** Reads a column's exponent and passes over its exceptions; returns their address, 0 when there are none. */
function getDecimalHead(state: usize, rows: u32): usize {
  const head = getByte();
  const exponent = head & 15;
  store<u8>(state, exponent == EXPONENT_BITS ? KIND_BITS : KIND_DECIMAL, STATE_KIND);
  store<u8>(state, <u8> exponent, STATE_EXPONENT);
  if (head == EXPONENT_BITS) return 0;
  if (exponent > DECIMAL_EXPONENT_MAX || head > (EXPONENT_EXCEPTIONS | 15)) markDamaged();
  if (isDamaged() || (head & EXPONENT_EXCEPTIONS) == 0) return 0;
  const exceptions = position();
  const count = getCount(rows);
  let place: u64 = 0;
  for (let i: u32 = 0; i < count && !isDamaged(); i++) {
    place += getCount(rows) + 1;
    if (place > <u64> rows) markDamaged();
    take(8);
  }
  return exceptions;
}

/** Puts a column's exceptions, which have been checked, into their cells and marks their numbers. */
function giveExceptions(at: usize, list: usize, offset: u32, numbers: usize): void {
  const end = position();
  rewind(at);
  const count = getCount(ROWS_MAX);
  let place: usize = 0;
  for (let i: u32 = 0; i < count; i++) {
    place += <usize> getCount(ROWS_MAX);
    const bits = load<u64>(take(8));
    store<u64>(<usize> load<u32>(list + place * 4) + offset, bits);
    store<u64>(numbers + place * 8, GIVEN);
    place++;
  }
  rewind(end);
}

function giveBlobs(
  list: usize,
  rows: u32,
  offset: u32,
  numbers: usize,
  blobs: usize,
  blobsEnd: usize,
): usize {
  let blob: usize = 0;
  let bytes: u64 = 0;
  for (let j: usize = 0; j < <usize> rows; j++) {
    const number = load<u64>(numbers + j * 8);
    if (number != 0) {
      bytes = number - 1;
      blob = blobs;
      if (bytes > <u64> (blobsEnd - blobs)) {
        markDamaged();
        return blobs;
      }
      blobs += <usize> bytes;
    } else if (j == 0) {
      markDamaged();
      return blobs;
    }
    const cell = <usize> load<u32>(list + j * 4) + offset;
    store<u64>(cell, <u64> blob | bytes << 32);
  }
  return blobs;
}

/** Turns the numbers of all rows, in their order, back into values. */
function giveValues(rows: u32): void {
  const end = rowEntries + <usize> rows * ROW_BYTES;
  for (let entry = rowEntries; entry < end; entry += ROW_BYTES) {
    const shape = <usize> load<u32>(entry, ROW_SHAPE);
    const taken = load<u32>(shape, SHAPE_TAKEN);
    store<u32>(shape, taken + 1, SHAPE_TAKEN);
    const stride = <usize> load<u32>(shape, SHAPE_ROWS) * 8;
    const columns = load<u32>(shape, SHAPE_COLUMNS);
    const cells = <usize> load<u32>(entry, ROW_CELLS);
    const reference = <usize> load<u32>(entry, ROW_REFERENCE);
    const target = <usize> load<u32>(entry, ROW_TARGET);
    const numbers = <usize> load<u32>(shape, SHAPE_NUMBERS) + <usize> taken * 8;
    if (load<u32>(shape, SHAPE_PLAIN) != 0) {
      givePlainRow(columns, cells, reference, target, numbers, stride);
    } else {
      const states = <usize> load<u32>(shape, SHAPE_STATES);
      giveMixedRow(states, columns, cells, reference, target, numbers, stride);
    }
  }
}

function givePlainRow(
  columns: u32,
  cells: usize,
  reference: usize,
  target: usize,
  numbers: usize,
  stride: usize,
): void {
  const end = cells + <usize> columns * 8;
  while (cells < end) {
    const value = load<i64>(reference) + unzigzag(load<u64>(numbers));
    store<i64>(cells, value);
    store<i64>(target, value);
    cells += 8;
    reference += 8;
    target += 8;
    numbers += stride;
  }
}

function giveMixedRow(
  state: usize,
  columns: u32,
  cells: usize,
  reference: usize,
  target: usize,
  numbers: usize,
  stride: usize,
): void {
  const end = cells + <usize> columns * 8;
  while (cells < end) {
    const kind = load<u8>(state, STATE_KIND);
    const number = load<u64>(numbers);
    let value = load<i64>(cells);
    if (kind == KIND_DECIMAL) {
      if (number != GIVEN) {
        const power = powerOf(load<u8>(state, STATE_EXPONENT));
        const integer = nearestInteger(load<f64>(reference), power) + unzigzag(number);
        value = reinterpret<i64>(<f64> integer / power);
      }
    } else if (kind == KIND_BOOL) {
      value = load<i64>(reference) ^ <i64> number;
    } else if (kind != KIND_BLOB) {
      value = load<i64>(reference) + unzigzag(number);
    }
    store<i64>(cells, value);
    store<i64>(target, value);
    cells += 8;
    state += 8;
    reference += 8;
    target += 8;
    numbers += stride;
  }
}
