import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  histogramFraction,
  histogramQuantile,
  histogramText,
  histogramVariance,
  trimHistogram,
} from "../../src/promql/histogram_statistics.ts";
import { isClose } from "../support/promql_cases.ts";
import { parseHistogram } from "../support/promql_series.ts";

const MIXED = parseHistogram(
  "{{count:20 sum:10 z_bucket:2 z_bucket_w:0.001 buckets:[4 6 3] n_buckets:[1 4]}}",
);
const CUSTOM = parseHistogram(
  "{{schema:-53 count:10 sum:50 custom_values:[-5 0 10] buckets:[1 2 3 4]}}",
);

describe("histogramQuantile", () => {
  test.each([
    { q: -0.1, value: -Infinity },
    { q: 1.1, value: Infinity },
    { q: NaN, value: NaN },
    { q: 0, value: -2 },
    { q: 1, value: 4 },
    { q: 0.3, value: 0 },
  ])("q $q", ({ q, value }) => {
    expect(isClose(histogramQuantile(q, MIXED).value, value)).toBe(true);
  });

  test("of nothing is NaN", () => {
    expect(histogramQuantile(0.5, parseHistogram("{{}}")).value).toBeNaN();
  });

  test("in the outer custom buckets is their finite bound", () => {
    expect(histogramQuantile(0.05, CUSTOM).value).toBe(-5);
    expect(histogramQuantile(0.99, CUSTOM).value).toBe(10);
  });

  test("of observations in no bucket is zero", () => {
    expect(histogramQuantile(0.5, parseHistogram("{{count:4 sum:2}}")).value).toBe(0);
    expect(histogramQuantile(0, parseHistogram("{{count:4 sum:2}}")).value).toBeNaN();
  });

  test("in an outer custom bucket is its bound, whatever NaN observations there are", () => {
    const custom = "{{schema:-53 count:10 sum:NaN custom_values:[-5 0 10] buckets:[4 0 0 4]}}";
    const bound = (value: number) => ({ value, nanEffect: "none" as const });
    expect(histogramQuantile(0.2, parseHistogram(custom))).toEqual(bound(-5));
    expect(histogramQuantile(0.95, parseHistogram(custom))).toEqual(bound(10));
  });

  test("ascends with q and is the inverse of the fraction below", () => {
    fc.assert(fc.property(fc.double({ min: 0.01, max: 0.99, noNaN: true }), (q) => {
      const { value } = histogramQuantile(q, MIXED);
      expect(histogramFraction(-Infinity, value, MIXED).value).toBeCloseTo(q, 6);
      expect(histogramQuantile(q + 0.005, MIXED).value).toBeGreaterThanOrEqual(value);
    }));
  });

  test("tells what NaN observations did", () => {
    const withNan = parseHistogram("{{count:10 sum:NaN buckets:[6]}}");
    expect(histogramQuantile(0.9, withNan)).toEqual({ value: NaN, nanEffect: "nan" });
    expect(histogramQuantile(0.5, withNan).nanEffect).toBe("skewed");
    expect(histogramFraction(0, 2, withNan)).toEqual({ value: 0.6, nanEffect: "excluded" });
  });
});

describe("histogramFraction", () => {
  test.each([
    { lower: 5, upper: 1, value: 0 },
    { lower: NaN, upper: 1, value: NaN },
    { lower: -Infinity, upper: Infinity, value: 1 },
    { lower: 1, upper: 2, value: 0.3 },
    { lower: -0.001, upper: 0.001, value: 0.1 },
  ])("from $lower to $upper", ({ lower, upper, value }) => {
    expect(isClose(histogramFraction(lower, upper, MIXED).value, value)).toBe(true);
  });
});

describe("trims of buckets without end", () => {
  const POSITIVE = "{{schema:-53 count:101 sum:7 custom_values:[5] buckets:[1 100]}}";
  const NEGATIVE = "{{schema:-53 count:5 sum:-30 custom_values:[-5] buckets:[5]}}";
  const SINGLE = "{{schema:-53 count:9 sum:3 buckets:[9]}}";

  test.each(
    [
      // What is below 5 counts as lying above 0, but is not known to where the bound is negative.
      { histogram: POSITIVE, keep: "above", bound: -10, count: 100, sum: 500 },
      { histogram: POSITIVE, keep: "above", bound: 0, count: 101, sum: 7 },
      { histogram: POSITIVE, keep: "above", bound: -Infinity, count: 101, sum: 7 },
      { histogram: POSITIVE, keep: "below", bound: 0, count: 0, sum: 0 },
      { histogram: POSITIVE, keep: "above", bound: 10, count: 100, sum: 1000 },
      // A bucket that stays whole is no reason to estimate the sum.
      { histogram: NEGATIVE, keep: "below", bound: -7, count: 5, sum: -30 },
      { histogram: NEGATIVE, keep: "above", bound: -7, count: 0, sum: 0 },
      { histogram: SINGLE, keep: "above", bound: 2, count: 0, sum: 0 },
      { histogram: SINGLE, keep: "above", bound: -Infinity, count: 9, sum: 3 },
      { histogram: SINGLE, keep: "below", bound: Infinity, count: 9, sum: 3 },
      { histogram: SINGLE, keep: "below", bound: 2, count: 0, sum: 0 },
      { histogram: "{{count:3 sum:0 z_bucket:3}}", keep: "below", bound: 0, count: 0, sum: 0 },
      { histogram: "{{count:3 sum:0 z_bucket:3}}", keep: "above", bound: 0, count: 3, sum: 0 },
    ] as const,
  )("$histogram $keep $bound", ({ histogram, keep, bound, count, sum }) => {
    expect(trimHistogram(parseHistogram(histogram), keep, bound)).toMatchObject({ count, sum });
  });
});

test("what is trimmed below and above a bound adds up to the whole", () => {
  const bounds = fc.double({ min: -3, max: 5, noNaN: true });
  fc.assert(fc.property(fc.constantFrom(MIXED, CUSTOM), bounds, (histogram, bound) => {
    // The +Inf bucket goes where the bound falls into it.
    const below = trimHistogram(histogram, "below", bound);
    const above = trimHistogram(histogram, "above", bound);
    expect(below.count + above.count).toBeCloseTo(histogram.count, 6);
  }));
});

test("a bound outside of all observations leaves the histogram as it was", () => {
  expect(trimHistogram(MIXED, "below", 100)).toBe(MIXED);
  expect(trimHistogram(MIXED, "above", -100)).toBe(MIXED);
  expect(trimHistogram(MIXED, "above", 100)).toMatchObject({ count: 0, sum: 0 });
});

test("variance of one bucket is the square of the distance from its middle", () => {
  expect(histogramVariance(parseHistogram("{{count:1 sum:3 offset:2 buckets:[1]}}")))
    .toBeCloseTo((3 - Math.sqrt(8)) ** 2, 12);
});

test("text", () => {
  expect(histogramText(MIXED)).toBe(
    "{count:20, sum:10, [-2,-1):4, [-1,-0.5):1, [-0.001,0.001]:2, (0.5,1]:4, (1,2]:6, (2,4]:3}",
  );
  expect(histogramText(CUSTOM)).toBe(
    "{count:10, sum:50, [-Inf,-5]:1, (-5,0]:2, (0,10]:3, (10,+Inf]:4}",
  );
});
