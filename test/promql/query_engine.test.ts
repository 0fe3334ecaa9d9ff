import { describe, expect, test } from "bun:test";
import { PromqlError } from "../../src/promql/errors.ts";
import type { MsBounds, Queryable } from "../../src/promql/queryable.ts";
import { QueryEngine } from "../../src/promql/query_engine.ts";
import { ask, engineOver } from "../support/promql_query.ts";

const RANGE = { startMs: 0, endMs: 600_000, stepMs: 60_000 };

/** Many equal series with a sample a second; counts what is read. */
class WideQueryable implements Queryable {
  readonly opened: MsBounds[] = [];
  reads = 0;
  disposed = 0;
  readonly #series: number;
  readonly #columns: { count: number; times: Float64Array; values: Float64Array };

  constructor(series: number, points: number) {
    this.#series = series;
    const times = Float64Array.from({ length: points }, (_, at) => at * 1000);
    this.#columns = { count: points, times, values: times.map((time) => time / 1000) };
  }

  open(bounds: MsBounds) {
    this.opened.push(bounds);
    return {
      select: () =>
        Array.from({ length: this.#series }, (_, at) => ({
          labels: [["__name__", "m_total"], ["n", String(at)]] as const,
          read: () => {
            this.reads++;
            return this.#columns;
          },
        })),
      [Symbol.dispose]: () => {
        this.disposed++;
      },
    };
  }
}

async function kindOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return error instanceof PromqlError ? error.kind : String(error);
  }
}

describe("a query that would look at more than it may here", () => {
  const tooMuch = (query: string, samplesMax: number, wide: WideQueryable) =>
    kindOf(new QueryEngine({ queryable: wide }).range(query, RANGE, { samplesMax }));

  test("ends before it reads, and gives its session back", async () => {
    const wide = new WideQueryable(100, 600);
    expect(await tooMuch("m_total", 1_000, wide)).toContain("HeavyQueryError");
    expect(wide.reads).toBe(0);
    expect(wide.disposed).toBe(1);
  });

  test("is found out at its first selector, whose like are taken to follow", async () => {
    const wide = new WideQueryable(100, 600);
    expect(await tooMuch("m_total + m_total", 30_000, wide)).toContain("HeavyQueryError");
    expect(wide.reads).toBe(0);
    expect(await tooMuch("m_total", 30_000, wide)).toBe("none");
  });
});

describe("limits", () => {
  const queryable = new WideQueryable(100, 700);

  test.each([
    { name: "queryPointsMax", limits: { queryPointsMax: 500 }, query: "m_total" },
    { name: "queryPointsMax", limits: { queryPointsMax: 1500 }, query: "m_total" },
    { name: "queryBytesMax", limits: { queryBytesMax: 5000 }, query: "m_total" },
    { name: "querySeriesMax", limits: { querySeriesMax: 99 }, query: "m_total" },
    { name: "queryStepsMax", limits: { queryStepsMax: 9 }, query: "m_total" },
    {
      name: "subqueryStepsMax",
      limits: { subqueryStepsMax: 100 },
      query: "sum_over_time(m_total[10m:1s])",
    },
  ])("$name $limits", async ({ name, limits, query }) => {
    const engine = new QueryEngine({ queryable, limits });
    await expect(engine.range(query, RANGE)).rejects.toThrow(name);
    expect(await kindOf(engine.range(query, RANGE))).toBe("execution");
    expect(queryable.disposed).toBe(queryable.opened.length);
  });

  test("an aggregation needs memory for its groups only", async () => {
    const engine = new QueryEngine({ queryable, limits: { queryPointsMax: 1000 } });
    const { value } = await engine.range("sum(rate(m_total[1m]))", RANGE);
    expect(value.type === "matrix" && value.series.length).toBe(1);
  });
});

describe("cancellation", () => {
  const slow = new QueryEngine({ queryable: new WideQueryable(3000, 5000) });
  const query = "quantile_over_time(0.5, m_total[10m])";

  test("a signal that was aborted before", async () => {
    const signal = AbortSignal.abort();
    expect(await kindOf(slow.range(query, RANGE, { signal }))).toBe("canceled");
  });

  test("a signal aborted while the query pauses", async () => {
    const controller = new AbortController();
    const running = kindOf(slow.range(query, RANGE, { signal: controller.signal }));
    setTimeout(() => controller.abort(), 5);
    expect(await running).toBe("canceled");
  });

  test("time-out", async () => {
    expect(await kindOf(slow.range(query, RANGE, { timeoutMs: 15 }))).toBe("timeout");
  });
});

