/** Window functions against plain definitions that look at each window by itself. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isClose } from "../support/promql_cases.ts";
import { quantileOfSorted, sortNumbers } from "../../src/promql/quantile.ts";
import { QueryEngine } from "../../src/promql/query_engine.ts";
import { ArrayStorage } from "../support/promql_storage.ts";

interface Point {
  readonly timeMs: number;
  readonly value: number;
}

const points: fc.Arbitrary<Point[]> = fc.array(
  fc.record({
    gap: fc.integer({ min: 1, max: 40_000 }),
    value: fc.oneof(
      { weight: 20, arbitrary: fc.integer({ min: -5, max: 50 }) },
      { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity) },
    ),
  }),
  { minLength: 1, maxLength: 60 },
).map((entries) => {
  let timeMs = 0;
  return entries.map(({ gap, value }) => ({ timeMs: timeMs += gap, value }));
});

function risen(window: readonly Point[]): number {
  let rise = window[window.length - 1]!.value - window[0]!.value;
  for (let at = 1; at < window.length; at++) {
    if (window[at]!.value < window[at - 1]!.value) rise += window[at - 1]!.value;
  }
  return rise;
}

/** The rules of the extrapolation, one after the other. */
function rateOf(window: readonly Point[], startMs: number, endMs: number): number | undefined {
  if (window.length < 2) return undefined;
  const first = window[0]!;
  const last = window[window.length - 1]!;
  const sampled = last.timeMs - first.timeMs;
  const mean = sampled / (window.length - 1);
  const rise = risen(window);
  let toStart = first.timeMs - startMs;
  let toEnd = endMs - last.timeMs;
  if (toStart >= mean * 1.1) toStart = mean / 2;
  if (rise > 0 && first.value >= 0) toStart = Math.min(toStart, sampled * first.value / rise);
  if (toEnd >= mean * 1.1) toEnd = mean / 2;
  return rise * (sampled + toStart + toEnd) / sampled / ((endMs - startMs) / 1000);
}

const average = (window: readonly Point[]) =>
  window.reduce((sum, { value }) => sum + value, 0) / window.length;
const quantile = (window: readonly Point[], q: number) =>
  quantileOfSorted(q, sortNumbers(Float64Array.from(window, ({ value }) => value)));
const extreme = (window: readonly Point[], pick: (...values: number[]) => number) => {
  const values = window.map(({ value }) => value).filter((value) => value === value);
  return values.length === 0 ? NaN : pick(...values);
};

const FUNCTIONS: Record<
  string,
  (window: readonly Point[], startMs: number, endMs: number) => number | undefined
> = {
  rate: rateOf,
  count_over_time: (window) => window.length,
  sum_over_time: (window) => average(window) * window.length,
  avg_over_time: average,
  min_over_time: (window) => extreme(window, Math.min),
  max_over_time: (window) => extreme(window, Math.max),
  quantile_over_time: (window) => quantile(window, 0.3),
  last_over_time: (window) => window[window.length - 1]!.value,
  first_over_time: (window) => window[0]!.value,
  ts_of_last_over_time: (window) => window[window.length - 1]!.timeMs / 1000,
  resets: (window) =>
    window.filter(({ value }, at) => at > 0 && value < window[at - 1]!.value).length,
  idelta: (window) =>
    window.length < 2
      ? undefined
      : window[window.length - 1]!.value - window[window.length - 2]!.value,
};

describe("functions over windows", () => {
  test.each(Object.keys(FUNCTIONS))("%s", async (name) => {
    const settings = fc.record({
      samples: points,
      rangeMs: fc.integer({ min: 1, max: 300_000 }),
      stepMs: fc.integer({ min: 1000, max: 200_000 }),
    });
    // Long windows and short steps: these slide.
    const overlapping = fc.record({
      samples: points,
      rangeMs: fc.integer({ min: 1_000_000, max: 2_000_000 }),
      stepMs: fc.constant(20_000),
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(settings, overlapping), async ({ samples, rangeMs, stepMs }) => {
        const queryable = new ArrayStorage();
        queryable.add([["__name__", "m_total"]], samples);
        const range = { startMs: 0, endMs: stepMs * (rangeMs >= 1_000_000 ? 150 : 9), stepMs };
        const parameter = name === "quantile_over_time" ? "0.3, " : "";
        const query = `${name}(${parameter}m_total[${rangeMs}ms])`;
        const { value } = await new QueryEngine({ queryable }).range(query, range);
        const actual = new Map<number, number>();
        if (value.type === "matrix") {
          for (const { count, times, values } of value.series) {
            for (let at = 0; at < count; at++) actual.set(times[at]!, values[at]!);
          }
        }
        for (let endMs = 0; endMs <= range.endMs; endMs += stepMs) {
          const startMs = endMs - rangeMs;
          const window = samples.filter(({ timeMs }) => timeMs > startMs && timeMs <= endMs);
          const expected = window.length === 0
            ? undefined
            : FUNCTIONS[name]!(window, startMs, endMs);
          const own = actual.get(endMs);
          if (expected === undefined) expect(own).toBeUndefined();
          else if (expected !== expected || Math.abs(expected) > 1e-9 || own === undefined) {
            expect(isClose(own ?? NaN, expected)).toBe(true);
          } else expect(own).toBeCloseTo(expected, 9);
        }
      }),
      { numRuns: 60 },
    );
  });
});
