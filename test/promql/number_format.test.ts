import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatDecimal, formatValue } from "../../src/promql/number_format.ts";

describe("formatValue", () => {
  test.each([
    [1, "1"],
    [-0, "-0"],
    [0.1, "0.1"],
    [1e20, "100000000000000000000"],
    [1e21, "1e+21"],
    [1e-6, "0.000001"],
    [1e-7, "1e-07"],
    [1.5e-10, "1.5e-10"],
    [5e-324, "5e-324"],
    [NaN, "NaN"],
    [Infinity, "+Inf"],
    [-Infinity, "-Inf"],
  ])("%d", (value, text) => expect(formatValue(value)).toBe(text));
});

describe("formatDecimal", () => {
  test.each([
    [1e21, "1000000000000000000000"],
    [1.25e22, "12500000000000000000000"],
    [-1.5e-7, "-0.00000015"],
    [12.5, "12.5"],
    [Infinity, "+Inf"],
  ])("%d", (value, text) => expect(formatDecimal(value)).toBe(text));

  test("reads back, without exponent", () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = formatDecimal(value);
      expect(text).not.toContain("e");
      expect(Number(text)).toBe(value);
      expect(Number(formatValue(value))).toBe(value);
    }));
  });
});
