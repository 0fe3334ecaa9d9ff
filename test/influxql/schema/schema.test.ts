/** SHOW statements on schemas, with what InfluxDB answers to them. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { InfluxqlWorld } from "../../support/influxql_world.ts";

const LINES = [
  "cpu,host=server01 value=100 1000000001",
  "cpu,host=server01,region=uswest value=100,load=2i 1000000002",
  "cpu,host=server01,region=useast value=100 1000000003",
  "cpu,host=server02,region=useast value=100 1000000004",
  "gpu,host=server02,region=useast value=100 1000000005",
  'gpu,host=server03,region=caeast text="x" 1000000006',
  "disk,host=server03,region=caeast full=t 1000000007",
  "_,__name__=metric1 value=1 1000000008",
];

let world: InfluxqlWorld;

beforeEach(async () => {
  world = await InfluxqlWorld.open({ databases: { db0: ["rp1"], db1: [] } });
  world.write(LINES);
});
afterEach(async () => await world[Symbol.asyncDispose]());

describe("names and columns", () => {
  test.each([
    ["SHOW MEASUREMENTS LIMIT 1", [{ name: "measurements", columns: ["name"], values: [["_"]] }]],
    ["SHOW SERIES FROM disk", [
      { name: "", columns: ["key"], values: [["disk,host=server03,region=caeast"]] },
    ]],
    ["SHOW TAG KEYS FROM disk", [
      { name: "disk", columns: ["tagKey"], values: [["host"], ["region"]] },
    ]],
    ["SHOW TAG VALUES FROM disk WITH KEY = host", [
      { name: "disk", columns: ["key", "value"], values: [["host", "server03"]] },
    ]],
    ["SHOW FIELD KEYS FROM cpu", [
      {
        name: "cpu",
        columns: ["fieldKey", "fieldType"],
        values: [["load", "integer"], ["value", "float"]],
      },
    ]],
    ["SHOW SERIES CARDINALITY", [
      { name: "", columns: ["cardinality estimation"], values: [[8]] },
    ]],
    ["SHOW MEASUREMENT CARDINALITY", [
      { name: "", columns: ["cardinality estimation"], values: [[4]] },
    ]],
    ["SHOW MEASUREMENT EXACT CARDINALITY", [{ name: "", columns: ["count"], values: [[4]] }]],
    ["SHOW SERIES CARDINALITY FROM cpu", [{ name: "cpu", columns: ["count"], values: [[4]] }]],
    ["SHOW TAG KEY CARDINALITY FROM cpu", [{ name: "cpu", columns: ["count"], values: [[2]] }]],
    ["SHOW FIELD KEY CARDINALITY FROM cpu", [{ name: "cpu", columns: ["count"], values: [[2]] }]],
    ["SHOW MEASUREMENTS WITH MEASUREMENT =~ /zzz/", []],
    ["SHOW MEASUREMENT CARDINALITY FROM /zzz/", []],
  ])("%s", async (text, frames) => expect(await world.show(text)).toEqual(frames));
});

describe("conditions", () => {
  test.each([
    ["SHOW MEASUREMENTS", ["_", "cpu", "disk", "gpu"]],
    ["SHOW MEASUREMENTS LIMIT 2 OFFSET 1", ["cpu", "disk"]],
    ["SHOW MEASUREMENTS OFFSET 9", []],
    ["SHOW MEASUREMENTS WITH MEASUREMENT = cpu", ["cpu"]],
    ["SHOW MEASUREMENTS WITH MEASUREMENT =~ /(?i)[CG]PU/", ["cpu", "gpu"]],
    // A measurement satisfies a negation if none of its series has the value.
    ["SHOW MEASUREMENTS WHERE region =~ /ca.*/", ["disk", "gpu"]],
    ["SHOW MEASUREMENTS WHERE region !~ /ca.*/", ["cpu"]],
    ["SHOW MEASUREMENTS WHERE region != 'caeast' AND host = 'server01'", ["cpu"]],
    ["SHOW MEASUREMENTS WHERE host = 'server01' OR (region = 'caeast')", ["cpu", "disk", "gpu"]],
    ["SHOW MEASUREMENTS WHERE _name = 'gpu'", ["gpu"]],
  ])("%s", async (text, names) => {
    const rows = await world.rows(text);
    expect(rows.map((row) => row.replace("measurements ", ""))).toEqual(names);
  });

  test.each([
    ["SHOW SERIES FROM cpu", [
      "cpu,host=server01",
      "cpu,host=server01,region=useast",
      "cpu,host=server01,region=uswest",
      "cpu,host=server02,region=useast",
    ]],
    ["SHOW SERIES FROM cpu LIMIT 1 OFFSET 1", ["cpu,host=server01,region=useast"]],
    ["SHOW SERIES LIMIT 2 OFFSET 4", [
      "cpu,host=server02,region=useast",
      "disk,host=server03,region=caeast",
    ]],
    ["SHOW SERIES FROM cpu, disk WHERE region = 'caeast'", ["disk,host=server03,region=caeast"]],
    ["SHOW SERIES FROM cpu WHERE region = ''", ["cpu,host=server01"]],
    ["SHOW SERIES FROM cpu WHERE region != 'useast' AND region != ''", [
      "cpu,host=server01,region=uswest",
    ]],
    ["SHOW SERIES FROM cpu WHERE nope !~ /x/ AND host = 'server02'", [
      "cpu,host=server02,region=useast",
    ]],
    ["SHOW SERIES FROM /pu/ WHERE time >= 1000000004 AND time < 1000000006", [
      "cpu,host=server02,region=useast",
      "gpu,host=server02,region=useast",
    ]],
    ["SHOW SERIES FROM cpu WHERE 'server02' = host", ["cpu,host=server02,region=useast"]],
    // What a field holds is not asked for; that it is one of the measurement's decides.
    ["SHOW SERIES FROM cpu WHERE value = 'x' AND host = 'server02'", [
      "cpu,host=server02,region=useast",
    ]],
    ["SHOW SERIES FROM disk WHERE value = 'x'", []],
    ["SHOW SERIES FROM nothing", []],
    ["SHOW SERIES WHERE time > 5 AND time < 3", []],
  ])("%s", async (text, keys) => {
    expect((await world.rows(text)).map((row) => row.slice(1))).toEqual(keys);
  });

  test.each([
    ["SHOW TAG KEYS FROM cpu, disk LIMIT 1", ["cpu host", "disk host"]],
    ["SHOW TAG KEYS SLIMIT 1 SOFFSET 1", ["cpu host", "cpu region"]],
    ["SHOW TAG KEYS WHERE host = 'server03' AND time > 0", [
      "disk host",
      "disk region",
      "gpu host",
      "gpu region",
    ]],
    ["SHOW TAG KEYS FROM cpu WITH KEY =~ /^h/", ["cpu host"]],
    ["SHOW TAG KEYS FROM cpu WITH KEY != host", ["cpu region"]],
    ["SHOW TAG KEYS FROM cpu WITH KEY IN (region, nope)", ["cpu region"]],
    ["SHOW TAG VALUES FROM cpu WITH KEY =~ /host|region/ WHERE region = 'uswest'", [
      "cpu host server01",
      "cpu region uswest",
    ]],
    ["SHOW TAG VALUES FROM cpu WITH KEY !~ /host/", ["cpu region useast", "cpu region uswest"]],
    ["SHOW TAG VALUES FROM cpu WITH KEY = host LIMIT 1 OFFSET 1", ["cpu host server02"]],
    ["SHOW TAG VALUES WITH KEY = host WHERE value = 'server03'", [
      "disk host server03",
      "gpu host server03",
    ]],
    ["SHOW TAG VALUES WITH KEY = host WHERE value =~ /3$/ AND region = 'caeast'", [
      "disk host server03",
      "gpu host server03",
    ]],
    ["SHOW TAG VALUES WITH KEY = host WHERE value = 5000", []],
    [`SHOW TAG VALUES FROM "_" WITH KEY = "__name__" WHERE "__name__" = 'metric1'`, [
      "_ __name__ metric1",
    ]],
    ["SHOW TAG VALUES FROM cpu WITH KEY = host WHERE region !~ /us/", ["cpu host server01"]],
    ["SHOW FIELD KEYS FROM /pu/", [
      "cpu load integer",
      "cpu value float",
      "gpu text string",
      "gpu value float",
    ]],
    ["SHOW FIELD KEYS FROM gpu, disk LIMIT 1", ["disk full boolean", "gpu text string"]],
  ])("%s", async (text, rows) => expect(await world.rows(text)).toEqual(rows));
});

