/** Rows of SELECTs: raw ones, groups, order, limits, and the times of what functions give. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SelectWorld } from "../../support/influxql_select.ts";

let world: SelectWorld;

beforeAll(async () => {
  world = await SelectWorld.open([
    "cpu,host=a,dc=x u=1 10",
    "cpu,host=b,dc=x u=2 10",
    "cpu,host=a,dc=x u=3 20",
    "cpu,host=b,dc=y u=4,n=4i 30",
    "cpu u=5 40",
    "mem,host=a free=9 15",
    "old v=1 -20",
    "old v=2 20",
  ]);
});

afterAll(() => world[Symbol.asyncDispose]());

describe("raw rows", () => {
  test.each([
    {
      name: "of all series merge by time",
      query: "SELECT u FROM cpu",
      lines: ["cpu time u", "10 1", "10 2", "20 3", "30 4", "40 5"],
    },
    {
      name: "descend",
      query: "SELECT u FROM cpu ORDER BY time DESC",
      lines: ["cpu time u", "40 5", "30 4", "20 3", "10 2", "10 1"],
    },
    {
      name: "are there where one of the fields is",
      query: "SELECT n, u FROM cpu WHERE host = 'b'",
      lines: ["cpu time n u", "10 - 2", "30 4 4"],
    },
    {
      name: "have tags beside fields, empty ones are missing",
      query: "SELECT u, host FROM cpu WHERE u > 3",
      lines: ["cpu time u host", "30 4 b", "40 5 -"],
    },
    {
      name: "are limited",
      query: "SELECT u FROM cpu LIMIT 2 OFFSET 1",
      lines: ["cpu time u", "10 2", "20 3"],
    },
    {
      name: "are limited from the end",
      query: "SELECT u FROM cpu ORDER BY time DESC LIMIT 2 OFFSET 1",
      lines: ["cpu time u", "30 4", "20 3"],
    },
    { name: "may be none", query: "SELECT u FROM cpu OFFSET 9", lines: [] },
    {
      name: "before the epoch come first",
      query: "SELECT v FROM old WHERE time < 30",
      lines: ["old time v", "-20 1", "20 2"],
    },
    {
      name: "lie within the bounds",
      query: "SELECT u FROM cpu WHERE time > 10 AND time <= 30",
      lines: ["cpu time u", "20 3", "30 4"],
    },
    {
      name: "of an empty range are none",
      query: "SELECT u FROM cpu WHERE time > 20 AND time < 20",
      lines: [],
    },
    {
      name: "are filled with a number",
      query: "SELECT n, u FROM cpu fill(7)",
      lines: ["cpu time n u", "10 7 1", "10 7 2", "20 7 3", "30 4 4", "40 7 5"],
    },
    {
      name: "are filled with what came before",
      query: "SELECT n, u FROM cpu WHERE time > 10 fill(previous)",
      lines: ["cpu time n u", "20 - 3", "30 4 4", "40 4 5"],
    },
  ])("$name", async ({ query, lines }) => expect(await world.ask(query)).toEqual([...lines]));
});

describe("groups", () => {
  test.each([
    {
      name: "of tags are sorted, what lacks one comes first",
      query: "SELECT u FROM cpu GROUP BY host",
      lines: [
        "cpu{host=} time u",
        "40 5",
        "cpu{host=a} time u",
        "10 1",
        "20 3",
        "cpu{host=b} time u",
        "10 2",
        "30 4",
      ],
    },
    {
      name: "descend with their rows",
      query: "SELECT first(u) FROM cpu, mem GROUP BY dc ORDER BY time DESC",
      lines: [
        "cpu{dc=y} time first",
        "30 4",
        "cpu{dc=x} time first",
        "10 2",
        "cpu{dc=} time first",
        "40 5",
      ],
    },
    {
      name: "have the keys of GROUP BY in their order by name",
      query: "SELECT sum(u) FROM cpu WHERE time < 20 GROUP BY host, dc, dc",
      lines: ["cpu{dc=x,host=a} time sum", "0 1", "cpu{dc=x,host=b} time sum", "0 2"],
    },
    {
      name: "of what is no tag are one",
      query: "SELECT sum(u) FROM cpu GROUP BY u, nope",
      lines: ["cpu{nope=,u=} time sum", "0 15"],
    },
    {
      name: "are limited in each measurement",
      query: "SELECT count(/u|free/) FROM cpu, mem GROUP BY host SLIMIT 1 SOFFSET 1",
      lines: ["cpu{host=a} time count_free count_u", "0 - 2"],
    },
    {
      name: "without points in the range do not count",
      query: "SELECT u FROM cpu WHERE time < 15 GROUP BY dc SLIMIT 1",
      lines: ["cpu{dc=x} time u", "10 1", "10 2"],
    },
    {
      name: "limit their rows each",
      query: "SELECT u FROM cpu WHERE host != '' GROUP BY host LIMIT 1 OFFSET 1",
      lines: ["cpu{host=a} time u", "20 3", "cpu{host=b} time u", "30 4"],
    },
  ])("$name", async ({ query, lines }) => expect(await world.ask(query)).toEqual([...lines]));
});

describe("times", () => {
  test.each([
    { name: "of aggregates are the epoch", query: "SELECT mean(u) FROM cpu", row: "0 3" },
    {
      name: "of aggregates are the lower bound",
      query: "SELECT mean(u) FROM cpu WHERE time > 15",
      row: "16 4",
    },
    { name: "of a selector are its point's", query: "SELECT max(u) FROM cpu", row: "40 5" },
    {
      name: "of a selector beside fields are its point's",
      query: "SELECT min(u), host, n FROM cpu WHERE time > 20 AND host != ''",
      row: "30 4 b 4",
    },
    {
      name: "of one selector twice are its point's",
      query: "SELECT max(u), max(u) * 2 FROM cpu",
      row: "40 5 10",
    },
    {
      name: "of two selectors are the lower bound",
      query: "SELECT max(u), min(u) FROM cpu",
      row: "0 5 1",
    },
    {
      name: "of a selector and an aggregate are the lower bound",
      query: "SELECT max(u), mean(u) FROM cpu",
      row: "0 5 3",
    },
    {
      name: "of selectors in buckets are the buckets'",
      query: "SELECT max(u) FROM cpu WHERE time >= 3 AND time < 20 GROUP BY time(20ns)",
      row: "0 2",
    },
    {
      name: "of top in buckets are its points'",
      query: "SELECT top(u, 1) FROM cpu WHERE time >= 3 AND time < 20 GROUP BY time(20ns)",
      row: "10 2",
    },
  ])("$name", async ({ query, row }) => expect((await world.ask(query)).slice(1)).toEqual([row]));
});

describe("functions over several series", () => {
  test.each([
    ["count(u)", "0 5"],
    ["sum(u)", "0 15"],
    ["mean(u)", "0 3"],
    ["spread(u)", "0 4"],
    ["median(u)", "0 3"],
    ["first(u)", "10 2"],
    ["last(u)", "40 5"],
    ["percentile(u, 50)", "20 3"],
    ["mode(n)", "0 4"],
    ["count(distinct(u))", "0 5"],
    ["sum(u) / count(u)", "0 3"],
  ])("SELECT %s", async (fields, row) => {
    expect((await world.ask(`SELECT ${fields} FROM cpu`)).slice(1)).toEqual([row]);
  });

  test.each([
    ["top(u, 2)", ["30 4", "40 5"]],
    ["bottom(u, 2), host", ["10 1 a", "10 2 b"]],
    ["top(u, host, 2)", ["30 4 b", "40 5 -"]],
    ["distinct(n)", ["0 4"]],
    ["difference(u)", ["20 2", "30 1", "40 1"]],
    ["cumulative_sum(u)", ["10 1", "10 3", "20 6", "30 10", "40 15"]],
    ["derivative(u, 10ns)", ["20 2", "30 1", "40 1"]],
    ["elapsed(u)", ["10 0", "20 10", "30 10", "40 10"]],
    ["moving_average(u, 3)", ["20 2", "30 3", "40 4"]],
    ["difference(u), cumulative_sum(n)", ["20 2 -", "30 1 4", "40 1 -"]],
  ])("SELECT %s", async (fields, rows) => {
    expect((await world.ask(`SELECT ${fields} FROM cpu`)).slice(1)).toEqual(rows);
  });
});

test("measurements come by name, each once", async () => {
  expect(await world.ask("SELECT last(/u|free/) FROM mem, cpu, /^cp/")).toEqual([
    "cpu time last_free last_u",
    "0 - 5",
    "mem time last_free last_u",
    "0 9 -",
  ]);
});
