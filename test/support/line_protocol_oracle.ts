/**
 * Line protocol the plain way: one regular expression for a whole line, Number() and BigInt for numbers, Maps for types.
 * Bytes are Latin-1 characters until the end.
 */
import { float64Text, type PlainRow } from "./batch_rows.ts";

const NAME = String.raw`(?:(?!\r?(?:\n|(?![^])))(?:[^,= \n]|(?<=\\)[,= ]))+(?<!\\)`;
const MEASUREMENT = String.raw`(?:(?!\r?(?:\n|(?![^])))(?:[^, \n]|(?<=\\)[, ]))+(?<!\\)`;
const FLOAT = String.raw`-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`;
const BOOLEAN = "true|True|TRUE|t|T|false|False|FALSE|f|F";
const STRING = String.raw`"(?:[^"\\]|\\[^])*"`;
const VALUE = String.raw`(?:-?\d+i|\d+u|${FLOAT}|${BOOLEAN}|${STRING})`;
const BLANKS = String.raw`[ \t\0]*(?![ \t\0])`;
const LINE = new RegExp(
  String
    .raw`(${MEASUREMENT})((?:,${NAME}=${NAME})*) ${BLANKS}(${NAME}=${VALUE}(?:,${NAME}=${VALUE})*)` +
    String.raw`(?: ${BLANKS}(?:(-?\d+) *)?)?\r?(?:\n|(?![^]))`,
  "y",
);
const TAG = new RegExp(`,(${NAME})=(${NAME})`, "y");
const FIELD = new RegExp(`,?(${NAME})=(${VALUE})`, "y");
const TIME_LIMIT = 9223372036854775806n;

export interface PlainLines {
  rows: PlainRow[];
  /** `line kind` of each refused line. */
  errors: string[];
}

/** Parses a body; `types` carries the families of fields from body to body. Timestamps are nanoseconds. */
export function parsePlainly(
  bytes: Uint8Array,
  { types, now }: { types: Map<string, string>; now: bigint },
): PlainLines {
  const text = latin1(bytes);
  const result: PlainLines = { rows: [], errors: [] };
  let at = 0;
  let line = 1;
  while (at < text.length) {
    const start = at + /^[ \t\0]*/.exec(text.slice(at))![0].length;
    let end = text.indexOf("\n", start);
    end = end < 0 ? text.length : end;
    const isBlank = /^\r?$/.test(text.slice(start, end)) || text[start] === "#";
    if (!isBlank) {
      LINE.lastIndex = start;
      const match = LINE.exec(text);
      end = match === null ? badLineEnd(text, start) : start + match[0].replace(/\n$/, "").length;
      const outcome = match === null ? "malformed" : toRow(match, { types, now });
      if (typeof outcome === "string") result.errors.push(`${line} ${outcome}`);
      else result.rows.push(outcome);
    }
    line += text.slice(at, end).split("\n").length;
    at = end + 1;
  }
  return result;
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function utf8(text: string): string {
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

function badLineEnd(text: string, start: number): number {
  let behindSpace = false;
  let balance = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === "\n") return at;
    if (at > start && text[at - 1] === "\\") continue;
    if (character === " ") behindSpace = true;
    else if (!behindSpace) continue;
    else if (character === "=") balance++;
    else if (character === ",") balance--;
    else if (character === '"' && balance > 0) {
      const string = /"(?:[^"\\]|\\[^])*"/y;
      string.lastIndex = at;
      if (!string.test(text)) return text.length;
      at = string.lastIndex - 1;
    }
  }
  return text.length;
}

interface State {
  readonly types: Map<string, string>;
  readonly now: bigint;
}

function toRow(match: RegExpExecArray, { types, now }: State): PlainRow | "malformed" | "rejected" {
  const [whole, rawMeasurement, , , rawTime] = match;
  // With the space behind them, so that a CR at their end does not look like one at the end of a line.
  const [rawTags, rawFields] = [`${match[2]} `, `${match[3]} `];
  try {
    utf8(whole);
  } catch {
    return "malformed";
  }
  const measurement = utf8(rawMeasurement!.replace(/\\([,= ])/g, "$1"));
  const tags: Record<string, string> = Object.create(null);
  TAG.lastIndex = 0;
  for (let tag = TAG.exec(rawTags); tag !== null; tag = TAG.exec(rawTags)) {
    const [name, value] = [tag[1]!, tag[2]!].map((raw) => utf8(raw.replace(/\\([,= ])/g, "$1")));
    if (name! in tags) return "malformed";
    tags[name!] = value!;
  }
  const given: [string, string][] = [];
  FIELD.lastIndex = 0;
  for (let field = FIELD.exec(rawFields); field !== null; field = FIELD.exec(rawFields)) {
    const value = toValue(field[2]!);
    if (value === undefined) return "malformed";
    given.push([utf8(field[1]!.replace(/\\([,= "])/g, "$1")), value]);
  }
  const time = rawTime === undefined ? now : BigInt(rawTime);
  if (time > TIME_LIMIT || time < -TIME_LIMIT) return "malformed";
  const kept = given.filter(([name]) => name !== "time");
  if ("time" in tags || kept.length === 0) return "rejected";
  const keyed = kept.map(([name, value]) => ({
    name,
    value,
    key: `${measurement}\n${name}`,
    type: value.slice(0, value.indexOf(":")),
  }));
  if (keyed.some(({ key, type }) => (types.get(key) ?? type) !== type)) return "rejected";
  const fields: Record<string, string> = Object.create(null);
  for (const { name, value, key, type } of keyed) {
    if ((types.get(key) ?? type) !== type) return "rejected";
    types.set(key, type);
    fields[name] = value;
  }
  return { measurement, tags, fields, time };
}

function toValue(text: string): string | undefined {
  if (text.startsWith('"')) return `string:${utf8(text.slice(1, -1).replace(/\\(["\\])/g, "$1"))}`;
  if (/^[tT]/.test(text)) return "bool:1";
  if (/^[fF]/.test(text)) return "bool:0";
  if (text.endsWith("i")) {
    const value = BigInt(text.slice(0, -1));
    return value === BigInt.asIntN(64, value) ? `i64:${value}` : undefined;
  }
  if (text.endsWith("u")) {
    const value = BigInt(text.slice(0, -1));
    return value === BigInt.asUintN(64, value) ? `u64:${value}` : undefined;
  }
  const value = Number(text);
  return Number.isFinite(value) ? float64Text(value) : undefined;
}
