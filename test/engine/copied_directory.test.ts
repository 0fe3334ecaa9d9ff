/**
 * A plain copy of a directory in use, made file by file in any order while writes, flushes and compactions go on: it opens
 * with everything that was acknowledged before copying began.
 */
import { describe, expect, test } from "bun:test";
import { isEngineError } from "../../engine/errors.ts";
import { setImmediate } from "node:timers";
import { verifyDatabase } from "../../engine/verify.ts";
import { type CopiedEntry, copyDirectory } from "../support/copying.ts";
import { Machine, rowAt } from "../support/machine.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import type { Fault } from "../support/simulated_disk.ts";

const ENTRIES: readonly CopiedEntry[] = ["MANIFEST", "registry", "segments", "wal"];
const ORDERS = permutations(ENTRIES);

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) =>
    permutations(items.filter((_, i) => i !== at)).map((rest) => [item, ...rest])
  );
}

/** A database that is written to: the points are the seconds from 0 on, each with itself as its value. */
class Busy {
  readonly machine: Machine;
  readonly random: SeededRandom;
  written = 0;
  readonly #underWay: Promise<unknown>[] = [];

  private constructor(machine: Machine, seed: number) {
    this.machine = machine;
    this.random = new SeededRandom(seed);
  }

  static async start(seed: number): Promise<Busy> {
    return new Busy(
      await Machine.start({ logFileBytes: 64 << 10, copyBytesPerSecond: 1_024 }),
      seed,
    );
  }

  async write(rows: number): Promise<void> {
    for (let i = 0; i < rows; i++) await this.machine.write(this.#next());
  }

  #next() {
    const second = this.written++;
    return rowAt(second, second, "a");
  }

