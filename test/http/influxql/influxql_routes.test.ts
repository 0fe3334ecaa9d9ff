/** `/query` over a database in memory: parameters, forms, headers and errors. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { InfluxqlServer } from "../../support/influxql_server.ts";
import { ManualClock } from "../../support/manual_clock.ts";

const URL_ENCODED = "application/x-www-form-urlencoded";
const NAMES = '{"results":[{"statement_id":0,"series":[{"name":"databases","columns":["name"],';
const DATABASES = `${NAMES}"values":[["home"]]}]}]}\n`;
const MEASUREMENTS =
  '{"results":[{"statement_id":0,"series":[{"name":"measurements","columns":["name"],"values":[["m"]]}]}]}\n';

let server: InfluxqlServer;

beforeEach(async () => {
  server = await InfluxqlServer.open({ clock: new ManualClock() });
  expect(await server.write(["m,t=a v=1 1"], { db: "home" })).toBe(204);
});

afterEach(() => server[Symbol.asyncDispose]());

async function textOf(path: string, init?: RequestInit): Promise<string> {
  return await (await server.fetch(path, init)).text();
}

function form(fields: Readonly<Record<string, string | Blob>>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}

describe("parameters", () => {
  test.each([
    { name: "in the query string", path: "/query?q=SHOW+DATABASES" },
    { name: "under /influx", path: "/influx/query?q=SHOW%20DATABASES" },
    { name: "q in white space", path: "/query?q=%0A+SHOW+DATABASES+" },
    { name: "credentials count for nothing", path: "/query?u=x&p=y&q=SHOW+DATABASES" },
  ])("$name", async ({ path }) => expect(await textOf(path)).toBe(DATABASES));

  test.each([
    { name: "a form", body: "q=SHOW+MEASUREMENTS&db=home", search: "" },
    { name: "a form and the query string add up", body: "q=SHOW+MEASUREMENTS", search: "?db=home" },
    { name: "the form comes first", body: "q=SHOW+MEASUREMENTS&db=home", search: "?db=no&q=no" },
    {
      name: "the first of several values counts",
      body: "q=SHOW+MEASUREMENTS&db=home&db=no",
      search: "",
    },
  ])("$name", async ({ body, search }) => {
    const headers = { "Content-Type": `${URL_ENCODED}; charset=utf-8` };
    const init = { method: "POST", body, headers };
    expect(await textOf(`/query${search}`, init)).toBe(MEASUREMENTS);
  });

  test.each([
    { name: "multipart", fields: { q: "SHOW MEASUREMENTS", db: "home" }, search: "" },
    {
      name: "multipart and the query string",
      fields: { db: "home" },
      search: "?q=SHOW+MEASUREMENTS",
    },
    {
      name: "an uploaded file",
      fields: { q: new Blob(["SHOW MEASUREMENTS"]), db: "home" },
      search: "",
    },
    {
      name: "a parameter before an uploaded file",
      fields: { q: new Blob(["no"]), db: "home" },
      search: "?q=SHOW+MEASUREMENTS",
    },
  ])("$name", async ({ fields, search }) => {
    const init = { method: "POST", body: form(fields as Record<string, string | Blob>) };
    expect(await textOf(`/query${search}`, init)).toBe(MEASUREMENTS);
  });

  test("bind parameters", async () => {
    const params = new URLSearchParams({
      q: "SHOW TAG VALUES ON home WITH KEY = $k WHERE t = $v",
      params: '{"k":{"ident":"t"},"v":"a"}',
    });
    expect(await textOf(`/query?${params}`)).toContain('"values":[["t","a"]]');
  });
});

describe("refusals", () => {
  test.each([
    { name: "no q", path: "/query", status: 400, error: 'missing required parameter "q"' },
    { name: "empty q", path: "/query?q=+", status: 400, error: 'missing required parameter "q"' },
    {
      name: "no InfluxQL",
      path: "/query?q=SELEC",
      status: 400,
      error: /^error parsing query: found SELEC/,
    },
    {
      name: "nothing runs where one statement does not parse",
      path: "/query?q=CREATE+DATABASE+x;nope",
      status: 400,
      error: /^error parsing query: /,
    },
    {
      name: "params that are no JSON",
      path: "/query?q=SHOW+DATABASES&params={",
      status: 400,
      error: /^error parsing query parameters: /,
    },
    {
      name: "a missing parameter",
      path: "/query?q=SHOW+SERIES+WHERE+t+=+$v",
      status: 400,
      error: /missing parameter/,
    },
  ])("$name", async ({ path, status, error }) => {
    const response = await server.fetch(path);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/json");
    const { error: text } = await response.json() as { error: string };
    if (typeof error === "string") expect(text).toBe(error);
    else expect(text).toMatch(error);
    expect(response.headers.get("x-influxdb-error")).toBe(text);
    expect(await textOf("/query?q=SHOW+DATABASES")).toBe(DATABASES);
  });

  test("an error's text is made fit for its header", async () => {
    const response = await server.fetch(`/query?q=${encodeURIComponent("FÖÖ°温\r\nX: y")}`);
    expect(response.status).toBe(400);
    const header = response.headers.get("x-influxdb-error")!;
    expect(header).toMatch(/^error parsing query: /);
    expect(header).not.toMatch(/[^\x20-\xff]/);
    expect(response.headers.get("x")).toBeNull();
  });

  test("other methods", async () => {
    const response = await server.fetch("/query?q=SHOW+DATABASES", { method: "PUT" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, OPTIONS, POST"]);
    expect((await server.fetch("/query", { method: "OPTIONS" })).status).toBe(204);
    expect((await server.fetch("/query/more?q=SHOW+DATABASES")).status).toBe(404);
  });

  test("a form that is too long, stated or not", async () => {
    const body = `q=${"x".repeat(1 << 18)}`;
    const headers = { "Content-Type": URL_ENCODED };
    const stated = await server.fetch("/query", { method: "POST", body, headers });
    expect(stated.status).toBe(413);
    const stream = new Blob([body]).stream();
    expect((await server.fetch("/query", { method: "POST", body: stream, headers })).status).toBe(
      413,
    );
  });

  test("a multipart body that is none", async () => {
    const headers = { "Content-Type": "multipart/form-data; boundary=x" };
    const response = await server.fetch("/query", { method: "POST", body: "nonsense", headers });
    expect(response.status).toBe(400);
  });

  test("as CSV where that is asked for", async () => {
    const response = await server.fetch("/query?q=nope", { headers: { Accept: "text/csv" } });
    expect(response.headers.get("content-type")).toBe("text/csv");
    expect(await response.text()).toMatch(/^error\n"error parsing query: found nope/);
  });
});

describe("answers", () => {
  test.each([
    { accept: "", type: "application/json" },
    { accept: "*/*", type: "application/json" },
    { accept: "application/x-msgpack", type: "application/json" },
    { accept: "application/json, text/csv", type: "application/json" },
    { accept: "text/csv", type: "text/csv" },
    { accept: "application/csv;q=0.9", type: "text/csv" },
  ])("Accept: $accept gives $type", async ({ accept, type }) => {
    const headers: Record<string, string> = accept === "" ? {} : { Accept: accept };
    const response = await server.fetch("/query?q=SHOW+DATABASES", { headers });
    expect(response.headers.get("content-type")).toBe(type);
    const text = await response.text();
    expect(text).toBe(type === "text/csv" ? "name,tags,name\ndatabases,,home\n" : DATABASES);
  });

  test("carry version and request id", async () => {
    const headers = { "Request-Id": "abc" };
    const response = await server.fetch("/query?q=SHOW+DATABASES", { headers });
    expect(response.headers.get("request-id")).toBe("abc");
    expect(response.headers.get("x-influxdb-version")).toBe("1.8.10");
  });

  test("pretty", async () => {
    const text = await textOf("/query?pretty=true&q=SHOW+DATABASES");
    expect(text).toBe(`${JSON.stringify(JSON.parse(DATABASES), undefined, 4)}\n`);
  });

  test("gzip of long ones", async () => {
    const lines = Array.from({ length: 500 }, (_, i) => `m${i} v=1 1`);
    expect(await server.write(lines, { db: "home" })).toBe(204);
    const path = "/query?db=home&q=SHOW+MEASUREMENTS";
    const plain = await textOf(path);
    const response = await server.fetch(path, { headers: { "Accept-Encoding": "gzip" } });
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(gunzipSync(await response.arrayBuffer()).toString()).toBe(plain);
    const short = await server.fetch("/query?q=SHOW+DATABASES", {
      headers: { "Accept-Encoding": "gzip" },
    });
    expect(short.headers.get("content-encoding")).toBeNull();
  });

  test("async is answered before the query has run", async () => {
    const response = await server.fetch("/query?async=true&q=CREATE+DATABASE+later", {
      method: "POST",
    });
    expect(response.status).toBe(204);
    while (server.slots.active().length > 0) await Bun.sleep(1);
    expect(server.databases.databases()).toEqual(["home", "later"]);
  });

  test("errors stand in the result, what follows is not executed", async () => {
    const response = await server.ask("SHOW FIELD KEYS ON nope; SHOW DATABASES");
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(
      '{"results":[{"statement_id":0,"error":"database not found: nope"},' +
        '{"statement_id":1,"error":"not executed"}]}\n',
    );
  });
});

