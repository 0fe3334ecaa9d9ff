import { expect, test } from "bun:test";
import { evaluate, type Given } from "./support.ts";

const WIDE = 2n ** 60n;

test.each<{ name: string; given: Given; rows: number[][] }>([
  { name: "no rows", given: { values: [] }, rows: [] },
  { name: "the first of each value", given: { values: [3, 1, 3, 2, 1] }, rows: [[0, 1, 3]] },
  {
    name: "of equal times by value",
    given: { values: [3, 1, 2, 1], times: [5, 5, 6, 6] },
    rows: [[1, 0, 2]],
  },
  {
    name: "each bucket by itself",
    given: { values: [1, 1, 1], times: [0, 1, 10], every: 10 },
    rows: [[0], [2]],
  },
  { name: "texts", given: { kind: "string", values: ["b", "a", "b"] }, rows: [[0, 1]] },
  { name: "booleans", given: { kind: "boolean", values: [true, true, false] }, rows: [[0, 2]] },
  {
    name: "wide values that one double stands for",
    given: { kind: "integer", values: [WIDE, WIDE + 1n, WIDE] },
    rows: [[0, 1]],
  },
  { name: "both zeros are one value", given: { values: [0, -0] }, rows: [[0]] },
])("distinct: $name", ({ given, rows }) => {
  expect(evaluate("distinct", given)).toEqual(rows);
  expect(evaluate("count_distinct", given)).toEqual(rows.map((each) => each.length));
});

test.each<{ name: string; given: Given; cells: unknown[] }>([
  { name: "no rows", given: { values: [] }, cells: [] },
  { name: "the most frequent", given: { values: [1, 2, 2, 3] }, cells: [2] },
  { name: "of equally frequent ones the earliest", given: { values: [2, 1, 1, 2] }, cells: [2] },
  {
    name: "of those that are as early the larger",
    given: { values: [1, 2, 2, 1], times: [5, 5, 6, 7] },
    cells: [2],
  },
  { name: "the least where each is there once", given: { values: [3, 1, 2] }, cells: [1] },
  {
    name: "the least text where each is there once",
    given: { kind: "string", values: ["\u{1f600}", "\uffff"] },
    cells: ["\uffff"],
  },
  {
    name: "true where it is half",
    given: { kind: "boolean", values: [false, true] },
    cells: [true],
  },
  {
    name: "false where there are more",
    given: { kind: "boolean", values: [false, true, false] },
    cells: [false],
  },
  {
    name: "each bucket by itself",
    given: { values: [1, 1, 2, 2, 1], times: [0, 1, 2, 10, 11], every: 10 },
    cells: [1, 1],
  },
  {
    name: "wide values",
    given: { kind: "unsigned", values: [WIDE, WIDE + 1n, WIDE + 1n] },
    cells: [WIDE + 1n],
  },
])("mode: $name", ({ given, cells }) => {
  expect(evaluate("mode", given)).toEqual(cells);
});
