/** Totals of a view beside a loop over its points: every family, shape of times and way the data can lie. */
import { describe, expect, test } from "bun:test";
import { DEFAULT_FIELD, type SourceId } from "../../../engine/base/types.ts";
import { familyOfKind, type Value } from "../../../engine/query/block.ts";
import type { DataPoint } from "../../../engine/query/aggregate.ts";
import type { SeriesReference, Totals, View } from "../../../engine/query/view.ts";
import { Machine, SECOND } from "../../support/machine.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

const EVER = { start: 0n, end: 9_000_000_000n * SECOND };
const BASE = 1_767_225_600n * SECOND;

const f64 = (value: number): Value => ({ kind: "f64", value });

/** A value for a random number, by the family and nature of the series. */
const VALUES: Readonly<Record<string, (random: SeededRandom, i: number) => Value>> = {
  "whole numbers": (random) => f64(random.below(100)),
  "signed whole numbers, large": (random) => f64((random.below(2) * 2 - 1) * random.below(2 ** 30)),
  "whole numbers whose sum is beyond 2^53": (random) => f64(2 ** 50 + random.below(1_000) * 2),
  "decimals": (random) => f64(random.below(100_000) / 1_000),
  "true doubles": (random) => f64(random.next() * 1e6 - 5e5),
  "whole numbers first, decimals later": (random, i) => f64(random.below(100) / (i < 900 ? 1 : 7)),
  "zeros of both signs": (random) => f64(random.pick([0, -0, 0, 1])),
  "zeros below 0": () => f64(-0),
  "NaN among decimals": (random) => f64(random.below(9) === 0 ? NaN : random.below(99) / 10),
  "NaN only": () => f64(NaN),
  "infinities": (random) => f64(random.pick([Infinity, -Infinity, 1.5, 2])),
  "the greatest doubles": (random) => f64(random.pick([1.7e308, -1.7e308, 1.6e308])),
  "i64": (random) => ({ kind: "i64", value: BigInt(random.below(2_000) - 1_000) }),
  "the extremes of i64": (random) => ({
    kind: "i64",
    value: random.pick([-(2n ** 63n), 2n ** 63n - 1n]),
  }),
  "u64": (random) => ({ kind: "u64", value: 2n ** 63n + BigInt(random.below(1_000)) }),
  "bool": (random) => ({ kind: "bool", value: random.below(2) === 1 }),
};

/** What a loop over the points gives. */
function looped(points: readonly DataPoint[]): Totals {
  let count = 0;
  let sum = 0;
  let least = Infinity;
  let greatest = -Infinity;
  for (const { value } of points) {
    const number = Number(value.value);
    if (Number.isNaN(number)) continue;
    count++;
    sum += number;
    // Math.min and Math.max order -0 below 0.
    least = Math.min(least, number);
    greatest = Math.max(greatest, number);
  }
  return {
    points: points.length,
    count,
    sum,
    least,
    greatest,
    firstTime: points[0]?.timestamp ?? 0n,
    lastTime: points.at(-1)?.timestamp ?? 0n,
  };
}

function referenceOf(view: View): SeriesReference {
  const group = view.select([{ name: "__name__", operator: "=", value: "m" }])[0]!;
  return { source: group.sources[0] as SourceId, slot: group.slot, family: group.family };
}

/** Compares totals of ranges that begin and end anywhere, on points and between them. */
function check(machine: Machine, random: SeededRandom): void {
  const all = machine.storage.select("m", [], EVER.start, EVER.end);
  using view = machine.storage.database.view(EVER);
  const series = referenceOf(view);
  expect(view.totals(series, EVER)).toEqual(looped(all));
  for (let i = 0; i < 12; i++) {
    const bound = () => random.pick(all).timestamp + BigInt(random.below(3) - 1);
    const [a, b] = [bound(), bound()];
    const range = a < b ? { start: a, end: b } : { start: b, end: a };
    const inside = all.filter(({ timestamp }) => timestamp >= range.start && timestamp < range.end);
    expect(view.totals(series, range)).toEqual(looped(inside));
  }
}

