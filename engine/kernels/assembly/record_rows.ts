/**
 * The rows of a log record as writer and reader walk them, and the scratch they share.
 *
 *   row entry, 16 bytes: 0 u32 reference: the values it counts from   4 u32 target: where its values go
 *                        8 u32 shape                                 12 u32 cells: address of its values in the batch
 *
 * What is foretold of a row, by the row before it (in this record or an earlier one of the epoch):
 * - its source: the one that followed last time, else the next id;
 * - its shape: the one in which that source followed, else the source's newest, else that of the row before;
 * - its time: the base's time plus its step (plus the step of the row before while it has none of its own), else the time
 *   of the row before.
 */
import {
  addBase,
  BASE_ROWS,
  BASE_SHAPE,
  BASE_SOURCE,
  BASE_STEP,
  BASE_SUCCESSOR,
  BASE_TIME,
  BASE_VALUES,
  beginEpoch,
  findBase,
  newestShape,
  SHAPE_COLUMNS,
  SHAPE_LIST,
  SHAPE_NEWEST,
  SHAPE_NUMBERS,
  SHAPE_ROWS,
  SHAPE_STAMP,
  SHAPE_TAKEN,
  SHAPE_USED_NEXT,
  SHAPE_VALUES,
} from "./record_bases";
import { alloc, free, TAG_SCRATCH } from "./memory";
import { SOURCE_ID } from "./series_table";

export const ROW_REFERENCE: usize = 0;
export const ROW_TARGET: usize = 4;
export const ROW_SHAPE: usize = 8;
export const ROW_CELLS: usize = 12;
export const ROW_BYTES: u32 = 16;

/** Columns of numbers that all rows have, 8 bytes a row: source, shape, time by base, time by the row before. */
export let rowEntries: usize = 0;
export let sourceNumbers: usize = 0;
export let shapeNumbers: usize = 0;
export let baseTimes: usize = 0;
export let previousTimes: usize = 0;
/** u32 a row: addresses of the rows' cells, those of one shape together. */
export let rowLists: usize = 0;
/** u64 a cell: the numbers of the value columns. */
export let cellNumbers: usize = 0;
let rowCapacity: u32 = 0;
let cellCapacity: u32 = 0;

// The row before.
let lastSource: u32 = 0;
let lastBase: usize = 0;
let lastShape: usize = 0;
let lastTime: i64 = 0;
let lastStep: i64 = 0;
// What is foretold of the row at hand.
let foretoldBase: usize = 0;
let rowBase: usize = 0;

let stamp: u32 = 0;
let firstUsed: usize = 0;
let lastUsed: usize = 0;

/** Makes room for a record's rows and cells. */
export function reserveRows(rows: u32, cells: u32): void {
  if (rows > rowCapacity) {
    if (rowEntries != 0) free(rowEntries, TAG_SCRATCH);
    rowCapacity = max<u32>(1024, rows + (rows >> 2));
    rowEntries = alloc(rowCapacity * (ROW_BYTES + 36), TAG_SCRATCH);
    sourceNumbers = rowEntries + rowCapacity * ROW_BYTES;
    shapeNumbers = sourceNumbers + rowCapacity * 8;
    baseTimes = shapeNumbers + rowCapacity * 8;
    previousTimes = baseTimes + rowCapacity * 8;
    rowLists = previousTimes + rowCapacity * 8;
  }
  if (cells > cellCapacity) {
    if (cellNumbers != 0) free(cellNumbers, TAG_SCRATCH);
    cellCapacity = max<u32>(4096, cells + (cells >> 2));
    cellNumbers = alloc(cellCapacity * 8, TAG_SCRATCH);
  }
}

/** Forgets everything earlier records have left. */
export function restartRows(): void {
  beginEpoch();
  lastSource = 0;
  lastBase = 0;
  lastShape = 0;
  lastTime = 0;
  lastStep = 0;
}

/** Begins a record: no shape is used yet. */
export function beginRecord(): void {
  stamp++;
  firstUsed = 0;
  lastUsed = 0;
}

/** Shapes the record uses, in the order of their first use; SHAPE_USED_NEXT leads on. */
export function usedShapes(): usize {
  return firstUsed;
}

/** Id of the source foretold. */
export function foretellSource(): u32 {
  foretoldBase = lastBase != 0 ? <usize> load<u32>(lastBase, BASE_SUCCESSOR) : 0;
  if (foretoldBase != 0) {
    return load<u32>(<usize> load<u32>(foretoldBase, BASE_SOURCE), SOURCE_ID);
  }
  return lastSource + 1;
}

