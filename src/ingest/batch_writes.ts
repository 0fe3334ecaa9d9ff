/** Drives a parser that may fill the write batch more than once. */
import type { Acknowledgement, Database, WriteResult } from "../../engine/mod.ts";

/** A parser on its way through its input. */
export interface BatchFill {
  /** Fills the batch from where it stopped; true when the input is done, false when the batch is full. */
  run(): boolean;
  /** What the last `run` filled is stored. */
  written(result: WriteResult): void;
}

/**
 * Fills and writes batches until the input is done; resolves when all are acknowledged as asked. Passes on what `run` and
 * the database throw; batches before the error may be stored then.
 */
export async function writeBatches(
  database: Database,
  acknowledgement: Acknowledgement,
  fill: BatchFill,
): Promise<void> {
  const pending: Promise<void>[] = [];
  try {
    for (let finished = false; !finished;) {
      const admitted = database.admit();
      if (admitted !== undefined) await admitted;
      database.batch.begin();
      finished = fill.run();
      if (database.batch.rows === 0) continue;
      const result = database.write(acknowledgement);
      fill.written(result);
      if (result.done !== undefined) pending.push(result.done);
    }
  } catch (error) {
    await Promise.allSettled(pending);
    throw error;
  }
  await Promise.all(pending);
}
