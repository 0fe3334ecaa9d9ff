/**
 * Answers as CSV: `name,tags` and the columns, a row for each row of each series. An empty line and a new header stand between
 * statements and where columns change.
 */
import type { Column, Frame } from "../../influxql/values/result.ts";
import type { AnswerPart } from "../../influxql/statements.ts";
import type { Piece } from "../answer_stream.ts";
import { ByteWriter } from "../byte_writer.ts";
import { writeWhole } from "./number_bytes.ts";
import { epochForm, type TimeForm, TimeWriter } from "./time_bytes.ts";

const ROOM_BYTES = 4_096;
/** Rows that are written between two looks at the length of a piece. */
const RUN_ROWS = 512;
const COMMA = 0x2c;
const LINE_FEED = 0x0a;
const NANOSECONDS = epochForm("ns")!;

export async function* csvAnswer(
  parts: AsyncIterable<AnswerPart>,
  epoch: TimeForm | undefined,
): AsyncGenerator<Piece> {
  const answer = new CsvAnswer(epoch ?? NANOSECONDS);
  for await (const part of parts) {
    if (part.kind === "begin") answer.begin();
    else if (part.kind === "frame") yield* answer.frame(part.frame);
    else if (part.error !== undefined) answer.error(part.error);
    if (answer.writer.isFull) yield answer.writer.take();
  }
  yield answer.writer.take();
}

class CsvAnswer {
  readonly writer: ByteWriter = new ByteWriter(ROOM_BYTES);
  readonly #times: TimeWriter = new TimeWriter(this.writer);
  /** Names of the columns of the header that stands above; undefined: none of this statement. */
  #columns: readonly string[] | undefined;
  #isFirst = true;

  constructor(form: TimeForm) {
    this.#times.form = form;
  }

  begin(): void {
    this.#columns = undefined;
  }

  *frame(frame: Frame): Generator<Piece> {
    const { writer } = this;
    if (this.#columns === undefined || !isSame(this.#columns, frame.columns)) {
      this.#header(["name", "tags", ...frame.columns]);
      this.#columns = frame.columns;
    }
    if (frame.times !== undefined) this.#times.begin(frame.times);
    const head = `${quoted(frame.name)},${quoted(tagsText(frame.tags))}`;
    for (let row = 0; row < frame.count; row++) {
      writer.text(head);
      if (frame.times !== undefined) {
        writer.byte(COMMA);
        this.#times.write(frame.times.offsets[row]!);
      }
      for (const column of frame.data) {
        writer.byte(COMMA);
        writeCell(writer, column, row);
      }
      writer.byte(LINE_FEED);
      if (row % RUN_ROWS === 0 && writer.isFull) yield writer.take();
    }
  }

  error(message: string): void {
    this.#header(["error"]);
    this.writer.text(`${quoted(message)}\n`);
  }

  #header(columns: readonly string[]): void {
    if (!this.#isFirst) this.writer.byte(LINE_FEED);
    this.#isFirst = false;
    this.writer.text(`${columns.map(quoted).join(",")}\n`);
  }
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name, index) => name === right[index]);
}

/** `k=v,k2=v2`, with escapes as in line protocol. */
function tagsText(tags: Frame["tags"]): string {
  return (tags ?? []).filter(([, value]) => value !== "")
    .map(([key, value]) => `${escaped(key)}=${escaped(value)}`).join(",");
}

function escaped(text: string): string {
  return text.replace(/[,= ]/g, "\\$&");
}

/** A field of CSV, in quotes where it must be. */
export function quoted(text: string): string {
  return /[",\r\n]|^[\s]|^\\\.$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function writeCell(writer: ByteWriter, column: Column, row: number): void {
  if (column.kind === "string") return writer.text(quoted(column.values[row] ?? ""));
  if (column.present?.[row] === 0) return;
  if (column.kind === "boolean") return writer.text(column.values[row] === 0 ? "false" : "true");
  const value = column.values[row]!;
  if (typeof value === "bigint") return writer.text(String(value));
  if (!Number.isFinite(value)) return;
  // Whole numbers have one zero.
  const isZero = value === 0 && column.kind !== "float";
  if (isZero || (Number.isSafeInteger(value) && !Object.is(value, -0))) {
    return writeWhole(writer, isZero ? 0 : value);
  }
  writer.text(plainDecimal(value));
}

/** The shortest form that reads back, without an exponent. */
export function plainDecimal(value: number): string {
  if (Object.is(value, -0)) return "-0";
  const text = String(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign, first, rest = "", exponent] = match;
  const digits = first! + rest;
  const shift = Number(exponent);
  if (shift < 0) return `${sign}0.${"0".repeat(-shift - 1)}${digits}`;
  return sign + digits.padEnd(shift + 1, "0");
}
