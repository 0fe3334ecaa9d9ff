/** Drives a parser that may fill the write batch more than once. */
import type { Acknowledgement, Database, WriteResult } from "../../engine/mod.ts";
import type { Destination } from "./destination.ts";

/** A parser on its way through its input. */
export interface BatchFill {
  /** Fills the batch from where it stopped; true when the input is done, false when the batch is full. */
  run(): boolean;
  /** What the last `run` filled is stored. */
  written(result: WriteResult): void;
}

export interface BatchOptions {
  readonly acknowledgement: Acknowledgement;
  readonly destination: Destination;
}

/**
 * Fills and writes batches until the input is done; resolves when all are acknowledged as asked. Passes on what `run` and
 * the database throw; batches before the error may be stored then.
 */
export async function writeBatches(
  database: Database,
  fill: BatchFill,
  { acknowledgement, destination }: BatchOptions,
): Promise<void> {
  const pending: Promise<void>[] = [];
  try {
    for (let finished = false; !finished;) {
      const admitted = destination.admit();
      if (admitted !== undefined) {
        await admitted;
        continue;
      }
      database.batch.begin();
      finished = fill.run();
      if (database.batch.rows === 0) continue;
      const result = database.write(acknowledgement, destination.keep);
      fill.written(result);
      if (result.done !== undefined) pending.push(result.done);
    }
  } catch (error) {
    await Promise.allSettled(pending);
    throw error;
  }
  await Promise.all(pending);
}
