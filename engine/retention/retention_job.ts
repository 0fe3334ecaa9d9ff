/** Drops whole segments: those past the retention, and the oldest ones where the disk limit asks for room. */
import type { SegmentId } from "../base/types.ts";
import type { Clock } from "../components.ts";
import type { Version } from "../manifest/version.ts";
import type { VersionSet } from "../manifest/version_set.ts";
import { decideDiskLimit, type DiskDecision, type ExpiryBudget, pickExpired } from "./retention.ts";
import type { RetentionClock } from "./retention_clock.ts";
import type { Settings } from "../settings.ts";
import type { BackgroundJob, JobOutcome } from "../background/scheduler.ts";

/** How often retention is looked at while there is data. */
const RETENTION_MS = 600_000;

export interface RetentionJobParts {
  readonly settings: Settings;
  readonly versions: VersionSet;
  readonly recency: RetentionClock;
  readonly clock: Clock;
  /** Inputs of a running merge: they stay. */
  readonly busy: () => ReadonlySet<SegmentId>;
  /** Bytes that everything in the data directory takes. */
  readonly usedBytes: () => number;
  /** Called when they are too many; true when room was made without dropping data. */
  readonly onDiskFull: () => boolean;
  /** Called when the disk limit no longer forbids writing. */
  readonly onWritable: () => void;
  /** Runs in the step in which a version becomes current. */
  readonly onPublish: (version: Version) => void;
}

export class RetentionJob implements BackgroundJob {
  readonly name = "retention";
  readonly #parts: RetentionJobParts;
  #budget: ExpiryBudget | undefined;
  #expired = 0;
  #isReadOnly = false;
  #leaving: ReadonlySet<SegmentId> = new Set();

  constructor(parts: RetentionJobParts) {
    this.#parts = parts;
  }

  /** Segments dropped so far. */
  get expiredSegments(): number {
    return this.#expired;
  }

  /** Segments that are being dropped now: nobody else may change them. */
  get leaving(): ReadonlySet<SegmentId> {
    return this.#leaving;
  }

  /** Whether the disk limit forbids writing. */
  get isReadOnly(): boolean {
    return this.#isReadOnly;
  }

  async run(): Promise<JobOutcome> {
    const { settings, versions } = this.#parts;
    if (settings.retentionMs === 0 && settings.diskLimitBytes === 0) return "idle";
    await this.#expire();
    if (settings.diskLimitBytes > 0) await this.#keepWithinDisk();
    return versions.current.segments.length > 0 ? { afterMs: RETENTION_MS } : "idle";
  }

  async #expire(): Promise<void> {
    const { versions, recency, clock, settings } = this.#parts;
    const cutoff = recency.cutoff();
    if (cutoff === undefined) return;
    const { drop, budget } = pickExpired(versions.current.segments, {
      cutoff,
      monotonicMs: clock.monotonicMs(),
      budget: this.#budget,
      share: recency.hasJumped ? settings.expiryShareAfterJump : 1,
    });
    this.#budget = budget;
    await this.#drop(drop);
  }

  async #keepWithinDisk(): Promise<void> {
    const { onDiskFull } = this.#parts;
    let decision = this.#decide();
    if (decision.kind !== "fits" && onDiskFull()) decision = this.#decide();
    if (decision.kind === "evict") {
      await this.#drop(decision.drop);
      onDiskFull();
    }
    const wasReadOnly = this.#isReadOnly;
    this.#isReadOnly = decision.kind === "read-only" ||
      (decision.kind === "evict" && decision.readOnly);
    if (wasReadOnly && !this.#isReadOnly) this.#parts.onWritable();
  }

  #decide(): DiskDecision {
    const { versions, settings, usedBytes } = this.#parts;
    return decideDiskLimit(versions.current.segments, {
      usedBytes: usedBytes(),
      limitBytes: settings.diskLimitBytes,
      action: settings.diskLimitAction,
      isReadOnly: this.#isReadOnly,
    });
  }

  async #drop(ids: readonly SegmentId[]): Promise<void> {
    const { versions, busy, onPublish } = this.#parts;
    // Newer ones that a dropped one would have hidden wait with it for the merge to end.
    const held = ids.findIndex((id) => busy().has(id));
    const removeSegments = held < 0 ? ids : ids.slice(0, held);
    if (removeSegments.length === 0) return;
    this.#leaving = new Set(removeSegments);
    try {
      await versions.commit({ removeSegments }, onPublish);
    } finally {
      this.#leaving = new Set();
    }
    this.#expired += removeSegments.length;
  }
}
