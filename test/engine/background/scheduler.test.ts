import { describe, expect, test } from "bun:test";
import {
  type BackgroundJob,
  type JobOutcome,
  Scheduler,
} from "../../../engine/background/scheduler.ts";
import { SILENT_LOGGER } from "../../../engine/components.ts";
import { EngineError, isEngineError } from "../../../engine/errors.ts";
import { ManualClock } from "../../support/manual_clock.ts";

function make() {
  const clock = new ManualClock();
  const scheduler = new Scheduler({ clock, random: { next: () => 0 }, logger: SILENT_LOGGER });
  return { clock, scheduler };
}

/** Lets promises that are resolved already run their course. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

/** A job that notes its runs and ends them as the script says; afterwards it is idle. */
function scripted(name: string, script: (JobOutcome | Error)[], log: string[], lane?: string) {
  const job: BackgroundJob = {
    name,
    ...(lane === undefined ? {} : { lane }),
    async run() {
      log.push(name);
      const next = script.shift() ?? "idle";
      if (next instanceof Error) throw next;
      return next;
    },
  };
  return job;
}

/** A job that runs until it is let go. */
function blocking(name: string, lane?: string) {
  let letGo: (outcome: JobOutcome) => void = () => {};
  const signals: AbortSignal[] = [];
  const job: BackgroundJob = {
    name,
    ...(lane === undefined ? {} : { lane }),
    run(signal) {
      signals.push(signal);
      return new Promise((resolve) => letGo = resolve);
    },
  };
  return { job, signals, letGo: (outcome: JobOutcome) => letGo(outcome) };
}

describe("a scheduler", () => {
  test("is quiet when nothing is to do: no run, no timer", async () => {
    const { clock, scheduler } = make();
    const log: string[] = [];
    const job = scheduler.add(scripted("a", [], log));
    await settle();
    expect(log).toEqual([]);
    job.wake();
    await settle();
    expect(log).toEqual(["a"]);
    expect(clock.timers).toBe(0);
    expect(job.status().state).toBe("idle");
  });

  test("runs again at once as long as there is more", async () => {
    const { scheduler } = make();
    const log: string[] = [];
    scheduler.add(scripted("a", ["more", "more"], log)).wake();
    await settle();
    expect(log).toEqual(["a", "a", "a"]);
  });

  test("runs at the time a job asks for, and earlier when it is woken", async () => {
    const { clock, scheduler } = make();
    const log: string[] = [];
    const job = scheduler.add(scripted("a", [{ afterMs: 100 }, { afterMs: 100 }], log));
    job.wake();
    await settle();
    clock.advance(99);
    await settle();
    expect(log.length).toBe(1);
    clock.advance(1);
    await settle();
    expect(log.length).toBe(2);
    job.wake();
    await settle();
    expect(log.length).toBe(3);
    expect(clock.timers).toBe(0);
  });

  test("lets the first job that is due go first, between pieces of another", async () => {
    const { scheduler } = make();
    const log: string[] = [];
    const first = scheduler.add(scripted("flush", [], log));
    const second: BackgroundJob = {
      name: "sweep",
      async run() {
        log.push("sweep");
        if (log.length === 1) first.wake();
        return log.length < 3 ? "more" : "idle";
      },
    };
    scheduler.add(second).wake();
    await settle();
    expect(log).toEqual(["sweep", "flush", "sweep"]);
  });

  test("runs one job of a lane at a time, and lanes beside each other", async () => {
    const { scheduler } = make();
    const log: string[] = [];
    const long = blocking("compaction", "beside");
    scheduler.add(long.job).wake();
    scheduler.add(scripted("flush", [], log)).wake();
    const other = scheduler.add(scripted("verify", [], log, "beside"));
    other.wake();
    await settle();
    expect(log).toEqual(["flush"]);
    expect(other.status().state).toBe("due");
    long.letGo("idle");
    await settle();
    expect(log).toEqual(["flush", "verify"]);
  });

  test("wakes of a job's first line do not run a second one beside it", async () => {
    const { scheduler } = make();
    const log: string[] = [];
    const other = scheduler.add(scripted("b", [], log));
    scheduler.add({
      name: "a",
      async run() {
        other.wake();
        await settle();
        log.push("a");
        return "idle";
      },
    }).wake();
    await settle();
    await settle();
    expect(log).toEqual(["a", "b"]);
  });

  test("runs a job again that was woken while it ran", async () => {
    const { scheduler } = make();
    const long = blocking("a");
    const job = scheduler.add(long.job);
    job.wake();
    await settle();
    job.wake();
    expect(job.status().runs).toBe(1);
    long.letGo("idle");
    await settle();
    expect(job.status().runs).toBe(2);
    long.letGo("idle");
    await settle();
    expect(job.status().runs).toBe(2);
  });
});