const SHAPES = ["regular", "irregular", "sparse", "sparse and irregular"] as const;

/** A row of the series' source; a row of a sparse series has a value of another column too, and may have none of its own. */
interface SourceRow {
  readonly timestamp: bigint;
  readonly value: Value | undefined;
  readonly hasOther: boolean;
}

function rowsOf(name: string, shape: typeof SHAPES[number], random: SeededRandom): SourceRow[] {
  const isSparse = shape.startsWith("sparse");
  let timestamp = BASE;
  return Array.from({ length: 1_500 }, (_, i) => {
    timestamp += shape.endsWith("irregular") ? BigInt(random.below(1_000_000) + 1) : SECOND;
    const value = isSparse && random.below(3) === 0 ? undefined : VALUES[name]!(random, i);
    return { timestamp, value, hasOther: isSparse };
  });
}

async function write(machine: Machine, rows: readonly SourceRow[]): Promise<void> {
  const { database } = machine.storage;
  const { registry, batch } = database;
  const source = registry.sourceOf("m", []);
  const family = familyOfKind(rows.find(({ value }) => value !== undefined)!.value!.kind);
  const slot = registry.slotOf(source, DEFAULT_FIELD, family);
  const other = registry.slotOf(source, "other", "f64");
  batch.begin();
  for (const { timestamp, value, hasOther } of rows) {
    batch.row(source, timestamp);
    if (value !== undefined) batch.value(slot, value);
    if (hasOther) batch.float64(other, 1);
  }
  await database.write("durable").done;
}

describe("totals are what a loop over the points gives", () => {
  const cases = Object.keys(VALUES).flatMap((name) => SHAPES.map((shape) => ({ name, shape })));
  test.each(cases)("$name, $shape", async ({ name, shape }) => {
    const random = new SeededRandom(name.length * 7 + shape.length);
    const machine = await Machine.start();
    const rows = rowsOf(name, shape, random);
    await write(machine, rows.slice(0, 1_000));
    check(machine, random);
    await machine.flush();
    check(machine, random);
    await write(machine, rows.slice(1_000));
    check(machine, random);
    await machine.compact();
    check(machine, random);
    await machine.storage.close();
  });

  test("where pieces overlap, and deletions hide", async () => {
    const random = new SeededRandom(3);
    const machine = await Machine.start();
    const rows = rowsOf("decimals", "regular", random);
    await write(machine, rows);
    await machine.flush();
    await write(machine, rows.filter(() => random.below(5) === 0));
    check(machine, random);
    await machine.flush();
    check(machine, random);
    const [start, end] = [BASE + 300n * SECOND, BASE + 420n * SECOND];
    await machine.storage.deleteSeries({ metric: "m", start, end });
    check(machine, random);
    await machine.compact();
    check(machine, random);
    await machine.storage.close();
  });

  test("of no points", async () => {
    const machine = await Machine.start();
    await write(machine, rowsOf("decimals", "regular", new SeededRandom(1)));
    using view = machine.storage.database.view(EVER);
    const nothing = { points: 0, count: 0, sum: 0, least: Infinity, greatest: -Infinity };
    const expected = { ...nothing, firstTime: 0n, lastTime: 0n };
    expect(view.totals(referenceOf(view), { start: 5n, end: 9n })).toEqual(expected);
    expect(view.totals(referenceOf(view), { start: 9n, end: 5n })).toEqual(expected);
  });

  test("are refused for blobs", async () => {
    const machine = await Machine.start();
    await machine.write({
      metric: "m",
      point: { timestamp: BASE, value: { kind: "string", value: "x" } },
    });
    using view = machine.storage.database.view(EVER);
    expect(() => view.totals(referenceOf(view), EVER)).toThrow("family blob as numbers");
  });
});
