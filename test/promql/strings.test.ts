import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isIdentifier, quote, unquote } from "../../src/promql/strings.ts";

function read(literal: string): string {
  return unquote(literal, { start: 1, end: literal.length - 1 });
}

describe("unquote", () => {
  test.each([
    { literal: '"plain"', text: "plain" },
    { literal: '"\\a\\b\\f\\n\\r\\t\\v\\\\\\""', text: '\x07\b\f\n\r\t\v\\"' },
    { literal: "'it\\'s'", text: "it's" },
    { literal: '"\\101\\x42\\u0043\\U00000044"', text: "ABCD" },
    { literal: '"\\xc3\\xa9"', text: "é" },
    { literal: '"\\303\\251!"', text: "é!" },
    { literal: '"\\xf0\\x9f\\x98\\x80"', text: "😀" },
    { literal: "`\\n`", text: "\\n" },
  ])("$literal", ({ literal, text }) => expect(read(literal)).toBe(text));

  test("bytes that are no UTF-8 give a string that is not well-formed", () => {
    for (const literal of ['"\\xff"', '"\\xc3"', '"\\xc3a"', '"\\xed\\xa0\\x80"', '"\\xc0\\x80"']) {
      expect(read(literal).isWellFormed()).toBe(false);
    }
  });

  test.each(['"\\\'"', "'\\\"'"])(
    "the other quote is no escape: %s",
    (literal) => expect(() => read(literal)).toThrow("unknown escape sequence"),
  );
});

test("unquote is the inverse of quote", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    expect(read(quote(text))).toBe(text);
  }));
  expect(read(quote("\udcff\udc80"))).toBe("\udcff\udc80");
});

test("identifiers", () => {
  expect(["a", "_", "a1", "A_b"].every(isIdentifier)).toBe(true);
  expect(["", "1a", "a.b", "a:b", "é"].some(isIdentifier)).toBe(false);
});
