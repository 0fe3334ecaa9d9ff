import { expect, test } from "bun:test";
import { array, assert, bigInt, constantFrom, property } from "fast-check";
import { cellsOf, evaluate, type Given } from "./support.ts";
import { columnOf, concatColumns, narrow } from "../../../src/influxql/values/columns.ts";

const MAX = 2n ** 63n - 1n;

test.each<{ name: string; function: string; given: Given; cells: unknown[] }>([
  { name: "no rows", function: "sum", given: { values: [] }, cells: [] },
  { name: "no rows to count", function: "count", given: { values: [] }, cells: [] },
  { name: "all rows", function: "count", given: { values: [1, 2, 3] }, cells: [3] },
  {
    name: "rows of strings",
    function: "count",
    given: { kind: "string", values: ["a", "a"] },
    cells: [2],
  },
  {
    name: "each bucket by itself",
    function: "count",
    given: { values: [1, 2, 3], times: [0, 9, 20], every: 10 },
    cells: [2, 1],
  },
  {
    name: "doubles in their order",
    function: "sum",
    given: { values: [1e16, 1, -1e16] },
    cells: [0],
  },
  {
    name: "more than doubles hold",
    function: "sum",
    given: { values: [1e308, 1e308, 2], times: [0, 1, 10], every: 10 },
    cells: [undefined, 2],
  },
  {
    name: "beyond 2^53",
    function: "sum",
    given: { kind: "integer", values: [Number.MAX_SAFE_INTEGER, 1, 1] },
    cells: [2n ** 53n + 1n],
  },
  {
    name: "beyond 2^53 and back",
    function: "sum",
    given: { kind: "integer", values: [Number.MAX_SAFE_INTEGER, 2, -2, -1] },
    cells: [Number.MAX_SAFE_INTEGER - 1],
  },
  {
    name: "beyond 2^63 it wraps",
    function: "sum",
    given: { kind: "integer", values: [MAX, 2] },
    cells: [-MAX],
  },
  {
    name: "unsigned beyond 2^64 it wraps",
    function: "sum",
    given: { kind: "unsigned", values: [2n ** 64n - 1n, 3] },
    cells: [2],
  },
  { name: "doubles", function: "mean", given: { values: [1, 2, 4.5] }, cells: [2.5] },
  {
    name: "whole numbers give a double",
    function: "mean",
    given: { kind: "integer", values: [1, 2] },
    cells: [1.5],
  },
  {
    name: "large whole numbers",
    function: "mean",
    given: { kind: "unsigned", values: [2n ** 63n, 2n ** 62n] },
    cells: [0.75 * 2 ** 63],
  },
])("$function: $name", ({ function: name, given, cells }) => {
  expect(evaluate(name, given)).toEqual(cells);
});

test("sums of whole numbers are those of 64-bit arithmetic", () => {
  const wide = bigInt({ min: -MAX - 1n, max: MAX });
  const safe = bigInt({ min: -(2n ** 53n) + 1n, max: 2n ** 53n - 1n });
  assert(property(constantFrom(wide, safe).chain((each) => array(each)), (values) => {
    const exact = BigInt.asIntN(64, values.reduce((sum, value) => sum + value, 0n));
    const [sum] = evaluate("sum", { kind: "integer", values: values.map(narrow) });
    expect(values.length === 0 ? sum : BigInt(sum as bigint)).toBe(
      values.length === 0 ? undefined : exact,
    );
  }));
});

test("columns of several parts keep their wide values", () => {
  const parts = [columnOf("integer", [1, 2]), columnOf("integer", [MAX])];
  expect(cellsOf(concatColumns(parts))).toEqual([1n, 2n, MAX]);
});
