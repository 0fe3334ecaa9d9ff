/** Calls that are under way at once: writes of the same new series, deletions, flushes, snapshots and reads between them. */
import { describe, expect, test } from "bun:test";
import { setImmediate } from "node:timers";
import { isEngineError } from "../../engine/errors.ts";
import { Machine, rowAt, SECOND } from "../support/machine.ts";

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

describe("first writes at once", () => {
  test("of one series make one series, of many make each of them", async () => {
    const machine = await Machine.start();
    machine.disk.holdSyncs();
    const writes = Array.from({ length: 50 }, (_, i) => [
      machine.write(rowAt(i, i, "same")),
      machine.write(rowAt(1, i, `own${i}`)),
      machine.storage.insertRows([{
        metric: `metric${i % 5}`,
        point: { timestamp: BigInt(i), value: { kind: "i64", value: 1n } },
      }]),
    ]).flat();
    await turn();
    // What is written is seen before the disk has confirmed it, and the registry does not wait for the disk.
    expect(machine.seconds("same").length).toBe(50);
    expect(machine.storage.listMetrics().length).toBe(56);
    machine.disk.releaseSyncs();
    await Promise.all(writes);
    expect(machine.storage.stats().cardinality.series).toBe(56);
    await machine.reopen();
    expect(machine.storage.listMetrics().length).toBe(56);
    expect(machine.seconds("same").length).toBe(50);
    await machine.storage.close();
  });

  test("of two families: one wins, the other is refused and leaves no entry in the log", async () => {
    const machine = await Machine.start();
    const point = (value: number) => [rowAt(1, value)];
    const integer = {
      ...rowAt(2),
      point: { timestamp: 2n, value: { kind: "i64", value: 1n } as const },
    };
    const results = await Promise.allSettled([
      machine.storage.insertRows(point(1)),
      machine.storage.insertRows([integer]),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    await machine.cut("kept");
    await machine.open();
    expect(machine.storage.stats().head.rows).toBe(1);
    expect(machine.seconds()).toEqual([1]);
    await machine.storage.close();
  });
});

describe("a deletion and a write of one series at once", () => {
  test.each<{ name: string; isWriteFirst: boolean; left: number[] }>([
    { name: "the write begun first is hidden", isWriteFirst: true, left: [] },
    { name: "the write begun behind it stays", isWriteFirst: false, left: [2] },
  ])("$name, before and after a restart", async ({ isWriteFirst, left }) => {
    const machine = await Machine.start();
    await machine.write(rowAt(1));
    machine.disk.holdSyncs();
    const remove = () => machine.storage.deleteSeries({ metric: "m" });
    const write = () => machine.write(rowAt(2));
    const work = isWriteFirst ? [write(), remove()] : [remove(), write()];
    await turn();
    machine.disk.releaseSyncs();
    await Promise.all(work);
    expect(machine.seconds()).toEqual(left);
    expect(machine.storage.listMetrics().length).toBe(left.length);
    await machine.reopen();
    expect(machine.seconds()).toEqual(left);
    await machine.compact();
    expect(machine.seconds()).toEqual(left);
    await machine.storage.close();
  });

  test("nothing waits for a deletion, and until it is durable the points are seen", async () => {
    const machine = await Machine.start();
    await machine.write(rowAt(1));
    machine.disk.holdSyncs();
    const removed = machine.storage.deleteSeries({ metric: "m" });
    await turn();
    expect(machine.seconds()).toEqual([1]);
    const written = machine.storage.insertRows([rowAt(2)], "appended");
    expect((await written).acknowledgement).toBe("appended");
    expect(machine.seconds()).toEqual([1, 2]);
    machine.disk.releaseSyncs();
    await removed;
    expect(machine.seconds()).toEqual([2]);
    await machine.storage.close();
  });
});

describe("reads beside writes", () => {
  test("of a long merge, a listing or a scan hold no write up: all of them are one step", async () => {
    const machine = await Machine.start();
    for (let i = 0; i < 4; i++) {
      await machine.write(...Array.from({ length: 2_000 }, (_, k) => rowAt(k * 4 + i)));
      await machine.flush();
    }
    const written = machine.write(rowAt(100_000));
    expect(machine.seconds().length).toBeGreaterThanOrEqual(8_000);
    await written;
    expect(machine.seconds().at(-1)).toBe(100_000);
    await machine.storage.close();
  });

  test("a small window of a large head is read without the rest of it", async () => {
    const machine = await Machine.start();
    await machine.write(...Array.from({ length: 30_000 }, (_, k) => rowAt(k)));
    const range = { start: 100n * SECOND, end: 110n * SECOND };
    using view = machine.storage.database.view(range);
    const before = machine.storage.stats().memory.queryBytes;
    const [group] = view.select([{ name: "__name__", operator: "=", value: "m" }]);
    const { source, slot, family } = { source: group!.sources[0]!, ...group! };
    const blocks = view.readBlocks({ source: source as never, slot, family }, range);
    expect(blocks.reduce((sum, { count }) => sum + count, 0)).toBe(10);
    expect(machine.storage.stats().memory.queryBytes - before).toBeLessThan(30_000 * 4);
    view[Symbol.dispose]();
    await machine.storage.close();
  });
});

describe("snapshots beside other work", () => {
  test("holds what was acknowledged before it, whatever is flushed and deleted meanwhile", async () => {
    const machine = await Machine.start();
    await machine.write(rowAt(1), rowAt(2));
    const snapshot = machine.storage.snapshot("/copy");
    const flushed = machine.flush();
    const removed = machine.storage.deleteSeries({ metric: "m", start: SECOND, end: 2n * SECOND });
    const written = machine.write(rowAt(3));
    await Promise.all([snapshot, flushed, removed, written]);
    const copy = await Machine.start({}, machine.disk, "/copy");
    const seconds = copy.seconds();
    expect(seconds.includes(2)).toBe(true);
    await copy.storage.close();
    await machine.storage.close();
  });

  test.each([
    { name: "the destination exists", prepare: (m: Machine) => m.disk.makeDirectory("/copy") },
    { name: "the database is closed", prepare: (m: Machine) => m.storage.close() },
  ])("is refused where $name", async ({ prepare }) => {
    const machine = await Machine.start();
    await machine.write(rowAt(1));
    await prepare(machine);
    let error: unknown;
    try {
      await machine.storage.snapshot("/copy");
    } catch (thrown) {
      error = thrown;
    }
    expect(isEngineError(error, "invalid") || isEngineError(error, "closed")).toBe(true);
    await machine.storage.close().catch(() => {});
  });
});

test("steady ingest keeps segments, log files and manifest few", async () => {
  const machine = await Machine.start({
    partitionMs: 60_000,
    flushPointsMax: 1_000,
    logFileBytes: 64 << 10,
    obsoleteKeepMs: 0,
  });
  let most = 0;
  let logBytes = 0;
  let manifestBytes = 0;
  for (let i = 0; i < 150; i++) {
    await machine.write(...Array.from({ length: 1_000 }, (_, k) => rowAt(i * 1_000 + k)));
    await machine.compact();
    const { segments, log } = machine.storage.stats();
    most = Math.max(most, segments.files);
    logBytes = Math.max(logBytes, log!.bytes);
    manifestBytes = Math.max(manifestBytes, machine.disk.memory.fileBytes("/data/MANIFEST"));
  }
  expect(machine.storage.stats().flush.runs).toBeGreaterThan(100);
  // 150,000 s are 2,500 partitions, 16 of which come to lie in one file.
  expect(most).toBeLessThan(170);
  expect(logBytes).toBeLessThan(1 << 20);
  expect(manifestBytes).toBeLessThan(256 << 10);
  expect(machine.seconds().length).toBe(150_000);
  await machine.storage.close();
}, 60_000);
