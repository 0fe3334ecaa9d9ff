/** Work on columns: picking rows, filling them one by one, changing their kind. See result.ts for their form. */
import type { Column } from "./result.ts";

export type Kind = Column["kind"];
/** One value of a column; undefined: not there. Numbers stand for whole values that doubles hold as well. */
export type Cell = number | bigint | boolean | string | undefined;

/** Kinds in the order in which one is taken for a field that has several. */
const PREFERENCE: readonly Kind[] = ["float", "integer", "unsigned", "string", "boolean"];

export function preferredKind(kinds: Iterable<Kind>): Kind | undefined {
  let best = PREFERENCE.length;
  for (const kind of kinds) best = Math.min(best, PREFERENCE.indexOf(kind));
  return PREFERENCE[best];
}

export function isNumeric(kind: Kind): kind is "float" | "integer" | "unsigned" {
  return kind === "float" || kind === "integer" || kind === "unsigned";
}

export function hasValue(column: Column, index: number): boolean {
  if (column.kind === "string") return column.values[index] !== undefined;
  return column.present === undefined || column.present[index] !== 0;
}

export function cellAt(column: Column, index: number): Cell {
  if (!hasValue(column, index)) return undefined;
  const value = column.values[index]!;
  return column.kind === "boolean" ? value !== 0 : value;
}

/** The value as a double; only of columns of numbers and booleans. */
export function numbersOf(column: Column): Float64Array | Uint8Array {
  if (column.kind === "string") return new Float64Array(column.values.length);
  const { values } = column;
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    return doublesOf(values);
  }
  return values;
}

/** By halves: a BigInt for each value would take ten times as long. */
function doublesOf(values: BigInt64Array | BigUint64Array): Float64Array {
  const { buffer, byteOffset, length } = values;
  const low = new Uint32Array(buffer, byteOffset, 2 * length);
  const isSigned = values instanceof BigInt64Array;
  const high = isSigned ? new Int32Array(buffer, byteOffset, 2 * length) : low;
  const doubles = new Float64Array(length);
  for (let i = 0; i < length; i++) doubles[i] = high[2 * i + 1]! * 2 ** 32 + low[2 * i]!;
  return doubles;
}

/** Collects values into a column; where it ends up empty, all of it is missing. */
export class ColumnBuilder {
  readonly kind: Kind;
  readonly #cells: Cell[] = [];

  constructor(kind: Kind) {
    this.kind = kind;
  }

  push(cell: Cell): void {
    this.#cells.push(cell);
  }

