/**
 * The kernels' typed face: one instance of the WebAssembly module and views on its linear memory.
 *
 * Linear memory moves when it grows, which detaches every view. Call `refresh()` after any kernel call that may
 * allocate and take the views from the instance again; never keep one across such a call.
 */
import type { KernelExports } from "./exports.ts";
import { KERNEL_MODULE_BASE64 } from "./kernel_module.ts";

/** Who a block of linear memory is counted for; the numbers are those of assembly/memory.ts. */
export const MEMORY_TAG = { scratch: 0, registry: 1, head: 2, cache: 3, query: 4 } as const;
export type MemoryTag = keyof typeof MEMORY_TAG;

let compiled: WebAssembly.Module | undefined;

function kernelModule(): WebAssembly.Module {
  // Not a loop over characters: the optimizing compiler it wakes takes 3 MB of resident memory and 10 ms of the start.
  compiled ??= new WebAssembly.Module(Uint8Array.fromBase64(KERNEL_MODULE_BASE64));
  return compiled;
}

export class Kernels {
  readonly exports: KernelExports;
  u8: Uint8Array;
  u16: Uint16Array;
  u32: Uint32Array;
  f64: Float64Array;
  i64: BigInt64Array;
  #buffer: ArrayBuffer;

  constructor() {
    const instance = new WebAssembly.Instance(kernelModule(), {});
    this.exports = instance.exports as unknown as KernelExports;
    this.exports.init();
    this.#buffer = this.exports.memory.buffer as ArrayBuffer;
    this.u8 = new Uint8Array(this.#buffer);
    this.u16 = new Uint16Array(this.#buffer);
    this.u32 = new Uint32Array(this.#buffer);
    this.f64 = new Float64Array(this.#buffer);
    this.i64 = new BigInt64Array(this.#buffer);
  }

  /** Takes fresh views if linear memory has moved since the last call. Cheap when it has not. */
  refresh(): void {
    const buffer = this.exports.memory.buffer as ArrayBuffer;
    if (buffer === this.#buffer) return;
    this.#buffer = buffer;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.i64 = new BigInt64Array(buffer);
  }

  /** A block of linear memory; refreshes the views. */
  alloc(bytes: number, tag: MemoryTag): number {
    const block = this.exports.alloc(bytes, MEMORY_TAG[tag]) >>> 0;
    this.refresh();
    return block;
  }

  free(block: number, tag: MemoryTag): void {
    this.exports.free(block, MEMORY_TAG[tag]);
  }

  /** Bytes of linear memory; they never become fewer. */
  get memoryBytes(): number {
    return this.exports.memory.buffer.byteLength;
  }

  /** Bytes in use under a tag. */
  usedBytes(tag: MemoryTag): number {
    return this.exports.usedBytes(MEMORY_TAG[tag]);
  }
}
