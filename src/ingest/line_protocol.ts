/**
 * InfluxDB's words for why a line was refused. Parsing is the engine's (LineScanner); nothing here sees a point.
 *
 * Clients look for `unable to parse`, `partial write` and `dropped=`, which the write routes put around these; the rest
 * is for people.
 */
import type { Family, LineError, LineReason } from "../../engine/mod.ts";

/** InfluxDB's word for a field's type. */
const TYPE_WORDS: Readonly<Record<Family, string>> = {
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
