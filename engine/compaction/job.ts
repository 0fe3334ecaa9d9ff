/**
 * A compaction as data: what goes to the compactor, wherever it runs, and what comes back. Everything here can be sent
 * to a worker.
 */
import { assert, unreachable } from "../base/assert.ts";
import { type SegmentId, type Sequence, toSequence } from "../base/types.ts";
import { tombstonesFor } from "../manifest/tombstones.ts";
import type { SegmentRecord, Tombstone, Version, VersionEdit } from "../manifest/version.ts";
import type { CompactionPlan } from "./picker.ts";

export type MergePlan = Extract<CompactionPlan, { kind: "merge" }>;

export interface CompactionJob {
  /** Ascending by sequence. */
  readonly inputs: readonly SegmentRecord[];
  readonly output: {
    readonly id: SegmentId;
    readonly level: number;
    readonly sequence: Sequence;
    /** Tombstones up to this sequence are applied. */
    readonly purged: Sequence;
  };
  /** Those that may hide rows of an input, ascending by sequence. */
  readonly tombstones: readonly Tombstone[];
  /** Rows before this are expired and left out; undefined keeps all. */
  readonly cutoff: bigint | undefined;
  readonly segmentsDirectory: string;
  readonly stagingDirectory: string;
  /** A single input in which no row is hidden is not rewritten. */
  readonly isPurge: boolean;
  /** Bytes a second that may be written; 0 sets no limit. */
  readonly bytesPerSecond: number;
}

export type CompactionResult =
  /** The inputs' rows are in `output`; undefined when all of them are hidden or expired. */
  | {
    readonly kind: "merged";
    readonly output: SegmentRecord | undefined;
    readonly readBytes: number;
  }
  /** The single input holds no hidden row. */
  | { readonly kind: "untouched" }
  /** An input is damaged; nothing was written. */
  | { readonly kind: "damaged"; readonly segment: SegmentId; readonly message: string };

/** What a worker answers: the result, and the bytes of linear memory that it has come to. */
export type WorkerAnswer = CompactionResult & { readonly memoryBytes: number };

/** The job that carries out a plan on a version. Its inputs must not change until it has ended. */
export function makeCompactionJob(
  version: Version,
  plan: MergePlan,
  given: {
    readonly outputId: SegmentId;
    readonly cutoff: bigint | undefined;
    readonly segmentsDirectory: string;
    readonly stagingDirectory: string;
    readonly bytesPerSecond: number;
  },
): CompactionJob {
  const { outputId, ...rest } = given;
  const inputs = plan.inputs.map((id) => {
    const input = version.segments.find((segment) => segment.id === id);
    assert(input !== undefined, `No segment ${id} to compact`);
    return input;
  }).sort((a, b) => a.sequence - b.sequence || a.id - b.id);
  assert(inputs.length > 0);
  // What was retired before hides nothing in any segment; what is there now is applied.
  const purged = Math.max(
    Math.min(...inputs.map((input) => input.purged)),
    ...version.tombstones.map((tombstone) => tombstone.sequence),
  );
  const tombstones = new Set(inputs.flatMap((input) => tombstonesFor(version.tombstones, input)));
  return {
    ...rest,
    inputs,
    output: {
      id: outputId,
      level: plan.level,
      sequence: toSequence(Math.max(...inputs.map((input) => input.sequence))),
      purged: toSequence(purged),
    },
    tombstones: version.tombstones.filter((tombstone) => tombstones.has(tombstone)),
    isPurge: plan.reason === "tombstones",
  };
}

/** The edit that makes a result part of the database; it sets a damaged input aside. */
export function editOfResult(job: CompactionJob, result: CompactionResult): VersionEdit {
  switch (result.kind) {
    case "merged":
      return {
        removeSegments: job.inputs.map((input) => input.id),
        addSegments: result.output === undefined ? [] : [result.output],
      };
    case "untouched": {
      const { purged } = job.output;
      return { purgeSegments: job.inputs.map(({ id }) => ({ id, purged })) };
    }
    case "damaged":
      return { quarantineSegments: [result.segment] };
    default:
      return unreachable(result);
  }
}
