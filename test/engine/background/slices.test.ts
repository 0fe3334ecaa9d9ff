import { expect, test } from "bun:test";
import { inSlices } from "../../../engine/background/slices.ts";
import { ManualClock } from "../../support/manual_clock.ts";

/** Work of some steps, each of which takes 1 ms. */
function work(steps: number) {
  const clock = new ManualClock();
  let done = 0;
  const step = () => {
    clock.advance(1);
    return ++done < steps;
  };
  return { clock, step, done: () => done };
}

test("what fits into a slice is done at once", () => {
  const { clock, step, done } = work(5);
  expect(inSlices(clock, step)).toBeUndefined();
  expect(done()).toBe(5);
});

test("what takes longer pauses", async () => {
  const { clock, step, done } = work(20);
  const rest = inSlices(clock, step);
  expect(done()).toBeLessThan(10);
  await rest;
  expect(done()).toBe(20);
});

test("an error in a later slice comes out", async () => {
  const { clock, step } = work(20);
  let steps = 0;
  const rest = inSlices(clock, () => {
    if (++steps === 15) throw new Error("a step failed");
    return step();
  });
  await expect(rest).rejects.toThrow("a step failed");
});
