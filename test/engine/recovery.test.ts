/** What is there after the machine stopped. */
import { describe, expect, test } from "bun:test";
import { crc32 } from "node:zlib";
import { isEngineError } from "../../engine/errors.ts";
import { readFiles } from "../fuzz/database_files.ts";
import { Machine, rowAt, SECOND } from "../support/machine.ts";

/** Nothing is synced by itself while a test runs. */
const UNSYNCED = { logSyncMode: "periodic", logSyncIntervalMs: 3_600_000 } as const;

describe("recovery after a power cut", () => {
  test("what was acknowledged is there, before and after a flush", async () => {
    const machine = await Machine.start();
    await machine.write(rowAt(1), rowAt(2));
    await machine.powerCut();
    expect(machine.seconds()).toEqual([1, 2]);
    await machine.flush();
    await machine.write(rowAt(3));
    await machine.powerCut();
    expect(machine.seconds()).toEqual([1, 2, 3]);
    await machine.storage.close();
  });

  test("rows that were only handed to the kernel may be lost, and nothing else is", async () => {
    const machine = await Machine.start(UNSYNCED);
    await machine.storage.insertRows([rowAt(1)], "appended");
    await machine.flush();
    await machine.storage.insertRows([rowAt(2)], "appended");
    await machine.powerCut();
    expect(machine.seconds()).toEqual([1]);
    await machine.storage.close();
  });

  test("the process alone may die: what was handed to the kernel is there", async () => {
    const machine = await Machine.start(UNSYNCED);
    await machine.storage.insertRows([rowAt(1), rowAt(2)], "appended");
    await machine.powerCut("kept");
    expect(machine.seconds()).toEqual([1, 2]);
    await machine.storage.close();
  });

  test("a deletion made in a log file that was lost hides nothing of the next file", async () => {
    const machine = await Machine.start(UNSYNCED);
    await machine.storage.insertRows([rowAt(1)], "appended");
    await machine.flush();
    // The file of these rows has never been synced; the deletion is in the manifest.
    await machine.storage.insertRows([rowAt(2), rowAt(3)], "appended");
    await machine.storage.deleteSeries({ metric: "m", start: 0n, end: 9n * SECOND });
    await machine.powerCut();
    expect(machine.seconds()).toEqual([]);
    await machine.storage.insertRows([rowAt(4)], "appended");
    expect(machine.seconds()).toEqual([4]);
    await machine.reopen();
    expect(machine.seconds()).toEqual([4]);
    await machine.storage.close();
  });

  test("a log file whose forerunner was lost before its first sync is no damage", async () => {
    const machine = await Machine.start({ ...UNSYNCED, logFileBytes: 64 << 10 });
    let state = 1;
    const random = () => (state = Math.imul(state, 1_103_515_245) + 12_345) / 2 ** 31;
    for (let from = 0; machine.files("wal").length < 2; from += 2_000) {
      const rows = Array.from({ length: 2_000 }, (_, i) => rowAt(from + i, random()));
      await machine.storage.insertRows(rows, "appended");
    }
    const [older] = machine.files("wal");
    await machine.cut("kept");
    machine.disk.memory.remove(older!);
    await machine.open();
    expect(machine.seconds()).toEqual([]);
    await machine.storage.insertRows([rowAt(1)], "appended");
    await machine.reopen();
    expect(machine.seconds()).toEqual([1]);
    await machine.storage.close();
  });
});

describe("a segment that is gone", () => {
  const DAY = 86_400;

  test("is made up for by the log, though its end was flushed before it was synced", async () => {
    const machine = await Machine.start({ compactionEnabled: false });
    await machine.write(rowAt(1));
    await machine.storage.insertRows([rowAt(DAY)], "appended");
    await machine.flush();
    await machine.powerCut();
    await machine.storage.close();
    const [first, ...others] = machine.files("segments");
    expect(others.length).toBe(1);
    machine.disk.memory.remove(first!);
    await machine.open();
    expect(machine.seconds()).toEqual([1, DAY]);
    await machine.storage.close();
  });

  test.each([1, 2, 3])(
    "takes no rows of sound ones with it where log file %i is damaged",
    async (file) => {
      const machine = await Machine.start({ compactionEnabled: false });
      for (const second of [1, 2, 3]) {
        // Three records, so that the last one is not all there is.
        for (const day of [0, 1, 2]) await machine.write(rowAt(second + day * DAY));
        await machine.flush();
      }
      await machine.storage.close();
      const [first] = machine.files("segments");
      machine.disk.memory.remove(first!);
      machine.disk.flipBit(`/data/wal/000000000${file}.log`, { offset: 60 });
      await machine.open();
      // Reading finds that the file is not there and sets it aside.
      for (let tries = 0; tries < 20; tries++) {
        try {
          machine.seconds();
        } catch (error) {
          if (!isEngineError(error, "corrupt")) throw error;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
      expect(machine.seconds()).toEqual([
        2,
        3,
        DAY + 1,
        DAY + 2,
        DAY + 3,
        2 * DAY + 1,
        2 * DAY + 2,
        2 * DAY + 3,
      ]);
      expect(machine.complaints.join()).toContain("0000000001.seg");
      await machine.storage.close();
    },
  );
});

describe("recovery from damage", () => {
  /** A log of three synced records, damaged in the second. */
  async function damagedLog(): Promise<Machine> {
    const machine = await Machine.start();
    for (const second of [1, 2, 3]) await machine.write(rowAt(second));
    const [log] = machine.files("wal");
    const bytes = machine.disk.memory.fileBytes(log!);
    await machine.cut();
    // The records lie one behind the other from byte 32 on; the second begins in the first hundred bytes.
    const content = new Uint8Array(Math.min(bytes, 400));
    const handle = machine.disk.memory.open(log!, "read");
    handle.read(content, 0);
    handle.close();
    machine.disk.flipBit(log!, { offset: secondRecord(content) + 16 });
    return machine;
  }

  function secondRecord(content: Uint8Array): number {
    const view = new DataView(content.buffer);
    return 32 + 16 + view.getUint32(36, true);
  }

  test("strict mode refuses damage within the log and names the file", async () => {
    const machine = await damagedLog();
    const error = await machine.open().catch((error: unknown) => error);
    expect(isEngineError(error, "corrupt")).toBe(true);
    expect(String(error)).toContain("0000000001.log");
  });

  test("salvage mode goes on behind the damage and says what is gone", async () => {
    const machine = await damagedLog();
    await machine.open({ replayMode: "salvage" });
    const found = machine.seconds();
    expect(found).toContain(1);
    expect(found).not.toContain(2);
    expect(machine.complaints.join("\n")).toContain("Log file 1");
    await machine.storage.close();
  });

  /** The files by name with what tells one content from another. */
  function filesOf(machine: Machine): [name: string, bytes: number, checksum: number][] {
    const files = readFiles(machine.disk.memory, "/data");
    files.delete("LOCK");
    return [...files].map(([name, content]) => [name, content.length, crc32(content)]);
  }

  test("an opening that is refused leaves a torn manifest as it was", async () => {
    const machine = await damagedLog();
    const manifest = "/data/MANIFEST";
    machine.disk.cut(manifest, machine.disk.memory.fileBytes(manifest) + 7);
    const before = filesOf(machine);
    await expect(machine.open()).rejects.toThrow("0000000001.log");
    expect(filesOf(machine)).toEqual(before);
    await machine.open({ replayMode: "salvage" });
    expect(machine.seconds()).toContain(1);
    await machine.storage.close();
  });
});
