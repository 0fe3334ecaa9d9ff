/**
 * Answers as JSON, in pieces: one document, or with `chunkRows` one a line, each with a part of one series.
 *
 * Keys come in InfluxDB's order, and those of nothing are left out.
 */
import type { AnswerPart } from "../../influxql/statements.ts";
import type { Frame, Message } from "../../influxql/values/result.ts";
import { zoneOf } from "../../influxql/values/zones.ts";
import type { Piece } from "../answer_stream.ts";
import { ByteWriter } from "../byte_writer.ts";
import { writeRows } from "./row_writer.ts";
import { type TimeForm, TimeWriter } from "./time_bytes.ts";

export interface JsonOptions {
  /** Undefined: texts in the statement's zone. */
  readonly epoch: TimeForm | undefined;
  /** Rows of all statements; Infinity for any number. */
  readonly rowsMax: number;
}

/** Room of a new writer: enough for the answers of most panels. */
const ROOM_BYTES = 4_096;
/** Rows that are written between two looks at the length of a piece. */
const RUN_ROWS = 512;

type Begin = Extract<AnswerPart, { readonly kind: "begin" }>;
type End = Extract<AnswerPart, { readonly kind: "end" }>;

/** `{"results":[...]}` and a line feed. */
export async function* jsonAnswer(
  parts: AsyncIterable<AnswerPart>,
  options: JsonOptions,
): AsyncGenerator<Piece> {
  const answer = new JsonAnswer(options);
  const { writer } = answer;
  for await (const part of parts) {
    if (part.kind === "begin") answer.begin(part);
    else if (part.kind === "end") answer.end(part);
    else yield* answer.frame(part.frame);
    if (writer.isFull) yield writer.take();
    if (answer.isOver) break;
  }
  answer.close();
  yield writer.take();
}

/** What all forms of JSON share: how parts of a series are written. */
class SeriesWriter {
  readonly writer: ByteWriter = new ByteWriter(ROOM_BYTES);
  readonly #times: TimeWriter = new TimeWriter(this.writer);
  readonly #epoch: TimeForm | undefined;
  #hasRows = false;

  constructor(epoch: TimeForm | undefined) {
    this.#epoch = epoch;
  }

  beginStatement({ statement }: Begin): void {
    const zone = statement.kind === "select" && statement.zone !== undefined
      ? zoneOf(statement.zone)
      : undefined;
    this.#times.form = this.#epoch ?? { kind: "text", zone };
  }

  /** `{"name":...,"tags":...,"columns":...`. */
  beginSeries({ name, tags, columns }: Frame): void {
    const { writer } = this;
    this.#hasRows = false;
    writer.text("{");
    if (name !== "") {
      writer.text('"name":');
      writer.string(name);
      writer.text(",");
    }
    if (tags !== undefined && tags.length > 0) {
      tags.forEach(([key, value], index) => {
        writer.text(index === 0 ? '"tags":{' : ",");
        writer.string(key);
        writer.text(":");
        writer.string(value);
      });
      writer.text("},");
    }
    writer.text('"columns":[');
    columns.forEach((column, index) => {
      if (index > 0) writer.text(",");
      writer.string(column);
    });
    writer.text("]");
  }

