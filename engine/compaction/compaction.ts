/**
 * The background job that keeps segments few and free of deleted rows: asks the picker, has the plan carried out and
 * commits the result.
 *
 * Invariants
 * - Inputs are pinned and busy until the result is committed or given up; nobody else removes a busy segment.
 * - An output that does not become part of the database is removed.
 */
import type { SegmentId, Sequence } from "../base/types.ts";
import type { BackgroundJob, JobOutcome } from "../background/scheduler.ts";
import { isEngineError } from "../errors.ts";
import { retirableTombstones } from "../manifest/tombstones.ts";
import type { Version } from "../manifest/version.ts";
import type { VersionSet } from "../manifest/version_set.ts";
import type { CompactionRunner } from "./compaction_runner.ts";
import type { MergePlan } from "./job.ts";
import {
  type CompactionPlan,
  LEVEL_MAX,
  pickCompaction,
  type PickerSettings,
  type PickerTime,
} from "./picker.ts";

/** How often closed windows are looked for where nothing is written. */
const RECHECK_MS_MAX = 3_600_000;

export interface CompactionOptions {
  readonly versions: VersionSet;
  readonly runner: CompactionRunner;
  readonly picker: PickerSettings;
  readonly partitionMs: number;
  /** What time it is for the picker; a cutoff of the least i64 keeps everything. */
  readonly time: () => PickerTime;
  /** Segments that somebody else is about to remove: they are left alone. None if absent. */
  readonly leaving?: () => ReadonlySet<SegmentId>;
  /** Whether rows in the head may be older than the deletion with this sequence; such a deletion stays. */
  readonly mayHideHead?: (sequence: Sequence) => boolean;
  /** Runs in the step in which a version becomes current. */
  readonly onPublish?: (version: Version) => void;
}

export class Compaction implements BackgroundJob {
  readonly name = "compaction";
  readonly lane = "compaction";
  readonly #options: CompactionOptions;
  readonly #busy = new Set<SegmentId>();
  #isFull = false;

  constructor(options: CompactionOptions) {
    this.#options = options;
  }

  /** From the next run on until nothing is left to do, everything is brought into its final form. */
  askFull(): void {
    this.#isFull = true;
  }

  /** Segments that must not be removed now. */
  get busy(): ReadonlySet<SegmentId> {
    return this.#busy;
  }

  async run(signal: AbortSignal): Promise<JobOutcome> {
    const { versions, picker, time, leaving } = this.#options;
    if (signal.aborted) return "idle";
    const when = { ...time(), full: this.#isFull };
    const plan = pickCompaction(versions.current, picker, when, leaving?.());
    if (plan === undefined) {
      this.#isFull = false;
      return await this.#retire();
    }
    for (const id of plan.inputs) this.#busy.add(id);
    try {
      if (plan.kind === "move") await this.#move(plan);
      else await this.#merge(plan, signal);
    } finally {
      for (const id of plan.inputs) this.#busy.delete(id);
    }
    return "more";
  }

  async #move(plan: CompactionPlan): Promise<void> {
    const { inputs, level } = plan;
    const { versions, onPublish } = this.#options;
    await versions.commit({ moveSegments: inputs.map((id) => ({ id, level })) }, onPublish);
  }

  async #merge(plan: MergePlan, signal: AbortSignal): Promise<void> {
    const { versions, runner, onPublish } = this.#options;
    const stop = () => void runner.stop();
    signal.addEventListener("abort", stop);
    using pin = versions.pin();
    try {
      const edit = await runner.merge(plan, pin.version);
      try {
        await versions.commit(edit, onPublish);
      } catch (error) {
        // After a failed sync the edit may be on the disk: then the file is needed, and opening sorts it out.
        if (!isEngineError(error, "failed")) runner.discard(edit);
        throw error;
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Deletions that have done their work go; then there is nothing to do but to wait for windows to close. */
  async #retire(): Promise<JobOutcome> {
    const { versions, partitionMs, mayHideHead, onPublish } = this.#options;
    const done = retirableTombstones(versions.current).filter(({ sequence }) =>
      !(mayHideHead?.(sequence) ?? false)
    );
    if (done.length > 0) {
      const removeTombstones = done.map(({ sequence }) => sequence);
      await versions.commit({ removeTombstones }, onPublish);
    }
    const isOpen = versions.current.segments.some(({ level }) => level < LEVEL_MAX);
    return isOpen ? { afterMs: Math.min(partitionMs, RECHECK_MS_MAX) } : "idle";
  }
}
