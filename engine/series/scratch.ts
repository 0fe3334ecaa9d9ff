/** Blocks of linear memory for the length of one call; given back together at the end of the scope. */
import type { Kernels, MemoryTag } from "../kernels/kernels.ts";

export class Scratch implements Disposable {
  readonly kernels: Kernels;
  readonly #tag: MemoryTag;
  readonly #blocks: number[] = [];

  constructor(kernels: Kernels, tag: MemoryTag = "query") {
    this.kernels = kernels;
    this.#tag = tag;
  }

  /** A block of `bytes`, contents undefined; refreshes the views. */
  take(bytes: number): number {
    const block = this.kernels.alloc(Math.max(bytes, 16), this.#tag);
    this.#blocks.push(block);
    return block;
  }

  /** A block of zeros. */
  takeZeros(bytes: number): number {
    const block = this.take(bytes);
    this.kernels.u8.fill(0, block, block + bytes);
    return block;
  }

  /** A block with a copy of the numbers. */
  takeNumbers(numbers: Uint32Array): number {
    const block = this.take(numbers.length * 4);
    this.kernels.u32.set(numbers, block >> 2);
    return block;
  }

  [Symbol.dispose](): void {
    for (const block of this.#blocks) this.kernels.free(block, this.#tag);
    this.#blocks.length = 0;
  }
}
