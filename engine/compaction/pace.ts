/**
 * How fast a compaction goes: within the bytes a second that settings allow, in slices short enough for the event loop, and
 * no further once it is aborted.
 */
import { EngineError } from "../errors.ts";

/** Bytes that may be written ahead of the rate. */
const BURST_BYTES = 1 << 20;

export interface PaceOptions {
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
  /** 0 sets no limit. */
  readonly bytesPerSecond: number;
  /** Milliseconds of work after which others get a turn; Infinity in a worker. */
  readonly sliceMs: number;
  readonly isAborted: () => boolean;
  /** Waits; `ms` may be 0. Without a promise it has waited when it returns. */
  readonly wait: (ms: number) => Promise<void> | undefined;
}

export class Pace {
  readonly #options: PaceOptions;
  #beganMs: number;
  #sliceBeganMs: number;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#beganMs = options.monotonicMs();
    this.#sliceBeganMs = this.#beganMs;
  }

  /** See CompactorEnvironment.pace. */
  step(writtenBytes: number): Promise<void> | undefined {
    const { bytesPerSecond, isAborted, monotonicMs, sliceMs, wait } = this.#options;
    if (isAborted()) throw new EngineError("closed", "Cannot go on: the compaction is aborted");
    const now = monotonicMs();
    let waitMs = 0;
    if (bytesPerSecond > 0) {
      const ahead = writtenBytes - BURST_BYTES - (now - this.#beganMs) * bytesPerSecond / 1_000;
      waitMs = Math.max(0, ahead * 1_000 / bytesPerSecond);
    }
    if (waitMs === 0 && now - this.#sliceBeganMs < sliceMs) return undefined;
    return wait(waitMs)?.then(() => {
      this.#sliceBeganMs = monotonicMs();
      if (isAborted()) throw new EngineError("closed", "Cannot go on: the compaction is aborted");
    });
  }
}
