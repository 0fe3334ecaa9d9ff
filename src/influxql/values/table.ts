/**
 * Rows of fields: what is read of one series, and of all series of a group merged by time.
 *
 * Invariants
 * - Times ascend; rows of one series have different times, those of several may share one.
 * - `columns` stand in the order in which the fields were asked for.
 */
import { type Column } from "./result.ts";
import { concatColumns, gather, hasValue, type Kind, missing, sliceColumn } from "./columns.ts";
import {
  areEqual,
  compareAt,
  gatherInstants,
  type Instants,
  makeInstants,
  sliceInstants,
} from "./instants.ts";

export interface Table {
  readonly count: number;
  readonly times: Instants;
  readonly columns: readonly Column[];
}

export interface GroupTable extends Table {
  /** Position in the group of the series that each row is of. */
  readonly series: Int32Array;
}

/** One field of a series. */
export interface Points {
  readonly times: Instants;
  readonly column: Column;
}

/** Joins fields of one series into rows; undefined stands for a field that the series does not have. */
export function joinFields(fields: readonly (Points | undefined)[], kinds: readonly Kind[]): Table {
  const held = fields.filter((field) => field !== undefined);
  const first = held[0];
  if (first === undefined) {
    return { count: 0, times: makeInstants(0), columns: kinds.map((kind) => missing(kind, 0)) };
  }
  const areAligned = held.every(({ times }) => areEqual(times, first.times));
  const times = areAligned ? first.times : unionOf(held.map((field) => field.times));
  const count = times.eras.length;
  const columns = fields.map((field, i) => {
    if (field === undefined) return missing(kinds[i]!, count);
    return areAligned ? field.column : gather(field.column, positionsIn(times, field.times));
  });
  return { count, times, columns };
}

/** All times of ascending columns, each once. */
function unionOf(columns: readonly Instants[]): Instants {
  return columns.reduce((left, right) => {
    const union = makeInstants(left.eras.length + right.eras.length);
    let [i, j, count] = [0, 0, 0];
    while (i < left.eras.length || j < right.eras.length) {
      const order = i === left.eras.length
        ? 1
        : j === right.eras.length
        ? -1
        : left.eras[i]! - right.eras[j]! || left.offsets[i]! - right.offsets[j]!;
      union.eras[count] = order <= 0 ? left.eras[i]! : right.eras[j]!;
      union.offsets[count++] = order <= 0 ? left.offsets[i]! : right.offsets[j]!;
      if (order <= 0) i++;
      if (order >= 0) j++;
    }
    return { eras: union.eras.subarray(0, count), offsets: union.offsets.subarray(0, count) };
  });
}

/** For each time of `all` its position in `some`, a part of it; -1 where it is not. */
function positionsIn(all: Instants, some: Instants): Int32Array {
  const positions = new Int32Array(all.eras.length).fill(-1);
  for (let i = 0, j = 0; j < some.eras.length; i++) {
    if (all.offsets[i] === some.offsets[j] && all.eras[i] === some.eras[j]) positions[i] = j++;
  }
  return positions;
}

/** The rows of a table that a mask holds. */
export function filterRows(table: Table, mask: Uint8Array): Table {
  let count = 0;
  for (let i = 0; i < table.count; i++) count += mask[i] === 0 ? 0 : 1;
  if (count === table.count) return table;
  const order = new Int32Array(count);
  for (let i = 0, at = 0; i < table.count; i++) if (mask[i] !== 0) order[at++] = i;
  return pickRows(table, order);
}

export function pickRows(table: Table, order: Int32Array): Table {
  return {
    count: order.length,
    times: gatherInstants(table.times, order),
    columns: table.columns.map((column) => gather(column, order)),
  };
}

/** Which rows have a value in at least one of the columns. */
export function rowsWithValues(table: Table, columns: readonly number[]): Uint8Array {
  const mask = new Uint8Array(table.count);
  for (const index of columns) {
    const column = table.columns[index]!;
    if (column.kind !== "string" && column.present === undefined) return mask.fill(1);
    for (let i = 0; i < table.count; i++) if (hasValue(column, i)) mask[i] = 1;
  }
  return mask;
}

