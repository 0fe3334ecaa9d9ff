import { describe, expect, test } from "bun:test";
import { referenceTime, RetentionClock } from "../../../engine/retention/retention_clock.ts";
import { ManualClock } from "../../support/manual_clock.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1);

function make(options: { clock: ManualClock; maxTime?: number; retentionMs?: number }) {
  return new RetentionClock({
    clock: options.clock,
    unit: "ms",
    retentionMs: options.retentionMs ?? 30 * DAY,
    futureSkewMs: 900_000,
    maxTime: options.maxTime === undefined ? undefined : BigInt(options.maxTime),
  });
}

describe("referenceTime", () => {
  test.each<{ name: string; maxTime: bigint | undefined; wanted: bigint }>([
    { name: "no data: the clock", maxTime: undefined, wanted: 100n },
    { name: "old data: the clock", maxTime: 50n, wanted: 100n },
    { name: "data within the skew: the data", maxTime: 110n, wanted: 110n },
    { name: "data beyond the skew: the clock", maxTime: 111n, wanted: 100n },
  ])("$name", ({ maxTime, wanted }) => {
    expect(referenceTime(100n, { maxTime, skew: 10n })).toBe(wanted);
  });
});

describe("the clock of retention", () => {
  test("follows the wall clock, also where nothing is written", () => {
    const clock = new ManualClock(START);
    const retention = make({ clock });
    clock.advance(40 * DAY);
    expect(retention.cutoff()).toBe(BigInt(START + 10 * DAY));
  });

  test("keeps everything without a retention", () => {
    expect(make({ clock: new ManualClock(START), retentionMs: 0 }).cutoff()).toBe(undefined);
  });

  test("what is to be kept for less than the retention expires sooner", () => {
    const clock = new ManualClock(START);
    const retention = make({ clock });
    expect(retention.cutoff(5n)).toBe(BigInt(START - 5));
    expect(retention.cutoff(BigInt(1_000 * DAY))).toBe(retention.cutoff()!);
    expect(retention.cutoff(0n)).toBe(retention.cutoff()!);
    expect(make({ clock, retentionMs: 0 }).cutoff(5n)).toBe(BigInt(START - 5));
  });

  test("one device from the future moves nothing", () => {
    const clock = new ManualClock(START);
    const retention = make({ clock });
    retention.observe(BigInt(START + 400 * DAY));
    expect(retention.maxTime).toBe(undefined);
    expect(retention.reference()).toBe(BigInt(START));
    retention.observe(BigInt(START + 600_000));
    expect(retention.reference()).toBe(BigInt(START + 600_000));
  });

  test("a jump forward is believed after an hour", () => {
    const clock = new ManualClock(START);
    const retention = make({ clock });
    clock.wallMs += 1_000 * DAY;
    expect(retention.reference()).toBe(BigInt(START));
    expect(retention.isJumping).toBe(true);
    clock.advance(HOUR - 1);
    expect(retention.reference()).toBe(BigInt(START + HOUR - 1));
    clock.advance(1);
    expect(retention.reference()).toBe(BigInt(START + 1_000 * DAY + HOUR));
    expect(retention.isJumping).toBe(false);
  });

  test("a jump that is taken back within the hour leaves no trace", () => {
    const clock = new ManualClock(START);
    const retention = make({ clock });
    clock.wallMs += 1_000 * DAY;
    retention.observe(BigInt(clock.wallMs));
    clock.advance(HOUR / 2);
    expect(retention.reference()).toBe(BigInt(START + HOUR / 2));
    clock.wallMs -= 1_000 * DAY;
    clock.advance(2 * HOUR);
    expect(retention.reference()).toBe(BigInt(START + 2.5 * HOUR));
    expect(retention.maxTime).toBe(undefined);
  });

  test("a wall clock that goes back is believed at once, whatever data said", () => {
    const clock = new ManualClock(START);
    const retention = make({ clock });
    retention.observe(BigInt(START));
    clock.wallMs -= 100 * DAY;
    expect(retention.reference()).toBe(BigInt(START - 100 * DAY));
  });

  test("after a restart a clock far ahead of the data is a jump", () => {
    const clock = new ManualClock(START);
    const retention = make({ clock, maxTime: START - 365 * DAY });
    expect(retention.reference()).toBe(BigInt(START - 365 * DAY));
    clock.advance(HOUR);
    expect(retention.reference()).toBe(BigInt(START + HOUR));
  });

  test("after a restart a clock behind the data keeps data longer", () => {
    const clock = new ManualClock(Date.UTC(1970, 0, 1));
    const retention = make({ clock, maxTime: START });
    expect(retention.reference()).toBe(0n);
    // The network is back and sets the clock right.
    clock.wallMs = START + HOUR;
    expect(retention.reference()).toBe(0n);
    clock.advance(HOUR);
    expect(retention.reference()).toBe(BigInt(START + 2 * HOUR));
  });

  test("for a day after a jump was believed it says so", () => {
    const clock = new ManualClock(START);
    const retention = make({ clock });
    clock.advance(DAY);
    expect(retention.hasJumped).toBe(false);
    clock.wallMs += 1_000 * DAY;
    expect(retention.hasJumped).toBe(false);
    clock.advance(HOUR - 1);
    expect(retention.hasJumped).toBe(false);
    clock.advance(1);
    expect(retention.hasJumped).toBe(true);
    clock.advance(DAY - 1);
    expect(retention.hasJumped).toBe(true);
    clock.advance(1);
    expect(retention.hasJumped).toBe(false);
  });

  test("small corrections are followed at once", () => {
    const clock = new ManualClock(START);
    const retention = make({ clock });
    clock.wallMs += 300_000;
    expect(retention.reference()).toBe(BigInt(START + 300_000));
  });
});
