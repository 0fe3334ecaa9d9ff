/**
 * The background job that keeps segments few and free of deleted rows: asks the picker, has the compactor carry the plan
 * out (in a worker, or in slices on the event loop) and commits the result.
 *
 * Invariants
 * - Inputs are pinned and busy until the result is committed or given up; nobody else removes a busy segment.
 * - An output that does not become part of the database is removed.
 */
import type { SegmentId } from "../base/types.ts";
import type { RunOptions } from "../background/executor.ts";
import type { BackgroundJob, JobOutcome } from "../background/scheduler.ts";
import type { Clock, Logger } from "../components.ts";
import { EngineError, isEngineError } from "../errors.ts";
import type { FileSystem } from "../fs/file_system.ts";
import { type DatabasePaths, joinPath } from "../fs/paths.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { retirableTombstones } from "../manifest/tombstones.ts";
import type { VersionSet } from "../manifest/version_set.ts";
import { segmentFileName } from "../segment/format.ts";
import type { SourceEncoder } from "../segment/writer.ts";
import { compact } from "./compactor.ts";
import {
  type CompactionJob,
  type CompactionResult,
  editOfResult,
  makeCompactionJob,
  type MergePlan,
} from "./job.ts";
import { Pace } from "./pace.ts";
import { LEVEL_MAX, pickCompaction, type PickerSettings, type PickerTime } from "./picker.ts";

/** Work on the event loop between two turns of others. */
const SLICE_MS = 8;
/** Free room beyond the inputs' bytes that a merge leaves. */
const ROOM_BYTES = 8 << 20;
/** How often closed windows are looked for where nothing is written. */
const RECHECK_MS_MAX = 3_600_000;

/** Runs jobs beside the event loop; WorkerExecutor is one. */
export interface JobExecutor {
  run(job: unknown, options: RunOptions): Promise<unknown>;
}

export interface CompactionOptions {
  readonly versions: VersionSet;
  readonly fileSystem: FileSystem;
  readonly kernels: Kernels;
  /** The registry: definitions of sources for the output. */
  readonly sources: SourceEncoder;
  readonly paths: DatabasePaths;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly picker: PickerSettings;
  readonly partitionMs: number;
  /** 0 sets no limit. */
  readonly bytesPerSecond: number;
  /** What time it is for the picker; a cutoff of the least i64 keeps everything. */
  readonly time: () => PickerTime;
  /** Without it, or where it cannot start a worker, merging runs in slices on the event loop. */
  readonly executor: JobExecutor | undefined;
  /** Told of a damaged segment, which is left alone from now on. */
  readonly onDamaged: (segment: SegmentId, message: string) => void;
}

export interface CompactionStats {
  readonly merges: number;
  readonly purgesWithoutRewriting: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

export class Compaction implements BackgroundJob {
  readonly name = "compaction";
  readonly lane = "compaction";
  readonly #options: CompactionOptions;
  /** Inputs of what runs, and damaged segments. */
  readonly #busy = new Set<SegmentId>();
  readonly #damaged = new Set<SegmentId>();
  #executor: JobExecutor | undefined;
  #merges = 0;
  #untouched = 0;
  #readBytes = 0;
  #writtenBytes = 0;

  constructor(options: CompactionOptions) {
    this.#options = options;
    this.#executor = options.executor;
  }

  /** Segments that must not be removed now. */
  get busy(): ReadonlySet<SegmentId> {
    return this.#busy;
  }

  stats(): CompactionStats {
    return {
      merges: this.#merges,
      purgesWithoutRewriting: this.#untouched,
      readBytes: this.#readBytes,
      writtenBytes: this.#writtenBytes,
    };
  }

