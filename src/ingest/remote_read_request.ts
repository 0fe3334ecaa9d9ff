/**
 * Requests of Prometheus remote read: `ReadRequest{queries=1, accepted_response_types=2}`, `Query{start_ms=1, end_ms=2,
 * matchers=3}`, `LabelMatcher{type=1, name=2, value=3}`. Both bounds are inclusive.
 */
import type { Matcher, MatchOperator } from "../../engine/mod.ts";
import { ProtobufError, ProtobufReader, WIRE } from "./protobuf.ts";

export interface RemoteReadQuery {
  readonly startMs: number;
  readonly endMs: number;
  readonly matchers: readonly Matcher[];
}

export type RemoteReadForm = "samples" | "chunks";

export interface RemoteReadRequest {
  readonly queries: readonly RemoteReadQuery[];
  /** Forms the client takes, the best first; only those that exist. */
  readonly accepted: readonly RemoteReadForm[];
}

const OPERATORS: readonly MatchOperator[] = ["=", "!=", "=~", "!~"];
const FORMS: readonly RemoteReadForm[] = ["samples", "chunks"];

/** Reads a request. Throws a ProtobufError for anything malformed. */
export function parseReadRequest(message: Uint8Array): RemoteReadRequest {
  const reader = new ProtobufReader(message);
  const queries: RemoteReadQuery[] = [];
  const types: number[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8 + WIRE.bytes) {
      queries.push(parseQuery(reader));
    } else if (tag === 16 + WIRE.varint) {
      types.push(reader.varint());
    } else if (tag === 16 + WIRE.bytes) {
      const outer = reader.enter();
      while (reader.at < reader.end) types.push(reader.varint());
      reader.leave(outer);
    } else {
      reader.skip(tag);
    }
  }
  // Old clients name no form and take samples.
  if (types.length === 0) return { queries, accepted: ["samples"] };
  return { queries, accepted: types.flatMap((type) => FORMS[type] ?? []) };
}

function parseQuery(reader: ProtobufReader): RemoteReadQuery {
  const outer = reader.enter();
  let startMs = 0;
  let endMs = 0;
  const matchers: Matcher[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8 + WIRE.varint) startMs = reader.signed();
    else if (tag === 16 + WIRE.varint) endMs = reader.signed();
    else if (tag === 24 + WIRE.bytes) matchers.push(parseMatcher(reader));
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { startMs, endMs, matchers };
}

function parseMatcher(reader: ProtobufReader): Matcher {
  const outer = reader.enter();
  let type = 0;
  let name = "";
  let value = "";
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8 + WIRE.varint) type = reader.varint();
    else if (tag === 16 + WIRE.bytes) name = readText(reader);
    else if (tag === 24 + WIRE.bytes) value = readText(reader);
    else reader.skip(tag);
  }
  reader.leave(outer);
  const operator = OPERATORS[type];
  if (operator === undefined) throw new ProtobufError(`a matcher has the unknown type ${type}`);
  return { name, operator, value };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function readText(reader: ProtobufReader): string {
  const length = reader.length();
  const start = reader.take(length);
  try {
    return decoder.decode(reader.bytes.subarray(start, start + length));
  } catch {
    throw new ProtobufError("a text is not valid UTF-8");
  }
}