/** The shape foretold of a row of this source, 0 when there is none. Asks foretellSource first. */
export function foretellShape(source: usize): usize {
  if (foretoldBase != 0) {
    if (load<u32>(foretoldBase, BASE_SOURCE) == <u32> source) {
      return load<u32>(foretoldBase, BASE_SHAPE);
    }
    foretoldBase = 0;
  }
  const newest = newestShape(source);
  return newest != 0 ? newest : lastShape;
}

/** The time foretold of a row of this source and shape. Asks foretellShape first. */
export function foretellTime(source: usize, shape: usize): i64 {
  rowBase = foretoldBase != 0 && load<u32>(foretoldBase, BASE_SHAPE) == <u32> shape
    ? foretoldBase
    : findBase(source, shape);
  if (rowBase == 0) return lastTime;
  const step = load<u32>(rowBase, BASE_ROWS) > 1 ? load<i64>(rowBase, BASE_STEP) : lastStep;
  return load<i64>(rowBase, BASE_TIME) + step;
}

/** Time of the row before. */
export function previousTime(): i64 {
  return lastTime;
}

/** Ends the row's turn: notes where its values count from and go to, and what it foretells. */
export function settleRow(
  entry: usize,
  source: usize,
  shape: usize,
  time: i64,
  cells: usize,
): void {
  let base = rowBase;
  let target = shape + SHAPE_VALUES;
  if (base != 0) {
    target = base + BASE_VALUES;
    store<u32>(entry, <u32> target, ROW_REFERENCE);
    lastStep = time - load<i64>(base, BASE_TIME);
    store<i64>(base, lastStep, BASE_STEP);
    store<u32>(base, 2, BASE_ROWS);
    store<i64>(base, time, BASE_TIME);
  } else {
    store<u32>(entry, load<u32>(shape, SHAPE_NEWEST), ROW_REFERENCE);
    base = addBase(source, shape);
    if (base != 0) {
      target = base + BASE_VALUES;
      store<u32>(base, 1, BASE_ROWS);
      store<i64>(base, time, BASE_TIME);
    }
  }
  store<u32>(entry, <u32> target, ROW_TARGET);
  store<u32>(entry, <u32> shape, ROW_SHAPE);
  store<u32>(entry, <u32> cells, ROW_CELLS);
  store<u32>(shape, <u32> target, SHAPE_NEWEST);
  if (lastBase != 0 && base != 0) store<u32>(lastBase, <u32> base, BASE_SUCCESSOR);
  lastSource = load<u32>(source, SOURCE_ID);
  lastBase = base;
  lastShape = shape;
  lastTime = time;
  if (load<u32>(shape, SHAPE_STAMP) != stamp) useShape(shape);
  store<u32>(shape, load<u32>(shape, SHAPE_ROWS) + 1, SHAPE_ROWS);
}

function useShape(shape: usize): void {
  store<u32>(shape, stamp, SHAPE_STAMP);
  store<u32>(shape, 0, SHAPE_ROWS);
  store<u32>(shape, 0, SHAPE_TAKEN);
  store<u32>(shape, 0, SHAPE_USED_NEXT);
  if (lastUsed != 0) store<u32>(lastUsed, <u32> shape, SHAPE_USED_NEXT);
  else firstUsed = shape;
  lastUsed = shape;
}

/** Deals the rows out to their shapes: lists of their cells, and room for the numbers of their columns. */
export function dealRows(rows: u32): void {
  let list = rowLists;
  let numbers = cellNumbers;
  for (let shape = firstUsed; shape != 0; shape = load<u32>(shape, SHAPE_USED_NEXT)) {
    const count = load<u32>(shape, SHAPE_ROWS);
    store<u32>(shape, <u32> list, SHAPE_LIST);
    store<u32>(shape, <u32> numbers, SHAPE_NUMBERS);
    list += <usize> count * 4;
    numbers += <usize> count * load<u32>(shape, SHAPE_COLUMNS) * 8;
  }
  const end = rowEntries + <usize> rows * ROW_BYTES;
  for (let entry = rowEntries; entry < end; entry += ROW_BYTES) {
    const shape = <usize> load<u32>(entry, ROW_SHAPE);
    const taken = load<u32>(shape, SHAPE_TAKEN);
    store<u32>(
      <usize> load<u32>(shape, SHAPE_LIST) + <usize> taken * 4,
      load<u32>(entry, ROW_CELLS),
    );
    store<u32>(shape, taken + 1, SHAPE_TAKEN);
  }
  for (let shape = firstUsed; shape != 0; shape = load<u32>(shape, SHAPE_USED_NEXT)) {
    store<u32>(shape, 0, SHAPE_TAKEN);
  }
}
