/**
 * Reads one log file: its header, its records one behind the other, and the search for records behind damage. Holds one
 * buffer, which grows to the longest record.
 */
import type { FileHandle, FileSystem } from "../fs/file_system.ts";
import {
  decodeFileHeader,
  decodeRecordHeader,
  FILE_HEADER_BYTES,
  fileMark,
  isRecordSound,
  type LogFileHeader,
  RECORD_HEADER_BYTES,
  RECORD_KIND,
  type RecordHeader,
} from "./format.ts";

/** Bytes read at once. */
const WINDOW_BYTES = 1 << 20;
/** Where the kind stands in a record's header. */
const KIND_OFFSET = 12;

/** A sound record. */
export interface FoundRecord {
  readonly header: RecordHeader;
  readonly offset: number;
  readonly end: number;
  /** Valid until the next read. */
  readonly payload: Uint8Array;
}

export class LogFileReader implements Disposable {
  readonly file: number;
  readonly bytes: number;
  readonly #handle: FileHandle;
  #window = new Uint8Array(WINDOW_BYTES);
  #windowStart = 0;
  #windowBytes = 0;

  private constructor(file: number, handle: FileHandle) {
    this.file = file;
    this.#handle = handle;
    this.bytes = handle.size();
  }

  static open(
    fileSystem: FileSystem,
    given: { readonly path: string; readonly file: number },
  ): LogFileReader {
    const handle = fileSystem.open(given.path, "read");
    try {
      return new LogFileReader(given.file, handle);
    } catch (error) {
      handle.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#handle.close();
  }

  /**
   * The file's header; "unused" when the file was not begun under this number, undefined when the header is damaged.
   * Throws "unsupported" for a newer version.
   */
  header(): LogFileHeader | "unused" | undefined {
    const header = decodeFileHeader(this.#view(0, FILE_HEADER_BYTES));
    if (header === undefined || header === "unused") return header;
    return header.file === this.file ? header : "unused";
  }

  /** Whether the file was copied from the one that the log was written to. False where that cannot be told. */
  isCopy(): boolean {
    const header = decodeFileHeader(this.#view(0, FILE_HEADER_BYTES));
    if (header === undefined || header === "unused" || header.mark === 0) return false;
    const mark = fileMark(this.#handle.identity());
    return mark !== 0 && mark !== header.mark;
  }

  /** The record at `offset`, undefined when there is none or it is not sound. */
  recordAt(offset: number): FoundRecord | undefined {
    const place = { file: this.file, offset };
    const header = decodeRecordHeader(this.#view(offset, RECORD_HEADER_BYTES), place);
    if (header === undefined) return undefined;
    const bytes = RECORD_HEADER_BYTES + header.payloadBytes;
    if (offset + bytes > this.bytes) return undefined;
    const record = this.#view(offset, bytes);
    if (record.length < bytes || !isRecordSound(record, place)) return undefined;
    return { header, offset, end: offset + bytes, payload: record.subarray(RECORD_HEADER_BYTES) };
  }

  /** Whether a record's header stands at `offset`, whatever became of the rest. */
  hasHeaderAt(offset: number): boolean {
    const bytes = this.#view(offset, RECORD_HEADER_BYTES);
    return decodeRecordHeader(bytes, { file: this.file, offset }) !== undefined;
  }

  /** The first sound record that begins at `from` or later and is accepted. */
  findRecord(
    from: number,
    accept: (header: RecordHeader) => boolean,
  ): FoundRecord | undefined {
    let offset = from;
    while (offset + RECORD_HEADER_BYTES <= this.bytes) {
      const kindAt = this.#indexOfKind(offset + KIND_OFFSET);
      if (kindAt === undefined) return undefined;
      offset = kindAt - KIND_OFFSET;
      const found = this.recordAt(offset);
      if (found !== undefined && accept(found.header)) return found;
      offset = found?.end ?? offset + 1;
    }
    return undefined;
  }

  /** Where the next byte that could be a record's kind stands, from `offset` on. */
  #indexOfKind(offset: number): number | undefined {
    for (let at = offset; at < this.bytes;) {
      const bytes = this.#view(at, Math.min(WINDOW_BYTES >> 1, this.bytes - at));
      if (bytes.length === 0) return undefined;
      const index = bytes.indexOf(RECORD_KIND.batch);
      if (index >= 0) return at + index;
      at += bytes.length;
    }
    return undefined;
  }

  /** Bytes of the file, fewer at its end. Valid until the next call. */
  #view(offset: number, bytes: number): Uint8Array {
    const start = offset - this.#windowStart;
    if (start < 0 || start + bytes > this.#windowBytes) {
      if (bytes > this.#window.length) {
        this.#window = new Uint8Array(Math.max(bytes, this.#window.length * 2));
      }
      this.#windowStart = offset;
      this.#windowBytes = 0;
      this.#windowBytes = this.#handle.read(this.#window, offset);
      return this.#window.subarray(0, Math.min(bytes, this.#windowBytes));
    }
    return this.#window.subarray(start, start + bytes);
  }
}
