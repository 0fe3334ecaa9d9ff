/** Which rows a condition leaves, once the tags of a series are put in. */
import { describe, expect, test } from "bun:test";
import { parseBindParameters } from "../../../src/influxql/language/bind_parameters.ts";
import { columnOf } from "../../../src/influxql/values/columns.ts";
import { fieldsIn, maskOf, reduceByTags } from "../../../src/influxql/expressions/condition.ts";
import { instantsOf } from "../../../src/influxql/values/instants.ts";
import { parseInfluxql } from "../../../src/influxql/language/parser.ts";
import { printExpression } from "../../../src/influxql/language/printer.ts";

const SCHEMA = { fields: new Map([["f", "float"], ["s", "string"], ["b", "boolean"]] as const) };
const TABLE = {
  count: 3,
  times: instantsOf([1n, 2n, 3n]),
  columns: [
    columnOf("float", [1, 2, undefined]),
    columnOf("string", ["x", undefined, "y"]),
    columnOf("boolean", [true, false, undefined]),
  ],
};
const TAGS = new Map([["host", "pi1"]]);

function conditionOf(text: string) {
  const [statement] = parseInfluxql(`SELECT f FROM m WHERE ${text}`, parseBindParameters("{}"));
  if (statement?.kind !== "select") throw new Error(`Expected a SELECT: ${text}`);
  return statement.where!;
}

describe("the tags of a series put in leave", () => {
  test.each([
    ["host = 'pi1'", true],
    ["host = 'pi2'", false],
    ["'pi1' = host", true],
    ["host != 'pi2'", true],
    ["host =~ /i1/", true],
    ["host !~ /i1/", false],
    ["gone = ''", true],
    ["gone != 'a'", true],
    ["gone !~ /a/", true],
    ["gone =~ /.*/", true],
    ['host = "pi1"', false],
    ["true", true],
    ["host = 'pi1' AND f > 1", "f > 1"],
    ["host = 'pi2' AND f > 1", false],
    ["host = 'pi1' OR f > 1", true],
    ["host = 'pi2' OR f > 1", "f > 1"],
    ["(host = 'pi1' AND (f > 1 OR s = 'x'))", "f > 1 OR s = 'x'"],
    ["f::tag = ''", true],
  ])("%s: %s", (text, expected) => {
    const reduced = reduceByTags(conditionOf(text), TAGS, SCHEMA);
    expect(typeof reduced === "boolean" ? reduced : printExpression(reduced)).toBe(expected);
  });
});

describe("rows that satisfy", () => {
  test.each([
    ["f > 1", [0, 1, 0]],
    ["1 < f", [0, 1, 0]],
    ["f >= 1 AND f <= 1", [1, 0, 0]],
    ["f != 1", [0, 1, 0]],
    ["f = 'x'", [0, 0, 0]],
    ["f + 1 = 3", [0, 1, 0]],
    ["abs(f - 3) = 2", [1, 0, 0]],
    ["s = 'x' OR f = 2", [1, 1, 0]],
    ["s =~ /[xy]/", [1, 0, 1]],
    ["s !~ /x/", [0, 0, 1]],
    ["b = true", [1, 0, 0]],
    ["b != true", [0, 1, 0]],
    ["b", [1, 0, 0]],
    ["f > 0 AND host = 'pi1'", [1, 1, 0]],
    ["s = host", [0, 0, 0]],
  ])("%s", (text, expected) => {
    const rows = { table: TABLE, fields: ["f", "s", "b"], tags: TAGS };
    expect([...maskOf(conditionOf(text), rows)]).toEqual(expected);
  });
});

test("fields are told from tags", () => {
  expect(fieldsIn(conditionOf("f > 1 AND host = 'a' AND s::tag = 'b' AND b"), SCHEMA)).toEqual([
    "f",
    "b",
  ]);
});
