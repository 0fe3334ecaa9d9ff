/** Doubles in lines, bit for bit as Number() reads them. */
import { describe, expect, test } from "bun:test";
import { Kernels } from "../../../engine/kernels/kernels.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

const kernels = new Kernels();
const encoder = new TextEncoder();
const PER_BATCH = 20_000;

/** Bits that the kernels read from each text, as the float of a line each; undefined for a refused one. */
function readAll(texts: readonly string[]): (bigint | undefined)[] {
  const results: (bigint | undefined)[] = [];
  for (let first = 0; first < texts.length; first += PER_BATCH) {
    results.push(...readBatch(texts.slice(first, first + PER_BATCH)));
  }
  return results;
}

function readBatch(texts: readonly string[]): (bigint | undefined)[] {
  const results: (bigint | undefined)[] = [];
  let lines: string[] = [];
  let bytes = 0;
  for (const text of texts) {
    if (bytes + text.length + 16 > 1 << 20) {
      results.push(...readLines(lines));
      lines = [];
      bytes = 0;
    }
    lines.push(text);
    bytes += text.length + 16;
  }
  results.push(...readLines(lines));
  return results;
}

/** The line's number is its timestamp. */
function readLines(lines: readonly string[]): (bigint | undefined)[] {
  const { exports } = kernels;
  const results: (bigint | undefined)[] = lines.map(() => undefined);
  const body = encoder.encode(lines.map((text, i) => `m v=${text} ${i}\n`).join(""));
  kernels.refresh();
  kernels.u8.set(body, exports.inputPtr.value >>> 0);
  let at = 0;
  while (at < body.length) {
    exports.setBatch(0, 0);
    at = exports.parseLines(0, at, body.length, exports.PARSE_FINAL.value);
    kernels.refresh();
    const bits = new BigUint64Array(
      kernels.u8.buffer,
      exports.cellBitsPtr.value >>> 0,
      lines.length,
    );
    const times = kernels.i64.subarray(exports.rowTimePtr.value >>> 3);
    for (let row = 0; row < exports.rowCount.value; row++) results[Number(times[row])] = bits[row]!;
  }
  return results;
}

const view = new DataView(new ArrayBuffer(8));

function bitsOf(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

function fromBits(bits: bigint): number {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

function check(texts: readonly string[]): void {
  const read = readAll(texts);
  const wrong = texts.filter((text, i) => {
    const value = Number(text);
    return read[i] !== (Number.isFinite(value) ? bitsOf(value) : undefined);
  });
  expect(wrong.slice(0, 5)).toEqual([]);
}

const random = new SeededRandom(20_240_817);
const below = (limit: number) => Math.floor(random.next() * limit);
const many = (count: number, make: () => string) => Array.from({ length: count }, make);
const digits = (count: number) => many(count, () => String(below(10))).join("");
const anyBits = () => BigInt(below(2 ** 32)) << 32n | BigInt(below(2 ** 32));

/** A finite double of any size. */
function anyDouble(): number {
  const value = fromBits(anyBits());
  return Number.isFinite(value) ? value : 1;
}

/** A double's value, or that of the midpoint above it, with all its digits. */
function exactDecimal(value: number, half: boolean): string {
  const bits = bitsOf(Math.abs(value));
  const biased = Number(bits >> 52n);
  const fraction = bits & (2n ** 52n - 1n);
  let mantissa = (biased === 0 ? fraction : fraction | 2n ** 52n) * 2n + (half ? 1n : 0n);
  const power = Math.max(biased, 1) - 1_076;
  if (power >= 0) return String(mantissa << BigInt(power));
  mantissa *= 5n ** BigInt(-power);
  const text = String(mantissa).padStart(-power + 1, "0");
  return `${text.slice(0, power)}.${text.slice(power)}`;
}

describe("doubles are read as Number() reads them", () => {
  test("short ones", () => {
    check(many(40_000, () => `${below(2) ? "-" : ""}${below(10 ** below(9))}.${digits(below(9))}`));
  });

  test("17 digits of doubles of any size", () => check(many(40_000, () => String(anyDouble()))));

  test("exponents of any size", () => {
    check(many(30_000, () => `${digits(1 + below(22))}.${digits(below(22))}e${below(700) - 350}`));
  });

  test("integers of up to 30 digits", () => check(many(10_000, () => digits(1 + below(30)))));

  test("subnormals and their neighbourhood", () => {
    check(many(10_000, () => String(fromBits(anyBits() >> BigInt(11 + below(52))))));
    check(many(5_000, () => `${digits(1 + below(20))}e-${310 + below(35)}`));
  });

  test("midpoints, and what lies just beside them", () => {
    const texts: string[] = [];
    for (let i = 0; i < 1_500; i++) {
      const size = below(3);
      const value = size === 0
        ? anyDouble()
        : size === 1
        ? random.next() * 1e6
        : fromBits(anyBits() >> 12n);
      const midpoint = exactDecimal(value, true);
      const dotted = midpoint.includes(".") ? midpoint : `${midpoint}.`;
      const last = Number(midpoint.at(-1));
      texts.push(midpoint, `${dotted}${"0".repeat(below(900))}1`);
      if (last > 0) {
        texts.push(`${midpoint.slice(0, -1)}${last - 1}${dotted === midpoint ? "9" : ""}`);
      }
      texts.push(exactDecimal(value, false));
    }
    check(texts);
  });

  test("around the largest double", () => {
    const largest = exactDecimal(Number.MAX_VALUE, false);
    const bound = exactDecimal(Number.MAX_VALUE, true);
    check([
      largest,
      bound,
      `${bound}.1`,
      `${String(BigInt(bound) - 1n)}.9`,
      "1.7976931348623157e308",
      "1.7976931348623158e308",
      "1.7976931348623159e308",
      "1e309",
      "-1e309",
      "1e400",
      "9e99999999999",
    ]);
  });

  test("odd spellings", () => {
    check([
      "1.",
      ".5",
      "-.5",
      "-0",
      "0",
      "0e5",
      "0.0e-999999",
      "007.5",
      "1e5",
      "1E+5",
      "1.e5",
      "4.9e-324",
      "2e-324",
      "2.4703282292062327e-324",
      "2.4703282292062328e-324",
      "2.2250738585072011e-308",
      "9007199254740993",
      "9007199254740993.0000000000000000000000000000001",
      `0.${"0".repeat(5_000)}1e5001`,
      `1${"0".repeat(5_000)}e-5000`,
      `${"0".repeat(3_000)}1.5`,
      `1.${"3".repeat(100_000)}`,
      `${"9".repeat(200_000)}e-199999`,
      `0.${"0".repeat(400_000)}7e400000`,
    ]);
  });
});
