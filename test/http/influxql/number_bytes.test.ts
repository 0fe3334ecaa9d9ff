import { expect, test } from "bun:test";
import fc from "fast-check";
import { ByteWriter } from "../../../src/http/byte_writer.ts";
import { writeDouble, writePadded, writeWhole } from "../../../src/http/influxql/number_bytes.ts";

function textOf(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter(1);
  write(writer);
  return new TextDecoder().decode(writer.take());
}

const double = (value: number) => textOf((writer) => writeDouble(writer, value));

test.each([
  [0, "0"],
  [-0, "-0"],
  [90, "90"],
  [-1, "-1"],
  [21.5, "21.5"],
  [-0.05, "-0.05"],
  [0.001, "0.001"],
  [1e-7, "1e-7"],
  [1.0001, "1.0001"],
  [99.00009, "99.00009"],
  [0.1 + 0.2, "0.30000000000000004"],
  [2 ** 53, "9007199254740992"],
  [1e21, "1e+21"],
  [5e-324, "5e-324"],
  [Number.MAX_VALUE, "1.7976931348623157e+308"],
  [2147483648, "2147483648"],
  [123456789012.25, "123456789012.25"],
])("%p is written as %s", (value, text) => expect(double(value)).toBe(text));

test("doubles are written as the runtime does", () => {
  const wanted = (value: number) => Object.is(value, -0) ? "-0" : String(value);
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(double(value)).toBe(wanted(value));
    }),
  );
  const decimals = fc.tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.integer({ min: 0, max: 7 }));
  fc.assert(
    fc.property(decimals, ([digits, shift]) => {
      const value = digits / 10 ** shift;
      expect(double(value)).toBe(wanted(value));
    }),
    { numRuns: 2_000 },
  );
});

test("whole numbers are written with all digits", () => {
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
    expect(textOf((writer) => writeWhole(writer, value))).toBe(String(value));
  }));
});

test("padded numbers have leading zeros", () => {
  expect(textOf((writer) => writePadded(writer, 42, 9))).toBe("000000042");
  expect(textOf((writer) => writePadded(writer, 999, 3))).toBe("999");
});
