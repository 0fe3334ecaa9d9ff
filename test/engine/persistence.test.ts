/** Flush and compaction beside writing and reading: nothing is missed, nothing comes back, failures heal. */
import { describe, expect, test } from "bun:test";
import { ALL_TIME } from "../../engine/base/time.ts";
import type { SourceId } from "../../engine/base/types.ts";
import { isEngineError } from "../../engine/errors.ts";
import type { View } from "../../engine/query/view.ts";
import { Machine, rowAt, SECOND } from "../support/machine.ts";

const METRIC = [{ name: "__name__", operator: "=", value: "m" }] as const;

function pointsOf(view: View): number {
  let points = 0;
  for (const { sources, slot, family } of view.select(METRIC)) {
    for (const source of sources) {
      const blocks = view.readBlocks({ source: source as SourceId, slot, family }, ALL_TIME);
      for (const { count } of blocks) points += count;
    }
  }
  return points;
}

describe("flush", () => {
  test("rows written while a flush runs are flushed by the one that is asked for meanwhile", async () => {
    const machine = await Machine.start();
    await machine.write(rowAt(1));
    const first = machine.flush();
    await machine.write(rowAt(2));
    const second = machine.flush();
    await Promise.all([first, second]);
    expect(machine.storage.database.stats().head.rows).toBe(0);
    await machine.storage.close();
  });

  test("a view that was opened before a flush and selects after it misses nothing", async () => {
    const machine = await Machine.start();
    await machine.write(rowAt(1), rowAt(2, 1, "b"));
    using view = machine.storage.database.view(ALL_TIME);
    await machine.flush();
    expect(pointsOf(view)).toBe(2);
    view[Symbol.dispose]();
    await machine.storage.close();
  });

  test("what a view has selected stays as it was through flush, deletion and compaction", async () => {
    const machine = await Machine.start();
    await machine.write(rowAt(1), rowAt(2));
    using view = machine.storage.database.view(ALL_TIME);
    expect(pointsOf(view)).toBe(2);
    await machine.flush();
    await machine.write(rowAt(3));
    await machine.storage.deleteSeries({ metric: "m" });
    await machine.compact();
    expect(pointsOf(view)).toBe(2);
    expect(machine.seconds()).toEqual([]);
    view[Symbol.dispose]();
    await machine.storage.close();
  });

  test("the last write wins over rows that a failed flush left behind", async () => {
    const machine = await Machine.start();
    await machine.write(rowAt(7, 1), rowAt(1, 1, "b"));
    machine.disk.inject({ at: machine.disk.operations + 1, kind: "error", when: "before" });
    const failed = await machine.flush().catch((error: unknown) => error);
    expect(isEngineError(failed, "io")).toBe(true);
    machine.disk.clearFaults();
    await machine.write(rowAt(7, 2));
    // Seals the newer rows while the older ones are still open.
    await machine.write(...Array.from({ length: 300 }, (_, i) => rowAt(8 + i, 3)));
    expect(machine.values()[0]).toBe(2);
    await machine.flush();
    expect(machine.values()[0]).toBe(2);
    await machine.storage.close();
  });

  test("data over very many partitions is flushed without loss", async () => {
    const machine = await Machine.start({ partitionMs: 1_000 });
    const rows = Array.from({ length: 6_000 }, (_, i) => rowAt(i * 100_000));
    await machine.write(...rows);
    await machine.flush();
    expect(machine.storage.database.stats().head.rows).toBe(0);
    expect(machine.seconds().length).toBe(6_000);
    await machine.reopen();
    expect(machine.seconds().length).toBe(6_000);
    await machine.storage.close();
  }, 30_000);
});

describe("a full disk", () => {
  test("obsolete files make room before a write is refused", async () => {
    const machine = await Machine.start();
    let second = 0;
    const write = (count: number) =>
      machine.write(...Array.from({ length: count }, () => rowAt(second, second++ / 7)));
    await write(5_000);
    await machine.flush();
    const { obsolete } = machine.storage.database.stats();
    expect(obsolete.bytes).toBeGreaterThan(50_000);
    machine.disk.capacityBytes = usedBytes(machine) + 2_000;
    while (machine.storage.database.stats().obsolete.files > 0) await write(100);
    expect(machine.seconds().length).toBe(second);
    await machine.storage.close();
  });

  test("writes are refused, reads and deletions go on, and room heals without a restart", async () => {
    const machine = await Machine.start({ obsoleteKeepMs: 0 });
    await machine.write(rowAt(1), rowAt(2));
    await machine.flush();
    machine.disk.capacityBytes = usedBytes(machine) + 2_000;
    let refused: unknown;
    for (let i = 3; refused === undefined && i < 3_000; i++) {
      refused = await machine.write(rowAt(i, i / 7)).then(() => undefined, (error) => error);
    }
    expect(isEngineError(refused, "io") || isEngineError(refused, "limit")).toBe(true);
    const kept = machine.seconds();
    expect(kept.length).toBeGreaterThanOrEqual(2);
    await machine.storage.deleteSeries({ metric: "m", start: SECOND, end: 2n * SECOND })
      .catch((error: unknown) => expect(isEngineError(error, "io")).toBe(true));
    machine.disk.capacityBytes = Infinity;
    await machine.write(rowAt(5_000));
    await machine.flush();
    const healed = machine.seconds();
    expect(healed.at(-1)).toBe(5_000);
    await machine.powerCut();
    expect(machine.seconds()).toEqual(healed);
    await machine.storage.close();
  });
});

describe("a failed sync", () => {
  test("ends writing until the next start; reading goes on; nothing acknowledged is lost", async () => {
    const machine = await Machine.start();
    await machine.write(rowAt(1));
    machine.disk.holdSyncs();
    const writing = machine.write(rowAt(2));
    writing.catch(() => {});
    // A sync begins in a turn of its own: waiting by microtasks alone would keep it from coming.
    while (machine.disk.heldSyncs === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    machine.disk.failSyncs();
    const error = await writing.catch((error: unknown) => error);
    expect(isEngineError(error, "failed")).toBe(true);
    machine.disk.releaseSyncs();
    const again = await machine.write(rowAt(3)).catch((error: unknown) => error);
    expect(isEngineError(again, "failed")).toBe(true);
    expect(machine.seconds()).toContain(1);
    expect(machine.storage.database.stats().health.failed).toBe(true);
    await machine.powerCut();
    expect(machine.seconds()[0]).toBe(1);
    await machine.write(rowAt(4));
    expect(machine.seconds().at(-1)).toBe(4);
    await machine.storage.close();
  });
});

function usedBytes(machine: Machine): number {
  let bytes = machine.disk.memory.fileBytes("/data/MANIFEST");
  for (const name of ["segments", "wal", "registry"] as const) {
    for (const path of machine.files(name)) bytes += machine.disk.memory.fileBytes(path);
  }
  return bytes;
}
