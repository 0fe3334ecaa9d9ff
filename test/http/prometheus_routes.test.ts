import { beforeEach, describe, expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import type { Hono } from "hono";
import { EngineError } from "../../engine/mod.ts";
import { prometheusRoutes } from "../../src/http/prometheus_routes.ts";
import { QuerySlots } from "../../src/http/query_slots.ts";
import { DurationError } from "../../src/promql/durations.ts";
import { PromqlError } from "../../src/promql/errors.ts";
import { MetadataStore } from "../../src/stores/metadata.ts";
import { FakeCatalog } from "../support/fake_catalog.ts";
import { FakePromqlEngine, floatSeries, labelsOf } from "../support/fake_promql_engine.ts";
import { sampleText } from "../support/sample_text.ts";

const NOW_MS = 1_700_000_000_000;
const INFO = {
  version: "1.2.3",
  revision: "abc",
  startedMs: NOW_MS - 60_000,
  workingDirectory: "/",
  hostname: "pi",
  flags: { "http.address": "127.0.0.1:8086" },
  configuration: "a: b\n",
  retention: "15d",
};

let engine: FakePromqlEngine;
let catalog: FakeCatalog;
let metadata: MetadataStore;
let logged: { message: string; fields: unknown }[];
let elapsedMs: number;
let app: Hono;

function build(options = {}): Hono {
  const clock = { nowMs: () => NOW_MS, monotonicMs: () => elapsedMs };
  const slots = new QuerySlots({
    ...clock,
    queriesMax: 1,
    waitingMax: 0,
    waitMs: 10,
    after: () => () => {},
  });
  const logger = {
    log: (_: string, message: string, fields: unknown) => void logged.push({ message, fields }),
  };
  return prometheusRoutes({
    sampleText,
    engine,
    catalog,
    slots,
    metadata,
    info: INFO,
    logger,
    ...clock,
    ...options,
  }).router;
}

beforeEach(() => {
  engine = new FakePromqlEngine();
  catalog = new FakeCatalog([
    { __name__: "up", job: "a" },
    { __name__: "up", job: "b", "x.y": "z" },
    { __name__: "down", job: "c" },
  ]);
  metadata = MetadataStore.open();
  logged = [];
  elapsedMs = 0;
  app = build();
});

async function get(path: string, init?: RequestInit): Promise<{ status: number; body: unknown }> {
  const response = await app.request(path, init);
  return { status: response.status, body: await response.json() };
}

function error(errorType: string, message: string): unknown {
  return { status: "error", errorType, error: message };
}

describe("query", () => {
  test("an instant query at a time", async () => {
    const { status, body } = await get("/api/v1/query?query=1%2B1&time=4");
    expect(status).toBe(200);
    expect(body).toEqual({ status: "success", data: { resultType: "scalar", result: [0, "1"] } });
    expect(engine.calls).toMatchObject([{ query: "1 + 1", timeMs: 4000 }]);
  });

  test("by a form, with all options, under the second prefix", async () => {
    await get("/prometheus/api/v1/query", {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: "query=up&timeout=5s&lookback_delta=60",
    });
    const { query, timeMs, options } = engine.calls[0]!;
    expect({ query, timeMs }).toEqual({ query: "up", timeMs: NOW_MS });
    expect(options).toMatchObject({ timeoutMs: 5_000, lookbackMs: 60_000 });
    expect(options.signal).toBeInstanceOf(AbortSignal);
  });

  test("annotations carry their place and are bounded", async () => {
    engine.warnings = Array.from({ length: 12 }, (_, index) => ({
      message: `PromQL warning: ${index}`,
      position: { start: 4, end: 5 },
    }));
    engine.infos = [{ message: "PromQL info: x", position: undefined }];
    const { body } = await get("/api/v1/query?query=a%0A%2B%20b");
    const { warnings, infos } = body as { warnings: string[]; infos: string[] };
    expect(warnings).toHaveLength(11);
    expect(warnings[0]).toBe("PromQL warning: 0 (2:3)");
    expect(warnings[10]).toBe("2 more warning annotations omitted");
    expect(infos).toEqual(["PromQL info: x"]);
  });

  test("limit cuts series and says so", async () => {
    const labels = [labelsOf({ a: "1" }), labelsOf({ a: "2" })];
    engine.value = { type: "vector", timeMs: 0, labels, values: Float64Array.of(1, 2) };
    const { body } = await get("/api/v1/query?query=a&limit=1");
    expect(body).toEqual({
      status: "success",
      data: { resultType: "vector", result: [{ metric: { a: "1" }, value: [0, "1"] }] },
      warnings: ["results truncated due to limit"],
    });
    expect(await get("/api/v1/query?query=a&limit=2")).not.toHaveProperty("body.warnings");
  });

  test("stats", async () => {
    const { body } = await get("/api/v1/query?query=1&stats=all");
    expect(body).toMatchObject({
      data: {
        stats: {
          timings: { evalTotalTime: 0.25, execTotalTime: 0.25 },
          samples: { totalQueryableSamples: 7, peakSamples: 5 },
        },
      },
    });
  });

  test.each([
    ["query=", 'invalid parameter "query": 1:1: parse error: no expression found in input'],
    ["query=rate(a)", 'invalid parameter "query": 1:6: parse error: expected type range vector'],
    [
      "query=1&time=x",
      `invalid parameter "time": Invalid time value for 'time': cannot parse "x" to a valid timestamp`,
    ],
    ["query=1&timeout=x", 'invalid parameter "timeout"'],
    [
      "query=1&lookback_delta=x",
      'invalid parameter "lookback_delta": cannot parse "x" to a valid duration',
    ],
    ["query=1&limit=-1", 'invalid parameter "limit": limit must be non-negative'],
  ])("%s is bad data", async (parameters, message) => {
    const { status, body } = await get(`/api/v1/query?${parameters}`);
    expect(status).toBe(400);
    expect(body).toMatchObject({ status: "error", errorType: "bad_data" });
    expect((body as { error: string }).error).toStartWith(message);
    expect(engine.calls).toEqual([]);
  });
});

describe("query_range", () => {
  test("a range with steps", async () => {
    engine.value = { type: "matrix", series: [floatSeries({ a: "1" }, [[0, 1], [15_000, 2]])] };
    const { status, body } = await get("/api/v1/query_range?query=a&start=0&end=15&step=15s");
    expect(status).toBe(200);
    expect(body).toEqual({
      status: "success",
      data: {
        resultType: "matrix",
        result: [{ metric: { a: "1" }, values: [[0, "1"], [15, "2"]] }],
      },
    });
    expect(engine.calls[0]!.range).toEqual({ startMs: 0, endMs: 15_000, stepMs: 15_000 });
  });

  test("a part of a step beyond the limit of steps is not counted", async () => {
    engine.value = { type: "matrix", series: [] };
    expect((await get("/api/v1/query_range?query=a&start=0&end=11000.9&step=1")).status).toBe(200);
    expect((await get("/api/v1/query_range?query=a&start=0&end=11001&step=1")).status).toBe(400);
  });

  test.each([
    ["start=1&end=2", 'invalid parameter "step": cannot parse "" to a valid duration'],
    [
      "start=2&end=1&step=1",
      'invalid parameter "end": end timestamp must not be before start time',
    ],
    [
      "start=0&end=1&step=0",
      'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
    ],
    ["start=0&end=1&step=-1", 'invalid parameter "step": zero or negative'],
    ["end=1&step=1", 'invalid parameter "start": cannot parse "" to a valid timestamp'],
    [
      "start=0&end=11001&step=1",
      "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    ],
  ])("%s is bad data", async (parameters, message) => {
    const { status, body } = await get(`/api/v1/query_range?query=a&${parameters}`);
    expect(status).toBe(400);
    expect((body as { error: string }).error).toStartWith(message);
  });

  test("11,000 steps are allowed", async () => {
    expect((await get("/api/v1/query_range?query=a&start=0&end=11000&step=1")).status).toBe(200);
  });

  test.each(["a[5m]", "'a'"])("%s has no steps", async (query) => {
    const path = `/api/v1/query_range?query=${encodeURIComponent(query)}&start=0&end=1&step=1`;
    const { status, body } = await get(path);
    expect(status).toBe(400);
    expect((body as { error: string }).error).toContain(
      "for range query, must be Scalar or instant Vector",
    );
  });
});

describe("errors", () => {
  test.each([
    { thrown: new PromqlError("execution", "no"), status: 422, type: "execution", message: "no" },
    { thrown: new PromqlError("timeout", "late"), status: 503, type: "timeout", message: "late" },
    { thrown: new PromqlError("canceled", "gone"), status: 499, type: "canceled", message: "gone" },
    { thrown: new EngineError("io", "disk"), status: 500, type: "internal", message: "disk" },
    { thrown: new EngineError("corrupt", "x"), status: 500, type: "internal", message: "x" },
    { thrown: new EngineError("invalid", "re"), status: 400, type: "bad_data", message: "re" },
    { thrown: new EngineError("limit", "big"), status: 422, type: "execution", message: "big" },
    { thrown: new EngineError("closed", "c"), status: 503, type: "unavailable", message: "c" },
    { thrown: new TypeError("oops"), status: 500, type: "internal", message: "internal error" },
    {
      thrown: new DOMException("x", "AbortError"),
      status: 499,
      type: "canceled",
      message: "query was canceled",
    },
    {
      thrown: new DurationError("division by zero", {
        kind: "step",
        position: { start: 2, end: 8 },
      }),
      status: 400,
      type: "bad_data",
      message: 'invalid parameter "query": 1:3: division by zero',
    },
  ])("$type: $message", async ({ thrown, status, type, message }) => {
    engine.before = () => {
      throw thrown;
    };
    expect(await get("/api/v1/query?query=up")).toEqual({ status, body: error(type, message) });
    expect(logged.length).toBe(status === 500 ? 1 : 0);
  });

  test("a busy server says when to come back", async () => {
    let release = (): void => {};
    engine.before = () => new Promise((resolve) => (release = resolve));
    const first = app.request("/api/v1/query?query=1");
    await Promise.resolve();
    const busy = await app.request("/api/v1/query?query=2");
    expect(busy.status).toBe(503);
    expect(busy.headers.get("Retry-After")).toBe("1");
    expect(await busy.json()).toEqual(
      error("unavailable", "1 queries are running and 0 are waiting"),
    );
    const { body } = await get("/api/v1/status/active_queries");
    expect(body).toMatchObject({ data: [{ query: "1", path: "query", duration: "0.000s" }] });
    release();
    expect((await first).status).toBe(200);
    engine.before = () => {};
    expect((await get("/api/v1/query?query=3")).status).toBe(200);
  });

  test("a slow query is logged", async () => {
    engine.before = () => void (elapsedMs += 5_000);
    await get("/api/v1/query_range?query=a&start=0&end=1&step=1");
    expect(logged).toEqual([{
      message: "Slow query",
      fields: {
        path: "query_range",
        query: "a",
        start: "0",
        end: "1",
        step: "1",
        elapsedMs: 5_000,
      },
    }]);
  });
});

describe("large answers", () => {
  beforeEach(() => {
    const times = Float64Array.from({ length: 10_000 }, (_, index) => index * 1_000);
    const series = { labels: labelsOf({ a: "1" }), count: times.length, times, values: times };
    engine.value = { type: "matrix", series: [series, series, series] };
  });

  test("are streamed", async () => {
    const response = await app.request("/api/v1/query?query=a");
    expect(response.headers.get("Content-Length")).toBeNull();
    const { data } = await response.json();
    expect(data.result[2].values[9_999]).toEqual([9_999, "9999000"]);
  });

  test("are compressed for who takes it", async () => {
    const headers = { "Accept-Encoding": "deflate, gzip;q=0.5" };
    const response = await app.request("/api/v1/query?query=a", { headers });
    expect(response.headers.get("Content-Encoding")).toBe("gzip");
    const text = gunzipSync(await response.arrayBuffer()).toString();
    expect(JSON.parse(text).data.result).toHaveLength(3);
    const refused = await app.request("/api/v1/query?query=a", {
      headers: { "Accept-Encoding": "gzip;q=0" },
    });
    expect(refused.headers.get("Content-Encoding")).toBeNull();
    await refused.body?.cancel();
  });

  test("beyond the limit are refused or broken off", async () => {
    app = build({ options: { answerBytesMax: 100_000 } });
    const { status, body } = await get("/api/v1/query?query=a");
    expect(status).toBe(422);
    expect(body).toEqual(
      error("execution", "result of 30000 samples does not fit an answer of 100000 bytes"),
    );
    app = build({ options: { answerBytesMax: 300_000 } });
    const response = await app.request("/api/v1/query?query=a");
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow("longer than 300000 bytes");
  });
});

describe("syntax", () => {
  test("format_query", async () => {
    const { body } = await get("/api/v1/format_query?query=sum(a)by(b)/2");
    expect(body).toEqual({ status: "success", data: "sum by (b) (a) / 2" });
  });

  test("parse_query", async () => {
    const { body } = await get("/api/v1/parse_query?query=-(1)");
    expect(body).toMatchObject({
      data: { type: "unaryExpr", op: "-", expr: { type: "parenExpr" } },
    });
    expect((await get("/api/v1/parse_query?query=(")).status).toBe(400);
  });
});

describe("listings", () => {
  test("series", async () => {
    const { body } = await get("/api/v1/series?match[]=up&match[]={job=%22c%22}&start=1&end=2");
    expect(body).toEqual({
      status: "success",
      data: [
        { __name__: "up", job: "a" },
        { __name__: "up", job: "b", "x.y": "z" },
        { __name__: "down", job: "c" },
      ],
    });
    expect(catalog.selections[0]!.bounds).toEqual({ startMs: 1_000, endMs: 2_000 });
  });

  test("series need a selector and honour the limit", async () => {
    const none = await get("/api/v1/series");
    expect(none).toEqual({ status: 400, body: error("bad_data", "no match[] parameter provided") });
    const { body } = await get("/api/v1/series?match[]=up&limit=1");
    expect(body).toEqual({
      status: "success",
      data: [{ __name__: "up", job: "a" }],
      warnings: ["results truncated due to limit"],
    });
  });

  test("labels", async () => {
    expect((await get("/api/v1/labels")).body).toEqual({
      status: "success",
      data: ["__name__", "job", "x.y"],
    });
    const init = {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: "match[]=down",
    };
    expect((await get("/api/v1/labels", init)).body).toEqual({
      status: "success",
      data: ["__name__", "job"],
    });
    expect(catalog.selections[0]!.bounds).toEqual({ startMs: -Infinity, endMs: Infinity });
  });

  test.each([
    ["job", ["a", "b", "c"]],
    ["__name__", ["down", "up"]],
    ["x.y", ["z"]],
    ["x%2Ey", ["z"]],
    ["U__x_2e_y", ["z"]],
    ["U__job", ["a", "b", "c"]],
    ["missing", []],
  ])("values of %s", async (name, values) => {
    expect((await get(`/api/v1/label/${name}/values`)).body).toEqual({
      status: "success",
      data: values,
    });
  });
});

describe("status", () => {
  test.each([
    ["/api/v1/status/buildinfo", { version: "1.2.3", revision: "abc" }],
    ["/api/v1/status/runtimeinfo", {
      startTime: "2023-11-14T22:12:20.000Z",
      storageRetention: "15d",
    }],
    ["/api/v1/status/flags", { "http.address": "127.0.0.1:8086" }],
    ["/api/v1/status/config", { yaml: "a: b\n" }],
    ["/api/v1/rules", { groups: [] }],
    ["/api/v1/alerts", { alerts: [] }],
    ["/api/v1/targets", { activeTargets: [], droppedTargets: [] }],
    ["/api/v1/alertmanagers", { activeAlertmanagers: [] }],
  ])("%s", async (path, data) => {
    expect((await get(path)).body).toMatchObject({ status: "success", data });
  });

  test("no features: Grafana would see another server", async () => {
    const { body } = await get("/api/v1/status/buildinfo");
    expect((body as { data: object }).data).not.toHaveProperty("features");
  });

  test("metadata", async () => {
    metadata.set("up", { type: "gauge", help: "h", unit: "" });
    metadata.set("a_total", { type: "counter", help: "", unit: "s" });
    const a = [{ type: "counter", help: "", unit: "s" }];
    const up = [{ type: "gauge", help: "h", unit: "" }];
    expect((await get("/api/v1/metadata")).body).toEqual({
      status: "success",
      data: { a_total: a, up },
    });
    expect((await get("/api/v1/metadata?limit=1")).body).toEqual({
      status: "success",
      data: { a_total: a },
    });
    expect((await get("/api/v1/metadata?metric=up")).body).toEqual({
      status: "success",
      data: { up },
    });
    expect((await get("/api/v1/metadata?metric=x")).body).toEqual({ status: "success", data: {} });
  });

  test("rules come from their listing", async () => {
    app = build({ rules: { rules: () => ({ groups: [1] }), alerts: () => ({ alerts: [2] }) } });
    expect((await get("/api/v1/rules")).body).toMatchObject({ data: { groups: [1] } });
    expect((await get("/api/v1/alerts")).body).toMatchObject({ data: { alerts: [2] } });
  });
});
