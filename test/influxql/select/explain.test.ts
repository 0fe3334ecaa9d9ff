import { expect, test } from "bun:test";
import { SelectWorld } from "../../support/influxql_select.ts";

const LINES = ["cpu,host=a u=1,n=1i 1", "cpu,host=b u=2 1", "mem,host=a u=3 1"];

test.each([
  {
    name: "each call of each measurement is a block",
    query: "SELECT mean(u), max(n) FROM cpu, mem WHERE host = 'a'",
    lines: [
      "EXPRESSION: mean(u)",
      "MEASUREMENT: cpu",
      "NUMBER OF SERIES: 1",
      "",
      "EXPRESSION: max(n)",
      "MEASUREMENT: cpu",
      "NUMBER OF SERIES: 1",
      "",
      "EXPRESSION: mean(u)",
      "MEASUREMENT: mem",
      "NUMBER OF SERIES: 1",
      "",
      "EXPRESSION: max(n)",
      "MEASUREMENT: mem",
      "NUMBER OF SERIES: 1",
    ],
  },
  {
    name: "raw fields have no expression",
    query: "SELECT u, host FROM cpu",
    lines: [
      "EXPRESSION: <nil>",
      "AUXILIARY FIELDS: u::float, host::tag",
      "MEASUREMENT: cpu",
      "NUMBER OF SERIES: 2",
    ],
  },
  {
    name: "subqueries are what they read",
    query: "SELECT sum(max) FROM (SELECT max(u) FROM cpu GROUP BY host)",
    lines: ["EXPRESSION: max(u)", "MEASUREMENT: cpu", "NUMBER OF SERIES: 2"],
  },
])("EXPLAIN: $name", async ({ query, lines }) => {
  await using world = await SelectWorld.open(LINES);
  const [head, ...found] = await world.ask(`EXPLAIN ${query}`);
  expect(head).toBe(" QUERY PLAN");
  expect(found.filter((line) => !line.startsWith("NUMBER OF POINTS, ABOUT: "))).toEqual([...lines]);
});

test("EXPLAIN ANALYZE tells what was read", async () => {
  await using world = await SelectWorld.open(LINES);
  const lines = await world.ask("EXPLAIN ANALYZE SELECT u FROM cpu GROUP BY host");
  expect(lines[0]).toBe(" EXPLAIN ANALYZE");
  expect(lines.slice(-5).map((line) => line.replace(/^[ │├└─]+/, ""))).toEqual([
    "statement: SELECT u FROM cpu GROUP BY host",
    "series_read: 2",
    "points_read: 2",
    "frames: 2",
    "rows: 2",
  ]);
  expect(world.memory.bytes).toBe(0);
});

test("what is wrong with a statement is told at once", async () => {
  await using world = await SelectWorld.open(LINES);
  expect(await world.ask("EXPLAIN SELECT mean(u), u FROM cpu")).toEqual([
    "error: mixing aggregate and non-aggregate queries is not supported",
  ]);
});
