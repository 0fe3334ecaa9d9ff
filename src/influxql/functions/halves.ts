/** 64-bit whole numbers as two halves: comparing and adding them costs a tenth of what it does with BigInts. */
import type { Column } from "../values/result.ts";

const TWO_32 = 2 ** 32;

export type WideValues = BigInt64Array | BigUint64Array;

/** Rows whose halves doubles add up exactly. */
const EXACT_ROWS = 2 ** 20;

/** Value i is `high[2 * i + 1] * 2^32 + low[2 * i]`. */
export interface Halves {
  readonly low: Uint32Array;
  /** Signed where the values are. */
  readonly high: Int32Array | Uint32Array;
}

export function isWide(values: Column["values"]): values is WideValues {
  return values instanceof BigInt64Array || values instanceof BigUint64Array;
}

export function halvesOf(values: WideValues): Halves {
  const { buffer, byteOffset, length } = values;
  const low = new Uint32Array(buffer, byteOffset, 2 * length);
  const isSigned = values instanceof BigInt64Array;
  return { low, high: isSigned ? new Int32Array(buffer, byteOffset, 2 * length) : low };
}

/** The same of a column of whole numbers, whichever form it has. */
export function halvesOfColumn(column: Column): Halves {
  if (isWide(column.values)) return halvesOf(column.values);
  const values = column.values as Float64Array;
  const low = new Uint32Array(2 * values.length);
  for (let i = 0; i < values.length; i++) {
    low[2 * i] = values[i]!;
    low[2 * i + 1] = Math.floor(values[i]! / TWO_32);
  }
  return { low, high: column.kind === "unsigned" ? low : new Int32Array(low.buffer) };
}

/** The double nearest to value `to` less value `from`. */
export function stepOfHalves({ low, high }: Halves, from: number, to: number): number {
  return (high[2 * to + 1]! - high[2 * from + 1]!) * TWO_32 + (low[2 * to]! - low[2 * from]!);
}

/** Negative, 0 or positive, as of two values of one array. */
export function compareHalves({ low, high }: Halves, left: number, right: number): number {
  return high[2 * left + 1]! - high[2 * right + 1]! || low[2 * left]! - low[2 * right]!;
}

/** The sum of rows from <= i < to, however large. */
export function sumOfHalves({ low, high }: Halves, from: number, to: number): bigint {
  let sum = 0n;
  for (let at = from; at < to;) {
    const end = Math.min(at + EXACT_ROWS, to);
    let [lows, highs] = [0, 0];
    for (; at < end; at++) {
      lows += low[2 * at]!;
      highs += high[2 * at + 1]!;
    }
    sum += (BigInt(highs) << 32n) + BigInt(lows);
  }
  return sum;
}

/** A column of whole numbers written as halves; they wrap at 64 bits. */
export class WholeColumn {
  readonly #kind: "integer" | "unsigned";
  readonly #words: Uint32Array<ArrayBuffer>;

  constructor(kind: "integer" | "unsigned", count: number) {
    this.#kind = kind;
    this.#words = new Uint32Array(2 * count);
  }

  /** Sets value i to `high * 2^32 + low`; the halves are whole numbers of any size below 2^53. */
  set(index: number, high: number, low: number): void {
    this.#words[2 * index] = low;
    this.#words[2 * index + 1] = high + Math.floor(low / TWO_32);
  }

  /** In the cheapest form that holds all values. */
  finish(): Column {
    const { buffer } = this.#words;
    const values = this.#kind === "integer"
      ? new BigInt64Array(buffer)
      : new BigUint64Array(buffer);
    const { low, high } = halvesOf(values);
    const doubles = new Float64Array(values.length);
    for (let i = 0; i < doubles.length; i++) {
      doubles[i] = high[2 * i + 1]! * TWO_32 + low[2 * i]!;
      if (!Number.isSafeInteger(doubles[i])) return { kind: this.#kind, values } as Column;
    }
    return { kind: this.#kind, values: doubles };
  }
}
