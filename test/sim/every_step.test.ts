/**
 * Every step once: a short life in which the first operation of the disk fails, then the second, and so on until a run
 * finishes unhurt. After each the database must open on a healthy disk and hold what its callers were told.
 */
import { describe, expect, test } from "bun:test";
import { isLong } from "../support/chaos_budget.ts";
import type { Fault } from "../support/simulated_disk.ts";
import type { CrashOutcome } from "../support/simulated_media.ts";
import { Scenario } from "./scenario.ts";

interface Case {
  readonly name: string;
  readonly fault: Omit<Fault, "at">;
  readonly outcome: CrashOutcome;
}

const CASES: readonly Case[] = [
  { name: "an error", fault: { kind: "error", when: "before" }, outcome: "lost" },
  { name: "an error after half of it", fault: { kind: "error", when: "during" }, outcome: "kept" },
  {
    name: "an error after it took effect",
    fault: { kind: "error", when: "after" },
    outcome: "lost",
  },
  {
    name: "a full disk",
    fault: { kind: "error", when: "before", code: "ENOSPC" },
    outcome: "random",
  },
  { name: "a power cut before it", fault: { kind: "crash", when: "before" }, outcome: "lost" },
  { name: "a power cut in it", fault: { kind: "crash", when: "during" }, outcome: "random" },
  { name: "a power cut after it", fault: { kind: "crash", when: "after" }, outcome: "random" },
  { name: "the process's end after it", fault: { kind: "crash", when: "after" }, outcome: "kept" },
];

/** More operations than the scenario has: something loops. */
const STEPS_MAX = 2_000;
/** Files that are not needed any more stay for copies, or go at once: log files are then used again, segments removed. */
const VARIANTS = [
  { kept: "files are kept", settings: {} },
  { kept: "files go", settings: { obsoleteKeepMs: 0 } },
] as const;
/**
 * The short form takes every eighth step for each way to fail, each way beginning with another one: together a run meets
 * every step in one way, and another run in another. The long form takes every step in all of them.
 */
const STRIDE = isLong ? 1 : 8;
const FIRST = Math.floor(Math.random() * STRIDE);

describe.each(VARIANTS)("every step once, where obsolete $kept", ({ settings }) => {
  test.each(CASES)("$name", async (given) => {
    const { name, fault, outcome } = given;
    let at = 1 + (FIRST + CASES.indexOf(given)) % STRIDE;
    for (;; at += STRIDE) {
      expect(at).toBeLessThan(STEPS_MAX);
      let isMet: boolean;
      try {
        isMet = await new Scenario(settings).run(fault, at, outcome);
      } catch (error) {
        throw new Error(`${name} at operation ${at}: ${String(error)}`, { cause: error });
      }
      if (!isMet) break;
    }
    expect(at).toBeGreaterThan(60);
  }, 300_000);
});
