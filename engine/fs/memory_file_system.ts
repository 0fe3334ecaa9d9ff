/**
 * A file system in memory: for databases without a directory, for tests, and as the ground the simulated disk stands on.
 * Syncs have nothing to do. With `capacityBytes` it fills up as a disk does: a write takes what fits, then fails with ENOSPC.
 */
import { EngineError } from "../errors.ts";
import type { DirectoryEntry, FileHandle, FileSystem, OpenMode } from "./file_system.ts";
import { ioError } from "./io_error.ts";
import { MemoryDirectory, MemoryFile, type MemoryNode } from "./memory_file.ts";
import { fileNameOf, parentOf } from "./paths.ts";

/** Room is given out in blocks of this size. */
const BLOCK_BYTES = 4_096;

const MESSAGES: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EEXIST: "file already exists",
  EISDIR: "is a directory",
  ENOTDIR: "not a directory",
  ENOTEMPTY: "directory not empty",
  EBADF: "not open for writing",
  ENOSPC: "no space left on device",
  EIO: "i/o error",
};

/** The "io" error for a system code, as an operating system would give it. */
export function systemError(code: string, action: string, path: string): EngineError {
  const cause = Object.assign(new Error(`${code}: ${MESSAGES[code] ?? "failed"}`), { code });
  return ioError(action, path, cause);
}

export class MemoryFileSystem implements FileSystem {
  readonly #root = new MemoryDirectory();
  #capacityBytes: number;
  /** Files made so far. */
  #files = 0;
  #usedBytes = 0;

  constructor(options: { readonly capacityBytes?: number } = {}) {
    this.#capacityBytes = options.capacityBytes ?? Infinity;
  }

  /** Bytes that all files take, in whole blocks. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  get capacityBytes(): number {
    return this.#capacityBytes;
  }

  set capacityBytes(bytes: number) {
    this.#capacityBytes = bytes;
  }

  /** What a path stands for. */
  find(path: string): MemoryNode | undefined {
    let node: MemoryNode | undefined = this.#root;
    for (const name of path.split("/")) {
      if (name === "") continue;
      node = node?.kind === "directory" ? node.entries.get(name) : undefined;
    }
    return node;
  }

  open(path: string, mode: OpenMode): FileHandle {
    const { directory, name } = this.#place("open", path);
    let node = directory.entries.get(name);
    if (mode === "create") {
      if (node !== undefined) throw systemError("EEXIST", "open", path);
      node = new MemoryFile(++this.#files);
      this.#put(directory, name, node);
    }
    if (node === undefined) throw systemError("ENOENT", "open", path);
    if (node.kind === "directory") throw systemError("EISDIR", "open", path);
    return new MemoryFileHandle(this, { path, file: node, isWritable: mode !== "read" });
  }

  list(path: string): DirectoryEntry[] {
    const { entries } = this.#directory("list", path);
    return [...entries].map(([name, { kind }]) => ({ name, kind }));
  }

  exists(path: string): boolean {
    return this.find(path) !== undefined;
  }

  fileBytes(path: string): number {
    const node = this.find(path);
    if (node === undefined) throw systemError("ENOENT", "look at", path);
    return node.kind === "file" ? node.bytes : 0;
  }

  makeDirectory(path: string): void {
    let directory = this.#root;
    for (const name of path.split("/")) {
      if (name === "") continue;
      let next = directory.entries.get(name);
      if (next === undefined) directory.entries.set(name, next = new MemoryDirectory());
      if (next.kind !== "directory") throw systemError("ENOTDIR", "make directory", path);
      directory = next;
    }
  }

  rename(from: string, to: string): void {
    const source = this.#place("rename", from);
    const node = source.directory.entries.get(source.name);
    if (node === undefined) throw systemError("ENOENT", "rename", from);
    const target = this.#place("rename", to);
    const replaced = target.directory.entries.get(target.name);
    if (replaced === node) return;
    if (replaced?.kind === "directory") throw systemError("EISDIR", "rename", to);
    this.#put(target.directory, target.name, node);
    this.#take(source.directory, source.name);
  }

  remove(path: string): void {
    const { directory, name } = this.#place("remove", path);
    const node = directory.entries.get(name);
    if (node === undefined) throw systemError("ENOENT", "remove", path);
    if (node.kind === "directory") throw systemError("EISDIR", "remove", path);
    this.#take(directory, name);
  }

  removeTree(path: string): void {
    const node = this.find(path);
    if (node === undefined) return;
    if (node.kind === "directory") {
      for (const name of [...node.entries.keys()]) this.removeTree(`${path}/${name}`);
    }
    const { directory, name } = this.#place("remove", path);
    this.#take(directory, name);
  }

  link(from: string, to: string): void {
    const node = this.find(from);
    if (node === undefined) throw systemError("ENOENT", "link", from);
    if (node.kind === "directory") throw systemError("EISDIR", "link", from);
    const { directory, name } = this.#place("link", to);
    if (directory.entries.has(name)) throw systemError("EEXIST", "link", to);
    this.#put(directory, name, node);
  }

  syncDirectory(path: string): void {
    this.#directory("sync directory", path);
  }

  freeBytes(_path: string): number | undefined {
    if (this.#capacityBytes === Infinity) return undefined;
    return Math.max(0, this.#capacityBytes - this.#usedBytes);
  }

  lock(directory: string): Disposable {
    const node = this.#directory("lock", directory);
    if (node.isLocked) {
      throw new EngineError(
        "locked",
        `Cannot open "${directory}": this process is using it already`,
      );
    }
    node.isLocked = true;
    let held = true;
    return {
      [Symbol.dispose]() {
        if (held) node.isLocked = false;
        held = false;
      },
    };
  }

  /** Resizes a file within the capacity; returns the bytes it may have, fewer than asked for on a full disk. */
  resize(file: MemoryFile, bytes: number): number {
    const free = this.#capacityBytes - this.#usedBytes + roundUp(file.bytes);
    const size = roundUp(bytes) <= free
      ? bytes
      : Math.max(file.bytes, Math.min(bytes, Math.floor(free)));
    this.#usedBytes += roundUp(size) - roundUp(file.bytes);
    file.resize(size);
    return size;
  }

  /** Counts a handle or a name less; a file without any gives its room back. */
  forget(file: MemoryFile): void {
    if (file.names === 0 && file.handles === 0) this.resize(file, 0);
  }

  #put(directory: MemoryDirectory, name: string, node: MemoryNode): void {
    const replaced = directory.entries.get(name);
    if (node.kind === "file") node.names++;
    directory.entries.set(name, node);
    this.#unname(replaced);
  }

  #take(directory: MemoryDirectory, name: string): void {
    const node = directory.entries.get(name);
    directory.entries.delete(name);
    this.#unname(node);
  }

  #unname(node: MemoryNode | undefined): void {
    if (node?.kind !== "file") return;
    node.names--;
    this.forget(node);
  }

