/**
 * The kernel module: what runs per point, in one WebAssembly module without imports.
 * Each kernel file exports its functions here; engine/kernels/kernels.ts is their typed face.
 */
import { initBatch } from "./batch";
import { initMemory } from "./memory";

export * from "./memory";
export * from "./batch";
export * from "./segment_index";

/** Prepares the instance. Must be called first and once. */
export function init(): void {
  initMemory();
  initBatch();
}
