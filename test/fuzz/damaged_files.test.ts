/**
 * Databases one of whose files is damaged: flipped, cut, spliced. Opening and reading either work or throw an EngineError,
 * and whatever is read is what was written. No byte of any file may change a value without being noticed.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { isEngineError } from "../../engine/errors.ts";
import type { Logger } from "../../engine/components.ts";
import { Storage } from "../../engine/storage.ts";
import { diskOf, expectedPoints, readPoints, rowsOf, sampleFiles } from "./database_files.ts";
import { fuzz, FUZZ_TIMEOUT_MS, mutate } from "./mutation.ts";

const REFUSALS = ["corrupt", "unsupported", "invalid", "io"] as const;
/** Linear memory of one kernel instance with this database open, in bytes. */
const MEMORY_MAX = 64 << 20;

let files: Map<string, Uint8Array>;
const expected = expectedPoints();

beforeAll(async () => {
  files = await sampleFiles();
});

interface Outcome {
  readonly opened: boolean;
  readonly points: number;
}

/** Opens and reads a database with these files; throws where something else than documented happens. */
async function examine(damaged: ReadonlyMap<string, Uint8Array>): Promise<Outcome> {
  const logger: Logger = { log: () => {} };
  let storage: Storage;
  try {
    storage = await Storage.open({
      path: "/data",
      components: { fileSystem: diskOf(damaged), logger },
    });
  } catch (error) {
    if (REFUSALS.some((code) => isEngineError(error, code))) return { opened: false, points: 0 };
    throw error;
  }
  try {
    const { points } = readPoints(storage);
    for (const [key, text] of points) {
      if (expected.get(key) !== text) {
        throw new Error(`${key} is ${text}, not ${expected.get(key) ?? "there"}`);
      }
    }
    const bytes = storage.database.kernels.u8.byteLength;
    if (bytes > MEMORY_MAX) throw new Error(`memory grew to ${bytes} bytes`);
    return { opened: true, points: points.size };
  } finally {
    await storage.close().catch((error: unknown) => {
      if (!isEngineError(error)) throw error;
    });
  }
}

test("the files as they are hold everything", async () => {
  expect(await examine(files)).toEqual({ opened: true, points: expected.size });
});

describe.each(["MANIFEST", "wal/", "registry/", "segments/"])("%s", (prefix) => {
  test("a damaged file never answers wrong", async () => {
    const names = [...files.keys()].filter((name) => name.startsWith(prefix));
    expect(names.length).toBeGreaterThan(0);
    await fuzz(80, async (random) => {
      const name = random.pick(names);
      const other = files.get(random.pick(names))!;
      await examine(new Map([...files, [name, mutate(files.get(name)!, random, other)]]));
    });
  }, FUZZ_TIMEOUT_MS);

  test("a file cut anywhere never answers wrong", async () => {
    const names = [...files.keys()].filter((name) => name.startsWith(prefix));
    await fuzz(30, async (random) => {
      const name = random.pick(names);
      const bytes = files.get(name)!;
      await examine(new Map([...files, [name, bytes.slice(0, random.below(bytes.length))]]));
    });
  }, FUZZ_TIMEOUT_MS);

  test("a file that is another of its kind, or missing, never answers wrong", async () => {
    const names = [...files.keys()].filter((name) => name.startsWith(prefix));
    for (const name of names) {
      const without = new Map(files);
      without.delete(name);
      await examine(without);
      for (const other of names) await examine(new Map([...files, [name, files.get(other)!]]));
    }
  }, FUZZ_TIMEOUT_MS);
});

test(
  "a database whose files are damaged takes writes, and gives them back after a restart",
  async () => {
    const names = [...files.keys()].filter((name) => /^(segments|registry)\//.test(name));
    await fuzz(20, async (random) => {
      const name = random.pick(names);
      const fileSystem = diskOf(new Map([...files, [name, mutate(files.get(name)!, random)]]));
      const components = { fileSystem, logger: { log: () => {} } };
      let storage = await Storage.open({ path: "/data", components });
      const rows = rowsOf(10_000, 3);
      await storage.insertRows(rows);
      await storage.close();
      storage = await Storage.open({ path: "/data", components });
      for (const { metric, labels, point } of rows) {
        const found = storage.select(metric, labels!, point.timestamp, point.timestamp + 1n);
        expect(found).toEqual([point]);
      }
      await storage.close();
    });
  },
  FUZZ_TIMEOUT_MS,
);
