/** Clients of InfluxDB 1 that are not written in JavaScript, against the executable: the `influx` shell and influxdb-python. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  type DaemonProcess,
  startDaemon,
  stopDaemon,
  TestDirectory,
} from "../support/daemon_process.ts";

const SHELL = process.env["INFLUX_CLI_BIN"] || Bun.which("influx");
const PYTHON = findPython();

if (SHELL === null) console.warn("Skipped the influx shell: not on PATH, no INFLUX_CLI_BIN");
if (PYTHON === undefined) console.warn("Skipped influxdb-python: python3 does not find influxdb");

const IS_ANY = SHELL !== null || PYTHON !== undefined;

let directory: TestDirectory;
let daemon: DaemonProcess | undefined;

beforeAll(async () => {
  directory = new TestDirectory();
  if (IS_ANY) daemon = await startDaemon(directory.path);
});
afterAll(async () => {
  if (daemon !== undefined) await stopDaemon(daemon);
  directory[Symbol.dispose]();
});

function findPython(): string | undefined {
  const path = Bun.which("python3");
  if (path === null) return undefined;
  try {
    execFileSync(path, ["-c", "import influxdb"], { stdio: "ignore" });
    return path;
  } catch {
    return undefined;
  }
}

/** What the shell prints for a statement. */
function shell(statement: string, ...flags: string[]): string {
  const { hostname, port } = new URL(daemon!.url);
  const words = ["-host", hostname, "-port", port, ...flags, "-execute", statement];
  return execFileSync(SHELL!, words, { encoding: "utf8" });
}

describe.skipIf(SHELL === null)("the influx shell", () => {
  test("creates, inserts and selects, in all its formats", () => {
    shell("CREATE DATABASE shell");
    expect(shell("SHOW DATABASES").split("\n")).toContain("shell");
    const here = ["-database", "shell"];
    shell('INSERT m,host=a v=1,s="x y",i=3i,b=true 1583020800000000000', ...here);
    shell("INSERT INTO autogen m,host=b v=2.5 1583020801000000001", ...here);
    expect(shell("SELECT * FROM m", ...here, "-format", "csv")).toBe(
      "name,time,b,host,i,s,v\n" +
        "m,1583020800000000000,true,a,3,x y,1\n" +
        "m,1583020801000000001,,b,,,2.5\n",
    );
    const json = shell("SELECT v FROM m", ...here, "-format", "json", "-precision", "rfc3339");
    const values = [["2020-03-01T00:00:00Z", 1], ["2020-03-01T00:00:01.000000001Z", 2.5]];
    expect(JSON.parse(json)).toEqual({
      results: [{ series: [{ name: "m", columns: ["time", "v"], values }] }],
    });
    expect(shell("SELECT count(v) FROM m GROUP BY host", ...here).split("\n").slice(0, 5)).toEqual([
      "name: m",
      "tags: host=a",
      "time count",
      "---- -----",
      "0    1",
    ]);
  });

  test("shows errors", () => {
    expect(() => shell("SELECT nope(v) FROM m")).toThrow();
    expect(() => shell("SELEC")).toThrow("found SELEC, expected SELECT");
  });
});

/** As Home Assistant uses it; prints a line for each answer. */
const SCRIPT = `
import json, sys
import influxdb
c = influxdb.InfluxDBClient("127.0.0.1", int(sys.argv[1]), "root", "root", "ha")
out = lambda *values: print(json.dumps(values, ensure_ascii=False))
out(bool(c.ping()))
c.create_database("ha")
out({"name": "ha"} in c.get_list_database(), c.write_points([]))
point = lambda i: {"measurement": "°C", "tags": {"entity_id": "küche"}, "time": 1583020800 + i,
                   "fields": {"value": i + 0.5, "state_str": "ok"}}
out(c.write_points([point(i) for i in range(25)], time_precision="s", batch_size=10))
out(list(c.query("select mean(value) as value from \\"°C\\" where entity_id = 'küche'").get_points()))
out([len(list(r.get_points())) for r in c.query('SELECT value FROM "°C"', chunked=True, chunk_size=10)])
out(list(c.query('SELECT value FROM "°C" WHERE value > $x LIMIT 1', bind_params={"x": 5}, epoch="ms").get_points()))
out(list(c.query("SHOW DATABASES;").get_points("databases")).count({"name": "ha"}))
out([c.get_list_measurements(), c.get_list_series()])
for query in ["SELECT nope(v) FROM m", "SELEC"]:
    try:
        c.query(query)
    except influxdb.exceptions.InfluxDBClientError as error:
        out(error.code, str(error)[:60])
c.delete_series(measurement="°C", tags={"entity_id": "küche"})
out(c.get_list_series())
c.drop_database("ha")
out({"name": "ha"} in c.get_list_database())
`;

test.skipIf(PYTHON === undefined)("influxdb-python", () => {
  const script = join(directory.path, "client.py");
  writeFileSync(script, SCRIPT);
  const { port } = new URL(daemon!.url);
  const printed = execFileSync(PYTHON!, [script, port], {
    encoding: "utf8",
    env: { ...process.env, PYTHONIOENCODING: "utf-8" },
  });
  expect(printed.trim().split("\n").map((line): unknown => JSON.parse(line))).toEqual([
    [true],
    [true, true],
    [true],
    [[{ time: "1970-01-01T00:00:00Z", value: 12.5 }]],
    [[10, 10, 5]],
    [[{ time: 1_583_020_805_000, value: 5.5 }]],
    [1],
    [[[{ name: "°C" }], ["°C,entity_id=küche"]]],
    [null, "undefined function nope()"],
    [400, '400: {"error":"error parsing query: found SELEC, expected SE'],
    [[]],
    [false],
  ]);
}, 30_000);
