import { afterEach, describe, expect, test } from "bun:test";
import { isEngineError } from "../../engine/errors.ts";
import type { Aggregation } from "../../engine/query/aggregate.ts";
import type { Value } from "../../engine/query/block.ts";
import {
  bytesAggregation,
  type Codec,
  decodeValue,
  encodeValue,
  type QueryOptions,
} from "../../engine/query/query_options.ts";
import { type Row, Storage } from "../../engine/storage.ts";

const f64 = (value: number): Value => ({ kind: "f64", value });
const i64 = (value: bigint): Value => ({ kind: "i64", value });

let storage: Storage;
afterEach(() => storage.close());

async function open(rows: readonly Row[]): Promise<Storage> {
  storage = await Storage.open();
  await storage.insertRows(rows);
  return storage;
}

function row(metric: string, tag: string, timestamp: number, value: Value): Row {
  return { metric, labels: [["tag", tag]], point: { timestamp: BigInt(timestamp), value } };
}

/** Points of one series as plain pairs. */
function plain(points: readonly { timestamp: bigint; value: Value }[]): [number, unknown][] {
  return points.map(({ timestamp, value }) => [Number(timestamp), value.value]);
}

describe("queries with options", () => {
  const values = [4, NaN, -2, 7, 7, 1];
  const all: QueryOptions = { labels: [["tag", "a"]], start: 0n, end: 100n };

  test.each<{ aggregation: Aggregation; whole: [number, unknown][] }>([
    { aggregation: "none", whole: values.map((value, i) => [i * 10, value]) },
    { aggregation: "sum", whole: [[50, 17]] },
    { aggregation: "min", whole: [[20, -2]] },
    { aggregation: "max", whole: [[30, 7]] },
    { aggregation: "avg", whole: [[50, 3.4]] },
    { aggregation: "first", whole: [[0, 4]] },
    { aggregation: "last", whole: [[50, 1]] },
    { aggregation: "count", whole: [[50, 5n]] },
    { aggregation: "median", whole: [[50, 4]] },
    { aggregation: "range", whole: [[50, 9]] },
  ])("$aggregation over the series ignores NaN where it should", async ({ aggregation, whole }) => {
    await open(values.map((value, i) => row("m", "a", i * 10, f64(value))));
    expect(plain(storage.selectWithOptions("m", { ...all, aggregation }))).toEqual(whole);
  });

  test.each<{ name: string; options: Partial<QueryOptions>; expected: [number, unknown][] }>([
    {
      name: "buckets are aligned to the start and stamped with theirs",
      options: { start: 5n, downsampleInterval: 20n, aggregation: "sum" },
      expected: [[5, -2], [25, 14], [45, 1]],
    },
    {
      name: "without an aggregation a bucket gives its last point",
      options: { downsampleInterval: 20n },
      expected: [[0, NaN], [20, 7], [40, 1]],
    },
    {
      name: "the last bucket is cut by the end",
      options: { end: 50n, downsampleInterval: 40n, aggregation: "count" },
      expected: [[0, 3n], [40, 1n]],
    },
    {
      name: "a page comes after everything else",
      options: { offset: 1, limit: 2 },
      expected: [[10, NaN], [20, -2]],
    },
    { name: "a limit of 0 gives nothing", options: { limit: 0 }, expected: [] },
  ])("$name", async ({ options, expected }) => {
    await open(values.map((value, i) => row("m", "a", i * 10, f64(value))));
    expect(plain(storage.selectWithOptions("m", { ...all, ...options }))).toEqual(expected);
  });

  test("integers beyond 2^53 stay exact, and a variance of them is refused", async () => {
    const big = 2n ** 62n;
    await open([row("m", "a", 1, i64(big)), row("m", "a", 2, i64(big + 1n))]);
    const ask = (aggregation: Aggregation) =>
      storage.selectWithOptions("m", { ...all, aggregation });
    expect(plain(ask("max"))).toEqual([[2, big + 1n]]);
    expect(plain(ask("range"))).toEqual([[2, 1n]]);
    expect(plain(ask("sum"))).toEqual([[2, 2n ** 63n - 1n]]);
    expect(() => ask("variance")).toThrow();
  });

  test("an aggregation of one's own gets the bytes of a bucket", async () => {
    const bytes = (...value: number[]): Value => ({ kind: "bytes", value: Uint8Array.from(value) });
    await open([
      row("m", "a", 1, bytes(1)),
      row("m", "a", 2, bytes(2, 3)),
      row("m", "a", 11, bytes(4)),
    ]);
    const custom = {
      aggregate: (values: readonly Uint8Array[]) =>
        Uint8Array.from(values.flatMap((each) => [...each])),
    };
    const found = storage.selectWithOptions("m", { ...all, custom, downsampleInterval: 10n });
    expect(
      found.map(({ timestamp, value }) => [Number(timestamp), [...(value.value as Uint8Array)]]),
    ).toEqual([
      [0, [1, 2, 3]],
      [10, [4]],
    ]);
  });

  test.each<{ name: string; values: number[]; options: Partial<QueryOptions>; expected: unknown }>([
    {
      name: "first and last take NaN",
      values: [NaN, 1, NaN],
      options: { aggregation: "first" },
      expected: [[0, NaN]],
    },
    {
      name: "nothing but NaN counts 0",
      values: [NaN, NaN],
      options: { aggregation: "count" },
      expected: [[10, 0n]],
    },
    {
      name: "nothing but NaN has no sum",
      values: [NaN, NaN],
      options: { aggregation: "sum" },
      expected: [],
    },
    {
      name: "-0 is below 0",
      values: [0, -0],
      options: { aggregation: "min" },
      expected: [[10, -0]],
    },
    {
      name: "the first of equals wins",
      values: [5, 5, 1],
      options: { aggregation: "max" },
      expected: [[0, 5]],
    },
    {
      name: "the middle of two is their mean",
      values: [1, 4],
      options: { aggregation: "median" },
      expected: [[10, 2.5]],
    },
    {
      name: "variance is that of the whole",
      values: [2, 4, 4, 4, 5, 5, 7, 9],
      options: { aggregation: "variance" },
      expected: [[70, 4]],
    },
    {
      name: "deviation is its root",
      values: [2, 4, 4, 4, 5, 5, 7, 9],
      options: { aggregation: "stddev" },
      expected: [[70, 2]],
    },
    {
      name: "a page of buckets",
      values: [1, 2, 3, 4, 5, 6],
      options: { downsampleInterval: 20n, aggregation: "avg", offset: 1, limit: 1 },
      expected: [[20, 3.5]],
    },
    { name: "an offset past the end", values: [1, 2], options: { offset: 2 }, expected: [] },
    { name: "no labels are no wildcard", values: [1], options: { labels: [] }, expected: [] },
  ])("$name", async ({ values, options, expected }) => {
    await open(values.map((value, i) => row("m", "a", i * 10, f64(value))));
    expect(plain(storage.selectWithOptions("m", { ...all, ...options }))).toEqual(expected as []);
  });

  test("items of one's own are stored, read and aggregated by their codec", async () => {
    const codec: Codec<string> = {
      encode: (item) => new TextEncoder().encode(item),
      decode: (bytes) => new TextDecoder().decode(bytes),
    };
    const custom = bytesAggregation(codec, {
      aggregate: (items) => items.length > 1 ? items.join("+") : undefined,
    });
    await open(
      [[1, "a"], [2, "b"], [12, "c"]].map(([time, item]) =>
        row("m", "a", Number(time), encodeValue(codec, String(item)))
      ),
    );
    const ask = (options: Partial<QueryOptions>) =>
      storage.selectWithOptions("m", { ...all, custom, ...options })
        .map(({ timestamp, value }) => [Number(timestamp), decodeValue(codec, value)]);
    expect(ask({})).toEqual([[12, "a+b+c"]]);
    expect(ask({ downsampleInterval: 10n, aggregation: "sum" })).toEqual([[0, "a+b"]]);
    expect(() => decodeValue(codec, f64(1))).toThrow("not bytes");
  });

  test.each([
    {
      name: "an aggregation of bytes over doubles",
      options: { custom: { aggregate: () => undefined } },
    },
    { name: "a negative limit", options: { limit: -1 } },
    { name: "half an offset", options: { offset: 0.5 } },
    {
      name: "an interval below 0, though nothing is asked for",
      options: { limit: 0, downsampleInterval: -1n },
    },
  ])("$name is refused", async ({ options }) => {
    await open([row("m", "a", 1, f64(1))]);
    const call = () => storage.selectWithOptions("m", { ...all, ...options });
    expect(isEngineError(caught(call), "invalid")).toBe(true);
  });

  test("text has a smallest and a largest, but no sum", async () => {
    const text = (value: string): Value => ({ kind: "string", value });
    await open([
      row("m", "a", 1, text("b")),
      row("m", "a", 2, text("a")),
      row("m", "a", 3, text("ab")),
    ]);
    const ask = (aggregation: Aggregation) =>
      plain(storage.selectWithOptions("m", { ...all, aggregation }));
    expect(ask("min")).toEqual([[2, "a"]]);
    expect(ask("max")).toEqual([[1, "b"]]);
    expect(ask("count")).toEqual([[3, 3n]]);
    expect(isEngineError(caught(() => ask("sum")), "invalid")).toBe(true);
  });

  test.each([
    { name: "a range that is empty", call: () => storage.select("m", [], 5n, 5n) },
    { name: "a metric without a name", call: () => storage.select("", [], 0n, 1n) },
    {
      name: "a label that stands twice",
      call: () => storage.select("m", [["a", "1"], ["a", "1"]], 0n, 1n),
    },
    {
      name: "an interval of 0",
      call: () => storage.selectWithOptions("m", { ...all, downsampleInterval: 0n }),
    },
    { name: "half a range", call: () => storage.selectSeries({ start: 1n }) },
    { name: "a page of no rows", call: () => storage.scanMetricRows("m", 0n, 9n, { maxRows: 0 }) },
  ])("$name is refused", async ({ call }) => {
    await open([row("m", "a", 1, f64(1))]);
    expect(isEngineError(caught(call), "invalid")).toBe(true);
  });
});