  /** Something that a database in use does; half of the time it goes on behind the end of the step. */
  async step(): Promise<void> {
    const dice = this.random.next();
    if (dice < 0.4) return await this.write(this.random.below(12));
    if (dice < 0.8) {
      // Several segments, which get their names one after the other.
      await this.machine.write(...[-3, -2, -1].map((day) => rowAt(day * 86_400, 1, "late")));
      await this.write(1);
    }
    const work = dice < 0.8 ? this.machine.flush() : this.machine.compact();
    if (this.random.next() < 0.5) return await work;
    this.#underWay.push(work);
    for (let turns = this.random.below(8); turns > 0; turns--) {
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
  }

  /** Waits for what goes on. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay.splice(0));
  }
}

/** Opens the copy and says how many points it has: those from 0 on, none missing in between. */
async function pointsOfCopy(from: Machine, path: string): Promise<number> {
  const { problems } = verifyDatabase(from.disk.memory, path);
  expect(problems).toEqual([]);
  const copy = await Machine.start({ logFileBytes: 64 << 10 }, from.disk, path);
  const seconds = copy.seconds();
  expect(seconds).toEqual(Array.from({ length: seconds.length }, (_, i) => i));
  expect(copy.values()).toEqual(seconds);
  await copy.write(rowAt(1_000_000));
  await copy.flush();
  await copy.compact();
  await copy.reopen();
  expect(copy.seconds()).toEqual([...seconds, 1_000_000]);
  await copy.storage.close();
  return seconds.length;
}

describe("a copy made while the database is written, flushed and compacted", () => {
  test.each(ORDERS.map((order, i) => ({ order, name: order.join(", "), seed: i + 1 })))(
    "$name",
    async ({ order, seed }) => {
      const busy = await Busy.start(seed);
      const { machine } = busy;
      for (let i = 0; i < 6; i++) await busy.step();
      await busy.write(3);
      const before = busy.written;
      const gone = await copyDirectory(machine.disk.memory, {
        from: "/data",
        to: "/copy",
        order,
        descending: seed % 2 === 0,
        pieceBytes: 1_500,
        between: () => busy.step(),
      });
      expect(gone.filter((name) => !name.endsWith(".new"))).toEqual([]);
      await busy.settle();
      expect(await pointsOfCopy(machine, "/copy")).toBeGreaterThanOrEqual(before);
      await machine.storage.close();
    },
  );
});

test("a log file that writes overtook while it was copied ends before the gap", async () => {
  const busy = await Busy.start(1);
  const { machine } = busy;
  const { memory } = machine.disk;
  await busy.write(5);
  let breaks = 0;
  await copyDirectory(memory, {
    from: "/data",
    to: "/copy",
    order: ["wal", "MANIFEST", "registry", "segments"],
    pieceBytes: 4_096,
    // Not before the first piece is read: the log ends in it.
    between: () => busy.write(breaks++ === 0 ? 0 : 200),
  });
  const copy = await Machine.start({}, machine.disk, "/copy");
  expect(copy.complaints.join("\n")).toContain("it was copied while it was written");
  const seconds = copy.seconds();
  expect(seconds.length).toBeGreaterThanOrEqual(5);
  expect(seconds).toEqual(Array.from({ length: seconds.length }, (_, i) => i));
  await copy.storage.close();
  await machine.cut("kept");
  // The same gap in the file itself is damage.
  const file = memory.open("/data/wal/0000000001.log", "write");
  const copied = memory.open("/copy/wal/0000000001.log", "read");
  const content = new Uint8Array(copied.size());
  copied.read(content, 0);
  file.write(content, 0);
  for (const handle of [file, copied]) handle.close();
  const refused = await machine.open().catch((error: unknown) => error);
  expect(isEngineError(refused, "corrupt")).toBe(true);
});

describe("a registry that was copied first, while two flushes added to it", () => {
  /** Copies entry by entry, the registry first; behind each of them something happens. */
  async function copyInSteps(
    machine: Machine,
    steps: readonly (readonly [entry: CopiedEntry, then: () => Promise<void>])[],
  ): Promise<void> {
    const options = { from: "/data", to: "/copy", pieceBytes: 4_096 };
    for (const [entry, then] of steps) {
      const between = () => Promise.resolve();
      await copyDirectory(machine.disk.memory, { ...options, order: [entry], between });
      await then();
    }
  }

  async function flushed(machine: Machine, second: number, tag: string): Promise<void> {
    await machine.write(rowAt(second, second, tag));
    await machine.flush();
  }

  /** Opens the copy twice: what makes up for the registry must not be needed for ever. */
  async function secondsOfCopy(from: Machine, tag: string): Promise<number[]> {
    expect(verifyDatabase(from.disk.memory, "/copy").problems).toEqual([]);
    const copy = await Machine.start({ obsoleteKeepMs: 0 }, from.disk, "/copy");
    const seconds = copy.seconds(tag);
    await copy.write(rowAt(1_000, 1_000, "new"));
    await copy.reopen();
    expect(copy.seconds(tag)).toEqual(seconds);
    expect(copy.seconds("new")).toEqual([1_000]);
    await copy.storage.close();
    return seconds;
  }

  test("segments say what the missing files said", async () => {
    const machine = await Machine.start({ compactionEnabled: false });
    await machine.write(rowAt(0, 0, "a"));
    await copyInSteps(machine, [
      ["registry", () => flushed(machine, 1, "b")],
      ["wal", () => flushed(machine, 2, "c")],
      ["segments", () => flushed(machine, 3, "d")],
      ["MANIFEST", () => Promise.resolve()],
    ]);
    expect(await secondsOfCopy(machine, "a")).toEqual([0]);
    expect(await secondsOfCopy(machine, "b")).toEqual([1]);
    expect(await secondsOfCopy(machine, "d")).toEqual([]);
    await machine.storage.close();
  });

  /** A copy that lacks registry files, with a row of a series that only a log file below the floor defines. */
  async function copyWithoutRegistry(): Promise<Machine> {
    const machine = await Machine.start();
    await machine.write(rowAt(0, 0, "a"));
    const flushTwice = async (second: number) => {
      await flushed(machine, second, "b");
      await flushed(machine, second + 1, "c");
    };
    await copyInSteps(machine, [
      ["registry", async () => {
        await flushTwice(1);
        const matchers = [{ name: "tag", operator: "=", value: "b" }] as const;
        await machine.storage.deleteSeries({ metric: "m", matchers });
        await machine.compact();
      }],
      ["segments", () => machine.write(rowAt(3, 3, "b"))],
      ["wal", () => flushTwice(4)],
      ["MANIFEST", () => Promise.resolve()],
    ]);
    await machine.storage.close();
    return machine;
  }

  test("older log files say it of series whose segments are gone", async () => {
    const machine = await copyWithoutRegistry();
    expect(await secondsOfCopy(machine, "a")).toEqual([0]);
    expect(await secondsOfCopy(machine, "b")).toEqual([3]);
    expect(await secondsOfCopy(machine, "c")).toEqual([2]);
  });

  test.each<Omit<Fault, "at">>([
    { kind: "error", when: "before" },
    { kind: "error", when: "after" },
    { kind: "error", when: "before", code: "ENOSPC" },
    { kind: "crash", when: "before" },
    { kind: "crash", when: "after" },
  ])("each operation of its opening may fail: %p", async (fault) => {
    const { disk } = await copyWithoutRegistry();
    const settings = { obsoleteKeepMs: 0 };
    for (let at = 1;; at++) {
      expect(at).toBeLessThan(500);
      const path = `/try${at}`;
      const between = () => Promise.resolve();
      await copyDirectory(disk.memory, {
        from: "/copy",
        to: path,
        order: ENTRIES,
        pieceBytes: 4_096,
        between,
      });
      const before = disk.faultsMet;
      disk.inject({ at: disk.operations + at, ...fault });
      const opened = await Machine.start(settings, disk, path).catch((error: unknown) => error);
      if (opened instanceof Machine && !disk.isOff) await opened.storage.close();
      const isMet = disk.faultsMet > before;
      disk.clearFaults();
      disk.crash("random");
      const copy = await Machine.start(settings, disk, path);
      expect([at, copy.values("a"), copy.values("b"), copy.values("c")])
        .toEqual([at, [0], [3], [2]]);
      await copy.storage.close();
      if (!isMet) break;
    }
  }, 60_000);
});

describe("after the copied files' time", () => {
  test("they are gone, and a restart begins their time anew", async () => {
    const busy = await Busy.start(1);
    const { machine } = busy;
    await busy.write(3);
    await machine.flush();
    await busy.write(3);
    await machine.flush();
    await machine.compact();
    const kept = machine.files("segments").length;
    expect(kept).toBeGreaterThan(1);
    await machine.reopen();
    expect(machine.files("segments").length).toBe(kept);
    expect(machine.storage.database.stats().obsolete.files).toBeGreaterThan(0);
    await machine.reopen({ obsoleteKeepMs: 0 });
    expect(machine.files("segments").length).toBe(1);
    expect(machine.seconds()).toEqual([0, 1, 2, 3, 4, 5]);
    await machine.storage.close();
  });
});
