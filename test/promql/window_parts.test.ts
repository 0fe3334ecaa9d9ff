/** Rows whose windows are long and overlap are made in parts: with the results of each step alone, and with pauses. */
import { expect, test } from "bun:test";
import { type NativeHistogram, NO_BUCKETS, NO_CUSTOM_VALUES } from "../../src/promql/histogram.ts";
import { QueryEngine } from "../../src/promql/query_engine.ts";
import type { MatrixValue, VectorValue } from "../../src/promql/value.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { ArrayStorage, type StoredValue } from "../support/promql_storage.ts";

const COUNT = 2_400;
/** 300 steps of up to 1,200 samples. */
const RANGE = { startMs: 1_200_000, endMs: 2_396_000, stepMs: 4_000 };
const STEPS_COMPARED = 9;

function storageOf(value: (random: SeededRandom, second: number) => StoredValue): ArrayStorage {
  const random = new SeededRandom(7);
  const storage = new ArrayStorage();
  const samples = Array.from({ length: COUNT }, (_, second) => ({
    timeMs: second * 1_000,
    value: value(random, second),
  }));
  storage.add([["__name__", "m"]], samples);
  return storage;
}

function histogram(random: SeededRandom): NativeHistogram {
  const counts = Float64Array.of(1 + random.below(9), 1 + random.below(9));
  return {
    schema: 0,
    hint: "gauge",
    zeroThreshold: 0.001,
    zeroCount: 0,
    count: counts[0]! + counts[1]!,
    sum: random.below(100),
    positive: { indices: Int32Array.of(0, 2), counts },
    negative: NO_BUCKETS,
    customValues: NO_CUSTOM_VALUES,
  };
}

const numbers = storageOf((random, second) =>
  second % 97 === 5 ? "stale" : random.below(1_000) / 8
);
const histograms = storageOf(histogram);
const mixed = storageOf((random, second) => second % 3 === 0 ? histogram(random) : second);

test.each([
  ["deriv(m[1200s])", numbers],
  ["predict_linear(m[1200s], 60)", numbers],
  ["double_exponential_smoothing(m[1200s], 0.3, 0.6)", numbers],
  ["mad_over_time(m[1200s])", numbers],
  ["quantile_over_time(0.9, m[1200s])", numbers],
  ["quantile_over_time(time() / 2400, m[1200s] offset 10s)", numbers],
  ["stddev_over_time(m[1200s])", numbers],
  ["stdvar_over_time(m[1200s:1s])", numbers],
  ["ts_of_max_over_time(m[1200s])", numbers],
  ["ts_of_min_over_time(m[1200s])", numbers],
  ["sum_over_time(m[1200s])", histograms],
  ["avg_over_time(m[1200s])", histograms],
  ["stddev_over_time(m[1200s])", mixed],
  ["quantile_over_time(0.5, m[1200s])", mixed],
])("%s", async (query, storage) => {
  const engine = new QueryEngine({ queryable: storage });
  const whole = await engine.range(query, RANGE);
  const [series] = (whole.value as MatrixValue).series;
  expect(series!.count).toBe(300);
  for (let index = 0; index < STEPS_COMPARED; index++) {
    const step = Math.floor(index * 299 / (STEPS_COMPARED - 1));
    const alone = await engine.instant(query, RANGE.startMs + step * RANGE.stepMs);
    const { values, histograms: ownHistograms } = alone.value as VectorValue;
    expect(series!.values[step]!).toBe(values[0]!);
    expect(series!.histograms?.[step]).toEqual(ownHistograms?.[0]);
    expect(whole.warnings).toEqual(alone.warnings);
    expect(whole.infos).toEqual(alone.infos);
  }
});

test("a long row pauses, also inside of other functions", async () => {
  let pauses = 0;
  const engine = new QueryEngine({ queryable: numbers, onPause: () => pauses++ });
  await engine.range("mad_over_time(m[1200s])", RANGE);
  expect(pauses).toBeGreaterThan(1);
  pauses = 0;
  await engine.range("max_over_time(sum(mad_over_time(m[1200s]) > 0)[40s:4s])", RANGE);
  expect(pauses).toBeGreaterThan(1);
});
