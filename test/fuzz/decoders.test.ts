/**
 * The files of a database without the database: each decoder of the manifest, segments, registry and log gets files that
 * are nearly right, as `inspect`, `verify` and `repair` read them. It answers or says what is damaged, in bounded time and
 * memory, and what repair leaves is sound.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { isEngineError } from "../../engine/errors.ts";
import { inspectFile } from "../../engine/inspect.ts";
import { repairDatabase } from "../../engine/repair.ts";
import { Storage } from "../../engine/storage.ts";
import { verifyDatabase } from "../../engine/verify.ts";
import { diskOf, expectedPoints, readPoints, sampleFiles } from "./database_files.ts";
import { checkTime, fuzz, FUZZ_TIMEOUT_MS, mutate } from "./mutation.ts";

const REFUSALS = ["corrupt", "unsupported", "invalid", "limit", "io"] as const;
/** Characters of a description for a byte of the file, and beside that. */
const TEXT_PER_BYTE = 400;
const TEXT_MAX = 100_000;
/** Resident memory that a loop may take in the end: files are of some kilobytes, garbage is collected late. */
const GROWTH_MAX = 400 << 20;

let files: Map<string, Uint8Array>;
beforeAll(async () => {
  files = await sampleFiles();
});

/** Undefined where the decoder refuses as it may. */
function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (REFUSALS.some((code) => isEngineError(error, code))) return undefined;
    throw error;
  }
}

function namesOf(prefix: string): string[] {
  return [...files.keys()].filter((name) => name.startsWith(prefix));
}

describe.each(["MANIFEST", "wal/", "registry/", "segments/"])("%s", (prefix) => {
  test("inspect describes a damaged file, or says why not", async () => {
    const before = process.memoryUsage.rss();
    let described = 0;
    await fuzz(300, (random) => {
      const name = random.pick(namesOf(prefix));
      const whole = files.get(name)!;
      // Log files are zero behind what was written.
      const bytes = mutate(whole.subarray(0, 40_000), random, files.get(random.pick(namesOf(""))));
      const disk = diskOf(new Map([[name, bytes]]));
      const start = performance.now();
      const text = attempt(() => inspectFile(disk, `/data/${name}`, { chunks: true }));
      checkTime(start, bytes.length);
      if (text === undefined) return;
      described++;
      if (text.length > TEXT_MAX + bytes.length * TEXT_PER_BYTE) {
        throw new Error(`${bytes.length} bytes are described in ${text.length} characters`);
      }
    });
    expect(described).toBeGreaterThan(0);
    expect(process.memoryUsage.rss() - before).toBeLessThan(GROWTH_MAX);
  }, FUZZ_TIMEOUT_MS);

  test("verify finds the damage, and repair leaves what verify calls sound", async () => {
    const before = process.memoryUsage.rss();
    const expected = expectedPoints();
    await fuzz(25, async (random) => {
      const name = random.pick(namesOf(prefix));
      const damaged = mutate(files.get(name)!, random, files.get(random.pick(namesOf(prefix))));
      const disk = diskOf(new Map([...files, [name, damaged]]));
      const start = performance.now();
      const report = attempt(() => verifyDatabase(disk, "/data"));
      checkTime(start, damaged.length);
      // A manifest that does not say what there is cannot be repaired.
      if (report === undefined) return;
      let repaired;
      try {
        repaired = await repairDatabase("/data", { fileSystem: disk });
      } catch (error) {
        if (REFUSALS.some((code) => isEngineError(error, code))) return;
        throw error;
      }
      if (report.problems.length > 0 && repaired.repaired.length === 0) {
        throw new Error(`${name}: nobody was told of ${report.problems.join("; ")}`);
      }
      if (repaired.after.problems.length > 0) {
        throw new Error(`${name}: ${repaired.after.problems.join("; ")}`);
      }
      const logger = { log: () => {} };
      await using storage = await Storage.open({
        path: "/data",
        components: { fileSystem: disk, logger },
      });
      const { points, refused } = readPoints(storage);
      if (refused.length > 0) throw new Error(`${name}: ${refused.join()} is refused`);
      for (const [key, text] of points) {
        if (expected.get(key) !== text) throw new Error(`${name}: ${key} is ${text}`);
      }
    });
    expect(process.memoryUsage.rss() - before).toBeLessThan(GROWTH_MAX);
  }, FUZZ_TIMEOUT_MS);
});
