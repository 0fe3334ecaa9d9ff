/**
 * What the manifest says: the version of the database that readers pin and edits replace.
 *
 * Invariants
 * - A version never changes; `edit` makes a new one, durable before it is published.
 * - Segments and tombstones are ordered by sequence: the higher one is newer and wins.
 */
import type { SegmentId, Sequence, TimeUnit } from "../base/types.ts";
import type { LogPosition } from "../wal/log.ts";

/** One segment file as the manifest knows it. */
export interface SegmentRecord {
  readonly id: SegmentId;
  readonly level: number;
  readonly bytes: number;
  /** Inclusive bounds. */
  readonly minTime: bigint;
  readonly maxTime: bigint;
  readonly rows: number;
  readonly points: number;
  readonly sources: number;
  readonly sequence: Sequence;
  /** Checksum of the footer. */
  readonly checksum: number;
  /** Tombstones up to this sequence have been applied to its rows. */
  readonly purged: Sequence;
}

/** A deletion: hides rows older than itself. */
export interface Tombstone {
  readonly sequence: Sequence;
  /** Half-open range. */
  readonly start: bigint;
  readonly end: bigint;
  /** Ascending ids of the series it hides (source * 65536 + slot); undefined hides every series. */
  readonly series: Float64Array | undefined;
  /** Rows of the log before this position are older than it. */
  readonly logPosition: LogPosition;
}

/** Facts fixed at creation. */
export interface DatabaseIdentity {
  readonly timeUnit: TimeUnit;
  readonly partitionMs: number;
  readonly metadataShards: number;
}

export interface Version {
  readonly identity: DatabaseIdentity;
  /** Ascending by sequence. */
  readonly segments: readonly SegmentRecord[];
  readonly tombstones: readonly Tombstone[];
  readonly registryFiles: readonly string[];
  /** Log records before this are in segments. */
  readonly logFloor: LogPosition;
  /** Next numbers to give out. */
  readonly nextSegment: number;
  readonly nextSequence: number;
  /** Greatest data time seen that was not in the future; for retention after a restart. */
  readonly maxTime: bigint | undefined;
  readonly quarantined: readonly SegmentId[];
}

/** A change of the version; all of it or nothing. */
export interface VersionEdit {
  readonly addSegments?: readonly SegmentRecord[];
  readonly removeSegments?: readonly SegmentId[];
  /** New level of segments that stay as they are. */
  readonly moveSegments?: readonly { readonly id: SegmentId; readonly level: number }[];
  /** Segments that are damaged: no longer read, but their files stay until they are removed by `removeSegments`. */
  readonly quarantineSegments?: readonly SegmentId[];
  /** Segments found to hold no row that a tombstone up to this sequence hides. */
  readonly purgeSegments?: readonly { readonly id: SegmentId; readonly purged: Sequence }[];
  readonly addTombstones?: readonly Tombstone[];
  readonly removeTombstones?: readonly Sequence[];
  /** All that are valid from now on. */
  readonly registryFiles?: readonly string[];
  readonly logFloor?: LogPosition;
  /** These two rise by themselves above every segment and sequence that an edit names. */
  readonly nextSegment?: number;
  readonly nextSequence?: number;
  readonly maxTime?: bigint;
}

/** The manifest file: a log of edits, the one commit point. */
export interface ManifestFile {
  readonly version: Version;
  /**
   * Durable when it resolves, and only then published as `version`. Edits are applied one after the other. Rejects with
   * "io" (nothing changed; a later commit may work, for instance once the disk has room), "failed" (no commit works any more), "closed".
   */
  commit(edit: VersionEdit): Promise<Version>;
  /** The same, blocking; for opening and closing, when no commit is under way. */
  commitNow(edit: VersionEdit): Version;
  close(): void;
}
