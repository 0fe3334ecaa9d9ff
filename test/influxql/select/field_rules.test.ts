/** What SELECT refuses, in the words of InfluxDB. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { SelectWorld } from "../../support/influxql_select.ts";

let world: SelectWorld;

beforeAll(async () => {
  world = await SelectWorld.open(['cpu,host=a u=1,n=1i,s="t" 1']);
});

afterAll(() => world[Symbol.asyncDispose]());

const MIXED = "mixing aggregate and non-aggregate queries is not supported";
const SELECTORS = "mixing multiple selector functions with tags or fields is not supported";

test.each([
  ["time", "at least 1 non-time field must be queried"],
  ["1", "field must contain at least one variable"],
  ["1 + 2", "field must contain at least one variable"],
  ["'a'", "field must contain at least one variable"],
  ["foo(u)", "undefined function foo()"],
  ["mean(u, n)", "invalid number of arguments for mean, expected 1, got 2"],
  ["mean(2)", "expected field argument in mean()"],
  ["mean(u + n)", "expected field argument in mean()"],
  ["mean(u), u", MIXED],
  ["u, mean(u)", MIXED],
  ["max(u), mean(u), u", MIXED],
  ["max(u), min(u), u", SELECTORS],
  ["max(/u|n/), host", MIXED],
  [
    "distinct(u), n",
    "aggregate function distinct() cannot be combined with other functions or fields",
  ],
  [
    "distinct(u), mean(n)",
    "aggregate function distinct() cannot be combined with other functions or fields",
  ],
  ["top(u, 1), max(u)", "selector function top() cannot be combined with other functions"],
  ["top(u, 1), bottom(u, 1)", "selector function top() cannot be combined with other functions"],
  ["top(u, 0)", "limit (0) in top function must be at least 1"],
  ["u + *", "unable to use wildcard in a binary expression"],
  ["u + /n/", "unable to use regex in a binary expression"],
  ["mean(*) + 1", "unsupported expression with wildcard: mean()"],
  ["1 + mean(/u/)", "unsupported expression with regex field: mean()"],
  ["mean(*::tag)", "unable to use tag wildcard in mean()"],
  ["derivative(mean(u))", "derivative aggregate requires a GROUP BY interval"],
  ["holt_winters(mean(u), 1, 0)", "holt_winters aggregate requires a GROUP BY interval"],
  ["percentile(u)", "invalid number of arguments for percentile, expected 2, got 1"],
  ["abs(u, n)", "invalid number of arguments for abs, expected 1, got 2"],
  ["mean(s)", "unsupported mean iterator type: *query.stringInterruptIterator"],
  ["abs(s)", "invalid argument type for the first argument in abs(): string"],
  ["u + s", "incompatible types for operator +: float and string"],
])("SELECT %s: %s", async (fields, message) => {
  expect(await world.ask(`SELECT ${fields} FROM cpu`)).toEqual([`error: ${message}`]);
});

test.each([
  ["SELECT u FROM cpu GROUP BY time(1m)", "GROUP BY requires at least one aggregate function"],
  ["SELECT mean(u) FROM cpu GROUP BY time(1m), time(2m)", "multiple time dimensions not allowed"],
  ["SELECT mean(u) FROM cpu GROUP BY foo(1m)", "only time() calls allowed in dimensions"],
  [
    "SELECT mean(u) FROM cpu GROUP BY time",
    "time() is a function and expects at least one argument",
  ],
  ["SELECT u FROM cpu fill(none)", "fill(none) must be used with a function"],
  ["SELECT u FROM cpu fill(linear)", "fill(linear) must be used with a function"],
  [
    "SELECT derivative(u) FROM cpu GROUP BY time(1m)",
    "aggregate function required inside the call to derivative",
  ],
  [
    "SELECT top(u, 3) FROM cpu LIMIT 2",
    "limit (3) in top function can not be larger than the LIMIT (2) in the select statement",
  ],
  ["SELECT u FROM cpu WHERE foo(u) > 1", "invalid function call in condition: foo(u)"],
  [
    "SELECT u FROM cpu WHERE time > 'x'",
    "invalid operation: time and *influxql.StringLiteral are not compatible",
  ],
  ["SELECT u FROM nowhere..cpu", "database not found: nowhere"],
  ["SELECT u FROM (SELECT u FROM nowhere..cpu)", "database not found: nowhere"],
  ["SELECT u FROM (SELECT mean(u), n FROM cpu)", MIXED],
  [
    "SELECT u FROM (SELECT u FROM cpu ORDER BY time DESC)",
    "subqueries must be ordered in the same direction as the query itself",
  ],
])("%s: %s", async (text, message) => {
  expect(await world.ask(text)).toEqual([`error: ${message}`]);
});

test.each([
  "SELECT u FROM cpu fill(0)",
  "SELECT u FROM cpu GROUP BY time(0s)",
  "SELECT max(u), host FROM cpu",
  "SELECT max(u), max(u) AS m FROM cpu",
  "SELECT top(u, host, 1), n FROM cpu",
  "SELECT count(distinct(u)), mean(u) FROM cpu",
  "SELECT derivative(u) FROM (SELECT u FROM cpu)",
])("%s is fine", async (text) => {
  expect((await world.ask(text))[0]).not.toStartWith("error");
});
