/** Which columns a SELECT gives, and what they are called. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SelectWorld } from "../../support/influxql_select.ts";

let world: SelectWorld;

beforeAll(async () => {
  world = await SelectWorld.open([
    "cpu,host=a u=1,n=1i 1",
    'cpu,host=a u=3,s="t" 2',
    "cpu,host=b u=5,n=7i,b=true 3",
    "mem,host=a,dc=x free=1,n=1.5 1",
    "same,day=1 day=3i,v=10 1",
    "holes v=1,gone=1 1",
  ]);
});

afterAll(() => world[Symbol.asyncDispose]());

/** The heads of all series. */
async function heads(text: string): Promise<string[]> {
  const lines = await world.ask(text);
  return lines.filter((line) => /[a-z]/i.test(line[0]!));
}

describe("wildcards", () => {
  test.each([
    ["*", ["cpu time b host n s u"]],
    ["*::field", ["cpu time b n s u"]],
    ["*::tag, u", ["cpu time host u"]],
    ["/^[nu]/", ["cpu time n u"]],
    ["u, *", ["cpu time u b host n s u_1"]],
    ["mean(*)", ["cpu time mean_n mean_u"]],
    ["max(*)", ["cpu time max_b max_n max_u"]],
    ["count(*)", ["cpu time count_b count_n count_s count_u"]],
    ["last(/n|s/)", ["cpu time last_n last_s"]],
    ["difference(*)", ["cpu time difference_n difference_u"]],
    ["mean(*) AS m", ["cpu time m_n m_u"]],
  ])("SELECT %s", async (fields, expected) => {
    expect(await heads(`SELECT ${fields} FROM cpu`)).toEqual(expected);
  });

  test("in calls reach into calls", async () => {
    const where = "WHERE time >= 0 AND time < 4 GROUP BY time(1ns)";
    expect(await heads(`SELECT derivative(mean(*), 1ns) FROM cpu ${where}`)).toEqual([
      "cpu time derivative_n derivative_u",
    ]);
  });

  test("leave out the tags of GROUP BY, and with patterns there all of them", async () => {
    expect(await heads("SELECT * FROM mem GROUP BY host")).toEqual([
      "mem{host=a} time dc free n",
    ]);
    expect(await heads("SELECT * FROM mem GROUP BY /^h/")).toEqual(["mem{host=a} time free n"]);
    expect(await heads("SELECT * FROM mem GROUP BY *")).toEqual(["mem{dc=x,host=a} time free n"]);
  });

  test("take the union of all measurements", async () => {
    expect(await heads("SELECT * FROM cpu, mem")).toEqual([
      "cpu time b dc free host n s u",
      "mem time b dc free host n s u",
    ]);
  });

  test("tell a field from the tag of the same name", async () => {
    expect(await world.ask("SELECT * FROM same")).toEqual([
      "same time day day_1 v",
      "1 3 1 10",
    ]);
  });
});

describe("names", () => {
  test.each([
    ["mean(u) * 2", "mean"],
    ["mean(u) + max(n)", "mean_max"],
    ["(u)", "u"],
    ["u + n * u", "u_n_u"],
    ["abs(u)", "abs"],
    ["abs(u) + n", "abs_n"],
    ["u, u, u", "u u_1 u_2"],
    ["u AS x, n AS x", "x x"],
    ["n AS u, u", "u u_1"],
    ["u AS u_1, u, u", "u_1 u u_2"],
    ["distinct(u)", "distinct"],
    ["count(distinct(u))", "count"],
    ["top(u, host, 1)", "top host"],
    ["top(u, host, 1), host", "top host host_1"],
    ["max(u), host AS h", "max h"],
  ])("SELECT %s: %s", async (fields, names) => {
    expect(await heads(`SELECT ${fields} FROM cpu`)).toEqual([`cpu time ${names}`]);
  });

  test("time is there anyway, and may be called otherwise", async () => {
    expect(await heads("SELECT time, u FROM cpu")).toEqual(["cpu time u"]);
    expect(await heads("SELECT u, time AS t FROM cpu")).toEqual(["cpu t u"]);
  });
});

describe("values", () => {
  test.each([
    ["u::integer, n::float", ["1 1 1", "2 3 -", "3 5 7"]],
    ["u::string, n", ["1 - 1", "3 - 7"]],
    ["host::tag, u", ["1 a 1", "2 a 3", "3 b 5"]],
    ["host::field, u", ["1 - 1", "2 - 3", "3 - 5"]],
    ["nope, u", ["1 - 1", "2 - 3", "3 - 5"]],
    ["u + n", ["1 2", "2 -", "3 12"]],
    ["-u", ["1 -1", "2 -3", "3 -5"]],
    ["n / 2", ["1 0.5", "3 3.5"]],
  ])("SELECT %s", async (fields, rows) => {
    expect((await world.ask(`SELECT ${fields} FROM cpu`)).slice(1)).toEqual(rows);
  });

  test.each(["host", "nope", "nope, host", "mean(nope)", "mean(host)", "u::string"])(
    "SELECT %s gives nothing",
    async (fields) => expect(await world.ask(`SELECT ${fields} FROM cpu`)).toEqual([]),
  );

  test("of a field with several types are of one", async () => {
    expect(await world.ask("SELECT n FROM cpu, mem")).toEqual([
      "cpu time n",
      "1 1",
      "3 7",
      "mem time n",
      "1 1.5",
    ]);
  });

  test("a call over a name that there is not is missing beside others", async () => {
    expect(await world.ask("SELECT mean(u), max(nope) FROM cpu")).toEqual([
      "cpu time mean max",
      "0 3 -",
    ]);
  });
});

test("what has no points any more is not in wildcards", async () => {
  await world.database.delete(
    {
      matchers: [{ name: "__name__", operator: "=", value: "holes_gone" }],
    } as Parameters<typeof world.database.delete>[0],
  );
  expect(await heads("SELECT * FROM holes")).toEqual(["holes time v"]);
});
