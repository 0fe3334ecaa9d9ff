/**
 * Bounds on what write requests hold at once: how many of them, and how many bytes of their bodies.
 *
 * A request that finds no room waits in line for `waitMs`, then it is refused. Order is first come, first served, so that a
 * large body is not starved by small ones.
 *
 * Invariants
 * - What clients only announce takes at most half of the room: those who announce and send nothing cannot shut out those
 *   who send.
 */

/** Share of the room that bodies may take before they arrive. */
const AHEAD_SHARE = 0.5;

export interface AdmissionOptions {
  readonly requestsMax: number;
  readonly bytesMax: number;
  readonly waitMs: number;
}

interface Waiter {
  readonly bytes: number;
  readonly grant: (granted: boolean) => void;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class WriteAdmission {
  readonly #options: AdmissionOptions;
  readonly #waiters: Waiter[] = [];
  #requests = 0;
  #bytes = 0;
  #ahead = 0;
  #refused = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Requests being worked on. */
  get requests(): number {
    return this.#requests;
  }
  /** Bytes reserved for bodies. */
  get bytes(): number {
    return this.#bytes;
  }
  /** Requests and bodies refused so far. */
  get refused(): number {
    return this.#refused;
  }

  /** Takes a request slot; false when all are taken. */
  enter(): boolean {
    if (this.#requests >= this.#options.requestsMax) {
      this.#refused++;
      return false;
    }
    this.#requests++;
    return true;
  }

  leave(): void {
    this.#requests--;
  }

  /** Reserves bytes at once; false when there is no room or somebody waits. */
  tryReserve(bytes: number): boolean {
    if (this.#waiters.length > 0 || !this.#fits(bytes)) {
      this.#refused++;
      return false;
    }
    this.#bytes += bytes;
    return true;
  }

  /** Reserves bytes that have been announced; false when they are to be reserved as they arrive. */
  tryReserveAhead(bytes: number): boolean {
    const fits = this.#ahead + bytes <= this.#options.bytesMax * AHEAD_SHARE;
    if (!fits || this.#waiters.length > 0 || !this.#fits(bytes)) return false;
    this.#bytes += bytes;
    this.#ahead += bytes;
    return true;
  }

  /** Announced bytes are here: they stay reserved until `release`. */
  arrived(bytes: number): void {
    this.#ahead -= bytes;
  }

  /** Reserves bytes: true at once, or a promise of whether room came in time. */
  reserve(bytes: number): true | Promise<boolean> {
    if (this.#waiters.length === 0 && this.#fits(bytes)) {
      this.#bytes += bytes;
      return true;
    }
    return new Promise((resolve) => {
      const waiter: Waiter = { bytes, grant: resolve, timer: undefined };
      waiter.timer = setTimeout(() => {
        const index = this.#waiters.indexOf(waiter);
        if (index >= 0) this.#waiters.splice(index, 1);
        this.#refused++;
        resolve(false);
        this.#serve();
      }, this.#options.waitMs);
      this.#waiters.push(waiter);
    });
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    this.#serve();
  }

  /** One reservation may exceed the bound when nothing else is reserved: every allowed body is served in the end. */
  #fits(bytes: number): boolean {
    return this.#bytes + bytes <= this.#options.bytesMax || this.#bytes === 0;
  }

  #serve(): void {
    for (;;) {
      const first = this.#waiters[0];
      if (first === undefined || !this.#fits(first.bytes)) return;
      this.#waiters.shift();
      clearTimeout(first.timer);
      this.#bytes += first.bytes;
      first.grant(true);
    }
  }
}
