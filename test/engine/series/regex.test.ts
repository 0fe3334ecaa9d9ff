import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isEngineError } from "../../../engine/errors.ts";
import {
  compileRegex,
  Regex,
  REGEX_CACHE_MAX,
  REGEX_CHARACTERS_MAX,
} from "../../../engine/series/regex.ts";
import { REGEX_LITERALS_MAX, shapeOf } from "../../../engine/series/regex_shape.ts";

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isEngineError(error) ? `${error.code}: ${error.message}` : String(error);
  }
  return "nothing thrown";
}

describe("matches", () => {
  test.each([
    { pattern: "", yes: [""], no: ["a"] },
    { pattern: "api", yes: ["api"], no: ["api2", "xapi", "API", ""] },
    { pattern: "a|b|", yes: ["a", "b", ""], no: ["ab", "c"] },
    { pattern: "a|ab", yes: ["a", "ab"], no: ["b"] },
    { pattern: "web-[1-3]", yes: ["web-1", "web-3"], no: ["web-4", "web-"] },
    { pattern: "(eu|us)-(east|west)", yes: ["eu-west", "us-east"], no: ["eu-", "eu"] },
    { pattern: "a{2,3}", yes: ["aa", "aaa"], no: ["a", "aaaa"] },
    { pattern: "colou?r", yes: ["color", "colour"], no: ["colouur"] },
    { pattern: ".*", yes: ["", "x", "a\nb"], no: [] },
    { pattern: ".+", yes: ["x", "a\nb", "\n"], no: [""] },
    { pattern: "node_.*", yes: ["node_", "node_x\ny"], no: ["anode_", "node"] },
    { pattern: ".*_total", yes: ["_total", "a_total"], no: ["_total_"] },
    { pattern: ".*cpu.*", yes: ["cpu", "xcpuy"], no: ["cp", ""] },
    { pattern: "ab.*ba", yes: ["abba", "ab--ba"], no: ["aba", "ab"] },
    { pattern: "a.+a", yes: ["a-a", "a😀a", "aaa"], no: ["aa", "a"] },
    { pattern: "..", yes: ["ab", "😀é"], no: ["😀", "abc"] },
    { pattern: ".+.+", yes: ["ab", "abc"], no: ["a", "😀"] },
    { pattern: "a.*b.*c", yes: ["abc", "a1b2c"], no: ["acb", "ab"] },
    { pattern: "x.*|.*y", yes: ["x", "x1", "y", "1y"], no: ["1x1"] },
    { pattern: "^api$", yes: ["api"], no: ["api2"] },
    { pattern: "^a|b$", yes: ["a", "b"], no: ["ab"] },
    { pattern: "a^b", yes: [], no: ["ab", "a^b"] },
    { pattern: "(?i)Ab.*", yes: ["AB", "abc"], no: ["b"] },
    { pattern: "(?i:error|warn)", yes: ["ERROR", "Warn"], no: ["warning"] },
    { pattern: "a(?i)b", yes: ["ab", "aB"], no: ["AB"] },
    { pattern: "(?i)k", yes: ["k", "K", "\u212a"], no: ["x"] },
    { pattern: "(?i)straße", yes: ["STRAßE"], no: ["strasse"] },
    { pattern: "1\\.2\\.3", yes: ["1.2.3"], no: ["1x2x3"] },
    { pattern: "\\Qa.b\\E", yes: ["a.b"], no: ["axb"] },
    { pattern: "[[:alpha:]]+", yes: ["ab"], no: ["a1", ""] },
    { pattern: "\\pL+\\d", yes: ["é1"], no: ["1"] },
    { pattern: "[^]a]x", yes: ["bx"], no: ["]x", "ax"] },
    { pattern: "[]a]x", yes: ["]x", "ax"], no: ["x"] },
    { pattern: "(?P<zone>a+)b", yes: ["aab"], no: ["b"] },
    { pattern: "a{,2}", yes: ["a{,2}"], no: ["a", "aa"] },
    { pattern: "[a-c]{2}-\\w+", yes: ["ab-x"], no: ["ad-x"] },
    { pattern: "(a*)*", yes: ["", "aaa"], no: ["b"] },
  ])("$pattern", ({ pattern, yes, no }) => {
    const regex = new Regex(pattern);
    expect(yes.filter((text) => !regex.matches(text))).toEqual([]);
    expect(no.filter((text) => regex.matches(text))).toEqual([]);
    expect(regex.matchesEmpty).toBe(regex.matches(""));
  });

  test("time is linear where backtracking would not end", () => {
    expect(new Regex("(a*)*(a*)*b").matches("a".repeat(20_000))).toBe(false);
  });
});

