/**
 * The process lock of a directory: an exclusive flock on its file LOCK, which the kernel gives up when the process
 * dies, however it dies. The file holds the process id of the last holder, for people and for the message.
 *
 * Bun has no file locks of its own and reaches flock through libc; Deno has them. Both lock alike, so that a database
 * opened by one is refused to the other.
 *
 * Invariants
 * - The file is never removed: removing it would let two processes lock two files of the same name.
 * - Two locks of one directory exclude each other within one process as well.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import process from "node:process";
import { EngineError } from "../errors.ts";
import { ioError } from "./io_error.ts";
import { joinPath } from "./paths.ts";

const LOCK_FILE = "LOCK";
const LOCK_EXCLUSIVE = 2;
const LOCK_NON_BLOCKING = 4;
/** Names of the C library: glibc, musl by architecture, and what the linker finds. */
const LIBC_NAMES: readonly string[] = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
  "libc.musl-armhf.so.1",
  "libc.so",
  "libSystem.B.dylib",
];

/** A file that is locked until it is closed. */
interface LockedFile {
  write(text: string): void;
  close(): void;
}

/** What of Deno is used here. */
interface DenoLike {
  openSync(path: string, options: { read: true; write: true; create: true }): DenoFile;
}

interface DenoFile {
  tryLockSync(exclusive: boolean): boolean;
  truncateSync(bytes: number): void;
  writeSync(bytes: Uint8Array): number;
  close(): void;
}

type Flock = (descriptor: number, operation: number) => number;

/** What of bun:ffi is used here. */
interface ForeignFunctions {
  dlopen(
    name: string,
    symbols: Record<"flock", { readonly args: readonly string[]; readonly returns: string }>,
  ): { readonly symbols: { readonly flock: Flock } };
}

/**
 * Takes the lock of `directory`, which exists. Throws "locked" when somebody holds it, "io" when LOCK cannot be made,
 * "unsupported" where the runtime offers no file locks.
 */
export function lockDirectory(directory: string): Disposable {
  const path = joinPath(directory, LOCK_FILE);
  const deno = (globalThis as { Deno?: DenoLike }).Deno;
  let file: LockedFile | undefined;
  try {
    file = deno === undefined ? lockByLibc(path) : lockByDeno(deno, path);
    file?.write(`${process.pid}\n`);
  } catch (error) {
    file?.close();
    throw error instanceof EngineError ? error : ioError("lock", path, error);
  }
  if (file === undefined) throw lockedError(directory, path);
  const held = file;
  let released = false;
  return {
    [Symbol.dispose]() {
      if (released) return;
      released = true;
      held.close();
    },
  };
}

function lockByDeno(deno: DenoLike, path: string): LockedFile | undefined {
  const file = deno.openSync(path, { read: true, write: true, create: true });
  if (!file.tryLockSync(true)) {
    file.close();
    return undefined;
  }
  return {
    write(text) {
      file.truncateSync(0);
      writeAll(text, (bytes) => file.writeSync(bytes));
    },
    close: () => file.close(),
  };
}

function lockByLibc(path: string): LockedFile | undefined {
  const flock = loadFlock(path);
  const descriptor = openSync(path, "a+");
  if (flock(descriptor, LOCK_EXCLUSIVE | LOCK_NON_BLOCKING) !== 0) {
    closeSync(descriptor);
    return undefined;
  }
  return {
    write(text) {
      ftruncateSync(descriptor, 0);
      writeAll(text, (bytes) => writeSync(descriptor, bytes));
    },
    close: () => closeSync(descriptor),
  };
}

/** Writes all of a text with calls that may take a part of it: half a number would name another process. */
function writeAll(text: string, write: (bytes: Uint8Array) => number): void {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) {
    const taken = write(bytes.subarray(done));
    if (taken === 0) throw Object.assign(new Error("nothing was written"), { code: "ENOSPC" });
    done += taken;
  }
}

let loadedFlock: Flock | undefined;

function loadFlock(path: string): Flock {
  if (loadedFlock !== undefined) return loadedFlock;
  const { getBuiltinModule } = process as { getBuiltinModule?: (name: string) => unknown };
  const foreign = getBuiltinModule?.("bun:ffi") as ForeignFunctions | undefined;
  if (foreign === undefined) {
    throw new EngineError(
      "unsupported",
      `Cannot lock "${path}": this runtime has no file locks; use Bun or Deno`,
    );
  }
  let failure: unknown;
  for (const name of LIBC_NAMES) {
    try {
      const library = foreign.dlopen(name, { flock: { args: ["i32", "i32"], returns: "i32" } });
      return loadedFlock = library.symbols.flock;
    } catch (error) {
      failure = error;
    }
  }
  throw new EngineError(
    "unsupported",
    `Cannot lock "${path}": no C library could be loaded (is MemoryDenyWriteExecute set?)`,
    { cause: failure },
  );
}

function lockedError(directory: string, path: string): EngineError {
  let holder = "";
  try {
    holder = readFileSync(path, "utf8").trim();
  } catch {
    // Whoever holds it may be writing it just now; the message does without.
  }
  const who = /^\d+$/.test(holder) ? `process ${holder}` : "another process";
  return new EngineError(
    "locked",
    `Cannot open "${directory}": ${who} is using it; stop that process or choose another directory`,
  );
}
