import { afterEach, describe, expect, test } from "bun:test";
import { isEngineError } from "../../../engine/errors.ts";
import type { Value } from "../../../engine/query/block.ts";
import { identityHash, seriesIdentity } from "../../../engine/series/labels.ts";
import { type Row, Storage } from "../../../engine/storage.ts";

const f64 = (value: number): Value => ({ kind: "f64", value });

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

function caught(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}

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

  test("digests tell NaN payloads apart, and a digest is the same after flush and compaction", async () => {
    // A runtime may make one NaN of all where a number is held: the bytes go past it.
    const digest = async (payload: number) => {
      await open([row("m", "t", 2, f64(1))], 1);
      const { batch, registry } = storage.database;
      const source = registry.findSource("m", [["tag", "t"]]);
      batch.begin();
      batch.row(source, 1n);
      batch.float64Bytes(0, new DataView(Uint32Array.of(payload, 0x7ff80000).buffer), 0);
      await storage.database.write().done;
      return storage.computeShardWindowDigest({ ...window(0), shardCount: 1 });
    };
    const first = await digest(1);
    await storage.database.compact();
    const again = storage.computeShardWindowDigest({ ...window(0), shardCount: 1 });
    expect(again).toEqual(first);
    await storage.close();
    expect((await digest(2)).fingerprint).not.toBe(first.fingerprint);
  });

  test("a digest counts what lies in its window and shard, and nothing else", async () => {
    await open(rows, SHARDS);
    const all = [0, 1, 2, 3].map((shard) => storage.computeShardWindowDigest(window(shard)));
    const half = [0, 1, 2, 3].map((shard) =>
      storage.computeShardWindowDigest({ ...window(shard), start: 5n, end: 15n })
    );
    expect(half.reduce((sum, { pointCount }) => sum + pointCount, 0)).toBe(10);
    await storage.insertRows([row("m", "t1", 1_000, f64(1))]);
    expect([0, 1, 2, 3].map((shard) => storage.computeShardWindowDigest(window(shard)))).toEqual(
      all,
    );
    const empty = storage.computeShardWindowDigest({ ...window(0), start: 500n, end: 600n });
    expect([empty.seriesCount, empty.pointCount]).toEqual([0, 0]);
  });

  test("names that look alike when put together are told apart, in whatever order they come", async () => {
    const value = f64(1);
    const labels = [
      [["a", "b,c"]],
      [["a", "b"], ["c", ""]],
      [["a,b", "c"]],
      [["a", "b\0c"]],
      [["a", "bc"]],
      [["ab", "c"]],
    ] as const;
    const make = (order: number[]): Row[] =>
      order.map((i) => ({ metric: "m", labels: labels[i]!, point: { timestamp: 1n, value } }));
    const look = () => ({
      digest: storage.computeShardWindowDigest({ ...window(0), shardCount: 1 }),
      rows: storage.scanShardWindowRows({ ...window(0), shardCount: 1 }).rows,
    });
    await open(make([0, 1, 2, 3, 4, 5]));
    const first = look();
    expect(first.digest.seriesCount).toBe(6);
    await storage.close();
    await open(make([5, 3, 1, 0, 2, 4]));
    expect(look()).toEqual(first);
  });

  test("a digest is that of the definition", async () => {
    await open([row("m", "t", 1, f64(1.5))], 1);
    const hash = (bytes: readonly number[]) => identityHash(Uint8Array.from(bytes));
    const words = (value: bigint) => [...new Uint8Array(BigUint64Array.of(value).buffer)];
    const identity = [...seriesIdentity("m", [["tag", "t"]])];
    const point = hash([...words(1n), 1, ...new Uint8Array(Float64Array.of(1.5).buffer)]);
    const expected = hash([identity.length, 0, 0, 0, ...identity, ...words(1n), ...words(point)]);
    const { fingerprint } = storage.computeShardWindowDigest({ ...window(0), shardCount: 1 });
    expect(fingerprint).toBe(expected);
  });

  test("windows are the same without an index of shards", async () => {
    const digests = () =>
      [0, 1, 2, 3].map((shard) => storage.computeShardWindowDigest(window(shard)));
    await open(rows, SHARDS);
    const indexed = digests();
    await storage.close();
    await open(rows, 0);
    expect(digests()).toEqual(indexed);
  });

  test.each([0, 4, -1, 1.5])("shard %p of 4 windows", async (shard) => {
    await open(rows);
    const refused = caught(() => storage.computeShardWindowDigest(window(shard)));
    expect(refused === undefined || isEngineError(refused, "invalid")).toBe(true);
    expect(refused === undefined).toBe(shard === 0);
    expect(
      isEngineError(
        caught(() => storage.scanShardWindowRows({ ...window(0), end: 0n })),
        "invalid",
      ),
    )
      .toBe(true);
  });

  test("a refusal names both numbers of shards", async () => {
    await open(rows, SHARDS);
    expect(() => storage.listMetricsInShards({ shardCount: 7, shards: [0] })).toThrow(
      /4 shards, not 7/,
    );
  });

  test("a scan ends after as many series as it may", async () => {
    await open(rows);
    const whole = { shard: 0, shardCount: 1, start: 0n, end: 100n };
    const page = storage.scanShardWindowRows(whole, { maxSeries: 3 });
    expect([page.seriesScanned, page.truncated, page.nextRowOffset]).toEqual([3, true, 12]);
    const rest = storage.scanShardWindowRows(whole, { rowOffset: 12 });
    expect([rest.seriesScanned, rest.truncated]).toEqual([7, false]);
  });

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
