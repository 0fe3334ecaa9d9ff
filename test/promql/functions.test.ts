import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CALENDAR_FUNCTIONS } from "../../src/promql/sample_functions.ts";
import { quantileOfSorted, sortNumbers } from "../../src/promql/quantile.ts";
import { ask, askSorted, engineOver } from "../support/promql_query.ts";

const engine = engineOver([
  'm{host="web-1", path="/a/b"} 1',
  'm{host="web-10", path="/c"} 2',
  'm{host="web-2"} NaN',
  "clock 0.1 _ _ _",
]);

test("calendar functions agree with the runtime's", () => {
  const DAY_MS = 86_400_000;
  fc.assert(fc.property(fc.integer({ min: -4e10, max: 4e10 }), (seconds) => {
    const date = new Date(seconds * 1000);
    const year = date.getUTCFullYear();
    const monthStart = (month: number) => {
      const start = new Date(0);
      start.setUTCFullYear(year, month, 1);
      return start.getTime();
    };
    const month = date.getUTCMonth();
    const expected: Record<string, number> = {
      minute: date.getUTCMinutes(),
      hour: date.getUTCHours(),
      day_of_week: date.getUTCDay(),
      day_of_month: date.getUTCDate(),
      day_of_year: Math.floor((date.getTime() - monthStart(0)) / DAY_MS) + 1,
      days_in_month: (monthStart(month + 1) - monthStart(month)) / DAY_MS,
      month: month + 1,
      year,
    };
    for (const [name, compute] of Object.entries(CALENDAR_FUNCTIONS)) {
      expect(`${name} ${compute(seconds)}`).toBe(`${name} ${expected[name]}`);
    }
  }));
  expect(CALENDAR_FUNCTIONS["year"]!(NaN)).toBeNaN();
});

describe("label functions", () => {
  test.each([
    {
      query: 'label_replace(m{host="web-1"}, "n", "$1/$2", "host", "(.*)-(.*)")',
      result: ['{__name__="m", host="web-1", n="web/1", path="/a/b"} 1'],
    },
    {
      query: 'label_replace(m{host="web-1"}, "n", "${kind}!$$", "host", "(?P<kind>.*)-.*")',
      result: ['{__name__="m", host="web-1", n="web!$", path="/a/b"} 1'],
    },
    {
      query: 'label_replace(m{host="web-1"}, "host", "", "path", "/a.*")',
      result: ['{__name__="m", path="/a/b"} 1'],
    },
    {
      query: 'label_replace(m{host="web-1"}, "n", "x", "path", "/a")',
      result: ['{__name__="m", host="web-1", path="/a/b"} 1'],
    },
    {
      query: 'label_replace(m{host="web-2"}, "n", "[$1]", "missing", "(.*)") > 9 or vector(1)',
      result: ["{} 1"],
    },
    {
      query: 'label_replace(m{host="web-1"} + 1, "__name__", "new", "", "")',
      result: ['{__name__="new", host="web-1", path="/a/b"} 2'],
    },
    {
      query: 'label_join(m{host="web-1"}, "n", "|", "host", "missing", "path")',
      result: ['{__name__="m", host="web-1", n="web-1||/a/b", path="/a/b"} 1'],
    },
    {
      query: 'label_join(m{host="web-1"}, "path", ",")',
      result: ['{__name__="m", host="web-1"} 1'],
    },
  ])("$query", async ({ query, result }) => {
    expect(await askSorted(engine, query)).toEqual([...result]);
  });

  test.each([
    {
      query: 'label_replace(m, "\\xff", "", "host", "(.*)")',
      message: "invalid destination label name in label_replace()",
    },
    {
      query: 'label_replace(m, "n", "", "host", "(.*")',
      message: "invalid regular expression in label_replace(): (.*",
    },
    {
      query: 'label_join(m, "n", "", "\\xff")',
      message: "invalid source label name in label_join()",
    },
  ])("$query fails", async ({ query, message }) => {
    await expect(engine.instant(query, 0)).rejects.toThrow(message);
  });
});

