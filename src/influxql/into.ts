/**
 * SELECT INTO: writes the frames of a statement back. Tags of GROUP BY stay tags, all other columns become fields; empty
 * values write nothing.
 */
import { type Database, type Family, nsToTicks } from "../../engine/mod.ts";
import type { Target } from "./ast.ts";
import type { StatementContext } from "./context.ts";
import { type Column, type Frame, StatementError } from "./result.ts";
import { DATABASE_LABEL } from "./engine_source.ts";

const encoder = new TextEncoder();
const FAMILIES: Readonly<Record<Column["kind"], Family>> = {
  float: "f64",
  integer: "i64",
  unsigned: "u64",
  boolean: "bool",
  string: "blob",
};

/** Writes all frames and returns how many points that were. Throws a StatementError for what cannot be stored. */
export async function writeFrames(
  database: Database,
  frames: AsyncIterable<Frame> | Iterable<Frame>,
  options: { readonly target: Target; readonly context: StatementContext },
): Promise<number> {
  const { target, context } = options;
  const label = context.label(target.database, target.policy);
  const pending: Promise<void>[] = [];
  let written = 0;
  try {
    for await (const frame of frames) {
      for (let from = 0; from < frame.count;) {
        context.signal.throwIfAborted();
        const admitted = database.admit();
        if (admitted !== undefined) await admitted;
        const fill = fillBatch(database, frame, { from, name: target.name ?? frame.name, label });
        from = fill.next;
        if (database.batch.rows === 0) continue;
        const { done } = database.write();
        if (done !== undefined) pending.push(done);
        written += fill.rows;
      }
    }
  } finally {
    await Promise.allSettled(pending);
  }
  await Promise.all(pending);
  return written;
}

interface FillOptions {
  readonly from: number;
  readonly name: string;
  readonly label: string;
}

/** Fills the batch with rows from one on, up to where it is full. */
function fillBatch(
  database: Database,
  frame: Frame,
  { from, name, label }: FillOptions,
): { readonly next: number; readonly rows: number } {
  const { batch, registry, settings } = database;
  const { times, data, count } = frame;
  if (times === undefined) throw new StatementError("only rows with a time can be written");
  batch.begin();
  const source = registry.sourceOf(name, tagsOf(frame, label));
  if (source === 0) throw new StatementError("partial write: the limit of series is reached");
  const slots = slotsOf(database, frame, { source, name });
  let rows = 0;
  for (let at = from; at < count; at++) {
    const cells = data.filter((column) => isPresent(column, at));
    if (cells.length === 0) continue;
    const blobBytes = cells.reduce((sum, column) => sum + blobLength(column, at), 0);
    if (!batch.hasRoom(cells.length, blobBytes) || rows >= batch.rowsMax) {
      return { next: at, rows };
    }
    const timeNs = times.origin + BigInt(times.offsets[at]!);
    batch.row(source, nsToTicks(timeNs, settings.timeUnit));
    data.forEach((column, index) => {
      if (isPresent(column, at)) putCell(database, slots[index]!, { column, at });
    });
    rows++;
  }
  return { next: count, rows };
}

/** The labels of what is written, sorted. */
function tagsOf({ tags }: Frame, label: string): (readonly [string, string])[] {
  const labels = (tags ?? []).filter(([, value]) => value !== "").map((tag) => [...tag] as const);
  if (label !== "") labels.push([DATABASE_LABEL, label]);
  return labels.sort(([left], [right]) => left < right ? -1 : left > right ? 1 : 0);
}

/** Slots of the columns; those without any value take none. */
function slotsOf(
  { registry }: Database,
  { columns, data, count }: Frame,
  { source, name }: { readonly source: number; readonly name: string },
): number[] {
  const names = columns.slice(columns.length - data.length);
  return data.map((column, index) => {
    const field = names[index]!;
    let hasValue = false;
    for (let at = 0; at < count && !hasValue; at++) hasValue = isPresent(column, at);
    if (!hasValue) return -1;
    const slot = registry.slotOf(source, field, FAMILIES[column.kind]);
    if (slot >= 0) return slot;
    throw new StatementError(
      `partial write: field type conflict: input field "${field}" on measurement "${name}" ` +
        `is type ${column.kind}, already exists as another type dropped=1`,
    );
  });
}

function isPresent(column: Column, at: number): boolean {
  if (column.kind === "string") return column.values[at] !== undefined;
  return column.present === undefined || column.present[at] !== 0;
}

function blobLength(column: Column, at: number): number {
  return column.kind === "string" ? encoder.encode(column.values[at]).length + 1 : 0;
}

interface Cell {
  readonly column: Column;
  readonly at: number;
}

function putCell({ batch }: Database, slot: number, { column, at }: Cell): void {
  switch (column.kind) {
    case "float":
      return batch.float64(slot, column.values[at]!);
    case "integer":
    case "unsigned":
      return batch.integer(slot, BigInt(column.values[at]!));
    case "boolean":
      return batch.boolean(slot, column.values[at] !== 0);
    case "string":
      return batch.value(slot, { kind: "string", value: column.values[at]! });
  }
}