  /** Rows of a series, in pieces where there are many. */
  *rows(frame: Frame, from: number, to: number): Generator<Piece> {
    const { writer } = this;
    if (frame.times !== undefined) this.#times.begin(frame.times);
    for (let start = from; start < to;) {
      const end = Math.min(to, start + RUN_ROWS);
      writer.text(this.#hasRows ? "," : ',"values":[');
      this.#hasRows = true;
      writeRows(writer, this.#times, { frame, from: start, to: end });
      start = end;
      if (writer.isFull) yield writer.take();
    }
  }

  endSeries(isPartial: boolean): void {
    if (this.#hasRows) this.writer.text("]");
    this.writer.text(isPartial ? ',"partial":true}' : "}");
  }

  /** What follows the series of a result. */
  endResult(messages: readonly Message[], isPartial: boolean, error: string | undefined): void {
    const { writer } = this;
    if (messages.length > 0) writer.text(`,"messages":${JSON.stringify(messages)}`);
    if (isPartial) writer.text(',"partial":true');
    if (error !== undefined) {
      writer.text(',"error":');
      writer.string(error);
    }
    writer.text("}");
  }
}

class JsonAnswer {
  readonly #series: SeriesWriter;
  #rowsLeft: number;
  #results = 0;
  #seriesCount = 0;
  #isOpen = false;
  #isResultOpen = false;

  constructor({ epoch, rowsMax }: JsonOptions) {
    this.#series = new SeriesWriter(epoch);
    this.#rowsLeft = rowsMax;
  }

  get writer(): ByteWriter {
    return this.#series.writer;
  }

  /** Whether no more rows may follow. */
  get isOver(): boolean {
    return this.#rowsLeft <= 0;
  }

  begin(part: Begin): void {
    this.writer.text(this.#results++ === 0 ? '{"results":[' : ",");
    this.writer.text(`{"statement_id":${part.id}`);
    this.#series.beginStatement(part);
    this.#isResultOpen = true;
    this.#seriesCount = 0;
  }

  *frame(frame: Frame): Generator<Piece> {
    if (!this.#isOpen) {
      this.writer.text(this.#seriesCount++ === 0 ? ',"series":[' : ",");
      this.#series.beginSeries(frame);
    }
    const count = Math.min(frame.count, this.#rowsLeft);
    yield* this.#series.rows(frame, 0, count);
    this.#rowsLeft -= count;
    const isCut = count < frame.count || (frame.continues && this.isOver);
    this.#isOpen = frame.continues && !isCut;
    if (!this.#isOpen) this.#series.endSeries(isCut);
  }

  end({ messages, error }: End): void {
    if (this.#isOpen) this.#series.endSeries(false);
    this.#isOpen = false;
    if (this.#seriesCount > 0) this.writer.text("]");
    this.#series.endResult(messages, false, error);
    this.#isResultOpen = false;
  }

  close(): void {
    if (this.#isResultOpen) this.end({ kind: "end", messages: [], error: undefined });
    this.writer.text(this.#results === 0 ? "{}\n" : "]}\n");
  }
}

/** One document a line, with at most so many rows of one series. */
export async function* chunkedAnswer(
  parts: AsyncIterable<AnswerPart>,
  options: { readonly epoch: TimeForm | undefined; readonly chunkRows: number },
): AsyncGenerator<Piece> {
  const answer = new ChunkedAnswer(options);
  const { writer } = answer;
  for await (const part of parts) {
    if (part.kind === "begin") answer.begin(part);
    else if (part.kind === "end") answer.end(part);
    else yield* answer.frame(part.frame);
    // A document that is whole is sent: who reads line by line waits for it.
    if (writer.length > 0 && (part.kind === "end" || writer.isFull)) yield writer.take();
  }
  if (answer.isEmpty) yield "{}\n";
}

class ChunkedAnswer {
  readonly #series: SeriesWriter;
  readonly #chunkRows: number;
  #head = "";
  #isEmpty = true;
  /** Other series of the same document may follow: what is not selected comes in one. */
  #isWhole = false;
  /** Rows of the document that is open; undefined: none is. */
  #rows: number | undefined;
  #isSeriesOpen = false;

  constructor({ epoch, chunkRows }: {
    readonly epoch: TimeForm | undefined;
    readonly chunkRows: number;
  }) {
    this.#series = new SeriesWriter(epoch);
    this.#chunkRows = chunkRows;
  }

  get writer(): ByteWriter {
    return this.#series.writer;
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  begin(part: Begin): void {
    this.#isEmpty = false;
    this.#isWhole = part.statement.kind !== "select";
    this.#head = `{"results":[{"statement_id":${part.id}`;
    this.#series.beginStatement(part);
  }

  *frame(frame: Frame): Generator<Piece> {
    if (this.#isWhole) return yield* this.#next(frame, 0, frame.count);
    let from = 0;
    do {
      if (this.#rows === this.#chunkRows || !this.#isSeriesOpen) this.#endDocument(true);
      const room = this.#chunkRows - (this.#rows ?? 0);
      const to = Math.min(frame.count, from + room);
      yield* this.#next(frame, from, to);
      from = to;
      this.#isSeriesOpen = from < frame.count || frame.continues;
    } while (from < frame.count);
  }

  end({ messages, error }: End): void {
    if (this.#rows !== undefined && error === undefined) {
      return this.#endDocument(false, messages);
    }
    this.#endDocument(true);
    this.writer.text(this.#head);
    this.#series.endResult(messages, false, error);
    this.writer.text("]}\n");
  }

  /** Writes rows into the document that is open, or a new one. */
  *#next(frame: Frame, from: number, to: number): Generator<Piece> {
    const { writer } = this;
    if (this.#rows === undefined) {
      writer.text(this.#head);
      writer.text(',"series":[');
      this.#series.beginSeries(frame);
      this.#rows = 0;
    } else if (this.#isWhole) {
      this.#series.endSeries(false);
      writer.text(",");
      this.#series.beginSeries(frame);
    }
    yield* this.#series.rows(frame, from, to);
    this.#rows += to - from;
  }

  /** Ends the document that is open, if one is. `isMore`: another follows for the same statement. */
  #endDocument(isMore: boolean, messages: readonly Message[] = []): void {
    if (this.#rows === undefined) return;
    this.#series.endSeries(isMore && this.#isSeriesOpen);
    this.writer.text("]");
    this.#series.endResult(messages, isMore, undefined);
    this.writer.text("]}\n");
    this.#rows = undefined;
  }
}
