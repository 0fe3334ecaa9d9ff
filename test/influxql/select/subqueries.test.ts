/** SELECT over SELECT: columns become fields, tags of GROUP BY stay tags, ranges and groups reach inside. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SelectWorld } from "../../support/influxql_select.ts";

let world: SelectWorld;

beforeAll(async () => {
  world = await SelectWorld.open([
    "cpu,host=a,dc=x u=1,n=2 0",
    "cpu,host=a,dc=x u=3,n=2 10",
    "cpu,host=a,dc=x u=5 20",
    "cpu,host=b,dc=y u=2,n=1 0",
    "cpu,host=b,dc=y u=8 10",
    "mem,host=a u=100 10",
  ]);
});

afterAll(() => world[Symbol.asyncDispose]());

test.each([
  {
    name: "columns are fields by their names",
    query: "SELECT m, mean FROM (SELECT max(u) AS m, mean(u) FROM cpu)",
    lines: ["cpu time m mean", "0 8 3.8"],
  },
  {
    name: "names that come twice inside mean the first",
    query: "SELECT u FROM (SELECT u, n AS u FROM cpu WHERE host = 'b')",
    lines: ["cpu time u", "0 2", "10 8"],
  },
  {
    name: "tags that are grouped by can be read",
    query: "SELECT m, host FROM (SELECT max(u) AS m FROM cpu GROUP BY host)",
    lines: ["cpu time m host", "10 8 b", "20 5 a"],
  },
  {
    name: "tags alone can be read",
    query: "SELECT host FROM (SELECT max(u) FROM cpu GROUP BY host)",
    lines: ["cpu time host", "10 b", "20 a"],
  },
  {
    name: "other tags cannot",
    query: "SELECT max, dc FROM (SELECT max(u) FROM cpu GROUP BY host)",
    lines: ["cpu time max dc", "10 8 -", "20 5 -"],
  },
  {
    name: "what is not there gives nothing",
    query: "SELECT nope FROM (SELECT max(u) FROM cpu)",
    lines: [],
  },
  {
    name: "wildcards are columns and tags",
    query: "SELECT * FROM (SELECT max(u), n FROM cpu GROUP BY host, dc)",
    lines: ["cpu time dc host max n", "10 y b 8 -", "20 x a 5 -"],
  },
  {
    name: "functions take columns",
    query: "SELECT mean(max) FROM (SELECT max(u) FROM cpu GROUP BY host)",
    lines: ["cpu time mean", "0 6.5"],
  },
  {
    name: "functions take wildcards",
    query: "SELECT sum(*) FROM (SELECT max(u), min(u) FROM cpu GROUP BY host)",
    lines: ["cpu time sum_max sum_min", "0 13 3"],
  },
  {
    name: "functions take tags",
    query: "SELECT count(host) FROM (SELECT max(u) FROM cpu GROUP BY host)",
    lines: ["cpu time count", "0 2"],
  },
  {
    name: "conditions look at rows and tags",
    query: "SELECT max FROM (SELECT max(u) FROM cpu GROUP BY host) WHERE max > 1 AND host = 'a'",
    lines: ["cpu time max", "20 5"],
  },
  {
    name: "outer tags are grouped by inside",
    query: "SELECT mean(max) FROM (SELECT max(u) FROM cpu) GROUP BY dc",
    lines: ["cpu{dc=x} time mean", "0 5", "cpu{dc=y} time mean", "0 8"],
  },
  {
    name: "the outer range limits the inner one",
    query: "SELECT sum FROM (SELECT sum(u) FROM cpu WHERE time < 20) WHERE time >= 10",
    lines: ["cpu time sum", "10 11"],
  },
  {
    name: "the outer interval is the inner one's",
    query: "SELECT sum(max) FROM (SELECT max(u) FROM cpu GROUP BY host) " +
      "WHERE time >= 0 AND time < 20 GROUP BY time(10ns)",
    lines: ["cpu time sum", "0 3", "10 11"],
  },
  {
    name: "intervals may differ",
    query: "SELECT max(mean) FROM (SELECT mean(u) FROM cpu GROUP BY time(10ns)) " +
      "WHERE time >= 0 AND time < 30 GROUP BY time(20ns)",
    lines: ["cpu time max", "0 5.5", "20 5"],
  },
  {
    name: "empty buckets inside are none",
    query: "SELECT count(mean) FROM (SELECT mean(u) FROM cpu GROUP BY time(10ns)) " +
      "WHERE time >= 0 AND time < 100",
    lines: ["cpu time count", "0 3"],
  },
  {
    name: "filled buckets inside count",
    query: "SELECT count(mean) FROM (SELECT mean(u) FROM cpu GROUP BY time(10ns) fill(0)) " +
      "WHERE time >= 0 AND time < 100",
    lines: ["cpu time count", "0 10"],
  },
  {
    name: "raw rows can be computed with",
    query: "SELECT sum(p) FROM (SELECT u * n AS p FROM cpu)",
    lines: ["cpu time sum", "0 10"],
  },
  {
    name: "rows whose values are missing are there",
    query: "SELECT p FROM (SELECT u * n AS p FROM cpu WHERE host = 'a')",
    lines: ["cpu time p", "0 2", "10 6", "20 -"],
  },
  {
    name: "limits inside hold for each group",
    query: "SELECT sum(u) FROM (SELECT u FROM cpu GROUP BY host LIMIT 1)",
    lines: ["cpu time sum", "0 3"],
  },
  {
    name: "descending reaches inside",
    query: "SELECT u FROM (SELECT u FROM cpu WHERE host = 'a' LIMIT 2) ORDER BY time DESC",
    lines: ["cpu time u", "20 5", "10 3"],
  },
  {
    name: "transformations see each group",
    query: "SELECT sum(difference) FROM (SELECT difference(u) FROM cpu GROUP BY host)",
    lines: ["cpu time sum", "0 10"],
  },
  {
    name: "several measurements and subqueries come together by name",
    query: "SELECT sum(u) FROM mem, (SELECT u FROM cpu), (SELECT u FROM mem)",
    lines: ["cpu time sum", "0 19", "mem time sum", "0 200"],
  },
  {
    name: "they nest",
    query: "SELECT max(s) FROM (SELECT sum(m) AS s FROM " +
      "(SELECT max(u) AS m FROM cpu GROUP BY host, time(10ns)) " +
      "WHERE time >= 0 AND time < 30 GROUP BY time(10ns))",
    lines: ["cpu time max", "10 11"],
  },
  {
    name: "tags of top are fields",
    query: "SELECT max(top), host FROM (SELECT top(u, host, 2) FROM cpu)",
    lines: ["cpu time max host", "10 8 b"],
  },
])("$name", async ({ query, lines }) => expect(await world.ask(query)).toEqual([...lines]));

describe("wildcards for tags", () => {
  test("find those that a subquery gives as columns", async () => {
    expect(await world.ask("SELECT *::tag FROM (SELECT max(u), host FROM cpu)")).toEqual([
      "cpu time host",
      "10 b",
    ]);
  });

  test("group by those that a subquery groups by", async () => {
    expect(await world.ask("SELECT max FROM (SELECT max(u) FROM cpu GROUP BY host) GROUP BY *"))
      .toEqual(["cpu{host=a} time max", "20 5", "cpu{host=b} time max", "10 8"]);
  });
});