  #place(action: string, path: string): { directory: MemoryDirectory; name: string } {
    const directory = this.find(parentOf(path));
    if (directory === undefined) throw systemError("ENOENT", action, path);
    if (directory.kind === "file") throw systemError("ENOTDIR", action, path);
    return { directory, name: fileNameOf(path) };
  }

  #directory(action: string, path: string): MemoryDirectory {
    const node = this.find(path);
    if (node === undefined) throw systemError("ENOENT", action, path);
    if (node.kind === "file") throw systemError("ENOTDIR", action, path);
    return node;
  }
}

class MemoryFileHandle implements FileHandle {
  readonly path: string;
  readonly #fileSystem: MemoryFileSystem;
  readonly #file: MemoryFile;
  readonly #isWritable: boolean;
  #closed = false;

  constructor(
    fileSystem: MemoryFileSystem,
    given: { readonly path: string; readonly file: MemoryFile; readonly isWritable: boolean },
  ) {
    this.#fileSystem = fileSystem;
    this.path = given.path;
    this.#file = given.file;
    this.#isWritable = given.isWritable;
    this.#file.handles++;
  }

  read(target: Uint8Array, position: number): number {
    this.#check("read");
    return this.#file.read(target, position);
  }

  write(source: Uint8Array, position: number): void {
    this.#checkWritable("write");
    if (source.length === 0) return;
    const end = position + source.length;
    let fits = source.length;
    if (end > this.#file.bytes) {
      fits = Math.max(0, this.#fileSystem.resize(this.#file, end) - position);
    }
    if (fits > 0) this.#file.write(source.subarray(0, fits), position);
    if (fits < source.length) throw systemError("ENOSPC", "write", this.path);
  }

  size(): number {
    this.#check("look at");
    return this.#file.bytes;
  }

  identity(): number {
    this.#check("look at");
    return this.#file.identity;
  }

  truncate(bytes: number): void {
    this.#checkWritable("truncate");
    if (this.#fileSystem.resize(this.#file, bytes) < bytes) {
      throw systemError("ENOSPC", "truncate", this.path);
    }
  }

  sync(): Promise<void> {
    this.#check("sync");
    return Promise.resolve();
  }

  syncNow(): void {
    this.#check("sync");
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.handles--;
    this.#fileSystem.forget(this.#file);
  }

  #check(action: string): void {
    if (this.#closed) {
      throw new EngineError("closed", `Cannot ${action} "${this.path}": it is closed`);
    }
  }

  #checkWritable(action: string): void {
    this.#check(action);
    if (!this.#isWritable) throw systemError("EBADF", action, this.path);
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}
