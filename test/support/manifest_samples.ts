/** Sample segments, tombstones and identities for tests of manifest, compaction and retention. */
import { toSegmentId, toSequence } from "../../engine/base/types.ts";
import type { DatabaseIdentity, SegmentRecord, Tombstone } from "../../engine/manifest/version.ts";

export const IDENTITY: DatabaseIdentity = {
  timeUnit: "ms",
  partitionMs: 86_400_000,
  metadataShards: 0,
};

/** A segment with this id; its sequence is the id unless given. */
export function segment(
  id: number,
  facts: Partial<Omit<SegmentRecord, "id" | "sequence" | "purged">> & {
    readonly sequence?: number;
    readonly purged?: number;
  } = {},
): SegmentRecord {
  return {
    level: 0,
    bytes: 1_000 + id,
    minTime: 0n,
    maxTime: 99n,
    rows: 10,
    points: 20,
    sources: 3,
    checksum: 0xabcd0000 + id,
    ...facts,
    id: toSegmentId(id),
    sequence: toSequence(facts.sequence ?? id),
    purged: toSequence(facts.purged ?? 0),
  };
}

/** A tombstone of all series unless some are given as [source, slot]. */
export function tombstone(
  sequence: number,
  facts: {
    readonly start?: bigint;
    readonly end?: bigint;
    readonly series?: readonly (readonly [number, number])[];
    readonly file?: number;
  } = {},
): Tombstone {
  return {
    sequence: toSequence(sequence),
    start: facts.start ?? 0n,
    end: facts.end ?? 100n,
    series: facts.series === undefined
      ? undefined
      : Float64Array.from(facts.series, ([source, slot]) => source * 65_536 + slot),
    logPosition: { file: facts.file ?? 1, offset: 0 },
  };
}
