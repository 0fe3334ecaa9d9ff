/** What InfluxDB does that one would not guess: found by asking it and us the same. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { SelectWorld } from "../../support/influxql_select.ts";

let world: SelectWorld;

beforeAll(async () => {
  world = await SelectWorld.open([
    'm,h=a,r=x v=1,i=4i,b=true,s="t" 0',
    "m,h=a,r=x v=3,i=9i 10",
    "m,h=a,r=x v=2,i=6i 20",
    "m,r=x v=7,i=1i 5",
    "m,h=b v=8 25",
    "one v=1 0",
    "one v=4 30",
    "w i=-4611686018427387905i 0",
    "w i=4611686018427387904i 10",
  ]);
});

afterAll(() => world[Symbol.asyncDispose]());

test.each([
  {
    name: "an empty range gives nothing",
    query: "SELECT v FROM m WHERE time > 20 AND time < 10",
    lines: [],
  },
  {
    name: "what is wrong is told of an empty range too",
    query: "SELECT v & i FROM m WHERE time > 20 AND time < 10",
    lines: ["error: incompatible types for operator &: float and integer"],
  },
  {
    name: "series are counted by the names of the tags that they have, then by their values",
    query: "SELECT v FROM m GROUP BY h, r SLIMIT 2",
    lines: ["m{h=a,r=x} time v", "0 1", "10 3", "20 2", "m{h=b,r=} time v", "25 8"],
  },
  {
    name: "series without any of the tags are counted first",
    query: "SELECT v FROM m GROUP BY h SLIMIT 1",
    lines: ["m{h=} time v", "5 7"],
  },
  {
    name: "powers of whole numbers are doubles",
    query: "SELECT pow(i, -1) FROM m WHERE h = 'a' AND time = 0",
    lines: ["m time pow", "0 0.25"],
  },
  {
    name: "the remainder of a division by zero is 0 for whole numbers alone",
    query: "SELECT v % 0, i % 0 FROM m WHERE time = 0",
    lines: ["m time v i", "0 - 0"],
  },
  {
    name: "arithmetic with what is no number is false in a condition",
    query: "SELECT v FROM m WHERE none - 2 < v OR h + 1 > 0",
    lines: [],
  },
  {
    name: "tags are equal where a series has both",
    query: "SELECT v FROM m WHERE h = none OR h = h",
    lines: ["m time v", "0 1", "10 3", "20 2", "25 8"],
  },
  {
    name: "else they are not",
    query: "SELECT v FROM m WHERE h != h",
    lines: ["m time v", "5 7"],
  },
  {
    name: "texts and booleans have no order",
    query: "SELECT v FROM m WHERE h > '' OR s > 'a' OR b > false",
    lines: [],
  },
  {
    name: "a missing tag does not differ from a field",
    query: "SELECT v FROM m WHERE s != none",
    lines: [],
  },
  {
    name: "rows of top ascend within their bucket",
    query:
      "SELECT top(v, 2) FROM m WHERE time >= 0 AND time < 40 GROUP BY time(20ns) ORDER BY time DESC",
    lines: ["m time top", "20 2", "25 8", "5 7", "10 3"],
  },
  {
    name: "a number fills where a call has no row, not where it gave none",
    query:
      "SELECT stddev(v), mean(v) FROM one WHERE time >= 0 AND time < 30 GROUP BY time(10ns) fill(5)",
    lines: ["one time stddev mean", "0 - 1", "10 5 5", "20 5 5"],
  },
  {
    name: "areas of doubles stand at the epoch, others at the lower bound",
    query:
      "SELECT integral(v, 10ns), integral(i, 10ns) FROM m WHERE h = 'a' AND time >= 10 AND time < 30",
    lines: ["m time integral integral_1", "0 2.5 -", "10 - 7.5"],
  },
  {
    name: "the last name of time counts",
    query: "SELECT time AS a, v, time AS b FROM one",
    lines: ["one b v", "0 1", "30 4"],
  },
  {
    name: "time without a name is a name of it as well",
    query: "SELECT time AS a, v, time FROM one",
    lines: ["one time v", "0 1", "30 4"],
  },
  {
    name: "a subquery hands out a missing tag as the empty text",
    query: "SELECT x, h FROM (SELECT sum(v) AS x FROM m GROUP BY h)",
    lines: ["m time x h", "0 7 ", "0 6 a", "0 8 b"],
  },
  {
    name: "a subquery's differences do not reach back before the range",
    query: "SELECT sum(x) FROM (SELECT difference(v) AS x FROM m WHERE h = 'a' GROUP BY h) " +
      "WHERE time >= 10 AND time < 30 GROUP BY time(20ns) fill(none)",
    lines: ["m time sum", "20 -1"],
  },
  {
    name: "but they do where the outer statement does",
    query: "SELECT cumulative_sum(sum(x)) FROM (SELECT difference(v) AS x FROM m WHERE h = 'a') " +
      "WHERE time >= 10 AND time < 30 GROUP BY time(10ns)",
    lines: ["m time cumulative_sum", "10 2", "20 1"],
  },
  {
    name: "a bucket of a subquery that began before the range stands for the next one",
    query: "SELECT sum(x) FROM (SELECT mean(v) AS x FROM m GROUP BY time(20ns)) " +
      "WHERE time >= 15 AND time < 30 GROUP BY time(5ns) fill(0)",
    lines: ["m time sum", "15 0", "20 5", "25 0"],
  },
  {
    name: "differences that have wrapped are negative",
    query: "SELECT non_negative_difference(i) FROM w",
    lines: [],
  },
])("$name", async ({ query, lines }) => {
  expect(await world.ask(query)).toEqual([...lines]);
});
