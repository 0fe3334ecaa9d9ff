/** What a SELECT may read and hold, how its answer comes in parts, and how it ends early. */
import { describe, expect, test } from "bun:test";
import { StatementError } from "../../../src/influxql/values/result.ts";
import { SelectWorld } from "../../support/influxql_select.ts";

const DAY_NS = 86_400_000_000_000n;

function lines(hosts: number, points: number): string[] {
  return Array.from({ length: hosts * points }, (_, at) => {
    const time = Math.floor(at / hosts);
    return `cpu,host=h${at % hosts} u=${at},n=${at}i ${time}`;
  });
}

describe("limits", () => {
  test.each([
    { limits: { seriesMax: 3 }, query: "SELECT u FROM cpu", error: "series limit exceeded: (4/3)" },
    {
      limits: { pointsMax: 10 },
      query: "SELECT u FROM cpu",
      error: "point limit exceeded: (12/10)",
    },
    {
      limits: { bucketsMax: 3 },
      query: "SELECT mean(u) FROM cpu WHERE time >= 0 AND time < 8 GROUP BY time(2ns)",
      error: "buckets limit exceeded: (4/3)",
    },
    {
      limits: { bucketsMax: 5 },
      query: "SELECT mean(u) FROM cpu WHERE time >= 0 AND time < 6 GROUP BY time(2ns), host",
      error: "buckets limit exceeded: (6/5)",
    },
  ])("$error", async ({ limits, query, error }) => {
    await using world = await SelectWorld.open(lines(4, 3));
    expect(await world.ask(query, { limits })).toEqual([`error: max-select-${error}`]);
    expect(world.memory.bytes).toBe(0);
  });

  test("that are not reached limit nothing", async () => {
    await using world = await SelectWorld.open(lines(4, 3));
    const limits = { seriesMax: 4, pointsMax: 12, bucketsMax: 4 };
    const query = "SELECT mean(u) FROM cpu WHERE time >= 0 AND time < 8 GROUP BY time(2ns)";
    expect((await world.ask(query, { limits })).length).toBe(5);
  });

  test("without a lower bound the latest buckets are read", async () => {
    await using world = await SelectWorld.open(lines(1, 10));
    const query = "SELECT count(u) FROM cpu WHERE time < 10 GROUP BY time(2ns)";
    expect(await world.ask(query, { limits: { bucketsMax: 2 } })).toEqual([
      "cpu time count",
      "6 2",
      "8 2",
    ]);
  });

  test("of time end a query", async () => {
    await using world = await SelectWorld.open(lines(200, 20));
    const limits = { timeoutMs: 1e-6 };
    const query = "SELECT median(u), mode(n) FROM cpu GROUP BY host";
    let asked: string[] = [];
    for (let i = 0; i < 50 && !asked.includes("error: query-timeout limit exceeded"); i++) {
      asked = await world.ask(query, { limits });
    }
    expect(asked).toEqual(["error: query-timeout limit exceeded"]);
  });
});

describe("memory", () => {
  test("that there is not refuses, and is given back", async () => {
    await using world = await SelectWorld.open(lines(20, 2_000), 1 << 20);
    const [error] = await world.ask("SELECT u, n FROM cpu");
    expect(error).toStartWith("error: query memory limit exceeded: (");
    expect(world.memory.bytes).toBe(0);
    expect(world.memory.refused).toBe(1);
    // What is read series by series needs far less.
    expect((await world.ask("SELECT mean(u), max(n) FROM cpu")).length).toBe(2);
    expect(world.memory.bytes).toBe(0);
  });

  test("is given back when an answer is not taken to its end", async () => {
    await using world = await SelectWorld.open(lines(4, 20_000));
    expect(world.memory.bytes).toBe(0);
    await expect(world.frames("SELECT u FROM cpu", { limits: { pointsMax: 30_000 } })).rejects
      .toThrow(StatementError);
    expect(world.memory.bytes).toBe(0);
  });
});

describe("frames", () => {
  test("of long series are parts", async () => {
    await using world = await SelectWorld.open(lines(1, 25_000));
    const frames = await world.frames("SELECT u FROM cpu");
    expect(frames.map(({ count, continues }) => [count, continues])).toEqual([
      [10_000, true],
      [10_000, true],
      [5_000, false],
    ]);
  });

  test("span no more time than a double holds", async () => {
    const points = [0, 100, 150, 300].map((day) => `day v=${day} ${BigInt(day) * DAY_NS}`);
    await using world = await SelectWorld.open(points);
    const frames = await world.frames("SELECT v FROM day");
    expect(frames.map(({ count, times }) => [count, times!.origin / DAY_NS])).toEqual([
      [2, 0n],
      [1, 150n],
      [1, 300n],
    ]);
    expect(await world.ask("SELECT v FROM day ORDER BY time DESC")).toEqual([
      "day time v",
      ...points.map((line) => line.slice(6).split(" ").reverse().join(" ")).reverse(),
    ]);
  });

  test("end where the signal says so", async () => {
    await using world = await SelectWorld.open(lines(4, 10));
    const controller = new AbortController();
    controller.abort(new StatementError("query interrupted"));
    expect(await world.ask("SELECT u FROM cpu", { signal: controller.signal })).toEqual([
      "error: query interrupted",
    ]);
    expect(world.memory.bytes).toBe(0);
  });
});

test("expired points are hidden", async () => {
  await using world = await SelectWorld.open(lines(1, 5));
  const options = { expiredBeforeNs: 3n };
  expect(await world.ask("SELECT u FROM cpu", options)).toEqual(["cpu time u", "3 3", "4 4"]);
  expect(await world.ask("SELECT count(u) FROM cpu", options)).toEqual(["cpu time count", "0 2"]);
  expect(await world.ask("SELECT * FROM cpu", { expiredBeforeNs: 9n })).toEqual([]);
});
