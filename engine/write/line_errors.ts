/**
 * Why lines were refused: reasons, and what a report says about them. The words that clients read are a protocol's
 * affair (src/ingest/line_protocol.ts).
 *
 * Invariants
 * - A report keeps at most LINE_ERRORS_KEPT errors, each with at most LINE_TEXT_BYTES of its line, however many there are.
 */
import { assert } from "../base/assert.ts";
import { type Family, FAMILY_NAMES } from "../base/types.ts";
import type { Kernels } from "../kernels/kernels.ts";

/** Errors that a report holds one by one; the rest is counted. */
export const LINE_ERRORS_KEPT = 20;
/** Bytes of a refused line that an error quotes. */
export const LINE_TEXT_BYTES = 256;

/** Reasons by the numbers of the kernels (assembly/line_syntax.ts, line_commit.ts). */
const REASONS = {
  1: "missing-measurement",
  2: "missing-tag-key",
  3: "missing-tag-value",
  4: "missing-fields",
  5: "missing-field-key",
  6: "missing-field-value",
  7: "invalid-tag-format",
  8: "invalid-field-format",
  9: "duplicate-tags",
  10: "unbalanced-quotes",
  11: "invalid-number",
  12: "invalid-float",
  13: "invalid-boolean",
  14: "integer-range",
  15: "unsigned-range",
  16: "bad-timestamp",
  17: "timestamp-syntax",
  18: "timestamp-range",
  19: "invalid-point",
  20: "time-outside-range",
  21: "key-too-long",
  22: "invalid-utf8",
  23: "reserved-tag",
  /** The line is longer than LINE_BYTES_MAX; found by line_scanner.ts. */
  24: "line-too-long",
  32: "type-conflict",
  33: "time-tag",
  34: "time-field",
  35: "series-limit",
  36: "field-limit",
} as const;
const LINE_TOO_LONG = 24;
/** Numbers from here on refuse a line that is well-formed. */
const REJECTED_FIRST = 32;

const ENTRY_WORDS = 8;

export type LineReason = (typeof REASONS)[keyof typeof REASONS];

/** Malformed lines are no points; rejected ones are points that cannot be stored. */
export type LineErrorKind = "malformed" | "rejected";

/** What a reason is about, as far as it concerns it. */
export interface LineErrorDetail {
  readonly measurement?: string;
  readonly field?: string;
  /** type-conflict: family of the line's value, and of the field. */
  readonly given?: Family;
  readonly existing?: Family;
  /** integer-range, unsigned-range: the number as written; reserved-tag: the tag. */
  readonly text?: string;
  /** key-too-long: bytes of the key. */
  readonly bytes?: number;
}

export interface LineError {
  /** Number of the line, from 1; lines within strings count. */
  readonly line: number;
  /** The line, at most LINE_TEXT_BYTES of it. */
  readonly text: string;
  readonly reason: LineReason;
  readonly kind: LineErrorKind;
  readonly detail: LineErrorDetail;
}

/** What became of lines. */
export interface LineReport {
  /** Rows handed over for writing. */
  readonly rows: number;
  readonly malformed: number;
  readonly rejected: number;
  /** The first errors, at most LINE_ERRORS_KEPT. */
  readonly errors: readonly LineError[];
  /** All errors by reason. */
  readonly reasons: ReadonlyMap<LineReason, number>;
  /** Rows whose timestamp lies before 1971, as seconds sent as nanoseconds do. */
  readonly ancientRows: number;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A report in the making. */
export class LineErrors implements LineReport {
  rows = 0;
  malformed = 0;
  rejected = 0;
  ancientRows = 0;
  errors: LineError[] = [];
  readonly reasons: Map<LineReason, number> = new Map();