describe("cardinalities", () => {
  test.each([
    ["SHOW SERIES EXACT CARDINALITY", ["_ 1", "cpu 4", "disk 1", "gpu 2"]],
    ["SHOW SERIES CARDINALITY WHERE host !~ /server0[12]/", ["_ 1", "disk 1", "gpu 1"]],
    ["SHOW MEASUREMENT CARDINALITY WHERE region !~ /ca.*/", [" 3"]],
    ["SHOW TAG KEY EXACT CARDINALITY WHERE region = 'caeast'", ["disk 2", "gpu 2"]],
    ["SHOW TAG VALUES CARDINALITY WITH KEY = host", ["cpu 2", "disk 1", "gpu 2"]],
    ["SHOW TAG VALUES CARDINALITY FROM cpu WITH KEY IN (host, region)", ["cpu 4"]],
    ["SHOW TAG VALUES CARDINALITY WITH KEY = host WHERE region =~ /us/", ["cpu 2", "gpu 1"]],
    // Here, unlike elsewhere, nothing holds of a tag that is missing.
    ["SHOW TAG VALUES CARDINALITY WITH KEY = host WHERE region !~ /us/", ["disk 1", "gpu 1"]],
    ["SHOW FIELD KEY CARDINALITY", ["_ 1", "cpu 2", "disk 1", "gpu 2"]],
    ["SHOW SERIES EXACT CARDINALITY LIMIT 1 OFFSET 1", []],
  ])("%s", async (text, rows) => expect(await world.rows(text)).toEqual(rows));
});

