/**
 * Keeps what request bodies and large queries leave behind from piling up. Each body is a buffer of its own, garbage once it
 * is parsed, and so is every label set and column of a query; the runtime collects when it likes, which on a machine with
 * much memory is hundreds of megabytes late. So resident memory is looked at every CHECK_BYTES of bodies, while a query takes
 * long, after it and after its answer, and garbage is collected where it is above the ceiling.
 *
 * A collection at once stops everything, for 5 ms where little is held and for 80 ms where a query holds 40,000 rows: all that
 * lives is looked through. So while queries hold much, garbage is collected beside them, in steps of 2 ms, and at once only
 * what is left when they have ended, or where that was too slow. Below the ceiling, which an ordinary load seldom reaches,
 * there is neither.
 */

export interface MemoryGuardParts {
  readonly residentBytes: () => number;
  /** What the engine holds, which no collection frees. */
  readonly engineBytes: () => number;
  /** Collects all garbage now, or begins to, beside other work. */
  readonly collect: (atOnce: boolean) => void;
}

/** Bytes of bodies between two looks. */
const CHECK_BYTES = 32e6;
/** Resident memory beside the engine's above which garbage is collected: the idle process and 90 MB. */
const CEILING_BYTES = 150e6;
/** What a query that goes on may add before garbage is collected again: what it holds is no garbage. */
const GROWTH_BYTES = 64e6;
/** What queries may hold while garbage is collected at once. */
const HELD_BYTES = 4e6;
/** Resident memory beside the engine's above which it is collected at once whatever they hold: beside them it was too slow. */
const HIGH_BYTES = 250e6;
/** A collection that stops everything for so long is not done again at once while the query goes on: too much lives. */
const SLOW_MS = 40;
/** Pauses of queries, some 5 ms apart, between two looks. */
const PAUSES_PER_LOOK = 5;

export class MemoryGuard {
  readonly #parts: MemoryGuardParts;
  #passed = 0;
  /** What queries hold, their results included until they are sent. */
  #heldBytes: () => number = () => 0;
  #isSlow = false;
  #collections = 0;
  #pauses = 0;
  /** Beside the engine's, after the last collection. */
  #bytesLeft = 0;

  constructor(parts: MemoryGuardParts) {
    this.#parts = parts;
  }

  get collections(): number {
    return this.#collections;
  }

  /** Tells what queries hold, their results included until they are sent. */
  watch(heldBytes: () => number): void {
    this.#heldBytes = heldBytes;
  }

  /** Bytes of bodies have been parsed. */
  passed(bytes: number): void {
    this.#passed += bytes;
    if (this.#passed < CHECK_BYTES) return;
    this.#passed = 0;
    this.look();
  }

  /** Something that may have left much garbage has ended: looks at once. */
  look(): void {
    if (this.ownBytes() <= CEILING_BYTES) return;
    if (this.#holdsLittle) this.#isSlow = false;
    this.#collect();
  }

  /** A query pauses, to go on. */
  paused(): void {
    if (++this.#pauses % PAUSES_PER_LOOK !== 0) return;
    if (this.ownBytes() > Math.max(CEILING_BYTES, this.#bytesLeft + GROWTH_BYTES)) this.#collect();
  }

  /** Resident memory beside the engine's. */
  ownBytes(): number {
    return this.#parts.residentBytes() - this.#parts.engineBytes();
  }

  get #holdsLittle(): boolean {
    return this.#heldBytes() <= HELD_BYTES;
  }

  #collect(): void {
    this.#collections++;
    const isWorthIt = this.#holdsLittle || this.ownBytes() > HIGH_BYTES;
    const atOnce = isWorthIt && !this.#isSlow;
    const began = performance.now();
    this.#parts.collect(atOnce);
    if (atOnce) this.#isSlow = performance.now() - began > SLOW_MS;
    this.#bytesLeft = this.ownBytes();
  }
}
