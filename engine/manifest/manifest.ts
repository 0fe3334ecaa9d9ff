/**
 * The manifest file on the disk: opened or created, appended to, rewritten when it has become long.
 *
 * A commit appends one record and syncs it; when that has returned, the new version is published. A long log of edits is
 * replaced by a new file with the whole version of a while ago and the edits since (history.ts): written beside it, synced,
 * renamed over it, the directory synced.
 *
 * Invariants
 * - At most one record is under way, so that only the last one can be torn; a torn one was never answered for.
 * - `version` is what is on the device, never more. After a failed sync nobody knows what is: no commit works any more.
 * - A record that could not be written (disk full) leaves nothing behind that a later one would follow.
 */
import { assert } from "../base/assert.ts";
import { EngineError } from "../errors.ts";
import type { FileHandle, FileSystem } from "../fs/file_system.ts";
import { databasePaths, joinPath } from "../fs/paths.ts";
import { type ManifestContent, parseManifest } from "./content.ts";
import { applyEdit, editOf, emptyVersion } from "./edit.ts";
import { encodeHeader, encodeRecord } from "./format.ts";
import { type HistoryOptions, type KeptEdit, ManifestHistory, NO_HISTORY } from "./history.ts";
import type { DatabaseIdentity, ManifestFile, Version, VersionEdit } from "./version.ts";

export const MANIFEST_NAME = "MANIFEST";
const NEW_NAME = "MANIFEST.new";
/** A manifest shorter than this is never rewritten; a longer one when it is this many times the whole version. */
const REWRITE_BYTES_MIN = 64 << 10;
const REWRITE_RATIO = 4;
/** A rewriting that would leave more than this share of the file waits: most edits are young. */
const REWRITE_SHARE_MAX = 0.75;

export interface ManifestOptions {
  readonly fileSystem: FileSystem;
  /** The database's directory; it exists and is locked. */
  readonly directory: string;
  /** What the settings say; fixed when the manifest is created, compared ever after. */
  readonly identity: DatabaseIdentity;
  /** Edits that a rewritten manifest keeps; none if absent. */
  readonly history?: HistoryOptions;
  /** Says which version the directory's files belong to; undefined for the newest, also if absent. */
  readonly choose?: (content: ManifestContent) => Version | undefined;
}

export class Manifest implements ManifestFile {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #path: string;
  #handle: FileHandle;
  #version: Version;
  #number: number;
  readonly #history: ManifestHistory;
  #end: number;
  #rewriteAt: number;
  /** Bytes behind `#end` that could not be cut off. */
  #hasGarbage = false;
  /** What opening has yet to do to the file, see `settle`; undefined once it has. */
  #unsettled:
    | { readonly content: ManifestContent; readonly replacement: Uint8Array | undefined }
    | undefined;
  #isClosed = false;
  #failure: unknown;
  #waiting = 0;
  #queue: Promise<unknown> = Promise.resolve();
  /** Bytes of a torn record that opening cuts off. */
  readonly tornBytes: number;