describe("databases and policies", () => {
  test.each([
    ["SHOW MEASUREMENTS ON db1", ["measurements other"]],
    ["SHOW MEASUREMENTS ON nope", []],
    ["SHOW TAG VALUES ON db1 WITH KEY = host", ["other host x"]],
    // Without a policy all count, and a series of several once.
    ["SHOW SERIES FROM cpu WHERE host = 'server02'", [" cpu,host=server02,region=useast"]],
    ["SHOW SERIES EXACT CARDINALITY FROM cpu", ["cpu 5"]],
    ["SHOW SERIES FROM rp1.cpu", [" cpu,host=server02,region=useast", " cpu,host=server09"]],
    ["SHOW FIELD KEYS FROM rp1.cpu", ["cpu late float"]],
    ["SHOW TAG KEYS FROM db0.rp1./.*/", ["cpu host", "cpu region"]],
    ["SHOW TAG VALUES FROM autogen.cpu WITH KEY = host", [
      "cpu host server01",
      "cpu host server02",
    ]],
  ])("%s", async (text, rows) => {
    world.write(["cpu,host=server02,region=useast late=1 5", "cpu,host=server09 late=1 6"], {
      rp: "rp1",
    });
    world.write(["other,host=x v=1 5"], { db: "db1" });
    expect(await world.rows(text)).toEqual(rows);
  });

  test.each([
    ["SHOW TAG KEYS ON nope", "database not found: nope"],
    ["SHOW SERIES FROM nope.cpu", "retention policy not found: nope"],
    ["SHOW MEASUREMENTS WHERE time > 0", "SHOW MEASUREMENTS doesn't support time in WHERE clause"],
    [
      "SHOW TAG KEY CARDINALITY WHERE time > 0",
      "SHOW TAG KEY EXACT CARDINALITY doesn't support time in WHERE clause",
    ],
    ["SHOW MEASUREMENTS WHERE host > 'a'", "invalid tag comparison operator"],
    [
      "SHOW SERIES WHERE time > 'x'",
      "invalid operation: time and *influxql.StringLiteral are not compatible",
    ],
  ])("%s is refused", async (text, message) => {
    await expect(world.show(text)).rejects.toThrow(message);
  });

  test("no database has no name", async () => {
    await expect(world.show("SHOW TAG KEYS", "")).rejects.toThrow("database name required");
  });
});