describe("statements that change something", () => {
  test.each([
    ["CREATE DATABASE x", "CREATE DATABASE x"],
    ["create database y with duration 1d name z", "CREATE DATABASE y WITH DURATION 1d NAME z"],
    ["DROP DATABASE x", "DROP DATABASE x"],
    ["DELETE FROM m WHERE t = 'a'", "DELETE FROM m WHERE t = 'a'"],
    ["DROP SERIES FROM /m/", "DROP SERIES FROM /m/"],
    [
      "CREATE RETENTION POLICY p ON home DURATION 1h REPLICATION 1 DEFAULT",
      "CREATE RETENTION POLICY p ON home DURATION 1h REPLICATION 1 DEFAULT",
    ],
    [
      "CREATE USER u WITH PASSWORD 'secret' WITH ALL PRIVILEGES",
      "CREATE USER u WITH PASSWORD [REDACTED] WITH ALL PRIVILEGES",
    ],
  ])("GET of %s is warned of", async (query, printed) => {
    const text = await textOf(`/query?${new URLSearchParams({ db: "home", q: query })}`);
    expect(JSON.parse(text)).toEqual({
      results: [{
        statement_id: 0,
        messages: [{
          level: "warning",
          text:
            `deprecated use of '${printed}' in a read only context, please use a POST request instead`,
        }],
      }],
    });
  });

  test("POST is not", async () => {
    const response = await server.ask("CREATE DATABASE x");
    expect(await response.text()).toBe('{"results":[{"statement_id":0}]}\n');
  });
});

