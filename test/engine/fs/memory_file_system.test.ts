import { expect, test } from "bun:test";
import fc from "fast-check";
import { isDiskFull } from "../../../engine/fs/io_error.ts";
import { MemoryFileSystem } from "../../../engine/fs/memory_file_system.ts";
import { fileSystemContract } from "../../contract/file_system.ts";

fileSystemContract("MemoryFileSystem", () => {
  const fileSystem = new MemoryFileSystem();
  fileSystem.makeDirectory("/data");
  return { fileSystem, directory: "/data", [Symbol.dispose]: () => {} };
});

test("a full disk takes what fits, fails, and works again once there is room", () => {
  const fileSystem = new MemoryFileSystem({ capacityBytes: 8_192 });
  const file = fileSystem.open("/a", "create");
  file.write(new Uint8Array(4_000).fill(1), 0);
  const other = fileSystem.open("/b", "create");
  let failure: unknown;
  try {
    other.write(new Uint8Array(6_000).fill(2), 0);
  } catch (error) {
    failure = error;
  }
  expect(isDiskFull(failure)).toBe(true);
  expect(other.size()).toBe(4_096);
  expect(fileSystem.freeBytes("/")).toBe(0);
  fileSystem.remove("/a");
  expect(fileSystem.freeBytes("/")).toBe(0);
  file.close();
  expect(fileSystem.freeBytes("/")).toBe(4_096);
  other.write(new Uint8Array(6_000).fill(2), 0);
  expect(other.size()).toBe(6_000);
  other.close();
  fileSystem.remove("/b");
  expect(fileSystem.usedBytes).toBe(0);
});

test("on a disk that is nearly full a file gets no longer than what is written", () => {
  const fileSystem = new MemoryFileSystem({ capacityBytes: 3_000 });
  const file = fileSystem.open("/a", "create");
  file.write(new Uint8Array(100), 0);
  expect(file.size()).toBe(100);
  file.close();
});

test("random writes, cuts and reads agree with one array", () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("write" as const),
      at: fc.nat(60_000),
      bytes: fc.nat(40_000),
      value: fc.nat(255),
    }),
    fc.record({ kind: fc.constant("truncate" as const), at: fc.nat(80_000) }),
    fc.record({ kind: fc.constant("read" as const), at: fc.nat(80_000), bytes: fc.nat(40_000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const file = new MemoryFileSystem().open("/a", "create");
      let model = new Uint8Array(0);
      const resize = (bytes: number) => {
        const next = new Uint8Array(bytes);
        next.set(model.subarray(0, bytes));
        model = next;
      };
      for (const each of steps) {
        if (each.kind === "write") {
          if (each.bytes > 0 && each.at + each.bytes > model.length) resize(each.at + each.bytes);
          model.fill(each.value, each.at, each.at + each.bytes);
          file.write(new Uint8Array(each.bytes).fill(each.value), each.at);
        } else if (each.kind === "truncate") {
          resize(each.at);
          file.truncate(each.at);
        } else {
          const target = new Uint8Array(each.bytes).fill(9);
          const count = file.read(target, each.at);
          expect(count).toBe(Math.max(0, Math.min(each.bytes, model.length - each.at)));
          expect(target.subarray(0, count)).toEqual(model.slice(each.at, each.at + count));
        }
        expect(file.size()).toBe(model.length);
      }
    }),
    { numRuns: 60 },
  );
});
