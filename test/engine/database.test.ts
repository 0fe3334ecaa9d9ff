import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Components } from "../../engine/components.ts";
import { isEngineError } from "../../engine/errors.ts";
import { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";
import type { Value } from "../../engine/query/block.ts";
import type { Settings } from "../../engine/settings.ts";
import { type Row, Storage } from "../../engine/storage.ts";

const MINUTE = 60_000_000_000n;
const DAY = 1_440n * MINUTE;

/** A database on a disk in memory, which can be closed or dropped and opened again. */
class Bench {
  readonly fileSystem = new MemoryFileSystem();
  readonly settings: Partial<Settings>;
  storage!: Storage;

  private constructor(settings: Partial<Settings>) {
    this.settings = settings;
  }

  static async open(settings: Partial<Settings> = {}): Promise<Bench> {
    const bench = new Bench(settings);
    await bench.reopen();
    return bench;
  }

  get components(): Partial<Components> {
    return { fileSystem: this.fileSystem };
  }

  async reopen(): Promise<void> {
    await this.storage?.close();
    const { settings, components } = this;
    this.storage = await Storage.open({ path: "/data", settings, components });
  }
}

const f64 = (value: number): Value => ({ kind: "f64", value });

function row(metric: string, tag: string, timestamp: bigint, value: Value): Row {
  return { metric, labels: [["tag", tag]], point: { timestamp, value } };
}

describe("database", () => {
  test("what was written is read, before and after flush, compaction and restart", async () => {
    const bench = await Bench.open();
    const rows = Array.from(
      { length: 1_000 },
      (_, i) => row("m", `t${i % 7}`, BigInt(i) * MINUTE * 10n, f64(i / 8)),
    );
    await bench.storage.insertRows(rows);
    const read = () => bench.storage.selectAll("m", 0n, 20_000n * MINUTE);
    const expected = read();
    expect(expected.length).toBe(7);
    expect(expected[3]!.points[2]).toEqual({ timestamp: 17n * MINUTE * 10n, value: f64(17 / 8) });
    await bench.storage.database.flush();
    expect(read()).toEqual(expected);
    await bench.storage.database.compact();
    expect(read()).toEqual(expected);
    await bench.reopen();
    expect(read()).toEqual(expected);
    await bench.storage.close();
  });

  test("rows that were never flushed survive a restart", async () => {
    const bench = await Bench.open();
    await bench.storage.insertRows([row("m", "a", 5n, f64(1)), row("m", "b", 6n, f64(-0))]);
    await bench.reopen();
    expect(bench.storage.select("m", [["tag", "b"]], 0n, 10n)).toEqual([
      { timestamp: 6n, value: f64(-0) },
    ]);
    await bench.storage.close();
  });

  test.each<{ name: string; values: readonly Value[] }>([
    {
      name: "i64",
      values: [2n ** 63n - 1n, -(2n ** 63n), 0n].map((value) => ({ kind: "i64", value })),
    },
    { name: "u64", values: [2n ** 64n - 1n, 0n, 1n].map((value) => ({ kind: "u64", value })) },
    { name: "bool", values: [true, false, true].map((value) => ({ kind: "bool", value })) },
    {
      name: "blob",
      values: [
        { kind: "string", value: "ü, \n" },
        { kind: "bytes", value: Uint8Array.of(0, 255) },
        { kind: "string", value: "" },
      ],
    },
  ])(
    "values of family $name are the same after flush, compaction and restart",
    async ({ values }) => {
      const bench = await Bench.open();
      const points = values.map((value, i) => ({ timestamp: BigInt(i) * DAY, value }));
      for (const { timestamp, value } of points) {
        await bench.storage.insertRows([row("m", "a", timestamp, value)]);
        await bench.storage.database.flush();
      }
      const read = () => bench.storage.select("m", [["tag", "a"]], 0n, 9n * DAY);
      expect(read()).toEqual(points);
      await bench.storage.database.compact();
      await bench.reopen();
      expect(read()).toEqual(points);
      await bench.storage.close();
    },
  );

  test("a value of another family is refused and nothing of the rows is kept", async () => {
    const bench = await Bench.open();
    await bench.storage.insertRows([row("m", "a", 1n, f64(1))]);
    const bad = [row("m", "a", 2n, f64(2)), row("m", "a", 3n, { kind: "i64", value: 3n })];
    await expect(bench.storage.insertRows(bad)).rejects.toThrow(/family/);
    expect(bench.storage.select("m", [["tag", "a"]], 0n, 9n).length).toBe(1);
    await bench.storage.close();
  });

  test("the last write of a time wins, wherever the others lie", async () => {
    const bench = await Bench.open();
    const write = (value: number) => bench.storage.insertRows([row("m", "a", 7n, f64(value))]);
    const read = () => bench.storage.select("m", [["tag", "a"]], 0n, 9n).map((p) => p.value);
    await write(1);
    await write(2);
    expect(read()).toEqual([f64(2)]);
    await bench.storage.database.flush();
    await write(3);
    expect(read()).toEqual([f64(3)]);
    await bench.storage.database.flush();
    expect(read()).toEqual([f64(3)]);
    await bench.storage.database.compact();
    expect(read()).toEqual([f64(3)]);
    await bench.storage.close();
  });

  test("a deletion hides what was written before it, and only that", async () => {
    const bench = await Bench.open();
    const { database } = bench.storage;
    const points = (tag: string) =>
      bench.storage.select("m", [["tag", tag]], 0n, 100n).map((p) => Number(p.timestamp));
    await bench.storage.insertRows([1n, 2n, 3n].map((t) => row("m", "a", t, f64(1))));
    await database.flush();
    await bench.storage.insertRows([4n, 5n].map((t) => row("m", "a", t, f64(1))));
    await bench.storage.insertRows([row("m", "b", 2n, f64(1))]);
    const selection = {
      metric: "m",
      matchers: [{ name: "tag", operator: "=", value: "a" }],
    } as const;
    expect((await bench.storage.deleteSeries({ ...selection, start: 2n, end: 5n })).tombstones)
      .toBe(1);
    expect(points("a")).toEqual([1, 5]);
    expect(points("b")).toEqual([2]);
    expect((await bench.storage.deleteSeries({ ...selection, start: 2n, end: 5n })).tombstones)
      .toBe(0);
    await bench.storage.insertRows([row("m", "a", 3n, f64(9))]);
    expect(points("a")).toEqual([1, 3, 5]);
    await bench.reopen();
    expect(points("a")).toEqual([1, 3, 5]);
    await bench.storage.database.flush();
    expect(points("a")).toEqual([1, 3, 5]);
    await bench.storage.database.compact();
    expect(points("a")).toEqual([1, 3, 5]);
    await bench.reopen();
    expect(points("a")).toEqual([1, 3, 5]);
    await bench.storage.close();
  });

  test(
    "random writes, flushes, compactions, deletions and restarts agree with a model",
    async () => {
      const operation = fc.oneof(
        {
          weight: 6,
          arbitrary: fc.record({
            kind: fc.constant("write" as const),
            seed: fc.nat(1e6),
            count: fc.integer({ min: 1, max: 300 }),
          }),
        },
        { weight: 2, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant("compact" as const) }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
        {
          weight: 1,
          arbitrary: fc.record({
            kind: fc.constant("delete" as const),
            tag: fc.nat(3),
            from: fc.nat(60),
            length: fc.integer({ min: 1, max: 40 }),
          }),
        },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 14 }), async (operations) => {
          const bench = await Bench.open({ partitionMs: 3_600_000 });
          const model = new Map<string, Map<bigint, number>>();
          for (const step of operations) {
            if (step.kind === "write") {
              const rows = randomRows(step.seed, step.count);
              for (const { labels, point } of rows) {
                const tag = labels![0]![1];
                if (!model.has(tag)) model.set(tag, new Map());
                model.get(tag)!.set(point.timestamp, (point.value as { value: number }).value);
              }
              await bench.storage.insertRows(rows);
            } else if (step.kind === "flush") await bench.storage.database.flush();
            else if (step.kind === "compact") await bench.storage.database.compact();
            else if (step.kind === "reopen") await bench.reopen();
            else {
              const range = {
                start: BigInt(step.from) * MINUTE,
                end: BigInt(step.from + step.length) * MINUTE,
              };
              for (const time of [...model.get(`t${step.tag}`)?.keys() ?? []]) {
                if (time >= range.start && time < range.end) {
                  model.get(`t${step.tag}`)!.delete(time);
                }
              }
              const matchers = [{ name: "tag", operator: "=", value: `t${step.tag}` } as const];
              await bench.storage.deleteSeries({ matchers, ...range });
            }
            for (const [tag, points] of model) {
              const expected = [...points].sort((a, b) => a[0] < b[0] ? -1 : 1);
              const found = bench.storage.select("m", [["tag", tag]], -DAY, 90n * DAY);
              expect(found.map((p) => [p.timestamp, (p.value as { value: number }).value])).toEqual(
                expected,
              );
            }
          }
          await bench.storage.close();
        }),
        { numRuns: 25 },
      );
    },
    60_000,
  );

  test("another time unit than the database was made with is refused", async () => {
    const bench = await Bench.open();
    await bench.storage.close();
    const { components } = bench;
    const again = Storage.open({ path: "/data", settings: { timeUnit: "ms" }, components });
    expect(isEngineError(await again.catch((error) => error), "invalid")).toBe(true);
  });

  test("a second opener is told that the directory is locked", async () => {
    const bench = await Bench.open();
    const again = Storage.open({ path: "/data", components: bench.components });
    expect(isEngineError(await again.catch((error) => error), "locked")).toBe(true);
    await bench.storage.close();
  });

  test("data older than the retention is refused and expires", async () => {
    const bench = await Bench.open({ retentionMs: 86_400_000 });
    const now = BigInt(Date.now()) * 1_000_000n;
    const result = await bench.storage.insertRows([
      row("m", "a", now - 2n * DAY, f64(1)),
      row("m", "a", now - 10n * MINUTE, f64(2)),
    ]);
    expect(result.tooOld).toBe(1);
    expect(bench.storage.select("m", [["tag", "a"]], 0n, 2n * now).map((p) => p.value)).toEqual([
      f64(2),
    ]);
    await bench.storage.close();
  });
});

/** Rows over an hour and a half and a few scattered days, repeated times included. */
function randomRows(seed: number, count: number): Row[] {
  let state = seed + 1;
  const next = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor(state / 65_536) % below;
  };
  return Array.from({ length: count }, () => {
    const time = BigInt(next(90)) * MINUTE + BigInt(next(12) === 0 ? next(40) : 0) * DAY;
    return row("m", `t${next(4)}`, time, f64(next(1_000) / 4));
  });
}
