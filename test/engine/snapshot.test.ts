import { expect, test } from "bun:test";
import { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";
import { restoreSnapshot } from "../../engine/snapshot.ts";
import { type Row, Storage } from "../../engine/storage.ts";

const HOUR = 3_600_000_000_000n;

function rows(from: number, count: number): Row[] {
  return Array.from({ length: count }, (_, index) => ({
    metric: "m",
    labels: [["host", `h${index % 3}`]] as const,
    point: {
      timestamp: BigInt(from + index) * HOUR,
      value: { kind: "f64" as const, value: from + index },
    },
  }));
}

function open(fileSystem: MemoryFileSystem, path: string): Promise<Storage> {
  return Storage.open({ path, components: { fileSystem } });
}

function read(storage: Storage): unknown {
  return storage.selectAll("m", 0n, 100_000n * HOUR);
}

test("a snapshot holds what was written before it, from segments and head", async () => {
  const fileSystem = new MemoryFileSystem();
  const storage = await open(fileSystem, "/data");
  await storage.insertRows(rows(0, 100));
  await storage.database.flush();
  await storage.insertRows(rows(100, 50));
  const expected = read(storage);
  await storage.snapshot("/copies/one");
  await storage.insertRows(rows(150, 50));
  const later = read(storage);
  await storage.snapshot("/copies/two");
  await expect(storage.snapshot("/copies/two")).rejects.toThrow("it exists");
  await storage.close();
  for (const [path, points] of [["/copies/one", expected], ["/copies/two", later]] as const) {
    const copy = await open(fileSystem, path);
    expect(read(copy)).toEqual(points);
    await copy.close();
  }
  expect(fileSystem.list("/copies").map(({ name }) => name).sort()).toEqual(["one", "two"]);
});

test("a snapshot of an empty database, and one that is put back", async () => {
  const fileSystem = new MemoryFileSystem();
  const storage = await open(fileSystem, "/data");
  await storage.snapshot("/copies/empty");
  await storage.insertRows(rows(0, 10));
  await storage.snapshot("/copies/full");
  const expected = read(storage);
  await storage.close();
  await restoreSnapshot(fileSystem, "/copies/empty", "/data");
  const empty = await open(fileSystem, "/data");
  expect(read(empty)).toEqual([]);
  await empty.close();
  await restoreSnapshot(fileSystem, "/copies/full", "/data");
  const full = await open(fileSystem, "/data");
  expect(read(full)).toEqual(expected);
  await full.close();
});
