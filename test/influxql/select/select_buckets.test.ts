/** GROUP BY time: buckets, what fills them, and transformations over them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SelectWorld } from "../../support/influxql_select.ts";

let world: SelectWorld;

beforeAll(async () => {
  world = await SelectWorld.open([
    'm,h=a v=1,i=1i,s="x" 0',
    "m,h=a v=3,i=2i 4",
    "m,h=a v=8,i=9i,b=true 32",
    "m,h=b v=5 21",
    "m,h=c v=5 90",
    "day v=1 954050400000000000",
    "day v=2 954133200000000000",
  ]);
});

afterAll(() => world[Symbol.asyncDispose]());

const RANGE = "WHERE h = 'a' AND time >= 0 AND time < 50 GROUP BY time(10ns)";

async function rows(text: string): Promise<string[]> {
  return (await world.ask(text)).slice(1);
}

describe("empty buckets", () => {
  test.each([
    ["mean(v)", "", ["0 2", "10 -", "20 -", "30 8", "40 -"]],
    ["mean(v)", "fill(null)", ["0 2", "10 -", "20 -", "30 8", "40 -"]],
    ["mean(v)", "fill(none)", ["0 2", "30 8"]],
    ["mean(v)", "fill(7)", ["0 2", "10 7", "20 7", "30 8", "40 7"]],
    ["mean(v)", "fill(previous)", ["0 2", "10 2", "20 2", "30 8", "40 8"]],
    ["mean(v)", "fill(linear)", ["0 2", "10 4", "20 6", "30 8", "40 -"]],
    ["count(v)", "", ["0 2", "10 0", "20 0", "30 1", "40 0"]],
    ["count(v)", "fill(null)", ["0 2", "10 0", "20 0", "30 1", "40 0"]],
    ["count(v)", "fill(5)", ["0 2", "10 5", "20 5", "30 1", "40 5"]],
    ["max(i)", "fill(1.9)", ["0 2", "10 1", "20 1", "30 9", "40 1"]],
    ["max(i)", "fill(linear)", ["0 2", "10 4", "20 6", "30 9", "40 -"]],
    ["last(s)", "fill(previous)", ["0 x", "10 x", "20 x", "30 x", "40 x"]],
    ["last(b)", "fill(linear)", ["0 -", "10 -", "20 -", "30 true", "40 -"]],
    ["mean(v) * 2", "fill(1)", ["0 4", "10 2", "20 2", "30 16", "40 2"]],
    ["distinct(v)", "fill(1)", ["0 1", "0 3", "30 8"]],
    ["top(v, 1)", "fill(1)", ["4 3", "32 8"]],
    ["mean(v), count(i)", "", ["0 2 2", "10 - 0", "20 - 0", "30 8 1", "40 - 0"]],
    ["first(v), s", "", ["0 1 x", "10 - -", "20 - -", "30 8 -", "40 - -"]],
  ])("SELECT %s %s", async (fields, fill, expected) => {
    expect(await rows(`SELECT ${fields} FROM m ${RANGE} ${fill}`)).toEqual(expected);
  });

  test("of a series without points are none", async () => {
    const lines = await world.ask(
      "SELECT sum(v) FROM m WHERE time >= 20 AND time < 40 GROUP BY time(10ns), h fill(0)",
    );
    expect(lines).toEqual(["m{h=a} time sum", "20 0", "30 8", "m{h=b} time sum", "20 5", "30 0"]);
  });

  test("come in descending order, filled from the other side", async () => {
    const query = `SELECT mean(v) FROM m ${RANGE}`;
    expect(await rows(`${query} fill(previous) ORDER BY time DESC`)).toEqual([
      "40 -",
      "30 8",
      "20 8",
      "10 8",
      "0 2",
    ]);
    expect(await rows(`${query} fill(none) ORDER BY time DESC LIMIT 1`)).toEqual(["30 8"]);
  });

  test("count for LIMIT", async () => {
    expect(await rows(`SELECT mean(v) FROM m ${RANGE} LIMIT 2 OFFSET 2`)).toEqual(["20 -", "30 8"]);
  });
});

describe("ranges", () => {
  test("end now, and begin with the first point", async () => {
    const query = "SELECT count(v) FROM m WHERE h != 'b' GROUP BY time(30ns)";
    expect(await world.ask(query, { nowNs: 95n })).toEqual([
      "m time count",
      "0 2",
      "30 1",
      "60 0",
      "90 1",
    ]);
    expect(await world.ask(query, { nowNs: 40n })).toEqual(["m time count", "0 2", "30 1"]);
  });

  test("begin with the first point of each series", async () => {
    const query = "SELECT count(v) FROM m WHERE h != 'a' AND time < 100 GROUP BY time(30ns), h";
    expect(await world.ask(query)).toEqual([
      "m{h=b} time count",
      "0 1",
      "30 0",
      "60 0",
      "90 0",
      "m{h=c} time count",
      "90 1",
    ]);
  });

  test("take part of a bucket", async () => {
    expect(await rows("SELECT sum(v) FROM m WHERE time >= 4 AND time <= 21 GROUP BY time(10ns)"))
      .toEqual(["0 3", "10 -", "20 5"]);
  });

  test.each([
    ["time(20ns, 5ns)", ["-15 1", "5 -"]],
    ["time(20ns, -5ns)", ["-5 1", "15 -"]],
    ["time(20ns, 45ns)", ["-15 1", "5 -"]],
  ])("are cut with an offset: %s", async (time, expected) => {
    const where = "WHERE time >= 0 AND time < 20 AND i = 1";
    expect(await rows(`SELECT sum(v) FROM m ${where} GROUP BY ${time}`)).toEqual(expected);
  });

  test("are cut where a day begins in a zone", async () => {
    const query = "SELECT sum(v) FROM day WHERE time >= '2000-03-26' AND time < '2000-03-28' " +
      "GROUP BY time(1d) tz('Europe/Berlin')";
    expect(await rows(query)).toEqual(["954025200000000000 1", "954108000000000000 2"]);
  });

  test("of a zone's texts are local", async () => {
    const query = "SELECT v FROM day WHERE time = '2000-03-26 08:00:00' tz('Europe/Berlin')";
    expect(await rows(query)).toEqual(["954050400000000000 1"]);
  });
});

describe("transformations over aggregates", () => {
  test.each([
    ["difference(mean(v))", "", ["30 6"]],
    ["difference(mean(v))", "fill(0)", ["0 2", "10 -2", "20 0", "30 8", "40 -8"]],
    ["difference(count(v))", "", ["0 2", "10 -2", "20 0", "30 1", "40 -1"]],
    ["derivative(mean(v))", "", ["30 2"]],
    ["derivative(mean(v), 5ns)", "", ["30 1"]],
    ["cumulative_sum(mean(v))", "", ["0 2", "30 10"]],
    ["cumulative_sum(mean(v))", "fill(previous)", ["0 2", "10 4", "20 6", "30 14", "40 22"]],
    ["moving_average(sum(v), 2)", "fill(0)", ["0 2", "10 2", "20 0", "30 4", "40 4"]],
    ["difference(cumulative_sum(count(v)))", "", ["0 2", "10 0", "20 0", "30 1", "40 0"]],
    ["cumulative_sum(difference(count(v)))", "", ["0 2", "10 0", "20 0", "30 1", "40 0"]],
    ["elapsed(mean(v))", "", ["30 30"]],
    ["non_negative_difference(count(v))", "", ["0 2", "20 0", "30 1"]],
    ["difference(mean(v)), count(v)", "fill(none)", ["0 - 2", "30 6 1"]],
    ["difference(max(v)) + 1", "", ["30 6"]],
  ])("SELECT %s %s", async (fields, fill, expected) => {
    expect(await rows(`SELECT ${fields} FROM m ${RANGE} ${fill}`)).toEqual(expected);
  });

  test("take the bucket before the range", async () => {
    const where = "WHERE h = 'a' AND time >= 10 AND time < 50 GROUP BY time(10ns)";
    expect(await rows(`SELECT difference(count(v)) FROM m ${where}`)).toEqual([
      "10 -2",
      "20 0",
      "30 1",
      "40 -1",
    ]);
  });

  test("go backwards in descending order", async () => {
    expect(await rows(`SELECT difference(mean(v)) FROM m ${RANGE} ORDER BY time DESC`)).toEqual([
      "0 -6",
    ]);
    expect(await rows(`SELECT cumulative_sum(mean(v)) FROM m ${RANGE} ORDER BY time DESC`))
      .toEqual(["30 8", "0 10"]);
  });
});

test("the area under a line is that of its buckets, and a bucket without any is none", async () => {
  expect(await rows("SELECT integral(v, 1ns) FROM m WHERE h = 'a'")).toEqual(["0 162"]);
  const query = "SELECT integral(v, 1ns) FROM m WHERE h = 'b' AND time >= 0 AND time < 40";
  expect(await rows(`${query} GROUP BY time(21ns)`)).toEqual([]);
});
