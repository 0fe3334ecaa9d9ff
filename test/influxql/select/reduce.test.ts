import { expect, test } from "bun:test";
import { parseBindParameters } from "../../../src/influxql/language/bind_parameters.ts";
import { parseInfluxql } from "../../../src/influxql/language/parser.ts";
import { printExpression } from "../../../src/influxql/language/printer.ts";
import { reduce } from "../../../src/influxql/select/reduce.ts";

test.each([
  ["1 + 2", "3"],
  ["(1 + 2) * 3", "9"],
  ["7 / 2", "3.500"],
  ["6 / 2", "3.000"],
  ["7 % 4", "3"],
  ["1 + 2.5", "3.500"],
  ["1 / 0", "0.000"],
  ["pow(2, 3) + 1", "9.000"],
  ["9223372036854775807 + 1", "-9223372036854775808"],
  ["u + (1 + 2)", "u + 3"],
  ["(u)", "u"],
  ["((u + 1))", "(u + 1)"],
  ["mean(u) * (2 * 3)", "mean(u) * 6"],
  ["abs(u)", "abs(u)"],
  ["sqrt(-1)", "sqrt(-1)"],
  ["'a' + 1", "'a' + 1"],
])("%s: %s", (text, reduced) => {
  const [statement] = parseInfluxql(`SELECT ${text} FROM m`, parseBindParameters("{}"));
  if (statement?.kind !== "select") throw new Error(`Expected a SELECT: ${text}`);
  expect(printExpression(reduce(statement.fields[0]!.expr))).toBe(reduced);
});
