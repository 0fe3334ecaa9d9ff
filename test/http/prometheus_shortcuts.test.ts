/** Long listings, and the way that requests take around the router. */
import { describe, expect, test } from "bun:test";
import { type PrometheusRoutes, prometheusRoutes } from "../../src/http/prometheus_routes.ts";
import { QuerySlots } from "../../src/http/query_slots.ts";
import { MetadataStore } from "../../src/stores/metadata.ts";
import { FakeCatalog } from "../support/fake_catalog.ts";
import { FakePromqlEngine } from "../support/fake_promql_engine.ts";
import { sampleText } from "../support/sample_text.ts";

function buildRoutes(catalog = new FakeCatalog([{ __name__: "up", job: "a" }])): PrometheusRoutes {
  const clock = { nowMs: () => 1_700_000_000_000, monotonicMs: () => 0 };
  const slots = new QuerySlots({
    ...clock,
    queriesMax: 1,
    waitingMax: 0,
    waitMs: 10,
    after: () => () => {},
  });
  return prometheusRoutes({
    sampleText,
    engine: new FakePromqlEngine(),
    catalog,
    slots,
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
    ...clock,
  });
}

test.each([
  { names: 3_000, limit: "", kept: 3_000 },
  { names: 3_000, limit: "?limit=1024", kept: 1_024 },
  { names: 3_000, limit: "?limit=1025", kept: 1_025 },
  { names: 3_000, limit: "?limit=3000", kept: 3_000 },
  { names: 300_000, limit: "", kept: 300_000 },
])("$names values with limit $limit, over batches and pieces", async (row) => {
  const labels = Array.from({ length: row.names }, (_, i) => ({ n: String(i).padStart(6, "0") }));
  const { router } = buildRoutes(new FakeCatalog(labels));
  const response = await router.request(`/api/v1/label/n/values${row.limit}`);
  const { data, warnings } = await response.json() as { data: string[]; warnings?: string[] };
  expect(data).toEqual(labels.slice(0, row.kept).map(({ n }) => n));
  expect(warnings?.length ?? 0).toBe(row.kept < row.names ? 1 : 0);
});

describe("the way around the router", () => {
  const requests = [
    "/api/v1/query?query=up",
    "/prometheus/api/v1/query_range?query=up&start=1&end=2&step=1",
    "/api/v1/series?match[]=up",
    "/api/v1/label/job/values",
    "/prometheus/api/v1/label/job/values",
    "/api/v1/query?query=(",
    "/api/v1/status/buildinfo",
    "/api/v1/admin/flush",
  ];
  test.each(requests)("gives the router's answer: %s", async (path) => {
    const routes = buildRoutes();
    const method = path.includes("admin") ? "POST" : "GET";
    const request = new Request(`http://localhost${path}`, { method });
    const direct = await routes.exact(request, path.split("?")[0]!);
    const routed = await routes.router.request(path, { method });
    expect(direct?.status).toBe(routed.status);
    expect(await direct?.text()).toBe(await routed.text());
  });

  test.each([
    ["GET", "/api/v1/unknown"],
    ["HEAD", "/api/v1/query"],
    ["GET", "/api/v1/label/x%2Ey/values"],
    ["DELETE", "/api/v1/label/job/values"],
    ["GET", "/api/v1/admin/flush"],
  ])("leaves the rest to the router: %s %s", (method, path) => {
    const request = new Request(`http://localhost${path}`, { method });
    expect(buildRoutes().exact(request, path)).toBeUndefined();
  });
});
