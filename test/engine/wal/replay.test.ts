import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isEngineError } from "../../../engine/errors.ts";
import { removeLog } from "../../../engine/wal/log_chain.ts";
import { largeRows, LOG_DIRECTORY, LogWorld, someRows } from "../../support/log_world.ts";
import type { BatchRow } from "../../support/record_rows.ts";
import { anyBatch } from "../../support/record_samples.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { SimulatedDisk } from "../../support/simulated_disk.ts";

/** The error of a strict replay. */
function strictError(world: LogWorld): string | undefined {
  try {
    world.replay("strict");
  } catch (error) {
    if (!isEngineError(error, "corrupt")) throw error;
    return error.message;
  }
  return undefined;
}

function overwrite(disk: SimulatedDisk, path: string, at: number, bytes: Uint8Array): void {
  const handle = disk.memory.open(path, "write");
  handle.write(bytes, at);
  handle.close();
}

/** A log of `files` files with two synced records each; where each record begins and what it holds. */
async function writtenLog(files = 3): Promise<{
  world: LogWorld;
  offsets: { file: number; offset: number; end: number }[];
  rows: BatchRow[][];
}> {
  const world = new LogWorld();
  const log = world.open();
  const offsets: { file: number; offset: number; end: number }[] = [];
  const rows: BatchRow[][] = [];
  for (let number = 0; number < files * 2; number++) {
    if (number > 0 && number % 2 === 0) log.rotate();
    const { file, offset } = log.end;
    rows.push(world.append(someRows(number, 20)));
    offsets.push({ file, offset, end: log.end.offset });
    await log.synced();
  }
  await log.close();
  return { world, offsets, rows };
}

describe("a torn tail", () => {
  test("ends the log at every length of the last record, in both modes", async () => {
    const { world, offsets, rows } = await writtenLog(1);
    // The last record had not been synced when the machine stopped: no later one tells that it was.
    const { offset, end } = offsets.at(-1)!;
    for (let cut = end - 1; cut >= offset; cut--) {
      world.disk.cut(world.path(1), cut);
      for (const mode of ["strict", "salvage"] as const) {
        const report = world.replay(mode);
        expect(world.replayed).toEqual(rows.slice(0, 1));
        expect(report.files).toMatchObject([{ file: 1, offset }]);
        expect(report.damage.length).toBe(cut < offset + 16 ? 0 : 1);
      }
    }
  });

  test("ends the log wherever the last record is overwritten", async () => {
    const { world, offsets, rows } = await writtenLog(1);
    const { offset, end } = offsets.at(-1)!;
    const path = world.path(1);
    const whole = new Uint8Array(end);
    const handle = world.disk.memory.open(path, "read");
    handle.read(whole, 0);
    handle.close();
    const random = new SeededRandom(5);
    for (let at = offset; at < end; at++) {
      const garbage = Uint8Array.from({ length: end - at }, () => random.below(256));
      garbage[0] = whole[at]! ^ 1;
      overwrite(world.disk, path, at, garbage);
      world.replay("strict");
      expect(world.replayed).toEqual(rows.slice(0, 1));
      overwrite(world.disk, path, offset, whole.subarray(offset));
    }
    world.replay("strict");
    expect(world.replayed).toEqual(rows);
  });

  test("may lie before files that were begun but never synced", async () => {
    const world = new LogWorld({ settings: { logSyncMode: "periodic" } });
    const log = world.open();
    const given = [world.append(someRows(1))];
    const { offset } = log.end;
    world.append(someRows(2));
    log.rotate();
    world.append(someRows(3));
    world.disk.cut(world.path(1), offset + 10);
    const report = world.replay("strict");
    expect(world.replayed).toEqual(given);
    expect(report.files).toMatchObject([{ file: 1, offset }]);
    expect(report.end).toEqual({ file: 3, offset: 32 });
    // The log goes on behind the cut; what lay behind it stays away.
    world.open();
    given.push(world.append(someRows(4)));
    await world.log.close();
    world.disk.crash("lost");
    world.open();
    expect(world.replayed).toEqual(given);
    expect(world.files().map(([name]) => name)).toEqual(["0000000001.log", "0000000003.log"]);
  });

  test("does not hide that later records had been synced", async () => {
    const world = new LogWorld();
    const log = world.open();
    world.append(someRows(1));
    const { offset } = log.end;
    world.append(someRows(2));
    await log.synced();
    world.append(someRows(3));
    await log.close();
    overwrite(world.disk, world.path(1), offset, new Uint8Array(16));
    expect(strictError(world)).toBe(
      `Cannot replay log file 0000000001.log: the record at offset ${offset} is damaged`,
    );
  });
});

