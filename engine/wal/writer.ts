/**
 * Appends records to the log and makes them durable in groups.
 *
 * A file is begun by its first record, so that an idle database writes nothing. It ends when the next record would make it
 * longer than `logFileBytes`, or when a flush asks for a new one; the bytes of both files are then synced in one group, the
 * older one first.
 *
 * Invariants
 * - A record is acknowledged as durable only after its file, the files before it and the directory have been synced.
 * - `append` either returns or leaves the log as it was. After a failed sync nothing is written any more.
 * - Nothing here waits for the disk but the writes themselves; syncs run beside the event loop.
 */
import { assert } from "../base/assert.ts";
import type { Components } from "../components.ts";
import { EngineError } from "../errors.ts";
import type { FileHandle, FileSystem } from "../fs/file_system.ts";
import { ObsoleteFiles } from "../fs/obsolete_files.ts";
import { parentOf } from "../fs/paths.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { Settings } from "../settings.ts";
import { encodeFileHeader, FILE_HEADER_BYTES, FILE_NUMBER_MAX, fileMark } from "./format.ts";
import { LogFile } from "./log_file.ts";
import { LogFiles } from "./log_files.ts";
import type { LogPosition, LogRecord, ReplayReport, WriteAheadLog } from "./log.ts";
import type { LogStats } from "../stats.ts";
import { RecordEncoder } from "./record_encoder.ts";
import { SyncGroup } from "./sync_group.ts";

/**
 * While syncs carry fewer bytes than this (on average), files are grown ahead by zeros: those are written twice then, but a
 * sync that changes a file's size costs about this much in the journal (12 to 17 KB on ext4).
 */
const GROW_AHEAD_SYNC_BYTES = 12 << 10;
/** Weight of the last sync in the average. */
const SYNC_BYTES_WEIGHT = 1 / 8;

export interface LogWriterOptions {
  readonly components: Pick<Components, "fileSystem" | "clock" | "logger">;
  readonly kernels: Kernels;
  readonly directory: string;
  readonly settings: Pick<
    Settings,
    "logSyncMode" | "logSyncIntervalMs" | "logFileBytes" | "logBytesMax"
  >;
  /** What replay found: where the log goes on, and which files are still needed. */
  readonly report: Pick<ReplayReport, "end" | "files">;
  /** Number of the file that the log's floor lies in; files below it are obsolete. 1 if absent. */
  readonly floor?: number;
  /** Where files go that are not needed any more; if absent, they are given up at once. */
  readonly obsolete?: ObsoleteFiles;
}

export class LogWriter implements WriteAheadLog {
  readonly #options: LogWriterOptions;
  readonly #fileSystem: FileSystem;
  readonly #encoder: RecordEncoder;
  readonly #files: LogFiles;
  readonly #group: SyncGroup;
  /** The file being appended to, undefined until its first record. */
  #active: LogFile | undefined;
  /** Number of the file being appended to or to be begun next. */
  #number: number;
  /** Files that are full and not synced yet, oldest first. */
  #unsynced: FileHandle[] = [];
  /** Where the log ended before the active file. */
  #previous: LogPosition & { readonly synced: number };
  #cancelTimer: (() => void) | undefined;
  #isClosed = false;
  #appendedRecords = 0;
  #appendedBytes = 0;
  #syncs = 0;
  #syncMs = 0;
  #bytesAtSync = 0;
  #bytesPerSync = 0;
  /** Whether the files that were there at the opening have been or will be synced. */
  #hasTakenOver = false;

