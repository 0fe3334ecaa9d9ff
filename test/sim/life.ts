/**
 * What a seed chooses for a whole life: bounds and modes of the database, and what may happen besides power cuts. Seeds
 * that end in 1, 3, 4, 6 or 8 live as seeds always have, so that those which once found a fault repeat it.
 */
import type { Settings } from "../../engine/settings.ts";
import type { SeededRandom } from "../support/seeded_random.ts";

export type Step =
  | "write"
  | "delete"
  | "flush"
  | "compact"
  | "snapshot"
  | "view"
  | "look"
  | "wait"
  | "verify"
  | "damage"
  | "copy";

/**
 * What happens besides: nothing, files that are damaged, a limit on the directory, a disk that is full for a while, plain
 * copies of the directory in use.
 */
export type Trouble = "none" | "damage" | "disk limit" | "full disk" | "copies";

/** By the last digit of a seed: where the digit before it is even, and where it is odd. */
const TROUBLES: readonly (readonly [Trouble, Trouble])[] = [
  ["full disk", "full disk"],
  ["none", "none"],
  ["disk limit", "disk limit"],
  ["none", "none"],
  ["none", "none"],
  ["damage", "copies"],
  ["none", "none"],
  ["damage", "copies"],
  ["none", "none"],
  ["disk limit", "copies"],
];

export interface Life {
  readonly settings: Partial<Settings>;
  readonly trouble: Trouble;
  /** How often each step is chosen, against the others. */
  readonly weights: ReadonlyMap<Step, number>;
}

const WEIGHTS: readonly (readonly [Step, number])[] = [
  ["write", 20],
  ["delete", 2],
  ["flush", 2],
  ["compact", 1],
  ["snapshot", 0.4],
  ["view", 2],
  ["look", 2],
  ["wait", 4],
  ["verify", 1],
];

export function lifeOf(seed: number): Life {
  const trouble = TROUBLES[seed % 10]![Math.floor(seed / 10) % 2]!;
  const settings: Partial<Settings> = {
    ...(seed % 3 === 0 ? { retentionMs: 600_000 } : {}),
    ...(seed % 5 === 0 ? { logSyncMode: "periodic" } : {}),
    ...(seed % 4 === 0 ? { flushPointsMax: 1_000 } : {}),
    ...(seed % 7 === 0 ? { compactionEnabled: false } : {}),
    ...(trouble === "disk limit"
      ? {
        diskLimitBytes: DISK_LIMIT_BYTES,
        flushPointsMax: 1_000,
        writeTimeoutMs: 0,
        diskLimitAction: seed % 10 === 2 ? "evict-oldest" : "read-only",
      }
      : {}),
    // A copy takes some minutes.
    ...(trouble === "copies" ? { copyBytesPerSecond: 1_024 } : {}),
  };
  const weights = new Map(WEIGHTS);
  if (trouble === "damage") weights.set("damage", 0.5);
  if (trouble === "copies") weights.set("copy", 1);
  return { settings, trouble, weights };
}

/** What is done while the directory is copied. */
export const WHILE_COPYING: ReadonlyMap<Step, number> = new Map([
  ["write", 10],
  ["delete", 1],
  ["flush", 2],
  ["compact", 1],
]);

/** A directory that a few flushes fill. */
const DISK_LIMIT_BYTES = 400_000;

/** One of the steps, by their weights. */
export function chooseStep(
  { weights }: { readonly weights: ReadonlyMap<Step, number> },
  random: SeededRandom,
): Step {
  let all = 0;
  for (const weight of weights.values()) all += weight;
  let at = random.next() * all;
  for (const [step, weight] of weights) {
    at -= weight;
    if (at < 0) return step;
  }
  return "write";
}
