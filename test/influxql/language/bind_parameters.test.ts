/** Values for `$name`: from the JSON of the request into the query. */
import { describe, expect, test } from "bun:test";
import { parseBindParameters } from "../../../src/influxql/language/bind_parameters.ts";
import { parseInfluxql } from "../../../src/influxql/language/parser.ts";
import { printExpression, printSelect } from "../../../src/influxql/language/printer.ts";

/** The statement as it is printed with the values put in. */
function bound(text: string, params: string): string {
  const [statement] = parseInfluxql(text, parseBindParameters(params));
  if (statement?.kind !== "select") throw new Error("no SELECT");
  return printSelect(statement);
}

function where(params: string): string {
  const [statement] = parseInfluxql("SELECT v FROM m WHERE v = $x", parseBindParameters(params));
  if (statement?.kind !== "select" || statement.where?.kind !== "binary") throw new Error("none");
  return `${statement.where.right.kind} ${printExpression(statement.where.right)}`;
}

describe("values", () => {
  test.each([
    ['{"x":"it\'s"}', "string 'it\\'s'"],
    ['{"x":5}', "integer 5"],
    ['{"x":-5}', "integer -5"],
    ['{"x":9223372036854775807}', "integer 9223372036854775807"],
    ['{"x":1.5}', "number 1.500"],
    ['{"x":1e3}', "number 1000.000"],
    ['{"x":true}', "boolean true"],
    ['{"x":{"string":"a"}}', "string 'a'"],
    ['{"x":{"integer":7}}', "integer 7"],
    ['{"x":{"float":7}}', "number 7.000"],
    ['{"x":{"number":7.25}}', "number 7.250"],
    ['{"x":{"duration":"10m"}}', "duration 10m"],
    ['{"x":{"duration":1000}}', "duration 1u"],
    ['{"x":{"identifier":"a b"}}', 'reference "a b"'],
    ['{"x":{"ident":"a"}}', "reference a"],
  ])("%s", (params, text) => expect(where(params)).toBe(text));

  test("a regular expression, a measurement, a duration of a group", () => {
    const params = '{"m":{"ident":"weird \\"name"},"re":{"regex":"^a/b$"},"d":{"duration":"5m"}}';
    expect(bound("SELECT mean(v) FROM $m WHERE h =~ $re GROUP BY time($d)", params)).toBe(
      'SELECT mean(v) FROM "weird \\"name" WHERE h =~ /^a\\/b$/ GROUP BY time(5m)',
    );
  });

  test("a text is never more than a text", () => {
    expect(bound("SELECT v FROM m WHERE h = $x", `{"x":"' OR true; DROP"}`)).toBe(
      "SELECT v FROM m WHERE h = '\\' OR true; DROP'",
    );
  });

  test("one that is missing", () => {
    expect(() => bound("SELECT v FROM m WHERE h = $y", '{"x":1}')).toThrow("missing parameter: y");
  });
});

describe("what cannot be bound", () => {
  test.each([
    ["{", "error parsing query parameters"],
    ["[]", "error parsing query parameters: not an object"],
    ["null", "error parsing query parameters: not an object"],
    ['{"x":null}', "unable to bind parameter with type null"],
    ['{"x":[1]}', "unable to bind parameter with type array"],
    ['{"x":{}}', "bound object parameter value must have exactly one entry"],
    ['{"x":{"a":1,"b":2}}', "bound object parameter value must have exactly one entry"],
    ['{"x":{"nope":1}}', "unable to bind parameter with type nope"],
    ['{"x":{"regex":1}}', "invalid regex parameter"],
    ['{"x":{"integer":1.5}}', "invalid integer parameter"],
    ['{"x":{"float":"1"}}', "invalid float parameter"],
    ['{"x":{"duration":true}}', "invalid duration parameter"],
    ['{"x":{"identifier":5}}', "invalid identifier parameter"],
  ])("%s", (params, message) => expect(() => parseBindParameters(params)).toThrow(message));
});
