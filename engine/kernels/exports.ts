/**
 * Types of what the kernel module exports, one interface for each assembly file, in the order of module.ts.
 * Pointers and 32-bit counts arrive as signed numbers: apply `>>> 0` to a pointer before using it.
 */

export interface MemoryKernel {
  readonly memory: WebAssembly.Memory;
  init(): void;
  alloc(bytes: number, tag: number): number;
  free(block: number, tag: number): void;
  blockBytes(bytes: number): number;
  usedBytes(tag: number): number;
  spareBytes(): number;
}

export interface BatchKernel {
  readonly ROWS_MAX: WebAssembly.Global;
  readonly CELLS_MAX: WebAssembly.Global;
  readonly INPUT_BYTES_MAX: WebAssembly.Global;
  readonly inputPtr: WebAssembly.Global;
  readonly rowSourcePtr: WebAssembly.Global;
  readonly rowTimePtr: WebAssembly.Global;
  readonly rowCellPtr: WebAssembly.Global;
  readonly cellSlotPtr: WebAssembly.Global;
  readonly cellBitsPtr: WebAssembly.Global;
  readonly rowCount: WebAssembly.Global;
  readonly cellCount: WebAssembly.Global;
  setBatch(rows: number, cells: number): void;
  hasRoom(cells: number): number;
  pushRow(source: number, time: bigint): void;
  pushRowMs(source: number, ms: number, ticksPerMs: number): void;
  pushCell(slot: number, bits: bigint): void;
  pushHalves(slot: number, low: number, high: number): void;
}

export interface SegmentIndexKernel {
  encodeIndexBlock(table: number, count: number, target: number): number;
  decodeIndexBlock(
    block: number,
    bytes: number,
    table: number,
    ids: number,
    idCount: number,
    first: bigint,
    last: bigint,
  ): number;
}

export type KernelExports = MemoryKernel & BatchKernel & SegmentIndexKernel;
