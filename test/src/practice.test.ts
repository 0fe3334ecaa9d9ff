import { expect, test } from "bun:test";
import { loadConfiguration } from "../../src/config.ts";
import { Practice, type PracticeOutcome, type PracticeParts } from "../../src/practice.ts";
import { practiceSteps } from "../../src/practice_steps.ts";
import { ManualClock } from "../support/manual_clock.ts";

const STEP_MS = 1;

/** Practice of steps that each take a millisecond, in a world that the test moves. */
class World {
  readonly clock = new ManualClock();
  readonly outcomes: PracticeOutcome[] = [];
  readonly practice: Practice;
  busy = false;
  needless = false;
  steps = 0;
  open = 0;
  collections = 0;

  constructor(parts: Partial<PracticeParts> = {}) {
    this.practice = new Practice({
      occasion: "start",
      steps: () => this.#steps(),
      clock: this.clock,
      isBusy: () => this.busy,
      isNeedless: () => this.needless,
      collect: () => void this.collections++,
      onEnd: (outcome) => void this.outcomes.push(outcome),
      ...parts,
    });
  }

  async *#steps(): AsyncGenerator<void> {
    this.open++;
    try {
      for (;;) {
        this.steps++;
        this.clock.advance(STEP_MS);
        yield;
      }
    } finally {
      this.open--;
    }
  }

  /** Lets time go by in small pieces, so that what waits for it goes on in between. */
  async pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at++) {
      this.clock.advance(1);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }
  }
}

test("practice ends by itself, once, and leaves nothing open", async () => {
  const world = new World();
  world.practice.begin("start");
  await world.pass(1_000);
  world.practice.begin("start");
  await world.pass(1_000);
  expect(world.outcomes).toEqual([{ steps: world.steps, ms: world.steps * STEP_MS }]);
  expect(world.steps).toBeWithin(100, 1_000);
  expect([world.open, world.clock.timers]).toEqual([0, 0]);
  expect(world.collections).toBeGreaterThan(1);
});

test.each(
  [
    { name: "another occasion than the setting's", occasion: "first-query" },
    { name: "none", occasion: "off" },
  ] as const,
)("practice does not begin at $name", async ({ occasion }) => {
  const world = new World({ occasion });
  world.practice.begin("start");
  await world.pass(100);
  expect([world.steps, world.outcomes.length]).toEqual([0, 0]);
});

test("whoever wants something goes first", async () => {
  const world = new World();
  world.busy = true;
  world.practice.begin("start");
  await world.pass(500);
  expect(world.steps).toBe(0);
  world.busy = false;
  await world.pass(300);
  const before = world.steps;
  expect(before).toBeGreaterThan(0);
  world.busy = true;
  await world.pass(500);
  expect(world.steps).toBeLessThan(before + 10);
  expect(world.outcomes).toEqual([]);
});

test("a process that has been at work does not practise", async () => {
  const world = new World();
  world.needless = true;
  world.practice.begin("start");
  await world.pass(100);
  expect(world.outcomes).toEqual([{ steps: 0, ms: 0 }]);
});

test("a stop ends practice at once, whether it runs or waits", async () => {
  for (const busy of [false, true]) {
    const world = new World();
    world.busy = busy;
    world.practice.begin("start");
    await world.pass(30);
    await world.practice.stop();
    expect([world.open, world.clock.timers, world.outcomes.length]).toEqual([0, 0, 1]);
  }
});

test("a step that fails ends practice and is reported", async () => {
  const world = new World({
    async *steps() {
      yield;
      throw new Error("a mistake");
    },
  });
  world.practice.begin("start");
  await world.pass(100);
  expect(world.outcomes).toMatchObject([{ steps: 1, error: new Error("a mistake") }]);
});

test("every step of practice is answered well", async () => {
  const configuration = loadConfiguration({
    flags: ["--require-db", "true", "--query-points-max", "1000000"],
    environment: {},
    readFile: () => "",
    memoryBytes: 1 << 30,
  });
  let steps = 0;
  // A bad answer is thrown. Ten rounds meet every host, zone and field.
  for await (const _ of practiceSteps(configuration)) if (++steps === 150) break;
  expect(steps).toBe(150);
});
