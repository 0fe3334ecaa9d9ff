/**
 * The world as the engine sees it: objects that a test can replace. Settings are data (settings.ts); a function as a
 * setting would mean it is a component. The defaults are the only place outside engine/fs that names the real world.
 */
import type { FileSystem } from "./fs/file_system.ts";
import { NodeFileSystem } from "./fs/node_file_system.ts";

/** Wall clock and monotonic clock. */
export interface Clock {
  /** Nanoseconds since the epoch by the wall clock; may jump. */
  nowNs(): bigint;
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** Runs `callback` once after `ms` of monotonic time; returns what cancels it. Does not keep the process alive. */
  after(ms: number, callback: () => void): () => void;
  /** Runs `callback` once when the events that have arrived already are handled. */
  soon(callback: () => void): void;
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

/** Everything the engine needs of the world. */
export interface Components {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly logger: Logger;
}

/** Longest delay that a timer of the runtime takes; a longer one is waited for in pieces. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The machine's clocks. */
export class SystemClock implements Clock {
  // The wall clock ticks in milliseconds; within one of them the monotonic clock tells finer steps apart.
  #tickMs = 0;
  #tickBegan = 0;

  nowNs(): bigint {
    const ms = Date.now();
    const now = performance.now();
    if (ms !== this.#tickMs) {
      this.#tickMs = ms;
      this.#tickBegan = now;
    }
    const within = Math.min(999_999, Math.floor((now - this.#tickBegan) * 1e6));
    return BigInt(ms) * 1_000_000n + BigInt(within);
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(ms: number, callback: () => void): () => void {
    let left = Math.max(0, ms);
    let timer: ReturnType<typeof setTimeout>;
    const arm = () => {
      const part = Math.min(left, TIMER_MS_MAX);
      left -= part;
      timer = setTimeout(() => left > 0 ? arm() : callback(), part);
      timer.unref();
    };
    arm();
    return () => clearTimeout(timer);
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }
}

/** A logger that says nothing. */
export const SILENT_LOGGER: Logger = { log: () => {} };

/** The real world, with `given` in place of parts of it. */
export function defaultComponents(given: Partial<Components> = {}): Components {
  return {
    fileSystem: new NodeFileSystem(),
    clock: new SystemClock(),
    random: { next: Math.random },
    logger: SILENT_LOGGER,
    ...given,
  };
}
