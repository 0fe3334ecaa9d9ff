/** Deletions: what they hide, for how long, and that written again is seen again. */
import { describe, expect, test } from "bun:test";
import { SystemClock } from "../../engine/components.ts";
import type { EngineError } from "../../engine/errors.ts";
import type { SeriesSelection } from "../../engine/storage.ts";
import { Machine, rowAt, SECOND } from "../support/machine.ts";

type Step = (machine: Machine) => Promise<unknown>;

const flush: Step = (machine) => machine.flush();
const compact: Step = (machine) => machine.compact();
const reopen: Step = (machine) => machine.reopen();
const powerCut: Step = (machine) => machine.powerCut();
const nothing: Step = () => Promise.resolve();

/** A clock by which every look takes longer than work may go on without a pause. */
class SlowClock extends SystemClock {
  #looks = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + 10 * ++this.#looks;
  }
}

/** States in which the data may be when it is deleted, and what may happen afterwards. */
const STEPS: readonly { readonly name: string; readonly step: Step }[] = [
  { name: "nothing", step: nothing },
  { name: "a flush", step: flush },
  { name: "a compaction", step: compact },
  { name: "a restart", step: reopen },
  { name: "a power cut", step: powerCut },
];

function remove(machine: Machine, selection: SeriesSelection = {}): ReturnType<
  Machine["storage"]["deleteSeries"]
> {
  return machine.storage.deleteSeries({ metric: "m", ...selection });
}

describe("deletion", () => {
  const pairs = STEPS.flatMap((before) => STEPS.map((after) => ({ before, after })));
  test.each(
    pairs.map(({ before, after }) => ({
      name: `${before.name} before, ${after.name} after`,
      before,
      after,
    })),
  )(
    "of a range hides exactly that: $name",
    async ({ before, after }) => {
      const machine = await Machine.start();
      await machine.write(...[1, 2, 3, 4].map((second) => rowAt(second)), rowAt(2, 1, "b"));
      await before.step(machine);
      const matchers = [{ name: "tag", operator: "=", value: "a" }] as const;
      const range = { start: 2n * SECOND, end: 4n * SECOND };
      const result = await remove(machine, { matchers, ...range });
      expect(result).toEqual({ matchedSeries: 1, tombstones: 1 });
      await after.step(machine);
      expect(machine.seconds()).toEqual([1, 4]);
      expect(machine.seconds("b")).toEqual([2]);
      await machine.write(rowAt(3, 7));
      await after.step(machine);
      expect(machine.seconds()).toEqual([1, 3, 4]);
      await machine.storage.close();
    },
  );

  test("is idempotent: nothing that is hidden is counted again", async () => {
    const machine = await Machine.start();
    await machine.write(rowAt(1), rowAt(1, 1, "b"));
    expect((await remove(machine)).matchedSeries).toBe(2);
    expect((await remove(machine)).matchedSeries).toBe(0);
    await machine.storage.close();
  });

  test("two at once on one series keep both ranges", async () => {
    const machine = await Machine.start();
    await machine.write(...[1, 2, 3, 4, 5].map((second) => rowAt(second)));
    await Promise.all([
      remove(machine, { start: SECOND, end: 2n * SECOND }),
      remove(machine, { start: 4n * SECOND, end: 5n * SECOND }),
    ]);
    expect(machine.seconds()).toEqual([2, 3, 5]);
    await machine.powerCut();
    expect(machine.seconds()).toEqual([2, 3, 5]);
    await machine.storage.close();
  });

  test("of everything leaves no series, no segment and no tombstone after compaction and restart", async () => {
    const machine = await Machine.start();
    await machine.write(...[1, 2, 3].map((second) => rowAt(second)));
    await machine.flush();
    await remove(machine);
    await machine.compact();
    await machine.reopen();
    await machine.compact();
    expect(machine.storage.listMetrics()).toEqual([]);
    const { segments } = machine.storage.database.stats();
    expect([segments.files, segments.tombstones]).toEqual([0, 0]);
    await machine.storage.close();
  });

  test("of many series pauses, and what is written meanwhile elsewhere stays", async () => {
    const clock = new SlowClock();
    const machine = await Machine.start({}, undefined, undefined, clock);
    const tags = Array.from({ length: 500 }, (_, index) => `t${index}`);
    await machine.write(...tags.map((tag) => rowAt(1, 1, tag)));
    const removing = remove(machine);
    let writes = 0;
    let isOver = false;
    void removing.then(() => isOver = true);
    while (!isOver) {
      await machine.write(rowAt(writes, 1, "new"));
      writes++;
    }
    expect((await removing).matchedSeries).toBe(tags.length);
    expect(writes).toBeGreaterThan(1);
    for (const tag of tags) expect(machine.seconds(tag)).toEqual([]);
    expect(machine.seconds("new")).toHaveLength(writes);
    await machine.write(rowAt(1));
    expect(machine.seconds()).toEqual([1]);
    await machine.powerCut();
    expect(machine.seconds("t0")).toEqual([]);
    expect(machine.seconds("new")).toHaveLength(writes);
    await machine.storage.close();
  });

  test("that is under way when the database closes says so", async () => {
    const machine = await Machine.start({}, undefined, undefined, new SlowClock());
    await machine.write(...Array.from({ length: 500 }, (_, index) => rowAt(1, 1, `t${index}`)));
    const outcome = remove(machine).then(() => "deleted", (error: EngineError) => error.code);
    await machine.storage.close();
    expect(await outcome).toBe("closed");
  });

  test("beside a running flush hides what the flush is writing", async () => {
    const machine = await Machine.start();
    await machine.write(...[1, 2, 3].map((second) => rowAt(second)));
    const flushing = machine.flush();
    const removing = remove(machine, { start: 2n * SECOND, end: 3n * SECOND });
    await Promise.all([flushing, removing]);
    expect(machine.seconds()).toEqual([1, 3]);
    await machine.powerCut();
    expect(machine.seconds()).toEqual([1, 3]);
    await machine.storage.close();
  });
});
