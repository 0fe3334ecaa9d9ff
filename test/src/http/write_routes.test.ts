/** Statuses, bodies and headers of the write endpoints, as clients of InfluxDB 1, 2 and 3 read them. */
import { afterEach, describe, expect, test } from "bun:test";
import { EngineError } from "../../../engine/mod.ts";
import {
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from "../../support/http_server.ts";

let server: TestServer | undefined;
afterEach(() => {
  server?.[Symbol.dispose]();
  server = undefined;
});

function start(options: TestServerOptions = {}): TestServer {
  server = startTestServer(options);
  return server;
}

async function post(path: string, body: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${server!.url}${path}`, { method: "POST", body, headers });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

interface Case {
  readonly name: string;
  readonly path: string;
  readonly body?: string;
  readonly status: number;
  /** What the body holds; an object: as JSON. */
  readonly answer?: unknown;
  readonly stored?: readonly string[];
  readonly options?: TestServerOptions;
}

const strict = { pipeline: { autoCreate: false, databases: ["known", "known/week"] } };

describe("v1 /write", () => {
  test.each<Case>([
    { name: "all good", path: "/write?db=x", status: 204, stored: ["x|m v=1 1"] },
    { name: "alias", path: "/influx/write?db=x", status: 204, stored: ["x|m v=1 1"] },
    { name: "no database", path: "/write", status: 204, stored: ["|m v=1 1"] },
    { name: "default policy", path: "/write?db=x&rp=autogen", status: 204, stored: ["x|m v=1 1"] },
    { name: "other policy", path: "/write?db=x&rp=week", status: 204, stored: ["x/week|m v=1 1"] },
    { name: "empty body", path: "/write?db=x", body: "", status: 204, stored: [] },
    { name: "comments alone", path: "/write?db=x", body: "# a\n\n", status: 204, stored: [] },
    {
      name: "no database where one is required",
      path: "/write",
      options: { writes: { requireDatabase: true } },
      status: 400,
      answer: { error: "database is required" },
    },
    {
      name: "unknown database",
      path: "/write?db=x",
      options: strict,
      status: 404,
      answer: { error: 'database not found: "x"' },
    },
    { name: "known database", path: "/write?db=known", options: strict, status: 204 },
    {
      name: "unknown policy",
      path: "/write?db=known&rp=y",
      options: strict,
      status: 400,
      answer: { error: "retention policy not found: y" },
    },
    { name: "known policy", path: "/write?db=known&rp=week", options: strict, status: 204 },
    {
      name: "bad precision",
      path: "/write?precision=x",
      status: 400,
      answer: { error: 'invalid precision "x" (use n, u, ms, s, m or h)' },
    },
    {
      name: "bad consistency",
      path: "/write?consistency=most",
      status: 400,
      answer: { error: "invalid consistency level" },
    },
    {
      name: "every line bad",
      path: "/write",
      body: "bad 1\nbad 2",
      status: 400,
      answer: {
        error: "unable to parse 'bad 1': missing fields\nunable to parse 'bad 2': missing fields",
      },
      stored: [],
    },
    {
      name: "some lines bad",
      path: "/write",
      body: "a v=1\nbad 1\nb v=1",
      status: 400,
      answer: { error: "partial write: unable to parse 'bad 1': missing fields dropped=0" },
      stored: ["|a v=1", "|b v=1"],
    },
    {
      name: "type conflict",
      path: "/write",
      body: "a v=1\nconflict\nconflict",
      status: 400,
      answer: {
        error:
          'partial write: field type conflict: input field "f" on measurement "m" is type string, already exists as type float dropped=2',
      },
      stored: ["|a v=1"],
    },
    {
      name: "beyond retention",
      path: "/write",
      body: "a v=1\nold v=1",
      status: 400,
      answer: { error: "partial write: points beyond retention policy dropped=1" },
      stored: ["|a v=1"],
    },
  ])("$name", async ({ path, body, options, status, answer, stored }) => {
    const { engine } = start(options);
    const got = await post(path, body ?? "m v=1 1\n");
    expect(got.text === "" ? undefined : JSON.parse(got.text)).toEqual(answer);
    expect(got.status).toBe(status);
    if (stored !== undefined) expect(engine.stored).toEqual([...stored]);
  });

  test("at most 20 bad lines are named", async () => {
    start();
    const { text } = await post("/write", "bad\n".repeat(50));
    expect(text.match(/unable to parse/g)).toHaveLength(20);
    expect(JSON.parse(text).error).toEndWith("\nand 30 more");
  });

  test("headers of a success", async () => {
    start();
    const { headers, text } = await post("/write", "m v=1", { "X-Request-Id": "abc-1" });
    expect(headers.get("x-influxdb-version")).toBe("1.8.10");
    expect(headers.get("x-influxdb-build")).toBe("OSS");
    expect(headers.get("request-id")).toBe("abc-1");
    expect(headers.get("x-request-id")).toBe("abc-1");
    expect(text).toBe("");
  });

  test("an error's header holds no line feed and nothing beyond Latin-1", async () => {
    start();
    const { headers } = await post("/write", "bad °C 温\nbad");
    expect(headers.get("x-influxdb-error")).toContain("unable to parse 'bad °C ?'");
    expect(headers.get("content-type")).toBe("application/json");
  });

  test("an error is CSV to who asks for CSV", async () => {
    start();
    const { text, headers } = await post("/write", "bad", { Accept: "text/csv" });
    expect(headers.get("content-type")).toBe("text/csv");
    expect(text).toBe("error\n\"unable to parse 'bad': missing fields\"\n");
  });

  test.each([
    { precision: "", unit: "ns" },
    { precision: "u", unit: "us" },
    { precision: "%C2%B5", unit: "us" },
    { precision: "h", unit: "h" },
  ])("precision $precision", async ({ precision, unit }) => {
    const { engine } = start();
    await post(`/write?precision=${precision}`, "m v=1");
    expect(engine.scans[0]?.unit).toBe(unit as never);
  });
});

describe("v2 /api/v2/write", () => {
  test.each<Case>([
    { name: "all good", path: "/api/v2/write?bucket=b&org=o", status: 204, stored: ["b|m v=1 1"] },
    {
      name: "bucket with policy",
      path: "/api/v2/write?bucket=b%2Fweek",
      status: 204,
      stored: ["b/week|m v=1 1"],
    },
    {
      name: "no bucket",
      path: "/api/v2/write",
      status: 404,
      answer: { code: "not found", message: "bucket not found" },
    },
    {
      name: "unknown bucket",
      path: "/api/v2/write?bucket=x",
      options: strict,
      status: 404,
      answer: { code: "not found", message: 'bucket "x" not found' },
    },
    {
      name: "bad precision",
      path: "/api/v2/write?bucket=b&precision=m",
      status: 400,
      answer: {
        code: "invalid",
        message: "invalid precision; valid precision units are ns, us, ms, and s",
      },
    },
    {
      name: "one bad line: nothing is written",
      path: "/api/v2/write?bucket=b",
      body: "a v=1\nbad\nb v=1",
      status: 400,
      answer: { code: "invalid", message: "unable to parse 'bad': missing fields" },
      stored: [],
    },
    {
      name: "one bad line in a body longer than one step: nothing is written",
      path: "/api/v2/write?bucket=b",
      body: `${"a v=1\n".repeat(900_000)}bad\n`,
      status: 400,
      answer: { code: "invalid", message: "unable to parse 'bad': missing fields" },
      stored: [],
    },
    {
      name: "good lines in a body longer than one step",
      path: "/api/v2/write?bucket=b",
      body: "a v=1\n".repeat(900_000),
      status: 204,
      stored: Array(900_000).fill("b|a v=1"),
    },
    {
      name: "one bad line where the good ones are always kept",
      path: "/api/v2/write?bucket=b",
      body: "a v=1\nbad",
      options: { writes: { partialAlways: true } },
      status: 400,
      answer: {
        code: "invalid",
        message: "partial write: unable to parse 'bad': missing fields dropped=0",
      },
      stored: ["b|a v=1"],
    },
    {
      name: "conflicts",
      path: "/api/v2/write?bucket=b",
      body: "a v=1\nconflict",
      status: 422,
      answer: {
        code: "unprocessable entity",
        message:
          'failure writing points to database: partial write: field type conflict: input field "f" on measurement "m" is type string, already exists as type float dropped=1',
      },
      stored: ["b|a v=1"],
    },
  ])("$name", async ({ path, body, options, status, answer, stored }) => {
    const { engine } = start(options);
    const got = await post(path, body ?? "m v=1 1\n");
    expect(got.text === "" ? undefined : JSON.parse(got.text)).toEqual(answer);
    expect(got.status).toBe(status);
    if (stored !== undefined) expect(engine.stored).toEqual([...stored]);
    if (answer !== undefined) {
      const { code } = answer as { code: string };
      expect(got.headers.get("x-platform-error-code")).toBe(code);
    }
  });
});

describe("v3 /api/v3/write_lp", () => {
  test.each<Case>([
    { name: "all good", path: "/api/v3/write_lp?db=d", status: 204, stored: ["d|m v=1 1"] },
    {
      name: "no database",
      path: "/api/v3/write_lp",
      status: 400,
      answer: { error: "missing query parameter 'db'" },
    },
    {
      name: "some lines bad",
      path: "/api/v3/write_lp?db=d",
      body: "a v=1\nbad",
      status: 400,
      answer: {
        error: "partial write of line protocol occurred",
        data: [{ error_message: "missing fields", line_number: 2, original_line: "bad" }],
      },
      stored: ["d|a v=1"],
    },
    {
      name: "some lines bad, all or nothing",
      path: "/api/v3/write_lp?db=d&accept_partial=false",
      body: "a v=1\nbad",
      status: 400,
      answer: {
        error: "line protocol parsing error",
        data: { error_message: "missing fields", line_number: 2, original_line: "bad" },
      },
      stored: [],
    },
  ])("$name", async ({ path, body, options, status, answer, stored }) => {
    const { engine } = start(options);
    const got = await post(path, body ?? "m v=1 1\n");
    expect(got.text === "" ? undefined : JSON.parse(got.text)).toEqual(answer);
    expect(got.status).toBe(status);
    if (stored !== undefined) expect(engine.stored).toEqual([...stored]);
  });

  test("precision is guessed where none is stated, on this endpoint alone", async () => {
    const { engine } = start();
    await post("/api/v3/write_lp?db=d", "m v=1");
    await post("/api/v2/write?bucket=d", "m v=1");
    expect(engine.scans.map(({ unit }) => unit)).toEqual(["auto", "ns"]);
  });
});

describe("our own trouble", () => {
  test.each(
    [
      { path: "/write", code: "limit", status: 503 },
      { path: "/write", code: "closed", status: 503 },
      { path: "/write", code: "io", status: 503 },
      { path: "/write", code: "failed", status: 503 },
      { path: "/write", code: "corrupt", status: 500 },
      { path: "/api/v2/write?bucket=b", code: "limit", status: 503 },
    ] as const,
  )("$path $code is $status", async ({ path, code, status }) => {
    const { engine } = start();
    engine.failure = new EngineError(code, "Cannot write: reason");
    const got = await post(path, "m v=1");
    expect(got.text).toContain("Cannot write: reason");
    expect(got.status).toBe(status);
    if (status === 503) {
      expect(got.headers.get("retry-after")).toBe("Fri, 02 Jan 2026 03:04:10 GMT");
    }
  });

  test("the answer waits for the sync, and tells when it fails", async () => {
    const { engine, errors } = start();
    const sync = Promise.withResolvers<void>();
    engine.sync = sync.promise;
    let answered = false;
    const answer = post("/write", "m v=1").then((got) => {
      answered = true;
      return got;
    });
    await Bun.sleep(30);
    expect(engine.stored).toHaveLength(1);
    expect(answered).toBe(false);
    sync.reject(new EngineError("failed", "Cannot sync"));
    expect((await answer).status).toBe(503);
    expect(errors).toHaveLength(1);
  });

  test("more requests than allowed are 503 with a JSON body, never 429", async () => {
    const { engine } = start({ requestsMax: 1 });
    const sync = Promise.withResolvers<void>();
    engine.sync = sync.promise;
    const first = post("/write", "m v=1");
    await Bun.sleep(20);
    const second = await post("/write", "m v=2");
    expect(second.status).toBe(503);
    expect(JSON.parse(second.text)).toEqual({ error: "request throttled, queue full" });
    sync.resolve();
    expect((await first).status).toBe(204);
  });

  test("no room for a body in time is 503", async () => {
    const { engine, admission } = start({ bytesMax: 10 });
    const behind = Promise.withResolvers<void>();
    engine.admission = behind.promise;
    const first = post("/write", "m v=1 123456789");
    await Bun.sleep(20);
    const second = await post("/write", "m v=2");
    expect(second.status).toBe(503);
    expect(JSON.parse(second.text)).toEqual({ error: "request throttled, exceeds timeout" });
    engine.admission = undefined;
    behind.resolve();
    expect((await first).status).toBe(204);
    expect(admission.bytes).toBe(0);
  });

  test("a body is freed once it is scanned, before the sync", async () => {
    const { engine, admission } = start();
    const sync = Promise.withResolvers<void>();
    engine.sync = sync.promise;
    const text = "m v=1\n".repeat(10_000);
    const answer = post("/write", text);
    await Bun.sleep(20);
    expect(engine.stored).toHaveLength(10_000);
    expect(admission.requests).toBe(1);
    expect(admission.bytes).toBe(0);
    sync.resolve();
    expect((await answer).status).toBe(204);
  });
});

describe("other methods and paths", () => {
  test.each(["/write", "/api/v2/write", "/api/v3/write_lp"])("GET %s is 405", async (path) => {
    start();
    const response = await fetch(`${server!.url}${path}`);
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST, OPTIONS");
    await response.json();
  });

  test("CORS is answered for configured origins alone", async () => {
    start({ corsOrigins: ["http://panel"] });
    const ask = (origin: string) =>
      fetch(`${server!.url}/write`, { method: "OPTIONS", headers: { Origin: origin } });
    const known = await ask("http://panel");
    expect(known.status).toBe(204);
    expect(known.headers.get("access-control-allow-origin")).toBe("http://panel");
    expect((await ask("http://evil")).headers.get("access-control-allow-origin")).toBeNull();
  });

  test.each([
    { path: "/nowhere", answer: { error: "path not found" } },
    { path: "/api/v2/nowhere", answer: { code: "not found", message: "path not found" } },
  ])("$path", async ({ path, answer }) => {
    start();
    const response = await fetch(`${server!.url}${path}`);
    expect(await response.json()).toEqual(answer);
    expect(response.status).toBe(404);
  });
});
