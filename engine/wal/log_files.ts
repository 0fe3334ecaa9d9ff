/**
 * The log's files beside the one being appended to: files that still hold needed records, obsolete ones, which are kept a
 * while under their names, and spare ones, which carry the next numbers already, so that beginning one changes no directory.
 *
 * Spare files are former log files. Nothing is filled with zeros in advance: that would write every byte twice.
 *
 * Invariants
 * - Spare files have the numbers that follow, without gap.
 * - A name that was made or changed, here or by a process before, counts only once the directory is synced; `isDirty`
 *   says that this is due.
 */
import type { Logger } from "../components.ts";
import { EngineError } from "../errors.ts";
import type { FileHandle, FileSystem } from "../fs/file_system.ts";
import type { ObsoleteFiles } from "../fs/obsolete_files.ts";
import { joinPath } from "../fs/paths.ts";
import { logFileName } from "./format.ts";
import { listLogFiles } from "./log_chain.ts";
import type { KeptLogFile } from "./log.ts";

/** Share of a log file's full size from which a file is worth keeping. */
const SPARE_SHARE_MIN = 0.75;
/** Bytes written again at once. */
const REWRITE_BYTES = 1 << 20;
/** Spare files kept. */
const SPARE_FILES_MAX = 2;

export interface LogFilesOptions {
  readonly fileSystem: FileSystem;
  readonly logger: Logger;
  readonly directory: string;
  readonly logFileBytes: number;
  /** Where files go that are not needed any more. */
  readonly obsolete: ObsoleteFiles;
}

export class LogFiles {
  readonly #options: LogFilesOptions;
  /** Files with needed records, oldest first, each with its end; the one being appended to is not among them. */
  #live: KeptLogFile[] = [];
  #spares: { readonly file: number; readonly bytes: number }[] = [];
  /** Number that the file after the last spare one gets. */
  #next: number;
  isDirty = true;

  /** Takes over the directory: files not in `live` go, those below `floor` in their time. None becomes a spare one: after a
   * power cut that undid a renaming it may hold records under the very number it would get, which nobody was told of. */
  constructor(
    options: LogFilesOptions,
    given: {
      readonly live: readonly KeptLogFile[];
      readonly next: number;
      readonly floor: number;
    },
  ) {
    this.#options = options;
    this.#live = [...given.live];
    this.#next = given.next;
    const { fileSystem, directory } = options;
    const kept = new Set(given.live.map(({ file }) => file));
    for (const file of listLogFiles(fileSystem, directory)) {
      if (kept.has(file)) continue;
      if (file < given.floor) this.#retire(file, { maySpare: false });
      else this.#giveUp(file, { isSpare: false });
    }
  }

  /** Bytes of records in the files with needed records. */
  get liveBytes(): number {
    return this.#live.reduce((sum, { offset }) => sum + offset, 0);
  }

  get liveFiles(): number {
    return this.#live.length;
  }

  get spareFiles(): number {
    return this.#spares.length;
  }

  get spareBytes(): number {
    return this.#spares.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Opens the file with the next number: a spare one, or a new one. Throws "io". */
  begin(file: number): FileHandle {
    const path = this.#path(file);
    const { fileSystem } = this.#options;
    if (this.#spares[0]?.file === file) {
      const handle = fileSystem.open(path, "write");
      this.#spares.shift();
      return handle;
    }
    // It exists when an earlier attempt could not write its header.
    const handle = fileSystem.open(path, fileSystem.exists(path) ? "write" : "create");
    this.isDirty = true;
    this.#next = Math.max(this.#next, file + 1);
    return handle;
  }

  /**
   * Handles on all files with needed records, to be synced. What is not known to be on the device is written again first: a
   * sync that failed before the restart leaves pages that no later sync would write. Throws "io".
   */
  openLive(): FileHandle[] {
    const handles: FileHandle[] = [];
    try {
      for (const { file, offset, synced } of this.#live) {
        const handle = this.#options.fileSystem.open(this.#path(file), "write");
        handles.push(handle);
        writeAgain(handle, { from: synced, to: offset });
      }
    } catch (error) {
      for (const handle of handles) handle.close();
      throw error;
    }
    return handles;
  }

  /** A file is full; its records are needed until they are trimmed. */
  keep(end: KeptLogFile): void {
    this.#live.push(end);
  }

  /** Files below a number are obsolete. */
  trim(floorFile: number): void {
    while (this.#live.length > 0 && this.#live[0]!.file < floorFile) {
      this.#retire(this.#live.shift()!.file, { maySpare: true });
    }
  }

  #retire(file: number, use: { readonly maySpare: boolean }): void {
    const path = this.#path(file);
    const { fileSystem, obsolete } = this.#options;
    obsolete.add({
      path,
      bytes: fileSystem.exists(path) ? fileSystem.fileBytes(path) : 0,
      remove: (forRoom) => this.#giveUp(file, { isSpare: use.maySpare && !forRoom }),
    });
  }

  /** Makes a file a spare one or removes it; false when the disk refuses. */
  #giveUp(file: number, use: { readonly isSpare: boolean }): boolean {
    const { fileSystem, logger, logFileBytes } = this.#options;
    const path = this.#path(file);
    try {
      const bytes = fileSystem.fileBytes(path);
      // Smaller files come of flushes, not of a full log: kept, they would only take room.
      const fits = bytes >= SPARE_SHARE_MIN * logFileBytes && bytes <= 2 * logFileBytes;
      if (use.isSpare && fits && this.#spares.length < SPARE_FILES_MAX) {
        fileSystem.rename(path, this.#path(this.#next));
        this.#spares.push({ file: this.#next, bytes });
        this.#next++;
      } else {
        fileSystem.remove(path);
      }
      this.isDirty = true;
      return true;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      logger.log("warn", "A log file that is not needed any more could not be given up", {
        file: path,
        error: error.message,
      });
      return false;
    }
  }

  #path(file: number): string {
    return joinPath(this.#options.directory, logFileName(file));
  }
}

/** Writes bytes of a file over themselves. Throws "io". */
function writeAgain(
  handle: FileHandle,
  range: { readonly from: number; readonly to: number },
): void {
  const buffer = new Uint8Array(Math.min(REWRITE_BYTES, Math.max(0, range.to - range.from)));
  for (let at = range.from; at < range.to;) {
    const count = handle.read(buffer.subarray(0, Math.min(buffer.length, range.to - at)), at);
    if (count === 0) return;
    handle.write(buffer.subarray(0, count), at);
    at += count;
  }
}