function caught(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("series and scans", () => {
  const rows = ["c", "a", "b"].flatMap((tag) =>
    [1, 2, 3].map((time) => row("m", tag, time, f64(time)))
  );

  test("selectMany answers in the order asked, unknown series without points", async () => {
    await open(rows);
    const series = ["b", "x", "a"].map((tag) => ({ name: "m", labels: [["tag", tag]] as const }));
    const found = storage.selectMany(series, 2n, 4n);
    expect(found.map(({ series, points }) => [series.labels[0]![1], points.length])).toEqual([
      ["b", 2],
      ["x", 0],
      ["a", 2],
    ]);
  });

  test("selectAll sorts series by labels", async () => {
    await open(rows);
    expect(storage.selectAll("m", 0n, 9n).map(({ series }) => series.labels[0]![1])).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  test("a series is listed in a range only where it has a point that no deletion hides", async () => {
    await open([...rows, row("m", "late", 50, f64(1))]);
    const tags = (start: bigint, end: bigint) =>
      storage.selectSeries({ metric: "m", start, end }).map(({ labels }) => labels[0]![1]);
    expect(tags(40n, 60n)).toEqual(["late"]);
    expect(tags(0n, 4n)).toEqual(["a", "b", "c"]);
    await storage.deleteSeries({ matchers: [{ name: "tag", operator: "=~", value: "a|b" }] });
    expect(tags(0n, 4n)).toEqual(["c"]);
    expect(storage.listMetrics().length).toBe(2);
  });

  test.each([1, 2, 4, 5, 9, 10])("pages of %d rows put together are the whole", async (maxRows) => {
    await open(rows);
    const whole = storage.scanMetricRows("m", 0n, 9n).rows;
    const pages: unknown[] = [];
    for (let rowOffset: number | undefined = 0; rowOffset !== undefined;) {
      const page = storage.scanMetricRows("m", 0n, 9n, { maxRows, rowOffset });
      expect(page.rows.length).toBeLessThanOrEqual(maxRows);
      pages.push(...page.rows);
      rowOffset = page.nextRowOffset;
    }
    expect(pages).toEqual([...whole]);
  });
});

test("figures of memory are those of the kernels", async () => {
  await open([row("m", "a", 1, f64(1))]);
  expect(storage.memoryUsed()).toBeGreaterThan(0);
  expect(storage.memoryUsed()).toBeLessThan(storage.memoryBudget());
  expect(storage.stats().writes.points).toBe(1);
});
