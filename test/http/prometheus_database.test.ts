/** Remote write in, PromQL, listings and remote read out: over a real database in memory. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Hono } from "hono";
import type { Database } from "../../engine/mod.ts";
import { openDatabase } from "../../engine/mod.ts";
import { WriteAdmission } from "../../src/http/admission.ts";
import { DatabaseCatalog } from "../../src/http/prometheus_catalog.ts";
import { prometheusRoutes } from "../../src/http/prometheus_routes.ts";
import { PrometheusStores } from "../../src/http/prometheus_stores.ts";
import { QuerySlots } from "../../src/http/query_slots.ts";
import { ProtobufReader, ProtobufWriter } from "../../src/ingest/protobuf.ts";
import type { HistogramSample } from "../../src/ingest/remote_histogram.ts";
import { decodeSnappy, encodeSnappy } from "../../src/ingest/snappy.ts";
import { EngineQueryable } from "../../src/promql/engine_queryable.ts";
import { QueryEngine } from "../../src/promql/query_engine.ts";
import { MetadataStore } from "../../src/stores/metadata.ts";
import type { MessageSeries } from "../support/remote_messages.ts";
import type { Answer, AnswerData } from "../support/prometheus_answers.ts";
import { message1, message2 } from "../support/remote_messages.ts";
import { sampleText } from "../support/sample_text.ts";

const T0 = 1_700_000_000_000;
const histogram: HistogramSample = {
  schema: 0,
  hint: "unknown",
  zeroThreshold: 0.001,
  zeroCount: 1,
  count: 6,
  sum: 9,
  positive: { indices: Int32Array.of(0, 1), counts: Float64Array.of(2, 3) },
  negative: { indices: new Int32Array(0), counts: new Float64Array(0) },
  customValues: new Float64Array(0),
};

let database: Database;
let app: Hono;

beforeEach(async () => {
  database = await openDatabase({ settings: { timeUnit: "ns" } });
  const clock = { nowMs: () => T0 + 600_000, monotonicMs: () => performance.now() };
  const slots = new QuerySlots({
    ...clock,
    queriesMax: 4,
    waitingMax: 0,
    waitMs: 1,
    after: () => () => {},
  });
  const metadata = MetadataStore.open();
  const admission = new WriteAdmission({ requestsMax: 8, bytesMax: 8 << 20, waitMs: 1 });
  app = prometheusRoutes({
    sampleText,
    engine: new QueryEngine({ queryable: new EngineQueryable(database) }),
    catalog: new DatabaseCatalog(database),
    database,
    slots,
    metadata,
    stores: new PrometheusStores({ database, metadata, slots, admission, nowMs: clock.nowMs }),
    admin: { database, snapshotsDirectory: "/snapshots", random: () => 0 },
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

afterEach(() => database.close());

async function write(series: readonly MessageSeries[], version: 1 | 2 = 1): Promise<number> {
  const message = version === 1 ? message1(series) : message2(series);
  const type = version === 1
    ? "application/x-protobuf"
    : "application/x-protobuf;proto=io.prometheus.write.v2.Request";
  const response = await app.request("/api/v1/write", {
    method: "POST",
    headers: { "Content-Encoding": "snappy", "Content-Type": type },
    body: encodeSnappy(message),
  });
  return response.status;
}

async function ask<Data = AnswerData>(
  path: string,
  parameters: Record<string, string> = {},
): Promise<Answer<Data>> {
  const response = await app.request(`/api/v1/${path}?${new URLSearchParams(parameters)}`);
  return await response.json();
}

/** `requests_total` of two jobs, ten samples a minute apart from T0. */
function counters(): MessageSeries[] {
  return ["a", "b"].map((job, index) => ({
    labels: [["__name__", "requests_total"], ["job", job]],
    samples: Array.from(
      { length: 10 },
      (_, minute) => [T0 + minute * 60_000, minute * 60 * (index + 1)] as const,
    ),
  }));
}

describe.each([1, 2] as const)("remote write version %d", (version) => {
  test("is seen by queries", async () => {
    expect(await write(counters(), version)).toBe(204);
    const { data } = await ask("query", {
      query: "sum by (job) (rate(requests_total[5m]))",
      time: String(T0 / 1000 + 540),
    });
    expect(data.result.map(({ metric, value }) => [metric["job"], value[1]]).sort()).toEqual([[
      "a",
      "1",
    ], ["b", "2"]]);
  });

  test("histograms", async () => {
    expect(
      await write([{ labels: [["__name__", "latency"]], histograms: [[T0, histogram]] }], version),
    ).toBe(204);
    const { data } = await ask("query", { query: "latency", time: String(T0 / 1000) });
    expect<unknown>(data.result).toEqual([{
      metric: { __name__: "latency" },
      histogram: [T0 / 1000, {
        count: "6",
        sum: "9",
        buckets: [[3, "-0.001", "0.001", "1"], [0, "0.5", "1", "2"], [0, "1", "2", "3"]],
      }],
    }]);
  });
});