describe("errors name the pattern, the place and the reason", () => {
  test.each([
    { pattern: "a(b", says: '"a(b": missing closing )' },
    {
      pattern: "(a|b)?".repeat(2_000),
      says: "12000 characters are above 8192",
    },
    {
      pattern: "ab**",
      says: '"ab**": invalid nested repetition operator "**" at character 3',
    },
    { pattern: "x\\1", says: '"x\\1": invalid escape sequence "\\1" at character 2' },
    { pattern: "x(?=a)", says: 'invalid or unsupported Perl syntax "(?=" at character 2' },
    { pattern: "a)|(b", says: '"a)|(b": unexpected )' },
    { pattern: "a{1001}", says: 'invalid repeat count "{1001}" at character 2' },
    { pattern: "(?P<n>a)(?P<n>b)", says: "duplicate" },
    { pattern: "[b-a]", says: "invalid character class range" },
  ])("$pattern", ({ pattern, says }) => {
    const message = codeOf(() => new Regex(pattern));
    expect(message).toContain("invalid: Cannot compile regular expression");
    expect(message).toContain(says);
  });

  test("an overlong pattern is refused and not quoted", () => {
    expect(codeOf(() => new Regex("a".repeat(REGEX_CHARACTERS_MAX + 1)))).toBe(
      "invalid: Cannot compile regular expression: 262145 characters are above 262144",
    );
  });
});

describe("shapes", () => {
  test.each([
    { pattern: "a|b", literals: ["a", "b"], prefixes: ["a", "b"] },
    { pattern: "a(b|c)d?", literals: ["ab", "abd", "ac", "acd"], prefixes: ["ab", "ac"] },
    { pattern: "a|a", literals: ["a"], prefixes: ["a"] },
    { pattern: "(?i)ab", literals: ["ab"], prefixes: [] },
    { pattern: "app-\\d+", literals: undefined, prefixes: ["app-"] },
    { pattern: "app-[78]-\\d+", literals: undefined, prefixes: ["app-7-", "app-8-"] },
    { pattern: "é[a-z].*", literals: undefined, prefixes: ["é"] },
    { pattern: "(a|)b*", literals: undefined, prefixes: [] },
    { pattern: "app-.*", literals: undefined, prefixes: ["app-"] },
    { pattern: "app-1.*|app-2\\w", literals: undefined, prefixes: ["app-1", "app-2"] },
    { pattern: "(((((a{8}){8}){8}){8}){8}){8}", literals: undefined, prefixes: [] },
  ])("$pattern", ({ pattern, literals, prefixes }) => {
    const shape = shapeOf(pattern);
    const sorted = shape.literals === undefined ? undefined : [...shape.literals].sort();
    expect<readonly string[] | undefined>(sorted).toEqual(literals);
    expect<readonly string[]>(shape.prefixes).toEqual(prefixes);
  });

  test("long lists are sets, longer ones are refused", () => {
    const list = (count: number) => Array.from({ length: count }, (_, i) => `pod-${i}`).join("|");
    expect(new Regex(list(REGEX_LITERALS_MAX)).literals).toHaveLength(REGEX_LITERALS_MAX);
    expect(() => new Regex(list(REGEX_LITERALS_MAX + 1))).toThrow(/characters are above/);
  });
});

