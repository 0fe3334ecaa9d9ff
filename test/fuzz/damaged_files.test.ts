/**
 * Databases one of whose files is damaged: flipped, cut, spliced. Opening and reading either work or throw an EngineError,
 * and whatever is read is what was written. No byte of any file may change a value without being noticed.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { isEngineError } from "../../engine/errors.ts";
import type { Logger } from "../../engine/components.ts";
import { Storage } from "../../engine/storage.ts";
import {
  diskOf,
  expectedPoints,
  METRICS,
  readPoints,
  rowsOf,
  sampleFiles,
} from "./database_files.ts";
import { checkTime, fuzz, FUZZ_TIMEOUT_MS, mutate } from "./mutation.ts";

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
  const start = performance.now();
  let bytes = 0;
  for (const file of damaged.values()) bytes += file.length;
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
    const memory = storage.database.kernels.u8.byteLength;
    if (memory > MEMORY_MAX) throw new Error(`memory grew to ${memory} bytes`);
    return { opened: true, points: points.size };
  } finally {
    await storage.close().catch((error: unknown) => {
      if (!isEngineError(error)) throw error;
    });
    checkTime(start, bytes);
  }
}

test("the files as they are hold everything", async () => {
  expect(await examine(files)).toEqual({ opened: true, points: expected.size });
});

describe.each(["MANIFEST", "wal/", "registry/", "segments/"])("%s", (prefix) => {
  test("a damaged file never answers wrong", async () => {
    const names = [...files.keys()].filter((name) => name.startsWith(prefix));
    expect(names.length).toBeGreaterThan(0);
    await fuzz(50, async (random) => {
      const name = random.pick(names);
      const other = files.get(random.pick(names))!;
      await examine(new Map([...files, [name, mutate(files.get(name)!, random, other)]]));
    });
  }, FUZZ_TIMEOUT_MS);

  test("a file cut anywhere never answers wrong", async () => {
    const names = [...files.keys()].filter((name) => name.startsWith(prefix));
    await fuzz(20, async (random) => {
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

/** Points of one segment of the sample at most: compaction may have put three together. */
const SEGMENT_POINTS = 300 * METRICS.length;

describe.each([
  { prefix: "segments/", lostMax: SEGMENT_POINTS },
  { prefix: "registry/", lostMax: 0 },
  { prefix: "wal/", lostMax: 60 * METRICS.length },
])("of $prefix", ({ prefix, lostMax }) => {
  test("damage of one file takes nothing of the others, and is named", async () => {
    const names = [...files.keys()].filter((name) => name.startsWith(prefix));
    await fuzz(20, async (random) => {
      const name = random.pick(names);
      const damaged = random.below(5) === 0 ? undefined : mutate(files.get(name)!, random);
      const left = new Map(files);
      if (damaged === undefined) left.delete(name);
      else left.set(name, damaged);
      const messages: string[] = [];
      const logger: Logger = { log: (_, message) => void messages.push(message) };
      const components = { fileSystem: diskOf(left), logger };
      await using storage = await Storage.open({ path: "/data", components });
      const first = readPoints(storage);
      // Reading finds the damage and sets the segment aside: once that is durable it is as if it were not there.
      let { points, refused } = first;
      for (let left = 100; refused.length > 0 && left > 0; left--) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        ({ points, refused } = readPoints(storage));
      }
      if (refused.length > 0) throw new Error(`${name}: still refused: ${refused.join()}`);
      if (expected.size - points.size > lostMax) {
        throw new Error(`${name}: ${points.size} points of ${expected.size} are left`);
      }
      if (first.refused.length > 0 && !messages.some((text) => /damage|set aside/i.test(text))) {
        throw new Error(`${name}: nobody was told: ${messages.join("; ")}`);
      }
    });
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