describe("failures", () => {
  test("are tried again after growing delays, and forgotten with the first success", async () => {
    const { clock, scheduler } = make();
    const log: string[] = [];
    const trouble = () => new EngineError("io", "No room");
    const job = scheduler.add(scripted("a", [trouble(), trouble(), trouble()], log));
    job.wake();
    await settle();
    expect(scheduler.isDegraded).toBe(true);
    expect(job.status()).toEqual({
      name: "a",
      state: "backing off",
      runs: 1,
      failures: 1,
      failuresInRow: 1,
      lastError: "No room",
    });
    job.wake();
    await settle();
    expect(log.length).toBe(1);
    for (const [delay, runs] of [[999, 1], [1, 2], [2_000, 3], [3_999, 3], [1, 4]] as const) {
      clock.advance(delay);
      await settle();
      expect(log.length).toBe(runs);
    }
    expect(scheduler.isDegraded).toBe(false);
    expect(job.status().failures).toBe(3);
    expect(clock.timers).toBe(0);
  });

  test("delays end at a minute", async () => {
    const { clock, scheduler } = make();
    const log: string[] = [];
    scheduler.add(scripted("a", Array.from({ length: 30 }, () => new Error("no")), log)).wake();
    for (let i = 0; i < 12; i++) {
      await settle();
      clock.advance(60_000);
    }
    await settle();
    expect(log.length).toBe(13);
  });

  test.each(["failed", "closed"] as const)("%s halts the job", async (code) => {
    const { clock, scheduler } = make();
    const log: string[] = [];
    const job = scheduler.add(scripted("a", [new EngineError(code, "No more")], log));
    job.wake();
    await settle();
    job.wake();
    clock.advance(1e9);
    await settle();
    expect(log.length).toBe(1);
    expect(job.status().state).toBe("halted");
    expect(scheduler.isDegraded).toBe(true);
  });

  test("of one job leave the others alone", async () => {
    const { scheduler } = make();
    const log: string[] = [];
    scheduler.add(scripted("a", [new Error("no")], log)).wake();
    scheduler.add(scripted("b", [], log)).wake();
    await settle();
    expect(log).toEqual(["a", "b"]);
  });
});

describe("draining", () => {
  test("waits for a run that began afterwards and left nothing", async () => {
    const { scheduler } = make();
    const long = blocking("a");
    const job = scheduler.add(long.job);
    job.wake();
    await settle();
    let isDone = false;
    const drained = job.drain().then(() => isDone = true);
    long.letGo("idle");
    await settle();
    expect(isDone).toBe(false);
    long.letGo("more");
    await settle();
    expect(isDone).toBe(false);
    long.letGo("idle");
    await drained;
    expect(job.status().runs).toBe(3);
  });

  test("gets the error of a run, and starts one in spite of a delay", async () => {
    const { scheduler } = make();
    const log: string[] = [];
    const job = scheduler.add(scripted("a", [new Error("one"), new Error("two")], log));
    await expect(job.drain()).rejects.toThrow("one");
    await expect(job.drain()).rejects.toThrow("two");
    await job.drain();
    expect(log.length).toBe(3);
    expect(scheduler.isDegraded).toBe(false);
  });
});

describe("stopping", () => {
  test("aborts what runs and waits for it; nothing runs afterwards", async () => {
    const { clock, scheduler } = make();
    const log: string[] = [];
    const long = blocking("a");
    const job = scheduler.add(long.job);
    const other = scheduler.add(scripted("b", [{ afterMs: 10 }], log, "beside"));
    other.wake();
    job.wake();
    await settle();
    const drained = job.drain().catch((error) => error);
    let isStopped = false;
    const stopped = scheduler.stop().then(() => isStopped = true);
    expect(long.signals[0]!.aborted).toBe(true);
    expect(isEngineError(await drained, "closed")).toBe(true);
    await settle();
    expect(isStopped).toBe(false);
    long.letGo("more");
    await stopped;
    other.wake();
    clock.advance(1e6);
    await settle();
    expect(log).toEqual(["b"]);
    expect(clock.timers).toBe(0);
    expect(isEngineError(await job.drain().catch((error) => error), "closed")).toBe(true);
  });

  test("an error of an aborted run is no failure", async () => {
    const { scheduler } = make();
    const job: BackgroundJob = {
      name: "a",
      run: (signal) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    };
    const handle = scheduler.add(job);
    handle.wake();
    await settle();
    await scheduler.stop();
    expect(handle.status().failures).toBe(0);
    expect(scheduler.isDegraded).toBe(false);
  });
});
