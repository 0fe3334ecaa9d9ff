import { afterEach, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { cpSync } from "node:fs";
import { setImmediate } from "node:timers";
import { isEngineError } from "../../engine/errors.ts";
import { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";
import type { Settings } from "../../engine/settings.ts";
import { type Row, Storage } from "../../engine/storage.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

const SECOND = 1_000_000_000n;
/** Small enough that the log rolls and flushes come by themselves. */
const SMALL: Partial<Settings> = { logFileBytes: 64 << 10, flushPointsMax: 1_000 };

function rows(from: number, count: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    metric: "m",
    labels: [["host", `h${(from + i) % 5}`]] as const,
    point: {
      timestamp: BigInt(from + i) * SECOND,
      value: { kind: "f64" as const, value: from + i },
    },
  }));
}

/** All values of the metric, ascending: row number i was written with value i. */
function valuesOf(storage: Storage): number[] {
  return storage.selectAll("m", 0n, 1_000_000n * SECOND)
    .flatMap(({ points }) => points.map(({ value }) => Number(value.value)))
    .sort((a, b) => a - b);
}

const firstNumbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

async function refusal(call: () => Promise<unknown>): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("in memory", () => {
  test("a database without a directory writes, deletes, flushes, compacts and reads", async () => {
    await using storage = await Storage.open();
    expect(await storage.insertRows(rows(0, 100))).toEqual({
      acknowledgement: "volatile",
      tooOld: 0,
    });
    await storage.database.flush();
    await storage.deleteSeries({ matchers: [{ name: "host", operator: "=", value: "h1" }] });
    await storage.database.compact();
    expect(valuesOf(storage)).toEqual(firstNumbers(100).filter((i) => i % 5 !== 1));
    expect(isEngineError(await refusal(() => storage.snapshot("/copy")), "invalid")).toBe(true);
  });

  test("two of them know nothing of each other", async () => {
    await using one = await Storage.open();
    await using other = await Storage.open();
    await one.insertRows(rows(0, 10));
    expect(other.listMetrics()).toEqual([]);
  });

  test("closing twice is refused, leaving its scope afterwards is not", async () => {
    await using storage = await Storage.open();
    await storage.close();
    expect(isEngineError(await refusal(() => storage.close()), "closed")).toBe(true);
    expect(isEngineError(await refusal(async () => storage.listMetrics()), "closed")).toBe(true);
  });
});

describe("copies", () => {
  test("a snapshot taken while writing goes on holds all that was acknowledged before it", async () => {
    const fileSystem = new MemoryFileSystem();
    const components = { fileSystem };
    await using storage = await Storage.open({ path: "/data", settings: SMALL, components });
    let written = 0;
    const write = async (batches: number) => {
      for (let i = 0; i < batches; i++) {
        await storage.insertRows(rows(written, 100));
        written += 100;
      }
    };
    await write(15);
    const acknowledged = written;
    await Promise.all([storage.snapshot("/copy"), write(25)]);
    const settings = SMALL;
    await using copy = await Storage.open({ path: "/copy", settings, components });
    const held = valuesOf(copy);
    expect(held.length).toBeGreaterThanOrEqual(acknowledged);
    expect(held).toEqual(firstNumbers(held.length));
    expect(valuesOf(storage)).toEqual(firstNumbers(4_000));
  });

  test("restoring replaces everything, and is refused while the target is in use", async () => {
    const fileSystem = new MemoryFileSystem();
    const components = { fileSystem };
    const open = () => Storage.open({ path: "/data", components });
    const restore = (source: string) => Storage.restore({ source, target: "/data" }, components);
    {
      await using storage = await open();
      await storage.insertRows(rows(0, 50));
      await storage.snapshot("/copy");
      await storage.insertRows(rows(50, 50));
      expect(isEngineError(await refusal(() => restore("/copy")), "locked")).toBe(true);
      expect(isEngineError(await refusal(() => restore("/data")), "invalid")).toBe(true);
      expect(isEngineError(await refusal(() => restore("/nothing")), "invalid")).toBe(true);
      expect(valuesOf(storage).length).toBe(100);
    }
    await restore("/copy");
    await using restored = await open();
    expect(valuesOf(restored)).toEqual(firstNumbers(50));
    await restored.insertRows(rows(50, 10));
    expect(valuesOf(restored)).toEqual(firstNumbers(60));
  });
});

/** Runs a program; what it says of files that vanish (those of staging may) is no matter. */
function runToEnd(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "ignore" });
    child.on("error", reject);
    child.on("exit", () => resolve());
  });
}

describe("a real directory", () => {
  const directories: TemporaryDirectory[] = [];
  afterEach(() => {
    for (const directory of directories.splice(0)) directory[Symbol.dispose]();
  });

  function directoryPath(): string {
    const directory = new TemporaryDirectory();
    directories.push(directory);
    return directory.path;
  }

  test("is opened by one at a time, and holds its data from one opening to the next", async () => {
    const path = `${directoryPath()}/data`;
    {
      await using storage = await Storage.open({ path });
      expect((await storage.insertRows(rows(0, 200))).acknowledgement).toBe("durable");
      expect(isEngineError(await refusal(() => Storage.open({ path })), "locked")).toBe(true);
    }
    await using storage = await Storage.open({ path });
    expect(valuesOf(storage)).toEqual(firstNumbers(200));
  });

  test("a plain copy of the live directory opens", async () => {
    const root = directoryPath();
    const path = `${root}/data`;
    await using storage = await Storage.open({ path, settings: SMALL });
    for (let i = 0; i < 30; i++) await storage.insertRows(rows(i * 100, 100));
    cpSync(path, `${root}/copy`, { recursive: true });
    await storage.insertRows(rows(3_000, 100));
    await using copy = await Storage.open({ path: `${root}/copy`, settings: SMALL });
    expect(valuesOf(copy)).toEqual(firstNumbers(3_000));
  });

  test(
    "copies that cp makes while it is written, flushed and compacted open, each with all before it",
    async () => {
      const root = directoryPath();
      const path = `${root}/data`;
      await using storage = await Storage.open({
        path,
        settings: { ...SMALL, copyBytesPerSecond: 1_024 },
      });
      let written = 0;
      let isCopying = true;
      const writing = (async () => {
        while (isCopying) {
          await storage.insertRows(rows(written, 50));
          written += 50;
          if (written % 2_000 === 0) await storage.database.compact();
        }
      })();
      for (let copy = 1; copy <= 5; copy++) {
        while (written < copy * 1_000) {
          await new Promise<void>((resolve) => void setImmediate(resolve));
        }
        const before = written;
        const copied = `${root}/copy${copy}`;
        await runToEnd("cp", ["-r", path, copied]);
        await using opened = await Storage.open({ path: copied, settings: SMALL });
        const values = valuesOf(opened);
        expect(values.length).toBeGreaterThanOrEqual(before);
        expect(values).toEqual(firstNumbers(values.length));
      }
      isCopying = false;
      await writing;
    },
    60_000,
  );

  test("a snapshot of it is put back on another path", async () => {
    const root = directoryPath();
    {
      await using storage = await Storage.open({ path: `${root}/data` });
      await storage.insertRows(rows(0, 100));
      await storage.database.flush();
      await storage.snapshot(`${root}/copy`);
    }
    await Storage.restore({ source: `${root}/copy`, target: `${root}/restored` });
    await using restored = await Storage.open({ path: `${root}/restored` });
    expect(valuesOf(restored)).toEqual(firstNumbers(100));
  });
});
