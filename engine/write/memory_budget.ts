/**
 * How the memory limit is divided. The registry may take half of it: then no more series are made. The cache has its own
 * bound, at most a quarter, and so has what one read of a series holds, half. The head has what these and the reads that are under
 * way leave, up to its share, and is flushed at half of that.
 *
 * Invariants
 * - The registry never shrinks and its series are never refused once they exist, so that a database that was opened with a
 *   smaller limit than before works, with little room for its head.
 */
import type { Kernels } from "../kernels/kernels.ts";
import type { Settings } from "../settings.ts";

/** Share of the limit that the registry may take. */
const REGISTRY_SHARE = 0.5;
/** Shares of the limit that the block cache and a read's scratch may take, whatever their settings say. */
const CACHE_SHARE = 0.25;
const SCRATCH_SHARE = 0.5;
/** Shares of the limit that the head may always take, and take at most, while a flush makes room. */
const HEAD_SHARE_MIN = 0.1;
const HEAD_SHARE_MAX = 0.9;
/** How far the head may grow past the size at which it is flushed, while that flush runs. */
const HEAD_OVERSHOOT = 2;
/** What a series is taken to need: somewhat more than most do. */
const SERIES_BYTES = 512;

/** Bytes that the block cache may take. */
export function cacheBytesOf({ memoryLimitBytes, blockCacheBytes }: Settings): number {
  return Math.min(blockCacheBytes, memoryLimitBytes * CACHE_SHARE);
}

/** Bytes of scratch that one read of a series may take. */
export function scratchBytesOf({ memoryLimitBytes, queryScratchBytes }: Settings): number {
  return Math.min(queryScratchBytes, memoryLimitBytes * SCRATCH_SHARE);
}

export class MemoryBudget {
  readonly #kernels: Kernels;
  readonly #settings: Settings;
  #registryBytes = 0;
  #seriesMax: number;

  constructor(kernels: Kernels, settings: Settings) {
    this.#kernels = kernels;
    this.#settings = settings;
    this.#seriesMax = settings.seriesMax;
    this.limitSeries();
  }

  /** Bytes of the head at which writes wait. */
  get headWaitBytes(): number {
    const { memoryLimitBytes: limit, headMemoryShare } = this.#settings;
    const share = Math.min(HEAD_SHARE_MAX, headMemoryShare * HEAD_OVERSHOOT);
    const taken = this.#registryBytes + cacheBytesOf(this.#settings) +
      this.#kernels.usedBytes("query");
    const room = limit - taken;
    return Math.min(limit * share, Math.max(room, limit * HEAD_SHARE_MIN));
  }

  /** Bytes of the head at which it is flushed. */
  get headFlushBytes(): number {
    const { memoryLimitBytes, headMemoryShare } = this.#settings;
    return Math.min(memoryLimitBytes * headMemoryShare, this.headWaitBytes / HEAD_OVERSHOOT);
  }

  /** Series that may exist now: the setting, or fewer where the registry comes to its share. */
  get seriesMax(): number {
    return this.#seriesMax;
  }

  /** Takes note of what the registry takes. Called after each write: cheap where nothing has been created. */
  limitSeries(): void {
    const bytes = this.#kernels.usedBytes("registry");
    if (bytes === this.#registryBytes) return;
    this.#registryBytes = bytes;
    const { memoryLimitBytes, seriesMax } = this.#settings;
    const { exports } = this.#kernels;
    const left = Math.max(0, memoryLimitBytes * REGISTRY_SHARE - bytes);
    const existing = Math.max(exports.seriesCount(), exports.sourceTotal());
    this.#seriesMax = Math.min(seriesMax, existing + Math.floor(left / SERIES_BYTES));
    exports.setSeriesMax(this.#seriesMax);
  }
}