  /** Takes over the errors of the last parseLines, whose first line has the number `lineBase`. */
  collect(kernels: Kernels, lineBase: number): void {
    const count = kernels.exports.lineErrorCount.value as number;
    if (count === 0) return;
    kernels.refresh();
    const entries = (kernels.exports.lineErrorsPtr.value >>> 0) >>> 2;
    const input = kernels.exports.inputPtr.value >>> 0;
    for (let i = 0; i < count; i++) {
      const entry = kernels.u32.subarray(
        entries + i * ENTRY_WORDS,
        entries + (i + 1) * ENTRY_WORDS,
      );
      const reason = this.#count(entry[3]!);
      if (this.errors.length === LINE_ERRORS_KEPT) continue;
      const line = kernels.u8.subarray(input + entry[1]!, input + entry[1]! + entry[2]!);
      this.errors.push({
        line: lineBase + entry[0]!,
        text: quoteLine(line),
        reason,
        kind: entry[3]! < REJECTED_FIRST ? "malformed" : "rejected",
        detail: readDetail(kernels, { reason, entry, line }),
      });
    }
  }

  /** Notes a line that is too long to be parsed; `start` is how it begins. */
  addTooLong(start: Uint8Array, line: number): void {
    const reason = this.#count(LINE_TOO_LONG);
    if (this.errors.length === LINE_ERRORS_KEPT) return;
    this.errors.push({ line, text: quoteLine(start), reason, kind: "malformed", detail: {} });
  }

  #count(code: number): LineReason {
    const reason = REASONS[code as keyof typeof REASONS];
    assert(reason !== undefined, `Unknown reason ${code}`);
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
    if (code < REJECTED_FIRST) this.malformed++;
    else this.rejected++;
    return reason;
  }
}

/** The beginning of a line as text, cut between characters. */
function quoteLine(line: Uint8Array): string {
  if (line.length <= LINE_TEXT_BYTES) return decoder.decode(line);
  let end = LINE_TEXT_BYTES;
  while (end > LINE_TEXT_BYTES - 4 && (line[end]! & 0xc0) === 0x80) end--;
  return decoder.decode(line.subarray(0, end));
}

interface Refusal {
  readonly reason: LineReason;
  /** The kernel's error entry. */
  readonly entry: Uint32Array;
  readonly line: Uint8Array;
}

function readDetail(kernels: Kernels, { reason, entry, line }: Refusal): LineErrorDetail {
  switch (reason) {
    case "integer-range":
    case "unsigned-range": {
      const start = (kernels.exports.inputPtr.value >>> 0) + entry[4]!;
      return { text: decoder.decode(kernels.u8.subarray(start, start + entry[5]!)) };
    }
    case "reserved-tag":
      return { text: entry[5] === 6 ? "_field" : "_measurement" };
    case "key-too-long":
      return { bytes: entry[4]! };
    case "type-conflict":
      return readConflict(kernels, entry);
    case "time-tag":
    case "time-field":
    case "series-limit":
    case "field-limit":
      return { measurement: measurementOf(line) };
    default:
      return {};
  }
}

function readConflict(kernels: Kernels, entry: Uint32Array): LineErrorDetail {
  const exports = kernels.exports;
  const word = (at: number) => kernels.u32[at >>> 2]!;
  const text = (at: number, bytes: number) => decoder.decode(kernels.u8.subarray(at, at + bytes));
  const measurement = entry[4]!;
  const field = word(measurement + exports.MEASUREMENT_FIELD_RECORDS.value) +
    entry[5]! * exports.FIELD_BYTES.value;
  return {
    measurement: text(
      word(measurement + exports.MEASUREMENT_NAME.value),
      word(measurement + exports.MEASUREMENT_NAME_BYTES.value),
    ),
    field: text(
      word(field + exports.FIELD_NAME.value),
      kernels.u16[(field + exports.FIELD_NAME_BYTES.value) >>> 1]!,
    ),
    given: familyOf(entry[6]!),
    existing: familyOf(kernels.u8[field + exports.FIELD_FAMILY.value]!),
  };
}

function familyOf(code: number): Family {
  const family = FAMILY_NAMES[code];
  assert(family !== undefined, `Unknown family ${code}`);
  return family;
}

/** The measurement that a line begins with. */
function measurementOf(line: Uint8Array): string {
  let end = 0;
  while (end < line.length) {
    if ((line[end] === 0x2c || line[end] === 0x20) && line[end - 1] !== 0x5c) break;
    end++;
  }
  return decoder.decode(line.subarray(0, end)).replaceAll(/\\([,= ])/g, "$1");
}
