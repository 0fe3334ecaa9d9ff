/**
 * The block cache: pages, index blocks and directories of segment files in the kernels' linear memory, within a budget
 * of bytes (memory tag "cache"). Evicts by the clock algorithm.
 *
 * Invariants
 * - A pinned block does not move and is not evicted. Unpin what you pinned.
 * - Only checked bytes stay: whoever fills a block verifies it and discards it when it is damaged.
 * - The budget may be passed only by pinned blocks; the next insertion after their release brings it back.
 */
import { assert } from "../base/assert.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { CacheStats } from "../stats.ts";

/** Numbers of blocks within a file: pages from 0, index blocks from here, the directory last. */
export const INDEX_BLOCK_ORDINAL = 0x8000_0000;
export const DIRECTORY_ORDINAL = 0xffff_ffff;
const ORDINALS = 0x1_0000_0000;

export class BlockCache implements Disposable {
  readonly kernels: Kernels;
  #budgetBytes: number;
  #bytes = 0;
  #hits = 0;
  #misses = 0;
  #evictions = 0;
  readonly #slots = new Map<number, number>();
  // One entry a slot; a key of -1 marks a free one.
  #keys = new Float64Array(64).fill(-1);
  #pointers = new Uint32Array(64);
  #lengths = new Uint32Array(64);
  #costs = new Uint32Array(64);
  #pins = new Uint32Array(64);
  #recent = new Uint8Array(64);
  readonly #freeSlots: number[] = [];
  #slotTop = 0;
  #hand = 0;
  readonly #freeFiles: number[] = [];
  #fileTop = 0;

  constructor(kernels: Kernels, budgetBytes: number) {
    this.kernels = kernels;
    this.#budgetBytes = budgetBytes;
  }

  /** A number for a file that will have blocks here; give it back with `dropFile`. */
  registerFile(): number {
    return this.#freeFiles.pop() ?? this.#fileTop++;
  }

  /** Forgets all blocks of a file and frees its number. None may be pinned. */
  dropFile(file: number): void {
    for (let slot = 0; slot < this.#slotTop; slot++) {
      const key = this.#keys[slot]!;
      if (key >= 0 && Math.floor(key / ORDINALS) === file) this.#evict(slot);
    }
    this.#freeFiles.push(file);
  }

  /** Pins and returns the slot of a block that is here, or -1. */
  find(file: number, ordinal: number): number {
    const slot = this.#slots.get(file * ORDINALS + ordinal);
    if (slot === undefined) {
      this.#misses++;
      return -1;
    }
    this.#hits++;
    this.#recent[slot] = 1;
    this.#pins[slot]!++;
    return slot;
  }

  /**
   * A new pinned block of `bytes` undefined bytes; evicts what the budget asks for. The caller fills and checks it.
   * `length` is what it will count for once it is filled, at most `bytes`.
   */
  insert(file: number, ordinal: number, bytes: number, length: number = bytes): number {
    const key = file * ORDINALS + ordinal;
    assert(!this.#slots.has(key), "Block is already cached");
    const cost = this.kernels.exports.blockBytes(bytes) >>> 0;
    this.#makeRoom(cost);
    const slot = this.#takeSlot();
    this.#pointers[slot] = this.kernels.alloc(bytes, "cache");
    this.#keys[slot] = key;
    this.#lengths[slot] = length;
    this.#costs[slot] = cost;
    this.#pins[slot] = 1;
    this.#recent[slot] = 1;
    this.#slots.set(key, slot);
    this.#bytes += cost;
    return slot;
  }

  /** Throws away a pinned block that turned out to be damaged or unreadable. */
  discard(slot: number): void {
    this.unpin(slot);
    this.#evict(slot);
  }

  unpin(slot: number): void {
    assert(this.#pins[slot]! > 0, "Block is not pinned");
    this.#pins[slot]!--;
  }

  /** Where the block lies in linear memory: valid while it is pinned. */
  pointer(slot: number): number {
    return this.#pointers[slot]!;
  }

  /** Bytes that count, as given at insertion. */
  length(slot: number): number {
    return this.#lengths[slot]!;
  }

  get pinnedCount(): number {
    return this.#pins.reduce((sum, pins) => sum + pins, 0);
  }

  get budgetBytes(): number {
    return this.#budgetBytes;
  }

  /** Changes the budget and evicts down to it. */
  setBudget(bytes: number): void {
    this.#budgetBytes = bytes;
    this.#makeRoom(0);
  }

  stats(): CacheStats {
    return {
      bytes: this.#bytes,
      budgetBytes: this.#budgetBytes,
      blocks: this.#slots.size,
      hits: this.#hits,
      misses: this.#misses,
      evictions: this.#evictions,
    };
  }

  /** Gives all memory back. */
  [Symbol.dispose](): void {
    for (let slot = 0; slot < this.#slotTop; slot++) {
      this.#pins[slot] = 0;
      if (this.#keys[slot]! >= 0) this.#evict(slot);
    }
  }

  #makeRoom(cost: number): void {
    // Two rounds of the hand see every block twice: once to take its second chance away, once to evict it.
    for (
      let steps = 2 * this.#slotTop;
      steps > 0 && this.#bytes + cost > this.#budgetBytes;
      steps--
    ) {
      const slot = this.#hand;
      this.#hand = slot + 1 >= this.#slotTop ? 0 : slot + 1;
      if (this.#keys[slot]! < 0 || this.#pins[slot]! > 0) continue;
      if (this.#recent[slot] === 1) this.#recent[slot] = 0;
      else {
        this.#evict(slot);
        this.#evictions++;
      }
    }
  }

  #evict(slot: number): void {
    assert(this.#pins[slot] === 0, "Block is pinned");
    this.kernels.free(this.#pointers[slot]!, "cache");
    this.#slots.delete(this.#keys[slot]!);
    this.#bytes -= this.#costs[slot]!;
    this.#keys[slot] = -1;
    this.#freeSlots.push(slot);
  }

  #takeSlot(): number {
    const free = this.#freeSlots.pop();
    if (free !== undefined) return free;
    if (this.#slotTop === this.#keys.length) this.#growSlots();
    return this.#slotTop++;
  }

  #growSlots(): void {
    const size = this.#keys.length * 2;
    const keys = new Float64Array(size).fill(-1);
    keys.set(this.#keys);
    this.#keys = keys;
    const grow = (old: Uint32Array): Uint32Array<ArrayBuffer> => {
      const grown = new Uint32Array(size);
      grown.set(old);
      return grown;
    };
    this.#pointers = grow(this.#pointers);
    this.#lengths = grow(this.#lengths);
    this.#costs = grow(this.#costs);
    this.#pins = grow(this.#pins);
    const recent = new Uint8Array(size);
    recent.set(this.#recent);
    this.#recent = recent;
  }
}
