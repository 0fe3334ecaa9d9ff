import { describe, expect, test } from "bun:test";
import { isDiskFull } from "../../engine/fs/io_error.ts";
import { codeOf, fileSystemContract } from "../contract/file_system.ts";
import { SimulatedDisk } from "./simulated_disk.ts";

function makeDisk(seed = 1): SimulatedDisk {
  const disk = new SimulatedDisk({ seed });
  disk.makeDirectory("/data");
  disk.syncDirectory("/");
  return disk;
}

fileSystemContract("SimulatedDisk", () => ({
  fileSystem: makeDisk(),
  directory: "/data",
  [Symbol.dispose]: () => {},
}));

/** Writes a file of `bytes` equal bytes and syncs file and name. */
function putSynced(disk: SimulatedDisk, path: string, content: Uint8Array): void {
  const file = disk.open(path, "create");
  file.write(content, 0);
  file.syncNow();
  file.close();
  disk.syncDirectory("/data");
}

function contentOf(disk: SimulatedDisk, path: string): Uint8Array {
  const file = disk.open(path, "read");
  const content = new Uint8Array(file.size());
  file.read(content, 0);
  file.close();
  return content;
}

describe("a power cut", () => {
  test("keeps what was synced, whatever the chance", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const disk = makeDisk(seed);
      putSynced(disk, "/data/a", new Uint8Array(10_000).fill(7));
      disk.crash();
      expect(contentOf(disk, "/data/a")).toEqual(new Uint8Array(10_000).fill(7));
    }
  });

  test("may lose a name that its directory did not sync", () => {
    const found = new Set<boolean>();
    for (let seed = 1; seed <= 30; seed++) {
      const disk = makeDisk(seed);
      const file = disk.open("/data/a", "create");
      file.write(new Uint8Array([1]), 0);
      file.syncNow();
      disk.crash();
      found.add(disk.exists("/data/a"));
      expect(codeOf(() => file.size())).toBe("io");
    }
    expect(found).toEqual(new Set([true, false]));
  });

  test("loses, keeps or tears unsynced sectors", () => {
    const kinds = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const disk = makeDisk(seed);
      putSynced(disk, "/data/a", new Uint8Array(4_096).fill(1));
      const file = disk.open("/data/a", "write");
      file.write(new Uint8Array(4_096).fill(2), 0);
      disk.crash();
      const content = contentOf(disk, "/data/a");
      const values = new Set(content);
      expect([...values].every((value) => value === 1 || value === 2)).toBe(true);
      for (let at = 0; at < 4_096; at += 512) {
        expect(new Set(content.subarray(at, at + 512)).size).toBe(1);
      }
      kinds.add([...values].sort().join());
    }
    expect(kinds).toEqual(new Set(["1", "2", "1,2"]));
  });

  test("leaves an unsynced append at its old size, its new one or between, with zeros where bytes were lost", () => {
    const sizes = new Set<number>();
    for (let seed = 1; seed <= 80; seed++) {
      const disk = makeDisk(seed);
      putSynced(disk, "/data/a", new Uint8Array(100).fill(1));
      const file = disk.open("/data/a", "write");
      file.write(new Uint8Array(12_000).fill(2), 100);
      disk.crash();
      const content = contentOf(disk, "/data/a");
      sizes.add(content.length);
      expect(content.subarray(0, 100).every((byte) => byte === 1)).toBe(true);
      expect(content.subarray(100).every((byte) => byte === 2 || byte === 0)).toBe(true);
    }
    expect(sizes.has(100)).toBe(true);
    expect(sizes.has(12_100)).toBe(true);
    expect(sizes.size).toBeGreaterThan(2);
  });

  test("a replaced file is the old or the new one, never neither", () => {
    const found = new Set<number>();
    for (let seed = 1; seed <= 30; seed++) {
      const disk = makeDisk(seed);
      putSynced(disk, "/data/a", new Uint8Array([1]));
      const file = disk.open("/data/b", "create");
      file.write(new Uint8Array([2]), 0);
      file.syncNow();
      file.close();
      disk.rename("/data/b", "/data/a");
      disk.crash();
      expect(disk.exists("/data/b")).toBe(false);
      found.add(contentOf(disk, "/data/a")[0]!);
    }
    expect(found).toEqual(new Set([1, 2]));
  });

  test("may bring back what was removed, with its content", () => {
    const found = new Set<boolean>();
    for (let seed = 1; seed <= 30; seed++) {
      const disk = makeDisk(seed);
      putSynced(disk, "/data/a", new Uint8Array(5_000).fill(3));
      disk.remove("/data/a");
      disk.crash();
      const isBack = disk.exists("/data/a");
      found.add(isBack);
      if (isBack) expect(contentOf(disk, "/data/a")).toEqual(new Uint8Array(5_000).fill(3));
      else expect(disk.memory.usedBytes).toBe(0);
    }
    expect(found).toEqual(new Set([true, false]));
  });

  test("gives locks back", () => {
    const disk = makeDisk();
    disk.lock("/data");
    expect(codeOf(() => disk.lock("/data"))).toBe("locked");
    disk.crash();
    expect(codeOf(() => disk.lock("/data"))).toBe(undefined);
  });
});

