import { afterEach, describe, expect, test } from "bun:test";
import { isEngineError } from "../../engine/errors.ts";
import type { Aggregation } from "../../engine/query/aggregate.ts";
import type { Value } from "../../engine/query/block.ts";
import { type QueryOptions, type Row, Storage } from "../../engine/storage.ts";

const f64 = (value: number): Value => ({ kind: "f64", value });
const i64 = (value: bigint): Value => ({ kind: "i64", value });

let storage: Storage;
afterEach(() => storage.close());

async function open(rows: readonly Row[], shards = 0): Promise<Storage> {
  storage = await Storage.open({ settings: { metadataShards: shards } });
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

describe("shards", () => {
  const SHARDS = 4;
  const rows = Array.from({ length: 40 }, (_, i) => row("m", `t${i % 10}`, i, f64(i)));
  const window = (shard: number) => ({ shard, shardCount: SHARDS, start: 0n, end: 100n });

  test("every series lies in one shard", async () => {
    await open(rows, SHARDS);
    const found = [0, 1, 2, 3].flatMap((shard) =>
      storage.listMetricsInShards({ shardCount: SHARDS, shards: [shard] })
    );
    expect(found.length).toBe(10);
    expect(storage.listMetricsInShards({ shardCount: SHARDS, shards: [3, 1, 1, 0, 2] }).length)
      .toBe(10);
    expect(storage.listMetricsInShards({ shardCount: SHARDS, shards: [] })).toEqual([]);
  });

  test("digests do not depend on the order of writing and see one changed point", async () => {
    await open(rows, SHARDS);
    const digests = [0, 1, 2, 3].map((shard) => storage.computeShardWindowDigest(window(shard)));
    expect(digests.reduce((sum, each) => sum + each.pointCount, 0)).toBe(40);
    await storage.close();
    await open([...rows].reverse(), SHARDS);
    expect([0, 1, 2, 3].map((shard) => storage.computeShardWindowDigest(window(shard)))).toEqual(
      digests,
    );
    await storage.insertRows([row("m", "t3", 3, f64(-3))]);
    const changed = [0, 1, 2, 3].filter((shard) =>
      storage.computeShardWindowDigest(window(shard)).fingerprint !== digests[shard]!.fingerprint
    );
    expect(changed.length).toBe(1);
  });

  test.each([[NaN, Infinity], [Infinity, -Infinity], [0, -0]])(
    "digests tell %p from %p",
    async (a, b) => {
      const digest = async (value: number) => {
        await open([row("m", "t", 1, f64(value))], 1);
        return storage.computeShardWindowDigest({ ...window(0), shardCount: 1 }).fingerprint;
      };
      const first = await digest(a);
      await storage.close();
      expect(await digest(b)).not.toBe(first);
    },
  );

  test("rows of a shard come in pages without gap or repeat", async () => {
    await open(rows, SHARDS);
    const whole = storage.scanShardWindowRows(window(1)).rows;
    const first = storage.scanShardWindowRows(window(1), { maxRows: 3 });
    expect(first.truncated).toBe(true);
    const rest = storage.scanShardWindowRows(window(1), { rowOffset: first.nextRowOffset! });
    expect([...first.rows, ...rest.rows]).toEqual([...whole]);
  });

  test.each(
    [
      {
        name: "another number of shards",
        shards: SHARDS,
        code: "unsupported",
        scope: { shardCount: 2, shards: [0] },
      },
      {
        name: "a database without shards",
        shards: 0,
        code: "unsupported",
        scope: { shardCount: 2, shards: [0] },
      },
      {
        name: "a shard that does not exist",
        shards: SHARDS,
        code: "invalid",
        scope: { shardCount: SHARDS, shards: [4] },
      },
    ] as const,
  )("$name is refused", async ({ shards, code, scope }) => {
    await open(rows, shards);
    expect(isEngineError(caught(() => storage.listMetricsInShards(scope)), code)).toBe(true);
  });
});

test("figures of memory are those of the kernels", async () => {
  await open([row("m", "a", 1, f64(1))]);
  expect(storage.memoryUsed()).toBeGreaterThan(0);
  expect(storage.memoryUsed()).toBeLessThan(storage.memoryBudget());
  expect(storage.stats().writes.points).toBe(1);
});
