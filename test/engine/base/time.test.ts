import { expect, test } from "bun:test";
import { floorDiv, msToTicks, ticksToMs, TIME_MAX, TIME_MIN } from "../../../engine/base/time.ts";
import type { TimeUnit } from "../../../engine/base/types.ts";

test.each<{ ms: number; unit: TimeUnit; ticks: bigint }>([
  { ms: 1.5, unit: "ns", ticks: 1_500_000n },
  { ms: -0.5, unit: "us", ticks: -500n },
  { ms: 1_767_225_600_123, unit: "ns", ticks: 1_767_225_600_123_000_000n },
  { ms: 1_999, unit: "s", ticks: 1n },
  { ms: -1, unit: "s", ticks: -1n },
  { ms: Infinity, unit: "ms", ticks: TIME_MAX },
  { ms: -Infinity, unit: "ms", ticks: TIME_MIN },
  { ms: 1e18, unit: "ns", ticks: TIME_MAX },
])("msToTicks: $ms ms in $unit", ({ ms, unit, ticks }) => expect(msToTicks(ms, unit)).toBe(ticks));

test.each<{ ticks: bigint; unit: TimeUnit; ms: number }>([
  { ticks: 1_767_225_600_123_000_000n, unit: "ns", ms: 1_767_225_600_123 },
  { ticks: -1n, unit: "us", ms: -0.001 },
  { ticks: 7n, unit: "s", ms: 7_000 },
])("ticksToMs: $ticks $unit", ({ ticks, unit, ms }) => expect(ticksToMs(ticks, unit)).toBe(ms));

test("floorDiv rounds down", () => {
  expect([floorDiv(-1n, 10n), floorDiv(9n, 10n), floorDiv(-10n, 10n)]).toEqual([-1n, 0n, -1n]);
});
