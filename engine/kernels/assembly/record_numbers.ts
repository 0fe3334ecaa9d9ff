/** The numbers of a record's value columns, from the values of its rows; record_read.ts has the reverse. */
import {
  KIND_BITS,
  KIND_BLOB,
  KIND_BOOL,
  KIND_DECIMAL,
  SHAPE_COLUMNS,
  SHAPE_LIST,
  SHAPE_NUMBERS,
  SHAPE_PLAIN,
  SHAPE_ROWS,
  SHAPE_STATES,
  SHAPE_TAKEN,
  SHAPE_USED_NEXT,
  STATE_EXCEPTIONS,
  STATE_EXPONENT,
  STATE_FAMILY,
  STATE_KIND,
} from "./record_bases";
import { equalBytes } from "./bytes";
import {
  chooseExponent,
  decimalOf,
  nearestInteger,
  NO_DECIMAL,
  powerOf,
  storeDecimals,
} from "./record_decimals";
import {
  ROW_BYTES,
  ROW_CELLS,
  ROW_REFERENCE,
  ROW_SHAPE,
  ROW_TARGET,
  rowEntries,
  usedShapes,
} from "./record_rows";

/** Small numbers of either sign as small numbers. */
export function zigzag(value: i64): i64 {
  return (value << 1) ^ (value >> 63);
}

/** Chooses the exponents of all columns of doubles and stores their integers among the numbers. */
export function takeDecimals(): void {
  for (let shape = usedShapes(); shape != 0; shape = load<u32>(shape, SHAPE_USED_NEXT)) {
    if (load<u32>(shape, SHAPE_PLAIN) != 0) continue;
    const rows = load<u32>(shape, SHAPE_ROWS);
    const list = <usize> load<u32>(shape, SHAPE_LIST);
    let numbers = <usize> load<u32>(shape, SHAPE_NUMBERS);
    let state = <usize> load<u32>(shape, SHAPE_STATES);
    for (let c: u32 = 0; c < load<u32>(shape, SHAPE_COLUMNS); c++) {
      if (load<u8>(state, STATE_FAMILY) == 1) takeDecimalColumn(state, list, rows, c * 8, numbers);
      state += 8;
      numbers += <usize> rows * 8;
    }
  }
}

function takeDecimalColumn(
  state: usize,
  list: usize,
  rows: u32,
  offset: u32,
  numbers: usize,
): void {
  const exponent = chooseExponent(list, rows, offset);
  store<u8>(state, exponent < 0 ? KIND_BITS : KIND_DECIMAL, STATE_KIND);
  if (exponent < 0) return;
  const power = powerOf(exponent);
  const most: u32 = 1 + (rows >> 2);
  const end = list + <usize> rows * 4;
  let exceptions: u32 = 0;
  while (list + 4 < end) {
    const first = load<f64>(<usize> load<u32>(list) + offset);
    const second = load<f64>(<usize> load<u32>(list, 4) + offset);
    exceptions += storeDecimals(first, second, power, numbers);
    if (exceptions > most) break;
    list += 8;
    numbers += 16;
  }
  if (list < end && exceptions <= most) {
    const integer = decimalOf(load<f64>(<usize> load<u32>(list) + offset), power);
    store<i64>(numbers, integer);
    if (integer == NO_DECIMAL) exceptions++;
  }
  if (exceptions > most) {
    store<u8>(state, KIND_BITS, STATE_KIND);
    return;
  }
  store<u8>(state, <u8> exponent, STATE_EXPONENT);
  store<u32>(state, exceptions, STATE_EXCEPTIONS);
}

/** Turns the values of all `rows` rows, in their order, into numbers: what they differ from their references. */
export function takeNumbers(rows: u32): void {
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
      takePlainRow(columns, cells, reference, target, numbers, stride);
    } else {
      const states = <usize> load<u32>(shape, SHAPE_STATES);
      takeMixedRow(states, columns, cells, reference, target, numbers, stride);
    }
  }
}

function takePlainRow(
  columns: u32,
  cells: usize,
  reference: usize,
  target: usize,
  numbers: usize,
  stride: usize,
): void {
  const end = cells + <usize> columns * 8;
  while (cells < end) {
    const value = load<i64>(cells);
    store<i64>(numbers, zigzag(value - load<i64>(reference)));
    store<i64>(target, value);
    cells += 8;
    reference += 8;
    target += 8;
    numbers += stride;
  }
}

function takeMixedRow(
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
    const value = load<i64>(cells);
    const kind = load<u8>(state, STATE_KIND);
    if (kind == KIND_DECIMAL) {
      const integer = load<i64>(numbers);
      const power = powerOf(load<u8>(state, STATE_EXPONENT));
      const before = nearestInteger(load<f64>(reference), power);
      store<i64>(numbers, integer == NO_DECIMAL ? 0 : zigzag(integer - before));
    } else if (kind == KIND_BOOL) {
      store<i64>(numbers, value ^ load<i64>(reference));
    } else if (kind != KIND_BLOB) {
      store<i64>(numbers, zigzag(value - load<i64>(reference)));
    }
    store<i64>(target, value);
    cells += 8;
    state += 8;
    reference += 8;
    target += 8;
    numbers += stride;
  }
}

/** Numbers of a column of blobs: 0 for the bytes of the row before, else their length + 1. */
export function takeLengths(list: usize, rows: u32, offset: u32, numbers: usize): void {
  let before: usize = 0;
  let bytesBefore: u32 = 0;
  for (let j: usize = 0; j < <usize> rows; j++) {
    const cell = <usize> load<u32>(list + j * 4) + offset;
    const blob = <usize> load<u32>(cell);
    const bytes = load<u32>(cell, 4);
    const same = j > 0 && bytes == bytesBefore && (bytes == 0 || equalBytes(blob, before, bytes));
    store<u64>(numbers + j * 8, same ? 0 : <u64> bytes + 1);
    before = blob;
    bytesBefore = bytes;
  }
}