describe("points", () => {
  test("what was deleted is not there", async () => {
    await world.database.delete({ matchers: [{ name: "host", operator: "=", value: "server03" }] });
    expect(await world.rows("SHOW MEASUREMENTS WHERE host != 'x'")).toEqual([
      "measurements cpu",
      "measurements gpu",
    ]);
    expect(await world.rows("SHOW TAG VALUES FROM gpu WITH KEY = host")).toEqual([
      "gpu host server02",
    ]);
    expect(await world.rows("SHOW FIELD KEYS FROM gpu")).toEqual(["gpu value float"]);
    expect(await world.rows("SHOW TAG KEYS FROM disk")).toEqual([]);
  });

  test("what has expired is not there, policy by policy", async () => {
    world.write(["cpu,host=old value=1 1000000000"], { rp: "rp1" });
    world.expired.set("db0", 1_000_000_004n);
    expect(await world.rows("SHOW TAG VALUES FROM cpu WITH KEY = host")).toEqual([
      "cpu host old",
      "cpu host server02",
    ]);
    expect(await world.rows("SHOW FIELD KEYS FROM cpu")).toEqual(["cpu value float"]);
  });

  test.each(["us", "ms", "s"] as const)("times in ticks of %s", async (timeUnit) => {
    await using coarse = await InfluxqlWorld.open({ timeUnit });
    coarse.write(["m,t=a v=1 1583020800000000000", "m,t=b v=1 1583020860000000000"]);
    const after = "SHOW TAG VALUES WITH KEY = t WHERE time > '2020-03-01T00:00:00Z'";
    expect(await coarse.rows(after)).toEqual(["m t b"]);
    const upTo = "SHOW TAG VALUES WITH KEY = t WHERE time <= '2020-03-01T00:00:00Z'";
    expect(await coarse.rows(upTo)).toEqual(["m t a"]);
    coarse.expired.set("db0", 1_583_020_800_000_000_001n);
    expect(await coarse.rows("SHOW SERIES")).toEqual([" m,t=b"]);
  });

  test("names are sorted by the bytes of UTF-8", async () => {
    const names = ["é", "z", "\u{ff5e}", "\u{1f600}", "Z", "a-b", "a"];
    world.write(names.map((name) => `${name},${name}=${name} ${name}=1 1`), { db: "db1" });
    const sorted = ["Z", "a", "a-b", "z", "é", "\u{ff5e}", "\u{1f600}"];
    expect(await world.rows("SHOW MEASUREMENTS ON db1")).toEqual(
      sorted.map((name) => `measurements ${name}`),
    );
    world.write(names.map((name) => `m,${name}=${name} ${name}=1 1`), { db: "db1" });
    expect(await world.rows("SHOW TAG KEYS ON db1 FROM m")).toEqual(sorted.map((n) => `m ${n}`));
    expect(await world.rows("SHOW FIELD KEYS ON db1 FROM m")).toEqual(
      sorted.map((name) => `m ${name} float`),
    );
    expect(await world.rows("SHOW SERIES ON db1 FROM m")).toEqual(
      sorted.map((name) => ` m,${name}=${name}`),
    );
  });

  test("keys are escaped as in lines", async () => {
    world.write(["a\\ b\\,c,k\\ 1=v\\,1\\=2 x=1 1"], { db: "db1" });
    expect(await world.rows("SHOW SERIES ON db1")).toEqual([" a\\ b\\,c,k\\ 1=v\\,1\\=2"]);
  });

  test("many series: all is found, and what no longer holds points is not", async () => {
    const lines = Array.from({ length: 6_000 }, (_, i) => `big,n=${i},k=${i % 7} v=1 ${i}`);
    world.write(lines, { db: "db1" });
    world.write(["big,n=6000,k=7,late=x v=1 6000"], { db: "db1" });
    const keys = ["big k", "big late", "big n"];
    const values = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => `big k ${from + i}`);
    expect(await world.rows("SHOW TAG KEYS ON db1")).toEqual(keys);
    expect(await world.rows("SHOW TAG VALUES ON db1 WITH KEY = k")).toEqual(values(0, 8));
    expect(await world.rows("SHOW TAG VALUES ON db1 WITH KEY = k WHERE value !~ /[0-5]/")).toEqual(
      values(6, 8),
    );
    expect(await world.rows("SHOW SERIES ON db1 WHERE k = '0' LIMIT 2 OFFSET 1")).toEqual([
      " big,k=0,n=1001",
      " big,k=0,n=1008",
    ]);
    expect(await world.rows("SHOW TAG VALUES ON db1 WITH KEY = n")).toHaveLength(6_001);
    world.expired.set("db1", 5_999n);
    expect(await world.rows("SHOW TAG VALUES ON db1 WITH KEY = k")).toEqual(["big k 0", "big k 7"]);
    expect(await world.rows("SHOW SERIES EXACT CARDINALITY ON db1")).toEqual(["big 2"]);
  });

  test("many series, of which the last has a tag called like the metric's name", async () => {
    world.write(Array.from({ length: 6_000 }, (_, i) => `big,n=${i} v=1 ${i}`), { db: "db1" });
    world.write(["big,n=6000,__name__=x v=1 6000"], { db: "db1" });
    expect(await world.rows("SHOW TAG KEYS ON db1")).toEqual(["big __name__", "big n"]);
    expect(await world.rows('SHOW TAG VALUES ON db1 WITH KEY = "__name__"')).toEqual([
      "big __name__ x",
    ]);
  });

  test("ends when the client has gone", async () => {
    world.write(Array.from({ length: 50_000 }, (_, i) => `big,n=${i} v=1 1`), { db: "db1" });
    const answer = world.show("SHOW SERIES ON db1");
    world.abort.abort(new Error("gone"));
    await expect(answer).rejects.toThrow("gone");
  });
});
