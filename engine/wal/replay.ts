/**
 * Reads the log from its floor on and hands its definitions and rows, in their order, to who applies them.
 *
 * Two kinds of broken places are told apart by what the log says about itself: each record and each file header notes up to
 * where earlier bytes were on the device.
 * - A place that no such note covers is a torn tail: the machine stopped while it was being written, nobody was told that
 *   it was done. The log ends there, whatever the mode. Files behind it hold nothing that anyone was told of either.
 * - So does the first such place of the newest file where that is a copy: who copied it may have read a part of it before
 *   and a part behind it after the records between were written. Nothing behind it was there when the copy was begun.
 * - Any other place that a note covers is damage. Strict mode throws "corrupt"; salvage goes on at the next record that restarts.
 *
 * Invariants
 * - Memory does not grow with the log: one window of a file, one record, the batch.
 * - The log goes on in a file whose number no file had before.
 */
import { MalformedError } from "../base/bytes.ts";
import { EngineError, isEngineError } from "../errors.ts";
import type { FileSystem } from "../fs/file_system.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { ReplayMode } from "../settings.ts";
import { decodePayload, FILE_HEADER_BYTES } from "./format.ts";
import { type ChainFile, damageError, findChain, openLogFile } from "./log_chain.ts";
import type { FoundRecord, LogFileReader } from "./log_file_reader.ts";
import type { KeptLogFile, LogPosition, ReplayReport } from "./log.ts";

export interface ReplayOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  /** Rows before it are not handed out. */
  readonly floor: LogPosition;
  readonly mode: ReplayMode;
  readonly kernels: Kernels;
  /** Applies definitions (SeriesRegistry.apply). */
  readonly onDefinitions: (definitions: Uint8Array) => void;
  /** Applies the rows that stand in the kernels' batch; blobs lie in the record buffer until it returns. */
  readonly onRows: (position: LogPosition) => void;
}

