/** The file system of the machine, over node:fs, which Bun, Deno and Node share. The only user of node:fs but the lock. */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { EngineError } from "../errors.ts";
import type { DirectoryEntry, FileHandle, FileSystem, OpenMode } from "./file_system.ts";
import { ioError, systemCodeOf } from "./io_error.ts";
import { lockDirectory } from "./process_lock.ts";

const FLAGS: Readonly<Record<OpenMode, string>> = { read: "r", write: "r+", create: "wx+" };
/** Codes by which file systems say that they have no hard links. */
const NO_LINK_CODES: ReadonlySet<string> = new Set([
  "EPERM",
  "EXDEV",
  "ENOSYS",
  "ENOTSUP",
  "EOPNOTSUPP",
  "EMLINK",
]);

export class NodeFileSystem implements FileSystem {
  open(path: string, mode: OpenMode): FileHandle {
    return new NodeFileHandle(path, attempt("open", path, () => openSync(path, FLAGS[mode])));
  }

  list(path: string): DirectoryEntry[] {
    return attempt("list", path, () => readdirSync(path, { withFileTypes: true })).map((entry) => ({
      name: entry.name,
      kind: entry.isFile() ? "file" : entry.isDirectory() ? "directory" : "other",
    }));
  }

  exists(path: string): boolean {
    return attempt("look at", path, () => statSync(path, { throwIfNoEntry: false })) !== undefined;
  }

  fileBytes(path: string): number {
    return attempt("look at", path, () => statSync(path).size);
  }

  makeDirectory(path: string): void {
    attempt("make directory", path, () => mkdirSync(path, { recursive: true }));
  }

  rename(from: string, to: string): void {
    attempt("rename", from, () => renameSync(from, to));
  }

  remove(path: string): void {
    attempt("remove", path, () => unlinkSync(path));
  }

  removeTree(path: string): void {
    attempt("remove", path, () => rmSync(path, { recursive: true, force: true }));
  }

  link(from: string, to: string): void {
    try {
      linkSync(from, to);
    } catch (error) {
      if (!NO_LINK_CODES.has(systemCodeOf(error) ?? "")) throw ioError("link", from, error);
      throw new EngineError("unsupported", `Cannot link "${from}": no hard links there`, {
        cause: error,
      });
    }
  }

  syncDirectory(path: string): void {
    attempt("sync directory", path, () => {
      const descriptor = openSync(path, "r");
      try {
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    });
  }

  freeBytes(path: string): number | undefined {
    try {
      const { bavail, bsize } = statfsSync(path);
      return bavail * bsize;
    } catch {
      return undefined;
    }
  }

  lock(directory: string): Disposable {
    return lockDirectory(directory);
  }
}

class NodeFileHandle implements FileHandle {
  readonly path: string;
  readonly #descriptor: number;
  #closed = false;
  // A descriptor is not closed under a running sync: its number might already belong to another file.
  #syncing = 0;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  read(target: Uint8Array, position: number): number {
    return this.#do("read", () => {
      let done = 0;
      while (done < target.length) {
        const left = target.length - done;
        const count = readSync(this.#descriptor, target, done, left, position + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }

  write(source: Uint8Array, position: number): void {
    this.#do("write", () => {
      let done = 0;
      while (done < source.length) {
        const left = source.length - done;
        const count = writeSync(this.#descriptor, source, done, left, position + done);
        // Some devices report a full disk by taking nothing; without this the loop would not end.
        if (count === 0) throw Object.assign(new Error("nothing was written"), { code: "ENOSPC" });
        done += count;
      }
    });
  }

  size(): number {
    return this.#do("look at", () => fstatSync(this.#descriptor).size);
  }

  identity(): number {
    return this.#do("look at", () => Number(fstatSync(this.#descriptor).ino ?? 0));
  }

  truncate(bytes: number): void {
    this.#do("truncate", () => ftruncateSync(this.#descriptor, bytes));
  }

  sync(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#do("sync", () => {
      fdatasync(this.#descriptor, (error) => {
        this.#syncing--;
        if (this.#closed && this.#syncing === 0) closeQuietly(this.#descriptor);
        if (error === null || error === undefined) resolve();
        else reject(ioError("sync", this.path, error));
      });
      this.#syncing++;
    });
    return promise;
  }

  syncNow(): void {
    this.#do("sync", () => fdatasyncSync(this.#descriptor));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#syncing === 0) attempt("close", this.path, () => closeSync(this.#descriptor));
  }

  #do<T>(action: string, operation: () => T): T {
    if (this.#closed) {
      throw new EngineError("closed", `Cannot ${action} "${this.path}": it is closed`);
    }
    return attempt(action, this.path, operation);
  }
}

function closeQuietly(descriptor: number): void {
  try {
    closeSync(descriptor);
  } catch {
    // The sync before has told whether the data is safe; the descriptor is gone either way.
  }
}

function attempt<T>(action: string, path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw ioError(action, path, error);
  }
}
