/**
 * The segments of the current version with their readers, and those that only open views still need.
 *
 * Invariants
 * - A file is removed only when neither the current version nor a view names its segment.
 */
import type { SegmentId } from "../base/types.ts";
import type { FileSystem } from "../fs/file_system.ts";
import type { SegmentRecord } from "../manifest/version.ts";
import { segmentFileName } from "./format.ts";
import { SegmentReader, type SegmentStore } from "./reader.ts";

/** A segment and the reader of its file. */
export interface OpenSegment {
  readonly record: SegmentRecord;
  readonly reader: SegmentReader;
}

/** Segments held for a view; release them once. */
export interface PinnedSegments {
  /** Those that meet the range, lowest sequence first. */
  readonly segments: readonly OpenSegment[];
  release(): void;
}

interface Entry {
  segment: OpenSegment;
  pins: number;
  live: boolean;
}

export class SegmentSet implements Disposable {
  readonly #store: SegmentStore;
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #onUnremoved: (path: string, error: unknown) => void;
  readonly #entries = new Map<SegmentId, Entry>();
  #current: readonly OpenSegment[] = [];

  constructor(options: {
    readonly store: SegmentStore;
    readonly fileSystem: FileSystem;
    readonly directory: string;
    /** Called when a file that is no longer needed cannot be removed; the next open removes it. */
    readonly onUnremoved: (path: string, error: unknown) => void;
  }) {
    this.#store = options.store;
    this.#fileSystem = options.fileSystem;
    this.#directory = options.directory;
    this.#onUnremoved = options.onUnremoved;
  }

  /** Segments of the current version, lowest sequence first. */
  get current(): readonly OpenSegment[] {
    return this.#current;
  }

  /** Makes these the current segments; files of those that went are removed as soon as no view needs them. */
  publish(records: readonly SegmentRecord[]): void {
    const current: OpenSegment[] = [];
    const named = new Set<SegmentId>();
    for (const record of records) {
      named.add(record.id);
      let entry = this.#entries.get(record.id);
      if (entry === undefined) {
        entry = { segment: this.#open(record), pins: 0, live: true };
        this.#entries.set(record.id, entry);
      } else if (entry.segment.record !== record) {
        entry.segment = { record, reader: entry.segment.reader };
      }
      current.push(entry.segment);
    }
    for (const [id, entry] of this.#entries) {
      if (!named.has(id)) entry.live = false;
    }
    current.sort((a, b) => a.record.sequence - b.record.sequence || a.record.id - b.record.id);
    this.#current = current;
    for (const id of [...this.#entries.keys()]) this.#collect(id);
  }

  /** Holds the current segments that meet the inclusive bounds. */
  pin(bounds: { readonly first: bigint; readonly last: bigint }): PinnedSegments {
    const segments = this.#current.filter(({ record }) =>
      record.minTime <= bounds.last && record.maxTime >= bounds.first
    );
    for (const { record } of segments) this.#entries.get(record.id)!.pins++;
    let released = false;
    return {
      segments,
      release: () => {
        if (released) return;
        released = true;
        for (const { record } of segments) {
          this.#entries.get(record.id)!.pins--;
          this.#collect(record.id);
        }
      },
    };
  }

  /** Closes all readers. No view may be open. */
  [Symbol.dispose](): void {
    for (const { segment } of this.#entries.values()) segment.reader[Symbol.dispose]();
    this.#entries.clear();
    this.#current = [];
  }

  #open(record: SegmentRecord): OpenSegment {
    const { id, bytes, checksum } = record;
    const path = `${this.#directory}/${segmentFileName(id)}`;
    return { record, reader: new SegmentReader(this.#store, { path, id, bytes, checksum }) };
  }

  #collect(id: SegmentId): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.live || entry.pins > 0) return;
    this.#entries.delete(id);
    const { path } = entry.segment.reader.file;
    entry.segment.reader[Symbol.dispose]();
    try {
      this.#fileSystem.remove(path);
    } catch (error) {
      this.#onUnremoved(path, error);
    }
  }
}
