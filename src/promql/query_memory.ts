/** One budget for what all queries hold at once, results included until they are sent. */
export class QueryMemory {
  readonly bytesMax: number;
  readonly #onGive: (bytes: number) => void;
  #bytes = 0;
  #refused = 0;

  /** `onGive` is told what a query has given back. */
  constructor(bytesMax: number, onGive: (bytes: number) => void = () => {}) {
    this.bytesMax = bytesMax;
    this.#onGive = onGive;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Requests for more that were refused so far. */
  get refused(): number {
    return this.#refused;
  }

  /** False when there is not so much left. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.bytesMax) {
      this.#refused++;
      return false;
    }
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
    if (bytes > 0) this.#onGive(bytes);
  }
}
