/**
 * SELECT INTO: writes the frames of a statement back. Tags of GROUP BY stay tags, all other columns become fields; empty
 * values, and numbers that are none, write nothing.
 */
import { compareText, type Database, type Family, nsToTicks } from "../../../engine/mod.ts";
import { Slices } from "../../slices.ts";
import type { Target } from "../language/ast.ts";
import type { StatementContext } from "../context.ts";
import { DATABASE_LABEL } from "../sources/engine_series.ts";
import { type Column, type Frame, StatementError } from "../values/result.ts";

/** Rows that are written at once: some milliseconds of work. */
const BATCH_ROWS = 8_192;
const TWO_TO_32 = 2 ** 32;
/** Bytes of UTF-8 for a unit of UTF-16, at most. */
const BYTES_PER_UNIT = 3;
/** Texts up to this length are not measured before they are written. */
const SHORT_UNITS = 16_384;
const encoder = new TextEncoder();
const FAMILIES: Readonly<Record<Column["kind"], Family>> = {
  float: "f64",
  integer: "i64",
  unsigned: "u64",
  boolean: "bool",
  string: "blob",
};

export interface IntoOptions {
  readonly target: Target;
  readonly context: Pick<
    StatementContext,
    "label" | "touch" | "expiredBeforeNs" | "nowNs" | "signal"
  >;
}

/** Writes all frames and returns how many rows that were, once they are durable. Throws a StatementError for what cannot be stored. */
export async function writeFrames(
  database: Database,
  frames: AsyncIterable<Frame> | Iterable<Frame>,
  { target, context }: IntoOptions,
): Promise<number> {
  const label = context.label(target.database, target.policy);
  const keep = keepOf(label, database, context);
  const syncs = new Set<Promise<void>>();
  const slices = new Slices(1);
  let written = 0;
  try {
    for await (const frame of frames) {
      const rows = new FrameRows(database, frame, { name: target.name ?? frame.name, label });
      while (!rows.isDone) {
        if (slices.isDue) await slices.pause();
        context.signal.throwIfAborted();
        // Throws where the target was dropped meanwhile.
        if (label !== "") context.label(target.database, target.policy);
        const admitted = database.admit() ?? context.touch(label);
        if (admitted !== undefined) {
          await admitted;
          continue;
        }
        const filled = rows.fill();
        if (filled === 0) continue;
        const { done, tooOld } = database.write("durable", keep);
        if (done !== undefined && !syncs.has(done)) {
          syncs.add(done);
          // One that fails stays, for the end to throw.
          void done.then(() => syncs.delete(done), () => {});
        }
        if (tooOld > 0) {
          const reason = `points beyond retention policy dropped=${tooOld}`;
          throw new StatementError(`partial write: ${reason}`);
        }
        written += filled;
      }
    }
  } finally {
    await Promise.allSettled(syncs);
  }
  await Promise.all(syncs);
  return written;
}

/** How many ticks the target keeps its points; 0: as long as all others. */
function keepOf(
  label: string,
  { settings }: Database,
  { expiredBeforeNs, nowNs }: IntoOptions["context"],
): bigint {
  const beforeNs = expiredBeforeNs(label);
  return beforeNs === undefined ? 0n : nsToTicks(nowNs - beforeNs, settings.timeUnit);
}

interface Place {
  readonly name: string;
  /** Of the database and policy. */
  readonly label: string;
}

/** The rows of a frame on their way into batches. */
class FrameRows {
  readonly #database: Database;
  readonly #frame: Frame;
  readonly #place: Place;
  readonly #cells: readonly Cells[];
  #next = 0;

  constructor(database: Database, frame: Frame, place: Place) {
    this.#database = database;
    this.#frame = frame;
    this.#place = place;
    const names = frame.columns.slice(frame.columns.length - frame.data.length);
    this.#cells = frame.data.map((column, i) => new Cells(names[i]!, column, frame.count));
  }

  get isDone(): boolean {
    return this.#next >= this.#frame.count;
  }

