/** Opening and closing: what waits for what, and what a closed or closing database refuses. */
import { describe, expect, test } from "bun:test";
import { setImmediate } from "node:timers";
import { ALL_TIME } from "../../engine/base/time.ts";
import { isEngineError } from "../../engine/errors.ts";
import type { Storage } from "../../engine/storage.ts";
import { Machine, rowAt } from "../support/machine.ts";

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 10_000) throw new Error("It never came");
    await turn();
  }
}

/** Whether a promise has come to its end, and how. */
function watch(work: Promise<unknown>): { state: "waiting" | "done" | unknown } {
  const watched: { state: "waiting" | "done" | unknown } = { state: "waiting" };
  work.then(() => watched.state = "done", (error) => watched.state = error);
  return watched;
}

describe("closing", () => {
  test("waits for the write that is being synced, which is acknowledged and there", async () => {
    const machine = await Machine.start();
    machine.disk.holdSyncs();
    const written = watch(machine.write(rowAt(1)));
    await until(() => machine.disk.heldSyncs > 0);
    const closed = watch(machine.storage.close());
    for (let i = 0; i < 50; i++) await turn();
    expect([written.state, closed.state]).toEqual(["waiting", "waiting"]);
    machine.disk.releaseSyncs();
    await until(() => closed.state !== "waiting");
    expect([written.state, closed.state]).toEqual(["done", "done"]);
    machine.disk.crash("lost");
    await machine.open();
    expect(machine.seconds()).toEqual([1]);
    await machine.storage.close();
  });

  test.each([
    { name: "a flush", work: (machine: Machine) => machine.flush() },
    { name: "a compaction", work: (machine: Machine) => machine.compact() },
  ])("waits for $name that runs, or ends it; nothing is lost", async ({ work }) => {
    const machine = await Machine.start();
    await machine.write(rowAt(1));
    await machine.flush();
    await machine.write(rowAt(2));
    machine.disk.holdSyncs();
    const working = watch(work(machine));
    await until(() => machine.disk.heldSyncs > 0);
    const closed = watch(machine.storage.close());
    for (let i = 0; i < 50; i++) await turn();
    expect(closed.state).toBe("waiting");
    machine.disk.releaseSyncs();
    await until(() => closed.state !== "waiting" && working.state !== "waiting");
    expect(closed.state).toBe("done");
    expect(working.state === "done" || isEngineError(working.state, "closed")).toBe(true);
    expect(machine.disk.openPaths).toEqual([]);
    expect(machine.complaints).toEqual([]);
    await machine.open();
    expect(machine.seconds()).toEqual([1, 2]);
    await machine.storage.close();
  });

  test("ends a merge half-way without a complaint", async () => {
    // Without a log, closing flushes what the head holds: the merge has ended long before the scheduler does.
    const machine = await Machine.start({ compactionEnabled: false, logEnabled: false });
    for (let i = 0; i < 3; i++) {
      await machine.write(
        ...Array.from({ length: 3_000 }, (_, k) => rowAt(k * 3 + i, k, `t${k % 500}`)),
      );
      await machine.flush();
    }
    const compacted = watch(machine.compact());
    await until(() => machine.disk.memory.list("/data/staging").length > 0);
    await machine.write(rowAt(1_000_000));
    await machine.storage.close();
    expect(isEngineError(compacted.state, "closed") || compacted.state === "done").toBe(true);
    expect(machine.complaints).toEqual([]);
    expect(machine.disk.openPaths).toEqual([]);
    await machine.open();
    expect(machine.storage.stats().segments.points).toBe(9_001);
    await machine.storage.close();
  });

  test("ends a write that waits for room, with an error and no trace", async () => {
    const machine = await Machine.start({
      logFileBytes: 64 << 10,
      logBytesMax: 256 << 10,
      obsoleteKeepMs: 0,
    });
    machine.disk.holdSyncs();
    const writes: { state: unknown }[] = [];
    for (let i = 0; machine.storage.stats().writes.waiting === 0; i++) {
      const rows = Array.from({ length: 3_000 }, (_, k) => rowAt(i * 3_000 + k, Math.sqrt(k + i)));
      writes.push(watch(machine.write(...rows)));
      await turn();
    }
    const closed = watch(machine.storage.close());
    machine.disk.releaseSyncs();
    await until(() =>
      closed.state !== "waiting" && writes.every(({ state }) => state !== "waiting")
    );
    expect(closed.state).toBe("done");
    const acknowledged = writes.filter(({ state }) => state === "done").length;
    await machine.open();
    expect(machine.seconds().length % 3_000).toBe(0);
    expect(machine.seconds().length / 3_000).toBeGreaterThanOrEqual(acknowledged);
    await machine.storage.close();
  });

  test("twice at once, one wins; the other is told, and so is a third", async () => {
    const machine = await Machine.start();
    await machine.write(rowAt(1));
    const both = await Promise.allSettled([machine.storage.close(), machine.storage.close()]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    const again = await machine.storage.close().catch((error: unknown) => error);
    expect(isEngineError(again, "closed")).toBe(true);
    await machine.open();
    await machine.storage.close();
  });

  test("gives the directory up even where the flush before it fails, and what was acknowledged is there", async () => {
    const machine = await Machine.start();
    for (let i = 0; i < 70; i++) {
      await machine.write(...Array.from({ length: 3_000 }, (_, k) => rowAt(i * 3_000 + k)));
    }
    machine.disk.capacityBytes = 0;
    await machine.storage.close();
    machine.disk.capacityBytes = Infinity;
    await machine.open();
    expect(machine.seconds().length).toBe(210_000);
    await machine.storage.close();
  });
});

const CALLS: readonly { readonly name: string; readonly call: (storage: Storage) => unknown }[] = [
  { name: "insertRows", call: (storage) => storage.insertRows([rowAt(1)]) },
  { name: "select", call: (storage) => storage.select("m", [], 0n, 1n) },
  { name: "listMetrics", call: (storage) => storage.listMetrics() },
  { name: "deleteSeries", call: (storage) => storage.deleteSeries({}) },
  { name: "snapshot", call: (storage) => storage.snapshot("/copy") },
  { name: "flush", call: (storage) => storage.database.flush() },
  { name: "compact", call: (storage) => storage.database.compact() },
  { name: "view", call: (storage) => storage.database.view(ALL_TIME) },
];

test.each(CALLS)("after closing, $name says closed", async ({ call }) => {
  const machine = await Machine.start();
  await machine.write(rowAt(1));
  await machine.storage.close();
  let error: unknown;
  try {
    await call(machine.storage);
  } catch (thrown) {
    error = thrown;
  }
  expect(isEngineError(error, "closed")).toBe(true);
});

test("the figures can be asked for after closing", async () => {
  const machine = await Machine.start();
  await machine.write(rowAt(1));
  await machine.storage.close();
  expect(machine.storage.stats().writes.points).toBe(1);
  expect(machine.storage.memoryBudget()).toBeGreaterThan(0);
});

test("with the log switched off everything is flushed by closing, and an old log never comes back", async () => {
  const machine = await Machine.start();
  await machine.write(rowAt(1));
  await machine.storage.close();
  await machine.open({ logEnabled: false });
  // The log was given up unread: it belongs to a run with a log.
  expect(machine.seconds()).toEqual([]);
  await machine.write(rowAt(2));
  await machine.storage.close();
  await machine.open();
  expect(machine.seconds()).toEqual([2]);
  await machine.storage.close();
});
