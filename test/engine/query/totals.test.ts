/** Totals of a series against what reading its points and adding them up gives. */
import { afterEach, describe, expect, test } from "bun:test";
import type { DataPoint } from "../../../engine/query/aggregate.ts";
import type { Value } from "../../../engine/query/block.ts";
import { Storage } from "../../../engine/storage.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

const LABELS = [["tag", "a"]] as const;
const METRIC = "m";
let storage: Storage | undefined;

afterEach(async () => {
  await storage?.close();
  storage = undefined;
});

async function openStorage(): Promise<Storage> {
  storage = await Storage.open({ settings: { timeUnit: "ms", compactionEnabled: false } });
  return storage;
}

function totals(from: Storage, start: bigint, end: bigint) {
  using view = from.database.view({ start, end });
  const [group] = view.select([{ name: "__name__", operator: "=", value: METRIC }]);
  const { slot, family, sources } = group!;
  return view.totals({ source: sources[0]! as never, slot, family }, { start, end });
}

function added(points: readonly DataPoint[]) {
  const numbers = points.map(({ value }) => Number(value.value)).filter((number) =>
    !Number.isNaN(number)
  );
  return {
    count: numbers.length,
    sum: numbers.reduce((sum, number) => sum + number, 0),
    least: Math.min(...numbers),
    greatest: Math.max(...numbers),
  };
}

function expectTotals(from: Storage, start: bigint, end: bigint): void {
  const expected = added(from.select(METRIC, LABELS, start, end));
  const { count, sum, least, greatest } = totals(from, start, end);
  const found = { count, sum, least, greatest };
  expect({ ...found, sum: 0 }).toEqual({ ...expected, sum: 0 });
  // The order of additions is free.
  const size = Math.max(1, Math.abs(expected.least), Math.abs(expected.greatest));
  if (expected.count === 0 || !Number.isFinite(expected.sum)) expect(found.sum).toBe(expected.sum);
  else {
    const error = Math.abs(found.sum - expected.sum);
    expect(error).toBeLessThanOrEqual(expected.count * size * 1e-14);
  }
}

function between(random: SeededRandom, low: number, high: number): number {
  return low + random.below(high - low + 1);
}

type Make = (random: SeededRandom) => Value;
const KINDS: Record<string, Make> = {
  "small integers": (random) => ({ kind: "i64", value: BigInt(between(random, -50, 100)) }),
  "large integers": (random) => ({
    kind: "i64",
    value: BigInt(between(random, -(2 ** 30), 2 ** 30)) * 2n ** 32n + 7n,
  }),
  "large unsigned integers": (random) => ({
    kind: "u64",
    value: 2n ** 64n - 1n - BigInt(between(random, 0, 1000)),
  }),
  "small unsigned integers": (random) => ({ kind: "u64", value: BigInt(between(random, 0, 9)) }),
  "bools": (random) => ({ kind: "bool", value: between(random, 0, 1) === 1 }),
  "decimals": (random) => ({ kind: "f64", value: between(random, -5000, 9999) / 100 }),
  "doubles": (random) => ({ kind: "f64", value: Math.sin(between(random, 0, 1e6)) * 1e5 }),
  "doubles, NaN and infinity": (random) => ({
    kind: "f64",
    value: [1.5, NaN, Infinity, -0, 3][between(random, 0, 4)]!,
  }),
};

describe("as reading and adding", () => {
  test.each(Object.keys(KINDS))("%s", async (name) => {
    const random = new SeededRandom(name.length);
    const all = await openStorage();
    const rows = (from: number, to: number, step: number) =>
      Array.from({ length: to - from }, (_, i) => ({
        metric: METRIC,
        labels: LABELS,
        point: { timestamp: BigInt((from + i) * step), value: KINDS[name]!(random) },
      }));
    await all.insertRows(rows(0, 3_000, 1_000));
    await all.database.flush();
    await all.insertRows(rows(3_000, 3_100, 1_000));
    const check = () => {
      expectTotals(all, 0n, 10_000_000n);
      for (let i = 0; i < 20; i++) {
        const start = BigInt(between(random, 0, 3_200_000));
        expectTotals(all, start, start + BigInt(between(random, 1, 2_000_000)));
      }
    };
    check();
    await all.database.compact();
    check();
    // Rows at other times among them and over them, and a hole.
    await all.insertRows(rows(0, 500, 1_500));
    check();
    await all.deleteSeries({ metric: METRIC, start: 100_000n, end: 300_000n });
    check();
    await all.database.compact();
    check();
  });
});

test("nothing comes to nothing, and whole numbers are exact", async () => {
  const all = await openStorage();
  const point = (timestamp: bigint, value: bigint) => ({
    metric: METRIC,
    labels: LABELS,
    point: { timestamp, value: { kind: "i64", value } as const },
  });
  await all.insertRows([point(1n, 2n ** 50n + 1n), point(2n, 2n ** 50n + 1n)]);
  expect(totals(all, 5n, 6n)).toMatchObject({
    count: 0,
    sum: 0,
    least: Infinity,
    greatest: -Infinity,
  });
  expect(totals(all, 0n, 6n).sum).toBe(2 ** 51 + 2);
});

test("strings have no totals", async () => {
  const all = await openStorage();
  const value = { kind: "string", value: "x" } as const;
  await all.insertRows([{ metric: METRIC, labels: LABELS, point: { timestamp: 1n, value } }]);
  expect(() => totals(all, 0n, 6n)).toThrow("Cannot read a series of family blob as numbers");
});
