/**
 * Admission: a write waits while the head or the log is over its bound and a flush makes room. Waiting is bounded by the
 * write timeout; a queue of waiting writes is the callers' connections, which stop reading meanwhile.
 */
import type { Clock } from "../components.ts";
import { EngineError } from "../errors.ts";

/** What admission looks at. */
export interface Pressure {
  /** The named limit that is reached, with what to tell, or undefined when a write may go ahead. */
  reached(): { readonly limit: string; readonly message: string } | undefined;
  /** Asks for room to be made. */
  relieve(): void;
}

export class Admission {
  readonly #clock: Clock;
  readonly #pressure: Pressure;
  readonly #timeoutMs: number;
  readonly #waiting = new Set<() => void>();
  #delays = 0;
  #delayMs = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly pressure: Pressure;
    /** Milliseconds a write waits at most; 0 refuses at once. */
    readonly timeoutMs: number;
  }) {
    this.#clock = options.clock;
    this.#pressure = options.pressure;
    this.#timeoutMs = options.timeoutMs;
  }

  /** Undefined when a write may go ahead at once; else resolves when it may, or rejects with "limit". */
  admit(): Promise<void> | undefined {
    if (this.#pressure.reached() === undefined) return undefined;
    return this.#wait();
  }

  /** Tells waiting writes that room may have been made. */
  wake(): void {
    for (const resume of [...this.#waiting]) resume();
  }

  /** Writes that wait now, and what was waited for so far. */
  stats(): { readonly waiting: number; readonly delays: number; readonly delayMs: number } {
    return { waiting: this.#waiting.size, delays: this.#delays, delayMs: this.#delayMs };
  }

  async #wait(): Promise<void> {
    const started = this.#clock.monotonicMs();
    this.#delays++;
    try {
      for (;;) {
        const reached = this.#pressure.reached();
        if (reached === undefined) return;
        const left = started + this.#timeoutMs - this.#clock.monotonicMs();
        if (left <= 0) {
          throw new EngineError("limit", `Cannot write: ${reached.message} (${reached.limit})`);
        }
        this.#pressure.relieve();
        await this.#pause(left);
      }
    } finally {
      this.#delayMs += this.#clock.monotonicMs() - started;
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const resume = () => {
        this.#waiting.delete(resume);
        cancel();
        resolve();
      };
      const cancel = this.#clock.after(ms, resume);
      this.#waiting.add(resume);
    });
  }
}
