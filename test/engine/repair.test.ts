import { beforeEach, describe, expect, test } from "bun:test";
import { isEngineError } from "../../engine/errors.ts";
import { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";
import { inspectFile } from "../../engine/inspect.ts";
import { repairDatabase } from "../../engine/repair.ts";
import { FOOTER_BYTES, pageChecksum } from "../../engine/segment/format.ts";
import { type Row, Storage } from "../../engine/storage.ts";
import { verifyDatabase } from "../../engine/verify.ts";

const HOUR = 3_600_000n;
const SETTINGS = { timeUnit: "ms", compactionEnabled: false, obsoleteKeepMs: 0 } as const;
let fileSystem: MemoryFileSystem;

function rows(from: number, count: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    metric: "m",
    labels: [["host", `h${i % 4}`]] as const,
    point: { timestamp: BigInt(from + i) * HOUR, value: { kind: "f64" as const, value: from + i } },
  }));
}

function open(): Promise<Storage> {
  return Storage.open({ path: "/data", settings: SETTINGS, components: { fileSystem } });
}

async function pointCount(): Promise<number> {
  await using storage = await open();
  return storage.selectAll("m", 0n, 10_000n * HOUR).reduce(
    (sum, each) => sum + each.points.length,
    0,
  );
}

function filesIn(directory: string): string[] {
  return fileSystem.list(`/data/${directory}`).map(({ name }) => `/data/${directory}/${name}`)
    .sort();
}

function flip(path: string, at: number): void {
  const file = fileSystem.open(path, "write");
  const byte = new Uint8Array(1);
  file.read(byte, at);
  byte[0]! ^= 0x40;
  file.write(byte, at);
  file.close();
}

/** Makes a sound segment of one page one of another version, checksum of the page included. */
function writeHeaderVersion(path: string, version: number): void {
  const file = fileSystem.open(path, "write");
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0);
  bytes[8] = version;
  const end = bytes.length - FOOTER_BYTES - 4;
  const id = new DataView(bytes.buffer).getUint32(16, true);
  const checksum = pageChecksum(bytes.subarray(0, end), { id, number: 0 });
  new DataView(bytes.buffer).setUint32(end, checksum, true);
  file.write(bytes, 0);
  file.close();
}

/** 100 rows in segments, then 4 batches of 25 in the log. */
beforeEach(async () => {
  fileSystem = new MemoryFileSystem();
  await using storage = await open();
  await storage.insertRows(rows(0, 100));
  await storage.database.flush();
  for (let i = 4; i < 8; i++) await storage.insertRows(rows(i * 25, 25));
});

/** The log file with the records. */
function logFile(): string {
  return filesIn("wal").find((path) => inspectFile(fileSystem, path).includes("record of"))!;
}

/** Offset of the payload of the record with this number. */
function payloadOf(record: number): number {
  const lines = inspectFile(fileSystem, logFile()).split("\n").filter((line) =>
    line.includes("record of")
  );
  return Number(/\d+/.exec(lines[record]!)![0]) + 20;
}

