/**
 * Which version of a manifest the files of a directory belong to: a pure function, for opening a copy that was made file by
 * file while the database was in use.
 *
 * The files of every version of the last while are kept, so that a copy has all files of the version that was current when
 * copying began. Its manifest may have been copied later, and then names files that were made after the directory of files
 * was listed. Such a copy is opened as the newest version of which everything is there; what came later is in the log, as
 * far as the log was copied later.
 *
 * A version that has all its segments but not all its registry files will do where none has everything: what those files
 * define stands in the segments and in the log, too.
 *
 * A version is only gone back to where that loses nothing that is there: the log reaches from it to the manifest's end; or
 * the log's files show that they were copied, and of later versions only files are there that may have had their names when
 * the directory was listed, but were not committed: those of one flush, and merges of what the version has. Later deletions
 * are in the manifest and stay in force: what they hide is older than they are, wherever it is read from.
 */
import type { SegmentId } from "../base/types.ts";
import type { LogPosition } from "../wal/log.ts";
import { applyEdit } from "./edit.ts";
import type { Tombstone, Version, VersionEdit } from "./version.ts";

/** A manifest as a whole version and what followed. */
export interface VersionHistory {
  readonly whole: Version;
  readonly edits: readonly VersionEdit[];
}

/** The log from a position on, as it is found. */
export interface FoundLog {
  /** Whether a replay would not come to its end. */
  readonly isDamaged: boolean;
  /** Numbers of its first and last file, 0 for none. */
  readonly firstFile: number;
  readonly lastFile: number;
}

/** What is in the directory. */
export interface FoundFiles {
  hasSegment(id: SegmentId): boolean;
  hasRegistryFile(name: string): boolean;
  /** Whether the log's files are copies of those that were written. */
  readonly isCopy: boolean;
  log(floor: LogPosition): FoundLog;
}

/**
 * The version to open, undefined for the newest: because all its files are there, or because there is no older one that
 * would do. Numbers that were given out later stay given out.
 */
export function findCompleteVersion(
  history: VersionHistory,
  files: FoundFiles,
): Version | undefined {
  const versions = [history.whole];
  for (const edit of history.edits) versions.push(applyEdit(versions.at(-1)!, edit));
  const newest = versions.at(-1)!;
  for (const isThere of [isComplete, hasSegments]) {
    if (isThere(newest, files)) return undefined;
    for (let at = versions.length - 2; at >= 0; at--) {
      const version = versions[at]!;
      const later = history.edits.slice(at);
      if (!isThere(version, files) || !losesNothing({ version, newest, later }, files)) continue;
      const { nextSegment, nextSequence } = newest;
      const tombstones = withLater(version.tombstones, later);
      return { ...version, tombstones, nextSegment, nextSequence };
    }
  }
  return undefined;
}

/** Deletions of a version and of the edits that followed it; also those that have been carried out since. */
function withLater(
  tombstones: readonly Tombstone[],
  edits: readonly VersionEdit[],
): readonly Tombstone[] {
  const later = edits.flatMap((edit) => edit.addTombstones ?? []);
  return [...tombstones, ...later].sort((a, b) => a.sequence - b.sequence);
}

function isComplete(version: Version, files: FoundFiles): boolean {
  return hasSegments(version, files) &&
    version.registryFiles.every((name) => files.hasRegistryFile(name));
}

function hasSegments(version: Version, files: FoundFiles): boolean {
  return version.segments.every(({ id }) => files.hasSegment(id));
}

function losesNothing(
  given: {
    readonly version: Version;
    readonly newest: Version;
    /** The edits between them. */
    readonly later: readonly VersionEdit[];
  },
  files: FoundFiles,
): boolean {
  const { version, newest, later } = given;
  const log = files.log(version.logFloor);
  if (log.isDamaged) return false;
  // A log that begins later has lost what was between, as after a restart that did not need it any more.
  const reachesEnd = newest.logFloor.file <= version.logFloor.file ||
    (log.firstFile === version.logFloor.file && log.lastFile >= newest.logFloor.file - 1);
  return reachesEnd || (files.isCopy && wereUncommitted(version, later, files));
}

/** Whether those files of later edits that are there may have been there before their edit was committed. */
function wereUncommitted(
  version: Version,
  later: readonly VersionEdit[],
  files: FoundFiles,
): boolean {
  const known = new Set(version.segments.map(({ id }) => id));
  let flushes = 0;
  for (const { addSegments = [], removeSegments = [] } of later) {
    if (addSegments.length === 0) continue;
    const isFlush = removeSegments.length === 0;
    if (isFlush) flushes++;
    if (!addSegments.some(({ id }) => files.hasSegment(id))) continue;
    // One flush and one merge run at a time: of a second one nothing had a name yet.
    const isPossible = isFlush ? flushes === 1 : removeSegments.every((id) => known.has(id));
    if (!isPossible) return false;
  }
  return true;
}
