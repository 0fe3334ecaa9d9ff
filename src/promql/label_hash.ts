/**
 * The hash by which `limit_ratio` chooses series: xxHash64 over the label set, each name and value with its length before
 * it. The same as in Prometheus, so that both choose the same series.
 */
import type { Labels } from "./queryable.ts";

const MASK = (1n << 64n) - 1n;
const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;
const PRIME_5 = 0x27d4eb2f165667c5n;
/** Lengths below this take one byte. */
const LONG_LENGTH = 255;

/** The hash as a fraction of its range: from 0 to 1, spread evenly, a pure function of the labels. */
export function labelsFraction(labels: Labels): number {
  return Number(xxHash64(encodeLabels(labels))) / 2 ** 64;
}

function encodeLabels(labels: Labels): Uint8Array {
  const encoder = new TextEncoder();
  const bytes: number[] = [];
  for (const text of labels.flat()) {
    const encoded = encoder.encode(text);
    const { length } = encoded;
    if (length < LONG_LENGTH) bytes.push(length);
    else bytes.push(LONG_LENGTH, length & 0xff, length >> 8 & 0xff, length >> 16 & 0xff);
    for (const byte of encoded) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

function rotate(value: bigint, bits: bigint): bigint {
  return (value << bits | value >> 64n - bits) & MASK;
}

function round(accumulator: bigint, input: bigint): bigint {
  return rotate(accumulator + input * PRIME_2 & MASK, 31n) * PRIME_1 & MASK;
}

/** XXH64 with seed 0. */
export function xxHash64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { length } = bytes;
  let at = 0;
  let hash = PRIME_5;
  if (length >= 32) {
    const lanes = [PRIME_1 + PRIME_2 & MASK, PRIME_2, 0n, -PRIME_1 & MASK];
    for (; at + 32 <= length; at += 32) {
      for (let lane = 0; lane < 4; lane++) {
        lanes[lane] = round(lanes[lane]!, view.getBigUint64(at + lane * 8, true));
      }
    }
    const [first, second, third, fourth] = lanes as [bigint, bigint, bigint, bigint];
    hash = rotate(first, 1n) + rotate(second, 7n) + rotate(third, 12n) + rotate(fourth, 18n) & MASK;
    for (const lane of lanes) hash = (hash ^ round(0n, lane)) * PRIME_1 + PRIME_4 & MASK;
  }
  hash = hash + BigInt(length) & MASK;
  for (; at + 8 <= length; at += 8) {
    hash = rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * PRIME_1 + PRIME_4 & MASK;
  }
  if (at + 4 <= length) {
    const word = BigInt(view.getUint32(at, true)) * PRIME_1 & MASK;
    hash = rotate(hash ^ word, 23n) * PRIME_2 + PRIME_3 & MASK;
    at += 4;
  }
  for (; at < length; at++) {
    hash = rotate(hash ^ BigInt(bytes[at]!) * PRIME_5 & MASK, 11n) * PRIME_1 & MASK;
  }
  hash = (hash ^ hash >> 33n) * PRIME_2 & MASK;
  hash = (hash ^ hash >> 29n) * PRIME_3 & MASK;
  return hash ^ hash >> 32n;
}