  private constructor(
    options: ManifestOptions,
    handle: FileHandle,
    given: { readonly content: ManifestContent; readonly replacement: Uint8Array | undefined },
  ) {
    const { content } = given;
    this.#unsettled = given;
    this.#fileSystem = options.fileSystem;
    this.#directory = options.directory;
    this.#path = joinPath(options.directory, MANIFEST_NAME);
    this.#handle = handle;
    this.#version = content.version;
    this.#number = content.number;
    this.#history = new ManifestHistory(options.history ?? NO_HISTORY, {
      ...content.whole,
      edits: content.edits,
    });
    this.#end = content.end;
    this.#rewriteAt = rewriteBytes(content.wholeEnd);
    this.tornBytes = content.tornBytes;
  }

  /**
   * Opens the manifest, or creates it where there is none; one that is there is not changed before `settle`. Throws "invalid" when its identity is not the one of the
   * settings, "corrupt" naming the offset of damage, also when it is missing beside data, "unsupported" for a newer
   * version, "io".
   */
  static open(options: ManifestOptions): Manifest {
    const { fileSystem, directory } = options;
    const path = joinPath(directory, MANIFEST_NAME);
    const newPath = joinPath(directory, NEW_NAME);
    if (fileSystem.exists(newPath)) fileSystem.remove(newPath);
    if (!fileSystem.exists(path)) {
      checkNoData(options);
      createManifest(options);
    }
    const handle = fileSystem.open(path, "write");
    try {
      // Whoever created or replaced it may have ended before the name was synced; what is appended must not go with it.
      fileSystem.syncDirectory(directory);
      const content = parseManifest(readAll(handle), path);
      checkIdentity(directory, content.version.identity, options.identity);
      const chosen = options.choose?.(content);
      if (chosen === undefined) {
        return new Manifest(options, handle, { content, replacement: undefined });
      }
      const replacement = wholeManifest(chosen, content.number);
      return new Manifest(options, handle, {
        content: parseManifest(replacement, path),
        replacement,
      });
    } catch (error) {
      handle.close();
      throw error;
    }
  }

  /**
   * Makes the file say what was opened: cuts off what is torn, or puts the older version that was chosen in its place. Done once
   * nothing refuses the opening any more, and by a commit. Throws "io"; it may be tried again.
   */
  settle(): void {
    if (this.#unsettled === undefined) return;
    const { content, replacement } = this.#unsettled;
    if (replacement !== undefined) {
      const given = { fileSystem: this.#fileSystem, directory: this.#directory };
      replaceManifest(given, replacement);
      const handle = this.#fileSystem.open(this.#path, "write");
      this.#handle.close();
      this.#handle = handle;
    }
    if (content.tornBytes > 0) this.#handle.truncate(content.end);
    writeAgain(this.#handle, content);
    this.#unsettled = undefined;
  }

  get version(): Version {
    return this.#version;
  }

  /** Bytes of the file. */
  get bytes(): number {
    return this.#end;
  }

  commit(edit: VersionEdit): Promise<Version> {
    this.#waiting++;
    const done = this.#queue.then(() => this.#commit(edit)).finally(() => this.#waiting--);
    this.#queue = done.catch(() => {});
    return done;
  }

  commitNow(edit: VersionEdit): Version {
    assert(this.#waiting === 0, "A commit of the manifest is under way");
    const { record, next } = this.#prepare(edit);
    this.#write(record);
    try {
      this.#handle.syncNow();
    } catch (error) {
      throw this.#fail(error);
    }
    return this.#publish({ record, edit, number: this.#number + 1 }, next);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handle.close();
  }

  async #commit(edit: VersionEdit): Promise<Version> {
    const { record, next } = this.#prepare(edit);
    this.#write(record);
    try {
      await this.#handle.sync();
    } catch (error) {
      throw this.#fail(error);
    }
    this.#publish({ record, edit, number: this.#number + 1 }, next);
    if (this.#end > this.#rewriteAt && !this.#isClosed) await this.#rewrite();
    return next;
  }

  #prepare(edit: VersionEdit): { record: Uint8Array; next: Version } {
    if (this.#isClosed) throw new EngineError("closed", "Cannot commit: the database is closed");
    if (this.#failure !== undefined) {
      throw new EngineError(
        "failed",
        `Cannot commit to "${this.#path}": a sync failed before; restart to recover`,
        { cause: this.#failure },
      );
    }
    this.settle();
    const next = applyEdit(this.#version, edit);
    const number = this.#number + 1;
    return { record: encodeRecord({ kind: "edit", number, identity: undefined, edit }), next };
  }

  /** Appends, or throws and leaves the file as it was. */
  #write(record: Uint8Array): void {
    if (this.#hasGarbage) {
      this.#handle.truncate(this.#end);
      this.#hasGarbage = false;
    }
    try {
      this.#handle.write(record, this.#end);
    } catch (error) {
      this.#hasGarbage = true;
      try {
        this.#handle.truncate(this.#end);
        this.#hasGarbage = false;
      } catch {
        // The next commit tries again before it writes; opening would take the rest for a torn record.
      }
      throw error;
    }
  }

  #publish(made: KeptEdit, next: Version): Version {
    this.#history.add(made);
    this.#end += made.record.length;
    this.#number++;
    this.#version = next;
    return next;
  }

  #fail(cause: unknown): EngineError {
    this.#failure = cause ?? new Error("unknown");
    return new EngineError(
      "failed",
      `Cannot commit to "${this.#path}": a sync failed; restart to recover`,
      { cause },
    );
  }

  /** Replaces the file by a short one. Where that fails before the rename, the long one does as well. */
  async #rewrite(): Promise<void> {
    const path = joinPath(this.#directory, NEW_NAME);
    const { version, number, records } = this.#history.shorten();
    const content = wholeManifest(version, number, records);
    if (content.length > this.#end * REWRITE_SHARE_MAX) {
      this.#rewriteAt = this.#end * 2;
      return;
    }
    let handle: FileHandle | undefined;
    try {
      if (this.#fileSystem.exists(path)) this.#fileSystem.remove(path);
      handle = this.#fileSystem.open(path, "create");
      handle.write(content, 0);
      await handle.sync();
    } catch {
      handle?.close();
      this.#rewriteAt = this.#end * 2;
      return;
    }
    if (this.#isClosed) {
      handle.close();
      return;
    }
    try {
      this.#fileSystem.rename(path, this.#path);
      this.#fileSystem.syncDirectory(this.#directory);
    } catch (error) {
      // Which of the two files the name stands for is not known now.
      handle.close();
      this.#fail(error);
      return;
    }
    this.#handle.close();
    this.#handle = handle;
    this.#end = content.length;
    this.#rewriteAt = rewriteBytes(content.length);
  }
}

/** Data without a manifest is not a new database: creating one would give the data up. */
function checkNoData({ fileSystem, directory }: ManifestOptions): void {
  const { log, segments } = databasePaths(directory);
  for (const path of [segments, log]) {
    const files = fileSystem.exists(path) ? fileSystem.list(path).length : 0;
    if (files === 0) continue;
    throw new EngineError(
      "corrupt",
      `Cannot open "${directory}": ${MANIFEST_NAME} is missing, but "${path}" holds files (${files}); restore it from a copy`,
    );
  }
}

function createManifest(options: ManifestOptions): void {
  replaceManifest(options, wholeManifest(emptyVersion(options.identity), 1));
}

/** Puts a manifest in the place of the one there is, if any; for opening. */
function replaceManifest(
  { fileSystem, directory }: Pick<ManifestOptions, "fileSystem" | "directory">,
  bytes: Uint8Array,
): void {
  const path = joinPath(directory, NEW_NAME);
  const handle = fileSystem.open(path, "create");
  try {
    handle.write(bytes, 0);
    handle.syncNow();
  } finally {
    handle.close();
  }
  fileSystem.rename(path, joinPath(directory, MANIFEST_NAME));
  fileSystem.syncDirectory(directory);
}

/** A manifest's bytes: the version, and records of edits that follow it. */
function wholeManifest(
  version: Version,
  number: number,
  edits: readonly Uint8Array[] = [],
): Uint8Array {
  const { identity } = version;
  const whole = encodeRecord({ kind: "whole", number, identity, edit: editOf(version) });
  const parts = [encodeHeader(), whole, ...edits];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function readAll(handle: FileHandle): Uint8Array {
  const bytes = new Uint8Array(handle.size());
  const read = handle.read(bytes, 0);
  return bytes.subarray(0, read);
}

/**
 * Writes the last record over itself and syncs it. Its sync may have failed before a restart: then it is read, but the
 * kernel never writes it again, and what is done in trust of it (log files go) would outlive it.
 */
function writeAgain(handle: FileHandle, content: ManifestContent): void {
  const record = new Uint8Array(content.end - content.start);
  const read = handle.read(record, content.start);
  handle.write(record.subarray(0, read), content.start);
  handle.syncNow();
}

function checkIdentity(directory: string, stored: DatabaseIdentity, given: DatabaseIdentity): void {
  const facts = [
    ["time unit", stored.timeUnit, given.timeUnit],
    ["partition width in milliseconds", stored.partitionMs, given.partitionMs],
    ["number of metadata shards", stored.metadataShards, given.metadataShards],
  ] as const;
  for (const [name, is, wanted] of facts) {
    if (is === wanted) continue;
    throw new EngineError(
      "invalid",
      `Cannot open "${directory}": its ${name} is ${is} since it was created, the settings say ${wanted}`,
    );
  }
}

function rewriteBytes(wholeBytes: number): number {
  return Math.max(REWRITE_BYTES_MIN, wholeBytes * REWRITE_RATIO);
}
