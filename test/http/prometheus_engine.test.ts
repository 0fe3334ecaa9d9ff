/** The routes over the real query engine: what only shows when both meet. */
import { beforeEach, describe, expect, test } from "bun:test";
import type { Hono } from "hono";
import { prometheusRoutes } from "../../src/http/prometheus_routes.ts";
import { QuerySlots } from "../../src/http/query_slots.ts";
import { MetadataStore } from "../../src/stores/metadata.ts";
import { FakeCatalog } from "../support/fake_catalog.ts";
import type { Answer } from "../support/prometheus_answers.ts";
import { engineOver } from "../support/promql_query.ts";
import { sampleText } from "../support/sample_text.ts";

let app: Hono;

beforeEach(() => {
  const clock = { nowMs: () => 600_000, monotonicMs: () => performance.now() };
  const slots = new QuerySlots({
    ...clock,
    queriesMax: 4,
    waitingMax: 0,
    waitMs: 1,
    after: () => () => {},
  });
  app = prometheusRoutes({
    sampleText,
    engine: engineOver([
      'requests_total{job="a",path="/x\\"y"} 0+60x20',
      'requests_total{job="b",path="/"} 0+30x20',
      "size 1 2 NaN Inf -0 stale",
      "latency {{schema:0 sum:5 count:4 buckets:[1 2 1]}}x20",
    ]),
    catalog: new FakeCatalog([]),
    slots,
    metadata: MetadataStore.open(),
    info: {
      version: "1",
      revision: "",
      startedMs: 0,
      workingDirectory: "",
      hostname: "",
      flags: {},
      configuration: "",
      retention: "",
    },
    logger: { log: () => {} },
    ...clock,
  }).router;
});

async function ask(
  path: string,
  parameters: Record<string, string>,
): Promise<{ status: number; body: Answer }> {
  const response = await app.request(`/api/v1/${path}?${new URLSearchParams(parameters)}`);
  return { status: response.status, body: await response.json() as Answer };
}

describe("results", () => {
  test("Grafana's health check", async () => {
    const { status, body } = await ask("query", { query: "1+1", time: "4" });
    expect(status).toBe(200);
    expect<unknown>(body).toEqual({
      status: "success",
      data: { resultType: "scalar", result: [4, "2"] },
    });
  });

  test("an instant vector", async () => {
    const { body } = await ask("query", { query: 'rate(requests_total{job="a"}[5m])' });
    expect<unknown>(body.data).toEqual({
      resultType: "vector",
      result: [{ metric: { job: "a", path: '/x"y' }, value: [600, "1"] }],
    });
  });

  test("a range, sorted by labels, with special values", async () => {
    const { body } = await ask("query_range", {
      query: "size",
      start: "0",
      end: "300",
      step: "60",
    });
    expect<unknown>(body.data.result).toEqual([{
      metric: { __name__: "size" },
      values: [[0, "1"], [60, "2"], [120, "NaN"], [180, "+Inf"], [240, "-0"]],
    }]);
    const sums = await ask("query_range", {
      query: "sum by (job) (requests_total)",
      start: "0",
      end: "60",
      step: "60",
    });
    expect(sums.body.data.result.map(({ metric }) => metric)).toEqual([{
      job: "a",
    }, { job: "b" }]);
  });

  test("a range vector has its own times", async () => {
    const { body } = await ask("query", { query: "size[2m]", time: "150.5" });
    expect<unknown>(body.data).toEqual({
      resultType: "matrix",
      result: [{ metric: { __name__: "size" }, values: [[60, "2"], [120, "NaN"]] }],
    });
  });

  test("histograms", async () => {
    const { body } = await ask("query", { query: "latency" });
    const [, histogram] = body.data.result[0]!.histogram;
    expect(histogram).toEqual({
      count: "4",
      sum: "5",
      buckets: [[0, "0.5", "1", "1"], [0, "1", "2", "2"], [0, "2", "4", "1"]],
    });
  });

  test("a string", async () => {
    const { body } = await ask("query", { query: "'a\"b'", time: "1" });
    expect<unknown>(body.data).toEqual({ resultType: "string", result: [1, 'a"b'] });
  });
});

test("annotations say where they come from", async () => {
  const { body } = await ask("query", { query: "1 +\nrate(size[5m])", time: "240" });
  expect(body.infos).toEqual([
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "size" (2:6)',
  ]);
  expect(body.warnings).toBeUndefined();
});

describe("failures", () => {
  test.each([
    ["requests_total + on() requests_total", 422, "execution"],
    ["size[step()]", 400, "bad_data"],
    ["topk(NaN, size)", 422, "execution"],
    ["label_replace(size, 'x', '', 'y', '(')", 422, "execution"],
    ["foo(", 400, "bad_data"],
  ])("%s", async (query, status, errorType) => {
    const answer = await ask("query", { query });
    expect(answer).toMatchObject({ status, body: { status: "error", errorType } });
  });

  test("a duration without value names its place", async () => {
    const { body } = await ask("query", { query: "size[1m/step()]" });
    expect(body.error).toContain('invalid parameter "query": 1:6: ');
  });
});
