/**
 * Prometheus' text exposition format, and OpenMetrics', as lines to import.
 *
 *   name{label="value",...} value [time] [# exemplar]      also {"any name", label="value"} value
 *   # TYPE family type, # HELP family text, # UNIT family unit, # EOF; other comments are passed over
 *
 * Times are milliseconds, in OpenMetrics seconds; a line without one gets the time of the request. A line that cannot be
 * read or stored is counted with its reason and the rest stands. Known series are found by the bytes in front of the
 * value.
 */
import type { Acknowledgement, WriteResult } from "../../engine/mod.ts";
import { TICKS_PER_MS } from "../../engine/mod.ts";
import type { BatchFill } from "./batch_writes.ts";
import { writeBatches } from "./batch_writes.ts";
import { ByteTable } from "./byte_table.ts";
import { Destination, type DestinationParts } from "./destination.ts";
import type { SeriesTarget } from "./sample_series.ts";
import { SampleSeries } from "./sample_series.ts";

/** One property of a metric family; the others are not known. */
export interface TextMetadata {
  readonly family: string;
  readonly property: "type" | "help" | "unit";
  readonly value: string;
}

export interface TextImportParts extends DestinationParts {
  readonly onMetadata: (metadata: TextMetadata) => void;
}

export interface TextImportOptions {
  readonly openMetrics: boolean;
  /** For lines without a time: milliseconds since the epoch. */
  readonly nowMs: number;
  /** Value of the label `db` of all series. */
  readonly db?: string;
  readonly acknowledgement: Acknowledgement;
}

export interface TextImportOutcome {
  samples: number;
  exemplars: number;
  tooOld: number;
  /** Lines that were not stored. */
  rejected: number;
  /** The first of them, each with its number. */
  readonly reasons: string[];
}

/** Rejected lines that are told in full. */
const REASONS_MAX = 10;
const LINE_BYTES_MAX = 1 << 20;
const TIME_MS_MAX = 9_223_372_036_854;
const SERIES_MAX = 65_536;
const KEY_BYTES_MAX = 12 << 20;

const LINE_FEED = 10;
const SPACE = 32;
const TAB = 9;
const CARRIAGE_RETURN = 13;
const QUOTE = 34;
const HASH = 35;
const BACKSLASH = 92;
const BRACE_OPEN = 123;
const BRACE_CLOSE = 125;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Series seen before: by index of their key, the source's record and the slot. */
class KnownSeries {
  readonly table = new ByteTable({ keysMax: SERIES_MAX, arenaBytesMax: KEY_BYTES_MAX });
  readonly sources: number[] = [];
  readonly slots: number[] = [];

  add(bytes: Uint8Array, start: number, end: number, target: SeriesTarget, slot: number): void {
    const index = this.table.add(bytes, start, end);
    if (index === -1) {
      this.table.clear();
      return;
    }
    this.sources[index] = target.source;
    this.slots[index] = slot;
  }
}

/** Databases whose series are remembered at once. */
const DATABASES_MAX = 16;

export class TextImporter {
  readonly #parts: TextImportParts;
  readonly #series: SampleSeries;
  readonly #known = new Map<string, KnownSeries>();

  constructor(parts: TextImportParts) {
    this.#parts = parts;
    this.#series = new SampleSeries(parts.database);
  }

