/** Times of answers: RFC 3339 with as many decimals as needed, or counts of a unit since the epoch. */
import type { Zone } from "../../influxql/values/zones.ts";
import type { Times } from "../../influxql/values/result.ts";
import type { ByteWriter } from "../byte_writer.ts";
import { writePadded, writeWhole } from "./number_bytes.ts";

const NS_PER_SECOND = 1e9;
const DAY_SECONDS = 86_400;
const HYPHEN = 0x2d;
const COLON = 0x3a;
const POINT = 0x2e;
const QUOTE = 0x22;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const ZERO = 0x30;

/** Decimals of a second that are shown of units below it; others: seconds in one of them. */
const DECIMALS: Readonly<Record<string, number>> = { ns: 9, u: 6, ms: 3 };
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

/** How times are shown. */
export type TimeForm =
  | { readonly kind: "text"; readonly zone: Zone | undefined }
  | { readonly kind: "decimals"; readonly decimals: number }
  | { readonly kind: "seconds"; readonly seconds: number };

/** The form that the parameter `epoch` asks for; undefined where it is empty. What is no unit is nanoseconds. */
export function epochForm(epoch: string): TimeForm | undefined {
  if (epoch === "") return undefined;
  const unit = epoch === "µ" || epoch === "μ" ? "u" : epoch;
  const seconds = Object.hasOwn(SECONDS, unit) ? SECONDS[unit] : undefined;
  if (seconds !== undefined) return { kind: "seconds", seconds };
  const decimals = Object.hasOwn(DECIMALS, unit) ? DECIMALS[unit] : undefined;
  return { kind: "decimals", decimals: decimals ?? 9 };
}

/** Writes times of one column after the other; the day written last is kept. */
export class TimeWriter {
  readonly #writer: ByteWriter;
  #form: TimeForm = { kind: "text", zone: undefined };
  #day = NaN;
  readonly #date = new Uint8Array(11);
  /** Of the column: whole seconds and nanoseconds of its origin. */
  #seconds = 0;
  #ns = 0;

  constructor(writer: ByteWriter) {
    this.#writer = writer;
  }

  set form(form: TimeForm) {
    this.#form = form;
  }

  /** Begins a column. */
  begin({ origin }: Times): void {
    const ns = (origin % 1_000_000_000n + 1_000_000_000n) % 1_000_000_000n;
    this.#ns = Number(ns);
    this.#seconds = Number((origin - ns) / 1_000_000_000n);
  }

  /** Writes the time at a distance from the origin. */
  write(offset: number): void {
    let whole = Math.floor(offset / NS_PER_SECOND);
    let ns = this.#ns + (offset - whole * NS_PER_SECOND);
    // The quotient may be rounded up to the next whole one.
    if (ns < 0) {
      ns += NS_PER_SECOND;
      whole--;
    }
    if (ns >= NS_PER_SECOND) {
      ns -= NS_PER_SECOND;
      whole++;
    }
    const seconds = this.#seconds + whole;
    switch (this.#form.kind) {
      case "text":
        return this.#text(seconds, ns, this.#form.zone);
      case "decimals":
        return this.#count(seconds, ns, this.#form.decimals);
      case "seconds":
        return this.#units(seconds, ns, this.#form.seconds);
    }
  }

  /** A count of units below a second; what is less than one is cut off towards zero. */
  #count(seconds: number, ns: number, decimals: number): void {
    const writer = this.#writer;
    const isNegative = seconds < 0;
    const whole = isNegative && ns > 0 ? -seconds - 1 : Math.abs(seconds);
    const rest = isNegative && ns > 0 ? NS_PER_SECOND - ns : ns;
    const part = Math.floor(rest / 10 ** (9 - decimals));
    if (whole === 0) return writeWhole(writer, isNegative && part > 0 ? -part : part);
    if (isNegative) writer.byte(MINUS);
    writeWhole(writer, whole);
    writePadded(writer, part, decimals);
  }

  #units(seconds: number, ns: number, unit: number): void {
    const whole = seconds < 0 && ns > 0 ? seconds + 1 : seconds;
    // Without a sign where nothing is left.
    writeWhole(this.#writer, Math.trunc(whole / unit) + 0);
  }

  #text(seconds: number, ns: number, zone: Zone | undefined): void {
    const writer = this.#writer;
    const ahead = zone === undefined ? 0 : Math.round(zone.offsetMs(seconds * 1_000) / 1_000);
    const local = seconds + ahead;
    const day = Math.floor(local / DAY_SECONDS);
    if (day !== this.#day) this.#keepDate(day);
    const bytes = writer.reserve(48);
    let at = writer.length;
    bytes[at++] = QUOTE;
    for (let i = 0; i < this.#date.length; i++) bytes[at++] = this.#date[i]!;
    const ofDay = local - day * DAY_SECONDS;
    const hour = (ofDay / 3_600) | 0;
    const minute = ((ofDay - hour * 3_600) / 60) | 0;
    at = putTwo(bytes, at, hour);
    bytes[at++] = COLON;
    at = putTwo(bytes, at, minute);
    bytes[at++] = COLON;
    at = putTwo(bytes, at, ofDay - hour * 3_600 - minute * 60);
    if (ns > 0) at = putFraction(bytes, at, ns);
    if (ahead === 0) bytes[at++] = LETTER_Z;
    else at = putOffset(bytes, at, ahead);
    bytes[at++] = QUOTE;
    writer.length = at;
  }

  /** `2020-03-01T` of a day. */
  #keepDate(day: number): void {
    this.#day = day;
    const date = new Date(day * DAY_SECONDS * 1_000);
    const bytes = this.#date;
    const year = date.getUTCFullYear();
    let at = putTwo(bytes, 0, (year / 100) | 0);
    at = putTwo(bytes, at, year % 100);
    bytes[at++] = HYPHEN;
    at = putTwo(bytes, at, date.getUTCMonth() + 1);
    bytes[at++] = HYPHEN;
    at = putTwo(bytes, at, date.getUTCDate());
    bytes[at] = LETTER_T;
  }
}

function putTwo(bytes: Uint8Array, at: number, value: number): number {
  const tens = (value / 10) | 0;
  bytes[at] = ZERO + tens;
  bytes[at + 1] = ZERO + value - tens * 10;
  return at + 2;
}

/** Nanoseconds behind a point, zeros at the end dropped. */
function putFraction(bytes: Uint8Array, start: number, ns: number): number {
  bytes[start] = POINT;
  let rest = ns;
  let digits = 9;
  while (rest % 10 === 0) {
    rest /= 10;
    digits--;
  }
  for (let at = start + digits; at > start; at--) {
    const next = Math.floor(rest / 10);
    bytes[at] = ZERO + rest - next * 10;
    rest = next;
  }
  return start + 1 + digits;
}

/** `+02:00`. */
function putOffset(bytes: Uint8Array, start: number, seconds: number): number {
  let at = start;
  bytes[at++] = seconds < 0 ? MINUS : PLUS;
  const minutes = Math.floor(Math.abs(seconds) / 60);
  at = putTwo(bytes, at, Math.floor(minutes / 60));
  bytes[at++] = COLON;
  return putTwo(bytes, at, minutes % 60);
}
