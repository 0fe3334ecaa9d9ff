/**
 * Why a line was refused, in the words of InfluxDB: clients look for `unable to parse`, people read the rest.
 */
import { type Family, LINE_BYTES_MAX, type LineError } from "../../engine/mod.ts";

const TIME_RANGE = "-9223372036854775806 - 9223372036854775806";
const KEY_BYTES_MAX = 65_535;

/** What InfluxDB calls our families. */
const TYPE_WORDS: Readonly<Record<Family, string>> = {
  f64: "float",
  i64: "integer",
  u64: "unsigned",
  bool: "boolean",
  blob: "string",
  histogram: "histogram",
};

function typeWord(family: Family | undefined): string {
  return family === undefined ? "unknown" : TYPE_WORDS[family];
}

/** The reason alone. */
export function reasonText({ reason, detail }: LineError): string {
  switch (reason) {
    case "integer-range":
      return `unable to parse integer ${detail.text}: value out of range`;
    case "unsigned-range":
      return `unable to parse unsigned ${detail.text}: value out of range`;
    case "timestamp-syntax":
      return "bad timestamp";
    case "timestamp-range":
    case "time-outside-range":
      return `time outside range ${TIME_RANGE}`;
    case "key-too-long":
      return `max key length exceeded: ${detail.bytes} > ${KEY_BYTES_MAX}`;
    case "invalid-utf8":
      return "invalid UTF-8";
    case "reserved-tag":
      return `cannot use reserved tag key "${detail.text}"`;
    case "line-too-long":
      return `line is longer than ${LINE_BYTES_MAX} bytes`;
    case "type-conflict":
      return `field type conflict: input field "${detail.field}" on measurement ` +
        `"${detail.measurement}" is type ${typeWord(detail.given)}, ` +
        `already exists as type ${typeWord(detail.existing)}`;
    case "time-tag":
      return `invalid tag key: input tag "time" on measurement "${detail.measurement}" is invalid`;
    case "time-field":
      return `invalid field name: input field "time" on measurement "${detail.measurement}" is invalid`;
    case "series-limit":
      return `series limit exceeded: measurement "${detail.measurement}" would add a series`;
    case "field-limit":
      return `field limit exceeded: measurement "${detail.measurement}" would add a field`;
    default:
      return reason.replaceAll("-", " ");
  }
}

/** The texts of the first malformed lines, one a line, and how many more there were. */
export function parseErrorText(errors: readonly LineError[], malformed: number): string {
  const shown = errors.filter(({ kind }) => kind === "malformed");
  const texts = shown.map((error) => `unable to parse '${error.text}': ${reasonText(error)}`);
  if (malformed > shown.length) texts.push(`and ${malformed - shown.length} more`);
  return texts.join("\n");
}
