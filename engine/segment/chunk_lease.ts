/**
 * Holds one chunk in linear memory: a pinned page of the cache, or a buffer in which a chunk that spans pages was put
 * together. A merge of several segments uses a lease for each.
 */
import type { BlockCache } from "./block_cache.ts";

export class ChunkLease implements Disposable {
  readonly #cache: BlockCache;
  #slot = -1;
  #buffer = 0;
  #capacity = 0;

  constructor(cache: BlockCache) {
    this.#cache = cache;
  }

  /** Takes over a pinned block. */
  hold(slot: number): void {
    this.release();
    this.#slot = slot;
  }

  /** A buffer of at least `bytes`; its contents are lost at the next call. */
  room(bytes: number): number {
    if (bytes > this.#capacity) {
      this.#freeBuffer();
      this.#capacity = Math.max(bytes, 128 << 10);
      this.#buffer = this.#cache.kernels.alloc(this.#capacity, "query");
    }
    return this.#buffer;
  }

  /** Lets the chunk go; the buffer stays for the next one. */
  release(): void {
    if (this.#slot < 0) return;
    this.#cache.unpin(this.#slot);
    this.#slot = -1;
  }

  [Symbol.dispose](): void {
    this.release();
    this.#freeBuffer();
  }

  #freeBuffer(): void {
    if (this.#capacity === 0) return;
    this.#cache.kernels.free(this.#buffer, "query");
    this.#capacity = 0;
    this.#buffer = 0;
  }
}
