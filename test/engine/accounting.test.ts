/** Memory that is counted is memory that is there: after every kind of work the figures equal those counted anew. */
import { describe, expect, test } from "bun:test";
import { ALL_TIME } from "../../engine/base/time.ts";
import { MEMORY_TAG, type MemoryTag } from "../../engine/kernels/kernels.ts";
import { Machine, rowAt, SECOND } from "../support/machine.ts";

const TAGS = Object.keys(MEMORY_TAG) as MemoryTag[];

type Figures = Record<MemoryTag, number>;

/** Bytes of each tag; their sum is what a walk over all blocks gives. */
function figures(machine: Machine): Figures {
  const { kernels } = machine.storage.database;
  const bytes = Object.fromEntries(TAGS.map((tag) => [tag, kernels.usedBytes(tag)])) as Figures;
  const sum = TAGS.reduce((total, tag) => total + bytes[tag], 0);
  expect(sum).toBe(kernels.exports.occupiedBytes());
  const { memory } = machine.storage.stats();
  expect(memory.headBytes).toBe(bytes.head);
  expect(memory.registryBytes).toBe(bytes.registry);
  expect(memory.cacheBytes).toBe(bytes.cache);
  expect(memory.queryBytes).toBe(bytes.query);
  return bytes;
}

/** Rows of 40 series, sealed builders and late rows among them. */
function rows(from: number) {
  return Array.from({ length: 4_000 }, (_, i) => {
    const second = from + (i % 7 === 0 ? i - 5_000 : i);
    return rowAt(second, i / 3, `t${i % 40}`);
  });
}

describe("memory figures equal a count of all blocks", () => {
  test("through writes, reads, flush, deletion, compaction and restart", async () => {
    const machine = await Machine.start({ partitionMs: 600_000 });
    const empty = figures(machine);
    await machine.write(...rows(10_000));
    const written = figures(machine);
    expect(written.head).toBeGreaterThan(empty.head);
    expect(written.registry).toBeGreaterThan(empty.registry);
    machine.seconds("t3");
    expect(figures(machine).query).toBe(empty.query);
    await machine.flush();
    expect(figures(machine).head).toBeLessThan(written.head / 2);
    expect(machine.seconds("t3").length).toBe(100);
    expect(figures(machine).cache).toBeGreaterThan(0);
    await machine.write(...rows(20_000));
    await machine.storage.deleteSeries({
      matchers: [{ name: "tag", operator: "=~", value: "t1." }],
    });
    figures(machine);
    await machine.compact();
    figures(machine);
    await machine.reopen();
    figures(machine);
    expect(machine.seconds("t3").length).toBe(200);
    expect(machine.seconds("t13").length).toBe(0);
    figures(machine);
    await machine.storage.close();
  });

  test("a restart comes to the same figures for registry and head", async () => {
    const machine = await Machine.start({ flushPointsMax: 1_000_000 });
    await machine.write(...rows(10_000));
    machine.storage.listMetrics();
    const before = figures(machine);
    await machine.cut("kept");
    await machine.open();
    machine.storage.listMetrics();
    const after = figures(machine);
    expect(Math.abs(after.registry - before.registry)).toBeLessThan(before.registry / 20);
    // What the log's records refer to is made by the first write.
    expect(after.head).toBeLessThanOrEqual(before.head);
    await machine.storage.close();
  });

  test("what a view holds is given back when it is closed", async () => {
    const machine = await Machine.start();
    await machine.write(...rows(10_000));
    const before = figures(machine);
    {
      using view = machine.storage.database.view(ALL_TIME);
      view.select([{ name: "tag", operator: "=", value: "t5" }]);
      await machine.flush();
      // Rows that the view may read stay although they are in segments.
      expect(figures(machine).head).toBeGreaterThan(before.head / 2);
    }
    expect(figures(machine).head).toBeLessThan(before.head / 2);
    expect(figures(machine).query).toBe(before.query);
    await machine.storage.close();
  });

  test("tombstones and refused rows leave nothing behind", async () => {
    const machine = await Machine.start({ seriesMax: 40 });
    await machine.write(...rows(10_000));
    await machine.flush();
    machine.storage.listMetrics();
    const tryAll = async () => {
      for (let i = 0; i < 20; i++) {
        await machine.write(rowAt(1, 1, `more${i}`)).catch(() => {});
        const start = 10_000n * SECOND + BigInt(i);
        await machine.storage.deleteSeries({ metric: "m", start, end: start + 1n });
      }
    };
    // What answers such questions is made by the first.
    await tryAll();
    const before = figures(machine);
    await tryAll();
    const after = figures(machine);
    expect(after.registry).toBe(before.registry);
    expect(after.head).toBe(before.head);
    expect(after.scratch).toBe(before.scratch);
    await machine.storage.close();
  });
});
