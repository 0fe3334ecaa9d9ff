import { expect, test } from "bun:test";
import fc from "fast-check";
import { KBest } from "../../src/promql/k_best.ts";

test.each([
  { largest: true, values: [1, 3, 2], k: 2, best: [1, 2] },
  { largest: false, values: [1, 3, 2], k: 2, best: [0, 2] },
  { largest: true, values: [NaN, 1, NaN], k: 2, best: [1, 0] },
  { largest: false, values: [NaN, 1, NaN], k: 2, best: [1, 0] },
  { largest: true, values: [5, 5, 5], k: 2, best: [0, 1] },
  { largest: true, values: [1, 1, 2], k: 2, best: [2, 1] },
  { largest: true, values: [1], k: 0, best: [] },
])("$k of $values, largest $largest", ({ largest, values, k, best }) => {
  const heap = new KBest(k, largest);
  values.forEach((value, index) => heap.offer(value, index));
  expect(heap.bestFirst()).toEqual([...best]);
});

test("keeps the same values as sorting all", () => {
  const settings = fc.record({
    values: fc.array(fc.double({ noNaN: true })),
    k: fc.nat(20),
    largest: fc.boolean(),
  });
  fc.assert(fc.property(settings, ({ values, k, largest }) => {
    const heap = new KBest(k, largest);
    values.forEach((value, index) => heap.offer(value, index));
    const sorted = Float64Array.from(values).sort();
    const expected = largest ? [...sorted].reverse().slice(0, k) : [...sorted].slice(0, k);
    expect(heap.bestFirst().map((index) => values[index]! + 0)).toEqual(
      expected.map((value) => value + 0),
    );
  }));
});
