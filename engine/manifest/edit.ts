/**
 * Edits applied to versions: a pure function. An edit that does not fit the version is a mistake of the program (or, at
 * opening, damage of the file) and fails an assertion before anything is changed.
 */
import { assert } from "../base/assert.ts";
import { type SegmentId, type Sequence, toSequence } from "../base/types.ts";
import type {
  DatabaseIdentity,
  SegmentRecord,
  Tombstone,
  Version,
  VersionEdit,
} from "./version.ts";

/** The version of a database in which nothing has happened yet. */
export function emptyVersion(identity: DatabaseIdentity): Version {
  return {
    identity,
    segments: [],
    tombstones: [],
    registryFiles: [],
    logFloor: { file: 1, offset: 0 },
    nextSegment: 1,
    nextSequence: 1,
    maxTime: undefined,
    quarantined: [],
  };
}

/** The version after the edit. */
export function applyEdit(version: Version, edit: VersionEdit): Version {
  const { segments, quarantined } = applySegments(version, edit);
  const tombstones = applyTombstones(version.tombstones, edit);
  let nextSegment = Math.max(version.nextSegment, edit.nextSegment ?? 0);
  let nextSequence = Math.max(version.nextSequence, edit.nextSequence ?? 0);
  for (const { id, sequence } of edit.addSegments ?? []) {
    nextSegment = Math.max(nextSegment, id + 1);
    nextSequence = Math.max(nextSequence, sequence + 1);
  }
  for (const { sequence } of edit.addTombstones ?? []) {
    nextSequence = Math.max(nextSequence, sequence + 1);
  }
  const logFloor = edit.logFloor ?? version.logFloor;
  const { file, offset } = version.logFloor;
  assert(
    logFloor.file > file || (logFloor.file === file && logFloor.offset >= offset),
    "The log's floor only rises",
  );
  return {
    identity: version.identity,
    segments,
    tombstones,
    registryFiles: edit.registryFiles ?? version.registryFiles,
    logFloor,
    nextSegment,
    nextSequence,
    maxTime: edit.maxTime ?? version.maxTime,
    quarantined,
  };
}

/** The edit that makes the version out of the empty one. */
export function editOf(version: Version): VersionEdit {
  return {
    addSegments: version.segments,
    quarantineSegments: version.quarantined,
    addTombstones: version.tombstones,
    registryFiles: version.registryFiles,
    logFloor: version.logFloor,
    nextSegment: version.nextSegment,
    nextSequence: version.nextSequence,
    ...(version.maxTime === undefined ? {} : { maxTime: version.maxTime }),
  };
}

function applySegments(
  version: Version,
  edit: VersionEdit,
): { segments: readonly SegmentRecord[]; quarantined: readonly SegmentId[] } {
  const byId = new Map(version.segments.map((segment) => [segment.id, segment]));
  const quarantined = new Set(version.quarantined);
  for (const id of edit.removeSegments ?? []) {
    assert(byId.delete(id) || quarantined.delete(id), `No segment ${id} to remove`);
  }
  for (const segment of edit.addSegments ?? []) {
    assert(!byId.has(segment.id), `Segment ${segment.id} is there already`);
    assert(segment.minTime <= segment.maxTime, `Segment ${segment.id} has no time`);
    byId.set(segment.id, segment);
  }
  // What was set aside as damaged while the edit was being made stays aside.
  for (const { id, level } of edit.moveSegments ?? []) {
    if (quarantined.has(id)) continue;
    byId.set(id, { ...known(byId, id), level });
  }
  for (const { id, purged } of edit.purgeSegments ?? []) {
    if (quarantined.has(id)) continue;
    const segment = known(byId, id);
    byId.set(id, { ...segment, purged: toSequence(Math.max(segment.purged, purged)) });
  }
  for (const id of edit.quarantineSegments ?? []) {
    byId.delete(id);
    quarantined.add(id);
  }
  const segments = [...byId.values()].sort((a, b) => a.sequence - b.sequence || a.id - b.id);
  return { segments, quarantined: [...quarantined].sort((a, b) => a - b) };
}

function known(segments: ReadonlyMap<SegmentId, SegmentRecord>, id: SegmentId): SegmentRecord {
  const segment = segments.get(id);
  assert(segment !== undefined, `No segment ${id}`);
  return segment;
}

function applyTombstones(
  tombstones: readonly Tombstone[],
  edit: VersionEdit,
): readonly Tombstone[] {
  if (edit.addTombstones === undefined && edit.removeTombstones === undefined) return tombstones;
  const bySequence = new Map<Sequence, Tombstone>();
  for (const tombstone of tombstones) bySequence.set(tombstone.sequence, tombstone);
  for (const sequence of edit.removeTombstones ?? []) {
    assert(bySequence.delete(sequence), `No tombstone ${sequence} to remove`);
  }
  for (const tombstone of edit.addTombstones ?? []) {
    assert(!bySequence.has(tombstone.sequence), `Tombstone ${tombstone.sequence} is there already`);
    assert(tombstone.start < tombstone.end, `Tombstone ${tombstone.sequence} has no time`);
    bySequence.set(tombstone.sequence, tombstone);
  }
  return [...bySequence.values()].sort((a, b) => a.sequence - b.sequence);
}
