/** What every implementation of FileSystem must do. Call it from a test file with a way to make an empty directory. */
import { describe, expect, test } from "bun:test";
import { type EngineErrorCode, isEngineError } from "../../engine/errors.ts";
import type { FileSystem } from "../../engine/fs/file_system.ts";
import { isMissing } from "../../engine/fs/io_error.ts";

export interface FileSystemUnderTest extends Disposable {
  readonly fileSystem: FileSystem;
  /** An empty directory. */
  readonly directory: string;
}

const bytes = (text: string) => new TextEncoder().encode(text);

export function codeOf(action: () => unknown): EngineErrorCode | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (!isEngineError(error)) throw error;
    return error.code;
  }
}

function put(fileSystem: FileSystem, path: string, text: string): void {
  const file = fileSystem.open(path, "create");
  file.write(bytes(text), 0);
  file.close();
}

function get(fileSystem: FileSystem, path: string): string {
  const file = fileSystem.open(path, "read");
  const target = new Uint8Array(file.size());
  file.read(target, 0);
  file.close();
  return new TextDecoder().decode(target);
}

export function fileSystemContract(name: string, make: () => FileSystemUnderTest): void {
  describe(`${name} as a file system`, () => {
    test("reads what was written, at any position", () => {
      using at = make();
      const file = at.fileSystem.open(`${at.directory}/a`, "create");
      file.write(bytes("hello world"), 0);
      file.write(bytes("W"), 6);
      const target = new Uint8Array(5);
      expect(file.read(target, 6)).toBe(5);
      expect(new TextDecoder().decode(target)).toBe("World");
      expect(file.size()).toBe(11);
      file.close();
      expect(get(at.fileSystem, `${at.directory}/a`)).toBe("hello World");
    });

    test("a read at the end gives fewer bytes, beyond it none", () => {
      using at = make();
      const file = at.fileSystem.open(`${at.directory}/a`, "create");
      file.write(bytes("abc"), 0);
      expect(file.read(new Uint8Array(10), 1)).toBe(2);
      expect(file.read(new Uint8Array(10), 3)).toBe(0);
      expect(file.read(new Uint8Array(10), 100)).toBe(0);
      expect(file.read(new Uint8Array(0), 0)).toBe(0);
      file.close();
    });

    test("a write beyond the end leaves zeros between", () => {
      using at = make();
      const file = at.fileSystem.open(`${at.directory}/a`, "create");
      file.write(bytes("a"), 0);
      file.write(bytes("z"), 5_000);
      const target = new Uint8Array(5_001).fill(7);
      expect(file.read(target, 0)).toBe(5_001);
      expect(target[0]).toBe(97);
      expect(target.subarray(1, 5_000).every((byte) => byte === 0)).toBe(true);
      file.close();
    });

    test("truncate cuts and extends with zeros", () => {
      using at = make();
      const file = at.fileSystem.open(`${at.directory}/a`, "create");
      file.write(bytes("abcdef"), 0);
      file.truncate(2);
      expect(file.size()).toBe(2);
      file.truncate(4);
      const target = new Uint8Array(4).fill(7);
      expect(file.read(target, 0)).toBe(4);
      expect([...target]).toEqual([97, 98, 0, 0]);
      file.close();
    });

    test("modes: create wants no file, read and write want one", () => {
      using at = make();
      const { fileSystem, directory } = at;
      expect(codeOf(() => fileSystem.open(`${directory}/a`, "read"))).toBe("io");
      expect(codeOf(() => fileSystem.open(`${directory}/a`, "write"))).toBe("io");
      expect(codeOf(() => fileSystem.open(`${directory}/none/a`, "create"))).toBe("io");
      put(fileSystem, `${directory}/a`, "x");
      expect(codeOf(() => fileSystem.open(`${directory}/a`, "create"))).toBe("io");
      const file = fileSystem.open(`${directory}/a`, "write");
      file.write(bytes("y"), 0);
      file.close();
      const readable = fileSystem.open(`${directory}/a`, "read");
      expect(codeOf(() => readable.write(bytes("z"), 0))).toBe("io");
      readable.close();
      expect(get(fileSystem, `${directory}/a`)).toBe("y");
    });

    test("a missing file is an io error that names it", () => {
      using at = make();
      const path = `${at.directory}/missing`;
      const actions = [
        () => at.fileSystem.open(path, "read"),
        () => at.fileSystem.fileBytes(path),
        () => at.fileSystem.list(path),
        () => at.fileSystem.remove(path),
        () => at.fileSystem.rename(path, `${path}2`),
        () => at.fileSystem.syncDirectory(path),
      ];
      for (const action of actions) {
        try {
          action();
          throw new Error("it passed");
        } catch (error) {
          expect(isEngineError(error, "io")).toBe(true);
          expect(isMissing(error)).toBe(true);
          expect((error as Error).message).toContain(path);
        }
      }
      expect(at.fileSystem.exists(path)).toBe(false);
    });

    test("list tells files from directories", () => {
      using at = make();
      const { fileSystem, directory } = at;
      expect(fileSystem.list(directory)).toEqual([]);
      fileSystem.makeDirectory(`${directory}/sub/deep`);
      fileSystem.makeDirectory(`${directory}/sub/deep`);
      put(fileSystem, `${directory}/a`, "1");
      put(fileSystem, `${directory}/sub/b`, "22");
      const entries = fileSystem.list(directory).sort((x, y) => x.name < y.name ? -1 : 1);
      expect(entries).toEqual([{ name: "a", kind: "file" }, { name: "sub", kind: "directory" }]);
      expect(fileSystem.exists(`${directory}/sub`)).toBe(true);
      expect(fileSystem.fileBytes(`${directory}/sub/b`)).toBe(2);
    });

    test("rename replaces its target", () => {
      using at = make();
      const { fileSystem, directory } = at;
      put(fileSystem, `${directory}/a`, "new");
      put(fileSystem, `${directory}/b`, "old");
      fileSystem.rename(`${directory}/a`, `${directory}/b`);
      expect(fileSystem.exists(`${directory}/a`)).toBe(false);
      expect(get(fileSystem, `${directory}/b`)).toBe("new");
    });

    test("an open file outlives its name", () => {
      using at = make();
      const { fileSystem, directory } = at;
      put(fileSystem, `${directory}/a`, "kept");
      const file = fileSystem.open(`${directory}/a`, "read");
      fileSystem.remove(`${directory}/a`);
      const target = new Uint8Array(4);
      expect(file.read(target, 0)).toBe(4);
      file.close();
      expect(fileSystem.exists(`${directory}/a`)).toBe(false);
    });

    test("removeTree removes all below, and is content with nothing there", () => {
      using at = make();
      const { fileSystem, directory } = at;
      fileSystem.makeDirectory(`${directory}/sub/deep`);
      put(fileSystem, `${directory}/sub/deep/a`, "1");
      fileSystem.removeTree(`${directory}/sub`);
      fileSystem.removeTree(`${directory}/sub`);
      expect(fileSystem.list(directory)).toEqual([]);
    });

    test("a link is a second name for the same bytes", () => {
      using at = make();
      const { fileSystem, directory } = at;
      put(fileSystem, `${directory}/a`, "both");
      fileSystem.link(`${directory}/a`, `${directory}/b`);
      fileSystem.remove(`${directory}/a`);
      expect(get(fileSystem, `${directory}/b`)).toBe("both");
      expect(codeOf(() => fileSystem.link(`${directory}/none`, `${directory}/c`))).toBe("io");
    });

    test("syncs, in both ways, also when the file is closed meanwhile", async () => {
      using at = make();
      const { fileSystem, directory } = at;
      const file = fileSystem.open(`${directory}/a`, "create");
      file.write(bytes("1"), 0);
      file.syncNow();
      file.write(bytes("2"), 1);
      const synced = file.sync();
      file.close();
      await synced;
      fileSystem.syncDirectory(directory);
      expect(get(fileSystem, `${directory}/a`)).toBe("12");
    });

    test("a closed handle refuses work, and closing twice is harmless", () => {
      using at = make();
      const file = at.fileSystem.open(`${at.directory}/a`, "create");
      file.close();
      file.close();
      expect(codeOf(() => file.size())).toBe("closed");
      expect(codeOf(() => file.write(bytes("1"), 0))).toBe("closed");
    });

    test("the lock excludes others until it is released", () => {
      using at = make();
      const { fileSystem, directory } = at;
      const lock = fileSystem.lock(directory);
      expect(codeOf(() => fileSystem.lock(directory))).toBe("locked");
      lock[Symbol.dispose]();
      lock[Symbol.dispose]();
      const again = fileSystem.lock(directory);
      again[Symbol.dispose]();
    });

    test("free bytes are a number or unknown", () => {
      using at = make();
      const free = at.fileSystem.freeBytes(at.directory);
      expect(free === undefined || free > 0).toBe(true);
    });
  });
}
