import { expect, test } from "bun:test";
import { array, assert, integer, property } from "fast-check";
import { evaluate, type Given } from "./support.ts";

const S = 1_000_000_000n;
const ERA = 2n ** 52n;

test.each<{ name: string; given: Given; cells: unknown[] }>([
  { name: "no rows", given: { values: [] }, cells: [] },
  { name: "one row has no area", given: { values: [5], times: [S] }, cells: [0] },
  {
    name: "trapezoids by seconds",
    given: { values: [1, 3, 3], times: [0n, S, 3n * S] },
    cells: [8],
  },
  {
    name: "trapezoids by another unit",
    given: { values: [1, 3, 3], times: [0n, S, 3n * S], args: [2n * S] },
    cells: [4],
  },
  {
    name: "of equal times the last",
    given: { values: [1, 9, 3], times: [0n, 0n, S] },
    cells: [6],
  },
  {
    name: "cut at the edges of buckets",
    given: { values: [0, 20], times: [5n * S, 15n * S], every: 10n * S },
    cells: [25, 75],
  },
  {
    name: "whole numbers, cut alike",
    given: { kind: "integer", values: [0, 20], times: [5n * S, 15n * S], every: 10n * S },
    cells: [25, 75],
  },
  {
    name: "a value at the edge",
    given: { values: [1, 1, 1], times: [0n, 10n * S, 15n * S], every: 10n * S },
    cells: [10, 5],
  },
  {
    name: "the area over empty buckets counts for the next",
    given: { values: [1, 1], times: [0n, 35n * S], every: 10n * S },
    cells: [10, 25],
  },
  {
    name: "a last bucket with nothing but its start has none",
    given: { values: [1, 1], times: [0n, 10n * S], every: 10n * S },
    cells: [10, undefined],
  },
  {
    name: "over the border of an era",
    given: { values: [2, 2], times: [ERA - S, ERA + S] },
    cells: [4],
  },
  { name: "before 1970", given: { values: [2, 2], times: [-3n * S, -S] }, cells: [4] },
])("integral: $name", ({ given, cells }) => {
  expect(evaluate("integral", given)).toEqual(cells);
});

test("the areas of buckets add up to the whole one", () => {
  const step = integer({ min: 1, max: 40 });
  assert(property(array(step, { minLength: 2 }), (steps) => {
    let time = 0;
    const times = steps.map((each) => time += each);
    // What leads to a row at an edge is lost where that is the last one.
    if (time % 10 === 0) times[times.length - 1]!++;
    const given: Given = { values: steps, times, args: [1n] };
    const [whole] = evaluate("integral", given) as [number];
    const parts = evaluate("integral", { ...given, every: 10 }) as (number | undefined)[];
    expect(parts.reduce<number>((sum, part) => sum + (part ?? 0), 0)).toBeCloseTo(whole, 6);
  }));
});
