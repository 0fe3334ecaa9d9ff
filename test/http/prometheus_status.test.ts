/** What the status routes refuse. */
import { expect, test } from "bun:test";
import { prometheusRoutes } from "../../src/http/prometheus_routes.ts";
import { QuerySlots } from "../../src/http/query_slots.ts";
import { MetadataStore } from "../../src/stores/metadata.ts";
import { FakeCatalog } from "../support/fake_catalog.ts";
import { FakePromqlEngine } from "../support/fake_promql_engine.ts";
import { sampleText } from "../support/sample_text.ts";

const CLOCK = { nowMs: () => 1_700_000_000_000, monotonicMs: () => 0 };

const app = prometheusRoutes({
  sampleText,
  ...CLOCK,
  engine: new FakePromqlEngine(),
  catalog: new FakeCatalog([]),
  slots: new QuerySlots({
    ...CLOCK,
    queriesMax: 1,
    waitingMax: 0,
    waitMs: 10,
    after: () => () => {},
  }),
  metadata: MetadataStore.open(),
  info: {
    version: "1.2.3",
    revision: "abc",
    startedMs: 0,
    workingDirectory: "/",
    hostname: "pi",
    flags: {},
    configuration: "",
    retention: "",
  },
  logger: { log: () => {} },
}).router;

async function get(path: string): Promise<{ status: number; body: unknown }> {
  const response = await app.request(path);
  return { status: response.status, body: await response.json() };
}

test("admin is off unless enabled", async () => {
  const response = await app.request("/api/v1/admin/tsdb/snapshot", { method: "POST" });
  expect({ status: response.status, body: await response.json() }).toEqual({
    status: 503,
    body: { status: "error", errorType: "unavailable", error: "admin APIs disabled" },
  });
});

test.each([
  ["targets/metadata", []],
  ["scrape_pools", { scrapePools: [] }],
  ["status/walreplay", { min: 0, max: 0, current: 0 }],
])("%s has nothing to tell", async (path, data) => {
  expect((await get(`/api/v1/${path}`)).body).toEqual({ status: "success", data });
});

test("no exemplars", async () => {
  expect((await get("/api/v1/query_exemplars?query=up")).body).toEqual({
    status: "success",
    data: [],
  });
});

test.each([
  "/api/v1/query_exemplars",
  "/api/v1/query_exemplars?query=up(",
  "/api/v1/query_exemplars?query=up&start=5&end=2",
  "/api/v1/query_exemplars?query=up&start=soon",
  "/api/v1/rules?type=foo",
])("a bad question is bad_data: %s", async (path) => {
  expect(await get(path)).toMatchObject({
    status: 400,
    body: { status: "error", errorType: "bad_data" },
  });
});
