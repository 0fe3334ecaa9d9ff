/** The process or the machine ends within a write: whatever of its record is there, what came before is there, nothing else. */
import { describe, expect, test } from "bun:test";
import { describeLogFile } from "../../engine/wal/describe.ts";
import { Machine, rowAt } from "../support/machine.ts";

/** Opens a database whose log file holds only the first bytes of the last record. */
async function openCut(machine: Machine, path: string, content: Uint8Array): Promise<number[]> {
  const file = machine.disk.memory.open(path, "write");
  file.truncate(0);
  file.write(content, 0);
  file.close();
  await machine.open();
  const seconds = machine.seconds();
  expect(machine.values()).toEqual(seconds);
  return seconds;
}

function read(machine: Machine, path: string): Uint8Array {
  const file = machine.disk.memory.open(path, "read");
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0);
  file.close();
  return bytes;
}

/** Bytes up to the end of the last record. */
function used(bytes: Uint8Array): number {
  return Number(/(\d+) {2}end: /.exec(describeLogFile(bytes))![1]);
}

describe("a log cut at every byte of its last record", () => {
  test.each([
    { name: "ends there", fill: undefined },
    { name: "goes on with zeros", fill: 0 },
    { name: "goes on with old bytes", fill: 0x5a },
  ])("and that $name", async ({ fill }) => {
    const machine = await Machine.start({ compactionEnabled: false });
    await machine.write(rowAt(1, 1), rowAt(2, 2));
    const path = machine.files("wal")[0]!;
    const start = used(read(machine, path));
    await machine.write(rowAt(3, 3), rowAt(4, 4));
    const whole = read(machine, path);
    const end = used(whole);
    expect(end).toBeGreaterThan(start + 16);
    await machine.cut("kept");
    const wal = new Map(machine.files("wal").map((name) => [name, read(machine, name)]));
    for (let bytes = start; bytes <= end; bytes++) {
      const content = fill === undefined
        ? whole.slice(0, bytes)
        : whole.map((byte, i) => i < bytes ? byte : fill);
      for (const name of machine.files("wal")) if (!wal.has(name)) machine.disk.memory.remove(name);
      const seconds = await openCut(machine, path, content);
      expect(seconds).toEqual(bytes === end ? [1, 2, 3, 4] : [1, 2]);
      if (bytes % 7 === 0) {
        await machine.write(rowAt(5, 5));
        await machine.cut("kept");
        await machine.open();
        expect(machine.seconds()).toEqual([...seconds, 5]);
      }
      await machine.cut("kept");
    }
  });
});
