/** A clock that a test moves: wall and monotonic time apart, timers run in order as time passes. */
import type { Clock } from "../../engine/components.ts";

interface Timer {
  readonly at: number;
  readonly number: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  wallMs: number;
  #monotonicMs = 0;
  #timers: Timer[] = [];
  #numbers = 0;

  constructor(wallMs: number = Date.UTC(2026, 0, 1)) {
    this.wallMs = wallMs;
  }

  nowNs(): bigint {
    return BigInt(Math.round(this.wallMs * 1_000)) * 1_000n;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#monotonicMs + ms, number: this.#numbers++, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  /** When the promises that are settled have been served; no time passes. */
  soon(callback: () => void): void {
    queueMicrotask(callback);
  }

  /** Timers that wait. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Lets both clocks go on; timers that are due run. */
  advance(ms: number): void {
    const end = this.#monotonicMs + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= end)
        .sort((a, b) => a.at - b.at || a.number - b.number)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#goTo(due.at);
      due.callback();
    }
    this.#goTo(end);
  }

  #goTo(monotonicMs: number): void {
    this.wallMs += Math.max(0, monotonicMs - this.#monotonicMs);
    this.#monotonicMs = Math.max(this.#monotonicMs, monotonicMs);
  }
}
