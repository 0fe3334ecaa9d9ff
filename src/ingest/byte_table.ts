/**
 * A table from byte strings to dense indices: what is known by its bytes needs no string.
 *
 * Keys lie one after the other in an arena; an open-addressed table of indices leads to them by hash. When keys or arena
 * reach their limit the table is full: the owner clears it and begins anew.
 *
 * Invariants
 * - Indices count up from 0 in the order of `add`.
 * - At most half of the slots are taken.
 */

const SLOTS_MIN = 1_024;
const ARENA_BYTES_MIN = 65_536;

export class ByteTable {
  readonly #keysMax: number;
  readonly #arenaBytesMax: number;
  #arena = new Uint8Array(ARENA_BYTES_MIN);
  /** Where key i begins; it ends where key i + 1 begins. */
  #starts = new Uint32Array(SLOTS_MIN / 2 + 1);
  #hashes = new Uint32Array(SLOTS_MIN / 2);
  /** Index + 1, 0 for a free slot. */
  #slots = new Uint32Array(SLOTS_MIN);
  #size = 0;
  #lastHash = 0;

  constructor(limits: { readonly keysMax: number; readonly arenaBytesMax: number }) {
    this.#keysMax = limits.keysMax;
    this.#arenaBytesMax = limits.arenaBytesMax;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of memory that the table takes. */
  get memoryBytes(): number {
    return this.#arena.length + this.#starts.byteLength + this.#hashes.byteLength +
      this.#slots.byteLength;
  }

  /** Index of the key `bytes[start, end)`, -1 when it is not there. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashOf(bytes, start, end);
    this.#lastHash = hash;
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const index = this.#slots[slot]! - 1;
      if (index < 0) return -1;
      if (this.#hashes[index] === hash && this.#equals(index, bytes, start, end)) return index;
    }
  }

  /** Adds the key that `find` has just missed; its index, -1 when the table is full. */
  add(bytes: Uint8Array, start: number, end: number): number {
    const index = this.#size;
    const arenaEnd = this.#starts[index]! + end - start;
    if (index >= this.#keysMax || arenaEnd > this.#arenaBytesMax) return -1;
    if (index * 2 >= this.#slots.length) this.#grow();
    if (arenaEnd > this.#arena.length) {
      const larger = new Uint8Array(Math.max(arenaEnd, this.#arena.length * 2));
      larger.set(this.#arena);
      this.#arena = larger;
    }
    this.#arena.set(bytes.subarray(start, end), this.#starts[index]);
    this.#starts[index + 1] = arenaEnd;
    this.#hashes[index] = this.#lastHash;
    this.#place(index);
    this.#size++;
    return index;
  }

  clear(): void {
    this.#size = 0;
    this.#slots.fill(0);
  }

  #equals(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#starts[index]!;
    if (this.#starts[index + 1]! - from !== end - start) return false;
    const arena = this.#arena;
    for (let at = start, other = from; at < end; at++, other++) {
      if (arena[other] !== bytes[at]) return false;
    }
    return true;
  }

  #place(index: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hashes[index]! & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = index + 1;
  }

  #grow(): void {
    const slots = this.#slots.length * 2;
    this.#slots = new Uint32Array(slots);
    const starts = new Uint32Array(slots / 2 + 1);
    starts.set(this.#starts);
    this.#starts = starts;
    const hashes = new Uint32Array(slots / 2);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    for (let index = 0; index < this.#size; index++) this.#place(index);
  }
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 ^ (end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
    hash = Math.imul(hash ^ word, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  return (hash ^ hash >>> 13) >>> 0;
}