describe("verify and repair", () => {
  test("a sound database has no problem, and its files are counted", () => {
    const report = verifyDatabase(fileSystem, "/data");
    expect(report.problems).toEqual([]);
    expect([report.logRecords, report.logRows]).toEqual([4, 100]);
    expect(report.segments).toBeGreaterThan(0);
    expect(report.registryFiles).toBe(1);
  });

  test("a database that is in use is left alone", async () => {
    await using _storage = await open();
    expect(() => verifyDatabase(fileSystem, "/data")).toThrow(/is using it|in use/);
  });

  test("repairing a sound database changes none of its points", async () => {
    const { repaired, after } = await repairDatabase("/data", { fileSystem });
    expect(repaired).toEqual([]);
    expect(after.problems).toEqual([]);
    expect(await pointCount()).toBe(200);
  });

  test("a damaged segment is named by verify, set aside by repair, and the rest reads on", async () => {
    const [path] = filesIn("segments");
    flip(path!, 100);
    expect(verifyDatabase(fileSystem, "/data").problems.join()).toContain(path!);
    const { repaired, after } = await repairDatabase("/data", { fileSystem });
    expect(repaired.join()).toContain(path!);
    expect(after.problems).toEqual([]);
    expect(after.notes.length).toBe(1);
    expect(fileSystem.exists(path!)).toBe(true);
    const lost = Number(/its (\d+) rows/.exec(repaired[0]!)![1]);
    expect(await pointCount()).toBe(200 - lost);
  });

  test("a missing segment is set aside, too", async () => {
    const paths = filesIn("segments");
    fileSystem.remove(paths[0]!);
    expect(verifyDatabase(fileSystem, "/data").problems.length).toBe(1);
    const { after } = await repairDatabase("/data", { fileSystem });
    expect(after.problems).toEqual([]);
    expect(await pointCount()).toBeGreaterThan(100);
  });

  test("a segment of a newer program is refused, not set aside", async () => {
    const [path] = filesIn("segments");
    const before = inspectFile(fileSystem, "/data/MANIFEST");
    writeHeaderVersion(path!, 2);
    expect(verifyDatabase(fileSystem, "/data").problems.join()).toContain("newer than 1");
    let refused: unknown;
    try {
      await repairDatabase("/data", { fileSystem });
    } catch (error) {
      refused = error;
    }
    expect(isEngineError(refused, "unsupported")).toBe(true);
    expect(inspectFile(fileSystem, "/data/MANIFEST")).toBe(before);
  });

  test("every file is told of once", () => {
    const told: string[] = [];
    verifyDatabase(fileSystem, "/data", ({ path }) => told.push(path));
    expect(told.sort()).toEqual(
      ["/data/MANIFEST", ...filesIn("segments"), ...filesIn("registry"), "/data/wal"].sort(),
    );
  });

  test("a damaged registry file is made up for by segments and log", async () => {
    flip(filesIn("registry")[0]!, 40);
    expect(verifyDatabase(fileSystem, "/data").problems.length).toBeGreaterThan(0);
    const { repaired, after } = await repairDatabase("/data", { fileSystem });
    expect(repaired.join()).toContain("Registry files are damaged");
    expect(after.problems).toEqual([]);
    expect(await pointCount()).toBe(200);
  });

  test("a lost registry is written anew though the log has no rows for a flush", async () => {
    const storage = await open();
    await storage.database.flush();
    await storage.close();
    for (const path of filesIn("registry")) fileSystem.remove(path);
    const { repaired, after } = await repairDatabase("/data", { fileSystem });
    expect(repaired.join()).toContain("Registry files are damaged");
    expect(after.problems).toEqual([]);
    expect(await pointCount()).toBe(200);
  });

  test("a log damaged in its middle refuses to open, and opens after repair", async () => {
    flip(logFile(), payloadOf(1));
    let refused: unknown;
    try {
      await open();
    } catch (error) {
      refused = error;
    }
    expect(isEngineError(refused, "corrupt")).toBe(true);
    expect(verifyDatabase(fileSystem, "/data").problems.length).toBe(1);
    const { repaired, after } = await repairDatabase("/data", { fileSystem });
    expect(repaired.length).toBeGreaterThan(0);
    expect(after.problems).toEqual([]);
    const left = await pointCount();
    expect(left).toBeGreaterThanOrEqual(125);
    expect(left).toBeLessThan(200);
  });

  test("a torn tail of the log is a note, no problem", () => {
    flip(logFile(), payloadOf(3));
    const { problems, notes } = verifyDatabase(fileSystem, "/data");
    expect([problems.length, notes.length]).toEqual([0, 1]);
  });

  test("a log damaged from its first record on opens after repair, though nothing of it is left", async () => {
    flip(logFile(), payloadOf(0));
    const { after } = await repairDatabase("/data", { fileSystem });
    expect(after.problems).toEqual([]);
    expect(await pointCount()).toBeGreaterThanOrEqual(100);
  });

  test("a damaged manifest is not guessed at", async () => {
    flip("/data/MANIFEST", 50);
    let refused: unknown;
    try {
      await repairDatabase("/data", { fileSystem });
    } catch (error) {
      refused = error;
    }
    expect(isEngineError(refused, "corrupt")).toBe(true);
  });
});

describe("inspect", () => {
  test.each([
    { directory: "segments", says: "chunk of source 1" },
    { directory: "wal", says: "log file" },
    { directory: "registry", says: 'measurement "m"' },
  ])("files of $directory are described", ({ directory, says }) => {
    const text = filesIn(directory).map((path) => inspectFile(fileSystem, path)).join();
    expect(text).toContain(says);
  });

  test("so is the manifest, and nothing else", () => {
    expect(inspectFile(fileSystem, "/data/MANIFEST")).toContain("addSegment");
    fileSystem.open("/data/other.txt", "create").close();
    expect(() => inspectFile(fileSystem, "/data/other.txt")).toThrow("neither MANIFEST nor");
  });
});
