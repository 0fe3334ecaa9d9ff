import { expect, test } from "bun:test";
import { array, assert, bigInt, constantFrom, integer, property } from "fast-check";
import { narrow } from "../../../src/influxql/values/columns.ts";
import { type Given, transform } from "./support.ts";

const ERA = 2n ** 52n;
const MAX = 2n ** 63n - 1n;
const WIDE = bigInt({ min: -MAX - 1n, max: MAX });
const SAFE = bigInt({ min: -(2n ** 53n) + 1n, max: 2n ** 53n - 1n });

test.each<{ name: string; function: string; given: Given; points: unknown[] }>([
  { name: "no rows", function: "cumulative_sum", given: { values: [] }, points: [] },
  {
    name: "rows with equal times all count",
    function: "cumulative_sum",
    given: { values: [1, 2.5, 3], times: [0, 0, 1] },
    points: [[0, 1], [0, 3.5], [1, 6.5]],
  },
  {
    name: "unsigned numbers beyond 2^53",
    function: "cumulative_sum",
    given: { kind: "unsigned", values: [Number.MAX_SAFE_INTEGER, 1, 1] },
    points: [[0, 2n ** 53n - 1n], [1, 2n ** 53n], [2, 2n ** 53n + 1n]],
  },
  {
    name: "too few rows",
    function: "moving_average",
    given: { values: [1], args: [2] },
    points: [],
  },
  {
    name: "begins with the n-th row",
    function: "moving_average",
    given: { values: [1, 2, 6, 10], args: [3] },
    points: [[2, 3], [3, 6]],
  },
  {
    name: "whole numbers give doubles",
    function: "moving_average",
    given: { kind: "integer", values: [1, 2], args: [2] },
    points: [[1, 1.5]],
  },
  { name: "no rows", function: "elapsed", given: { values: [] }, points: [] },
  {
    name: "nanoseconds",
    function: "elapsed",
    given: { kind: "string", values: ["a", "b", "c"], times: [1, 4, 4] },
    points: [[4, 3], [4, 0]],
  },
  {
    name: "whole units",
    function: "elapsed",
    given: { kind: "boolean", values: [true, true], times: [1, 30], args: [10n] },
    points: [[30, 2]],
  },
  {
    name: "backwards in time",
    function: "elapsed",
    given: { values: [1, 1, 1], times: [30, 1, 0], args: [10n] },
    points: [[1, -2], [0, 0]],
  },
  {
    name: "longer than doubles count",
    function: "elapsed",
    given: { values: [1, 1], times: [5n, 4n * ERA + 6n] },
    points: [[4n * ERA + 6n, 4n * ERA + 1n]],
  },
  {
    name: "longer than doubles count in larger units",
    function: "elapsed",
    given: { values: [1, 1], times: [-ERA * 3n, ERA * 3n - 1n], args: [ERA] },
    points: [[ERA * 3n - 1n, 5]],
  },
  {
    name: "a quotient just below a whole number",
    function: "elapsed",
    given: { values: [1, 1], times: [0n, ERA - 1n], args: [ERA / 2n] },
    points: [[ERA - 1n, 1]],
  },
])("$function: $name", ({ function: name, given, points }) => {
  expect(transform(name, given)).toEqual(points as never);
});

test("cumulative sums of whole numbers are those of 64-bit arithmetic", () => {
  assert(property(constantFrom(WIDE, SAFE).chain((each) => array(each)), (values) => {
    let sum = 0n;
    const expected = values.map((value) => sum = BigInt.asIntN(64, sum + value));
    const found = transform("cumulative_sum", { kind: "integer", values: values.map(narrow) });
    expect(found.map(([, value]) => BigInt(value as bigint))).toEqual(expected);
  }));
});

test("moving averages of whole numbers are of sums that wrap at 64 bits", () => {
  const numbers = constantFrom(WIDE, SAFE).chain((each) => array(each));
  assert(property(numbers, integer({ min: 2, max: 5 }), (values, size) => {
    const expected = values.slice(size - 1).map((_, i) => {
      const sum = values.slice(i, i + size).reduce((left, right) => left + right, 0n);
      return Number(BigInt.asIntN(64, sum)) / size;
    });
    const given: Given = { kind: "integer", values: values.map(narrow), args: [size] };
    expect(transform("moving_average", given).map(([, value]) => value)).toEqual(expected);
  }));
});