describe("queries under way", () => {
  test("SHOW QUERIES names itself, without passwords", async () => {
    const response = await server.ask("SHOW QUERIES; SET PASSWORD FOR \"u v\" = 'secret'", {
      db: "home",
    });
    const { results } = await response.json() as {
      results: { series: { columns: string[]; values: unknown[][] }[] }[];
    };
    const [{ columns, values } = { columns: [], values: [] }] = results[0]!.series;
    expect(columns).toEqual(["qid", "query", "database", "duration", "status"]);
    expect(values).toEqual([
      [1, 'SHOW QUERIES; SET PASSWORD FOR "u v" = [REDACTED]', "home", "0µs", "running"],
    ]);
  });

  test("KILL QUERY of one that is not there", async () => {
    const response = await server.ask("KILL QUERY 77");
    expect(await response.text()).toContain('"error":"no such query id: 77"');
  });

  test("no slot is 503 with a time to come again", async () => {
    const signal = new AbortController().signal;
    const slots = Array.from({ length: 20 }, () => server.slots.take("q", "p", signal));
    const response = await server.ask("SHOW DATABASES");
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).not.toBeNull();
    for (const slot of slots) (slot as Disposable)[Symbol.dispose]();
    expect((await server.ask("SHOW DATABASES")).status).toBe(200);
    expect(server.slots.active()).toEqual([]);
  });
});

