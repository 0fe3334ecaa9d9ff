/**
 * Retention as its users meet it: what is hidden, refused and dropped, and what a restart, a deletion, or a wrong clock
 * changes about it.
 */
import { describe, expect, test } from "bun:test";
import { setImmediate } from "node:timers";
import type { Settings } from "../../engine/settings.ts";
import { Machine, rowAt } from "../support/machine.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";

const HOUR_S = 3_600;
const DAY_S = 86_400;
const DAY_MS = 86_400_000;
const START_S = Date.UTC(2026, 0, 10) / 1_000;
const RETENTION_DAYS = 2;

/** A database with a clock that the test moves; days count from the clock's start. */
class Aging {
  readonly clock = new ManualClock(START_S * 1_000);
  readonly disk = new SimulatedDisk();
  machine!: Machine;

  static async start(settings: Partial<Settings> = {}): Promise<Aging> {
    const aging = new Aging();
    aging.machine = await Machine.start(
      {
        partitionMs: HOUR_S * 1_000,
        retentionMs: RETENTION_DAYS * DAY_MS,
        obsoleteKeepMs: 0,
        ...settings,
      },
      aging.disk,
      "/data",
      aging.clock,
    );
    return aging;
  }

  /** A row so many days after the start. */
  row(day: number, value = 1) {
    return rowAt(START_S + Math.round(day * DAY_S), value);
  }

  /** Days after the start at which points are shown, to three places. */
  get days(): number[] {
    return this.machine.seconds().map((second) => Math.round((second - START_S) / 86.4) / 1_000);
  }

  get segments(): number {
    return this.machine.storage.stats().segments.files;
  }

  /** Lets time pass in steps that are no jump, and what is due run. */
  async pass(days: number): Promise<void> {
    for (let left = days * DAY_MS; left > 0; left -= HOUR_S * 500) {
      this.clock.advance(Math.min(left, HOUR_S * 500));
      await this.settle();
    }
  }

  /** Runs what the jobs have begun to its end: flushing and expiring wait for timers of 0 ms. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) {
      await new Promise<void>((resolve) => void setImmediate(resolve));
      this.clock.advance(0);
    }
  }

  /** A flush, the timers of which the test runs. */
  async flush(): Promise<void> {
    await this.#run(this.machine.flush());
  }

  async compact(): Promise<void> {
    await this.#run(this.machine.compact());
  }

  async #run(work: Promise<void>): Promise<void> {
    let isDone = false;
    const done = work.finally(() => isDone = true);
    while (!isDone) await this.settle();
    await done;
  }

  async close(): Promise<void> {
    await this.#run(this.machine.storage.close());
  }
}

describe("what is accepted", () => {
  test.each(
    [
      { unit: "ns", ticks: 1_000_000_000n },
      { unit: "us", ticks: 1_000_000n },
      { unit: "ms", ticks: 1_000n },
      { unit: "s", ticks: 1n },
    ] as const,
  )("the retention is the same in $unit", async ({ unit, ticks }) => {
    const aging = await Aging.start({ timeUnit: unit });
    const write = async (second: number) => {
      const value = { kind: "f64", value: 1 } as const;
      const row = { metric: "m", point: { timestamp: BigInt(second) * ticks, value } };
      return (await aging.machine.storage.insertRows([row])).tooOld;
    };
    const cutoff = START_S - RETENTION_DAYS * DAY_S;
    expect(await write(cutoff)).toBe(0);
    expect(await write(cutoff - 1)).toBe(1);
    await aging.close();
  });

  test.each([
    { name: "no retention takes whatever is old", retentionDays: 0, day: -4_000, isTaken: true },
    { name: "within the retention", retentionDays: 2, day: -1.9, isTaken: true },
    { name: "past the retention", retentionDays: 2, day: -2.1, isTaken: false },
    { name: "in the future", retentionDays: 2, day: 4_000, isTaken: true },
  ])("$name", async ({ retentionDays, day, isTaken }) => {
    const aging = await Aging.start({ retentionMs: retentionDays * DAY_MS });
    const { tooOld } = await aging.machine.storage.insertRows([aging.row(day), aging.row(0)]);
    expect(tooOld).toBe(isTaken ? 0 : 1);
    expect(aging.days).toEqual((isTaken ? [day, 0] : [0]).sort((a, b) => a - b));
    await aging.close();
  });
});

