import { expect, test } from "bun:test";
import { array, assert, constantFrom, integer, nat, property } from "fast-check";
import { evaluate, type Given } from "./support.ts";

test.each<{ name: string; function: string; given: Given; rows: number[][] }>([
  { name: "no rows", function: "top", given: { values: [], args: [2] }, rows: [] },
  {
    name: "in the order of times",
    function: "top",
    given: { values: [7, 3, 9, 1], args: [2] },
    rows: [[0, 2]],
  },
  {
    name: "of equal values the earliest",
    function: "top",
    given: { values: [5, 5, 5, 1], args: [2] },
    rows: [[0, 1]],
  },
  {
    name: "of equal times the best first",
    function: "top",
    given: { values: [5, 7, 6], times: [1, 1, 1], args: [3] },
    rows: [[1, 2, 0]],
  },
  {
    name: "of equal times the best first",
    function: "bottom",
    given: { values: [5, 7, 4], times: [1, 1, 1], args: [2] },
    rows: [[2, 0]],
  },
  {
    name: "more than there are",
    function: "bottom",
    given: { values: [2, 1], args: [10] },
    rows: [[0, 1]],
  },
  {
    name: "each bucket by itself",
    function: "bottom",
    given: { values: [2, 1, 5, 6], times: [0, 1, 10, 11], every: 10, args: [1] },
    rows: [[1], [2]],
  },
  {
    name: "one of each set of tags",
    function: "top",
    given: { values: [9, 8, 1, 7], tagSets: [0, 0, 1, 2], args: [2] },
    rows: [[0, 3]],
  },
  {
    name: "one of each set of tags, fewer than asked for",
    function: "bottom",
    given: { values: [9, 8, 8, 7], tagSets: [0, 0, 0, 1], args: [5] },
    rows: [[1, 3]],
  },
  {
    name: "wide values",
    function: "top",
    given: { kind: "integer", values: [2n ** 60n, 2n ** 60n + 1n, 5], args: [1] },
    rows: [[1]],
  },
])("$function: $name", ({ function: name, given, rows }) => {
  expect(evaluate(name, given)).toEqual(rows);
});

test("top and bottom are the ends of the sorted rows", () => {
  const sign = constantFrom(1, -1);
  assert(property(array(nat(20)), integer({ min: 1, max: 9 }), sign, (values, n, sign) => {
    const rows = values.map((_, i) => i)
      .sort((a, b) => sign * (values[b]! - values[a]!) || a - b)
      .slice(0, n).sort((a, b) => a - b);
    const found = evaluate(sign > 0 ? "top" : "bottom", { values, args: [n] });
    expect(found).toEqual(values.length === 0 ? [] : [rows]);
  }));
});

test("a sample holds different rows in the order of times", () => {
  const random = array(integer({ min: 0, max: 999 }), { minLength: 1 });
  assert(property(nat(50), integer({ min: 1, max: 9 }), random, (count, n, numbers) => {
    let at = 0;
    const values = Array.from({ length: count }, (_, i) => i);
    const next = () => numbers[at++ % numbers.length]! / 1000;
    const [rows = []] = evaluate("sample", { values, args: [n], random: next }) as [number[]?];
    expect(rows).toHaveLength(Math.min(count, n));
    expect(rows).toEqual([...new Set(rows)].sort((a, b) => a - b));
  }));
});

test("every row may be in a sample, the last as well", () => {
  const given: Given = { values: [1, 2, 3], args: [1] };
  expect(evaluate("sample", { ...given, random: () => 0 })).toEqual([[2]]);
  expect(evaluate("sample", { ...given, random: () => 0.999 })).toEqual([[0]]);
});
