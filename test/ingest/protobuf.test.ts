import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ProtobufError, ProtobufReader, ProtobufWriter } from "../../src/ingest/protobuf.ts";

function written(write: (writer: ProtobufWriter) => void): ProtobufReader {
  const writer = new ProtobufWriter(1);
  write(writer);
  return new ProtobufReader(writer.finish());
}

const integers = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.integer({ min: -200, max: 200 }));

describe("round trips", () => {
  test("numbers in all forms", () => {
    fc.assert(fc.property(fc.array(integers), fc.array(fc.double()), (values, doubles) => {
      const reader = written((writer) => {
        for (const value of values) {
          writer.varintField(1, Math.abs(value));
          writer.signedField(2, value);
          if (Math.abs(value) < 2 ** 51) writer.zigzagField(3, value);
        }
        for (const value of doubles) writer.doubleField(4, value);
      });
      for (const value of values) {
        expect(reader.tag()).toBe(1 * 8);
        expect(reader.varint()).toBe(Math.abs(value));
        expect(reader.tag()).toBe(2 * 8);
        expect(reader.signed()).toBe(value === 0 ? 0 : value);
        if (Math.abs(value) >= 2 ** 51) continue;
        expect(reader.tag()).toBe(3 * 8);
        expect(reader.zigzag()).toBe(value === 0 ? 0 : value);
      }
      for (const value of doubles) {
        expect(reader.tag()).toBe(4 * 8 + 1);
        expect(reader.double()).toBe(value);
      }
      expect(reader.tag()).toBe(0);
    }));
  });

  test("nested messages of any length", () => {
    fc.assert(fc.property(fc.array(fc.string({ maxLength: 300 }), { maxLength: 5 }), (texts) => {
      const reader = written((writer) => {
        writer.message(1, () => {
          for (const text of texts) writer.message(2, () => writer.textField(3, text));
        });
        writer.varintField(9, 1);
      });
      expect(reader.tag()).toBe(1 * 8 + 2);
      const outer = reader.enter();
      for (const text of texts) {
        expect(reader.tag()).toBe(2 * 8 + 2);
        const middle = reader.enter();
        expect(reader.tag()).toBe(3 * 8 + 2);
        const length = reader.length();
        const start = reader.take(length);
        expect(new TextDecoder().decode(reader.bytes.subarray(start, start + length))).toBe(text);
        reader.leave(middle);
      }
      reader.leave(outer);
      expect([reader.tag(), reader.varint(), reader.tag()]).toEqual([9 * 8, 1, 0]);
    }));
  });
});

test("minus one takes ten bytes", () => {
  const writer = new ProtobufWriter();
  writer.signed(-1);
  expect([...writer.finish()]).toEqual([255, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
});

describe("damage", () => {
  test.each([
    ["a cut number", [8, 0x80], "ends within a number"],
    ["a number without end", [8, ...new Array(11).fill(0x80)], "longer than ten bytes"],
    ["cut bytes", [10, 5, 1], "ends within a field"],
    ["a cut double", [9, 1, 2], "ends within a field"],
    ["an unknown form", [11], "unknown form 3"],
    ["a field without number", [0], "has no number"],
  ])("%s", (_, bytes, message) => {
    const reader = new ProtobufReader(Uint8Array.from(bytes));
    expect(() => reader.skip(reader.tag())).toThrow(message);
  });

  test("a nested message cannot reach beyond its own end", () => {
    const reader = new ProtobufReader(Uint8Array.of(10, 2, 10, 5, 1, 1, 1, 1, 1));
    reader.tag();
    reader.enter();
    reader.tag();
    expect(() => reader.length()).toThrow("ends within a field");
  });

  test("any bytes are read or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const reader = new ProtobufReader(bytes);
        try {
          for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) reader.skip(tag);
          expect(reader.at).toBe(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
