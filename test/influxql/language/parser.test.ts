import { expect, test } from "bun:test";
import type { SelectStatement } from "../../../src/influxql/language/ast.ts";
import { parseBindParameters } from "../../../src/influxql/language/bind_parameters.ts";
import { parseInfluxql } from "../../../src/influxql/language/parser.ts";
import { printExpression, printSelect } from "../../../src/influxql/language/printer.ts";
import { SyntaxFailure } from "../../../src/influxql/values/result.ts";

function failureOf(text: string, parameters = "{}"): string {
  try {
    parseInfluxql(text, parseBindParameters(parameters));
  } catch (error) {
    if (error instanceof SyntaxFailure) return error.message;
    throw error;
  }
  return "";
}

test.each([
  ["", ""],
  [";;", ""],
  ["SELECT", "found EOF, expected identifier, string, number, bool at line 1, char 8"],
  ["SELECT a", "found EOF, expected FROM at line 1, char 10"],
  [
    "SELECT a FROM m WHERE",
    "found EOF, expected identifier, string, number, bool at line 1, char 23",
  ],
  ["SELECT mean(a FROM m", "found FROM, expected ) at line 1, char 15"],
  ["SELECT mean (a) FROM m", "found (, expected FROM at line 1, char 13"],
  ["SELECT a FROM m LIMIT -1", "found -, expected integer at line 1, char 23"],
  ["SELECT a FROM m LIMIT 1.5", "found 1.5, expected integer at line 1, char 23"],
  ["SELECT a FROM m ORDER BY a", "only ORDER BY time supported at this time"],
  ["SELECT a FROM m tz('Mars/Base')", "unable to find time zone Mars/Base"],
  ["SELECT a FROM m GROUP BY time(1m) fill(x)", "expected number argument in fill()"],
  [
    "SELECT a FROM m GROUP BY time(1m) fill()",
    "fill requires an argument, e.g.: 0, null, none, previous, linear",
  ],
  [
    "CREATE CONTINUOUS QUERY q ON db BEGIN SELECT mean(v) INTO x FROM m END",
    "found m, expected GROUP BY time(...) at line 1, char 66",
  ],
  [
    "CREATE CONTINUOUS QUERY q ON db BEGIN SELECT mean(v) INTO x FROM m GROUP BY time(0s) END",
    "found ), expected GROUP BY time(...) at line 1, char 84",
  ],
  ["CREATE CONTINUOUS QUERY q ON db BEGIN SELECT v INTO x FROM m END", ""],
  [
    "CREATE CONTINUOUS QUERY q ON db RESAMPLE EVERY 5s FOR 3s BEGIN SELECT v INTO x FROM m END",
    "FOR duration must be >= GROUP BY time duration: must be a minimum of 5s, got 3s",
  ],
  ["SELECT a FROM m WHERE h =~ 'x'", "found x, expected regex at line 1, char 27"],
  [
    "SELECT a FROM m WHERE h =~ /(/",
    "error parsing regexp: missing closing ): `(` at line 1, char 28",
  ],
  ["SELECT a FROM m WHERE time > 1y", "invalid duration at line 1, char 30"],
  [
    "SELECT a = 1 FROM m",
    "invalid operator = in SELECT clause at line 1, char 8; operator is intended for WHERE clause",
  ],
  [
    "SELECT a::nope FROM m",
    "found nope, expected float, integer, unsigned, string, boolean, field, tag at line 1, char 11",
  ],
  ["SELECT a\nFROM m SHOW", "found SHOW, expected ; at line 2, char 8"],
  [
    "DROP NOTHING",
    "found NOTHING, expected CONTINUOUS, DATABASE, MEASUREMENT, RETENTION, SERIES, SHARD, SUBSCRIPTION, USER at line 1, char 6",
  ],
  ["SHOW TAG VALUES", "found EOF, expected WITH at line 1, char 17"],
  ["DROP SERIES FROM rp.m", "retention policy not supported at line 1, char 1"],
  ["SELECT a FROM m WHERE h = $x", "missing parameter: x"],
])("%s: %s", (text, message) => expect(failureOf(text)).toBe(message));

test.each([
  [
    "select mean(a) from m where time>=10ms and h='x' group by time(1m),h fill(0) order by time desc limit 3 slimit 2",
    "SELECT mean(a) FROM m WHERE time >= 10ms AND h = 'x' GROUP BY time(1m), h fill(0) ORDER BY time DESC LIMIT 3 SLIMIT 2",
  ],
  [
    'SELECT "a b", c::tag AS "from" FROM "db"."rp"."m", db.."m", /x\\/y/',
    'SELECT "a b", c::tag AS "from" FROM db.rp.m, db..m, /x\\/y/',
  ],
  ["SELECT -a + -3 * (b - 1.5) FROM m", "SELECT -1 * a + -3 * (b - 1.500) FROM m"],
  [
    "SELECT DISTINCT a INTO b.c.:MEASUREMENT FROM (SELECT a FROM m)",
    "SELECT distinct(a) INTO b.c.:MEASUREMENT FROM (SELECT a FROM m)",
  ],
  [
    "SELECT *::tag, top(a, 2) FROM m -- note\n/* more */ tz('Europe/Berlin')",
    "SELECT *::tag, top(a, 2) FROM m TZ('Europe/Berlin')",
  ],
  ["SELECT a FROM m WHERE a <> 90m OR b = 'it''s'", ""],
])("%s is printed as %s", (text, printed) => {
  if (printed === "") expect(failureOf(text)).not.toBe("");
  else expect(printSelect(parseInfluxql(text)[0] as SelectStatement)).toBe(printed);
});

test("operators bind as in InfluxDB", () => {
  const { where } = parseInfluxql(
    "SELECT a FROM m WHERE a + 2 * b > 1 AND c = 2 OR d = 3",
  )[0] as SelectStatement;
  expect(where?.kind === "binary" && where.op).toBe("or");
  expect(where?.kind === "binary" && printExpression(where.left)).toBe("a + 2 * b > 1 AND c = 2");
});

test("bound parameters keep their type and all their digits", () => {
  const parameters = parseBindParameters(
    '{"s":"it\'s","i":9007199254740993,"f":1.5,"b":true,"r":{"regex":"a/b"},"d":{"duration":"5m"},"n":{"identifier":"a b"}}',
  );
  const text =
    "SELECT $n FROM m WHERE a = $i OR b = $s OR c = $b OR d =~ $r OR time > now() - $d OR e = $f";
  expect(printSelect(parseInfluxql(text, parameters)[0] as SelectStatement)).toBe(
    "SELECT \"a b\" FROM m WHERE a = 9007199254740993 OR b = 'it\\'s' OR c = true OR d =~ /a\\/b/ OR time > now() - 5m OR e = 1.500",
  );
});

test("long lists of alternatives are no deep trees", () => {
  const terms = Array.from({ length: 20_000 }, (_, i) => `h = 'x${i}'`);
  const [statement] = parseInfluxql(`SELECT a FROM m WHERE ${terms.join(" OR ")}`);
  expect(printSelect(statement as SelectStatement).length).toBeGreaterThan(200_000);
  expect(failureOf(`SELECT ${"(".repeat(300)}a FROM m`)).toContain("nested deeper than 250");
  expect(failureOf(`SELECT a ${"+ 1".repeat(300)} FROM m`)).toContain("nested deeper than 250");
});
