/**
 * The readers of a database's segments, opened when one is first looked at, and the end of files that no version needs.
 */
import type { SegmentId } from "../base/types.ts";
import { type EngineError, isEngineError } from "../errors.ts";
import type { FileSystem } from "../fs/file_system.ts";
import { isMissing } from "../fs/io_error.ts";
import { ObsoleteFiles } from "../fs/obsolete_files.ts";
import type { SegmentRecord } from "../manifest/version.ts";
import { segmentFileName } from "./format.ts";
import { SegmentReader, type SegmentStore } from "./reader.ts";

/** A segment of a version and the reader of its file. */
export interface OpenSegment {
  readonly record: SegmentRecord;
  readonly reader: SegmentReader;
  /** Called by whoever meets an error of the reader, before it goes on: a damaged segment is set aside. */
  readonly onError: (error: unknown) => void;
}

export class SegmentReaders implements Disposable {
  readonly #store: SegmentStore;
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #obsolete: ObsoleteFiles;
  readonly #onUnremoved: (path: string, error: unknown) => void;
  readonly #onDamaged: (record: SegmentRecord, error: EngineError) => void;
  readonly #opened = new Map<SegmentId, OpenSegment>();

  constructor(options: {
    readonly store: SegmentStore;
    readonly fileSystem: FileSystem;
    readonly directory: string;
    /** Where files go that no version needs; if absent, they are removed at once. */
    readonly obsolete?: ObsoleteFiles;
    /** Called when a file that is no longer needed cannot be removed; that is tried again. */
    readonly onUnremoved: (path: string, error: unknown) => void;
    /** Called when a segment turns out to be damaged. */
    readonly onDamaged: (record: SegmentRecord, error: EngineError) => void;
  }) {
    this.#store = options.store;
    this.#fileSystem = options.fileSystem;
    this.#directory = options.directory;
    this.#obsolete = options.obsolete ?? ObsoleteFiles.none();
    this.#onUnremoved = options.onUnremoved;
    this.#onDamaged = options.onDamaged;
  }

  pathOf(id: SegmentId): string {
    return `${this.#directory}/${segmentFileName(id)}`;
  }

  /** The segment's reader; its file is not touched before something is read. */
  open(record: SegmentRecord): SegmentReader {
    return this.#open(record).reader;
  }

  #open(record: SegmentRecord): OpenSegment {
    const { id, bytes, checksum } = record;
    const known = this.#opened.get(id);
    if (known?.record === record) return known;
    const opened: OpenSegment = {
      record,
      reader: known?.reader ??
        new SegmentReader(this.#store, { path: this.pathOf(id), id, bytes, checksum }),
      onError: (error) => {
        if (isEngineError(error, "corrupt")) this.#onDamaged(record, error);
      },
    };
    this.#opened.set(id, opened);
    return opened;
  }

  /** The segments that meet inclusive bounds, in the order given. */
  openAll(
    records: readonly SegmentRecord[],
    bounds: { readonly first: bigint; readonly last: bigint },
  ): OpenSegment[] {
    const { first, last } = bounds;
    const opened: OpenSegment[] = [];
    for (const record of records) {
      if (record.minTime <= last && record.maxTime >= first) opened.push(this.#open(record));
    }
    return opened;
  }

  /** Closes the readers of segments that no version names any more; their files are obsolete. */
  remove(ids: readonly SegmentId[]): void {
    for (const id of ids) {
      const path = this.pathOf(id);
      this.#opened.get(id)?.reader[Symbol.dispose]();
      this.#opened.delete(id);
      try {
        if (!this.#fileSystem.exists(path)) continue;
        const bytes = this.#fileSystem.fileBytes(path);
        this.#obsolete.add({ path, bytes, remove: () => this.#removeFile(path) });
      } catch (error) {
        this.#onUnremoved(path, error);
      }
    }
  }

  #removeFile(path: string): boolean {
    try {
      this.#fileSystem.remove(path);
      return true;
    } catch (error) {
      this.#onUnremoved(path, error);
      return isMissing(error);
    }
  }

  /** Closes all readers. No view may be open. */
  [Symbol.dispose](): void {
    for (const { reader } of this.#opened.values()) reader[Symbol.dispose]();
    this.#opened.clear();
  }
}