/** Merges the tables of a group's series by time; rows with equal times stay in the order of the series. */
export function mergeTables(tables: readonly Table[], series: readonly number[]): GroupTable {
  if (tables.length === 1) {
    const [table] = tables as [Table];
    return { ...table, series: new Int32Array(table.count).fill(series[0]!) };
  }
  const count = tables.reduce((sum, table) => sum + table.count, 0);
  const times = makeInstants(count);
  const owners = new Int32Array(count);
  const starts: number[] = [];
  let at = 0;
  tables.forEach((table, i) => {
    starts.push(at);
    times.eras.set(table.times.eras, at);
    times.offsets.set(table.times.offsets, at);
    owners.fill(series[i]!, at, at + table.count);
    at += table.count;
  });
  starts.push(count);
  const columns = tables[0]!.columns.map((_, i) =>
    concatColumns(tables.map((table) => table.columns[i]!))
  );
  // So do slices of time, and series that follow each other.
  if (areInOrder(times, starts)) return { count, times, columns, series: owners };
  const order = mergeRuns(times, starts);
  return {
    count,
    times: gatherInstants(times, order),
    columns: columns.map((column) => gather(column, order)),
    series: order.map((row) => owners[row]!),
  };
}

/** Whether each of some ascending runs begins where the one before it has ended. */
function areInOrder(times: Instants, starts: readonly number[]): boolean {
  return starts.every((start, run) =>
    run === 0 || start >= times.eras.length || compareAt(times, start - 1, times, start) <= 0
  );
}

/** Order of rows that lie in ascending runs; equal ones in the order of the runs. */
function mergeRuns({ eras, offsets }: Instants, starts: number[]): Int32Array {
  const count = eras.length;
  let source = new Int32Array(count).map((_, i) => i);
  let target = new Int32Array(count);
  while (starts.length > 2) {
    const merged: number[] = [0];
    for (let run = 0; run + 1 < starts.length; run += 2) {
      const middle = starts[run + 1]!;
      const end = starts[run + 2] ?? middle;
      let left = starts[run]!;
      let right = middle;
      for (let at = left; at < end; at++) {
        let takesLeft = right >= end;
        if (!takesLeft && left < middle) {
          const a = source[left]!;
          const b = source[right]!;
          takesLeft = (eras[a]! - eras[b]! || offsets[a]! - offsets[b]!) <= 0;
        }
        target[at] = source[takesLeft ? left++ : right++]!;
      }
      merged.push(end);
    }
    [source, target] = [target, source];
    starts = merged;
  }
  return source;
}

export function concatInstants(columns: readonly Instants[]): Instants {
  const all = makeInstants(columns.reduce((sum, { eras }) => sum + eras.length, 0));
  let at = 0;
  for (const { eras, offsets } of columns) {
    all.eras.set(eras, at);
    all.offsets.set(offsets, at);
    at += eras.length;
  }
  return all;
}

/** Rows from <= row < to, without a copy where that can be. */
export function sliceTable(table: Table, from: number, to: number): Table {
  if (from === 0 && to === table.count) return table;
  return {
    count: to - from,
    times: sliceInstants(table.times, from, to),
    columns: table.columns.map((column) => sliceColumn(column, from, to)),
  };
}

/** The last row first. */
export function reversedOrder(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, row) => count - 1 - row);
}

/** One table after the other; all have the same columns. */
export function concatTables(tables: readonly Table[]): Table {
  const [first] = tables as [Table];
  if (tables.length === 1) return first;
  return {
    count: tables.reduce((sum, { count }) => sum + count, 0),
    times: concatInstants(tables.map(({ times }) => times)),
    columns: first.columns.map((_, at) => concatColumns(tables.map(({ columns }) => columns[at]!))),
  };
}
