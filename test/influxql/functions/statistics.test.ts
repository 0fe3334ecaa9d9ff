import { expect, test } from "bun:test";
import { array, assert, bigInt, double, integer, property } from "fast-check";
import { narrow, numbersOf } from "../../../src/influxql/values/columns.ts";
import type { Column } from "../../../src/influxql/values/result.ts";
import { evaluate, type Given, rowsOf } from "./support.ts";

const MAX = 2n ** 63n - 1n;

test.each<{ name: string; function: string; given: Given; cells: unknown[] }>([
  { name: "no rows", function: "median", given: { values: [] }, cells: [] },
  { name: "one value", function: "median", given: { values: [7] }, cells: [7] },
  { name: "the middle value", function: "median", given: { values: [9, 1, 5] }, cells: [5] },
  { name: "between two", function: "median", given: { values: [10, 9, 1, 2] }, cells: [5.5] },
  {
    name: "between two whole numbers",
    function: "median",
    given: { kind: "integer", values: [1, 2] },
    cells: [1.5],
  },
  {
    name: "wide values",
    function: "median",
    given: { kind: "integer", values: [2n ** 62n, -(2n ** 62n), 2n ** 61n] },
    cells: [2 ** 61],
  },
  {
    name: "each bucket by itself",
    function: "median",
    given: { values: [3, 1, 9], times: [0, 1, 10], every: 10 },
    cells: [2, 9],
  },
  { name: "one value has none", function: "stddev", given: { values: [7] }, cells: [undefined] },
  {
    name: "of a sample",
    function: "stddev",
    given: { values: [2, 4, 4, 6] },
    cells: [Math.sqrt(8 / 3)],
  },
  { name: "equal values", function: "stddev", given: { values: [0.1, 0.1] }, cells: [0] },
  {
    name: "whole numbers",
    function: "stddev",
    given: { kind: "integer", values: [1, 3] },
    cells: [Math.SQRT2],
  },
  { name: "doubles", function: "spread", given: { values: [1.5, -2, 4] }, cells: [6] },
  {
    name: "whole numbers beyond 2^53",
    function: "spread",
    given: { kind: "integer", values: [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] },
    cells: [2n ** 54n - 2n],
  },
  {
    name: "wraps at 64 bits",
    function: "spread",
    given: { kind: "integer", values: [-MAX - 1n, MAX] },
    cells: [-1],
  },
  {
    name: "unsigned",
    function: "spread",
    given: { kind: "unsigned", values: [2n ** 64n - 1n, 1] },
    cells: [2n ** 64n - 2n],
  },
])("$function: $name", ({ function: name, given, cells }) => {
  expect(evaluate(name, given)).toEqual(cells);
});

test.each<{ name: string; values: (number | bigint)[]; percent: number; rows: number[] }>([
  { name: "no rows", values: [], percent: 50, rows: [] },
  { name: "the nearest rank", values: [30, 10, 20, 40], percent: 50, rows: [2] },
  { name: "rounded up from a half", values: [30, 10, 20, 40], percent: 62.5, rows: [0] },
  { name: "rounded down below a half", values: [30, 10, 20, 40], percent: 62, rows: [2] },
  { name: "the last rank", values: [30, 10, 20, 40], percent: 100, rows: [3] },
  { name: "0 has no rank", values: [30, 10, 20, 40], percent: 0, rows: [-1] },
  { name: "beyond 100 there is none", values: [1, 2, 3], percent: 150, rows: [-1] },
  { name: "below 0 there is none", values: [1, 2, 3], percent: -50, rows: [-1] },
  { name: "too few values for a rank", values: [1], percent: 40, rows: [-1] },
  {
    name: "of equal values the one whose turn it is",
    values: [5, 1, 5, 5],
    percent: 75,
    rows: [2],
  },
])("percentile: $name", ({ values, percent, rows }) => {
  const given: Given = { values, args: [percent] };
  expect(rowsOf("percentile", given)).toEqual(rows);
  const wide = values.map((value) => 2n ** 60n + BigInt(value));
  expect(rowsOf("percentile", { ...given, kind: "integer", values: wide })).toEqual(rows);
});

test("the median of doubles is the middle of the sorted ones", () => {
  const value = double({ noNaN: true, min: -1e300, max: 1e300 });
  assert(property(array(value, { minLength: 1 }), (values) => {
    const sorted = values.toSorted((a, b) => a - b);
    const [low, high] = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!];
    const expected = low + (high - low) / 2;
    // Zeros of either sign are one.
    expect(Number(evaluate("median", { values })[0]) + 0).toBe(expected + 0);
  }));
});

test("the percentile of wide whole numbers is one of the sorted ones", () => {
  const value = bigInt({ min: -MAX - 1n, max: MAX });
  assert(property(array(value, { minLength: 1 }), integer({ min: 1, max: 100 }), (values, n) => {
    const sorted = BigInt64Array.from(values).sort();
    const expected = sorted[Math.floor(values.length * n / 100 + 0.5) - 1];
    const given: Given = { kind: "integer", values: values.map(narrow), args: [n] };
    const [found] = evaluate("percentile", given);
    expect(found === undefined ? undefined : BigInt(found as bigint)).toBe(expected);
  }));
});

test("wide whole numbers turn into the nearest doubles", () => {
  assert(property(array(bigInt({ min: 0n, max: 2n ** 64n - 1n })), (values) => {
    const unsigned: Column = { kind: "unsigned", values: BigUint64Array.from(values) };
    expect([...numbersOf(unsigned)]).toEqual(values.map(Number));
    const integers = BigInt64Array.from(values);
    expect([...numbersOf({ kind: "integer", values: integers })]).toEqual(
      Array.from(integers, Number),
    );
  }));
});