describe("damage", () => {
  test("anywhere in older files is found by strict replay", async () => {
    const { world, offsets } = await writtenLog(3);
    for (const { file, offset, end } of offsets.slice(0, 4)) {
      for (let at = offset; at < end; at += 7) {
        world.disk.flipBit(world.path(file), { offset: at, bit: at % 8 });
        expect(strictError(world)).toContain(`log file 000000000${file}.log`);
        world.disk.flipBit(world.path(file), { offset: at, bit: at % 8 });
      }
    }
    expect(strictError(world)).toBeUndefined();
  });

  test("costs a salvage the records up to the next that restarts", async () => {
    const { world, offsets, rows } = await writtenLog(3);
    const { file, offset } = offsets[2]!;
    world.disk.flipBit(world.path(file), { offset: offset + 40 });
    const report = world.replay("salvage");
    expect(world.replayed).toEqual([...rows.slice(0, 2), ...rows.slice(4)]);
    expect(report.damage.length).toBe(1);
    expect(report.damage[0]).toContain(`Log file ${file}: bytes ${offset} to`);
    // The log goes on as usual, and a second salvage finds the same.
    world.open("salvage");
    const more = world.append(someRows(9));
    await world.log.close();
    world.replay("salvage");
    expect(world.replayed).toEqual([...rows.slice(0, 2), ...rows.slice(4), more]);
  });

  test("in a long file costs a salvage at most what lies before the next restart", async () => {
    const world = new LogWorld({ settings: { logFileBytes: 8 << 20, logBytesMax: 16 << 20 } });
    const log = world.open();
    const given: BatchRow[][] = [];
    const begins: number[] = [];
    for (let number = 0; number < 60; number++) {
      begins.push(log.end.offset);
      given.push(world.append(largeRows(number, 100_000)));
      await log.synced();
    }
    await log.close();
    world.disk.flipBit(world.path(1), { offset: begins[13]! + 500 });
    const report = world.replay("salvage");
    expect(report.damage.length).toBe(1);
    const lost = given.length - world.replayed.length;
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThan(12);
    const missing = new Set(given.map((rows) => rows[0]!.time));
    for (const rows of world.replayed) missing.delete(rows[0]!.time);
    expect(missing.has(13n)).toBe(true);
    expect(missing.has(12n)).toBe(false);
  });

  test("of definitions costs a salvage the rows that need them", async () => {
    const world = new LogWorld();
    const log = world.open();
    const first = log.end.offset;
    world.append(someRows(1, 1));
    await log.synced();
    log.rotate();
    const given = world.append(someRows(2, 2));
    await log.close();
    world.disk.flipBit(world.path(1), { offset: first + 20 });
    const report = world.replay("salvage");
    expect(world.replayed).toEqual([given.slice(1)]);
    expect(report.damage.join("\n")).toContain("sources whose definitions are lost");
  });

  test.each([
    { name: "a missing file", damage: (world: LogWorld) => world.disk.remove(world.path(2)) },
    {
      name: "a damaged file header",
      damage: (world: LogWorld) => world.disk.flipBit(world.path(2), { offset: 13 }),
    },
  ])("$name in the middle is found", async ({ name, damage }) => {
    const { world, rows } = await writtenLog(3);
    damage(world);
    expect(strictError(world)).toContain("log file 0000000002.log");
    world.replay("salvage");
    const isMissing = name === "a missing file";
    expect(world.replayed).toEqual(isMissing ? [...rows.slice(0, 2), ...rows.slice(4)] : rows);
    expect(world.report?.damage.length).toBe(1);
  });

  test("of the newest file's header is found when it had been synced", async () => {
    const { world, rows } = await writtenLog(2);
    world.disk.flipBit(world.path(2), { offset: 3 });
    expect(strictError(world)).toContain("its header is damaged");
    world.replay("salvage");
    expect(world.replayed).toEqual(rows);
  });

  test("a newer version is refused", async () => {
    const { world } = await writtenLog(1);
    const handle = world.disk.memory.open(world.path(1), "write");
    const header = new Uint8Array(32);
    handle.read(header, 0);
    header[8] = 2;
    const { crc32 } = await import("node:zlib");
    new DataView(header.buffer).setUint32(28, crc32(header.subarray(0, 28)), true);
    handle.write(header, 0);
    handle.close();
    expect(() => world.replay("salvage")).toThrow("its version is 2, this program knows 1");
  });

  test("is never taken for records, whatever it is", async () => {
    const { world, offsets, rows } = await writtenLog(2);
    const random = new SeededRandom(3);
    const known = new Set(rows.flat().map((each) => JSON.stringify(each, text)));
    for (let n = 0; n < 100; n++) {
      const disk = new SimulatedDisk();
      const copy = new LogWorld({ disk });
      disk.makeDirectory(LOG_DIRECTORY);
      for (const file of [1, 2]) {
        const bytes = new Uint8Array(world.disk.memory.fileBytes(world.path(file)));
        const from = world.disk.memory.open(world.path(file), "read");
        from.read(bytes, 0);
        from.close();
        const end = offsets.filter((each) => each.file === file).at(-1)!.end;
        for (let changes = random.below(6); changes > 0; changes--) {
          const at = random.below(end);
          const count = 1 + random.below(100);
          for (let i = at; i < Math.min(end, at + count); i++) bytes[i] = random.below(256);
        }
        const to = disk.memory.open(copy.path(file), "create");
        to.write(bytes, 0);
        to.close();
      }
      copy.replay("salvage");
      for (const row of copy.replayed.flat()) {
        expect(known.has(JSON.stringify(row, text))).toBe(true);
      }
    }
  });
});

