/** What of a condition the registry of series can answer by itself. */
import { expect, test } from "bun:test";
import { tagMatchers } from "../../../src/influxql/expressions/condition.ts";
import { parseInfluxql } from "../../../src/influxql/language/parser.ts";

function matchersOf(where: string): string[] {
  const [statement] = parseInfluxql(`SELECT v FROM m WHERE ${where}`);
  const condition = statement?.kind === "select" ? statement.where : undefined;
  return tagMatchers(condition, { fields: new Map([["v", "float"]]) })
    .map(({ name, operator, value }) => `${name}${operator}${value}`);
}

test.each([
  { where: "h = 'a'", matchers: ["h=a"] },
  { where: "(h = 'a') AND h != ''", matchers: ["h=a", "h!="] },
  { where: "h = 'a' AND v > 1", matchers: ["h=a"] },
  { where: "v = 'a'", matchers: [] },
  { where: "v::tag = 'a'", matchers: ["v=a"] },
  { where: "h > 'a'", matchers: [] },
  { where: "h = 'a' OR h = 'b' OR h = 'a'", matchers: ["h=~a|b"] },
  {
    where: "(h = 'a.c' OR (h = '(|' OR h = '')) AND z = 'x'",
    matchers: ["h=~a\\.c|\\(\\||", "z=x"],
  },
  { where: "h = 'a' OR z = 'b'", matchers: [] },
  { where: "h = 'a' OR h != 'b'", matchers: [] },
  { where: "h = 'a' OR v = 1", matchers: [] },
  { where: "h = 'a' OR h = 'b' AND z = 'c'", matchers: [] },
  { where: "db = 'a' OR db = 'b'", matchers: [] },
  { where: `h = 'a' OR h = '${"x".repeat(70_000)}'`, matchers: [] },
])("$where", ({ where, matchers }) => {
  const wanted: readonly string[] = matchers;
  expect(matchersOf(where)).toEqual([...wanted]);
});
