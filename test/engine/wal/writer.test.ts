import { describe, expect, test } from "bun:test";
import { type EngineErrorCode, isEngineError } from "../../../engine/errors.ts";
import { largeRows, LogWorld, someRows } from "../../support/log_world.ts";
import type { BatchRow } from "../../support/record_rows.ts";
import { SimulatedDisk } from "../../support/simulated_disk.ts";

function codeOf(action: () => unknown): EngineErrorCode | undefined {
  try {
    action();
  } catch (error) {
    if (!isEngineError(error)) throw error;
    return error.code;
  }
  return undefined;
}

/** Lets everything that is ready happen. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

describe("appending", () => {
  test("gives back after a restart what was appended", async () => {
    const world = new LogWorld();
    world.open();
    const given = [1, 2, 3].map((number) => world.append(someRows(number)));
    await world.log.synced();
    await world.log.close();
    world.disk.crash("lost");
    world.open();
    expect(world.replayed).toEqual(given);
    expect(world.report).toMatchObject({ records: 3, rows: 9, points: 18, damage: [] });
    const more = world.append(someRows(4));
    await world.log.synced();
    world.disk.crash("lost");
    world.open();
    expect(world.replayed).toEqual([...given, more]);
    await world.log.close();
    expect(world.disk.openPaths).toEqual([]);
  });

  test("returns positions that ascend", () => {
    const world = new LogWorld();
    const log = world.open();
    expect(log.end).toEqual({ file: 1, offset: 32 });
    world.append(someRows(1));
    const { end } = log;
    expect(end.file).toBe(1);
    expect(end.offset).toBeGreaterThan(32);
    world.append(someRows(2));
    expect(log.end.offset).toBeGreaterThan(end.offset);
    expect(log.rotate()).toEqual({ file: 2, offset: 32 });
    expect(log.rotate()).toEqual({ file: 2, offset: 32 });
  });

  test("of nothing writes nothing", async () => {
    const world = new LogWorld();
    const log = world.open();
    world.table.kernels.exports.setBatch(0, 0);
    expect(log.append({ definitions: undefined, hasRows: true })).toEqual({ file: 1, offset: 32 });
    expect(log.synced()).toBeUndefined();
    expect(world.files()).toEqual([]);
    await log.close();
    expect(world.files()).toEqual([]);
  });

  test("of definitions alone is possible", async () => {
    const world = new LogWorld();
    const log = world.open();
    const definitions = new TextEncoder().encode(
      JSON.stringify([{ measurement: "m", host: "h0", fields: [["x", "f64"]] }]),
    );
    log.append({ definitions, hasRows: false });
    const given = world.append(someRows(1));
    await log.close();
    world.open();
    expect(world.replayed).toEqual([given]);
    expect(world.report?.records).toBe(2);
  });

  test("compresses long texts", async () => {
    const world = new LogWorld();
    const log = world.open();
    const text = Array.from({ length: 20_000 }, (_, index) => index % 10);
    const rows = [{
      measurement: "big",
      host: "h",
      time: 5n,
      cells: [{ field: "b", family: "blob", blob: text }],
    }] as const;
    const given = world.append(rows);
    expect(log.stats().appendedBytes).toBeLessThan(500);
    await log.close();
    world.open();
    expect(world.replayed).toEqual([given]);
  });

  test("begins a new file where a record does not fit, and replays all of them", async () => {
    const world = new LogWorld({ settings: { logFileBytes: 64 << 10, logBytesMax: 8 << 20 } });
    const log = world.open();
    const given: BatchRow[][] = [];
    for (let number = 0; number < 40; number++) given.push(world.append(largeRows(number, 5_000)));
    given.push(world.append(largeRows(40, 200_000)));
    given.push(world.append(someRows(41)));
    expect(log.end.file).toBe(6);
    await log.synced();
    world.disk.crash("lost");
    world.open();
    expect(world.replayed).toEqual(given);
    expect(world.report?.end).toEqual({ file: 7, offset: 32 });
    for (const [name, bytes] of world.files()) {
      expect(bytes).toBeLessThanOrEqual(name === "0000000005.log" ? 250_000 : 64 << 10);
    }
  });
});

describe("group commit", () => {
  test("syncs once for all who wait while a sync is under way", async () => {
    const world = new LogWorld();
    const log = world.open();
    world.append(someRows(0));
    await log.synced();
    const before = log.stats().syncs;
    world.disk.holdSyncs();
    const order: number[] = [];
    const wait = (number: number) => {
      world.append(someRows(number));
      void log.synced()!.then(() => order.push(number));
    };
    wait(1);
    await settle();
    expect(world.disk.heldSyncs).toBe(1);
    wait(2);
    wait(3);
    await settle();
    expect(world.disk.heldSyncs).toBe(1);
    world.disk.finishSyncs();
    await settle();
    expect(order).toEqual([1]);
    expect(world.disk.heldSyncs).toBe(1);
    wait(4);
    world.disk.finishSyncs();
    await settle();
    expect(order).toEqual([1, 2, 3]);
    world.disk.releaseSyncs();
    await settle();
    expect(order).toEqual([1, 2, 3, 4]);
    expect(log.stats().syncs).toBe(before + 3);
    expect(log.synced()).toBeUndefined();
  });

  test("asked again while the sync that covers it runs, waits for that one", async () => {
    const world = new LogWorld();
    const log = world.open();
    world.disk.holdSyncs();
    world.append(someRows(1));
    const first = log.synced();
    await settle();
    expect(log.synced()).toBe(first!);
    world.disk.releaseSyncs();
    await first;
    expect(log.stats().syncs).toBe(1);
  });

  test("covers records of a file that was left meanwhile, the older file first", async () => {
    const world = new LogWorld();
    const log = world.open();
    const given = [world.append(someRows(1))];
    await log.synced();
    given.push(world.append(someRows(2)));
    log.rotate();
    given.push(world.append(someRows(3)));
    log.rotate();
    given.push(world.append(someRows(4)));
    await log.synced();
    world.disk.crash("lost");
    world.open();
    expect(world.replayed).toEqual(given);
  });

  test("covers what a killed process left unsynced, though nothing was appended since", async () => {
    const world = new LogWorld();
    world.open();
    const given = world.append(someRows(1));
    world.open();
    expect(world.replayed).toEqual([given]);
    await world.log.sync();
    world.disk.crash("lost");
    world.open();
    expect(world.replayed).toEqual([given]);
  });

  test("a failed sync ends writing", async () => {
    const world = new LogWorld();
    const log = world.open();
    const given = world.append(someRows(1));
    await log.synced();
    world.disk.holdSyncs();
    world.append(someRows(2));
    const doomed = log.synced()!.catch((error: unknown) => error);
    await settle();
    world.append(someRows(3));
    const next = log.synced()!.catch((error: unknown) => error);
    world.disk.failSyncs();
    expect(await doomed).toMatchObject({ code: "failed" });
    expect(await next).toMatchObject({ code: "failed" });
    world.disk.releaseSyncs();
    expect(codeOf(() => world.append(someRows(4)))).toBe("failed");
    expect(codeOf(() => log.synced())).toBe("failed");
    expect(codeOf(() => log.rotate())).toBe("failed");
    await expect(log.close()).rejects.toMatchObject({ code: "failed" });
    expect(world.disk.openPaths).toEqual([]);
    world.disk.crash("lost");
    world.open();
    expect(world.replayed).toEqual([given]);
  });
});

describe("periodic syncs", () => {
  test("happen an interval after the first unsynced append, and not while there is nothing", async () => {
    const world = new LogWorld({ settings: { logSyncMode: "periodic", logSyncIntervalMs: 500 } });
    const log = world.open();
    world.clock.advance(5_000);
    await settle();
    expect(log.stats().syncs).toBe(0);
    world.append(someRows(1));
    let isDurable = false;
    void log.synced()!.then(() => isDurable = true);
    world.clock.advance(499);
    await settle();
    expect([isDurable, log.stats().syncs]).toEqual([false, 0]);
    world.append(someRows(2));
    world.clock.advance(1);
    await settle();
    expect([isDurable, log.stats().syncs]).toEqual([true, 1]);
    world.clock.advance(60_000);
    await settle();
    expect(log.stats().syncs).toBe(1);
    world.append(someRows(3));
    world.clock.advance(500);
    await settle();
    expect(log.stats().syncs).toBe(2);
    expect(log.synced()).toBeUndefined();
  });

  test("go on for what was appended during one", async () => {
    const world = new LogWorld({ settings: { logSyncMode: "periodic", logSyncIntervalMs: 500 } });
    const log = world.open();
    world.append(someRows(1));
    world.disk.holdSyncs();
    world.clock.advance(500);
    await settle();
    world.append(someRows(2));
    world.disk.releaseSyncs();
    await settle();
    expect(log.stats().syncs).toBe(1);
    world.clock.advance(500);
    await settle();
    expect(log.stats().syncs).toBe(2);
  });

  test("also cover records that nobody waits for when every append may be waited for", async () => {
    const world = new LogWorld();
    const log = world.open();
    world.append(someRows(1));
    world.clock.advance(1_000);
    await settle();
    expect(log.stats().syncs).toBe(1);
  });

  test("are made up for by closing", async () => {
    const world = new LogWorld({ settings: { logSyncMode: "periodic" } });
    world.open();
    const given = world.append(someRows(1));
    await world.log.close();
    await world.log.close();
    world.disk.crash("lost");
    world.open();
    expect(world.replayed).toEqual([given]);
    expect(codeOf(() => world.log.rotate())).toBeUndefined();
  });
});

describe("a full disk", () => {
  test("refuses what does not fit and takes more when there is room again", async () => {
    const disk = new SimulatedDisk();
    const world = new LogWorld({ disk, settings: { logFileBytes: 1 << 20, logBytesMax: 8 << 20 } });
    const log = world.open();
    const given: BatchRow[][] = [];
    for (let number = 0; number < 10; number++) given.push(world.append(largeRows(number, 40_000)));
    await log.synced();
    disk.capacityBytes = disk.memory.usedBytes + 8_192;
    let refused = 0;
    for (let number = 10; number < 20; number++) {
      const rows = largeRows(number, 40_000);
      const code = codeOf(() => given.push(world.append(rows)));
      if (code !== undefined) expect(code).toBe("io");
      if (code !== undefined) refused++;
    }
    // Some went into room that the file had already.
    expect(refused).toBeGreaterThan(5);
    given.push(world.append(someRows(50)));
    disk.capacityBytes = Infinity;
    given.push(world.append(largeRows(60, 40_000)));
    given.push(world.append(someRows(70)));
    await log.synced();
    disk.crash("lost");
    world.open();
    expect(world.replayed).toEqual(given);
    expect(world.report?.damage).toEqual([]);
  });
});

describe("limits", () => {
  test("the log's size is one, and trimming makes room", async () => {
    const world = new LogWorld({ settings: { logFileBytes: 64 << 10, logBytesMax: 256 << 10 } });
    const log = world.open();
    let number = 0;
    while (codeOf(() => world.append(largeRows(number, 20_000))) === undefined) number++;
    expect(number).toBe(13);
    expect(codeOf(() => world.append(largeRows(number, 20_000)))).toBe("limit");
    await log.synced();
    world.flush();
    const given = [world.append(largeRows(99, 20_000))];
    await log.synced();
    world.open();
    expect(world.replayed).toEqual(given);
  });

  test("a record above it is refused at once", () => {
    const world = new LogWorld({ settings: { logBytesMax: 256 << 10 } });
    world.open();
    expect(codeOf(() => world.append(largeRows(1, 300_000)))).toBe("limit");
    expect(world.files()).toEqual([]);
    expect(codeOf(() => world.append(largeRows(2, 200_000)))).toBeUndefined();
  });
});

describe("files", () => {
  test("are recycled, at most two are spare, and old content never comes back", async () => {
    const world = new LogWorld({ settings: { logFileBytes: 512 << 10, logBytesMax: 8 << 20 } });
    const log = world.open();
    let given: BatchRow[][] = [];
    for (let round = 0; round < 6; round++) {
      for (let number = 0; number < 50; number++) world.append(largeRows(number, 50_000));
      await log.synced();
      world.flush();
      expect(world.files().length).toBeLessThanOrEqual(2);
      given = [world.append(someRows(round)), world.append(someRows(round + 1))];
      await log.synced();
    }
    world.disk.crash("random");
    world.open();
    expect(world.replayed).toEqual(given);
    expect(world.files().length).toBeLessThanOrEqual(3);
    given.push(world.append(someRows(9)));
    await world.log.synced();
    world.disk.crash("lost");
    world.open();
    expect(world.replayed).toEqual(given);
  });

  test("grow ahead by zeros only while syncs are small", async () => {
    const small = new LogWorld({ settings: { logFileBytes: 4 << 20 } });
    small.open();
    for (let number = 0; number < 20; number++) {
      small.append(someRows(number));
      await small.log.synced();
    }
    expect(small.files()).toEqual([["0000000001.log", 256 << 10]]);
    const large = new LogWorld({ settings: { logFileBytes: 4 << 20, logBytesMax: 8 << 20 } });
    large.open();
    for (let number = 0; number < 10; number++) {
      large.append(largeRows(number, 300_000));
      await large.log.synced();
    }
    const [[, bytes]] = large.files() as [[string, number]];
    expect(bytes - large.log.end.offset).toBeLessThan(1_000);
  });
});
