import { expect, test } from "bun:test";
import { array, assert, bigInt, constantFrom, property } from "fast-check";
import { narrow } from "../../../src/influxql/values/columns.ts";
import { type Given, transform } from "./support.ts";

const ERA = 2n ** 52n;
const MAX = 2n ** 63n - 1n;

test.each<{ name: string; function: string; given: Given; points: unknown[] }>([
  { name: "no rows", function: "derivative", given: { values: [] }, points: [] },
  { name: "one row", function: "derivative", given: { values: [1] }, points: [] },
  {
    name: "by the unit",
    function: "derivative",
    given: { values: [1, 3, 0], times: [0, 4, 10], args: [10n] },
    points: [[4, 5], [10, -5]],
  },
  {
    name: "rows that do not change the time are skipped",
    function: "derivative",
    given: { values: [1, 9, 3, 5], times: [0, 0, 1, 1] },
    points: [[1, 2]],
  },
  {
    name: "whole numbers give doubles",
    function: "derivative",
    given: { kind: "integer", values: [1, 2], times: [0, 2] },
    points: [[2, 0.5]],
  },
  {
    name: "wide whole numbers",
    function: "derivative",
    given: { kind: "integer", values: [2n ** 60n, 2n ** 60n + 1n, 2n ** 60n - 1n] },
    points: [[1, 1], [2, -2]],
  },
  {
    name: "unsigned numbers may get less",
    function: "derivative",
    given: { kind: "unsigned", values: [5, 3] },
    points: [[1, -2]],
  },
  {
    name: "over the border of an era",
    function: "derivative",
    given: { values: [1, 2], times: [ERA - 1n, ERA + 1n] },
    points: [[ERA + 1n, 0.5]],
  },
  {
    name: "backwards in time",
    function: "derivative",
    given: { values: [5, 3], times: [10, 8] },
    points: [[8, -1]],
  },
  {
    name: "what gets less is left out",
    function: "non_negative_derivative",
    given: { values: [1, 3, 2, 2, 5] },
    points: [[1, 2], [3, 0], [4, 3]],
  },
  { name: "no rows", function: "difference", given: { values: [] }, points: [] },
  {
    name: "doubles",
    function: "difference",
    given: { values: [1, 3.5, 2] },
    points: [[1, 2.5], [2, -1.5]],
  },
  {
    name: "rows that do not change the time are skipped",
    function: "difference",
    given: { kind: "integer", values: [1, 9, 3], times: [0, 0, 1] },
    points: [[1, 2]],
  },
  {
    name: "beyond doubles there is none",
    function: "difference",
    given: { values: [-1e308, 1e308] },
    points: [[1, undefined]],
  },
  {
    name: "beyond 2^53",
    function: "difference",
    given: { kind: "integer", values: [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] },
    points: [[1, 2n ** 54n - 2n]],
  },
  {
    name: "unsigned numbers wrap",
    function: "difference",
    given: { kind: "unsigned", values: [2, 1, 5] },
    points: [[1, 2n ** 64n - 1n], [2, 4n]],
  },
  {
    name: "what gets less is left out",
    function: "non_negative_difference",
    given: { kind: "unsigned", values: [2, 1, 5] },
    points: [[2, 4n]],
  },
  {
    name: "wide values that get less are left out",
    function: "non_negative_difference",
    given: { kind: "integer", values: [2n ** 60n, 2n ** 60n - 1n, 2n ** 60n] },
    points: [[2, 1]],
  },
  {
    name: "what has wrapped to less than nothing is left out",
    function: "non_negative_difference",
    given: { kind: "integer", values: [-(2n ** 62n) - 1n, 2n ** 62n, 2n ** 62n + 5n] },
    points: [[2, 5n]],
  },
])("$function: $name", ({ function: name, given, points }) => {
  expect(transform(name, given)).toEqual(points as never);
});

test("differences of whole numbers are those of 64-bit arithmetic", () => {
  const wide = bigInt({ min: -MAX - 1n, max: MAX });
  const safe = bigInt({ min: -(2n ** 53n) + 1n, max: 2n ** 53n - 1n });
  assert(property(constantFrom(wide, safe).chain((each) => array(each)), (values) => {
    const expected = values.slice(1).map((value, i) => BigInt.asIntN(64, value - values[i]!));
    const found = transform("difference", { kind: "integer", values: values.map(narrow) });
    expect(found.map(([, value]) => BigInt(value as bigint))).toEqual(expected);
  }));
});
