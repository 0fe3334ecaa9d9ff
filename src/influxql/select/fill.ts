/** fill: the buckets of GROUP BY time that hold no point. */
import type { Fill } from "../language/ast.ts";
import {
  type Cell,
  cellAt,
  columnOf,
  gather,
  hasValue,
  isNumeric,
  type Kind,
  wholeOf,
} from "../values/columns.ts";
import { compareAt, gatherInstants, type Instants, nsAt, nsBetween } from "../values/instants.ts";
import type { Column } from "../values/result.ts";
import { concatInstants } from "../values/table.ts";
import { type Bounds, TIME_MIN_NS } from "../expressions/time_range.ts";
import { modulo, type Windows } from "../values/windows.ts";

export interface FillSettings {
  readonly fill: Fill;
  readonly windows: Windows;
  readonly bounds: Bounds;
  readonly descending: boolean;
  /** Of the function that gave the values: what is not there was counted as nothing. */
  readonly isCount: boolean;
  /** Throws where there would be too many. */
  readonly checkBuckets: (buckets: number) => void;
}

interface FilledRows {
  readonly times: Instants;
  /** Where each row was before; -1: it was made. */
  readonly order: Int32Array;
}

export interface Filled extends Pick<FilledRows, "times"> {
  readonly column: Column;
  /** Undefined: there were no gaps. */
  readonly order: Int32Array | undefined;
}

/** Fills the gaps between values at the starts of buckets, ascending and one for each at most. */
export function fillRows(times: Instants, column: Column, settings: FillSettings): Filled {
  const starts = startsFrom(times, settings);
  if (starts === undefined) return { times, column, order: undefined };
  const rows = filledRows(times, starts, settings.descending);
  const gathered = gather(column, rows.order);
  return {
    times: rows.times,
    column: fillColumn(gathered, rows, settings),
    order: rows.order,
  };
}

/**
 * All buckets of the range; those from the first value on where it has no lower bound, or where it is the last in order.
 * Undefined: there is a value for each of them.
 */
function startsFrom(
  times: Instants,
  { windows, bounds, descending, checkBuckets }: FillSettings,
): Instants | undefined {
  const ownFirst = nsAt(times, 0);
  const boundFirst = bounds.min === TIME_MIN_NS ? ownFirst : windows.startOf(bounds.min);
  const first = descending && ownFirst < boundFirst ? ownFirst : boundFirst;
  const ownLast = nsAt(times, times.eras.length - 1);
  const boundLast = windows.startOf(bounds.max);
  const least = descending ? first : ownLast;
  const last = boundLast > least ? boundLast : least;
  const buckets = Number((last - first) / windows.every) + 1;
  checkBuckets(buckets);
  const areThere = windows.isUniform && first === ownFirst && last === ownLast &&
    buckets === times.eras.length;
  if (areThere) return undefined;
  return windows.startsBetween(first, last);
}

/**
 * Rows of values and of buckets without one, in the order of their times. A value of a subquery's bucket that comes before
 * the range, in the order of the answer, stands for the next bucket that would have been made, as in InfluxDB.
 */
function filledRows(times: Instants, starts: Instants, descending: boolean): FilledRows {
  const values = times.eras.length;
  const buckets = starts.eras.length;
  const order = new Int32Array(values + buckets).fill(-1);
  const places = new Int32Array(values + buckets);
  const sign = descending ? -1 : 1;
  let count = 0;
  // Whether all values are at starts.
  let arePlaced = true;
  for (let row = 0, bucket = 0; row < values || bucket < buckets; bucket++, count++) {
    const value = descending ? values - 1 - row : row;
    const start = descending ? buckets - 1 - bucket : bucket;
    const distance = row < values && bucket < buckets
      ? sign * compareAt(times, value, starts, start)
      : 0;
    const isValue = row < values && distance <= 0;
    if (bucket >= buckets || (isValue && distance < 0)) arePlaced = false;
    places[count] = isValue ? value : values + start;
    if (!isValue) continue;
    order[count] = value;
    row++;
  }
  const [kept, from] = [order.subarray(0, count), places.subarray(0, count)];
  if (descending) [kept, from].forEach((each) => each.reverse());
  if (arePlaced) return { times: starts, order: kept };
  return { times: gatherInstants(concatInstants([times, starts]), from), order: kept };
}

