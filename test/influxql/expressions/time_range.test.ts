/** Time in WHERE: what is accepted, what becomes of it, and what is left of the condition. */
import { describe, expect, test } from "bun:test";
import { printExpression } from "../../../src/influxql/language/printer.ts";
import {
  ALL_TIMES,
  intersect,
  namesTime,
  splitCondition,
  TIME_MAX_NS,
  TIME_MIN_NS,
} from "../../../src/influxql/expressions/time_range.ts";
import { zoneOf } from "../../../src/influxql/values/zones.ts";
import { statementOf } from "../../support/influxql_world.ts";

const NOW_NS = 1_600_000_000_123_456_789n;
/** 2020-03-01T00:00:00Z. */
const MARCH_NS = 1_583_020_800_000_000_000n;
const HOUR_NS = 3_600_000_000_000n;

function split(where: string, zone?: string) {
  const statement = statementOf(`SELECT v FROM m WHERE ${where}`);
  if (statement.kind !== "select") throw new Error("not a SELECT");
  const settings = { nowNs: NOW_NS, zone: zone === undefined ? undefined : zoneOf(zone) };
  const { bounds, condition } = splitCondition(statement.where, settings);
  const rest = condition === undefined ? "" : printExpression(condition);
  return { ...bounds, rest, where: statement.where };
}

describe("times", () => {
  test.each([
    ["'2020-03-01T00:00:00Z'", MARCH_NS],
    ["'2020-03-01T01:00:00+01:00'", MARCH_NS],
    ["'2020-02-29T19:30:00.5-04:30'", MARCH_NS + 500_000_000n],
    ["'2020-03-01 00:00:00.000001'", MARCH_NS + 1_000n],
    ["'2020-03-01 00:00:00'", MARCH_NS],
    ["'2020-03-01T00:00:00.123456789Z'", MARCH_NS + 123_456_789n],
    ["'2020-03-01'", MARCH_NS],
    ["1583020800000000000", MARCH_NS],
    ["1583020800s", MARCH_NS],
    ["1583020800000ms", MARCH_NS],
    ["-5", -5n],
    ["1.9", 1n],
    ["now()", NOW_NS],
    ["NOW() - 1h", NOW_NS - HOUR_NS],
    ["(now() - 1h) + 30m", NOW_NS - HOUR_NS / 2n],
    ["now() - 3600000000000", NOW_NS - HOUR_NS],
    ["'2020-03-01' + 1h", MARCH_NS + HOUR_NS],
    ["1h + '2020-03-01'", MARCH_NS + HOUR_NS],
    ["now() - 2 * 30m", NOW_NS - HOUR_NS],
    ["now() - 1h * 0.5", NOW_NS - HOUR_NS / 2n],
    ["now() - 2h / 2", NOW_NS - HOUR_NS],
    ["1h / 0", 0n],
    ["5 / 2 * 2", 5n],
    ["10 - 2.5", 7n],
  ])("%s", (text, ns) => {
    expect(split(`time = ${text}`)).toMatchObject({ min: ns, max: ns, rest: "" });
  });

  test("beyond 64 bits nothing lies", () => {
    const { min, max } = split("time >= 9223372036854775807");
    expect(min > max).toBe(true);
    expect(split("time > -9223372036854775808")).toMatchObject(ALL_TIMES);
    expect(split("time < 9223372036854775807 * 4")).toMatchObject(ALL_TIMES);
  });

  test.each([
    ["'x'", "invalid operation: time and *influxql.StringLiteral are not compatible"],
    ["'2020-13-01'", "invalid timestamp string"],
    ["'2020-03-01T00:00:00'", "invalid timestamp string"],
    ["true", "invalid operation: time and *influxql.BooleanLiteral are not compatible"],
    ["host", "invalid operation: time and *influxql.VarRef are not compatible"],
    ["f(1)", "invalid operation: time and *influxql.Call are not compatible"],
    ["now() * 2", "invalid operation: time and *influxql.BinaryExpr are not compatible"],
    ["now() + now()", "invalid operation: time and *influxql.BinaryExpr are not compatible"],
    ["1h - now()", "invalid operation: time and *influxql.BinaryExpr are not compatible"],
  ])("%s is none", (text, message) => {
    expect(() => split(`time > ${text}`)).toThrow(message);
  });
});

