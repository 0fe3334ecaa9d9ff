/**
 * What time it is for retention. Small machines have no battery-backed clock: they boot somewhere in the past, then jump
 * forward; now and then one jumps to a wrong future. A naive retention would then drop everything.
 *
 * - A forward jump of the wall clock, also one across a restart, is believed after an hour of monotonic time. Until then
 *   time goes on at the monotonic clock's pace from where it was.
 *   For a day after that, retention drops only a share of the stored bytes an hour (retention.ts): whoever sees that the clock
 *   is wrong can still save the rest.
 * - A wall clock that goes back is believed at once: nothing is lost by keeping data longer.
 * - Data counts as far as it lies within the allowed skew of that clock: one device with a wrong clock moves nothing.
 */
import { msToTicks, nsToTicks } from "../base/time.ts";
import type { TimeUnit } from "../base/types.ts";
import type { Clock } from "../components.ts";

/** A wall clock ahead of the monotonic one by more than this has jumped. */
export const JUMP_MS = 600_000;
/** Monotonic time after which a jump is believed. */
export const JUMP_CONFIRM_MS = 3_600_000;
/** Monotonic time after a jump was believed in which little is dropped. */
export const JUMP_CAUTION_MS = 86_400_000;

/** The clock as it was read last; times in ticks. */
export interface ClockState {
  readonly trusted: bigint;
  readonly monotonicMs: number;
  /** Monotonic time at which a jump began that is not believed yet. */
  readonly jumpedAtMs: number | undefined;
  /** Monotonic time at which the last jump was believed. */
  readonly believedAtMs: number | undefined;
}

export interface ClockReading {
  readonly wall: bigint;
  readonly monotonicMs: number;
}

/** The state at opening: `maxTime` is the newest data time that the manifest remembers. */
export function startClock(
  reading: ClockReading,
  given: { readonly maxTime: bigint | undefined; readonly unit: TimeUnit },
): ClockState {
  const { maxTime, unit } = given;
  const { monotonicMs, wall } = reading;
  const state = { monotonicMs, jumpedAtMs: undefined, believedAtMs: undefined };
  if (maxTime === undefined) return { ...state, trusted: wall };
  return advanceClock({ ...state, trusted: maxTime }, reading, unit);
}

/** The state after another reading. */
export function advanceClock(state: ClockState, reading: ClockReading, unit: TimeUnit): ClockState {
  const { wall, monotonicMs } = reading;
  const expected = state.trusted + msToTicks(Math.max(0, monotonicMs - state.monotonicMs), unit);
  const { believedAtMs } = state;
  if (wall <= expected + msToTicks(JUMP_MS, unit)) {
    return { trusted: wall, monotonicMs, jumpedAtMs: undefined, believedAtMs };
  }
  const jumpedAtMs = state.jumpedAtMs ?? monotonicMs;
  if (monotonicMs - jumpedAtMs >= JUMP_CONFIRM_MS) {
    return { trusted: wall, monotonicMs, jumpedAtMs: undefined, believedAtMs: monotonicMs };
  }
  return { trusted: expected, monotonicMs, jumpedAtMs, believedAtMs };
}

/** The newest time that counts as now: the trusted clock, or data that is at most `skew` ticks ahead of it. */
export function referenceTime(
  trusted: bigint,
  data: { readonly maxTime: bigint | undefined; readonly skew: bigint },
): bigint {
  const { maxTime, skew } = data;
  return maxTime !== undefined && maxTime > trusted && maxTime <= trusted + skew
    ? maxTime
    : trusted;
}

export interface RetentionClockOptions {
  readonly clock: Clock;
  readonly unit: TimeUnit;
  /** 0 keeps everything. */
  readonly retentionMs: number;
  readonly futureSkewMs: number;
  /** What the manifest remembers. */
  readonly maxTime: bigint | undefined;
}

/** The state with a clock to read and data to observe. */
export class RetentionClock {
  readonly #clock: Clock;
  readonly #unit: TimeUnit;
  readonly #retention: bigint;
  readonly #skew: bigint;
  #state: ClockState;
  #maxTime: bigint | undefined;

  constructor(options: RetentionClockOptions) {
    this.#clock = options.clock;
    this.#unit = options.unit;
    this.#retention = msToTicks(options.retentionMs, options.unit);
    this.#skew = msToTicks(options.futureSkewMs, options.unit);
    this.#maxTime = options.maxTime;
    this.#state = startClock(this.#read(), options);
  }

  /** Greatest data time observed that was not in the future; for the manifest. */
  get maxTime(): bigint | undefined {
    return this.#maxTime;
  }

  /** Whether the wall clock is ahead of what is believed. */
  get isJumping(): boolean {
    return this.#state.jumpedAtMs !== undefined;
  }

  /** Whether a forward jump was believed within the last day. */
  get hasJumped(): boolean {
    const { believedAtMs, monotonicMs } = this.#advance();
    return believedAtMs !== undefined && monotonicMs - believedAtMs < JUMP_CAUTION_MS;
  }

  /** Greatest time that does not count as the future. */
  get futureLimit(): bigint {
    return this.#advance().trusted + this.#skew;
  }

  /**
   * Takes note of the newest time of a batch; times in the future do not count. `limit` is the futureLimit where it was
   * just read: each reading of the clock takes a write of one line a microsecond.
   */
  observe(time: bigint, limit?: bigint): void {
    if (this.#maxTime !== undefined && time <= this.#maxTime) return;
    if (time <= (limit ?? this.futureLimit)) this.#maxTime = time;
  }

  /** The newest time that counts as now. */
  reference(): bigint {
    const { trusted } = this.#advance();
    return referenceTime(trusted, { maxTime: this.#maxTime, skew: this.#skew });
  }

  /** Rows before this are expired; undefined when everything is kept. `keep`: they are kept no longer than these ticks; 0: no bound. */
  cutoff(keep: bigint = 0n): bigint | undefined {
    const retention = this.#retention;
    const kept = keep > 0n && (retention === 0n || keep < retention) ? keep : retention;
    return kept === 0n ? undefined : this.reference() - kept;
  }

  #read(): ClockReading {
    return {
      wall: nsToTicks(this.#clock.nowNs(), this.#unit),
      monotonicMs: this.#clock.monotonicMs(),
    };
  }

  #advance(): ClockState {
    return this.#state = advanceClock(this.#state, this.#read(), this.#unit);
  }
}
