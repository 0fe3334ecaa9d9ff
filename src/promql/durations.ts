/**
 * Durations: text such as `1h30m` to milliseconds and back, and the value of duration expressions such as
 * `[step() * 2]` for one evaluation.
 *
 * Units in this order, each at most once: `y w d h m s ms`, a year is 365 days, a week 7.
 */
import type { Duration, DurationBinary } from "./ast.ts";
import { PromqlError } from "./errors.ts";

/** Longest duration in milliseconds: 2^63 nanoseconds, some 292 years. */
export const DURATION_MS_MAX = 9_223_372_036_854;

const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ["y", 31_536_000_000],
  ["w", 604_800_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** Milliseconds of `1h30m`; undefined for anything else, also for what exceeds `DURATION_MS_MAX`. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  const match = text === "" ? null : DURATION.exec(text);
  if (match === null) return undefined;
  let ms = 0;
  UNITS.forEach(([, unitMs], index) => {
    const digits = match[index + 1];
    if (digits !== undefined) ms += Number(digits) * unitMs;
  });
  return ms <= DURATION_MS_MAX ? ms : undefined;
}

/**
 * The canonical text: `90m` is `1h30m`. Years and weeks appear only where they divide the duration, as in Prometheus:
 * 90 days are `90d`, not `12w6d`. Negative durations get a sign, fractions of a millisecond are dropped.
 */
export function formatDuration(durationMs: number): string {
  let rest = Math.trunc(Math.abs(durationMs));
  if (rest === 0) return "0s";
  let text = durationMs < 0 ? "-" : "";
  for (const [unit, unitMs] of UNITS) {
    const exact = unit === "y" || unit === "w";
    if (exact && rest % unitMs !== 0) continue;
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return text;
}

/** What `step()` and `range()` mean for one evaluation, in milliseconds; both 0 for an instant query. */
export interface DurationContext {
  readonly stepMs: number;
  readonly rangeMs: number;
}

/**
 * The value of a duration in whole milliseconds. Throws a `DurationError` for division by zero, NaN and infinity,
 * and for what does not fit `DURATION_MS_MAX`; whether it must be positive is the caller's rule.
 */
export function durationMs(duration: Duration, context: DurationContext): number {
  const ms = Math.trunc(toMilliseconds(seconds(duration, context)));
  if (!Number.isFinite(ms)) throw new DurationError("duration is not a finite number", duration);
  if (Math.abs(ms) > DURATION_MS_MAX) throw new DurationError("duration out of range", duration);
  return ms === 0 ? 0 : ms;
}

/** A duration expression has no usable value. The message lacks the place, which `duration.position` tells. */
export class DurationError extends PromqlError {
  readonly duration: Duration;

  constructor(reason: string, duration: Duration) {
    super("bad_data", reason);
    this.name = "DurationError";
    this.duration = duration;
  }
}

/** A duration that must be above zero: a range or a step of a subquery. */
export function positiveDurationMs(duration: Duration, context: DurationContext): number {
  const ms = durationMs(duration, context);
  if (ms <= 0) throw new DurationError("duration must be greater than 0", duration);
  return ms;
}

/** Whether the value is the same for every evaluation. */
export function isConstantDuration(duration: Duration): boolean {
  switch (duration.kind) {
    case "literal":
      return true;
    case "step":
    case "range":
      return false;
    case "unary":
    case "paren":
      return isConstantDuration(duration.operand);
    case "binary":
      return isConstantDuration(duration.left) && isConstantDuration(duration.right);
  }
}

/** Seconds to milliseconds such that `0.001` and `1.234` come out whole. */
function toMilliseconds(value: number): number {
  const ms = value * 1000;
  const nearest = Math.round(ms);
  return Math.abs(ms - nearest) <= Math.abs(ms) * Number.EPSILON * 4 ? nearest : ms;
}

function seconds(duration: Duration, context: DurationContext): number {
  switch (duration.kind) {
    case "literal":
      return duration.seconds;
    case "step":
      return context.stepMs / 1000;
    case "range":
      return context.rangeMs / 1000;
    case "paren":
      return seconds(duration.operand, context);
    case "unary": {
      const operand = seconds(duration.operand, context);
      return duration.operator === "-" ? -operand : operand;
    }
    case "binary":
      return combine(duration, context);
  }
}

function combine(duration: DurationBinary, context: DurationContext): number {
  const left = seconds(duration.left, context);
  const right = seconds(duration.right, context);
  switch (duration.operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      if (right === 0) throw new DurationError("division by zero", duration);
      return left / right;
    case "%":
      if (right === 0) throw new DurationError("modulo by zero", duration);
      return left % right;
    case "^":
      return left ** right;
    case "min_of":
      return Math.min(left, right);
    case "max_of":
      return Math.max(left, right);
  }
}
