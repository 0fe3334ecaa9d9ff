import { expect, test } from "bun:test";
import { defaultComponents, SystemClock } from "../../engine/components.ts";

test("the wall clock is near the runtime's and finer than a millisecond", () => {
  const clock = new SystemClock();
  const readings = Array.from({ length: 2_000 }, () => clock.nowNs());
  expect(Number(readings[0]! / 1_000_000n)).toBeCloseTo(Date.now(), -4);
  expect(readings.some((reading) => reading % 1_000_000n !== 0n)).toBe(true);
  expect(readings.every((reading, i) => i === 0 || reading >= readings[i - 1]!)).toBe(true);
});

test("after runs once and can be cancelled", async () => {
  const { clock } = defaultComponents();
  const ran: string[] = [];
  const cancel = clock.after(1, () => ran.push("cancelled"));
  cancel();
  clock.after(1, () => ran.push("first"));
  const alive = setTimeout(() => {}, 5_000);
  await new Promise<void>((resolve) => clock.after(20, resolve));
  clearTimeout(alive);
  expect(ran).toEqual(["first"]);
});

test("parts of the world can be replaced", () => {
  const random = { next: () => 0.5 };
  expect(defaultComponents({ random }).random.next()).toBe(0.5);
});
