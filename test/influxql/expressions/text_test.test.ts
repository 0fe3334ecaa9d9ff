/** Comparisons of texts. */
import { expect, test } from "bun:test";
import { reduceByTags } from "../../../src/influxql/expressions/condition.ts";
import { knownTextTest, textTest } from "../../../src/influxql/expressions/text_test.ts";
import { statementOf } from "../../support/influxql_world.ts";

function comparison(text: string) {
  const statement = statementOf(`SELECT v FROM m WHERE ${text}`);
  if (statement.kind !== "select" || statement.where?.kind !== "binary") throw new Error(text);
  return statement.where;
}

test.each([
  ["t = 'a'", ["a"]],
  ["t != 'a'", ["b", "A", "", "a b"]],
  ["t =~ /a/", ["a", "a b"]],
  ["t =~ /(?i)^a$/", ["a", "A"]],
  ["t !~ /a/", ["b", "A", ""]],
  ["t =~ /^$/", [""]],
])("%s", (text, accepted) => {
  const { op, right } = comparison(text);
  const accepts = textTest(op, right)!;
  expect(["a", "b", "A", "", "a b"].filter(accepts)).toEqual(accepted);
});

test.each(["t > 'a'", "t = 5", "t = true", "t = other"])("%s is no comparison of texts", (text) => {
  const { op, right } = comparison(text);
  expect(textTest(op, right)).toBeUndefined();
});

test("a comparison is compiled once", () => {
  const compared = comparison("t =~ /x/");
  expect(knownTextTest(compared)).toBe(knownTextTest(compared)!);
  expect(knownTextTest(comparison("t = 5"))).toBeUndefined();
});

test.each([
  ["t = 'a' AND u !~ /x/", true],
  ["t = '' OR u = 'none'", false],
  ["missing = '' AND t =~ /a|b/", true],
  // Texts have no order.
  ["t < 'b'", false],
  ["t = 5", false],
  ["t::tag = 'a'", true],
])("of a series: %s", (text, holds) => {
  const tags = new Map([["t", "a"], ["u", "y"]]);
  expect(reduceByTags(comparison(text), tags, { fields: new Map() })).toBe(holds);
});