function text(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

describe("replay", () => {
  test("of a directory that does not exist finds nothing", () => {
    const world = new LogWorld();
    expect(world.replay()).toEqual({
      records: 0,
      rows: 0,
      points: 0,
      end: { file: 1, offset: 32 },
      files: [],
      damage: [],
    });
  });

  test("begins at the floor, within a file as well", async () => {
    const { world, offsets, rows } = await writtenLog(3);
    world.floor = { file: 2, offset: 32 };
    world.replay("salvage");
    expect(world.replayed.length).toBe(4);
    world.floor = { file: 1, offset: offsets[1]!.offset };
    world.replay();
    expect(world.replayed).toEqual(rows.slice(1));
  });

  test("leaves a number that no file had", async () => {
    const { world } = await writtenLog(2);
    world.floor = { file: 9, offset: 32 };
    expect(world.replay().end).toEqual({ file: 9, offset: 32 });
    world.floor = { file: 2, offset: 32 };
    expect(world.replay("salvage").end).toEqual({ file: 3, offset: 32 });
  });

  test("of a removed log finds nothing, and its numbers stay used", async () => {
    const { world } = await writtenLog(2);
    const next = removeLog(world.disk, { directory: LOG_DIRECTORY, floor: world.floor });
    expect(next).toBe(3);
    world.floor = { file: next, offset: 0 };
    expect(world.replay()).toMatchObject({ records: 0, end: { file: 3, offset: 32 } });
  });

  test("gives what was written, over restarts, files and power cuts", async () => {
    const scenario = fc.array(
      fc.tuple(anyBatch, fc.constantFrom("", "", "", "sync", "rotate", "restart", "cut")),
      { minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(scenario, fc.nat(), async (steps, seed) => {
        const disk = new SimulatedDisk({ seed });
        const world = new LogWorld({ disk });
        world.open();
        const given: BatchRow[][] = [];
        for (const [batch, action] of steps) {
          const rows = world.append(batch);
          if (rows.length > 0) given.push(rows);
          if (action === "rotate") world.log.rotate();
          if (action === "sync" || action === "cut") await world.log.synced();
          if (action === "restart") await world.log.close();
          if (action === "cut") disk.crash("random");
          if (action === "restart" || action === "cut") {
            world.open();
            expect(world.replayed).toEqual(given);
          }
        }
        await world.log.close();
        disk.crash("random");
        world.open();
        expect(world.replayed).toEqual(given);
        await world.log.close();
        expect(disk.openPaths).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
