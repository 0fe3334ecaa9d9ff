/**
 * The file system as the engine uses it. Reads and small writes are synchronous (a cached 4 KiB read takes 1.4 µs
 * synchronously and 16 µs awaited); syncs are asynchronous, because a disk may take seconds over one.
 *
 * Contract (checked for every implementation by test/contract/file_system.ts)
 * - Paths are absolute and use "/".
 * - `write` writes all bytes or throws; a short write is continued.
 * - Errors are EngineError "io" with the path in the message and the original in `cause`; a missing file too.
 * - A created, renamed or removed name survives a power cut only after `syncDirectory` of its directory.
 */

/** An open file. Close it; closing twice is harmless. */
export interface FileHandle {
  readonly path: string;
  /** Reads up to `target.length` bytes at `position`; returns the bytes read, fewer only at the end of the file. */
  read(target: Uint8Array, position: number): number;
  /** Writes all of `source` at `position`. */
  write(source: Uint8Array, position: number): void;
  size(): number;
  /**
   * A number that stays with the file while it exists and that a copy of it does not have; 0 where the file system gives
   * none. The inode.
   */
  identity(): number;
  truncate(bytes: number): void;
  /** Flushes data (and the size, where it changed) to the device. Resolves when the device has it. */
  sync(): Promise<void>;
  /** The same, blocking: for start-up and shutdown. */
  syncNow(): void;
  close(): void;
}

export type OpenMode =
  | "read"
  | "write" // must exist; read and write
  | "create"; // must not exist; read and write

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "other";
}

export interface FileSystem {
  open(path: string, mode: OpenMode): FileHandle;
  /** Entries in no particular order. */
  list(path: string): DirectoryEntry[];
  exists(path: string): boolean;
  fileBytes(path: string): number;
  /** Creates the directory and its parents; no error when it exists. */
  makeDirectory(path: string): void;
  /** Replaces `to` atomically. */
  rename(from: string, to: string): void;
  remove(path: string): void;
  removeTree(path: string): void;
  /** A second name for the same file; throws "unsupported" where the file system has no hard links. */
  link(from: string, to: string): void;
  syncDirectory(path: string): void;
  /** Free bytes for unprivileged writers, or undefined where the runtime cannot tell. */
  freeBytes(path: string): number | undefined;
  /** Takes the exclusive process lock of a directory (file LOCK in it) or throws "locked". */
  lock(directory: string): Disposable;
}
