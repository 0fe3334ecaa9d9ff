/**
 * A disk as it stands when the power goes: what was synced, and what of the rest the controller happened to write.
 *
 * A file's content is safe up to the beginning of its last sync that came to an end; a directory's entries likewise.
 * What came later may be there or not: of a file, each sector of each write on its own; of a directory, the first
 * so-and-so many of its changes, since file systems keep those in order.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { FileEvent } from "./recording.ts";

export const SECTOR_BYTES = 512;

/** What survives of that which no sync has covered. */
export interface Survival {
  /** How many of a directory's `pending` changes. */
  entries(pending: number): number;
  /** Whether a sector of a write, or a truncate, does. */
  sector(): boolean;
}

/** The harshest disk: nothing that was not synced. */
export const ONLY_SYNCED: Survival = { entries: () => 0, sector: () => false };
/** A process that was killed: everything. */
export const EVERYTHING: Survival = { entries: (pending) => pending, sector: () => true };

/** A disk that keeps at random, by a generator of numbers from 0 to 1. */
export function torn(random: () => number): Survival {
  const keep = random();
  return {
    entries: (pending) => Math.floor(random() * (pending + 1)),
    sector: () => random() < keep,
  };
}

type FileChange =
  | { readonly kind: "write"; readonly offset: number; readonly data: Uint8Array }
  | { readonly kind: "truncate"; readonly bytes: number };

interface File {
  safe: Uint8Array;
  changes: FileChange[];
  /** How many changes the sync of each thread covers once it ends. */
  readonly syncing: Map<number, number>;
}

type EntryChange =
  | { readonly kind: "add"; readonly name: string; readonly what: File | Directory }
  | { readonly kind: "remove"; readonly name: string };

interface Directory {
  safe: Map<string, File | Directory>;
  now: Map<string, File | Directory>;
  changes: EntryChange[];
  readonly syncing: Map<number, number>;
}

function newDirectory(): Directory {
  return { safe: new Map(), now: new Map(), changes: [], syncing: new Map() };
}

export class DiskModel {
  readonly #root = newDirectory();
  readonly #files = new Map<bigint, File>();

  /** A disk on which all that is below a directory is safe. */
  static of(path: string): DiskModel {
    const model = new DiskModel();
    model.#load(path, model.#root);
    return model;
  }

  /** Takes the next event. Throws when it does not fit what happened before. */
  apply(event: FileEvent): void {
    switch (event.kind) {
      case "create": {
        const file: File = { safe: new Uint8Array(0), changes: [], syncing: new Map() };
        this.#files.set(event.inode, file);
        return this.#add(event.path, file);
      }
      case "write":
        this.#file(event).changes.push({ kind: "write", offset: event.number, data: event.data });
        return;
      case "truncate":
        this.#file(event).changes.push({ kind: "truncate", bytes: event.number });
        return;
      case "sync-begin": {
        const file = this.#file(event);
        file.syncing.set(event.number, file.changes.length);
        return;
      }
      case "sync-end":
        return endSync(this.#file(event), event.number);
      case "directory-sync-begin": {
        const directory = this.#directory(event.path);
        directory.syncing.set(event.number, directory.changes.length);
        return;
      }
      case "directory-sync-end":
        return endDirectorySync(this.#directory(event.path), event.number);
      case "rename":
        return this.#add(event.target, this.#remove(event.path));
      case "link":
        return this.#add(event.target, this.#entry(event.path));
      case "make-directory":
        return this.#add(event.path, newDirectory());
      case "unlink":
      case "remove-directory":
        this.#remove(event.path);
        return;
      default:
        throw new Error(`Cannot apply event "${event.kind}"`);
    }
  }

  /** Puts what survives into a directory that exists and is empty. */
  write(path: string, survival: Survival): void {
    writeDirectory(path, this.#root, survival);
  }

  #load(path: string, directory: Directory): void {
    for (const { name } of readdirSync(path, { withFileTypes: true })) {
      const below = join(path, name);
      const status = statSync(below, { bigint: true });
      let what: File | Directory;
      if (status.isDirectory()) {
        what = newDirectory();
        this.#load(below, what);
      } else {
        what = { safe: readFileSync(below), changes: [], syncing: new Map() };
        this.#files.set(status.ino, what);
      }
      directory.safe.set(name, what);
      directory.now.set(name, what);
    }
  }

  #file(event: FileEvent): File {
    const file = this.#files.get(event.inode);
    if (file === undefined) throw new Error(`No file was created for "${event.path}"`);
    return file;
  }

  #directory(path: string): Directory {
    if (path === "" || path === ".") return this.#root;
    const found = this.#entry(path);
    if (!("now" in found)) throw new Error(`"${path}" is no directory`);
    return found;
  }