describe("what is read", () => {
  test.each([
    { query: "m_total", bounds: { startMs: -300_000, endMs: 600_000 } },
    { query: "rate(m_total[2m])", bounds: { startMs: -120_000, endMs: 600_000 } },
    { query: "rate(m_total[2m] smoothed)", bounds: { startMs: -420_000, endMs: 900_000 } },
    { query: "rate(m_total[2m] offset 1m)", bounds: { startMs: -180_000, endMs: 540_000 } },
    { query: "m_total @ 1000", bounds: { startMs: 700_000, endMs: 1_000_000 } },
    { query: "m_total @ end() - m_total", bounds: { startMs: -300_000, endMs: 600_000 } },
    {
      query: "max_over_time(rate(m_total[1m])[5m:90s])",
      bounds: { startMs: -270_000 - 60_000, endMs: 540_000 },
    },
    { query: "1 + 1", bounds: { startMs: 0, endMs: 600_000 } },
  ])("$query", async ({ query, bounds }) => {
    const queryable = new WideQueryable(1, 10);
    await new QueryEngine({ queryable }).range(query, RANGE);
    expect(queryable.opened).toEqual([bounds]);
  });

  test("each selector reads a series once, whatever the steps", async () => {
    const queryable = new WideQueryable(3, 700);
    const engine = new QueryEngine({ queryable });
    await engine.range("rate(m_total[1m]) + sum_over_time(m_total[2m:10s] @ 300)", RANGE);
    expect(queryable.reads).toBe(6);
  });
});

describe("kinds of results", () => {
  const engine = engineOver(["m 1 2 3"]);

  test.each([
    { query: "m[2m]", at: 60, result: ['{__name__="m"} 1@0 2@60'] },
    { query: "m[2m:30s]", at: 60, result: ['{__name__="m"} 1@0 1@30 2@60'] },
    { query: "(m + 1)[1m:30s]", at: 60, result: ["{} 2@30 3@60"] },
    { query: "m[1m] anchored", at: 90, result: ['{__name__="m"} 1@30 2@60 2@90'] },
    { query: "m anchored", at: 90, result: ['{__name__="m"} 2'] },
    { query: "m[1m] smoothed", at: 90, result: ['{__name__="m"} 1.5@30 2@60 2.5@90'] },
    { query: "time() + 1", at: 60, result: ["61"] },
    { query: '("text")', at: 0, result: ["text"] },
    { query: "m", at: 60, result: ['{__name__="m"} 2'] },
  ])("$query", async ({ query, at, result }) => {
    expect(await ask(engine, query, at)).toEqual([...result]);
  });

  test("a range query of a scalar is one series", async () => {
    const { value } = await engine.range("time()", { startMs: 0, endMs: 120_000, stepMs: 60_000 });
    expect(value).toEqual({
      type: "matrix",
      series: [{
        labels: [],
        count: 3,
        times: Float64Array.of(0, 60_000, 120_000),
        values: Float64Array.of(0, 60, 120),
      }],
    });
  });

  test.each([
    { query: "m[5m]", type: "range vector" },
    { query: '"text"', type: "string" },
  ])("$query is not for range queries", async ({ query, type }) => {
    await expect(engine.range(query, RANGE)).rejects.toThrow(
      `invalid expression type "${type}" for range query, must be Scalar or instant Vector`,
    );
  });

  test("bad ranges", async () => {
    expect(await kindOf(engine.range("m", { ...RANGE, stepMs: 0 }))).toBe("bad_data");
    expect(await kindOf(engine.range("m", { ...RANGE, endMs: -1 }))).toBe("bad_data");
  });

  test("what fails to parse is bad data", async () => {
    expect(await kindOf(engine.instant("m +", 0))).toBe("bad_data");
  });

  test("statistics", async () => {
    const { stats } = await engine.instant("rate(m[5m])", 120_000);
    expect(stats).toMatchObject({ pointsRead: 3, seriesRead: 1 });
  });
});

describe("annotations", () => {
  test.each([
    {
      query: "rate(m[5m])",
      infos: [
        'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "m"',
      ],
    },
    { query: "rate(m_total[5m])", infos: [] },
    {
      query: "increase(typed[5m])",
      infos: [
        'PromQL info: metric might not be a counter, __type__ label is not set to "counter" or ' +
        '"histogram", got "gauge": "typed"',
      ],
    },
    {
      query: "quantile(2, m)",
      warnings: ["PromQL warning: quantile value should be between 0 and 1, got 2"],
    },
    {
      query: "m + h",
      infos: [
        'PromQL info: incompatible sample types encountered for binary operator "+": float + histogram',
      ],
    },
    { query: "stddev(h)", infos: ["PromQL info: ignored histogram in stddev aggregation"] },
    {
      query: 'sum({__name__=~"m|h"})',
      warnings: ["PromQL warning: encountered a mix of histograms and floats for aggregation"],
    },
    {
      query: "histogram_quantile(0.5, falling_bucket)",
      infos: [
        "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see " +
        "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) " +
        'for metric name "falling_bucket", from buckets 2 to 2, with a max diff of 1, over 1 samples ' +
        "from 1970-01-01T00:02:00Z to 1970-01-01T00:02:00Z",
      ],
    },
  ])("$query", async ({ query, warnings = [], infos = [] }) => {
    const engine = engineOver([
      "m 1 2 3",
      "m_total 1 2 3",
      'typed{__type__="gauge"} 1 2 3',
      "h {{count:1 sum:1 buckets:[1]}}x2",
      'falling_bucket{le="1"} 5x2',
      'falling_bucket{le="2"} 4x2',
      'falling_bucket{le="+Inf"} 9x2',
    ]);
    const result = await engine.instant(query, 120_000);
    expect(result.warnings.map(({ message }) => message)).toEqual([...warnings]);
    expect(result.infos.map(({ message }) => message)).toEqual([...infos]);
  });
});
