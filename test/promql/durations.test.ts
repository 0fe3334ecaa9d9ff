import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { MatrixSelector } from "../../src/promql/ast.ts";
import {
  durationMs,
  formatDuration,
  isConstantDuration,
  parseDuration,
} from "../../src/promql/durations.ts";
import { parseQuery } from "../../src/promql/parser.ts";

describe("parseDuration", () => {
  test.each([
    ["0", 0],
    ["1ms", 1],
    ["90m", 5_400_000],
    ["1h30m", 5_400_000],
    ["1y1w1d1h1m1s1ms", 31_536_000_000 + 604_800_000 + 86_400_000 + 3_661_001],
  ])("%s", (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(["", "5", "1m1h", "1.5h", "-1m", "1h 1m", "1H", "300y"])(
    "%j is none",
    (text) => expect(parseDuration(text)).toBeUndefined(),
  );
});

describe("formatDuration", () => {
  test.each([
    [0, "0s"],
    [1, "1ms"],
    [5_400_000, "1h30m"],
    [86_400_000, "1d"],
    [90_000_000, "1d1h"],
    [7_776_000_000, "90d"],
    [694_800_001, "8d1h1ms"],
    [604_800_000, "1w"],
    [31_536_000_000, "1y"],
    [-300_000, "-5m"],
  ])("%d", (ms, text) => expect(formatDuration(ms)).toBe(text));

  test("parseDuration is its inverse", () => {
    fc.assert(fc.property(fc.nat({ max: 9_000_000_000 }), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }));
  });
});

describe("duration expressions", () => {
  function evaluate(text: string): number {
    const { range } = parseQuery(`m[${text}]`) as MatrixSelector;
    return durationMs(range, { stepMs: 30_000, rangeMs: 600_000 });
  }

  test.each([
    ["5m", 300_000],
    ["300", 300_000],
    ["1.2345", 1_234],
    ["0.57", 570],
    ["(9m30s+30s)*3", 1_800_000],
    ["-5m+35m", 1_800_000],
    ["2^3^2", 512_000],
    ["-2^2+5", 1_000],
    ["7%4", 3_000],
    ["step()*2", 60_000],
    ["STEP() + Range()", 630_000],
    ["max_of(step(), 1m)", 60_000],
    ["min_of(step(), range())", 30_000],
    ["20*500ms", 10_000],
  ])("%s", (text, ms) => expect(evaluate(text)).toBe(ms));

  test.each([
    ["5m/0", "1:3: parse error: division by zero"],
    ["5m%0", "1:3: parse error: modulo by zero"],
    ["Inf", "1:3: parse error: unexpected character in duration expression: 'I'"],
    ["9e9*9e9", "1:3: parse error: duration out of range"],
    ["0", "1:3: parse error: duration must be greater than 0"],
    ["1m-2m", "1:3: parse error: duration must be greater than 0"],
    ["1+*2", "1:5: parse error: unexpected <op:*> in subquery or range selector, expected number"],
    [
      "5m 5m",
      '1:6: parse error: unexpected duration "5m" in subquery or range, expected ":" or "]"',
    ],
    ["5m:*", "1:6: parse error: unexpected <op:*> in subquery selector, expected number, duration"],
  ])("%s is refused", (text, message) => expect(() => evaluate(text)).toThrow(message));

  test("what depends on the evaluation is checked there", () => {
    const { range } = parseQuery("m[step()-1m]") as MatrixSelector;
    expect(isConstantDuration(range)).toBe(false);
    expect(durationMs(range, { stepMs: 0, rangeMs: 0 })).toBe(-60_000);
    const quotient = (parseQuery("m[1m/step()]") as MatrixSelector).range;
    expect(() => durationMs(quotient, { stepMs: 0, rangeMs: 0 })).toThrow("division by zero");
  });
});
