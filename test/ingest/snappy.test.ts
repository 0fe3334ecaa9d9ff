import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeSnappy,
  encodeSnappy,
  encodeSnappyInSlices,
  SnappyError,
  snappyLength,
} from "../../src/ingest/snappy.ts";

const LIMIT = 1 << 20;
const text = (value: string) => new TextEncoder().encode(value);

describe("decodeSnappy", () => {
  test.each([
    { name: "nothing", block: [0], bytes: "" },
    { name: "a literal", block: [3, 2 << 2, 97, 98, 99], bytes: "abc" },
    {
      name: "a literal with its length in a byte",
      block: [3, 60 << 2, 2, 97, 98, 99],
      bytes: "abc",
    },
    {
      name: "an overlapping copy, short form",
      block: [8, 0, 97, 3 << 2 | 1, 1, 2 << 2 | 2, 1, 0],
      bytes: "a".repeat(11).slice(0, 11),
    },
    {
      name: "a copy with a 16-bit offset",
      block: [6, 2 << 2, 97, 98, 99, 2 << 2 | 2, 3, 0],
      bytes: "abcabc",
    },
    {
      name: "a copy with a 32-bit offset",
      block: [6, 2 << 2, 97, 98, 99, 2 << 2 | 3, 3, 0, 0, 0],
      bytes: "abcabc",
    },
  ])("$name", ({ block, bytes }) => {
    const whole = Uint8Array.from([bytes.length, ...block.slice(1)]);
    expect(decodeSnappy(whole, LIMIT)).toEqual(text(bytes));
  });

  test.each([
    ["no bytes", [], "ends within its length"],
    ["a length without end", [0xff, 0xff, 0xff, 0xff, 0xff, 1], "above 32 bits"],
    ["too short", [4, 2 << 2, 97, 98, 99], "shorter than it declares"],
    ["too long", [2, 2 << 2, 97, 98, 99], "longer than it declares"],
    ["a cut literal", [3, 2 << 2, 97], "ends within a literal"],
    ["a cut copy", [3, 0, 97, 2], "ends within a copy"],
    ["a copy from before the start", [5, 0, 97, 1, 2], "reaches before its start"],
    ["a copy from nowhere", [5, 0, 97, 1, 0], "reaches before its start"],
    ["a length that nothing can fill", [0xff, 0xff, 0x03, 0], "cannot come from it"],
    ["a literal of four gigabytes", [1, 63 << 2, 255, 255, 255, 255], "ends within a literal"],
  ])("%s is refused", (_, block, message) => {
    expect(() => decodeSnappy(Uint8Array.from(block), LIMIT)).toThrow(message);
  });

  test("the limit is looked at before memory is taken", () => {
    expect(() => decodeSnappy(encodeSnappy(new Uint8Array(101)), 100)).toThrow(
      "its length 101 is above 100",
    );
  });

  test("any bytes decode or are refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (block) => {
        try {
          expect(decodeSnappy(block, LIMIT)).toHaveLength(snappyLength(block));
        } catch (error) {
          expect(error).toBeInstanceOf(SnappyError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("encodeSnappy", () => {
  test("decodeSnappy is its inverse", () => {
    const compressible = fc.array(
      fc.constantFrom("job", "instance", "{}", "aaaaaaaaaaaaaaaaaaaaaaaa", "\u0000", "xyz"),
    )
      .map((parts) => text(parts.join("")));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 3_000 }), compressible), (bytes) => {
        expect(decodeSnappy(encodeSnappy(bytes), LIMIT)).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test("repetition shrinks, noise hardly grows", () => {
    const lines = text("http_requests_total{job=api}".repeat(10_000));
    const block = encodeSnappy(lines);
    expect(block.length).toBeLessThan(lines.length / 15);
    expect(decodeSnappy(block, LIMIT)).toEqual(lines);
    const noise = Uint8Array.from(
      { length: 200_000 },
      (_, index) => (Math.imul(index, 2654435761) >>> 13) & 255,
    );
    expect(encodeSnappy(noise).length).toBeLessThan(noise.length * 1.01);
    expect(decodeSnappy(encodeSnappy(noise), LIMIT)).toEqual(noise);
  });

  test.each([0, 1, 3, 4, 65_535, 65_536, 65_540, 300_000])(
    "%d bytes give the same block with pauses",
    async (length) => {
      const lines = Array.from({ length: 30_000 }, (_, index) => `line ${index * 7_919 % 104_729}`);
      const bytes = text(lines.join("")).subarray(0, length);
      let pauses = 0;
      const block = await encodeSnappyInSlices(bytes, {
        isDue: true,
        pause: async () => await Promise.resolve(void pauses++),
      });
      expect(block).toEqual(encodeSnappy(bytes));
      expect(pauses).toBeGreaterThanOrEqual(Math.floor(length / 65_536) - 1);
    },
  );
});