describe("what is shown", () => {
  test("points disappear exactly with their age, in the head and in segments, with their series", async () => {
    const aging = await Aging.start();
    await aging.machine.write(aging.row(-1.9), aging.row(-1.5));
    await aging.flush();
    await aging.machine.write(aging.row(-1.8), aging.row(-0.5));
    expect(aging.days).toEqual([-1.9, -1.8, -1.5, -0.5]);
    aging.clock.advance(0.15 * DAY_MS / 36);
    expect(aging.days.length).toBe(4);
    await aging.pass(0.15);
    expect(aging.days).toEqual([-1.8, -1.5, -0.5]);
    await aging.pass(0.5);
    expect(aging.days).toEqual([-0.5]);
    expect(aging.machine.storage.listMetrics().length).toBe(1);
    await aging.pass(1.2);
    expect(aging.days).toEqual([]);
    expect(aging.machine.storage.listMetrics()).toEqual([]);
    await aging.close();
  });

  test("data within the skew ahead of the clock moves the cutoff, data beyond it does not", async () => {
    const aging = await Aging.start();
    await aging.machine.write(aging.row(-1.999), aging.row(0));
    await aging.machine.write(aging.row(400));
    expect(aging.days).toEqual([-1.999, 0, 400]);
    expect((await aging.machine.storage.insertRows([aging.row(-1.998)])).tooOld).toBe(0);
    await aging.machine.write(aging.row(0.01));
    expect(aging.days).toEqual([0, 0.01, 400]);
    await aging.close();
  });
});

describe("what is dropped", () => {
  test("expired files of every level go, those that span the cutoff stay and hide their part", async () => {
    const aging = await Aging.start();
    // One merged file of days 0 to 1, one of day 1.5 and on, a flushed one.
    for (const day of [0, 0.5, 1]) {
      await aging.pass(day === 0 ? 0 : 0.5);
      await aging.machine.write(aging.row(day), aging.row(day - 0.2));
      await aging.flush();
    }
    await aging.compact();
    await aging.machine.write(aging.row(1.02));
    await aging.flush();
    const levels = aging.machine.storage.stats().segments.filesOfLevel;
    expect(levels.reduce((sum, files) => sum + files, 0)).toBeGreaterThan(2);
    const before = aging.segments;
    await aging.pass(1.4);
    expect(aging.segments).toBeLessThan(before);
    expect(aging.days).toEqual([0.5, 0.8, 1, 1.02]);
    await aging.pass(2);
    expect(aging.segments).toBe(0);
    expect(aging.machine.files("segments")).toEqual([]);
    expect(aging.machine.storage.stats().retention.expiredSegments).toBeGreaterThan(0);
    await aging.close();
  });

  test("a merge leaves expired rows out of a file that spans the cutoff", async () => {
    const aging = await Aging.start({ compactionEnabled: false });
    await aging.machine.write(aging.row(-1.99));
    await aging.flush();
    await aging.machine.write(aging.row(-1.98));
    await aging.flush();
    await aging.pass(0.015);
    await aging.compact();
    expect(aging.machine.storage.stats().segments.points).toBe(1);
    await aging.close();
  });

  test("a file near the cutoff is not written again and again as the cutoff moves through it", async () => {
    const aging = await Aging.start({ partitionMs: 12 * HOUR_S * 1_000 });
    await aging.machine.write(...Array.from({ length: 100 }, (_, i) => aging.row(i / 200)));
    await aging.flush();
    await aging.pass(0.6);
    await aging.compact();
    const { merges, writtenBytes } = aging.machine.storage.stats().compaction;
    for (let step = 0; step < 20; step++) {
      await aging.pass(0.08);
      aging.machine.seconds();
    }
    const { compaction } = aging.machine.storage.stats();
    expect([compaction.merges, compaction.writtenBytes]).toEqual([merges, writtenBytes]);
    expect(aging.days.length).toBeLessThan(100);
    await aging.close();
  });

  test("it holds over a restart, and a longer retention afterwards brings nothing back that was dropped", async () => {
    const aging = await Aging.start();
    await aging.machine.write(aging.row(0), aging.row(-0.5));
    await aging.flush();
    await aging.pass(1);
    await aging.machine.write(aging.row(1));
    await aging.flush();
    await aging.close();
    await aging.machine.open();
    expect(aging.days).toEqual([-0.5, 0, 1]);
    await aging.pass(1.2);
    expect(aging.days).toEqual([1]);
    await aging.close();
    await aging.machine.open({ retentionMs: 0 });
    expect(aging.days).toEqual([1]);
    await aging.close();
  });

  test("an idle database ages: nothing is written, and its files go", async () => {
    const aging = await Aging.start();
    await aging.machine.write(aging.row(0));
    await aging.flush();
    await aging.pass(2.1);
    expect(aging.segments).toBe(0);
    await aging.close();
  });

  test("without a retention nothing ever goes", async () => {
    const aging = await Aging.start({ retentionMs: 0 });
    await aging.machine.write(aging.row(-4_000), aging.row(0));
    await aging.flush();
    await aging.pass(5);
    expect(aging.days).toEqual([-4_000, 0]);
    await aging.close();
  });

  test("what the disk refuses to drop stays readable until it does", async () => {
    const aging = await Aging.start();
    await aging.machine.write(aging.row(0));
    await aging.flush();
    await aging.machine.write(aging.row(0.5));
    await aging.flush();
    aging.disk.capacityBytes = 0;
    await aging.pass(2.1);
    expect(aging.days).toEqual([0.5]);
    aging.disk.capacityBytes = Infinity;
    await aging.pass(0.1);
    expect(aging.segments).toBe(1);
    await aging.close();
  });
});

