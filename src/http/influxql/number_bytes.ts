/** Numbers as decimal text in a buffer, without a string for most of them. */
import type { ByteWriter } from "../byte_writer.ts";

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;
/** Bytes that a number takes at most. */
const NUMBER_BYTES_MAX = 32;
/** Whole numbers below this are split as integers. */
const SMALL_MAX = 2 ** 31;
/** Decimals of numbers of fewer digits than doubles hold are the shortest that read back alike. */
const SCALED_MAX = 1e15;
/** Powers of ten by the decimals that are tried, from one on. */
const SCALES = Float64Array.of(1e1, 1e2, 1e3, 1e4);

/** A double in the shortest form that reads back; whole ones without a point. Not for NaN and infinities. */
export function writeDouble(writer: ByteWriter, value: number): void {
  if (Number.isInteger(value)) {
    if (value === 0 && Object.is(value, -0)) return writer.text("-0");
    if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return writeWhole(writer, value);
    return writer.text(String(value));
  }
  if (value >= 1e-3 || value <= -1e-3) {
    for (let i = 0; i < SCALES.length; i++) {
      const scaled = Math.round(value * SCALES[i]!);
      if (Math.abs(scaled) >= SCALED_MAX) break;
      if (scaled / SCALES[i]! === value) return writeScaled(writer, scaled, i + 1);
    }
  }
  writer.text(String(value));
}

/** A whole number of at most 2^53 in size. */
export function writeWhole(writer: ByteWriter, value: number): void {
  const bytes = writer.reserve(NUMBER_BYTES_MAX);
  let at = writer.length;
  let size = value;
  if (value < 0) {
    bytes[at++] = MINUS;
    size = -value;
  }
  writer.length = putDigits(bytes, at, size);
}

/** Digits of a whole number, with zeros before it up to a width. */
export function writePadded(writer: ByteWriter, value: number, width: number): void {
  const bytes = writer.reserve(NUMBER_BYTES_MAX);
  let rest = value;
  for (let at = writer.length + width - 1; at >= writer.length; at--) {
    const next = Math.floor(rest / 10);
    bytes[at] = ZERO + rest - next * 10;
    rest = next;
  }
  writer.length += width;
}

/** A number with a point before its last digits, the last of which is not 0. */
function writeScaled(writer: ByteWriter, scaled: number, decimals: number): void {
  const bytes = writer.reserve(NUMBER_BYTES_MAX);
  let at = writer.length;
  let size = scaled;
  if (scaled < 0) {
    bytes[at++] = MINUS;
    size = -scaled;
  }
  const scale = SCALES[decimals - 1]!;
  const whole = Math.floor(size / scale);
  at = putDigits(bytes, at, whole);
  bytes[at++] = POINT;
  let rest = size - whole * scale;
  for (let i = at + decimals - 1; i >= at; i--) {
    const next = Math.floor(rest / 10);
    bytes[i] = ZERO + rest - next * 10;
    rest = next;
  }
  writer.length = at + decimals;
}

/** Writes a whole number that is not negative; returns where it ends. */
function putDigits(bytes: Uint8Array, start: number, value: number): number {
  let end = start + digitsOf(value);
  const stop = end;
  let rest = value;
  while (rest >= SMALL_MAX) {
    // A quotient near 2^53 would be rounded, a remainder is exact.
    const digit = rest % 10;
    bytes[--end] = ZERO + digit;
    rest = (rest - digit) / 10;
  }
  for (let small = rest | 0; end > start;) {
    const next = (small / 10) | 0;
    bytes[--end] = ZERO + small - next * 10;
    small = next;
  }
  return stop;
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  return digits;
}
