/** Quantiles by selection are those of sorted numbers. */
import { expect, test } from "bun:test";
import { quantileBySelection, quantileOfSorted, sortNumbers } from "../../src/promql/quantile.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const QUANTILES = [0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.999, 1];

function expectSame(values: readonly number[]): void {
  const sorted = sortNumbers(Float64Array.from(values));
  for (const q of QUANTILES) {
    const scratch = Float64Array.from([...values, -1e9, NaN]);
    expect(quantileBySelection(q, scratch, values.length)).toBe(quantileOfSorted(q, sorted));
  }
}

test.each([
  ["one", [3]],
  ["two", [5, 3]],
  ["equal", [2, 2, 2, 2, 2, 2]],
  ["ascending", [1, 2, 3, 4, 5, 6, 7, 8]],
  ["descending", [8, 7, 6, 5, 4, 3, 2, 1]],
  ["infinities", [Infinity, 1, -Infinity, 2, Infinity]],
  ["NaN among them", [4, NaN, 1, NaN, 3]],
  ["only NaN", [NaN, NaN]],
  ["one NaN, one number", [NaN, 7]],
])("%s", (_, values) => expectSame(values));

test("random numbers with many equal ones, and NaN", () => {
  const random = new SeededRandom(11);
  for (let round = 0; round < 300; round++) {
    const spread = random.below(100) + 1;
    expectSame(Array.from({ length: random.below(200) + 1 }, () => {
      const value = random.below(spread);
      return value === 17 ? NaN : value;
    }));
  }
});

test("no values have no quantile", () => {
  expect(quantileBySelection(0.5, new Float64Array(4), 0)).toBeNaN();
});
