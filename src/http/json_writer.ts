/**
 * JSON as bytes, in pieces: texts and numbers go straight into one buffer, of which a piece is a copy.
 *
 * Writers may share one: whoever yields empties it first with `take`.
 */
import type { SampleText } from "../../engine/mod.ts";
import { formatValue } from "../promql/number_format.ts";
import type { Labels } from "../promql/queryable.ts";

/** Length in bytes from which a piece is handed on. */
export const PIECE_BYTES = 65_536;
/** Longer texts are left to the runtime's encoder, whose calls cost more than a short loop. */
const LOOP_LENGTH_MAX = 24;
/** Bytes of UTF-8 that a UTF-16 unit takes at most. */
const UNIT_BYTES_MAX = 3;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Label names whose text is kept, and their length; a name beyond is written anew each time. */
const NAMES_KEPT_MAX = 1_024;
const NAME_LENGTH_KEPT_MAX = 128;

/** Whole numbers below this have their text in a table, which fills with use. */
const SMALL_NUMBERS = 1_024;
const smallTexts: (string | undefined)[] = new Array(SMALL_NUMBERS).fill(undefined);

/** A sample's value as it stands between quotes. */
export function valueText(value: number): string {
  // -0 is in the range too, but is no index with the same text.
  if (value >= 0 && value < SMALL_NUMBERS && Math.trunc(value) === value) {
    return value === 0 ? formatValue(value) : smallTexts[value] ??= String(value);
  }
  return formatValue(value);
}

/** Milliseconds as seconds, with up to three decimals. */
export function secondsText(ms: number): string {
  return String(Math.round(ms) / 1000);
}

export class JsonWriter {
  readonly #samples: SampleText;
  readonly #encoder = new TextEncoder();
  /** `"name":` of label names. */
  readonly #names = new Map<string, Uint8Array>();
  /** Names of the label set written last, and their bytes. */
  readonly #lastNames: string[] = [];
  readonly #lastNameBytes: Uint8Array[] = [];
  #bytes = new Uint8Array(2 * PIECE_BYTES);
  #length = 0;

  constructor(samples: SampleText) {
    this.#samples = samples;
  }

  /** Whether what has been written is enough for a piece. */
  get isFull(): boolean {
    return this.#length >= PIECE_BYTES;
  }

  /** What has been written since the last call. */
  take(): Uint8Array<ArrayBuffer> {
    const piece = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return piece;
  }

  /** Forgets what has been written: what a writer left that threw. */
  clear(): void {
    this.#length = 0;
  }

  /** A text as it is. */
  text(text: string): void {
    const { length } = text;
    const bytes = this.#room(length * UNIT_BYTES_MAX);
    let at = this.#length;
    if (length <= LOOP_LENGTH_MAX) {
      let index = 0;
      for (; index < length; index++) {
        const unit = text.charCodeAt(index);
        if (unit >= 0x80) break;
        bytes[at++] = unit;
      }
      if (index === length) {
        this.#length = at;
        return;
      }
    }
    this.#length += this.#encoder.encodeInto(text, bytes.subarray(this.#length)).written;
  }

  /** A text as a JSON string. */
  string(text: string): void {
    const { length } = text;
    const bytes = this.#room(length + 2);
    let at = this.#length;
    bytes[at++] = QUOTE;
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit < 0x20 || unit >= 0x80 || unit === QUOTE || unit === BACKSLASH) {
        this.text(JSON.stringify(text));
        return;
      }
      bytes[at++] = unit;
    }
    bytes[at++] = QUOTE;
    this.#length = at;
  }

  /** A label set as an object. */
  labels(labels: Labels): void {
    const { length } = labels;
    this.#byte(OPEN);
    for (let i = 0; i < length; i++) {
      const [name, value] = labels[i]!;
      if (i > 0) this.#byte(COMMA);
      // One series mostly has the label names of the one before.
      if (this.#lastNames[i] !== name) {
        this.#lastNames[i] = name;
        this.#lastNameBytes[i] = this.#nameBytes(name);
      }
      this.#raw(this.#lastNameBytes[i]!);
      this.string(value);
    }
    this.#byte(CLOSE);
  }

  /** Samples from <= i < to as `[time,"value"],...`; times in milliseconds, which must not change later. */
  samples(times: Float64Array, values: Float64Array, from: number, to: number): void {
    for (let start = from; start < to;) {
      if (start > from) this.#byte(COMMA);
      const end = this.#samples.write(
        times,
        values,
        start,
        Math.min(to, start + this.#samples.samplesMax),
      );
      if (end > start) {
        this.#raw(this.#samples.bytes);
        start = end;
        continue;
      }
      this.text(`[${secondsText(times[start]!)},"${valueText(values[start]!)}"]`);
      start++;
    }
  }

  #byte(byte: number): void {
    this.#room(1)[this.#length++] = byte;
  }

  #raw(bytes: Uint8Array): void {
    const { length } = bytes;
    const target = this.#room(length);
    if (length > LOOP_LENGTH_MAX) target.set(bytes, this.#length);
    else for (let i = 0, at = this.#length; i < length; i++) target[at++] = bytes[i]!;
    this.#length += length;
  }

  #nameBytes(name: string): Uint8Array {
    let bytes = this.#names.get(name);
    if (bytes === undefined) {
      bytes = this.#encoder.encode(`${JSON.stringify(name)}:`);
      const isKept = this.#names.size < NAMES_KEPT_MAX && name.length <= NAME_LENGTH_KEPT_MAX;
      if (isKept) this.#names.set(name, bytes);
    }
    return bytes;
  }

  /** The buffer, with so much room behind what has been written. */
  #room(bytes: number): Uint8Array {
    const needed = this.#length + bytes;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}
