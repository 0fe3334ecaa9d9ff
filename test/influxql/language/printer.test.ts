/** The text of statements: as InfluxDB prints them, and meaning the same when read again. */
import { describe, expect, test } from "bun:test";
import {
  printExpression,
  printSelect,
  quoteName,
  quoteString,
} from "../../../src/influxql/language/printer.ts";
import { statementOf } from "../../support/influxql_world.ts";

function printed(text: string): string {
  const statement = statementOf(text);
  if (statement.kind !== "select") throw new Error(text);
  return printSelect(statement);
}

test.each([
  ["select   v from m", "SELECT v FROM m"],
  ["select v as value from m", "SELECT v AS value FROM m"],
  ['select "a b", "select" from "x.y"', 'SELECT "a b", "select" FROM "x.y"'],
  ["select v::float, t::tag, *::field from m", "SELECT v::float, t::tag, *::field FROM m"],
  ["select MEAN(v), count(distinct(v)) from m", "SELECT mean(v), count(distinct(v)) FROM m"],
  ["select -v + 2 * (w - 1.5) from m", "SELECT -1 * v + 2 * (w - 1.500) FROM m"],
  ["select v into db.rp.t from db..m, rp./x/", "SELECT v INTO db.rp.t FROM db..m, rp./x/"],
  [
    "select v from m where a='x' and b!='y' or (c>1)",
    "SELECT v FROM m WHERE a = 'x' AND b != 'y' OR (c > 1)",
  ],
  [
    "select v from m where a =~ /x\\/y/ and b <> 5",
    "SELECT v FROM m WHERE a =~ /x\\/y/ AND b != 5",
  ],
  ["select v from m where time > now() - 1h30m", "SELECT v FROM m WHERE time > now() - 90m"],
  [
    "select v from (select v from m where true) limit 5",
    "SELECT v FROM (SELECT v FROM m WHERE true) LIMIT 5",
  ],
  [
    "select mean(v) from m group by time(1m, -5s), a, /b/, * fill(0) order by time desc limit 1 offset 2 slimit 3 soffset 4 tz('UTC')",
    "SELECT mean(v) FROM m GROUP BY time(1m, -5s), a, /b/, * fill(0) ORDER BY time DESC LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4 TZ('UTC')",
  ],
  ["select mean(v) from m group by time(1m) fill(null)", "SELECT mean(v) FROM m GROUP BY time(1m)"],
])("%s", (text, expected) => {
  expect(printed(text)).toBe(expected);
  expect(printed(expected)).toBe(expected);
});

describe("names and texts", () => {
  test.each([
    ["plain_1", "plain_1"],
    ["1st", '"1st"'],
    ["a-b", '"a-b"'],
    ["", '""'],
    ["FROM", '"FROM"'],
    ['q"\\\n', '"q\\"\\\\\\n"'],
    ["°C", '"°C"'],
  ])("%j", (name, text) => expect(quoteName(name)).toBe(text));

  test("of strings", () => expect(quoteString("it's\\\n")).toBe("'it\\'s\\\\\\n'"));
});

test.each([
  [0, "0.000"],
  [1.5, "1.500"],
  [0.12345, "0.12345"],
  [1e-7, "0.0000001"],
  [123456789.125, "123456789.125"],
  [1e21, "1000000000000000000000.000"],
  [-0.0005, "-0.0005"],
])("the number %p has the digits that it needs", (value, text) => {
  expect(printExpression({ kind: "number", value })).toBe(text);
  expect(Number(text)).toBe(value);
});
