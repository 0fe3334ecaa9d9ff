/** Limits: what waits, what is refused, and that memory and log stay within their bounds. */
import { describe, expect, test } from "bun:test";
import { isEngineError } from "../../engine/errors.ts";
import { Admission } from "../../engine/write/admission.ts";
import { Machine, rowAt } from "../support/machine.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const MIB = 1 << 20;

/** Bytes that do not compress. */
function noise(bytes: number, seed = 1): Uint8Array {
  const random = new SeededRandom(seed);
  return Uint8Array.from({ length: bytes }, () => random.below(256));
}

describe("admission", () => {
  test("ten times the memory limit is taken in within it", async () => {
    const limit = 16 * MIB;
    const machine = await Machine.start({
      memoryLimitBytes: limit,
      blockCacheBytes: MIB,
      queryScratchBytes: 4 * MIB,
    });
    const { database } = machine.storage;
    const { batch, registry } = database;
    let points = 0;
    let most = 0;
    const values = new Float64Array(1);
    const bits = new DataView(values.buffer);
    let state = 1;
    // A raw double and its time take 16 bytes in the head.
    for (let round = 0; points * 16 < 10 * limit; round++) {
      await database.admit();
      batch.begin();
      for (let series = 0; series < 200; series++) {
        const source = registry.sourceOf("m", [["tag", `t${series}`]]);
        const slot = registry.slotOf(source, "value", "f64");
        for (let i = 0; i < 50; i++) {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
          values[0] = state / 7;
          batch.row(source, BigInt(round * 50 + i) * 1_000_000_000n);
          batch.float64Bytes(slot, bits, 0);
        }
      }
      points += database.write("appended").points;
      most = Math.max(most, database.stats().memory.headBytes);
    }
    expect(most).toBeLessThan(limit);
    expect(database.stats().flush.runs).toBeGreaterThan(0);
    const count = machine.seconds("t7").length;
    expect(count).toBe(points / 200);
    await machine.storage.close();
  }, 60_000);

  test("rows that no flush makes room for are refused with the memory limit's name", async () => {
    const machine = await Machine.start({
      memoryLimitBytes: 16 * MIB,
      headMemoryShare: 0.05,
      writeTimeoutMs: 0,
      compactionEnabled: false,
    });
    machine.disk.holdSyncs();
    const random = new SeededRandom(1);
    let refused: unknown;
    let second = 0;
    for (let i = 0; refused === undefined && i < 400; i++) {
      const rows = Array.from({ length: 3_000 }, () => rowAt(second++, random.next()));
      refused = await machine.storage.insertRows(rows, "appended")
        .then(() => undefined, (error: unknown) => error);
    }
    expect(isEngineError(refused, "limit")).toBe(true);
    expect(String(refused)).toContain("memoryLimitBytes");
    machine.disk.releaseSyncs();
    await machine.flush();
    await machine.write(rowAt(second));
    await machine.storage.close();
  }, 60_000);

  test("the log stays within logBytesMax: a flush makes room for writes that wait", async () => {
    const logBytesMax = 512 << 10;
    const machine = await Machine.start({ logFileBytes: 64 << 10, logBytesMax });
    let most = 0;
    let state = 1;
    const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 7;
    for (let round = 0; round < 60; round++) {
      const rows = Array.from({ length: 3_000 }, (_, i) => rowAt(round * 3_000 + i, random()));
      await machine.write(...rows);
      most = Math.max(most, machine.storage.database.stats().log!.bytes);
    }
    expect(most).toBeLessThanOrEqual(logBytesMax);
    expect(machine.seconds().length).toBe(180_000);
    await machine.storage.close();
  }, 60_000);

  test("a write that no flush can make room for is refused with the limit's name", async () => {
    const machine = await Machine.start({
      logFileBytes: 64 << 10,
      logBytesMax: 256 << 10,
      writeTimeoutMs: 0,
    });
    let state = 1;
    const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 7;
    let refused: unknown;
    for (let round = 0; refused === undefined && round < 40; round++) {
      const rows = Array.from({ length: 3_000 }, (_, i) => rowAt(round * 3_000 + i, random()));
      refused = await machine.storage.insertRows(rows, "appended")
        .then(() => undefined, (error: unknown) => error);
    }
    expect(isEngineError(refused, "limit")).toBe(true);
    expect(String(refused)).toContain("logBytesMax");
    await machine.flush();
    await machine.write(rowAt(1));
    await machine.storage.close();
  }, 60_000);

  test("a write above the log's limit is refused at once, however long it might wait", async () => {
    const clock = new ManualClock();
    const machine = await Machine.start(
      { logFileBytes: 64 << 10, logBytesMax: 256 << 10, writeTimeoutMs: 3_600_000 },
      undefined,
      "/data",
      clock,
    );
    const value = { kind: "bytes", value: noise(600_000) } as const;
    const row = { metric: "blob", point: { timestamp: 1n, value } };
    const refused = await machine.storage.insertRows([row]).catch((error: unknown) => error);
    expect(isEngineError(refused, "limit")).toBe(true);
    expect(String(refused)).toContain("logBytesMax");
    expect(clock.monotonicMs()).toBe(0);
    await machine.storage.close();
  });

  test.each([
    { name: "no time to wait refuses at once", timeoutMs: 0, waitMs: 0 },
    { name: "a wait ends with the timeout", timeoutMs: 5_000, waitMs: 5_000 },
  ])("$name and names the limit, not the time", async ({ timeoutMs, waitMs }) => {
    const clock = new ManualClock();
    let isFull = true;
    let asked = 0;
    const admission = new Admission({
      clock,
      timeoutMs,
      pressure: {
        reached: () => isFull ? { limit: "logBytesMax", message: "the log is full" } : undefined,
        relieve: () => asked++,
      },
    });
    const refused = admission.admit()!.then(() => undefined, (error: unknown) => error);
    await Promise.resolve();
    if (waitMs > 0) {
      clock.advance(waitMs - 1);
      expect(admission.stats().waiting).toBe(1);
      expect(asked).toBe(1);
      clock.advance(1);
    }
    expect(String(await refused)).toContain("logBytesMax");
    expect(admission.stats()).toEqual({ waiting: 0, delays: 1, delayMs: waitMs });
    isFull = false;
    expect(admission.admit()).toBeUndefined();
  });

  test("room is made while several writes wait, and all of them go on", async () => {
    const limit = 16 * MIB;
    const machine = await Machine.start({
      memoryLimitBytes: limit,
      headMemoryShare: 0.05,
      blockCacheBytes: MIB,
      queryScratchBytes: 8 * MIB,
    });
    let state = 1;
    const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 7;
    const writes: Promise<unknown>[] = [];
    let waiting = 0;
    let second = 0;
    // Nobody awaits: the flush has to make room beside writes that wait for it.
    for (let i = 0; i < 120; i++) {
      const rows = Array.from({ length: 3_000 }, () => rowAt(second++, random()));
      writes.push(machine.write(...rows));
      waiting = Math.max(waiting, machine.storage.stats().writes.waiting);
    }
    await Promise.all(writes);
    expect(waiting).toBeGreaterThan(1);
    expect(machine.storage.stats().writes.waiting).toBe(0);
    expect(machine.seconds().length).toBe(second);
    await machine.storage.close();
  }, 60_000);

  test("small writes are taken while the log has very many files, within its limit", async () => {
    const logBytesMax = 4 << 20;
    const machine = await Machine.start({
      logFileBytes: 64 << 10,
      logBytesMax,
      flushPointsMax: 1e9,
      obsoleteKeepMs: 0,
    });
    let most = 0;
    let files = 0;
    for (let i = 0; i < 90; i++) {
      const value = { kind: "bytes", value: noise(60_000, i) } as const;
      await machine.storage.insertRows([{
        metric: "blob",
        point: { timestamp: BigInt(i), value },
      }]);
      const { log } = machine.storage.stats();
      most = Math.max(most, log!.bytes);
      files = Math.max(files, log!.files);
    }
    expect(files).toBeGreaterThan(40);
    expect(most).toBeLessThanOrEqual(logBytesMax);
    expect(machine.storage.select("blob", [], 0n, 100n).length).toBe(90);
    await machine.storage.close();
  }, 60_000);

  test("the series limit refuses new series only", async () => {
    const machine = await Machine.start({ seriesMax: 3 });
    for (const tag of ["a", "b", "c"]) await machine.write(rowAt(1, 1, tag));
    const refused = await machine.write(rowAt(1, 1, "d")).catch((error: unknown) => error);
    expect(isEngineError(refused, "limit")).toBe(true);
    expect(String(refused)).toContain("seriesMax");
    await machine.write(rowAt(2, 1, "a"));
    expect(machine.seconds("a")).toEqual([1, 2]);
    expect(machine.seconds("d")).toEqual([]);
    await machine.storage.close();
  });
});
