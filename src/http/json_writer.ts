/** JSON of the Prometheus API as bytes: label sets and samples. */
import type { SampleText } from "../../engine/mod.ts";
import { formatValue } from "../promql/number_format.ts";
import type { Labels } from "../promql/queryable.ts";
import { ByteWriter, PIECE_BYTES } from "./byte_writer.ts";

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

export class JsonWriter extends ByteWriter {
  readonly #samples: SampleText;
  readonly #nameEncoder = new TextEncoder();
  /** `"name":` of label names. */
  readonly #names = new Map<string, Uint8Array>();
  /** Names of the label set written last, and their bytes. */
  readonly #lastNames: string[] = [];
  readonly #lastNameBytes: Uint8Array[] = [];

  constructor(samples: SampleText) {
    super(2 * PIECE_BYTES);
    this.#samples = samples;
  }

  /** A label set as an object. */
  labels(labels: Labels): void {
    const { length } = labels;
    this.byte(OPEN);
    for (let i = 0; i < length; i++) {
      const [name, value] = labels[i]!;
      if (i > 0) this.byte(COMMA);
      // One series mostly has the label names of the one before.
      if (this.#lastNames[i] !== name) {
        this.#lastNames[i] = name;
        this.#lastNameBytes[i] = this.#nameBytes(name);
      }
      this.raw(this.#lastNameBytes[i]!);
      this.string(value);
    }
    this.byte(CLOSE);
  }

  /** Samples from <= i < to as `[time,"value"],...`; times in milliseconds, which must not change later. */
  samples(times: Float64Array, values: Float64Array, from: number, to: number): void {
    for (let start = from; start < to;) {
      if (start > from) this.byte(COMMA);
      const end = this.#samples.write(
        times,
        values,
        start,
        Math.min(to, start + this.#samples.samplesMax),
      );
      if (end > start) {
        this.raw(this.#samples.bytes);
        start = end;
        continue;
      }
      this.text(`[${secondsText(times[start]!)},"${valueText(values[start]!)}"]`);
      start++;
    }
  }

  #nameBytes(name: string): Uint8Array {
    let bytes = this.#names.get(name);
    if (bytes === undefined) {
      bytes = this.#nameEncoder.encode(`${JSON.stringify(name)}:`);
      const isKept = this.#names.size < NAMES_KEPT_MAX && name.length <= NAME_LENGTH_KEPT_MAX;
      if (isKept) this.#names.set(name, bytes);
    }
    return bytes;
  }
}