describe("order", () => {
  const hosts = async (query: string) =>
    (await ask(engine, query)).map((line) => /host="([^"]*)"/.exec(line)?.[1]);

  test.each([
    { query: "sort(m)", order: ["web-1", "web-10", "web-2"] },
    { query: "sort_desc(m)", order: ["web-10", "web-1", "web-2"] },
    { query: 'sort_by_label(m, "host")', order: ["web-1", "web-2", "web-10"] },
    { query: 'sort_by_label_desc(m, "host")', order: ["web-10", "web-2", "web-1"] },
    { query: "topk(2, m)", order: ["web-10", "web-1"] },
    { query: "bottomk(3, m)", order: ["web-1", "web-10", "web-2"] },
    { query: "limitk(2, m)", order: ["web-1", "web-10"] },
  ])("$query", async ({ query, order }) => {
    expect(await hosts(query)).toEqual([...order]);
  });

  test("sorting several steps warns", async () => {
    const messages = async (query: string, endMs: number) =>
      (await engine.range(query, { startMs: 0, endMs, stepMs: 60_000 })).warnings.map((
        { message },
      ) => message);
    const ineffective =
      "PromQL warning: sort is ineffective for range queries since results are always ordered by labels";
    expect(await messages("sort(m)", 60_000)).toEqual([ineffective]);
    expect(await messages("last_over_time(sort(m)[2m:1m])", 0)).toEqual([ineffective]);
    expect(await messages("sort(m)", 0)).toEqual([]);
    expect(await messages("sort(m @ 0)", 60_000)).toEqual([]);
  });
});

describe("quantile", () => {
  const values = () => sortNumbers(Float64Array.of(3, NaN, 1, 2));

  test("sorts NaN first", () => {
    expect([...values()]).toEqual([NaN, 1, 2, 3]);
  });

  test.each([
    { q: 1, value: 3 },
    { q: 0, value: NaN },
    { q: 0.5, value: 1.5 },
    { q: -1, value: -Infinity },
    { q: 2, value: Infinity },
    { q: NaN, value: NaN },
  ])("$q", ({ q, value }) => {
    expect(quantileOfSorted(q, values())).toBe(value);
  });

  test("of nothing is NaN", () => {
    expect(quantileOfSorted(0.5, new Float64Array(0))).toBeNaN();
  });
});

describe("absent", () => {
  test.each([
    { query: 'absent(x{a="1", b!="2", c=~"3"})', result: ['{a="1"} 1'] },
    { query: 'absent(x{a="1", a="2", d="4"})', result: ['{d="4"} 1'] },
    { query: "absent(sum(x))", result: ["{} 1"] },
    { query: "absent(m)", result: [] },
    { query: 'absent_over_time(x{a="1"}[5m])', result: ['{a="1"} 1'] },
    { query: "absent_over_time(m[5m])", result: [] },
  ])("$query", async ({ query, result }) => {
    expect(await askSorted(engine, query)).toEqual([...result]);
  });
});

describe("label sets that meet", () => {
  const engine = engineOver([
    'v{part="1"} 1 1 stale stale 1',
    'v{part="2"} _ _ 2 2 stale',
    'v{part="3"} 3 stale _ _ _ 3',
  ]);
  const range = { startMs: 0, endMs: 300_000, stepMs: 60_000 };

  test.each([
    'label_replace(v{part=~"1|2"}, "part", "x", "part", ".*")',
    'label_join(v{part=~"1|2"}, "part", "", "__name__")',
  ])("%s: one series where their times differ", async (query) => {
    const { value } = await engine.range(query, range);
    expect(value).toMatchObject({
      series: [{ count: 6, values: Float64Array.of(1, 1, 2, 2, 1, 1) }],
    });
    // A function over the joined series sees all of its samples.
    const counted = await engine.instant(`count_over_time((${query})[6m:1m])`, 300_000);
    expect(counted.value).toMatchObject({ values: Float64Array.of(6) });
  });

  test.each([
    'label_replace(v, "part", "", "", "")',
    'label_replace(v{part=~"1|3"} or vector(1), "part", "x", "part", ".+")',
    'label_join(v, "part", "", "__name__")',
  ])("%s: an error where both have a sample", async (query) => {
    await expect(engine.range(query, range)).rejects.toThrow("same labelset");
  });
});

