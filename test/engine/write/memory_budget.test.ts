/** One limit over head, registry and cache. */
import { describe, expect, test } from "bun:test";
import { Kernels } from "../../../engine/kernels/kernels.ts";
import { Registry } from "../../../engine/series/registry.ts";
import { completeSettings } from "../../../engine/settings.ts";
import { cacheBytesOf, MemoryBudget, scratchBytesOf } from "../../../engine/write/memory_budget.ts";
import { Machine, rowAt } from "../../support/machine.ts";

const MIB = 1 << 20;

describe("the parts of the memory limit", () => {
  test.each([
    {
      name: "an empty registry leaves the head its share",
      registryMib: 0,
      wait: 102.4,
      flush: 51.2,
    },
    { name: "a registry of some size leaves less", registryMib: 40, wait: 72, flush: 36 },
    { name: "one past its share leaves the least", registryMib: 120, wait: 12.8, flush: 6.4 },
  ])("$name", ({ registryMib, wait, flush }) => {
    const kernels = new Kernels();
    const budget = new MemoryBudget(kernels, completeSettings({ memoryLimitBytes: 128 * MIB }));
    if (registryMib > 0) kernels.alloc(registryMib * MIB, "registry");
    budget.limitSeries();
    expect(Math.abs(budget.headWaitBytes / MIB - wait)).toBeLessThan(1);
    expect(Math.abs(budget.headFlushBytes / MIB - flush)).toBeLessThan(1);
  });

  test("the cache has at most a quarter, a read's scratch half", () => {
    const settings = completeSettings({ memoryLimitBytes: 16 * MIB, blockCacheBytes: 16 * MIB });
    expect(cacheBytesOf(settings)).toBe(4 * MIB);
    expect(scratchBytesOf(settings)).toBe(8 * MIB);
  });

  test("what reads hold is not the head's meanwhile", () => {
    const kernels = new Kernels();
    const budget = new MemoryBudget(kernels, completeSettings({ memoryLimitBytes: 128 * MIB }));
    const before = budget.headWaitBytes;
    const block = kernels.alloc(64 * MIB, "query");
    expect(Math.abs(budget.headWaitBytes / MIB - 48)).toBeLessThan(1);
    kernels.free(block, "query");
    expect(budget.headWaitBytes).toBe(before);
  });

  test("series end where the registry has its half, the settings' limit where that is earlier", () => {
    const kernels = new Kernels();
    const registry = new Registry(kernels);
    const settings = completeSettings({ memoryLimitBytes: 16 * MIB, seriesMax: 1_000_000 });
    const budget = new MemoryBudget(kernels, settings);
    let made = 0;
    for (let i = 0; i < 200_000; i++) {
      if (registry.sourceOf("m", [["host", `some-host-with-a-long-name-${i}`]]) === 0) break;
      made++;
      budget.limitSeries();
    }
    expect(kernels.usedBytes("registry")).toBeLessThan(8.5 * MIB);
    expect(kernels.usedBytes("registry")).toBeGreaterThan(6 * MIB);
    expect(made).toBeGreaterThan(10_000);
    expect(registry.seriesRoom).toBe(0);
    const small = new MemoryBudget(new Kernels(), completeSettings({ seriesMax: 5 }));
    expect(small.seriesMax).toBe(5);
  });
});

test(
  "with too many series for the limit the others are written and read as before, also after a restart",
  async () => {
    const machine = await Machine.start({ memoryLimitBytes: 16 * MIB });
    let written = 0;
    let refused = "";
    for (let i = 0; refused === "" && i < 100; i++) {
      const rows = Array.from(
        { length: 2_000 },
        (_, k) => rowAt(1, 1, `series-${i}-${k}-${"x".repeat(60)}`),
      );
      await machine.write(...rows).then(() => written += 2_000, (error) => refused = String(error));
    }
    expect(refused).toContain("memoryLimitBytes");
    const { memory, cardinality } = machine.storage.stats();
    expect(memory.registryBytes).toBeLessThan(10 * MIB);
    expect(cardinality.series).toBe(written);
    await machine.write(rowAt(2, 2, `series-0-0-${"x".repeat(60)}`));
    await machine.reopen();
    expect(machine.storage.stats().cardinality.series).toBe(written);
    await machine.write(rowAt(3, 3, `series-0-0-${"x".repeat(60)}`));
    expect(machine.seconds(`series-0-0-${"x".repeat(60)}`)).toEqual([1, 2, 3]);
    await machine.storage.close();
  },
  60_000,
);
