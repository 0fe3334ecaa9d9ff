/** What clients ask before they send data, while serving and while starting. */
import { afterEach, expect, test } from "bun:test";
import { formatUptime } from "../../../src/http/influx_routes.ts";
import { startTestServer, type TestServer } from "../../support/http_server.ts";

let server: TestServer | undefined;
afterEach(() => {
  server?.[Symbol.dispose]();
  server = undefined;
});

async function get(path: string, method = "GET") {
  const response = await fetch(`${server!.url}${path}`, { method });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

test.each([
  { path: "/ping", method: "GET", status: 204, text: "" },
  { path: "/ping", method: "HEAD", status: 204, text: "" },
  { path: "/ping?verbose=true", method: "GET", status: 200, text: '{"version":"1.8.10"}\n' },
  { path: "/influx/ping", method: "GET", status: 204, text: "" },
  { path: "/status", method: "HEAD", status: 204, text: "" },
  {
    path: "/ready",
    method: "GET",
    status: 200,
    text: '{"status":"ready","started":"2026-01-02T02:02:02.000Z","up":"1h2m3s"}\n',
  },
])("$method $path", async ({ path, method, status, text }) => {
  server = startTestServer();
  const got = await get(path, method);
  expect(got.text).toBe(text);
  expect(got.status).toBe(status);
  expect(got.headers.get("x-influxdb-version")).toBe("1.8.10");
});

test("health passes", async () => {
  server = startTestServer();
  const { status, text } = await get("/health");
  expect(JSON.parse(text)).toMatchObject({
    name: "influxdb",
    message: "ready for queries and writes",
    status: "pass",
    checks: [],
  });
  expect(status).toBe(200);
});

test("metrics are in the text format", async () => {
  server = startTestServer();
  await fetch(`${server.url}/write`, { method: "POST", body: "m v=1" });
  const { text, headers } = await get("/metrics");
  expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(text).toContain('tsinkd_http_requests_total{path="/write",status="204"} 1\n');
  expect(text).toContain('tsinkd_ingest_rows_total{source="v1"} 1\n');
});

test.each([
  { path: "/ping", method: "GET", status: 204, text: "" },
  { path: "/ready", method: "GET", status: 503, text: '{"status":"starting"}\n' },
  { path: "/write", method: "POST", status: 503, text: '{"error":"starting"}\n' },
  { path: "/api/v2/write", method: "POST", status: 503, text: '{"status":"starting"}\n' },
  { path: "/query", method: "GET", status: 503, text: '{"error":"starting"}\n' },
])("while starting: $method $path", async ({ path, method, status, text }) => {
  server = startTestServer({ starting: true });
  const got = await get(path, method);
  expect(got.text).toBe(text);
  expect(got.status).toBe(status);
  if (status === 503 && path !== "/ready") expect(got.headers.get("retry-after")).not.toBeNull();
});

test("while starting, health fails with the reason", async () => {
  server = startTestServer({ starting: true });
  const { status, text } = await get("/health");
  expect(JSON.parse(text)).toMatchObject({
    status: "fail",
    message: "the database is being opened",
  });
  expect(status).toBe(503);
});

test.each([
  { ms: 0, text: "0s" },
  { ms: 61_000, text: "1m1s" },
  { ms: 3_600_000, text: "1h0m0s" },
])("formatUptime $ms", ({ ms, text }) => expect(formatUptime(ms)).toBe(text));
