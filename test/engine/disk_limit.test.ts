import { expect, test } from "bun:test";
import { isEngineError } from "../../engine/errors.ts";
import { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";
import type { Settings } from "../../engine/settings.ts";
import { type Row, Storage } from "../../engine/storage.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const MINUTE = 60_000_000_000n;
const LIMIT_BYTES = 1 << 20;
const BATCH_ROWS = 1_000;

class Disk {
  readonly fileSystem = new MemoryFileSystem();
  readonly #random = new SeededRandom(1);
  #written = 0;

  open(settings: Partial<Settings>): Promise<Storage> {
    return Storage.open({
      path: "/data",
      settings: {
        diskLimitBytes: LIMIT_BYTES,
        logFileBytes: 64 << 10,
        flushPointsMax: 2_000,
        partitionMs: 3_600_000,
        writeTimeoutMs: 0,
        ...settings,
      },
      components: { fileSystem: this.fileSystem },
    });
  }

  /** Writes values that do not compress; whether the limit let them pass. */
  async write(storage: Storage): Promise<boolean> {
    const rows: Row[] = Array.from({ length: BATCH_ROWS }, () => ({
      metric: "m",
      point: {
        timestamp: BigInt(this.#written++) * MINUTE,
        value: { kind: "f64", value: this.#random.next() },
      },
    }));
    try {
      await storage.insertRows(rows);
      return true;
    } catch (error) {
      if (!isEngineError(error, "limit")) throw error;
      expect(error.message).toContain("diskLimitBytes");
      return false;
    }
  }
}

test("read-only at the limit, and writable again as soon as deleted rows are compacted away", async () => {
  const disk = new Disk();
  const storage = await disk.open({ diskLimitAction: "read-only" });
  let batches = 0;
  while (await disk.write(storage)) {
    expect(++batches * BATCH_ROWS * 8).toBeLessThan(4 * LIMIT_BYTES);
    if (batches % 4 === 0) await storage.database.flush();
  }
  expect(await disk.write(storage)).toBe(false);
  expect(storage.selectAll("m", 0n, 1n << 60n)[0]!.points.length).toBe(batches * BATCH_ROWS);
  await storage.deleteSeries({ metric: "m" });
  await storage.database.compact();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await disk.write(storage)).toBe(true);
  await storage.close();
});

test("the oldest goes at the limit, and writing goes on", async () => {
  const disk = new Disk();
  const storage = await disk.open({ diskLimitAction: "evict-oldest" });
  for (let batch = 0; batch < 4 * LIMIT_BYTES / (BATCH_ROWS * 8); batch++) {
    expect(await disk.write(storage)).toBe(true);
    if (batch % 4 === 0) await storage.database.flush();
  }
  const { points } = storage.selectAll("m", 0n, 1n << 60n)[0]!;
  // The random numbers have 32 bits.
  expect(points.length * 4).toBeLessThan(1.5 * LIMIT_BYTES);
  expect(points.length).toBeGreaterThan(BATCH_ROWS);
  await storage.close();
});
