/** Parts of answers by hand, and the text that a form of answer makes of them. */
import { parseInfluxql } from "../../src/influxql/language/parser.ts";
import type { Column, Frame } from "../../src/influxql/values/result.ts";
import type { AnswerPart } from "../../src/influxql/statements.ts";
import { bytesOf, type Piece } from "../../src/http/answer_stream.ts";

export function frame(given: Partial<Frame>): Frame {
  return {
    name: "m",
    tags: undefined,
    columns: ["time", "v"],
    count: 0,
    times: undefined,
    data: [],
    continues: false,
    ...given,
  };
}

/** A frame of one column of floats at 1, 2, 3, ... seconds. */
export function floats(values: readonly number[], given: Partial<Frame> = {}): Frame {
  return frame({
    count: values.length,
    times: { origin: 1_000_000_000n, offsets: Float64Array.from(values, (_, i) => i * 1e9) },
    data: [{ kind: "float", values: Float64Array.from(values) }],
    ...given,
  });
}

export function table(columns: readonly string[], data: readonly Column[], count: number): Frame {
  return frame({ columns, data, count });
}

/** One statement's parts. */
export function statementParts(
  frames: readonly Frame[],
  { id = 0, query = "SELECT v FROM m", error, messages = [] }: {
    readonly id?: number;
    readonly query?: string;
    readonly error?: string;
    readonly messages?: Extract<AnswerPart, { kind: "end" }>["messages"];
  } = {},
): AnswerPart[] {
  return [
    { kind: "begin", id, statement: parseInfluxql(query)[0]! },
    ...frames.map((each) => ({ kind: "frame" as const, frame: each })),
    { kind: "end", messages, error },
  ];
}

export async function* partsOf(parts: readonly AnswerPart[]): AsyncGenerator<AnswerPart> {
  for (const part of parts) {
    await Promise.resolve();
    yield part;
  }
}

/** The text of all pieces. */
export async function textOf(pieces: AsyncIterable<Piece>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of pieces) text += decoder.decode(bytesOf(piece), { stream: true });
  return text + decoder.decode();
}
