/**
 * When the head is flushed: at a bound of points or bytes, when it holds rows of a partition that is over, or when asked.
 * Never on a short timer: the log keeps what the head holds.
 */
import { floorDiv, msToTicks } from "../base/time.ts";
import type { Clock } from "../components.ts";
import { isDiskFull } from "../fs/io_error.ts";
import type { Head } from "../head/head.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { RetentionClock } from "../retention/retention_clock.ts";
import type { Settings } from "../settings.ts";
import type { MemoryBudget } from "../write/memory_budget.ts";
import type { Flusher } from "./flusher.ts";
import type { BackgroundJob, JobOutcome } from "./scheduler.ts";

export interface FlushJobParts {
  readonly settings: Settings;
  readonly budget: MemoryBudget;
  readonly kernels: Kernels;
  readonly head: Head;
  readonly flusher: Flusher;
  readonly recency: RetentionClock;
  readonly clock: Clock;
  /** Called when the disk is full; true when room was made. */
  readonly onDiskFull: () => boolean;
  /** Runs after each flush. */
  readonly onFlushed: () => void;
}

/** Above every generation of the head. */
const GENERATION_ANY = 0xffff_ffff;

export class FlushJob implements BackgroundJob {
  readonly name = "flush";
  readonly #parts: FlushJobParts;
  #isAsked = false;
  /** Since when rows wait for the next look at finished partitions; undefined while none do. */
  #waitingSinceMs: number | undefined;

  constructor(parts: FlushJobParts) {
    this.#parts = parts;
  }

  /** Makes the next run flush whatever the bounds say. */
  ask(): void {
    this.#isAsked = true;
  }

  /** Whether the job has to be woken after a write: a bound is reached, or no time to look again is set. */
  get isDue(): boolean {
    return this.#waitingSinceMs === undefined || this.#isOverBound();
  }

  async run(): Promise<JobOutcome> {
    const { head, settings, clock, onFlushed } = this.#parts;
    this.#waitingSinceMs ??= clock.monotonicMs();
    const left = this.#waitingSinceMs + settings.flushIdlePartitionMs - clock.monotonicMs();
    const isFinished = left <= 0 && this.#holdsFinishedPartition();
    if (this.#isAsked || isFinished || this.#isOverBound()) {
      this.#waitingSinceMs = clock.monotonicMs();
      await this.#flush();
      onFlushed();
    } else if (left <= 0) this.#waitingSinceMs = clock.monotonicMs();
    if (this.#isOverBound()) return "more";
    if (head.rows === 0) {
      this.#waitingSinceMs = undefined;
      return "idle";
    }
    const until = this.#waitingSinceMs + settings.flushIdlePartitionMs;
    return { afterMs: Math.max(1, until - clock.monotonicMs()) };
  }

  /** Who asks while it runs asks for another one: rows written meanwhile are not in this one. */
  async #flush(): Promise<void> {
    const wasAsked = this.#isAsked;
    this.#isAsked = false;
    const { flusher, onDiskFull } = this.#parts;
    try {
      await flusher.flush().catch((error: unknown) => {
        if (!isDiskFull(error) || !onDiskFull()) throw error;
        return flusher.flush();
      });
    } catch (error) {
      this.#isAsked ||= wasAsked;
      throw error;
    }
  }

  #isOverBound(): boolean {
    const { head, settings, budget } = this.#parts;
    if (head.rows === 0) return false;
    return head.points >= settings.flushPointsMax || head.bytes >= budget.headFlushBytes;
  }

  #holdsFinishedPartition(): boolean {
    const { head, kernels, recency, settings } = this.#parts;
    if (head.rows === 0) return false;
    const width = msToTicks(settings.partitionMs, settings.timeUnit);
    const list = kernels.alloc(16, "scratch");
    try {
      const found = kernels.exports.headWindows(GENERATION_ANY, width, list, 1);
      if (found === 0) return false;
      return found > 1 || kernels.i64[list >> 3]! < floorDiv(recency.reference(), width);
    } finally {
      kernels.free(list, "scratch");
    }
  }
}
