/**
 * One budget for what all queries hold at once, results included until they are sent: those of the event loop and those of
 * the worker. Each thread counts its own in shared memory, so that both see the sum.
 */

/** Where each thread's bytes are counted. */
export const LOOP_SHARE = 0;
export const WORKER_SHARE = 1;
const SHARES = 2;

/** What each thread holds, and which one this is. */
export interface HeldBytes {
  readonly all: Float64Array;
  readonly own: typeof LOOP_SHARE | typeof WORKER_SHARE;
}

export class QueryMemory {
  readonly bytesMax: number;
  readonly #onGive: (bytes: number) => void;
  readonly #own: number;
  #all: Float64Array;
  #refused = 0;

  /** `onGive` is told what a query of this thread has given back. */
  constructor(
    bytesMax: number,
    onGive: (bytes: number) => void = () => {},
    held: HeldBytes = { all: new Float64Array(SHARES), own: LOOP_SHARE },
  ) {
    this.bytesMax = bytesMax;
    this.#onGive = onGive;
    this.#all = held.all;
    this.#own = held.own;
  }

  /** What all threads hold. */
  get bytes(): number {
    return this.#all[LOOP_SHARE]! + this.#all[WORKER_SHARE]!;
  }

  /** What this thread holds. */
  get ownBytes(): number {
    return this.#all[this.#own]!;
  }

  /** Requests for more that were refused so far. */
  get refused(): number {
    return this.#refused;
  }

  /** False when there is not so much left. */
  take(bytes: number): boolean {
    if (this.bytes + bytes > this.bytesMax) {
      this.#refused++;
      return false;
    }
    this.#all[this.#own]! += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#all[this.#own]! -= bytes;
    if (bytes > 0) this.#onGive(bytes);
  }

  /** What a new worker counts in: memory of its own, so that one that ended before it does not count. */
  share(): SharedArrayBuffer {
    const shared = new SharedArrayBuffer(SHARES * Float64Array.BYTES_PER_ELEMENT);
    this.#countIn(new Float64Array(shared));
    return shared;
  }

  /** The worker has been ended, and with it what it holds; it may go on for a moment. */
  forgetWorker(): void {
    this.#countIn(new Float64Array(SHARES));
  }

  #countIn(all: Float64Array): void {
    all[this.#own] = this.ownBytes;
    this.#all = all;
  }
}
