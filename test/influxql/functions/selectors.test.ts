import { expect, test } from "bun:test";
import { type Given, rowsOf } from "./support.ts";

const ERA = 2n ** 52n;

test.each<{ name: string; function: string; given: Given; rows: number[] }>([
  { name: "no rows", function: "max", given: { values: [] }, rows: [] },
  {
    name: "the earliest of equal values",
    function: "max",
    given: { values: [1, 3, 3] },
    rows: [1],
  },
  {
    name: "the earliest of equal values",
    function: "min",
    given: { values: [3, 1, 1] },
    rows: [1],
  },
  {
    name: "each bucket by itself",
    function: "min",
    given: { values: [3, 1, 2, 5], times: [0, 5, 10, 11], every: 10 },
    rows: [1, 2],
  },
  {
    name: "false is less than true",
    function: "min",
    given: { kind: "boolean", values: [true, false, false] },
    rows: [1],
  },
  {
    name: "wide values that one double stands for",
    function: "max",
    given: { kind: "integer", values: [2n ** 60n, 2n ** 60n + 1n, -(2n ** 63n)] },
    rows: [1],
  },
  {
    name: "wide unsigned values",
    function: "max",
    given: { kind: "unsigned", values: [2n ** 63n, 2n ** 63n - 1n] },
    rows: [0],
  },
  {
    name: "wide values below 0",
    function: "min",
    given: { kind: "integer", values: [-(2n ** 60n), -(2n ** 60n) - 1n, 5] },
    rows: [1],
  },
  {
    name: "of equal times the larger value",
    function: "first",
    given: { values: [1, 3, 2, 9], times: [5, 5, 5, 6] },
    rows: [1],
  },
  {
    name: "of equal times the larger value",
    function: "last",
    given: { values: [9, 1, 3, 3], times: [4, 5, 5, 5] },
    rows: [2],
  },
  {
    name: "of equal times the larger text",
    function: "last",
    given: { kind: "string", values: ["a", "\u{1f600}", "\uffff"], times: [5, 5, 5] },
    rows: [1],
  },
  {
    name: "of equal times false before true",
    function: "first",
    given: { kind: "boolean", values: [true, false], times: [5, 5] },
    rows: [1],
  },
  {
    name: "of equal times true after false",
    function: "last",
    given: { kind: "boolean", values: [true, false], times: [5, 5] },
    rows: [0],
  },
  {
    name: "offsets that are equal in two eras are no equal times",
    function: "last",
    given: { values: [9, 1], times: [5n, ERA + 5n] },
    rows: [1],
  },
])("$function: $name", ({ function: name, given, rows }) => {
  expect(rowsOf(name, given)).toEqual(rows);
});
