/**
 * What counts as now for retention: the wall clock, or newer data that is not in the future. One device with a wrong
 * clock moves nothing, because times beyond the clock and its skew are not looked at.
 */
import { msToTicks, nsToTicks, TIME_MIN } from "../base/time.ts";
import type { Clock } from "../components.ts";
import type { Settings } from "../settings.ts";

export class Recency {
  readonly #clock: Clock;
  readonly #settings: Settings;
  readonly #skew: bigint;
  readonly #retention: bigint;
  #maxTime: bigint | undefined;

  /** `maxTime` is what the manifest remembers. */
  constructor(clock: Clock, settings: Settings, maxTime: bigint | undefined) {
    this.#clock = clock;
    this.#settings = settings;
    this.#skew = msToTicks(settings.futureSkewMs, settings.timeUnit);
    this.#retention = msToTicks(settings.retentionMs, settings.timeUnit);
    this.#maxTime = maxTime;
  }

  /** The wall clock in ticks. */
  now(): bigint {
    return nsToTicks(this.#clock.nowNs(), this.#settings.timeUnit);
  }

  /** Times beyond this are in the future. */
  bound(now: bigint): bigint {
    return now + this.#skew;
  }

  /** Rows before this are too old; the least time when everything is kept. */
  cutoff(now: bigint): bigint {
    if (this.#settings.retentionMs === 0) return TIME_MIN;
    return this.reference(now) - this.#retention;
  }

  /** The newest time that counts as now. */
  reference(now: bigint): bigint {
    return this.#maxTime !== undefined && this.#maxTime > now ? this.#maxTime : now;
  }

  /** Greatest time seen that was not in the future. */
  get maxTime(): bigint | undefined {
    return this.#maxTime;
  }

  /** Notes the greatest time of a batch; the least i64 when it had none. */
  observe(time: bigint): void {
    if (time !== TIME_MIN && (this.#maxTime === undefined || time > this.#maxTime)) {
      this.#maxTime = time;
    }
  }
}
