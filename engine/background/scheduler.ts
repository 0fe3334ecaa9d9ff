/**
 * One scheduler for all background work: flush, compaction, retention, checkpoints.
 *
 * A job runs when it is woken, or at the time it asked for. Jobs of one lane run one at a time, in the order in which they
 * were added: the first that is due goes first. Compaction, which may take minutes beside the event loop, has a lane of
 * its own. Where nothing is due nothing runs, and without a pending time there is no timer.
 *
 * Invariants
 * - A job never runs twice at once. Being woken while it runs makes it run again.
 * - A failed job is tried again after a growing delay; until it succeeds the scheduler is degraded and says why. An error
 *   that no repetition cures ("failed", "closed") halts the job.
 * - After `stop` resolved nothing runs and no timer is left.
 */
import { assert } from "../base/assert.ts";
import type { Clock, Logger, RandomSource } from "../components.ts";
import { EngineError, isEngineError } from "../errors.ts";

/** What a run says about the next one: at once, when woken, or (also) after a time. */
export type JobOutcome = "more" | "idle" | { readonly afterMs: number };

export interface BackgroundJob {
  readonly name: string;
  /** Jobs of one lane exclude each other; "main" if absent. */
  readonly lane?: string;
  /** Does one piece of work. `signal` is aborted by `stop`: end soon, by returning or by throwing. */
  run(signal: AbortSignal): Promise<JobOutcome>;
}

export type JobState = "idle" | "due" | "running" | "backing off" | "halted";

export interface JobStatus {
  readonly name: string;
  readonly state: JobState;
  readonly runs: number;
  readonly failures: number;
  /** Failures since the last success. */
  readonly failuresInRow: number;
  /** Message of the last failure, until a run succeeds. */
  readonly lastError: string | undefined;
}

export interface SchedulerOptions {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly logger: Logger;
}

/** Delays after failures: doubling between these, each lengthened by up to a quarter. */
const BACKOFF_MS_MIN = 1_000;
const BACKOFF_MS_MAX = 60_000;