describe("replace", () => {
  test.each([
    { pattern: "(.*):(\\d+)", text: "host:80", template: "$1", result: "host" },
    { pattern: "(.*):(\\d+)", text: "host:80", template: "${2}/${1}/$2", result: "80/host/80" },
    { pattern: "(.*):(\\d+)", text: "host", template: "$1", result: undefined },
    { pattern: "(?P<a>.)(?P<b>.)", text: "xy", template: "$b$a", result: "yx" },
    { pattern: "(a)(b)?", text: "a", template: "[$2]", result: "[]" },
    { pattern: "(a|ab)(c|bcd)?", text: "abcd", template: "$1-$2", result: "a-bcd" },
    { pattern: "(a)", text: "a", template: "$1x", result: "" },
    { pattern: "(a)", text: "a", template: "${1}x", result: "ax" },
    { pattern: "(a)", text: "a", template: "$$1$", result: "$1$" },
    { pattern: "(a)", text: "a", template: "$01$9${", result: "${" },
    { pattern: "(a)", text: "a", template: "$toString", result: "" },
    { pattern: "a", text: "a", template: "$0!", result: "a!" },
    { pattern: ".*", text: "", template: "x", result: "x" },
  ])("$pattern on $text with $template", ({ pattern, text, template, result }) => {
    expect(new Regex(pattern).replace(text, template)).toBe(result);
  });
});

test("compileRegex keeps what was used lately, and no more than its limit", () => {
  const first = compileRegex("kept-1");
  for (let i = 0; i < REGEX_CACHE_MAX - 1; i++) compileRegex(`other-${i}`);
  expect(compileRegex("kept-1")).toBe(first);
  for (let i = 0; i < REGEX_CACHE_MAX; i++) compileRegex(`further-${i}`);
  expect(compileRegex("kept-1")).not.toBe(first);
});

const leaf = fc.constantFrom(
  "a",
  "b",
  "k",
  "é",
  "😀",
  "\\.",
  "-",
  "[ab]",
  "[^a]",
  ".",
  "\\d",
  "\n",
);
const pattern = fc.letrec<{ node: string; sequence: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small" },
    leaf,
    fc.constantFrom(".*", ".+", "a*", "b?", "a{2}", "[ab]{0,2}"),
    tie("sequence").map((inner) => `(${inner})`),
    fc.tuple(tie("sequence"), tie("sequence")).map(([a, b]) => `(?:${a}|${b})`),
    fc.tuple(tie("sequence"), fc.constantFrom("*", "+", "?", "{1,2}"))
      .map(([inner, repeat]) => `(?:${inner})${repeat}`),
  ),
  sequence: fc.array(tie("node"), { maxLength: 4 }).map((nodes) => nodes.join("")),
})).sequence;
const text = fc.array(
  fc.constantFrom("a", "b", "A", "k", "K", "é", "É", "😀", ".", "-", "\n", "1"),
  {
    maxLength: 8,
  },
).map((characters) => characters.join(""));

describe("random patterns agree with the runtime's own regular expressions", () => {
  test.each([{ flag: "", flags: "su" }, { flag: "(?i)", flags: "isu" }])(
    "flags $flags",
    ({ flag, flags }) => {
      fc.assert(
        fc.property(
          fc.array(pattern, { minLength: 1, maxLength: 3 }),
          fc.array(text, { minLength: 1, maxLength: 12 }),
          (alternatives, texts) => {
            const source = alternatives.join("|");
            const ours = new Regex(flag + source);
            const theirs = new RegExp(`^(?:${source.replaceAll("-", "\\x2d")})$`, flags);
            for (const each of texts) {
              expect([each, ours.matches(each)]).toEqual([each, theirs.test(each)]);
              const begun = ours.prefixes.filter((prefix) => each.startsWith(prefix));
              if (ours.matches(each) && ours.prefixes.length > 0) expect(begun).toHaveLength(1);
            }
          },
        ),
        { numRuns: 800 },
      );
    },
  );
});