test("a stale marker ends a series", async () => {
  const labels = [["__name__", "up"]] as const;
  const message = message1([{ labels, samples: [[T0, 1], [T0 + 60_000, 1.25]] }]);
  const view = new DataView(message.buffer);
  const at = message.findIndex((_, index) =>
    index + 8 <= message.length && view.getFloat64(index, true) === 1.25
  );
  view.setBigUint64(at, 0x7ff0000000000002n, true);
  await app.request("/api/v1/write", { method: "POST", body: new Uint8Array(message) });
  const before = await ask("query", { query: "up", time: String(T0 / 1000 + 59) });
  expect(before.data.result).toHaveLength(1);
  const after = await ask("query", { query: "up", time: String(T0 / 1000 + 61) });
  expect(after.data.result).toEqual([]);
  await database.flush();
  expect((await ask("query", { query: "up", time: String(T0 / 1000 + 61) })).data.result).toEqual(
    [],
  );
});

describe("listings", () => {
  beforeEach(async () => {
    await write([
      ...counters(),
      { labels: [["__name__", "old"], ["instance", "x"]], samples: [[T0 - 86_400_000, 1]] },
    ]);
  });

  test("series, with and without bounds", async () => {
    const everything = { "match[]": '{__name__=~".+"}' };
    expect((await ask<unknown[]>("series", everything)).data).toHaveLength(3);
    const bounds = { start: String(T0 / 1000), end: String(T0 / 1000 + 1) };
    const recent = await ask<unknown[]>("series", { ...everything, ...bounds });
    expect(recent.data).toEqual([
      { __name__: "requests_total", job: "a" },
      { __name__: "requests_total", job: "b" },
    ]);
    expect((await ask<string[]>("labels", bounds)).data).toEqual(["__name__", "job"]);
    expect((await ask<string[]>("labels")).data).toEqual(["__name__", "instance", "job"]);
    expect((await ask<string[]>("label/__name__/values", bounds)).data).toEqual(["requests_total"]);
    expect((await ask<string[]>("label/job/values")).data).toEqual(["a", "b"]);
  });

  test("statistics", async () => {
    const { data } = await ask<Record<string, unknown[]>>("status/tsdb");
    expect<unknown>(data["headStats"]).toEqual({
      numSeries: 3,
      numLabelPairs: 5,
      chunkCount: 3,
      minTime: T0 - 86_400_000,
      maxTime: T0 + 540_000,
    });
    expect(data["seriesCountByMetricName"]![0]).toEqual({ name: "requests_total", value: 2 });
    expect(data["seriesCountByLabelValuePair"]![0]).toEqual({
      name: "__name__=requests_total",
      value: 2,
    });
  });

  test("deleted series are gone, and writable again", async () => {
    const response = await app.request("/api/v1/admin/tsdb/delete_series?match[]=requests_total", {
      method: "POST",
    });
    expect(response.status).toBe(204);
    const time = String(T0 / 1000 + 60);
    expect((await ask("query", { query: "requests_total", time })).data.result).toEqual([]);
    await write(counters());
    expect((await ask("query", { query: "requests_total", time })).data.result).toHaveLength(2);
    for (const path of ["tsdb/clean_tombstones", "flush", "compact"]) {
      expect((await app.request(`/api/v1/admin/${path}`, { method: "POST" })).status).toBe(204);
    }
  });
});

describe("a series of floats, histograms and start timestamps", () => {
  const labels = [["__name__", "mixed_total"], ["job", "a"]] as const;
  const minutes = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, at) => T0 + (from + at) * 60_000);

  beforeEach(async () => {
    const samples = minutes(0, 5).map((ms, at) => [ms, at * 60, T0 - 30_000] as const);
    const histograms = minutes(5, 10).map((ms) => [ms, histogram, T0 - 30_000] as const);
    expect(await write([{ labels, samples, histograms }], 2)).toBe(204);
  });

  const at = (minute: number) => ({ time: String(T0 / 1000 + minute * 60) });

  test.each([false, true])("is one series to queries; flushed: %p", async (flushed) => {
    if (flushed) await database.flush();
    const range = { start: at(3).time, end: at(6).time, step: "60" };
    const { data } = await ask("query_range", { query: "mixed_total", ...range });
    expect<unknown>(data.result).toMatchObject([{
      metric: { __name__: "mixed_total", job: "a" },
      values: [[T0 / 1000 + 180, "180"], [T0 / 1000 + 240, "240"]],
      histograms: [[T0 / 1000 + 300, { count: "6" }], [T0 / 1000 + 360, { count: "6" }]],
    }]);
    const started = await ask("query", { query: "start_timestamp(mixed_total)", ...at(7) });
    expect(started.data.result[0]!.value[1]).toBe(String(T0 / 1000 - 30));
    // From the start on the counter rose by 60 in four and a half minutes, and nothing is known of before.
    const risen = await ask("query", { query: "increase(mixed_total[5m])", ...at(4) });
    expect(risen.data.result[0]!.value[1]).toBe("240");
  });

  test("is listed and counted once, and deleted as a whole", async () => {
    const selector = { "match[]": "mixed_total" };
    const bounds = { start: at(0).time, end: at(9).time };
    const listed = [{ __name__: "mixed_total", job: "a" }];
    expect((await ask<unknown>("series", selector)).data).toEqual(listed);
    expect((await ask<unknown>("series", { ...selector, ...bounds })).data).toEqual(listed);
    expect((await ask<unknown>("label/__name__/values")).data).toEqual(["mixed_total"]);
    const statistics = await ask<Record<string, unknown[]>>("status/tsdb");
    expect(statistics.data["seriesCountByMetricName"]).toEqual([{ name: "mixed_total", value: 1 }]);
    await app.request("/api/v1/admin/tsdb/delete_series?match[]=mixed_total", { method: "POST" });
    expect((await ask<unknown>("series", { ...selector, ...bounds })).data).toEqual([]);
    const { data } = await ask("query", { query: "mixed_total[10m]", ...at(9) });
    expect(data.result).toEqual([]);
    // What is written again has the start timestamps it comes with, not those from before.
    await write([{ labels, samples: [[T0, 1], [T0 + 60_000, 2, T0 + 30_000]] }], 2);
    const { data: starts } = await ask("query_range", {
      query: "start_timestamp(mixed_total)",
      start: at(0).time,
      end: at(1).time,
      step: "60",
    });
    expect(starts.result[0]).toMatchObject({
      values: [[T0 / 1000, "0"], [T0 / 1000 + 60, String(T0 / 1000 + 30)]],
    });
  });
});