  /** Fills the batch with as many rows as it takes, and returns how many that are. */
  fill(): number {
    const { batch, settings } = this.#database;
    const { times, count } = this.#frame;
    if (times === undefined) throw new StatementError("only rows with a time can be written");
    const { origin, offsets } = times;
    const held = this.#cells.filter((cells) => cells.areAny);
    batch.begin();
    if (held.length === 0) {
      this.#next = count;
      return 0;
    }
    const source = this.#source();
    const slots = held.map((cells) => this.#slot(cells, source));
    const rowsMax = Math.min(BATCH_ROWS, batch.rowsMax);
    let rows = 0;
    for (; this.#next < count && rows < rowsMax; this.#next++) {
      const at = this.#next;
      let present = 0;
      let bytes = 0;
      for (const cells of held) {
        if (!cells.isPresent(at)) continue;
        present++;
        bytes += cells.bytesMax(at);
      }
      if (present === 0) continue;
      if (!batch.hasRoom(present, bytes)) {
        if (rows > 0) break;
        throw new StatementError(`partial write: a row of "${this.#place.name}" is too long`);
      }
      batch.row(source, nsToTicks(origin + BigInt(offsets[at]!), settings.timeUnit));
      for (let i = 0; i < held.length; i++) {
        if (held[i]!.isPresent(at)) held[i]!.put(this.#database, slots[i]!, at);
      }
      rows++;
    }
    return rows;
  }

  #source(): number {
    const source = this.#database.registry.sourceOf(this.#place.name, this.#labels());
    if (source === 0) throw new StatementError("partial write: the limit of series is reached");
    return source;
  }

  /** The labels of what is written, sorted. */
  #labels(): (readonly [string, string])[] {
    const { tags = [] } = this.#frame;
    const labels = tags.filter(([key, value]) => value !== "" && key !== DATABASE_LABEL);
    const { label } = this.#place;
    if (label !== "") labels.push([DATABASE_LABEL, label]);
    return labels.sort(([left], [right]) => compareText(left, right));
  }

  #slot({ name, column: { kind } }: Cells, source: number): number {
    const slot = this.#database.registry.slotOf(source, name, FAMILIES[kind]);
    if (slot >= 0) return slot;
    const field = `input field "${name}" on measurement "${this.#place.name}"`;
    if (slot !== CONFLICT) throw new StatementError(`partial write: too many fields for ${field}`);
    throw new StatementError(
      `partial write: field type conflict: ${field} is type ${kind}, already exists as another type dropped=1`,
    );
  }
}

/** What the registry answers for a field that has another type. */
const CONFLICT = -2;

/** One column of a frame. */
class Cells {
  readonly name: string;
  readonly column: Column;
  readonly areAny: boolean;
  /** Halves of integers of 64 bits. */
  readonly #halves: Uint32Array | undefined;

  constructor(name: string, column: Column, count: number) {
    this.name = name;
    this.column = column;
    const { values } = column;
    if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
      this.#halves = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
    }
    let areAny = false;
    for (let at = 0; at < count && !areAny; at++) areAny = this.isPresent(at);
    this.areAny = areAny;
  }

  isPresent(at: number): boolean {
    const { column } = this;
    if (column.kind === "string") return column.values[at] !== undefined;
    if (column.present !== undefined && column.present[at] === 0) return false;
    return column.kind !== "float" || Number.isFinite(column.values[at]!);
  }

  /** Bytes that a text takes in the batch, at most. */
  bytesMax(at: number): number {
    const { column } = this;
    if (column.kind !== "string") return 0;
    const text = column.values[at]!;
    return 1 +
      (text.length > SHORT_UNITS ? encoder.encode(text).length : text.length * BYTES_PER_UNIT);
  }

  put({ batch }: Database, slot: number, at: number): void {
    const { column } = this;
    switch (column.kind) {
      case "float":
        return batch.float64(slot, column.values[at]!);
      case "integer":
      case "unsigned": {
        const halves = this.#halves;
        if (halves !== undefined) return batch.halves(slot, halves[2 * at]!, halves[2 * at + 1]!);
        const value = column.values[at] as number;
        const high = Math.floor(value / TWO_TO_32);
        return batch.halves(slot, value - high * TWO_TO_32, high);
      }
      case "boolean":
        return batch.halves(slot, column.values[at] === 0 ? 0 : 1, 0);
      case "string":
        return batch.value(slot, { kind: "string", value: column.values[at]! });
    }
  }
}
