/**
 * Fills the kernels' write batch from TypeScript: for every protocol but line protocol, and for the row-oriented calls.
 *
 * Invariants
 * - Nothing awaits between `begin` and `Database.write`: there is one batch, and the next fill overwrites it.
 * - Blob bytes lie in the input window until the batch is written; `hasRoom` accounts for them.
 */
import { assert } from "../base/assert.ts";
import { BLOB_KIND } from "../base/types.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { Value } from "../query/block.ts";

const textEncoder = new TextEncoder();

export class BatchBuilder {
  readonly #kernels: Kernels;
  readonly #scratch = new DataView(new ArrayBuffer(8));
  #inputUsed = 0;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  /** Empties the batch. */
  begin(): void {
    this.#inputUsed = 0;
    this.#kernels.exports.setBatch(0, 0);
  }

  get rows(): number {
    return this.#kernels.exports.rowCount.value;
  }

  /** Rows that a batch holds at most. */
  get rowsMax(): number {
    return this.#kernels.exports.ROWS_MAX.value;
  }

  /** Whether a row of this many cells and blob bytes still fits; when not, write the batch and begin again. */
  hasRoom(cells: number, blobBytes = 0): boolean {
    const exports = this.#kernels.exports;
    return exports.hasRoom(cells) !== 0 &&
      this.#inputUsed + blobBytes <= exports.INPUT_BYTES_MAX.value;
  }

  /** Begins a row of the source whose record is at `source`; `time` in the database's unit. */
  row(source: number, time: bigint): void {
    this.#kernels.exports.pushRow(source, time);
  }

  /** Begins a row at a time in milliseconds. */
  rowMs(source: number, ms: number, ticksPerMs: number): void {
    this.#kernels.exports.pushRowMs(source, ms, ticksPerMs);
  }

  /** Adds a double. */
  float64(slot: number, value: number): void {
    this.#scratch.setFloat64(0, value, true);
    this.float64Bytes(slot, this.#scratch, 0);
  }

  /** Adds a double from its eight little-endian bytes: keeps a NaN's payload. */
  float64Bytes(slot: number, view: DataView, offset: number): void {
    const low = view.getUint32(offset, true);
    this.#kernels.exports.pushHalves(slot, low, view.getUint32(offset + 4, true));
  }

  /** Adds a value of 64 bits from its halves, taken modulo 2^32. */
  halves(slot: number, low: number, high: number): void {
    this.#kernels.exports.pushHalves(slot, low, high);
  }

  integer(slot: number, value: bigint): void {
    this.#kernels.exports.pushCell(slot, BigInt.asUintN(64, value));
  }

  boolean(slot: number, value: boolean): void {
    this.#kernels.exports.pushCell(slot, value ? 1n : 0n);
  }

  /** Adds a blob (kind byte first) or an encoded histogram. */
  blob(slot: number, bytes: Uint8Array): void {
    const kernels = this.#kernels;
    assert(
      this.#inputUsed + bytes.length <= kernels.exports.INPUT_BYTES_MAX.value,
      "Blob beyond the input window: ask hasRoom first",
    );
    const at = (kernels.exports.inputPtr.value >>> 0) + this.#inputUsed;
    kernels.refresh();
    kernels.u8.set(bytes, at);
    this.#inputUsed += bytes.length;
    kernels.exports.pushHalves(slot, at, bytes.length);
  }

  /** Adds a value of any kind to a column of its family. */
  value(slot: number, value: Value): void {
    switch (value.kind) {
      case "f64":
        return this.float64(slot, value.value);
      case "i64":
      case "u64":
        return this.integer(slot, value.value);
      case "bool":
        return this.boolean(slot, value.value);
      case "histogram":
        return this.blob(slot, value.value);
      case "bytes":
        return this.blob(slot, withKind(BLOB_KIND.bytes, value.value));
      case "string":
        return this.blob(slot, withKind(BLOB_KIND.string, textEncoder.encode(value.value)));
    }
  }
}

/** Blob bytes behind their kind byte, as stored. */
export function withKind(kind: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(content.length + 1);
  bytes[0] = kind;
  bytes.set(content, 1);
  return bytes;
}