/** A job in the scheduler. */
export interface JobHandle {
  /** Something may have to be done. During a delay after a failure this waits for its end. */
  wake(): void;
  /**
   * Wakes the job, also out of a delay, and resolves once a run that began after this call left nothing to do at once.
   * Rejects with the error of a run, "closed" when the scheduler stops.
   */
  drain(): Promise<void>;
  status(): JobStatus;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #entries: JobEntry[] = [];
  readonly #running = new Map<string, Promise<void>>();
  readonly #abort = new AbortController();

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Adds a job; those added first go first. It runs when it is woken. */
  add(job: BackgroundJob): JobHandle {
    assert(!this.#abort.signal.aborted, "Scheduler is stopped");
    const entry = new JobEntry(job, this.#options, () => this.#pump(entry.lane));
    this.#entries.push(entry);
    return entry;
  }

  /** Whether a job's last run failed. */
  get isDegraded(): boolean {
    return this.#entries.some((entry) => entry.status().lastError !== undefined);
  }

  status(): JobStatus[] {
    return this.#entries.map((entry) => entry.status());
  }

  /** Aborts what runs, waits for its end, and lets nothing begin any more. */
  async stop(): Promise<void> {
    this.#abort.abort(new EngineError("closed", "Cannot go on: the database is closing"));
    for (const entry of this.#entries) entry.stop();
    await Promise.all(this.#running.values());
  }

  #pump(lane: string): void {
    if (this.#running.has(lane) || this.#abort.signal.aborted) return;
    const entry = this.#entries.find((each) => each.lane === lane && each.isDue);
    if (entry === undefined) return;
    // In a step of its own: the lane is taken before the job's first line, which may wake others, runs.
    const done = Promise.resolve().then(() => entry.run(this.#abort.signal)).then(() => {
      this.#running.delete(lane);
      this.#pump(lane);
    });
    this.#running.set(lane, done);
  }
}

interface Waiter {
  /** The run that must have ended. */
  readonly run: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class JobEntry implements JobHandle {
  readonly lane: string;
  readonly #job: BackgroundJob;
  readonly #options: SchedulerOptions;
  readonly #pump: () => void;
  #isWoken = false;
  #isRunning = false;
  #isHalted = false;
  #isStopped = false;
  #runs = 0;
  #failures = 0;
  #failuresInRow = 0;
  #lastError: string | undefined;
  #cancelTimer: (() => void) | undefined;
  #isBackingOff = false;
  #waiters: Waiter[] = [];

  constructor(job: BackgroundJob, options: SchedulerOptions, pump: () => void) {
    this.lane = job.lane ?? "main";
    this.#job = job;
    this.#options = options;
    this.#pump = pump;
  }

  get isDue(): boolean {
    return this.#isWoken && !this.#isRunning && !this.#isBackingOff && !this.#isHalted &&
      !this.#isStopped;
  }

  wake(): void {
    this.#isWoken = true;
    this.#pump();
  }

  drain(): Promise<void> {
    if (this.#isStopped) return Promise.reject(closedError(this.#job.name));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ run: this.#runs + 1, resolve, reject });
    this.#isHalted = false;
    this.#clearTimer();
    this.wake();
    return promise;
  }

  status(): JobStatus {
    return {
      name: this.#job.name,
      state: this.#state(),
      runs: this.#runs,
      failures: this.#failures,
      failuresInRow: this.#failuresInRow,
      lastError: this.#lastError,
    };
  }

  /** Runs once; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#isStopped) return;
    this.#clearTimer();
    this.#isWoken = false;
    this.#isRunning = true;
    this.#runs++;
    try {
      const outcome = await this.#job.run(signal);
      this.#isRunning = false;
      this.#succeed(outcome);
    } catch (error) {
      this.#isRunning = false;
      if (!this.#isStopped) this.#fail(error);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#clearTimer();
    for (const { reject } of this.#waiters.splice(0)) reject(closedError(this.#job.name));
  }

  #state(): JobState {
    if (this.#isRunning) return "running";
    if (this.#isHalted || this.#isStopped) return "halted";
    if (this.#isBackingOff) return "backing off";
    return this.#isWoken ? "due" : "idle";
  }

  #succeed(outcome: JobOutcome): void {
    if (this.#lastError !== undefined) {
      this.#options.logger.log("info", "Background job works again", { job: this.#job.name });
    }
    this.#failuresInRow = 0;
    this.#lastError = undefined;
    if (outcome === "more") this.#isWoken = true;
    else {
      const run = this.#runs;
      const done = this.#waiters.filter((waiter) => waiter.run <= run);
      this.#waiters = this.#waiters.filter((waiter) => waiter.run > run);
      for (const { resolve } of done) resolve();
      if (outcome !== "idle") this.#arm(outcome.afterMs);
    }
  }

  #fail(error: unknown): void {
    this.#failures++;
    this.#failuresInRow++;
    this.#lastError = error instanceof Error ? error.message : String(error);
    const fields = { job: this.#job.name, error: this.#lastError, failures: this.#failuresInRow };
    // What a job works with is closed before the scheduler is stopped: for whoever reads the log that is no failure.
    if (isEngineError(error, "closed")) {
      this.#options.logger.log("info", "Background job was ended", fields);
    } else this.#options.logger.log("error", "Background job failed", fields);
    for (const { reject } of this.#waiters.splice(0)) reject(error);
    if (isEngineError(error, "failed") || isEngineError(error, "closed")) {
      this.#isHalted = true;
      return;
    }
    const delay = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** (this.#failuresInRow - 1));
    this.#isWoken = true;
    this.#isBackingOff = true;
    this.#arm(delay * (1 + this.#options.random.next() / 4));
  }

  #arm(ms: number): void {
    if (this.#isStopped) return;
    this.#cancelTimer = this.#options.clock.after(ms, () => {
      this.#clearTimer();
      this.wake();
    });
  }

  #clearTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#isBackingOff = false;
  }
}

function closedError(name: string): EngineError {
  return new EngineError("closed", `Cannot wait for ${name}: the database is closing`);
}