describe("comparisons", () => {
  test.each([
    ["time > 10", 11n, TIME_MAX_NS],
    ["time >= 10", 10n, TIME_MAX_NS],
    ["time < 10", TIME_MIN_NS, 9n],
    ["time <= 10", TIME_MIN_NS, 10n],
    ["time = 10", 10n, 10n],
    ["10 < time", 11n, TIME_MAX_NS],
    ["10 >= time", TIME_MIN_NS, 10n],
    ["TIME > 10 AND (Time < 20)", 11n, 19n],
    ["time > 10 AND time > 5 AND time <= 20 AND time < 100", 11n, 20n],
  ])("%s", (where, min, max) => expect(split(where)).toMatchObject({ min, max, rest: "" }));

  test.each([
    ["time != 5", "invalid time comparison operator: !="],
    ["time =~ /5/", "invalid operation: time and *influxql.RegexLiteral are not compatible"],
  ])("%s compares no times", (where, message) => expect(() => split(where)).toThrow(message));
});

describe("what is left", () => {
  test.each([
    ["host = 'a'", "host = 'a'"],
    ["host = 'a' AND time > 5", "host = 'a'"],
    ["time > 5 AND host = 'a' OR v > 2", "host = 'a' OR v > 2"],
    ["(time > 5 AND host = 'a') AND (v > 2 OR w < 1)", "(host = 'a') AND (v > 2 OR w < 1)"],
    ["((time > 5)) AND host = 'a'", "host = 'a'"],
    ["true AND time > 5", "true"],
  ])("%s", (where, rest) => expect(split(where).rest).toBe(rest));

  test("times under OR restrict everything", () => {
    expect(split("time > 5 OR host = 'x'")).toMatchObject({ min: 6n, rest: "host = 'x'" });
    const { min, max, rest } = split("time < 5 OR time > 5");
    expect({ isEmpty: min > max, rest }).toEqual({ isEmpty: true, rest: "" });
  });

  test("a name alone is no condition", () => {
    expect(() => split("host")).toThrow("invalid condition expression: host");
    expect(() => split("time > 5 AND host")).toThrow("invalid condition expression: host");
  });

  test("nothing is said", () => {
    const settings = { nowNs: NOW_NS, zone: undefined };
    expect(splitCondition(undefined, settings)).toEqual({
      bounds: ALL_TIMES,
      condition: undefined,
    });
    expect(namesTime(undefined)).toBe(false);
    expect(namesTime(split("host = 'a' OR (5 < TIME)").where)).toBe(true);
    expect(namesTime(split("host = 'time'").where)).toBe(false);
  });

  test("bounds meet", () => {
    expect(intersect({ min: 1n, max: 9n }, { min: 5n, max: 20n })).toEqual({ min: 5n, max: 9n });
  });
});

describe("zones", () => {
  test.each([
    ["'2020-03-01'", MARCH_NS - HOUR_NS],
    ["'2020-07-01 00:00:00'", 1_593_561_600_000_000_000n - 2n * HOUR_NS],
    ["'2020-03-01 00:00:00.123456'", MARCH_NS - HOUR_NS + 123_456_000n],
    // What names its offset keeps it.
    ["'2020-03-01T00:00:00Z'", MARCH_NS],
    ["1583020800s", MARCH_NS],
    // Two moments have this time; the earlier one counts.
    ["'2020-10-25 02:30:00'", 1_603_585_800_000_000_000n],
    ["'1969-12-31 23:59:59.5'", -HOUR_NS - 500_000_000n],
  ])("%s in Berlin", (text, ns) => {
    expect(split(`time = ${text}`, "Europe/Berlin")).toMatchObject({ min: ns, max: ns });
  });
});