test("an idle database touches no disk for days, until something of it expires", async () => {
  const aging = await Aging.start({ retentionMs: 30 * DAY_MS, obsoleteKeepMs: 600_000 });
  await aging.machine.write(aging.row(0));
  await aging.flush();
  await aging.machine.write(aging.row(0.01));
  await aging.flush();
  await aging.pass(2);
  const { operations } = aging.disk;
  await aging.pass(20);
  expect(aging.disk.operations).toBe(operations);
  await aging.pass(9);
  expect(aging.disk.operations).toBeGreaterThan(operations);
  expect(aging.segments).toBe(0);
  await aging.close();
});

describe("the newest time that counts", () => {
  test("a deletion of the newest data moves no cutoff back below the clock", async () => {
    const aging = await Aging.start();
    await aging.machine.write(aging.row(-1.995), aging.row(-0.1), aging.row(0.01));
    expect(aging.days).toEqual([-0.1, 0.01]);
    await aging.machine.storage.deleteSeries({
      metric: "m",
      start: BigInt(START_S) * 1_000_000_000n,
      end: BigInt(START_S + DAY_S) * 1_000_000_000n,
    });
    expect(aging.days.includes(-0.1)).toBe(true);
    // The clock alone decides as soon as it has caught up.
    await aging.pass(0.02);
    expect(aging.days).toEqual([-0.1]);
    expect((await aging.machine.storage.insertRows([aging.row(-1.97)])).tooOld).toBe(0);
    await aging.close();
  });

  test("a clock that went wrong drops a share of the files an hour, and is noticed before all is gone", async () => {
    const aging = await Aging.start({ retentionMs: 30 * DAY_MS, compactionEnabled: false });
    for (let day = -20; day < 0; day++) {
      await aging.machine.write(aging.row(day));
      await aging.flush();
    }
    expect(aging.segments).toBe(20);
    aging.clock.wallMs += 400 * DAY_MS;
    await aging.pass(0.9 / 24);
    expect(aging.segments).toBe(20);
    await aging.pass(1.1 / 24);
    expect(aging.segments).toBeLessThan(20);
    expect(aging.segments).toBeGreaterThanOrEqual(10);
    aging.clock.wallMs -= 400 * DAY_MS;
    await aging.pass(1);
    expect(aging.days.length).toBe(aging.segments);
    await aging.close();
  });

  test("that share does not hinder the disk limit", async () => {
    const aging = await Aging.start({
      retentionMs: 30 * DAY_MS,
      compactionEnabled: false,
      diskLimitBytes: 100_000,
      logFileBytes: 64 << 10,
    });
    aging.clock.wallMs += 400 * DAY_MS;
    await aging.pass(1.2 / 24);
    let most = 0;
    for (let day = 400; day < 420; day += 0.25) {
      const rows = Array.from(
        { length: 500 },
        (_, i) => aging.row(day + i / 5_000, Math.sqrt(i + day)),
      );
      await aging.machine.write(...rows);
      await aging.flush();
      await aging.settle();
      most = Math.max(most, aging.machine.storage.stats().segments.bytes);
    }
    expect(most).toBeLessThan(100_000);
    expect(aging.segments).toBeGreaterThan(1);
    await aging.close();
  });
});