test("bounds hold in listings of many series", async () => {
  const series = (from: number, to: number, timeMs: number): MessageSeries[] =>
    Array.from({ length: to - from }, (_, at) => ({
      labels: [["__name__", "many"], ["host", `h${from + at}`], [`only_${timeMs}`, "x"]],
      samples: [[timeMs, 1]],
    }));
  await write([...series(0, 12_000, T0), ...series(12_000, 12_003, T0 + 60_000)]);
  const bounds = { start: String(T0 / 1000 + 1), end: String(T0 / 1000 + 60) };
  const late = ["h12000", "h12001", "h12002"];
  expect((await ask<unknown>("label/host/values", bounds)).data).toEqual(late);
  expect((await ask<unknown>("labels", bounds)).data).toEqual([
    "__name__",
    "host",
    `only_${T0 + 60_000}`,
  ]);
  const { data } = await ask<{ host: string }[]>("series", { "match[]": "many", ...bounds });
  expect(data.map(({ host }) => host).sort()).toEqual(late);
});

test("a stale marker ends a series of histograms", async () => {
  const labels = [["__name__", "latency"]] as const;
  const body = message2([{
    labels,
    histograms: [[T0, histogram], [T0 + 60_000, { ...histogram, sum: 1.25 }]],
  }]);
  const view = new DataView(body.buffer);
  const at = body.findIndex((_, index) =>
    index + 8 <= body.length && view.getFloat64(index, true) === 1.25
  );
  view.setBigUint64(at, 0x7ff0000000000002n, true);
  const headers = { "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request" };
  await app.request("/api/v1/write", { method: "POST", headers, body: new Uint8Array(body) });
  const results = async (second: number) =>
    (await ask("query", { query: "latency", time: String(T0 / 1000 + second) })).data.result;
  expect(await results(59)).toHaveLength(1);
  expect(await results(61)).toEqual([]);
});

test("text import", async () => {
  const response = await app.request("/api/v1/import/prometheus", {
    method: "POST",
    body: `# TYPE temp gauge\ntemp{room="k"} 21.5 ${T0}\n`,
  });
  expect(response.status).toBe(204);
  const { data } = await ask("query", { query: "temp", time: String(T0 / 1000) });
  expect(data.result[0]!.value[1]).toBe("21.5");
  expect((await ask<unknown>("metadata")).data).toEqual({
    temp: [{ type: "gauge", help: "", unit: "" }],
  });
});

test("remote read gives back what remote write took, bit by bit", async () => {
  const series = counters();
  await write([...series, { labels: [["__name__", "latency"]], histograms: [[T0, histogram]] }]);
  await database.flush();
  const request = new ProtobufWriter();
  request.message(1, () => {
    request.signedField(1, T0);
    request.signedField(2, T0 + 540_000);
    request.message(3, () => {
      request.varintField(1, 2);
      request.textField(2, "__name__");
      request.textField(3, ".+");
    });
  });
  const response = await app.request("/api/v1/read", {
    method: "POST",
    headers: { "Content-Encoding": "snappy" },
    body: encodeSnappy(request.finish()),
  });
  const message = decodeSnappy(new Uint8Array(await response.arrayBuffer()), 1 << 20);
  const reader = new ProtobufReader(message);
  reader.tag();
  reader.enter();
  // The series of a result are those of a write request, one level down.
  const expected = message1([
    { labels: [["__name__", "latency"]], histograms: [[T0, histogram]] },
    ...series,
  ]);
  expect(message.subarray(reader.at)).toEqual(expected);
});