  private constructor(options: LogWriterOptions, files: LogFiles) {
    const { report, settings, kernels } = options;
    this.#options = options;
    this.#fileSystem = options.components.fileSystem;
    this.#files = files;
    this.#encoder = new RecordEncoder(kernels);
    this.#number = report.end.file;
    const last = report.files.at(-1);
    this.#previous = { file: last?.file ?? 0, offset: last?.offset ?? 0, synced: 0 };
    this.#group = new SyncGroup({
      sync: () => this.#sync(),
      beginsItself: settings.logSyncMode === "per-append",
      soon: (callback) => options.components.clock.soon(callback),
      onEnd: () => this.#armTimer(),
    });
  }

  /** Takes over the directory, which is made when it is missing. Throws "io". */
  static open(options: LogWriterOptions): LogWriter {
    const { components, directory, report, settings } = options;
    const { fileSystem, logger } = components;
    if (!fileSystem.exists(directory)) {
      fileSystem.makeDirectory(directory);
      fileSystem.syncDirectory(parentOf(directory));
    }
    const files = new LogFiles(
      {
        fileSystem,
        logger,
        directory,
        logFileBytes: settings.logFileBytes,
        obsolete: options.obsolete ?? ObsoleteFiles.none(),
      },
      { live: report.files, next: report.end.file, floor: options.floor ?? 1 },
    );
    return new LogWriter(options, files);
  }

  get end(): LogPosition {
    return { file: this.#number, offset: this.#active?.end ?? FILE_HEADER_BYTES };
  }

  append(record: LogRecord): LogPosition {
    this.#checkOpen();
    let bytes = this.#encoder.encode(record);
    if (bytes === undefined) return this.end;
    this.#checkLimit(bytes.length);
    const active = this.#active;
    if (active !== undefined && active.end > FILE_HEADER_BYTES) {
      if (active.end + bytes.length > this.#options.settings.logFileBytes || !tryClean(active)) {
        this.#leaveFile(active);
        bytes = this.#encoder.encode(record)!;
        this.#checkLimit(bytes.length);
      }
    }
    const file = this.#active ?? this.#beginFile();
    const position = { file: file.file, offset: file.end };
    this.#encoder.seal(bytes, { place: position, synced: file.synced });
    file.write(bytes);
    this.#encoder.written(bytes.length);
    this.#appendedRecords++;
    this.#appendedBytes += bytes.length;
    if (this.#bytesPerSync < GROW_AHEAD_SYNC_BYTES) {
      file.growAhead(this.#options.settings.logFileBytes);
    }
    this.#group.noteAppend();
    this.#armTimer();
    return position;
  }

  synced(): Promise<void> | undefined {
    if (this.#isClosed) throw closedError();
    return this.#group.wait();
  }

  async sync(): Promise<void> {
    this.#checkOpen();
    if (this.#takeOver() > 0) this.#group.noteAppend();
    await this.#group.through();
  }

  rotate(): LogPosition {
    this.#checkOpen();
    if (this.#active !== undefined && this.#active.end > FILE_HEADER_BYTES) {
      this.#leaveFile(this.#active);
    }
    return this.end;
  }

  trim(floor: LogPosition): void {
    this.#files.trim(Math.min(floor.file, this.#number));
  }

  stats(): LogStats {
    const active = this.#active;
    return {
      bytes: this.#files.liveBytes + this.#files.spareBytes + (active?.allocated ?? 0),
      files: this.#files.liveFiles + this.#files.spareFiles + (active === undefined ? 0 : 1),
      activeFile: this.#number,
      appendedRecords: this.#appendedRecords,
      appendedBytes: this.#appendedBytes,
      syncs: this.#syncs,
      syncMs: this.#syncMs,
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#disarmTimer();
    try {
      await this.#group.drain();
    } finally {
      for (const handle of this.#unsynced.splice(0)) handle.close();
      this.#active?.handle.close();
      this.#active = undefined;
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closedError();
    if (this.#group.failure !== undefined) throw this.#group.failure;
  }

  #checkLimit(bytes: number): void {
    const { logBytesMax } = this.#options.settings;
    if (bytes + FILE_HEADER_BYTES > logBytesMax) {
      throw new EngineError(
        "limit",
        `Cannot append to the log: a record of ${bytes} bytes is above logBytesMax ${logBytesMax}`,
      );
    }
    const used = this.#files.liveBytes + (this.#active?.end ?? FILE_HEADER_BYTES);
    if (used + bytes > logBytesMax) {
      throw new EngineError(
        "limit",
        `Cannot append to the log: ${used} bytes and ${bytes} more are above logBytesMax ${logBytesMax}`,
      );
    }
  }

  /**
   * Has the next sync cover the files that were there at the opening, and returns their number; 0 from then on. A process
   * that was killed may have left them unsynced, and none may be younger on the device than one behind it. Throws "io".
   */
  #takeOver(): number {
    if (this.#hasTakenOver) return 0;
    this.#unsynced = this.#files.openLive();
    this.#hasTakenOver = true;
    return this.#unsynced.length;
  }

  /** Begins the file with the next number. Throws "io". */
  #beginFile(): LogFile {
    assert(this.#number <= FILE_NUMBER_MAX, "Log file numbers have run out");
    this.#takeOver();
    const handle = this.#files.begin(this.#number);
    try {
      const header = encodeFileHeader({
        file: this.#number,
        mark: fileMark(handle.identity()),
        previousFile: this.#previous.file,
        previousEnd: this.#previous.offset,
        previousSynced: this.#previous.synced,
      });
      this.#active = new LogFile(this.#number, handle, header);
      return this.#active;
    } catch (error) {
      handle.close();
      throw error;
    }
  }

  /** Ends the active file; the next record begins another one. */
  #leaveFile(active: LogFile): void {
    this.#previous = { file: active.file, offset: active.end, synced: active.synced };
    this.#files.keep({ file: active.file, offset: active.end, synced: active.synced });
    if (active.synced < active.end) this.#unsynced.push(active.handle);
    else active.handle.close();
    this.#active = undefined;
    this.#number++;
    this.#encoder.restart();
  }

  /** Syncs full files, then the active one, then the directory where names have changed. */
  async #sync(): Promise<void> {
    const { clock } = this.#options.components;
    const began = clock.monotonicMs();
    const active = this.#active;
    const end = active?.end ?? 0;
    const bytes = this.#appendedBytes - this.#bytesAtSync;
    this.#bytesAtSync = this.#appendedBytes;
    const isDirectoryDirty = this.#files.isDirty;
    this.#files.isDirty = false;
    const full = this.#unsynced.splice(0);
    try {
      for (const handle of full) await handle.sync();
    } finally {
      for (const handle of full) handle.close();
    }
    if (active !== undefined && active.synced < end) await active.handle.sync();
    if (isDirectoryDirty) this.#fileSystem.syncDirectory(this.#options.directory);
    if (active !== undefined) active.synced = end;
    this.#bytesPerSync += (bytes - this.#bytesPerSync) * SYNC_BYTES_WEIGHT;
    this.#syncs++;
    this.#syncMs += clock.monotonicMs() - began;
  }

  /**
   * Has a sync begin after the interval while there is something to sync: in periodic mode that is the sync, otherwise it
   * is for records nobody waits for.
   */
  #armTimer(): void {
    const { settings, components } = this.#options;
    if (this.#cancelTimer !== undefined) return;
    if (this.#isClosed || this.#group.isRunning || !this.#group.isDirty) return;
    if (this.#group.failure !== undefined) return;
    this.#cancelTimer = components.clock.after(settings.logSyncIntervalMs, () => {
      this.#cancelTimer = undefined;
      this.#group.begin();
    });
  }

  #disarmTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}

/** Whether nothing of a failed write is left behind the file's end; the file is given up otherwise. */
function tryClean(file: LogFile): boolean {
  try {
    file.clean();
    return true;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return false;
  }
}

function closedError(): EngineError {
  return new EngineError("closed", "Cannot use the log: it is closed");
}