  async run(signal: AbortSignal): Promise<JobOutcome> {
    const { versions, picker, time } = this.#options;
    const version = versions.current;
    const plan = pickCompaction(version, picker, time(), this.#damaged);
    if (plan === undefined) return await this.#retire();
    if (plan.kind === "move") {
      const { level } = plan;
      await versions.commit({ moveSegments: plan.inputs.map((id) => ({ id, level })) });
      return "more";
    }
    for (const id of plan.inputs) this.#busy.add(id);
    try {
      await this.#merge(plan, signal);
    } finally {
      for (const id of plan.inputs) this.#busy.delete(id);
    }
    return "more";
  }

  /** Deletions that have done their work go; then there is nothing to do but to wait for windows to close. */
  async #retire(): Promise<JobOutcome> {
    const { versions, partitionMs } = this.#options;
    const done = retirableTombstones(versions.current);
    if (done.length > 0) {
      await versions.commit({ removeTombstones: done.map(({ sequence }) => sequence) });
    }
    const isOpen = versions.current.segments.some((segment) =>
      segment.level < LEVEL_MAX && !this.#damaged.has(segment.id)
    );
    return isOpen ? { afterMs: Math.min(partitionMs, RECHECK_MS_MAX) } : "idle";
  }

  async #merge(plan: MergePlan, signal: AbortSignal): Promise<void> {
    const { versions, paths, bytesPerSecond, time } = this.#options;
    using pin = versions.pin();
    const { cutoff } = time();
    const job = makeCompactionJob(pin.version, plan, {
      outputId: versions.takeSegmentId(),
      cutoff,
      segmentsDirectory: paths.segments,
      stagingDirectory: paths.staging,
      bytesPerSecond,
    });
    this.#checkRoom(job);
    const result = await this.#carryOut(job, signal);
    if (result.kind === "damaged") {
      this.#damaged.add(result.segment);
      this.#options.logger.log("error", "Segment is damaged", { error: result.message });
      this.#options.onDamaged(result.segment, result.message);
      return;
    }
    await this.#commit(job, result);
  }

  async #commit(job: CompactionJob, result: CompactionResult): Promise<void> {
    try {
      await this.#options.versions.commit(editOfResult(job, result)!);
    } catch (error) {
      // After a failed sync the edit may be on the disk: then the file is needed, and opening sorts it out.
      if (!isEngineError(error, "failed")) this.#removeOutput(job);
      throw error;
    }
    if (result.kind === "untouched") this.#untouched++;
    if (result.kind !== "merged") return;
    this.#merges++;
    this.#readBytes += result.readBytes;
    this.#writtenBytes += result.output?.bytes ?? 0;
  }

  async #carryOut(job: CompactionJob, signal: AbortSignal): Promise<CompactionResult> {
    if (this.#executor !== undefined) {
      try {
        const answer = (ids: unknown) => this.#options.sources.encode(ids as Uint32Array);
        return await this.#executor.run(job, { signal, answer }) as CompactionResult;
      } catch (error) {
        if (!isEngineError(error, "unsupported")) throw error;
        this.#executor = undefined;
        const fields = { error: error.message };
        this.#options.logger.log("warn", "Compaction runs on the event loop", fields);
      }
    }
    return await this.#carryOutHere(job, signal);
  }

  #carryOutHere(job: CompactionJob, signal: AbortSignal): Promise<CompactionResult> {
    const { clock, fileSystem, kernels, sources } = this.#options;
    const pace = new Pace({
      monotonicMs: () => clock.monotonicMs(),
      bytesPerSecond: job.bytesPerSecond,
      sliceMs: SLICE_MS,
      isAborted: () => signal.aborted,
      wait: (ms) => waitFor(clock, ms, signal),
    });
    const environment = { fileSystem, kernels, sources, pace: (bytes: number) => pace.step(bytes) };
    return compact(job, environment);
  }

  #checkRoom(job: CompactionJob): void {
    const { fileSystem, paths } = this.#options;
    const free = fileSystem.freeBytes(paths.directory);
    const needed = job.inputs.reduce((sum, { bytes }) => sum + bytes, ROOM_BYTES);
    if (free === undefined || free >= needed) return;
    throw new EngineError(
      "io",
      `Cannot compact in "${paths.directory}": ${free} bytes are free, ${needed} are needed`,
    );
  }

  #removeOutput(job: CompactionJob): void {
    const { fileSystem, paths } = this.#options;
    try {
      fileSystem.remove(joinPath(paths.segments, segmentFileName(job.output.id)));
    } catch {
      // It was never made (all rows gone, or nothing rewritten); else opening removes it.
    }
  }
}

function waitFor(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener("abort", end);
  });
}
