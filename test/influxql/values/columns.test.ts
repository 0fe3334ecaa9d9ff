import { describe, expect, test } from "bun:test";
import {
  castColumn,
  type Cell,
  cellAt,
  columnOf,
  concatColumns,
  gather,
  type Kind,
  missing,
  narrow,
  preferredKind,
  sliceColumn,
} from "../../../src/influxql/values/columns.ts";
import type { Column } from "../../../src/influxql/values/result.ts";

const WIDE = 2n ** 60n + 1n;

function cells(column: Column): Cell[] {
  return Array.from({ length: column.values.length }, (_, row) => cellAt(column, row));
}

const SAMPLES: readonly (readonly [Kind, readonly Cell[]])[] = [
  ["float", [1.5, undefined, -2]],
  ["integer", [1, undefined, 3]],
  ["integer", [WIDE, undefined, -3n]],
  ["unsigned", [2n ** 64n - 1n, undefined, 0n]],
  ["boolean", [true, undefined, false]],
  ["string", ["a", undefined, ""]],
];

test.each(SAMPLES)("%s columns hold what they are made of", (kind, values) => {
  expect(cells(columnOf(kind, values))).toEqual([...values]);
});

test.each(SAMPLES)("%s columns can be picked from, cut and put together", (kind, values) => {
  const column = columnOf(kind, values);
  expect(cells(gather(column, Int32Array.of(2, -1, 0, 1)))).toEqual([
    values[2],
    undefined,
    values[0],
    undefined,
  ]);
  expect(cells(sliceColumn(column, 1, 3))).toEqual(values.slice(1));
  expect(cells(concatColumns([column, missing(kind, 1), column]))).toEqual([
    ...values,
    undefined,
    ...values,
  ]);
});

test("doubles that are not finite are missing", () => {
  expect(cells(columnOf("float", [NaN, Infinity, 1]))).toEqual([undefined, undefined, 1]);
});

test("whole numbers of both widths stand in one column", () => {
  const both = concatColumns([columnOf("integer", [1, undefined]), columnOf("integer", [WIDE])]);
  expect(cells(both)).toEqual([1n, undefined, WIDE]);
});

describe("casts", () => {
  test.each<[string, Kind, Cell[], Kind, Cell[]]>([
    ["doubles are truncated", "float", [1.9, -1.9, undefined], "integer", [1, -1, undefined]],
    ["large doubles stay whole", "float", [2 ** 60], "integer", [2n ** 60n]],
    ["whole numbers become doubles", "integer", [3, WIDE], "float", [3, Number(WIDE)]],
    ["negative ones wrap", "integer", [-1n, WIDE], "unsigned", [2n ** 64n - 1n, WIDE]],
    ["texts give nothing", "string", ["1"], "float", [undefined]],
    ["booleans give nothing", "boolean", [true], "integer", [undefined]],
    ["numbers are no texts", "float", [1], "string", [undefined]],
  ])("%s", (_, kind, values, to, expected) => {
    expect(cells(castColumn(columnOf(kind, values), to))).toEqual(expected);
  });
});

test("of several kinds of a field one is taken", () => {
  expect(preferredKind(["string", "integer", "float"])).toBe("float");
  expect(preferredKind(["boolean", "string"])).toBe("string");
  expect(preferredKind([])).toBeUndefined();
});

test("whole numbers are kept in their cheapest form", () => {
  expect([narrow(5n), narrow(WIDE)]).toEqual([5, WIDE]);
});
