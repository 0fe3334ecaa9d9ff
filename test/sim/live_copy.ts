/**
 * A plain copy of the simulated database's directory, made file by file while it is in use: it opens with everything from
 * before copying began, and with a beginning of what was written meanwhile.
 */
import type { Database } from "../../engine/database.ts";
import { copyMs } from "../../engine/fs/obsolete_files.ts";
import { type CopiedEntry, copyDirectory } from "../support/copying.ts";
import { type Cutoffs, difference, type Model, statesAfter } from "./model.ts";
import { readDatabase } from "./reading.ts";
import { DATA, type World } from "./world.ts";

const ENTRIES: readonly CopiedEntry[] = ["MANIFEST", "registry", "segments", "wal"];
/** Steps that are made while a copy is. */
const STEPS_MAX = 12;
/** Deletions among them, so that their outcomes can be counted. */
export const DELETIONS_MAX = 4;

export interface LiveCopyOptions {
  readonly world: World;
  readonly model: Model;
  /** Where to. */
  readonly path: string;
  /** Does something with the database. */
  readonly step: () => Promise<void>;
  readonly cutoffs: (database: Database) => Cutoffs;
}

/** Copies, opens the copy and compares. Nothing is under way before. */
export async function checkLiveCopy(options: LiveCopyOptions): Promise<void> {
  const { world, model, path, step, cutoffs } = options;
  const { random, disk } = world;
  const start = model.visible();
  const trail = model.follow();
  let steps = 0;
  const beganMs = world.clock.monotonicMs();
  // Files that are not needed any more stay as long as copying takes at the rate that is set, and not longer.
  const { bytes } = world.database.stats().segments;
  const keptMs = copyMs(bytes, world.database.settings.copyBytesPerSecond);
  const gone = await copyDirectory(disk.memory, {
    from: DATA,
    to: path,
    order: shuffled(ENTRIES, random.next.bind(random)),
    descending: random.next() < 0.5,
    pieceBytes: random.pick([300, 4_096, 1 << 20]),
    between: async () => {
      if (random.next() > 0.3 || steps >= STEPS_MAX) return;
      steps++;
      await step();
    },
  });
  if (world.clock.monotonicMs() - beganMs > keptMs) return;
  const missed = gone.filter((name) => !name.endsWith(".new"));
  if (missed.length > 0) throw new Error(`Gone while copied: ${missed.join(", ")}`);
  const settings = { retentionMs: 0, diskLimitBytes: 0 };
  const copy = await world.open(path, { settings, fileSystem: disk.memory });
  const found = readDatabase(copy);
  const allowed = cutoffs(copy);
  await world.finish(copy.close());
  let first: string | undefined;
  for (const state of statesAfter(start, trail)) {
    const wrong = difference(state, found, allowed);
    if (wrong === undefined) return;
    first ??= wrong;
  }
  throw new Error(
    `In a copy of the directory, with ${trail.length} operations meanwhile: ${first}`,
  );
}

function shuffled<T>(items: readonly T[], next: () => number): T[] {
  const left = [...items];
  const order: T[] = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(next() * left.length), 1));
  return order;
}