  /** Imports a body. Resolves when all of it is acknowledged; rejects with the engine's errors. */
  async write(body: Uint8Array, options: TextImportOptions): Promise<TextImportOutcome> {
    const fill = new TextFill(
      this.#parts,
      this.#series,
      this.#knownOf(options.db ?? ""),
      body,
      options,
    );
    const { acknowledgement, db } = options;
    const destination = new Destination(this.#parts, db);
    await writeBatches(this.#parts.database, fill, { acknowledgement, destination });
    return fill.outcome;
  }

  #knownOf(db: string): KnownSeries {
    let known = this.#known.get(db);
    if (known === undefined) {
      if (this.#known.size >= DATABASES_MAX) this.#known.clear();
      known = new KnownSeries();
      this.#known.set(db, known);
    }
    return known;
  }
}

class TextFill implements BatchFill {
  readonly outcome: TextImportOutcome = {
    samples: 0,
    exemplars: 0,
    tooOld: 0,
    rejected: 0,
    reasons: [],
  };
  readonly #parts: TextImportParts;
  readonly #series: SampleSeries;
  readonly #known: KnownSeries;
  readonly #body: Uint8Array;
  readonly #options: TextImportOptions;
  readonly #ticksPerMs: number;
  #at = 0;
  #line = 0;
  #rows = 0;

  constructor(
    parts: TextImportParts,
    series: SampleSeries,
    known: KnownSeries,
    body: Uint8Array,
    options: TextImportOptions,
  ) {
    this.#parts = parts;
    this.#series = series;
    this.#known = known;
    this.#body = body;
    this.#options = options;
    this.#ticksPerMs = TICKS_PER_MS[parts.database.settings.timeUnit];
  }

  run(): boolean {
    const body = this.#body;
    const { batch } = this.#parts.database;
    while (this.#at < body.length) {
      if (!batch.hasRoom(1)) return false;
      const feed = body.indexOf(LINE_FEED, this.#at);
      const end = feed === -1 ? body.length : feed;
      const start = skipBlanks(body, this.#at, end);
      this.#at = end + 1;
      this.#line++;
      if (start === end) continue;
      const reason = end - start > LINE_BYTES_MAX
        ? `line of ${end - start} bytes is above ${LINE_BYTES_MAX}`
        : body[start] === HASH
        ? this.#comment(start, end)
        : this.#sample(start, end);
      if (reason !== undefined) this.#reject(reason);
    }
    return true;
  }

  written(result: WriteResult): void {
    this.outcome.samples += this.#rows - result.tooOld;
    this.outcome.tooOld += result.tooOld;
    this.#rows = 0;
  }

  #reject(reason: string): void {
    this.outcome.rejected++;
    if (this.outcome.reasons.length < REASONS_MAX) {
      this.outcome.reasons.push(`line ${this.#line}: ${reason}`);
    }
  }

  #comment(start: number, end: number): undefined {
    const text = new TextDecoder().decode(this.#body.subarray(start, end));
    const match = /^#[ \t]+(TYPE|HELP|UNIT)[ \t]+("(?:[^"\\]|\\.)*"|[^ \t]+)[ \t]*(.*?)[ \t\r]*$/s
      .exec(text);
    if (match === null) return undefined;
    const [, keyword = "", name = "", rest = ""] = match;
    const property = keyword.toLowerCase() as TextMetadata["property"];
    const value = property === "help"
      ? rest.replace(/\\(n|\\|")/g, (_, escaped) => escaped === "n" ? "\n" : escaped)
      : rest;
    this.#parts.onMetadata({
      family: name.startsWith('"') ? unescape(name.slice(1, -1)) : name,
      property,
      value,
    });
    return undefined;
  }

  /** Reads and stores one line; why it cannot be, undefined when it was. */
  #sample(start: number, end: number): string | undefined {
    const seriesEnd = findSeriesEnd(this.#body, start, end);
    if (seriesEnd === -1) return "labels are not closed";
    const tail = ascii(this.#body, seriesEnd, end);
    const match = /^[ \t]*([^ \t\r#]+)(?:[ \t]+([^ \t\r#]+))?[ \t\r]*(#.*)?$/.exec(tail);
    if (match === null) return "expected a value and an optional time behind the series";
    const [, valueText = "", timeText, exemplar] = match;
    const value = parseValue(valueText);
    if (value === undefined) return `cannot parse value ${JSON.stringify(valueText)}`;
    const timeMs = timeText === undefined ? this.#options.nowMs : this.#time(timeText);
    if (timeMs === undefined) return `cannot parse time ${JSON.stringify(timeText)}`;
    if (exemplar !== undefined) this.outcome.exemplars++;
    return this.#store(start, seriesEnd, value, timeMs);
  }

  #time(text: string): number | undefined {
    const { openMetrics } = this.#options;
    const valid = openMetrics ? /^-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?$/ : /^-?\d+$/;
    if (!valid.test(text)) return undefined;
    const timeMs = openMetrics ? Number(text) * 1000 : Number(text);
    return Math.abs(timeMs) <= TIME_MS_MAX ? timeMs : undefined;
  }

  #store(start: number, end: number, value: number, timeMs: number): string | undefined {
    const known = this.#known;
    const { batch } = this.#parts.database;
    const index = known.table.find(this.#body, start, end);
    if (index !== -1) {
      batch.rowMs(known.sources[index]!, timeMs, this.#ticksPerMs);
      batch.float64(known.slots[index]!, value);
      this.#rows++;
      return undefined;
    }
    const pairs = parseSeries(this.#body.subarray(start, end));
    if (typeof pairs === "string") return pairs;
    const target = this.#series.target(pairs, this.#options.db);
    if (typeof target === "string") return target;
    const slot = this.#series.slot(target, "f64");
    if (typeof slot === "string") return slot;
    known.add(this.#body, start, end, target, slot);
    batch.rowMs(target.source, timeMs, this.#ticksPerMs);
    batch.float64(slot, value);
    this.#rows++;
    return undefined;
  }
}

function skipBlanks(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === SPACE || bytes[at] === TAB || bytes[at] === CARRIAGE_RETURN)) {
    at++;
  }
  return at;
}

/** Where name and labels end; -1 when the labels are not closed. */
function findSeriesEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== BRACE_OPEN && bytes[at] !== SPACE && bytes[at] !== TAB) at++;
  // Blanks may stand between name and labels.
  const brace = skipBlanks(bytes, at, end);
  if (bytes[brace] !== BRACE_OPEN || brace === end) return at;
  let quoted = false;
  for (at = brace + 1; at < end; at++) {
    const byte = bytes[at];
    if (byte === BACKSLASH && quoted) at++;
    else if (byte === QUOTE) quoted = !quoted;
    else if (byte === BRACE_CLOSE && !quoted) return at + 1;
  }
  return -1;
}

/** Bytes as characters of the same number: all that a value or time may hold is ASCII. */
function ascii(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

function parseValue(text: string): number | undefined {
  if (DECIMAL.test(text)) return Number(text);
  if (/^[+-]?nan$/i.test(text)) return NaN;
  if (/^\+?inf(?:inity)?$/i.test(text)) return Infinity;
  return /^-inf(?:inity)?$/i.test(text) ? -Infinity : undefined;
}

/** Name and labels of `name{a="b",...}` or `{"name",a="b"}`; a text when they are malformed. */
function parseSeries(bytes: Uint8Array): [string, string][] | string {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return "series is not valid UTF-8";
  }
  const brace = text.indexOf("{");
  const name = (brace === -1 ? text : text.slice(0, brace)).trim();
  const pairs: [string, string][] = name === "" ? [] : [["__name__", name]];
  if (name !== "" && !/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) {
    return `invalid metric name ${JSON.stringify(name)}`;
  }
  if (brace === -1) return pairs;
  const label =
    /[ \t]*(?:([a-zA-Z_][a-zA-Z0-9_]*)|"((?:[^"\\]|\\.)*)")[ \t]*(?:=[ \t]*"((?:[^"\\]|\\.)*)")?[ \t]*(,|(?=\}))/sy;
  const close = /[ \t]*\}$/y;
  for (let at = brace + 1;;) {
    close.lastIndex = at;
    if (close.test(text)) return pairs;
    label.lastIndex = at;
    const match = label.exec(text);
    if (match === null) return `malformed labels at ${JSON.stringify(text.slice(at, at + 40))}`;
    at = label.lastIndex;
    const [, bare, quoted, value] = match;
    if (value !== undefined) pairs.push([bare ?? unescape(quoted!), unescape(value)]);
    else if (quoted !== undefined) pairs.push(["__name__", unescape(quoted)]);
    else return `label ${JSON.stringify(bare)} has no value`;
  }
}

function unescape(text: string): string {
  return text.includes("\\")
    ? text.replace(/\\(.)/gs, (_, escaped: string) => ESCAPES[escaped] ?? escaped)
    : text;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };
