/**
 * The world as the engine sees it: objects that a test can replace. Settings are data (settings.ts); a function as a
 * setting would mean it is a component. The defaults are the only place outside engine/fs that names the real world.
 */
import type { FileSystem } from "./fs/file_system.ts";

/** Wall clock and monotonic clock. */
export interface Clock {
  /** Nanoseconds since the epoch by the wall clock; may jump. */
  nowNs(): bigint;
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** Runs `callback` once after `ms` of monotonic time; returns what cancels it. Does not keep the process alive. */
  after(ms: number, callback: () => void): () => void;
}

/** Uniform random numbers in [0, 1). */
export interface RandomSource {
  next(): number;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Structured log lines; `fields` are values worth searching for. */
export interface Logger {
  log(
    level: LogLevel,
    message: string,
    fields?: Readonly<Record<string, string | number | boolean>>,
  ): void;
}

/** What an executor runs: a message to a worker and its answer. */
export interface Executor extends Disposable {
  /** Runs a compaction job beside the event loop; rejects with the job's error. */
  run(job: unknown): Promise<unknown>;
}

/** Everything the engine needs of the world. */
export interface Components {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly logger: Logger;
}
