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
  | "damage";

/** What happens besides: nothing, files that are damaged, a limit on the directory, a disk that is full for a while. */
export type Trouble = "none" | "damage" | "disk limit" | "full disk";

const TROUBLES: readonly Trouble[] = [
  "full disk",
  "none",
  "disk limit",
  "none",
  "none",
  "damage",
  "none",
  "damage",
  "none",
  "disk limit",
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
  const trouble = TROUBLES[seed % TROUBLES.length]!;
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
  };
  const weights = new Map(WEIGHTS);
  if (trouble === "damage") weights.set("damage", 0.5);
  return { settings, trouble, weights };
}

/** A directory that a few flushes fill. */
const DISK_LIMIT_BYTES = 400_000;

/** One of the steps, by their weights. */
export function chooseStep({ weights }: Life, random: SeededRandom): Step {
  let all = 0;
  for (const weight of weights.values()) all += weight;
  let at = random.next() * all;
  for (const [step, weight] of weights) {
    at -= weight;
    if (at < 0) return step;
  }
  return "write";
}
