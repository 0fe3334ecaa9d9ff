import { describe, expect, test } from "bun:test";
import {
  aggregateSeries,
  type Aggregation,
  type DataPoint,
  downsample,
} from "../../../engine/query/aggregate.ts";
import type { Value } from "../../../engine/query/block.ts";

const f64 = (value: number): Value => ({ kind: "f64", value });
const i64 = (value: bigint): Value => ({ kind: "i64", value });
const u64 = (value: bigint): Value => ({ kind: "u64", value });
const text = (value: string): Value => ({ kind: "string", value });

function points(...values: Value[]): DataPoint[] {
  return values.map((value, index) => ({ timestamp: BigInt(index * 10), value }));
}

const MAX_I64 = 2n ** 63n - 1n;
const MAX_U64 = 2n ** 64n - 1n;

describe("aggregateSeries", () => {
  test.each<
    { name: string; of: DataPoint[]; aggregation: Aggregation; time: bigint; value: Value }
  >([
    {
      name: "sum of doubles",
      of: points(f64(1), f64(2)),
      aggregation: "sum",
      time: 10n,
      value: f64(3),
    },
    {
      name: "sum ignores NaN",
      of: points(f64(1), f64(NaN)),
      aggregation: "sum",
      time: 0n,
      value: f64(1),
    },
    {
      name: "sum of i64 is clamped",
      of: points(i64(MAX_I64), i64(1n)),
      aggregation: "sum",
      time: 10n,
      value: i64(MAX_I64),
    },
    {
      name: "sum of u64 is clamped",
      of: points(u64(MAX_U64), u64(1n)),
      aggregation: "sum",
      time: 10n,
      value: u64(MAX_U64),
    },
    {
      name: "min keeps the winner's time, first wins a tie",
      of: points(f64(2), f64(1), f64(1)),
      aggregation: "min",
      time: 10n,
      value: f64(1),
    },
    {
      name: "-0 is below 0",
      of: points(f64(0), f64(-0)),
      aggregation: "min",
      time: 10n,
      value: f64(-0),
    },
    {
      name: "max of integers is exact beyond 2^53",
      of: points(i64(2n ** 53n), i64(2n ** 53n + 1n)),
      aggregation: "max",
      time: 10n,
      value: i64(2n ** 53n + 1n),
    },
    {
      name: "max of strings",
      of: points(text("b"), text("a")),
      aggregation: "max",
      time: 0n,
      value: text("b"),
    },
    { name: "avg", of: points(f64(1), f64(2)), aggregation: "avg", time: 10n, value: f64(1.5) },
    {
      name: "avg of values whose sum overflows",
      of: points(f64(1.7e308), f64(1.7e308)),
      aggregation: "avg",
      time: 10n,
      value: f64(1.7e308),
    },
    {
      name: "first keeps NaN",
      of: points(f64(NaN), f64(1)),
      aggregation: "first",
      time: 0n,
      value: f64(NaN),
    },
    {
      name: "count of NaN is 0",
      of: points(f64(NaN)),
      aggregation: "count",
      time: 0n,
      value: u64(0n),
    },
    {
      name: "median of an even count",
      of: points(f64(4), f64(1), f64(3), f64(2)),
      aggregation: "median",
      time: 30n,
      value: f64(2.5),
    },
    {
      name: "range of i64 is clamped",
      of: points(i64(-MAX_I64 - 1n), i64(MAX_I64)),
      aggregation: "range",
      time: 10n,
      value: i64(MAX_I64),
    },
    {
      name: "variance",
      of: points(f64(1), f64(3)),
      aggregation: "variance",
      time: 10n,
      value: f64(1),
    },
    { name: "stddev", of: points(f64(1), f64(3)), aggregation: "stddev", time: 10n, value: f64(1) },
  ])("$name", ({ of, aggregation, time, value }) => {
    expect(aggregateSeries(of, aggregation)).toEqual([{ timestamp: time, value }]);
  });

  test.each<Aggregation>(["sum", "min", "max", "avg", "median", "range", "variance", "stddev"])(
    "%s of nothing but NaN is nothing",
    (aggregation) => {
      expect(aggregateSeries(points(f64(NaN), f64(NaN)), aggregation)).toEqual([]);
    },
  );

  test.each<{ name: string; of: DataPoint[]; aggregation: Aggregation }>([
    { name: "sum of strings", of: points(text("a")), aggregation: "sum" },
    { name: "avg of bool", of: points({ kind: "bool", value: true }), aggregation: "avg" },
    {
      name: "variance of an integer no double holds",
      of: points(i64(2n ** 53n + 1n)),
      aggregation: "variance",
    },
    {
      name: "min of histograms",
      of: points({ kind: "histogram", value: new Uint8Array(1) }),
      aggregation: "min",
    },
  ])("$name is refused", ({ of, aggregation }) => {
    expect(() => aggregateSeries(of, aggregation)).toThrow("Cannot aggregate");
  });
});

describe("downsample", () => {
  const series = points(f64(1), f64(2), f64(3), f64(4), f64(5));

  test("buckets are aligned to the start and stamped with it; none means last", () => {
    expect(downsample(series, { start: -5n, interval: 20n, aggregation: "none" })).toEqual([
      { timestamp: -5n, value: f64(2) },
      { timestamp: 15n, value: f64(4) },
      { timestamp: 35n, value: f64(5) },
    ]);
  });

  test("empty buckets are left out", () => {
    const sparse = [series[0]!, { timestamp: 1000n, value: f64(9) }];
    expect(downsample(sparse, { start: 0n, interval: 10n, aggregation: "sum" })).toEqual([
      { timestamp: 0n, value: f64(1) },
      { timestamp: 1000n, value: f64(9) },
    ]);
  });

  test("an interval of 0 is refused", () => {
    expect(() => downsample(series, { start: 0n, interval: 0n, aggregation: "sum" })).toThrow(
      "interval 0 is not above 0",
    );
  });
});
