/**
 * The daemon's log: one line a record, info and debug to standard output, warnings and errors to standard error.
 *
 *   2026-01-02T03:04:05.678Z info Listening http=127.0.0.1:8086 tcp=127.0.0.1:8094
 *
 * A message that repeats is cut to a few lines a minute; the next line that passes says how many were left out.
 */
import type { Logger, LogLevel } from "../engine/mod.ts";

export type LogFields = Readonly<Record<string, string | number | boolean>>;

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** Writes one line, end included, to standard output or standard error. */
  readonly write: (line: string, toError: boolean) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
/** Lines of one message in a window. */
const LINES_PER_WINDOW = 20;
const WINDOW_MS = 60_000;
/** Distinct messages whose rate is tracked. */
const MESSAGES_MAX = 1_000;
const FIELD_BYTES_MAX = 1_024;

interface Rate {
  windowStart: number;
  lines: number;
  left: number;
}

export class Log implements Logger {
  readonly #options: LogOptions;
  readonly #rates = new Map<string, Rate>();

  constructor(options: LogOptions) {
    this.#options = options;
  }

  log(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (RANK[level] < RANK[this.#options.level]) return;
    const now = this.#options.now();
    const left = this.#admit(message, now);
    if (left === undefined) return;
    const all = left === 0 ? fields : { ...fields, left_out: left };
    this.#options.write(this.#format(now, level, message, all), RANK[level] >= RANK.warn);
  }

  debug(message: string, fields?: LogFields): void {
    this.log("debug", message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.log("info", message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.log("warn", message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.log("error", message, fields);
  }

  /** Lines of this message left out before this one; undefined when this one is left out too. */
  #admit(message: string, now: number): number | undefined {
    let rate = this.#rates.get(message);
    if (rate === undefined) {
      if (this.#rates.size >= MESSAGES_MAX) this.#rates.clear();
      rate = { windowStart: now, lines: 0, left: 0 };
      this.#rates.set(message, rate);
    }
    if (now - rate.windowStart >= WINDOW_MS || now < rate.windowStart) {
      rate.windowStart = now;
      rate.lines = 0;
    }
    if (rate.lines >= LINES_PER_WINDOW) {
      rate.left++;
      return undefined;
    }
    rate.lines++;
    const left = rate.left;
    rate.left = 0;
    return left;
  }

  #format(now: number, level: LogLevel, message: string, fields: LogFields): string {
    const time = new Date(now).toISOString();
    if (this.#options.format === "json") {
      return `${JSON.stringify({ time, level, message, ...fields })}\n`;
    }
    let line = `${time} ${level} ${oneLine(message)}`;
    for (const [name, value] of Object.entries(fields)) line += ` ${name}=${formatField(value)}`;
    return `${line}\n`;
  }
}

function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f]+/g, " ");
}

function formatField(value: string | number | boolean): string {
  if (typeof value !== "string") return String(value);
  const text = value.length > FIELD_BYTES_MAX ? `${value.slice(0, FIELD_BYTES_MAX)}...` : value;
  return /^[\w.:/@%+,-]+$/.test(text) ? text : JSON.stringify(text);
}
