/**
 * Has merges carried out: in a worker, or in slices on the event loop where there is none. Gives the edit that makes the
 * result part of the database; committing it is the caller's affair.
 */
import type { RunOptions } from "../background/executor.ts";
import type { Clock, Logger } from "../components.ts";
import { EngineError, isEngineError } from "../errors.ts";
import type { FileSystem } from "../fs/file_system.ts";
import { type DatabasePaths, joinPath } from "../fs/paths.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { Version, VersionEdit } from "../manifest/version.ts";
import type { VersionSet } from "../manifest/version_set.ts";
import { segmentFileName } from "../segment/format.ts";
import type { SourceEncoder } from "../segment/writer.ts";
import type { CompactionStats } from "../stats.ts";
import { compact } from "./compactor.ts";
import {
  type CompactionJob,
  type CompactionResult,
  editOfResult,
  makeCompactionJob,
  type MergePlan,
  type WorkerAnswer,
} from "./job.ts";
import { Pace } from "./pace.ts";

/** Work on the event loop between two turns of others. */
const SLICE_MS = 8;
/** Free room beyond the inputs' bytes that a merge leaves. */
const ROOM_BYTES = 8 << 20;

/** Runs jobs beside the event loop; WorkerExecutor is one. */
export interface JobExecutor extends Disposable {
  run(job: unknown, options: RunOptions): Promise<unknown>;
}

export interface CompactionRunnerOptions {
  /** Gives the output's number. */
  readonly versions: Pick<VersionSet, "takeSegmentId">;
  readonly fileSystem: FileSystem;
  readonly kernels: Kernels;
  /** The registry: definitions of sources for the output. */
  readonly sources: SourceEncoder;
  readonly paths: DatabasePaths;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 sets no limit. */
  readonly bytesPerSecond: number;
  /** Called when there is too little room; true when some was made. */
  readonly onDiskFull?: () => boolean;
  /** Rows before this are left out; undefined keeps all. */
  readonly cutoff: () => bigint | undefined;
  /** Without it, or where it cannot start a worker, merging runs on the event loop. Ended by `stop`. */
  readonly executor: JobExecutor | undefined;
}

export class CompactionRunner {
  readonly #options: CompactionRunnerOptions;
  readonly #abort = new AbortController();
  #executor: JobExecutor | undefined;
  #running: Promise<unknown> | undefined;
  #stats = { merges: 0, untouched: 0, damaged: 0, readBytes: 0, writtenBytes: 0, workerBytes: 0 };

  constructor(options: CompactionRunnerOptions) {
    this.#options = options;
    this.#executor = options.executor;
  }

  stats(): CompactionStats {
    return this.#stats;
  }

  /**
   * Carries out a plan; one at a time. The version's segments must stay (pin it, and remove none of the inputs). A damaged
   * input gives the edit that sets it aside. Throws "io" (also: too little room), "closed" when it was stopped; nothing is
   * left of the output then.
   */
  async merge(plan: MergePlan, version: Version): Promise<VersionEdit> {
    const { versions, paths, bytesPerSecond, cutoff } = this.#options;
    const job = makeCompactionJob(version, plan, {
      outputId: versions.takeSegmentId(),
      cutoff: cutoff(),
      segmentsDirectory: paths.segments,
      stagingDirectory: paths.staging,
      bytesPerSecond,
    });
    this.#checkRoom(job);
    const running = this.#carryOut(job);
    this.#running = running.catch(() => {});
    const result = await running;
    this.#count(result);
    return editOfResult(job, result);
  }

  /** Removes the output of an edit that did not become part of the database. */
  discard(edit: VersionEdit): void {
    const { fileSystem, paths } = this.#options;
    for (const { id } of edit.addSegments ?? []) {
      try {
        fileSystem.remove(joinPath(paths.segments, segmentFileName(id)));
      } catch {
        // It takes room until the database is opened again, which removes it.
      }
    }
  }

  /** Aborts what runs and waits for its end; nothing runs afterwards. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    this.#options.executor?.[Symbol.dispose]();
  }

  async #carryOut(job: CompactionJob): Promise<CompactionResult> {
    const { signal } = this.#abort;
    const { logger, sources } = this.#options;
    if (signal.aborted) throw new EngineError("closed", "Cannot compact: it is stopped");
    if (this.#executor !== undefined) {
      try {
        const answer = (ids: unknown) => sources.encode(ids as Uint32Array);
        const result = await this.#executor.run(job, { signal, answer }) as WorkerAnswer;
        this.#stats.workerBytes = Math.max(this.#stats.workerBytes, result.memoryBytes);
        return result;
      } catch (error) {
        if (!isEngineError(error, "unsupported")) throw error;
        this.#executor = undefined;
        logger.log("warn", "Compaction runs on the event loop", { error: error.message });
      }
    }
    return await this.#carryOutHere(job);
  }

  #carryOutHere(job: CompactionJob): Promise<CompactionResult> {
    const { clock, fileSystem, kernels, sources } = this.#options;
    const { signal } = this.#abort;
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

  #count(result: CompactionResult): void {
    const stats = this.#stats;
    if (result.kind === "untouched") stats.untouched++;
    else if (result.kind === "damaged") {
      stats.damaged++;
      const fields = { segment: result.segment, error: result.message };
      this.#options.logger.log("error", "Segment is damaged and set aside", fields);
    } else {
      stats.merges++;
      stats.readBytes += result.readBytes;
      stats.writtenBytes += result.output?.bytes ?? 0;
    }
  }

  #checkRoom(job: CompactionJob): void {
    const { fileSystem, paths, onDiskFull } = this.#options;
    const needed = job.inputs.reduce((sum, { bytes }) => sum + bytes, ROOM_BYTES);
    let free = fileSystem.freeBytes(paths.directory);
    if (free === undefined || free >= needed) return;
    if (onDiskFull?.()) free = fileSystem.freeBytes(paths.directory) ?? 0;
    if (free >= needed) return;
    throw new EngineError(
      "io",
      `Cannot compact in "${paths.directory}": ${free} bytes are free, ${needed} are needed`,
    );
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
