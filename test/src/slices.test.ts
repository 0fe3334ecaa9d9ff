/** Long works pause in time, take turns, and come to the same result. */
import { describe, expect, test } from "bun:test";
import { forEachInSlices, type Pauses, Slices, sortInSlices } from "../../src/slices.ts";
import { SeededRandom } from "../support/seeded_random.ts";

/** Keeps the loop busy, as an item of a long work does. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Pauses at every item. */
const ALWAYS: Pauses = { isDue: true, pause: () => Promise.resolve() };

describe("Slices", () => {
  test("a short work does not pause", () => {
    const slices = new Slices(1);
    expect(slices.isDue).toBe(false);
  });

  test("the clock is looked at once in a number of items", () => {
    const slices = new Slices(3);
    work(20);
    expect([slices.isDue, slices.isDue, slices.isDue]).toEqual([false, false, true]);
  });

  test("who has to pause has to until it does, whoever of a work asks", async () => {
    const slices = new Slices(3);
    work(20);
    for (const isDue of [false, false, true, true]) expect(slices.isDue).toBe(isDue);
    await slices.pause();
    expect(slices.isDue).toBe(false);
  });

  test("others run at each pause", async () => {
    const slices = new Slices(1);
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    let pauses = 0;
    for (let item = 0; item < 20; item++) {
      work(2);
      if (!slices.isDue) continue;
      pauses++;
      await slices.pause();
    }
    isOver = true;
    expect(pauses).toBeGreaterThanOrEqual(4);
    expect(turns).toBeGreaterThanOrEqual(pauses - 1);
  });

  test("works take turns: each turn of the loop has one slice", async () => {
    const order: number[] = [];
    let turn = 0;
    let isOver = false;
    const count = () => {
      turn++;
      if (!isOver) setImmediate(count);
    };
    const turns: number[] = [];
    const run = async (name: number) => {
      const slices = new Slices(1);
      await slices.pause();
      for (let slice = 0; slice < 5; slice++) {
        order.push(name);
        turns.push(turn);
        await slices.pause();
      }
    };
    setImmediate(count);
    await Promise.all([run(1), run(2), run(3)]);
    isOver = true;
    expect(order).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
    expect(new Set(turns).size).toBe(turns.length);
  });
});

test("every item is visited in order, with pauses", async () => {
  const visited: number[] = [];
  await forEachInSlices([3, 1, 2], ALWAYS, (item) => {
    visited.push(item);
  });
  expect(visited).toEqual([3, 1, 2]);
});

describe("sortInSlices", () => {
  test.each([0, 1, 2, 511, 512, 513, 1_024, 1_500, 4_097, 20_000])(
    "%d items are sorted as by sort, equal ones in their order",
    async (count) => {
      const random = new SeededRandom(count + 1);
      const items = Array.from({ length: count }, (_, index) => ({
        key: random.below(Math.max(1, count >> 2)),
        index,
      }));
      const expected = items.toSorted((left, right) => left.key - right.key);
      await sortInSlices(items, (left, right) => left.key - right.key, ALWAYS);
      expect(items).toEqual(expected);
    },
  );

  test("runs that are in order are kept", async () => {
    const items = Array.from({ length: 3_000 }, (_, index) => index);
    await sortInSlices(items, (left, right) => left - right, ALWAYS);
    expect(items).toEqual(Array.from({ length: 3_000 }, (_, index) => index));
  });
});
