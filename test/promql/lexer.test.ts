import { describe, expect, test } from "bun:test";
import { Lexer, parseNumber } from "../../src/promql/lexer.ts";

/** Kind and text of every token but the end. */
function lex(query: string): string[] {
  const lexer = new Lexer(query);
  const tokens: string[] = [];
  for (let token = lexer.next(); token.kind !== "end"; token = lexer.next()) {
    const value = token.kind === "number"
      ? `${token.isDuration ? "duration" : "number"} ${token.value}`
      : "";
    tokens.push(value === "" ? `${token.kind} ${token.text}` : value);
  }
  return tokens;
}

describe("tokens", () => {
  test.each([
    { name: "white space and comments", query: " \t\r\n# a # b\n1 # c", tokens: ["number 1"] },
    { name: "colons in names", query: "a:b:c :d", tokens: ["word a:b:c", "word :d"] },
    {
      name: "a colon between range and step",
      query: "a[5m:1m]",
      tokens: ["word a", "symbol [", "duration 300", "symbol :", "duration 60", "symbol ]"],
    },
    {
      name: "inf is a label inside braces and a number outside",
      query: "{inf='a'} iNf",
      tokens: ["symbol {", "word inf", "symbol =", "string a", "symbol }", "number Infinity"],
    },
    {
      name: "symbols of two characters",
      query: "== != <= >= </ >/ < > =",
      tokens: ["==", "!=", "<=", ">=", "</", ">/", "<", ">", "="].map((s) => `symbol ${s}`),
    },
    {
      name: "symbols inside braces",
      query: "{=~ != !~ = ==}",
      tokens: ["{", "=~", "!=", "!~", "=", "=", "=", "}"].map((s) => `symbol ${s}`),
    },
    {
      name: "a number ends before a sign",
      query: "1e+5-2",
      tokens: ["number 100000", "symbol -", "number 2"],
    },
    {
      name: "hexadecimal e is a digit",
      query: "0x1e+5",
      tokens: ["number 30", "symbol +", "number 5"],
    },
    {
      name: "durations are seconds",
      query: "1h30m 1ms 1y2w",
      tokens: ["duration 5400", "duration 0.001", "duration 32745600"],
    },
    { name: "infinity spelled out is a name", query: "infinity", tokens: ["word infinity"] },
    { name: "raw strings hold newlines", query: "`a\n\\n`", tokens: ["string a\n\\n"] },
  ])("$name", ({ query, tokens }) => expect<readonly string[]>(lex(query)).toEqual(tokens));

  test("the end comes again and again", () => {
    const lexer = new Lexer("a");
    lexer.next();
    expect([lexer.next().kind, lexer.next().kind]).toEqual(["end", "end"]);
  });
});

describe("numbers", () => {
  test.each([
    ["0", 0],
    ["5.", 5],
    [".5", 0.5],
    ["1_000.5e3", 1_000_500],
    ["0xFf", 255],
    ["0X_ff", 255],
    ["010", 8],
    ["0_10", 8],
    ["08", 8],
    ["1e-5", 0.00001],
    ["9223372036854775808", 2 ** 63],
  ])("%s is %d", (text, value) => expect(parseNumber(text)).toBe(value));

  test.each(["", "_1", "1_", "1__0", "0x", "0xg", "1e", "1._5", "1e1_0", "0b1"])(
    "%j is none",
    (text) => expect(parseNumber(text)).toBeUndefined(),
  );
});

describe("errors", () => {
  test.each([
    { query: "1x", message: '1:1: parse error: bad number or duration syntax: "1x"' },
    { query: "1mm", message: '1:1: parse error: bad number or duration syntax: "1mm"' },
    { query: "a[1m1h]", message: '1:3: parse error: not a valid duration string: "1m1h"' },
    { query: "1.5h", message: '1:1: parse error: not a valid duration string: "1.5h"' },
    { query: "0x1m", message: '1:1: parse error: not a valid duration string: "0x1m"' },
    { query: "99999999y", message: "1:1: parse error: duration out of range" },
    { query: "a\n  ~", message: "2:3: parse error: unexpected character: '~'" },
    { query: "é", message: "1:1: parse error: unexpected character: 'é'" },
    { query: "'a\nb'", message: "1:1: parse error: unterminated quoted string" },
    { query: "'a\\'", message: "1:1: parse error: unterminated quoted string" },
    { query: "`a", message: "1:1: parse error: unterminated raw string" },
    { query: "'a\\q'", message: "1:1: parse error: unknown escape sequence U+0071 'q'" },
    {
      query: "'\\ud800'",
      message: "1:1: parse error: escape sequence is an invalid Unicode code point",
    },
    {
      query: "'\\400'",
      message: "1:1: parse error: escape sequence is an invalid Unicode code point",
    },
    {
      query: "'\\x1'",
      message: "1:1: parse error: illegal character U+0027 ''' in escape sequence",
    },
    { query: "a =~ 'b'", message: "1:3: parse error: unexpected character after '=': '~'" },
    { query: "a !~ 'b'", message: "1:3: parse error: unexpected character after '!': '~'" },
    { query: "a ]", message: "1:3: parse error: unexpected right bracket ']'" },
    { query: "a }", message: "1:3: parse error: unexpected character: '}'" },
    { query: "a{1='b'}", message: "1:3: parse error: unexpected character inside braces: '1'" },
    { query: "a{b+'c'}", message: "1:4: parse error: unexpected character inside braces: '+'" },
    { query: "a{{", message: "1:3: parse error: unexpected left brace '{'" },
    {
      query: "a{b!c",
      message: "1:4: parse error: unexpected character after '!' inside braces: 'c'",
    },
    {
      query: "a['5m']",
      message: "1:3: parse error: unexpected character in duration expression: '\\''",
    },
    {
      query: "a[b]",
      message: "1:3: parse error: unexpected character in duration expression: 'b'",
    },
    { query: "a[5m b]", message: "1:6: parse error: unexpected character: 'b', expected ':'" },
    { query: "a[5m:1m:1m]", message: "1:8: parse error: unexpected colon ':'" },
    { query: "a[5m[", message: "1:5: parse error: unexpected left bracket '['" },
  ])("$query", ({ query, message }) => expect(() => lex(query)).toThrow(message));
});
