/** Time units and the conversions at the engine's borders. Inside, a timestamp is an integer in the database's unit. */
import type { TimeRange, TimeUnit } from "./types.ts";

/** Database ticks in a millisecond; below 1 for seconds. */
export const TICKS_PER_MS: Readonly<Record<TimeUnit, number>> = {
  ns: 1e6,
  us: 1e3,
  ms: 1,
  s: 1e-3,
};
/** Nanoseconds in a tick. */
export const NS_PER_TICK: Readonly<Record<TimeUnit, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
};

export const TIME_MIN: bigint = -(2n ** 63n);
export const TIME_MAX: bigint = 2n ** 63n - 1n;
/** Every timestamp but the very last, which a half-open range cannot hold. */
export const ALL_TIME: TimeRange = { start: TIME_MIN, end: TIME_MAX };

export function clampTime(time: bigint): bigint {
  return time < TIME_MIN ? TIME_MIN : time > TIME_MAX ? TIME_MAX : time;
}

/** Milliseconds as ticks, saturating; fractions of a tick are rounded down. */
export function msToTicks(ms: number, unit: TimeUnit): bigint {
  if (ms === Infinity) return TIME_MAX;
  if (ms === -Infinity) return TIME_MIN;
  const whole = Math.floor(ms);
  const fraction = ms - whole;
  const perMs = TICKS_PER_MS[unit];
  if (perMs < 1) return clampTime(floorDiv(BigInt(whole), 1_000n));
  return clampTime(BigInt(whole) * BigInt(perMs) + BigInt(Math.floor(fraction * perMs)));
}

/** The wall clock's nanoseconds in ticks. */
export function nsToTicks(ns: bigint, unit: TimeUnit): bigint {
  return floorDiv(ns, NS_PER_TICK[unit]);
}

/** Ticks as milliseconds; exact to a quarter of a microsecond in this century. */
export function ticksToMs(ticks: bigint, unit: TimeUnit): number {
  const perMs = TICKS_PER_MS[unit];
  if (perMs < 1) return Number(ticks) * 1_000;
  const whole = ticks / BigInt(perMs);
  return Number(whole) + Number(ticks - whole * BigInt(perMs)) / perMs;
}

/** Division rounded towards minus infinity; the divisor is positive. */
export function floorDiv(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value % divisor < 0n ? quotient - 1n : quotient;
}