function fillColumn(column: Column, rows: FilledRows, settings: FillSettings): Column {
  const { fill, descending, isCount } = settings;
  const { order } = rows;
  switch (fill.kind) {
    case "number":
      return withNumber(column, fill.value, (row) => order[row]! < 0);
    case "previous":
      return carried(column, order, descending);
    case "linear":
      return isNumeric(column.kind) ? linear(column, column.kind, rows, settings) : column;
    default:
      return isCount ? withNumber(column, 0, (row) => order[row]! < 0) : column;
  }
}

/** The column with a number in the rows that are told. */
export function withNumber(
  column: Column,
  number: number | bigint,
  isMissing: (row: number) => boolean,
): Column {
  const cell = cellOf(number, column.kind);
  const { values } = column;
  if (typeof cell === "number" && values instanceof Float64Array) {
    const numbers = values.slice();
    const present = new Uint8Array(numbers.length);
    for (let row = 0; row < numbers.length; row++) {
      const isMade = isMissing(row);
      if (isMade) numbers[row] = cell;
      present[row] = isMade || hasValue(column, row) ? 1 : 0;
    }
    return { kind: column.kind, values: numbers, present } as Column;
  }
  const cells: Cell[] = [];
  for (let row = 0; row < values.length; row++) {
    cells.push(isMissing(row) ? cell : cellAt(column, row));
  }
  return columnOf(column.kind, cells);
}

/** The number in the kind of a column; texts and booleans get what stands for nothing. */
function cellOf(number: number | bigint, kind: Kind): Cell {
  switch (kind) {
    case "float":
      return Number(number);
    case "integer":
    case "unsigned":
      return typeof number === "bigint" ? number : wholeOf(number, kind);
    case "string":
      return "";
    case "boolean":
      return false;
  }
}

/** Rows that were made take the value of the row before them, which is the later one in descending order. */
function carried(column: Column, order: Int32Array, descending: boolean): Column {
  const count = order.length;
  const from = new Int32Array(count);
  let last = -1;
  for (let i = 0; i < count; i++) {
    const row = descending ? count - 1 - i : i;
    if (order[row]! >= 0) last = row;
    from[row] = last;
  }
  return gather(column, from);
}

/**
 * Between two values, on a line from the one that comes first in the answer to the other: over the numbers of the buckets,
 * as InfluxDB has it, and not over their times.
 */
function linear(
  column: Column,
  kind: "float" | "integer" | "unsigned",
  { times, order }: FilledRows,
  { windows, descending }: Pick<FillSettings, "windows" | "descending">,
): Column {
  const cells: Cell[] = Array.from(order, (_, row) => cellAt(column, row));
  const every = Number(windows.every);
  const phase = order.length === 0 ? 0 : Number(modulo(nsAt(times, 0), windows.every));
  const numberOf = (row: number) => Math.floor((nsBetween(times, 0, row) + phase) / every);
  let before = -1;
  for (let row = 0; row < order.length; row++) {
    if (order[row]! < 0) continue;
    const isRun = before >= 0 && row - before > 1;
    if (isRun && hasValue(column, before) && hasValue(column, row)) {
      const [base, end] = descending ? [row, before] : [before, row];
      const [start, first] = [Number(cells[base]), numberOf(base)];
      const slope = (Number(cells[end]) - start) / (numberOf(end) - first || 1);
      for (let i = before + 1; i < row; i++) {
        const value = slope * (numberOf(i) - first) + start;
        cells[i] = kind === "float" ? value : wholeOf(value, kind);
      }
    }
    before = row;
  }
  return columnOf(kind, cells);
}
