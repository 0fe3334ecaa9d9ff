/**
 * Practice: code that runs for the first time is several times slower than after some hundred runs, when the runtime has
 * compiled it. So, where the setting asks for it, a daemon that has nothing else to do runs the steps of practice_steps.ts, and
 * the next queries find the code compiled.
 *
 * Invariants
 * - Whoever wants something goes first: a slice of steps begins only when nothing was asked since the one before and nothing is
 *   being answered, else when nothing has been asked for QUIET_MS; no step takes longer than one small query.
 * - It takes PRACTICE_MS of steps at most, once in the life of the process.
 *
 * It costs a second of processor time, and what is compiled stays in memory, some 25 MB, as after any queries. That is why it
 * is off by default.
 */
import type { Clock } from "../engine/mod.ts";
import type { Configuration } from "./config.ts";
import type { App } from "./http/app.ts";
import type { Pipeline } from "./ingest/pipeline.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { practiceSteps } from "./practice_steps.ts";

/** What a daemon gives to practise beside itself. */
export interface PracticeSurroundings {
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly app: App;
  readonly pipeline: Pipeline;
  /** Resident memory beside the engine's. */
  readonly ownBytes: () => number;
  /** Collects all garbage now. */
  readonly collect: () => void;
}

/** When practice may begin. */
export type PracticeOccasion = "start" | "first-query";

export interface PracticeParts {
  /** The occasion to wait for; "off": none. */
  readonly occasion: PracticeOccasion | "off";
  /** What is to be run, step by step. */
  readonly steps: () => AsyncGenerator<void>;
  readonly clock: Clock;
  /** Whether anybody wanted something since the last look, or is being served. */
  readonly isBusy: () => boolean;
  /** Whether the process has worked so much already that practice would add nothing, or is too large for it. */
  readonly isNeedless: () => boolean;
  /** Collects all garbage now. */
  readonly collect: () => void;
  /** Called once, when it is over. */
  readonly onEnd: (outcome: PracticeOutcome) => void;
}

export interface PracticeOutcome {
  readonly steps: number;
  /** Time that the steps took. */
  readonly ms: number;
  /** A mistake of ours that ended it early. */
  readonly error?: unknown;
}

/** Time that all steps may take. */
const PRACTICE_MS = 500;
/** Steps run for so long, then others have their turn. */
const SLICE_MS = 4;
const PAUSE_MS = 2;
/** How long nothing must have been asked for; doubled with every look that finds something, up to the longest. */
const QUIET_MS = 20;
const QUIET_MS_MAX = 2_000;
/** Steps between two collections: what they leave behind is a few megabytes. */
const STEPS_PER_COLLECTION = 100;
/** A process that has answered so much, or is so large, has been at work and needs no practice. */
const REQUESTS_MAX = 500;
const OWN_BYTES_MAX = 110e6;

/** The practice of a daemon, shown by one metric and nowhere else. */
export function openPractice(surroundings: PracticeSurroundings): Practice {
  const { configuration, clock, metrics, log, app, pipeline, ownBytes, collect } = surroundings;
  let practisedMs: number | undefined;
  metrics.gauge(
    "tsinkd_practice_seconds",
    "Time that practice took; absent until it is over.",
    () => practisedMs === undefined ? undefined : practisedMs / 1_000,
  );
  let seen = 0;
  return new Practice({
    occasion: configuration.values.practice,
    steps: () => practiceSteps(configuration),
    clock,
    isBusy: () => {
      const before = seen;
      seen = app.begun + pipeline.pointsStored;
      return seen !== before || app.active > 0;
    },
    isNeedless: () => app.begun >= REQUESTS_MAX || ownBytes() > OWN_BYTES_MAX,
    collect,
    onEnd: ({ steps, ms, error }) => {
      practisedMs = ms;
      if (error === undefined) log.debug("Practised", { steps, ms: Math.round(ms) });
      else log.warn("Practice failed", { reason: String(error) });
    },
  });
}

export class Practice {
  readonly #parts: PracticeParts;
  #running: Promise<void> | undefined;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(parts: PracticeParts) {
    this.#parts = parts;
  }

  /** Begins, where this is the occasion, as soon as nobody wants anything; further calls do nothing. */
  begin(occasion: PracticeOccasion): void {
    if (occasion === this.#parts.occasion) this.#running ??= this.#run();
  }

  /** Ends it after the step that runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { onEnd } = this.#parts;
    const done = { steps: 0, ms: 0 };
    try {
      await this.#practise(done);
      onEnd(done);
    } catch (error) {
      onEnd({ ...done, error });
    }
  }

  async #practise(done: { steps: number; ms: number }): Promise<void> {
    const { steps, clock, collect, isNeedless } = this.#parts;
    if (isNeedless() || !await this.#quiet()) return;
    const iterator = steps();
    try {
      let slice = 0;
      while (done.ms < PRACTICE_MS) {
        const began = clock.monotonicMs();
        if ((await iterator.next()).done === true) return;
        const ms = clock.monotonicMs() - began;
        done.ms += ms;
        slice += ms;
        if (++done.steps % STEPS_PER_COLLECTION === 0) collect();
        if (slice < SLICE_MS) continue;
        slice = 0;
        await this.#wait(PAUSE_MS);
        if (!await this.#quiet()) return;
      }
    } finally {
      await iterator.return(undefined);
      collect();
    }
  }

  /** Resolves once nobody wants anything, with whether to go on. */
  async #quiet(): Promise<boolean> {
    const { isBusy, isNeedless } = this.#parts;
    for (let ms = QUIET_MS; !this.#stopped; ms = Math.min(QUIET_MS_MAX, ms * 2)) {
      if (!isBusy()) return true;
      await this.#wait(ms);
      if (isNeedless()) return false;
    }
    return false;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
