import { expect, test } from "bun:test";
import type { Call, Expr } from "../../../src/influxql/language/ast.ts";
import { checkArguments } from "../../../src/influxql/functions/arguments.ts";
import { parseInfluxql } from "../../../src/influxql/language/parser.ts";

/** The first call of `SELECT <text> FROM m`. */
function callOf(text: string): Call {
  const [statement] = parseInfluxql(`SELECT ${text} FROM m`);
  const expr: Expr | undefined = statement?.kind === "select"
    ? statement.fields[0]?.expr
    : undefined;
  if (expr?.kind !== "call") throw new Error(`no call: ${text}`);
  return expr;
}

test.each([
  ...["count(v)", "count(*)", "count(/v/)", "count(distinct(v))", "count(distinct v)"],
  ...["distinct(v)", "percentile(v, 50)", "percentile(v, 99.9)", "top(v, 3)", "bottom(v, a, b, 3)"],
  ...["sample(v, 1)", "integral(v)", "integral(v, 1m)", "derivative(mean(v), 1s)", "elapsed(v)"],
  ...["moving_average(max(v), 2)", "difference(v)", "cumulative_sum(count(v))"],
  ...["holt_winters(mean(v), 3, 0)", "holt_winters_with_fit(first(v), 1, 4)"],
  ...["exponential_moving_average(v, 1)", "triple_exponential_derivative(v, 2, -1, 'simple')"],
  ...["chande_momentum_oscillator(v, 2, 0, 'none')", "kaufmans_efficiency_ratio(v, 3, 0)"],
  ...["abs(v)", "pow(v, 2)", "log(v, 10)"],
])("%s is right", (text) => {
  expect(() => checkArguments(callOf(text))).not.toThrow();
});

test.each([
  ["foo(v)", "undefined function foo()"],
  ["count_distinct(v)", "undefined function count_distinct()"],
  ["mean(v, 2)", "invalid number of arguments for mean, expected 1, got 2"],
  ["mean()", "invalid number of arguments for mean, expected 1, got 0"],
  ["count(2)", "expected field argument in count()"],
  ["max(min(v))", "expected field argument in max()"],
  ["mean('v')", "expected field argument in mean()"],
  ["distinct()", "distinct function requires at least one argument"],
  ["distinct(a, b)", "distinct function can only have one argument"],
  ["distinct(*)", "expected field argument in distinct()"],
  ["count(distinct(*))", "expected field argument in distinct()"],
  ["percentile(v)", "invalid number of arguments for percentile, expected 2, got 1"],
  ["percentile(v, '50')", "expected float argument in percentile()"],
  ["percentile(2, 50)", "expected field argument in percentile()"],
  ["sample(v, 0)", "sample window must be greater than 1, got 0"],
  ["sample(v, 1.5)", "expected integer argument in sample()"],
  ["top(v)", "invalid number of arguments for top, expected at least 2, got 1"],
  ["top(v, 0)", "limit (0) in top function must be at least 1"],
  ["bottom(v, a, 0)", "limit (0) in bottom function must be at least 1"],
  ["top(v, a)", "expected integer as last argument in top(), found a"],
  ["top(2, 3)", "expected first argument to be a field in top(), found 2"],
  ["bottom(v, 2, 3)", "only fields or tags are allowed in bottom(), found 2"],
  [
    "derivative(v, 1s, 2)",
    "invalid number of arguments for derivative, expected at least 1 but no more than 2, got 3",
  ],
  ["derivative(v, 0s)", "duration argument must be positive, got 0s"],
  [
    "non_negative_derivative(v, 10)",
    "second argument to non_negative_derivative must be a duration, got *influxql.IntegerLiteral",
  ],
  ["derivative(2)", "expected field argument in derivative()"],
  ["elapsed(v, 0s)", "duration argument must be positive, got 0s"],
  ["elapsed(v, a)", "second argument to elapsed must be a duration, got *influxql.VarRef"],
  ["integral(v, 1)", "second argument must be a duration"],
  ["integral(mean(v))", "expected field argument in integral()"],
  ["difference(v, 1)", "invalid number of arguments for difference, expected 1, got 2"],
  ["moving_average(v)", "invalid number of arguments for moving_average, expected 2, got 1"],
  ["moving_average(v, 1)", "moving_average window must be greater than 1, got 1"],
  [
    "moving_average(v, 1.5)",
    "second argument for moving_average must be an integer, got *influxql.NumberLiteral",
  ],
  ["holt_winters(v, 3, 0)", "must use aggregate function with holt_winters"],
  ["holt_winters(mean(v), 3)", "invalid number of arguments for holt_winters, expected 3, got 2"],
  ["holt_winters(mean(v), 0, 0)", "second arg to holt_winters must be greater than 0, got 0"],
  ["holt_winters(mean(v), 1s, 0)", "expected integer argument as second arg in holt_winters"],
  [
    "holt_winters_with_fit(mean(v), 1, -1)",
    "third arg to holt_winters_with_fit cannot be negative, got -1",
  ],
  ["exponential_moving_average(v, 1.5)", "exponential_moving_average period must be an integer"],
  [
    "relative_strength_index(v, 0)",
    "relative_strength_index period must be greater than or equal to 1",
  ],
  [
    "triple_exponential_derivative(v, 1, 0)",
    "triple_exponential_derivative hold period must be greater than or equal to 1",
  ],
  [
    "kaufmans_efficiency_ratio(v, 1, -2)",
    "kaufmans_efficiency_ratio hold period must be greater than or equal to 0",
  ],
  [
    "kaufmans_efficiency_ratio(v, 1, 1, 'simple')",
    "invalid number of arguments for kaufmans_efficiency_ratio, expected at least 2 but no more than 3, got 4",
  ],
  [
    "double_exponential_moving_average(v, 1, 1, 'none')",
    "double_exponential_moving_average warmup type must be one of: 'exponential' 'simple'",
  ],
  [
    "chande_momentum_oscillator(v, 1, 1, 'x')",
    "chande_momentum_oscillator warmup type must be one of: 'none' 'exponential' 'simple'",
  ],
  [
    "chande_momentum_oscillator(v, 1, 1, 1)",
    "chande_momentum_oscillator warmup type must be a string",
  ],
  ["pow(v)", "invalid number of arguments for pow, expected 2, got 1"],
])("%s: %s", (text, message) => {
  expect(() => checkArguments(callOf(text))).toThrow(message);
});