describe("a fault", () => {
  test.each([
    { when: "before" as const, bytes: 0 },
    { when: "during" as const, bytes: 50 },
    { when: "after" as const, bytes: 100 },
  ])("$when a write leaves $bytes bytes", ({ when, bytes }) => {
    const disk = makeDisk();
    const file = disk.open("/data/a", "create");
    disk.inject({ at: disk.operations + 1, kind: "error", code: "ENOSPC", when });
    try {
      file.write(new Uint8Array(100), 0);
      throw new Error("it passed");
    } catch (error) {
      expect(isDiskFull(error)).toBe(true);
    }
    expect(file.size()).toBe(bytes);
    expect(disk.faultsMet).toBe(1);
  });

  test("a crash stops everything until the restart", () => {
    const disk = makeDisk();
    const file = disk.open("/data/a", "create");
    disk.inject({ at: disk.operations + 1, kind: "crash", when: "after" });
    expect(codeOf(() => file.write(new Uint8Array(100), 0))).toBe("io");
    expect(codeOf(() => disk.open("/data/b", "create"))).toBe("io");
    expect(disk.isOff).toBe(true);
    disk.crash();
    expect(codeOf(() => disk.open("/data/b", "create"))).toBe(undefined);
  });

  test("after a failed sync a later one does not make the data durable", async () => {
    const disk = makeDisk();
    putSynced(disk, "/data/a", new Uint8Array(4_096).fill(1));
    const file = disk.open("/data/a", "write");
    file.write(new Uint8Array(4_096).fill(2), 0);
    disk.inject({ at: disk.operations + 1, kind: "error", when: "before" });
    let failed = false;
    await file.sync().catch(() => failed = true);
    expect(failed).toBe(true);
    await file.sync();
    disk.crash("lost");
    expect(contentOf(disk, "/data/a")[0]).toBe(1);
  });
});

test("a held sync covers what was written before it, not after", async () => {
  const disk = makeDisk();
  putSynced(disk, "/data/a", new Uint8Array(4_096).fill(1));
  const file = disk.open("/data/a", "write");
  file.write(new Uint8Array(4_096).fill(2), 0);
  disk.holdSyncs();
  const synced = file.sync();
  file.write(new Uint8Array(4_096).fill(3), 0);
  expect(disk.heldSyncs).toBe(1);
  disk.releaseSyncs();
  await synced;
  disk.crash("lost");
  expect(contentOf(disk, "/data/a")[0]).toBe(2);
});

test("damage by hand: flipped bits and cut files", () => {
  const disk = makeDisk();
  putSynced(disk, "/data/a", new Uint8Array([0, 0, 0]));
  disk.flipBit("/data/a", { offset: 1, bit: 3 });
  expect([...contentOf(disk, "/data/a")]).toEqual([0, 8, 0]);
  disk.cut("/data/a", 1);
  expect(contentOf(disk, "/data/a").length).toBe(1);
  expect(disk.openPaths).toEqual([]);
});
