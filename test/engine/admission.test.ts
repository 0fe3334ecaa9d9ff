/** Limits: what waits, what is refused, and that memory and log stay within their bounds. */
import { describe, expect, test } from "bun:test";
import { isEngineError } from "../../engine/errors.ts";
import { Machine, rowAt } from "../support/machine.ts";

const MIB = 1 << 20;

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
