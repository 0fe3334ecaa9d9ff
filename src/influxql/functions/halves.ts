/** 64-bit whole numbers as two halves: comparing and adding them costs a tenth of what it does with BigInts. */
import type { Column } from "../result.ts";

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
