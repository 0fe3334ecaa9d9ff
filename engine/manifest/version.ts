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
  readonly quarantineSegments?: readonly SegmentId[];
  readonly addTombstones?: readonly Tombstone[];
  readonly removeTombstones?: readonly Sequence[];
  readonly registryFiles?: readonly string[];
  readonly logFloor?: LogPosition;
  readonly nextSegment?: number;
  readonly nextSequence?: number;
  readonly maxTime?: bigint;
}

/** The manifest file: a log of edits, the one commit point. */
export interface ManifestFile {
  readonly version: Version;
  /** Durable when it resolves, and only then published as `version`. Edits are applied one after the other. Throws "io" (nothing changed), "failed". */
  commit(edit: VersionEdit): Promise<Version>;
  /** The same, blocking; for opening and closing. */
  commitNow(edit: VersionEdit): Version;
  close(): void;
}