describe("values that grow", () => {
  const engine = engineOver(['v{a="xy"} 1']);
  const nested = (call: (inner: string) => string): string => {
    let query = "v";
    for (let level = 0; level < 40; level++) query = call(query);
    return query;
  };

  test.each([
    [
      "label_join",
      nested((inner) => `label_join(${inner}, "a", "-", "a", "a")`),
      "LABEL_VALUE_MAX",
    ],
    [
      "label_replace",
      nested((inner) => `label_replace(${inner}, "a", "$1$1", "a", "(.*)")`),
      "65535",
    ],
    [
      "label_replace with a long template",
      `label_replace(v, "a", "${"y".repeat(70_000)}", "", "")`,
      "LABEL_VALUE_MAX",
    ],
  ])("%s: refused beyond the limit", async (_, query, message) => {
    await expect(engine.instant(query, 0)).rejects.toThrow(message);
  });

  test("long values count as memory of the query", async () => {
    const small = engineOver(['v{a="xy"} 1'], { limits: { queryBytesMax: 4_000 } });
    const query = (length: number) => `label_replace(v, "b", "${"y".repeat(length)}", "", "")`;
    expect(await ask(small, query(100))).toHaveLength(1);
    await expect(small.instant(query(5_000), 0)).rejects.toThrow("queryBytesMax");
  });
});

describe("parameters", () => {
  test.each([
    { query: "topk(NaN, m)", message: "Parameter value is NaN" },
    { query: "topk(1e300, m)", message: "Scalar value 1e+300 overflows int64" },
    {
      query: "limitk(9223372036854774784, m)",
      message: "Scalar value 9.223372036854775e+18 overflows int64",
    },
    { query: "limit_ratio(NaN, m)", message: "Ratio value is NaN" },
    { query: 'count_values("", m)', message: 'invalid label name ""' },
    {
      query: "double_exponential_smoothing(m[5m], 2, 0.5)",
      message: "invalid smoothing factor. Expected: 0 < sf < 1, got: 2.000000",
    },
    {
      query: "double_exponential_smoothing(m[5m], 0.5, -Inf)",
      message: "invalid trend factor. Expected: 0 < tf < 1, got: -Inf",
    },
    {
      query: "rate(m[5m:1m] offset 1m) or delta(m[5m] smoothed) or irate(m[5m] smoothed)",
      message: "smoothed modifier can only be used with: delta, increase, rate - not with irate",
    },
  ])("$query", async ({ query, message }) => {
    await expect(engine.instant(query, 0)).rejects.toThrow(message);
  });

  test("parameters that vary are judged by the least and the largest of them", async () => {
    const range = { startMs: 0, endMs: 180_000, stepMs: 60_000 };
    const ask = async (query: string) => {
      const { value, warnings } = await engine.range(query, range);
      const counts = value.type === "matrix" ? value.series.map(({ count }) => count) : [];
      return { counts, warnings: warnings.map(({ message }) => /got (.*)/.exec(message)?.[1]) };
    };
    expect(await ask("limit_ratio(time() / 60 - 5, vector(1))")).toEqual({
      counts: [4],
      warnings: ["-5, capping to -1"],
    });
    expect(await ask("bottomk(-1e300 * (time() + 1), vector(1))")).toEqual({
      counts: [],
      warnings: [],
    });
    await expect(ask("bottomk(5 - 1e300 * (time() > bool 0), vector(1))")).rejects.toThrow(
      "Scalar value -1e+300 underflows int64",
    );
  });

  test("smoothing by NaN gives NaN", async () => {
    const pair = engineOver(["m 1 2"]);
    expect(await ask(pair, "double_exponential_smoothing(m[5m], NaN, 0.5)", 60)).toEqual([
      "{} NaN",
    ]);
  });
});
