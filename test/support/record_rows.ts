/** Rows as plain objects, into the batch and out of it again: what the record codec must hand back unchanged. */
import type { Family } from "../../engine/base/types.ts";
import type { SourceTable } from "./source_table.ts";

/** A cell: its field, family and 64 bits, or the bytes of a blob. */
export interface PlainCell {
  readonly field: string;
  readonly family: Family;
  readonly bits?: bigint;
  readonly blob?: readonly number[];
}

export interface PlainRow {
  readonly measurement: string;
  readonly host: string;
  readonly time: bigint;
  readonly cells: readonly PlainCell[];
  /** Refused rows stand in the batch with source 0. */
  readonly isRefused?: boolean;
}

/** A row as the batch holds it. */
export interface BatchRow {
  readonly source: number;
  readonly time: bigint;
  readonly cells: readonly (readonly [slot: number, value: string])[];
}

/** Makes the sources and fields of rows, so that two tables that are given the same rows agree on ids and slots. */
export function defineRows(table: SourceTable, rows: readonly PlainRow[]): void {
  for (const row of rows) {
    const source = table.source(row.measurement, { host: row.host });
    for (const cell of row.cells) table.slot(source, cell.field, cell.family);
  }
}

/** Fills the batch. */
export function fillBatch(table: SourceTable, rows: readonly PlainRow[]): void {
  defineRows(table, rows);
  const { kernels } = table;
  const { exports } = kernels;
  exports.setBatch(0, 0);
  let input = exports.inputPtr.value >>> 0;
  for (const row of rows) {
    const source = table.source(row.measurement, { host: row.host });
    exports.pushRow(row.isRefused === true ? 0 : source, row.time);
    for (const cell of row.cells) {
      const slot = table.slot(source, cell.field, cell.family);
      if (cell.blob === undefined) {
        exports.pushCell(slot, cell.bits!);
      } else {
        kernels.refresh();
        kernels.u8.set(cell.blob, input);
        exports.pushHalves(slot, input, cell.blob.length);
        input += cell.blob.length;
      }
    }
  }
}

/** What the batch holds, refused rows left out; sources by id, values as hexadecimal. */
export function readBatch(table: SourceTable): BatchRow[] {
  const { kernels } = table;
  const { exports } = kernels;
  kernels.refresh();
  const rows: BatchRow[] = [];
  for (let r = 0; r < exports.rowCount.value; r++) {
    const source = kernels.u32[(exports.rowSourcePtr.value >>> 2) + r]!;
    if (source === 0) continue;
    const cellAt = (exports.rowCellPtr.value >>> 2) + r;
    const cells: [number, string][] = [];
    for (let c = kernels.u32[cellAt]!; c < kernels.u32[cellAt + 1]!; c++) {
      const slot = kernels.u16[(exports.cellSlotPtr.value >>> 1) + c]!;
      cells.push([slot, cellText(table, { source, slot, cell: c })]);
    }
    const time = kernels.i64[(exports.rowTimePtr.value >>> 3) + r]!;
    rows.push({ source: table.idOf(source), time, cells });
  }
  return rows;
}

function cellText(
  table: SourceTable,
  at: { readonly source: number; readonly slot: number; readonly cell: number },
): string {
  const { kernels } = table;
  const { exports } = kernels;
  const words = (exports.cellBitsPtr.value >>> 2) + at.cell * 2;
  const low = kernels.u32[words]!;
  const high = kernels.u32[words + 1]!;
  const measurement = table.word(at.source + exports.SOURCE_MEASUREMENT.value);
  const fields = table.word(measurement + exports.MEASUREMENT_FIELD_RECORDS.value);
  const family = kernels.u8[
    fields + at.slot * exports.FIELD_BYTES.value + exports.FIELD_FAMILY.value
  ]!;
  if (family < 5) return ((BigInt(high) << 32n) | BigInt(low)).toString(16);
  return `[${kernels.u8.subarray(low, low + high).join(",")}]`;
}

/** The encoded rows of the batch. */
export interface EncodedRows {
  readonly bytes: Uint8Array;
  readonly blobBytes: number;
}

export function encodeBatch(table: SourceTable): EncodedRows {
  const { kernels } = table;
  const length = kernels.exports.encodeRecord(0) >>> 0;
  kernels.refresh();
  const at = kernels.exports.recordPtr.value >>> 0;
  return {
    bytes: kernels.u8.slice(at, at + length),
    blobBytes: kernels.exports.recordBlobBytes.value,
  };
}

/** Decodes into the batch; the kernel's answer. */
export function decodeBatch(table: SourceTable, rows: EncodedRows): number {
  const { kernels } = table;
  const at = kernels.exports.recordReserve(rows.bytes.length) >>> 0;
  kernels.refresh();
  kernels.u8.set(rows.bytes, at);
  return kernels.exports.decodeRecord(rows.bytes.length, rows.blobBytes);
}
