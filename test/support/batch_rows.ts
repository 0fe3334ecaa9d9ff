/** Rows of the kernels' batch as plain objects, for comparison. */
import { FAMILY_NAMES } from "../../engine/base/types.ts";
import type { Kernels } from "../../engine/kernels/kernels.ts";
import { readSourceKey } from "./source_key.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** One row: fields are `family:value`, doubles by their bits. */
export interface PlainRow {
  readonly measurement: string;
  readonly tags: Record<string, string>;
  readonly fields: Record<string, string>;
  readonly time: bigint;
}

/** A double as the batch's reader writes it. */
export function float64Text(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return `f64:${view.getBigUint64(0).toString(16)}`;
}

/** Reads all rows. Throws when a row holds a slot twice or a string is not UTF-8. */
export function readRows(kernels: Kernels): PlainRow[] {
  kernels.refresh();
  const { exports, u8, u32, i64 } = kernels;
  const u64 = new BigUint64Array(u8.buffer);
  const rows: PlainRow[] = [];
  for (let r = 0; r < exports.rowCount.value; r++) {
    const source = u32[(exports.rowSourcePtr.value >>> 2) + r]!;
    const key = u32[(source + 8) >>> 2]!;
    const { measurement, tags } = readSourceKey(
      u8.slice(key, key + u32[(source + 12) >>> 2]!),
    );
    const fields: Record<string, string> = Object.create(null);
    const records = u32[(u32[(source + 4) >>> 2]! + 8) >>> 2]!;
    const cells = exports.rowCellPtr.value >>> 2;
    for (let c = u32[cells + r]!; c < u32[cells + r + 1]!; c++) {
      const field = records + kernels.u16[(exports.cellSlotPtr.value >>> 1) + c]! * 16;
      const at = u32[field >>> 2]!;
      const name = decoder.decode(u8.slice(at, at + kernels.u16[(field + 4) >>> 1]!));
      if (name in fields) throw new Error(`Field ${name} twice`);
      fields[name] = cellText(u8, u64[(exports.cellBitsPtr.value >>> 3) + c]!, u8[field + 6]!);
    }
    rows.push({ measurement, tags, fields, time: i64[(exports.rowTimePtr.value >>> 3) + r]! });
  }
  return rows;
}

function cellText(u8: Uint8Array, bits: bigint, family: number): string {
  const name = FAMILY_NAMES[family];
  if (name === "f64") return `f64:${bits.toString(16)}`;
  if (name === "i64") return `i64:${BigInt.asIntN(64, bits)}`;
  if (name === "u64") return `u64:${bits}`;
  if (name === "bool") return `bool:${bits}`;
  const at = Number(bits & 0xffffffffn);
  const bytes = u8.slice(at, at + Number(bits >> 32n));
  if (name === "histogram") return `histogram:${bytes.toHex()}`;
  if (bytes[0] !== 2) throw new Error(`Blob of kind ${bytes[0]}`);
  return `string:${
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(1))
  }`;
}