test("databases: auto-create off, CREATE, DROP and a write again", async () => {
  await using strict = await InfluxqlServer.open({ flags: ["--auto-create=false"] });
  expect(await strict.write(["m v=1"], { db: "x" })).toBe(404);
  await strict.ask("CREATE DATABASE x");
  expect(await strict.write(["m v=1"], { db: "x" })).toBe(204);
  await strict.ask("DROP DATABASE x");
  expect(await strict.write(["m v=1"], { db: "x" })).toBe(404);

  await server.ask("DROP DATABASE home");
  expect(await textOf("/query?q=SHOW+DATABASES")).toBe(`${NAMES.slice(0, -1)}}]}]}\n`);
  expect(await server.write(["n v=1 1"], { db: "home" })).toBe(204);
  expect(await textOf("/query?q=SHOW+DATABASES")).toBe(DATABASES);
  expect(await textOf("/query?db=home&q=SHOW+MEASUREMENTS")).toContain('"values":[["n"]]');
});

test("what was written without a database is read without one", async () => {
  const path = "/query?q=SHOW+MEASUREMENTS";
  expect(await textOf(path)).toContain('"error":"database name required"');
  expect(await server.write(["loose v=1 1"])).toBe(204);
  expect(await textOf(path)).toContain('"values":[["loose"]]');
  expect(await textOf(`${path}&db=home`)).toBe(MEASUREMENTS);
});

test("SHOW STATS and DIAGNOSTICS have series of one row", async () => {
  for (const query of ["SHOW STATS", "SHOW DIAGNOSTICS"]) {
    const { results } = await (await server.ask(query)).json() as {
      results: { series: { name: string; columns: string[]; values: unknown[][] }[] }[];
    };
    const series = results[0]!.series;
    expect(series.length).toBeGreaterThan(3);
    for (const { columns, values } of series) {
      expect(values.map((row) => row.length)).toEqual([columns.length]);
    }
  }
  expect(server.errors).toEqual([]);
});

test("GET of INTO is warned of, with what it wrote", async () => {
  const query = "SELECT v INTO copy FROM m";
  const text = await textOf(`/query?${new URLSearchParams({ db: "home", q: query, epoch: "s" })}`);
  expect(text).toBe(
    '{"results":[{"statement_id":0,"series":[{"name":"result","columns":["time","written"],"values":[[0,1]]}],' +
      `"messages":[{"level":"warning","text":"deprecated use of '${query}' in a read only context, ` +
      'please use a POST request instead"}]}]}\n',
  );
});

test("points older than their policy are refused, the others are stored", async () => {
  const clock = new ManualClock();
  await using world = await InfluxqlServer.open({ clock });
  await world.ask("CREATE DATABASE d WITH DURATION 1h NAME short");
  const nowS = Math.floor(clock.wallMs / 1_000);
  const response = await world.fetch("/write?db=d&precision=s", {
    method: "POST",
    body: `m v=1 ${nowS - 7_200}\nm v=2 ${nowS - 1_800}`,
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toEqual({
    error: "partial write: points beyond retention policy dropped=1",
  });
  const answer = await world.ask("SELECT v FROM m", { db: "d", epoch: "s" });
  expect(await answer.text()).toContain(`"values":[[${nowS - 1_800},2]]`);
});