/** Replays the log. Throws "corrupt" (strict mode), "io", "unsupported", and what the callbacks throw. */
export function replayLog(options: ReplayOptions): ReplayReport {
  return new Replay(options).run();
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #files: KeptLogFile[] = [];
  readonly #damage: string[] = [];
  #records = 0;
  #rows = 0;
  #points = 0;
  #chain: readonly ChainFile[] = [];

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  run(): ReplayReport {
    const { fileSystem, floor, kernels } = this.#options;
    const chain = findChain(fileSystem, this.#options);
    for (const { file, message } of chain.damage) this.#report(file, message);
    this.#chain = chain.files;
    for (let index = 0; index < chain.files.length; index++) {
      if (!this.#replayFile(index)) break;
    }
    kernels.exports.recordRestart();
    kernels.exports.setBatch(0, 0);
    const file = Math.max(floor.file, chain.highest + 1);
    return {
      records: this.#records,
      rows: this.#rows,
      points: this.#points,
      end: { file, offset: FILE_HEADER_BYTES },
      files: this.#files,
      damage: this.#damage,
    };
  }

  /** Replays one file; false when the log ends in it. */
  #replayFile(index: number): boolean {
    const { file, end } = this.#chain[index]!;
    let { synced } = this.#chain[index]!;
    using reader = openLogFile(this.#options.fileSystem, { ...this.#options, file });
    this.#options.kernels.exports.recordRestart();
    let offset = FILE_HEADER_BYTES;
    let isTorn = false;
    let needsRestart = true;
    let isAfterDamage = false;
    const isEndLost = end === undefined && index + 1 < this.#chain.length;
    while (offset !== end) {
      let record: FoundRecord | undefined = reader.recordAt(offset);
      if (record !== undefined && end !== undefined && record.end > end) record = undefined;
      if (record !== undefined && needsRestart && !record.header.restarts) record = undefined;
      if (record === undefined) {
        if (isEndLost && !hasRestart(reader, offset)) break;
        isTorn = !isAfterDamage &&
          (this.#isCopyEnd(reader, index) || !this.#isSynced(reader, index, offset));
        if (isTorn) break;
        record = this.#skip(reader, { offset, end });
        if (record === undefined) {
          offset = end ?? offset;
          break;
        }
        offset = record.offset;
      }
      synced = Math.max(synced, record.header.synced);
      isAfterDamage = !this.#apply(record, file);
      needsRestart = isAfterDamage;
      offset = record.end;
    }
    this.#files.push({ file, offset, synced });
    if (!isTorn) return true;
    this.#tellCut(reader, index, offset);
    return false;
  }

  #tellCut(reader: LogFileReader, index: number, offset: number): void {
    const cut = `Log file ${reader.file} was cut at offset ${offset}`;
    if (this.#isCopyEnd(reader, index) && this.#isSynced(reader, index, offset)) {
      this.#damage.push(`${cut}: it was copied while it was written, what is behind it came later`);
    } else if (reader.hasHeaderAt(offset) || index + 1 < this.#chain.length) {
      this.#damage.push(`${cut}: the last write was not finished`);
    }
  }

  /** Whether the log may end anywhere in the file, because it is the newest one and was copied, perhaps while it was written. */
  #isCopyEnd(reader: LogFileReader, index: number): boolean {
    return index + 1 === this.#chain.length && reader.isCopy();
  }

  /** Whether the log proves that the bytes from `offset` on had reached the device. */
  #isSynced(reader: LogFileReader, index: number, offset: number): boolean {
    const { synced } = this.#chain[index]!;
    if (synced > offset) return true;
    if (reader.findRecord(offset + 1, (record) => record.synced > offset) !== undefined) {
      return true;
    }
    for (const later of this.#chain.slice(index + 1)) {
      if (later.synced > 0) return true;
      using next = openLogFile(this.#options.fileSystem, { ...this.#options, file: later.file });
      const proof = next.findRecord(FILE_HEADER_BYTES, (record) => record.synced > 0);
      if (proof !== undefined) return true;
    }
    return false;
  }

  /** Reports the damage at `offset` and finds where reading goes on in the file. */
  #skip(
    reader: LogFileReader,
    at: { readonly offset: number; readonly end: number | undefined },
  ): FoundRecord | undefined {
    if (this.#options.mode === "strict") {
      throw damageError(reader.file, `the record at offset ${at.offset} is damaged`);
    }
    const found = reader.findRecord(at.offset + 1, (record) => record.restarts);
    const resumes = found !== undefined && found.end <= (at.end ?? Infinity);
    const until = resumes ? found.offset : at.end ?? reader.bytes;
    this.#report(reader.file, `bytes ${at.offset} to ${until} are damaged and were skipped`);
    return resumes ? found : undefined;
  }

  /** Hands a record's parts out. False when it cannot be used, so that only a restart can follow. */
  #apply(record: FoundRecord, file: number): boolean {
    const { kernels, floor, onDefinitions, onRows } = this.#options;
    const place = { file, offset: record.offset };
    if (record.header.restarts) kernels.exports.recordRestart();
    try {
      const parts = decodePayload(record.payload, record.header.isCompressed);
      if (parts.definitions.length > 0) onDefinitions(parts.definitions);
      if (parts.columns.length > 0) {
        this.#decodeRows(parts.columns, parts.blobs, place);
        const isOld = file === floor.file && record.offset < floor.offset;
        if (!isOld) {
          onRows(place);
          this.#rows += kernels.exports.recordRows.value;
          this.#points += kernels.exports.recordCells.value;
        }
      }
    } catch (error) {
      if (!(error instanceof MalformedError) && !isEngineError(error, "corrupt")) throw error;
      if (this.#options.mode === "strict") {
        throw new EngineError(
          "corrupt",
          `Cannot replay log file ${file}: the record at offset ${record.offset} is damaged: ${error.message}`,
          { cause: error },
        );
      }
      this.#report(file, `the record at offset ${record.offset} was skipped: ${error.message}`);
      return false;
    }
    this.#records++;
    return true;
  }

  /** Decodes rows into the batch. Throws MalformedError. */
  #decodeRows(columns: Uint8Array, blobs: Uint8Array, place: LogPosition): void {
    const { kernels, mode } = this.#options;
    const bytes = columns.length + blobs.length;
    const at = kernels.exports.recordReserve(bytes) >>> 0;
    kernels.refresh();
    kernels.u8.set(columns, at);
    kernels.u8.set(blobs, at + columns.length);
    const rows = kernels.exports.decodeRecord(bytes, blobs.length);
    kernels.refresh();
    if (rows < 0) throw new MalformedError("its rows cannot be decoded");
    const lost = kernels.exports.recordLostRows.value;
    if (lost === 0) return;
    if (mode === "strict") throw new MalformedError("its rows belong to sources nobody defined");
    this.#report(
      place.file,
      `${lost} rows of the record at offset ${place.offset} belong to sources whose definitions are lost`,
    );
  }

  #report(file: number, message: string): void {
    if (this.#options.mode === "strict") throw damageError(file, message);
    this.#damage.push(`Log file ${file}: ${message}`);
  }
}

/** Whether a record that restarts begins behind `offset`. */
function hasRestart(reader: LogFileReader, offset: number): boolean {
  return reader.findRecord(offset + 1, (record) => record.restarts) !== undefined;
}
