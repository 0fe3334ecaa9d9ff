/** Each disk operation of a short run fails once, or is the last before a power cut: what was confirmed is never lost. */
import { describe, expect, test } from "bun:test";
import { isEngineError } from "../../../engine/errors.ts";
import { largeRows, LogWorld, someRows } from "../../support/log_world.ts";
import type { BatchRow } from "../../support/record_rows.ts";
import { SimulatedDisk } from "../../support/simulated_disk.ts";

describe("every disk operation failing once", () => {
  /** What a run did: rows of records in order, and how many of them were confirmed. */
  interface History {
    readonly appended: BatchRow[][];
    confirmed: number;
  }

  async function run(world: LogWorld, history: History, keepsFailed: boolean): Promise<void> {
    let failed = false;
    const append = (number: number, rows = someRows(number)) => {
      try {
        history.appended.push(world.append(rows));
      } catch (error) {
        if (!isEngineError(error)) throw error;
        failed = true;
        // After a power cut in the middle of it, a record may be there or not.
        if (keepsFailed) throw error;
      }
    };
    const sync = async () => {
      const { length } = history.appended;
      await world.log.synced();
      history.confirmed = length;
    };
    world.open();
    append(1);
    append(2, largeRows(2, 30_000));
    await sync();
    append(3, largeRows(3, 30_000));
    world.log.rotate();
    append(4);
    await sync();
    append(5);
    append(6);
    await sync();
    await world.log.close();
    if (failed) expect(history.confirmed).toBeLessThan(6);
  }

  test.each(["before", "during", "after"] as const)(
    "an error %s the operation loses nothing that was confirmed",
    async (when) => {
      for (let at = 1; at < 500; at++) {
        const disk = new SimulatedDisk({ seed: at });
        const world = new LogWorld({ disk });
        disk.inject({ at: disk.operations + at, kind: "error", when });
        const history: History = { appended: [], confirmed: 0 };
        try {
          await run(world, history, false);
        } catch (error) {
          if (!isEngineError(error)) throw error;
        }
        if (disk.faultsMet === 0) return;
        disk.clearFaults();
        disk.crash("random");
        const after = new LogWorld({ disk });
        after.replay();
        expect(history.appended.slice(0, after.replayed.length)).toEqual(after.replayed);
        expect(after.replayed.length).toBeGreaterThanOrEqual(history.confirmed);
      }
      throw new Error("The sweep did not end");
    },
  );

  test.each(["random", "lost", "kept"] as const)(
    "a power cut that leaves %s loses nothing that was confirmed",
    async (outcome) => {
      for (let at = 1; at < 500; at++) {
        const disk = new SimulatedDisk({ seed: at * 3 });
        const world = new LogWorld({ disk });
        const when = (["before", "during", "after"] as const)[at % 3]!;
        disk.inject({ at: disk.operations + at, kind: "crash", when });
        const history: History = { appended: [], confirmed: 0 };
        try {
          await run(world, history, true);
        } catch (error) {
          if (!isEngineError(error)) throw error;
        }
        if (disk.faultsMet === 0) return;
        disk.clearFaults();
        disk.crash(outcome);
        const after = new LogWorld({ disk });
        after.open();
        const extra = after.replayed.length - history.appended.length;
        expect(extra).toBeLessThanOrEqual(1);
        expect(after.replayed.slice(0, history.appended.length)).toEqual(
          history.appended.slice(0, after.replayed.length),
        );
        expect(after.replayed.length).toBeGreaterThanOrEqual(history.confirmed);
        // The log goes on, and another cut changes nothing about what it held.
        const before = after.replayed;
        const more = after.append(someRows(9));
        await after.log.synced();
        disk.crash(outcome);
        const last = new LogWorld({ disk });
        last.open();
        expect(last.replayed).toEqual([...before, more]);
      }
      throw new Error("The sweep did not end");
    },
  );
});