  finish(): Column {
    return columnOf(this.kind, this.#cells);
  }
}

/** A column of these values, which are of its kind. Doubles that are not finite are left out. */
export function columnOf(kind: Kind, cells: readonly Cell[]): Column {
  const count = cells.length;
  if (kind === "string") {
    return { kind, values: cells.map((cell) => cell === undefined ? undefined : String(cell)) };
  }
  const present = new Uint8Array(count);
  if (kind === "boolean") {
    const values = new Uint8Array(count);
    cells.forEach((cell, i) => {
      if (cell === undefined) return;
      present[i] = 1;
      values[i] = cell ? 1 : 0;
    });
    return { kind, values, present };
  }
  const isWide = kind !== "float" && cells.some((cell) => typeof cell === "bigint");
  if (isWide) return wideColumn(kind, cells, present);
  const values = new Float64Array(count);
  cells.forEach((cell, i) => {
    if (cell === undefined || !Number.isFinite(Number(cell))) return;
    present[i] = 1;
    values[i] = Number(cell);
  });
  return { kind, values, present };
}

function wideColumn(
  kind: "integer" | "unsigned",
  cells: readonly Cell[],
  present: Uint8Array,
): Column {
  const values = new BigInt64Array(cells.length);
  cells.forEach((cell, i) => {
    if (cell === undefined) return;
    present[i] = 1;
    values[i] = BigInt(cell);
  });
  return kind === "integer"
    ? { kind, values, present }
    : { kind, values: new BigUint64Array(values.buffer), present };
}

/** A column of `count` missing values. */
export function missing(kind: Kind, count: number): Column {
  if (kind === "string") return { kind, values: new Array(count).fill(undefined) };
  const present = new Uint8Array(count);
  if (kind === "boolean") return { kind, values: new Uint8Array(count), present };
  return { kind, values: new Float64Array(count), present };
}

/** The rows `order` of a column; -1 stands for a missing value. */
export function gather(column: Column, order: Int32Array): Column {
  const count = order.length;
  if (column.kind === "string") {
    const values: (string | undefined)[] = new Array(count);
    for (let i = 0; i < count; i++) {
      values[i] = order[i]! < 0 ? undefined : column.values[order[i]!];
    }
    return { kind: "string", values };
  }
  const present = gatherPresent(column.present, order);
  const extra = present === undefined ? {} : { present };
  switch (column.kind) {
    case "boolean": {
      const values = new Uint8Array(count);
      for (let i = 0; i < count; i++) values[i] = order[i]! < 0 ? 0 : column.values[order[i]!]!;
      return { kind: column.kind, values, ...extra };
    }
    case "float":
      return { kind: column.kind, values: gatherDoubles(column.values, order), ...extra };
    case "integer": {
      const { values } = column;
      if (values instanceof Float64Array) {
        return { kind: column.kind, values: gatherDoubles(values, order), ...extra };
      }
      return {
        kind: column.kind,
        values: BigInt64Array.from(order, (at) => at < 0 ? 0n : values[at]!),
        ...extra,
      };
    }
    case "unsigned": {
      const { values } = column;
      if (values instanceof Float64Array) {
        return { kind: column.kind, values: gatherDoubles(values, order), ...extra };
      }
      return {
        kind: column.kind,
        values: BigUint64Array.from(order, (at) => at < 0 ? 0n : values[at]!),
        ...extra,
      };
    }
  }
}

/** Whether doubles that were whole numbers are still those. */
export function areWhole(doubles: Float64Array): boolean {
  let largest = 0;
  for (let i = 0; i < doubles.length; i++) largest = Math.max(largest, Math.abs(doubles[i]!));
  return largest <= Number.MAX_SAFE_INTEGER;
}

export function gatherDoubles(values: Float64Array, order: Int32Array): Float64Array {
  const picked = new Float64Array(order.length);
  for (let i = 0; i < order.length; i++) picked[i] = order[i]! < 0 ? 0 : values[order[i]!]!;
  return picked;
}

function gatherPresent(present: Uint8Array | undefined, order: Int32Array): Uint8Array | undefined {
  let isWhole = present === undefined;
  for (let i = 0; isWhole && i < order.length; i++) isWhole = order[i]! >= 0;
  if (isWhole) return undefined;
  const picked = new Uint8Array(order.length);
  for (let i = 0; i < order.length; i++) {
    picked[i] = order[i]! >= 0 && (present === undefined || present[order[i]!] !== 0) ? 1 : 0;
  }
  return picked;
}

/** Rows from <= i < to, without a copy where that can be. */
export function sliceColumn(column: Column, from: number, to: number): Column {
  if (column.kind === "string") {
    return { kind: "string", values: column.values.slice(from, to) };
  }
  const present = column.present?.subarray(from, to);
  const values = column.values.subarray(from, to);
  return { kind: column.kind, values, ...(present === undefined ? {} : { present }) } as Column;
}

/** One column after the other; all are of one kind. */
export function concatColumns(columns: readonly Column[]): Column {
  if (columns.length === 1) return columns[0]!;
  const count = columns.reduce((sum, column) => sum + column.values.length, 0);
  const kind = columns[0]!.kind;
  if (kind === "string") {
    return { kind, values: columns.flatMap((column) => column.values as (string | undefined)[]) };
  }
  const present = concatPresent(columns, count);
  const extra = present === undefined ? {} : { present };
  const isWide = columns.some(({ values }) =>
    values instanceof BigInt64Array || values instanceof BigUint64Array
  );
  if (isWide && kind !== "float" && kind !== "boolean") {
    return concatWide(kind, columns, { count, extra });
  }
  const values = kind === "boolean" ? new Uint8Array(count) : new Float64Array(count);
  let at = 0;
  for (const column of columns) {
    values.set(column.values as Float64Array, at);
    at += column.values.length;
  }
  return { kind, values, ...extra } as Column;
}

function concatPresent(columns: readonly Column[], count: number): Uint8Array | undefined {
  const isWhole = columns.every((column) =>
    column.kind === "string" || column.present === undefined
  );
  if (isWhole) return undefined;
  const present = new Uint8Array(count).fill(1);
  let at = 0;
  for (const column of columns) {
    if (column.kind !== "string" && column.present !== undefined) present.set(column.present, at);
    at += column.values.length;
  }
  return present;
}

function concatWide(
  kind: "integer" | "unsigned",
  columns: readonly Column[],
  { count, extra }: { readonly count: number; readonly extra: { present?: Uint8Array } },
): Column {
  const values = new BigInt64Array(count);
  let at = 0;
  for (const column of columns) {
    for (let i = 0; i < column.values.length; i++) {
      values[at++] = BigInt(column.values[i] as number | bigint);
    }
  }
  return kind === "integer"
    ? { kind, values, ...extra }
    : { kind, values: new BigUint64Array(values.buffer), ...extra };
}

/** The column as one of another kind: numbers turn into each other, all else is missing. */
export function castColumn(column: Column, kind: Kind): Column {
  if (column.kind === kind) return column;
  const count = column.values.length;
  if (!isNumeric(column.kind) || !isNumeric(kind)) return missing(kind, count);
  const { present } = column as { present?: Uint8Array };
  const extra = present === undefined ? {} : { present };
  if (kind === "float") {
    return { kind, values: Float64Array.from(numbersOf(column) as Float64Array), ...extra };
  }
  if (column.kind === "float") {
    return columnOf(
      kind,
      Array.from(
        column.values,
        (value, i) =>
          hasValue(column, i) && Number.isFinite(value) ? wholeOf(value, kind) : undefined,
      ),
    );
  }
  const { values } = column;
  if (values instanceof Float64Array) return { kind, values, ...extra } as Column;
  const bits = values as BigInt64Array | BigUint64Array;
  return (kind === "integer"
    ? { kind, values: new BigInt64Array(bits.buffer, bits.byteOffset, count), ...extra }
    : {
      kind,
      values: new BigUint64Array(bits.buffer, bits.byteOffset, count),
      ...extra,
    }) as Column;
}

/** A double truncated to a whole number of the kind. */
export function wholeOf(value: number, kind: "integer" | "unsigned"): number | bigint {
  const whole = Math.trunc(value);
  if (Number.isSafeInteger(whole)) return whole;
  const wide = BigInt(whole);
  return kind === "integer" ? BigInt.asIntN(64, wide) : BigInt.asUintN(64, wide);
}

/** A whole number in its cheapest form. */
export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
