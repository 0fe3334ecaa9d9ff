/**
 * How long the process tests of hardship run: their short form by default, or about PROVE_SECONDS seconds each where that is
 * set (`PROVE_SECONDS=3600 bun test test/process/chaos_kill.test.ts`). PROVE_SEED repeats the choices of a run.
 */
import { SeededRandom } from "./seeded_random.ts";

const PROVE_SECONDS = Number(process.env["PROVE_SECONDS"] ?? "0");

/** Whether this is the long form. */
export const isLong: boolean = PROVE_SECONDS > 0;

/** Milliseconds a test may go on with its cycles: `shortMs`, or what the long form gives. */
export function budgetMs(shortMs: number): number {
  return isLong ? PROVE_SECONDS * 1_000 : shortMs;
}

/** Time limit of a test that goes on for `budgetMs(shortMs)`: that, and as much again to come to an end. */
export function limitMs(shortMs: number): number {
  return 2 * budgetMs(shortMs) + 30_000;
}

export interface Choices {
  readonly random: SeededRandom;
  readonly seed: number;
  /** The error that a failing test ends with: what went wrong, where, and the command that makes the same choices. */
  failure(error: unknown, where?: string): Error;
}

/** Choices of the test in a file of test/process, from PROVE_SEED or a seed of today. */
export function choices(file: string): Choices {
  const seed = Number(process.env["PROVE_SEED"] ?? Date.now() % 1_000_000);
  const seconds = isLong ? ` PROVE_SECONDS=${PROVE_SECONDS}` : "";
  const command = `PROVE_SEED=${seed}${seconds} bun test test/process/${file}.test.ts`;
  return {
    random: new SeededRandom(seed),
    seed,
    failure: (error, where = "") =>
      new Error(`${where}${String(error)}\nrepeat with: ${command}`, { cause: error }),
  };
}
