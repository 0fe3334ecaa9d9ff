import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import process from "node:process";
import { isEngineError } from "../../../engine/errors.ts";
import { isDiskFull, isMissing, systemCodeOf } from "../../../engine/fs/io_error.ts";
import { NodeFileSystem } from "../../../engine/fs/node_file_system.ts";
import { fileSystemContract } from "../../contract/file_system.ts";
import { TemporaryDirectory } from "../../support/temporary_directory.ts";

fileSystemContract("NodeFileSystem", () => {
  const temporary = new TemporaryDirectory();
  return {
    fileSystem: new NodeFileSystem(),
    directory: temporary.path,
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  };
});

test("an error keeps the system's code in its cause", () => {
  using temporary = new TemporaryDirectory();
  try {
    new NodeFileSystem().open(`${temporary.path}/missing`, "read");
    throw new Error("it passed");
  } catch (error) {
    expect(isMissing(error)).toBe(true);
    expect(isDiskFull(error)).toBe(false);
    expect(systemCodeOf(error)).toBe("ENOENT");
    expect((error as Error).message).toContain('Cannot open "');
  }
});

test("the lock file names the holder, and so does the refusal", () => {
  using temporary = new TemporaryDirectory();
  const fileSystem = new NodeFileSystem();
  using _lock = fileSystem.lock(temporary.path);
  expect(readFileSync(`${temporary.path}/LOCK`, "utf8")).toBe(`${process.pid}\n`);
  try {
    fileSystem.lock(temporary.path);
    throw new Error("it passed");
  } catch (error) {
    expect(isEngineError(error, "locked")).toBe(true);
    expect((error as Error).message).toContain(`process ${process.pid} is using it`);
  }
});

test("a file larger than 4 GiB is addressed exactly", () => {
  using temporary = new TemporaryDirectory();
  const file = new NodeFileSystem().open(`${temporary.path}/large`, "create");
  const position = 5 * 2 ** 30 - 3;
  file.write(new Uint8Array([1, 2, 3]), position);
  expect(file.size()).toBe(5 * 2 ** 30);
  const target = new Uint8Array(8);
  expect(file.read(target, position)).toBe(3);
  expect([...target.subarray(0, 3)]).toEqual([1, 2, 3]);
  file.close();
});
