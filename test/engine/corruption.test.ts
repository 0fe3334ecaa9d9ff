/**
 * Damaged files: opening works with the rest and names the file, or fails with a clear error. Never a wrong value, never
 * anything but the engine's own errors.
 */
import { describe, expect, test } from "bun:test";
import { EngineError } from "../../engine/errors.ts";
import { Machine, rowAt } from "../support/machine.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const ROUNDS = 12;

type Kind = "MANIFEST" | "registry" | "segments" | "wal";

/** Two flushed segments of two series, and rows in the log; the value of a point says which one it is. */
async function filled(): Promise<Machine> {
  const machine = await Machine.start({ compactionEnabled: false, obsoleteKeepMs: 0 });
  for (const from of [0, 500]) {
    const seconds = Array.from({ length: 300 }, (_, i) => from + i);
    await machine.write(...seconds.flatMap((s) => [rowAt(s, s / 4), rowAt(s, s / 8, "b")]));
    await machine.flush();
  }
  for (const second of [2_000, 2_001, 2_002]) await machine.write(rowAt(second, second / 4));
  await machine.cut("kept");
  return machine;
}

function damage(machine: Machine, kind: Kind, random: SeededRandom): string {
  const paths = kind === "MANIFEST" ? ["/data/MANIFEST"] : machine.files(kind);
  const path = random.pick(paths);
  const bytes = machine.disk.memory.fileBytes(path);
  // Files of the log are filled up with zeros; what counts lies at their beginning.
  const used = kind === "wal" ? Math.min(bytes, 300) : bytes;
  if (random.next() < 0.3) machine.disk.cut(path, random.below(used));
  else machine.disk.flipBit(path, { offset: random.below(used), bit: random.below(8) });
  return path;
}

/** Points that are read have the value they were written with; a series may be refused as damaged. */
function checkValues(machine: Machine): number {
  let points = 0;
  for (const [tag, share] of [["a", 4], ["b", 8]] as const) {
    try {
      const seconds = machine.seconds(tag);
      expect(machine.values(tag)).toEqual(seconds.map((second) => second / share));
      points += seconds.length;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      expect(error.code).toBe("corrupt");
    }
  }
  return points;
}

describe("damage to a file", () => {
  test.each<{ kind: Kind; mode: "strict" | "salvage" }>([
    { kind: "MANIFEST", mode: "strict" },
    { kind: "registry", mode: "strict" },
    { kind: "segments", mode: "strict" },
    { kind: "wal", mode: "strict" },
    { kind: "wal", mode: "salvage" },
  ])(
    "$kind, opened in mode $mode: the rest or a clear error, never a wrong value",
    async (given) => {
      for (let round = 0; round < ROUNDS; round++) {
        const random = new SeededRandom(round + 1);
        const machine = await filled();
        damage(machine, given.kind, random);
        try {
          await machine.open({ replayMode: given.mode });
        } catch (error) {
          if (!(error instanceof EngineError)) throw error;
          expect(["corrupt", "unsupported"]).toContain(error.code);
          expect(error.message).toMatch(/MANIFEST|\.log|\.reg|\.seg/);
          expect(machine.disk.openPaths).toEqual([]);
          continue;
        }
        checkValues(machine);
        await machine.write(rowAt(9_000, 9_000 / 4));
        checkValues(machine);
        await machine.storage.close();
      }
    },
    60_000,
  );

  test("a damaged segment is set aside and named, the rest is served, also after a restart", async () => {
    const machine = await filled();
    const [first] = machine.files("segments");
    machine.disk.flipBit(first!, { offset: 40 });
    await machine.open();
    expect(() => machine.seconds()).toThrow(EngineError);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(machine.complaints.join("\n")).toMatch(/Segment 1 is set aside/);
    expect(machine.seconds()).not.toContain(5);
    expect(machine.seconds()).toContain(2_001);
    expect(machine.storage.database.stats().segments.quarantined).toBe(1);
    await machine.reopen();
    expect(machine.seconds()).toContain(2_001);
    expect(machine.disk.memory.exists(first!)).toBe(true);
    await machine.storage.close();
  });

  test("a registry file that is gone is made up for by the segments", async () => {
    const machine = await filled();
    for (const path of machine.files("registry")) machine.disk.memory.remove(path);
    await machine.open();
    expect(checkValues(machine)).toBe(1_203);
    expect(machine.complaints.join("\n")).toMatch(/Registry files are damaged/);
    await machine.storage.close();
  });

  /** A log with rows of a series whose definition stands before its floor, and whose segments are gone. */
  async function definedBefore(obsoleteKeepMs: number): Promise<Machine> {
    const machine = await Machine.start({ compactionEnabled: false, obsoleteKeepMs });
    await machine.write(rowAt(1, 1), rowAt(1, 2, "b"));
    await machine.flush();
    await machine.storage.deleteSeries({
      metric: "m",
      matchers: [{ name: "tag", operator: "=", value: "b" }],
    });
    await machine.compact();
    await machine.write(rowAt(2, 3), rowAt(3, 4, "b"));
    await machine.cut("kept");
    for (const path of machine.files("registry")) machine.disk.flipBit(path, { offset: 40 });
    return machine;
  }

  test("a registry file is made up for by a log file that is kept for copies", async () => {
    const machine = await definedBefore(60_000);
    await machine.open();
    // What is kept must not be needed any longer.
    await machine.reopen({ obsoleteKeepMs: 0 });
    await machine.reopen({ obsoleteKeepMs: 0 });
    expect(machine.values()).toEqual([1, 3]);
    expect(machine.values("b")).toEqual([4]);
    await machine.storage.close();
  });

  test("a registry file that alone defines what the log holds is named, and salvage serves the rest", async () => {
    const machine = await definedBefore(0);
    await expect(machine.open()).rejects.toThrow(/registry files are damaged, too: \d+\.reg/);
    expect(machine.disk.openPaths).toEqual([]);
    await machine.open({ replayMode: "salvage" });
    expect(machine.values()).toEqual([1, 3]);
    expect(machine.seconds("b")).toEqual([]);
    expect(machine.complaints.join("\n")).toMatch(/1 rows .* definitions are lost/);
    await machine.storage.close();
  });
});
