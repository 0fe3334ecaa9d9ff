/**
 * The words of InfluxDB's write endpoints around line protocol: precisions, and what a refused line is called.
 * Parsing is the engine's (LineScanner); nothing here sees a point.
 *
 * Clients look for `unable to parse`, `partial write` and `dropped=`; the rest is for people.
 */
import type { Family, LineError, LineReason, LineReport, LineUnit } from "../../engine/mod.ts";

/** Generations of the write endpoint. */
export type WriteEndpoint = "v1" | "v2" | "v3";

const PRECISIONS: Readonly<Record<WriteEndpoint, ReadonlyMap<string, LineUnit>>> = {
  v1: new Map<string, LineUnit>([
    ["", "ns"],
    ["n", "ns"],
    ["ns", "ns"],
    ["u", "us"],
    ["us", "us"],
    ["µ", "us"],
    ["ms", "ms"],
    ["s", "s"],
    ["m", "m"],
    ["h", "h"],
  ]),
  v2: new Map<string, LineUnit>([
    ["", "ns"],
    ["ns", "ns"],
    ["us", "us"],
    ["ms", "ms"],
    ["s", "s"],
  ]),
  v3: new Map<string, LineUnit>([
    ["", "auto"],
    ["auto", "auto"],
    ["nanosecond", "ns"],
    ["ns", "ns"],
    ["n", "ns"],
    ["microsecond", "us"],
    ["us", "us"],
    ["u", "us"],
    ["millisecond", "ms"],
    ["ms", "ms"],
    ["second", "s"],
    ["s", "s"],
  ]),
};

/** Unit of timestamps by the query's `precision` (absent: empty); undefined when the endpoint has no such precision. */
export function lineUnitOf(endpoint: WriteEndpoint, precision = ""): LineUnit | undefined {
  return PRECISIONS[endpoint].get(precision);
}

/** What an endpoint answers to a precision that it does not have. */
export function badPrecisionText(endpoint: WriteEndpoint, precision: string): string {
  switch (endpoint) {
    case "v1":
      return `invalid precision "${precision}" (use n, u, ms, s, m or h)`;
    case "v2":
      return "invalid precision; valid precision units are ns, us, ms, and s";
    case "v3":
      return `invalid precision "${precision}" (use auto, nanosecond, microsecond, millisecond or second)`;
  }
}

/** InfluxDB's word for a field's type. */
export const TYPE_WORDS: Readonly<Record<Family, string>> = {
  f64: "float",
  i64: "integer",
  u64: "unsigned",
  bool: "boolean",
  blob: "string",
  histogram: "histogram",
};

type Wording = string | ((error: LineError) => string);

const WORDINGS: Readonly<Record<LineReason, Wording>> = {
  "missing-measurement": "missing measurement",
  "missing-tag-key": "missing tag key",
  "missing-tag-value": "missing tag value",
  "missing-fields": "missing fields",
  "missing-field-key": "missing field key",
  "missing-field-value": "missing field value",
  "invalid-tag-format": "invalid tag format",
  "invalid-field-format": "invalid field format",
  "duplicate-tags": "duplicate tags",
  "unbalanced-quotes": "unbalanced quotes",
  "invalid-number": "invalid number",
  "invalid-float": "invalid float",
  "invalid-boolean": "invalid boolean",
  "integer-range": ({ detail }) => `unable to parse integer ${detail.text}: value out of range`,
  "unsigned-range": ({ detail }) => `unable to parse unsigned ${detail.text}: value out of range`,
  "bad-timestamp": "bad timestamp",
  "timestamp-syntax": "bad timestamp: invalid syntax",
  "timestamp-range": "bad timestamp: value out of range",
  "invalid-point": "invalid point",
  "time-outside-range": "time outside range -9223372036854775806 - 9223372036854775806",
  "key-too-long": ({ detail }) => `max key length exceeded: ${detail.bytes} > 65535`,
  "invalid-utf8": "invalid UTF-8",
  "reserved-tag": ({ detail }) => `cannot use reserved tag key "${detail.text}"`,
  "line-too-long": "line is longer than 1048576 bytes",
  "type-conflict": ({ detail }) =>
    `field type conflict: input field "${detail.field}" on measurement "${detail.measurement}" ` +
    `is type ${typeWord(detail.given)}, already exists as type ${typeWord(detail.existing)}`,
  "time-tag": ({ detail }) =>
    `invalid tag key: input tag "time" on measurement "${detail.measurement}" is invalid`,
  "time-field": ({ detail }) =>
    `invalid field name: input field "time" on measurement "${detail.measurement}" is invalid`,
  "series-limit": "max-series-per-database limit exceeded",
  "field-limit": ({ detail }) =>
    `too many fields on measurement "${detail.measurement}": the limit is 65535`,
};

function typeWord(family: Family | undefined): string {
  return family === undefined ? "unknown" : TYPE_WORDS[family];
}

/** Why a line was refused. */
export function reasonText(error: LineError): string {
  const wording = WORDINGS[error.reason];
  return typeof wording === "string" ? wording : wording(error);
}

/** A refused line with its reason; a rejected point speaks for itself. */
export function errorText(error: LineError): string {
  return error.kind === "rejected"
    ? reasonText(error)
    : `unable to parse '${error.text}': ${reasonText(error)}`;
}

/** The malformed lines, one a line, and how many more there are. */
export function malformedText(report: LineReport): string {
  const texts = report.errors.filter(({ kind }) => kind === "malformed").map(errorText);
  const more = report.malformed - texts.length;
  if (more > 0) texts.push(`and ${more} more`);
  return texts.join("\n");
}

/** What a body that was not wholly written is answered with, undefined when all was. `tooOld` rows fell to retention. */
export function writeErrorText(report: LineReport, tooOld = 0): string | undefined {
  const dropped = report.rejected + tooOld;
  if (dropped === 0 && report.malformed === 0) return undefined;
  if (dropped === 0 && report.rows === 0) return malformedText(report);
  return `partial write: ${partialTexts(report, tooOld).join("\n")} dropped=${dropped}`;
}

function partialTexts(report: LineReport, tooOld: number): string[] {
  const texts: string[] = [];
  const rejected = report.errors.find(({ kind }) => kind === "rejected");
  if (rejected !== undefined) texts.push(reasonText(rejected));
  else if (report.rejected > 0) texts.push(`${report.rejected} points rejected`);
  if (tooOld > 0) texts.push("points beyond retention policy");
  if (report.malformed > 0) texts.push(malformedText(report));
  return texts;
}

/** One refused line in an answer of the v3 endpoint. */
export interface V3LineError {
  readonly error_message: string;
  readonly line_number: number;
  readonly original_line: string;
}

/** The refused lines for an answer of the v3 endpoint. */
export function v3LineErrors(report: LineReport): V3LineError[] {
  return report.errors.map((error) => ({
    error_message: reasonText(error),
    line_number: error.line,
    original_line: error.text,
  }));
}
