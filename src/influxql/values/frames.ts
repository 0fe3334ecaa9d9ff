/** Frames of answers that are small tables: lists of names and counts. */
import type { Column, Frame } from "./result.ts";

export type Cell = string | number | bigint | boolean | undefined;

/** A frame of rows; a column's kind is that of its first value. */
export function tableFrame(
  name: string,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
): Frame {
  return {
    name,
    tags: undefined,
    columns,
    count: rows.length,
    times: undefined,
    data: columns.map((_, at) => columnOf(rows.map((row) => row[at]))),
    continues: false,
  };
}

/** A frame of texts, by column. */
export function textFrame(
  name: string,
  columns: readonly string[],
  data: readonly (readonly string[])[],
): Frame {
  return {
    name,
    tags: undefined,
    columns,
    count: data[0]?.length ?? 0,
    times: undefined,
    data: data.map((values) => ({ kind: "string", values })),
    continues: false,
  };
}

function columnOf(cells: readonly Cell[]): Column {
  const first = cells.find((cell) => cell !== undefined);
  switch (typeof first) {
    case "number":
      return { kind: "integer", values: Float64Array.from(cells as number[]) };
    case "bigint":
      return { kind: "integer", values: BigInt64Array.from(cells as bigint[]) };
    case "boolean":
      return { kind: "boolean", values: Uint8Array.from(cells, (cell) => cell === true ? 1 : 0) };
    default:
      return { kind: "string", values: cells as readonly (string | undefined)[] };
  }
}

/** The rows from `offset` on, `limit` of them, where 0 is no limit. */
export function limited<T>(
  rows: readonly T[],
  { limit, offset }: { readonly limit: number; readonly offset: number },
): readonly T[] {
  return rows.slice(offset, limit === 0 ? undefined : offset + limit);
}
