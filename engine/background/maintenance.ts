/**
 * What the engine does beside reads and writes: flush, compaction, retention, snapshots, under one scheduler. An idle
 * database has no timer and touches no disk.
 */
import type { SegmentId } from "../base/types.ts";
import type { Compaction } from "../compaction/compaction.ts";
import type { CompactionRunner } from "../compaction/compaction_runner.ts";
import { EngineError } from "../errors.ts";
import type { ObsoleteFiles } from "../fs/obsolete_files.ts";
import type { Version } from "../manifest/version.ts";
import type { VersionSet } from "../manifest/version_set.ts";
import type { Settings } from "../settings.ts";
import type { CompactionStats, HealthStats } from "../stats.ts";
import type { Admission } from "../write/admission.ts";
import type { FlushJob } from "./flush_job.ts";
import { ObsoleteJob } from "./obsolete_job.ts";
import type { RetentionJob } from "../retention/retention_job.ts";
import type { JobHandle, Scheduler } from "./scheduler.ts";

/** Points in the head from which closing flushes: fewer are replayed sooner than a flush would take. */
const CLOSE_FLUSH_POINTS = 200_000;

export interface MaintenanceParts {
  readonly settings: Settings;
  readonly scheduler: Scheduler;
  readonly flushJob: FlushJob;
  readonly compaction: Compaction;
  readonly runner: CompactionRunner;
  readonly retention: RetentionJob;
  readonly obsolete: ObsoleteFiles;
  readonly versions: VersionSet;
  readonly admission: Admission;
  /** Points in the head now. */
  readonly headPoints: () => number;
  /** Runs in the step in which a version becomes current. */
  readonly onPublish: (version: Version) => void;
  /** Copies the current version into another directory. */
  readonly copy: (directory: string) => Promise<void>;
}

export class Maintenance {
  readonly #parts: MaintenanceParts;
  readonly #flush: JobHandle;
  readonly #compact: JobHandle;
  readonly #retain: JobHandle;
  readonly #sweep: JobHandle;
  readonly #damaged = new Set<SegmentId>();
  #isStopping = false;

  constructor(parts: MaintenanceParts) {
    this.#parts = parts;
    this.#flush = parts.scheduler.add(parts.flushJob);
    this.#retain = parts.scheduler.add(parts.retention);
    this.#sweep = parts.scheduler.add(new ObsoleteJob(parts.obsolete));
    this.#compact = parts.scheduler.add(parts.compaction);
    parts.obsolete.onWaiting = () => this.#sweep.wake();
  }

  /** Looks whether a bound is reached. Called for every batch. */
  afterWrite(): void {
    if (this.#parts.flushJob.isDue) this.#flush.wake();
  }

  /** Called when a flush has made room. */
  afterFlush(): void {
    this.#parts.admission.wake();
    if (this.#parts.settings.compactionEnabled) this.#compact.wake();
    this.#retain.wake();
  }

  /** Called when a merge may have given room back, which the disk limit waits for. */
  afterCompaction(): void {
    if (this.#parts.settings.diskLimitBytes > 0) this.#retain.wake();
  }

  afterDelete(): void {
    if (this.#parts.settings.compactionEnabled) this.#compact.wake();
  }

  /** What opening leaves to do: segments to merge, data past its retention, a head that replay has filled. */
  afterOpen(): void {
    this.afterDelete();
    this.#retain.wake();
    this.#flush.wake();
    this.#sweep.wake();
  }

  /** Asks for a flush without waiting for it: memory or log space is needed. */
  requestFlush(): void {
    this.#parts.flushJob.ask();
    this.#flush.wake();
  }

  /** Writes the head into segments. */
  async flush(): Promise<void> {
    this.#parts.flushJob.ask();
    await this.#flush.drain();
  }

  /** Flushes and brings everything into its final form: few files, smallest encoding, nothing deleted in them. */
  async compactAll(): Promise<void> {
    await this.flush();
    this.#parts.compaction.askFull();
    await this.#compact.drain();
  }

  async snapshot(directory: string): Promise<void> {
    await this.flush();
    await this.#parts.copy(directory);
  }

  /** Takes a damaged segment out of what is read; its file stays for repair. */
  setAside(id: SegmentId): void {
    const { versions, onPublish } = this.#parts;
    if (this.#damaged.has(id)) return;
    this.#damaged.add(id);
    const isNamed = versions.current.segments.some((segment) => segment.id === id);
    if (!isNamed) return;
    versions.commit({ quarantineSegments: [id] }, onPublish).catch(() => this.#damaged.delete(id));
  }

  /** Ends background work for good. A head of many points is flushed first, so that the next start need not replay it. */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    const { scheduler, runner, admission, headPoints, settings } = this.#parts;
    await runner.stop();
    const least = settings.logEnabled ? CLOSE_FLUSH_POINTS : 1;
    try {
      if (headPoints() >= least) await this.flush();
    } catch (error) {
      if (!settings.logEnabled || !(error instanceof EngineError)) throw error;
    } finally {
      await scheduler.stop();
      admission.wake();
    }
  }

  get isReadOnly(): boolean {
    return this.#parts.retention.isReadOnly;
  }

  get expiredSegments(): number {
    return this.#parts.retention.expiredSegments;
  }

  get compaction(): CompactionStats {
    return this.#parts.runner.stats();
  }

  /** Failures of background work; `failed` is the engine's to say. */
  health(): Omit<HealthStats, "failed"> {
    const status = this.#parts.scheduler.status();
    const lastError = status.find((job) => job.lastError !== undefined)?.lastError;
    return {
      degraded: lastError !== undefined,
      errors: status.reduce((sum, job) => sum + job.failures, 0),
      lastError,
    };
  }
}
