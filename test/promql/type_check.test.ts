import { describe, expect, test } from "bun:test";
import { ParseError } from "../../src/promql/errors.ts";
import { parseQuery } from "../../src/promql/parser.ts";

describe("type errors", () => {
  test.each([
    [
      "rate(a)",
      '1:6: parse error: expected type range vector in call to function "rate", got instant vector',
    ],
    [
      "abs(1)",
      '1:5: parse error: expected type instant vector in call to function "abs", got scalar',
    ],
    ["abs()", '1:1: parse error: expected 1 argument(s) in call to "abs", got 0'],
    [
      "round(a, 1, 2)",
      '1:1: parse error: expected at most 2 argument(s) in call to "round", got 3',
    ],
    [
      "label_join(a)",
      '1:1: parse error: expected at least 3 argument(s) in call to "label_join", got 1',
    ],
    ["histogram_quantiles(a, 'q')", "expected at least 3 argument(s)"],
    [
      "sum(1)",
      "1:5: parse error: expected type instant vector in aggregation expression, got scalar",
    ],
    ["topk('x', a)", "1:6: parse error: expected type scalar in aggregation parameter, got string"],
    [
      "count_values(1, a)",
      "1:14: parse error: expected type string in aggregation parameter, got scalar",
    ],
    [
      "-'a'",
      "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector",
    ],
    ["-a[5m]", 'got "range vector"'],
    [
      "'a' + 1",
      "1:1: parse error: binary expression must contain only scalar and instant vector types",
    ],
    [
      "1 + a[5m]",
      "1:5: parse error: binary expression must contain only scalar and instant vector types",
    ],
    ["1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"],
    ["a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"],
    ["a and 1", '1:1: parse error: set operator "and" not allowed in binary scalar expression'],
    ["1 </ 2", '1:1: parse error: operator "</" not allowed for scalar operations'],
    ["a + on(x) 1", "1:1: parse error: vector matching only allowed between instant vectors"],
    [
      "a + fill(0) 1",
      "1:1: parse error: filling in missing series only allowed between instant vectors",
    ],
    ["a or fill(0) b", "1:1: parse error: filling in missing series not allowed for set operators"],
    ["a + on(x) group_left(x) b", 'label "x" must not occur in ON and GROUP clause at once'],
    [
      "a[5m:1m][5m:1m]",
      "1:1: parse error: subquery is only allowed on instant vector, got matrix instead",
    ],
    ["1[5m:1m]", "subquery is only allowed on instant vector, got scalar instead"],
    ["{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"],
    ["{a=~'.*', b!='x', c=''}", "vector selector must contain at least one non-empty matcher"],
    ["{a=~'('}", "Cannot compile regular expression"],
    ["{a=~'(?=b)'}", "Cannot compile regular expression"],
    ["info(a, b)", "1:9: parse error: expected label selectors only, got vector selector instead"],
    ["info(a, 1)", "1:9: parse error: expected label selectors only"],
  ])("%s", (query, message) => expect(() => parseQuery(query)).toThrow(message));
});

test.each([
  "1 == bool 1",
  "{a!=''}",
  "{a=~'.+'}",
  "{a!~'.*'}",
  "a + ignoring(x) group_left(x) b",
  "info(a, {})",
  "vector(1) + 1",
  "a </ 5",
  "max_over_time((a + b)[5m:])",
  "{a=~'(?i:x)|(?P<n>y)|\\\\pL|[[:alpha:]]'}",
])("%s is allowed", (query) => expect(parseQuery(query)).toBeDefined());

test.each([
  ["mad_over_time(a[5m])", 'function "mad_over_time" is not enabled'],
  ["limitk(1, a)", 'function "limitk" is not enabled'],
  ["a[step()]", "duration expressions are not enabled"],
  ["a offset (1m)", "duration expressions are not enabled"],
  ["a smoothed", "smoothed modifier is not enabled"],
  ["a + fill(0) b", "fill modifiers are not enabled"],
])("without experimental parts %s is refused", (query, message) => {
  expect(parseQuery(query)).toBeDefined();
  expect(() => parseQuery(query, { experimental: false })).toThrow(message);
});

test("an error knows its place", () => {
  try {
    parseQuery("1 +\n rate(a)");
    throw new Error("accepted");
  } catch (error) {
    expect(error).toBeInstanceOf(ParseError);
    const { position, reason, message, kind } = error as ParseError;
    expect({ position, kind }).toEqual({ position: { start: 10, end: 11 }, kind: "bad_data" });
    expect(message).toBe(`2:7: parse error: ${reason}`);
  }
});
