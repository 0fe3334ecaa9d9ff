/** Doubles and times as text, against what JavaScript's own conversion says. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { Kernels } from "../../../engine/kernels/kernels.ts";
import { formatValue } from "../../../src/promql/number_format.ts";

const kernels = new Kernels();
const decoder = new TextDecoder();

/** Beyond some ten thousand years a double no longer tells all milliseconds apart once it is in seconds. */
const TIME_MAX = 2 ** 50;

/** Texts of value and time; undefined when the kernel leaves the sample to its caller. */
function textOf(value: number, timeMs = 1_000): string | undefined {
  const { exports } = kernels;
  kernels.f64[exports.sampleTimes.value >>> 3] = timeMs;
  kernels.f64[exports.sampleValues.value >>> 3] = value;
  if (exports.writeSamples(1) === 0) return undefined;
  const start = exports.sampleText.value >>> 0;
  return decoder.decode(kernels.u8.subarray(start, start + exports.sampleTextBytes.value));
}

function expectText(value: number): void {
  const text = textOf(value);
  if (text === undefined) expect(Math.abs(value)).toBeLessThan(1e-290);
  else expect(text).toBe(`[1,"${formatValue(value)}"]`);
}

test.each([
  0,
  -0,
  1,
  -1,
  9,
  10,
  99_999_999,
  100_000_000,
  9_007_199_254_740_991,
  9_007_199_254_740_992,
  9_007_199_254_740_994,
  1e20,
  1e21,
  1e22,
  1e23,
  0.1,
  0.3,
  1e-6,
  9.5e-7,
  1e-7,
  1.5e-10,
  1.0000000000000002,
  4_503_599_627_370_496.5,
  123_456_789_012_345_680_000,
  2.2250738585072014e-308,
  5e-324,
  1.7976931348623157e308,
  NaN,
  Infinity,
  -Infinity,
])("%d", expectText);

test("powers of two and of ten, and their neighbours", () => {
  const bits = new BigInt64Array(1);
  const double = new Float64Array(bits.buffer);
  const powers = Array.from({ length: 2_098 }, (_, i) => 2 ** (i - 1_074))
    .concat(Array.from({ length: 630 }, (_, i) => Number(`1e${i - 320}`)));
  for (const power of powers) {
    double[0] = power;
    for (const step of [-1n, 0n, 1n]) {
      double[0] = power;
      bits[0]! += step;
      expectText(double[0]!);
    }
  }
});

test("any double", () => {
  fc.assert(fc.property(fc.double(), expectText), { numRuns: 5_000 });
});

test("decimals of few digits, and quotients", () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 0, max: 12 }),
      fc.nat({ max: 5_000 }),
      (n, e, d) => {
        expectText(n / 10 ** e);
        expectText(n / (d + 1));
      },
    ),
    { numRuns: 5_000 },
  );
});

test("times have up to three decimals", () => {
  fc.assert(
    fc.property(fc.integer({ min: -TIME_MAX, max: TIME_MAX }), (ms) => {
      expect(textOf(1, ms)).toBe(`[${String(ms / 1_000)},"1"]`);
    }),
  );
});