  #entry(path: string): File | Directory {
    const found = this.#directory(dirname(path)).now.get(nameOf(path));
    if (found === undefined) throw new Error(`There is no "${path}"`);
    return found;
  }

  #add(path: string, what: File | Directory): void {
    const directory = this.#directory(dirname(path));
    directory.now.set(nameOf(path), what);
    directory.changes.push({ kind: "add", name: nameOf(path), what });
  }

  #remove(path: string): File | Directory {
    const found = this.#entry(path);
    const directory = this.#directory(dirname(path));
    directory.now.delete(nameOf(path));
    directory.changes.push({ kind: "remove", name: nameOf(path) });
    return found;
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function endSync(file: File, thread: number): void {
  const covered = file.syncing.get(thread) ?? 0;
  file.syncing.delete(thread);
  file.safe = contentOf(file.safe, file.changes.slice(0, covered), EVERYTHING);
  file.changes = file.changes.slice(covered);
  for (const [other, count] of file.syncing) file.syncing.set(other, Math.max(0, count - covered));
}

function endDirectorySync(directory: Directory, thread: number): void {
  const covered = directory.syncing.get(thread) ?? 0;
  directory.syncing.delete(thread);
  applyEntries(directory.safe, directory.changes.slice(0, covered));
  directory.changes = directory.changes.slice(covered);
  for (const [other, count] of directory.syncing) {
    directory.syncing.set(other, Math.max(0, count - covered));
  }
}

function applyEntries(
  entries: Map<string, File | Directory>,
  changes: readonly EntryChange[],
): void {
  for (const change of changes) {
    if (change.kind === "add") entries.set(change.name, change.what);
    else entries.delete(change.name);
  }
}

/** A file's bytes after those changes that survive. */
function contentOf(
  before: Uint8Array,
  changes: readonly FileChange[],
  survival: Survival,
): Uint8Array {
  if (changes.length === 0) return before;
  let room = before.length;
  for (const change of changes) {
    const end = change.kind === "write" ? change.offset + change.data.length : change.bytes;
    room = Math.max(room, end);
  }
  const bytes = new Uint8Array(room);
  bytes.set(before);
  let length = before.length;
  for (const change of changes) {
    if (change.kind === "truncate") {
      if (!survival.sector()) continue;
      bytes.fill(0, change.bytes, Math.max(change.bytes, length));
      length = change.bytes;
      continue;
    }
    const { offset, data } = change;
    for (let at = 0; at < data.length;) {
      const sectorEnd = Math.floor((offset + at) / SECTOR_BYTES + 1) * SECTOR_BYTES - offset;
      const end = survival === EVERYTHING ? data.length : Math.min(data.length, sectorEnd);
      if (survival.sector()) {
        bytes.set(data.subarray(at, end), offset + at);
        length = Math.max(length, offset + end);
      }
      at = end;
    }
  }
  return bytes.subarray(0, length);
}

function writeDirectory(path: string, directory: Directory, survival: Survival): void {
  const entries = new Map(directory.safe);
  applyEntries(
    entries,
    directory.changes.slice(0, survival.entries(directory.changes.length)),
  );
  for (const [name, what] of entries) {
    const below = join(path, name);
    if ("now" in what) {
      mkdirSync(below);
      writeDirectory(below, what, survival);
    } else {
      writeFileSync(below, contentOf(what.safe, what.changes, survival));
    }
  }
}
