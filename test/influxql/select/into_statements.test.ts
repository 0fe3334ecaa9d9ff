/** SELECT INTO and continuous queries by way of /query: what is read, computed, written, and read again. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { InfluxqlServer } from "../../support/influxql_server.ts";
import { ManualClock } from "../../support/manual_clock.ts";

const LINES = [
  "cpu,host=a,core=0 v=1,n=1i 1583020800",
  "cpu,host=a,core=1 v=3,n=2i 1583020810",
  'cpu,host=b,core=0 v=5,s="x" 1583020870',
  "mem,host=a v=7 1583020800",
];

let server: InfluxqlServer;

beforeEach(async () => {
  server = await InfluxqlServer.open();
  await ask(
    "CREATE DATABASE db0; CREATE DATABASE db1; " +
      "CREATE RETENTION POLICY week ON db0 DURATION INF REPLICATION 1",
  );
  expect(await server.write(LINES, { db: "db0", precision: "s" })).toBe(204);
});
afterEach(async () => await server[Symbol.asyncDispose]());

interface Series {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly unknown[])[];
}

/** Series of the last statement's answer. */
async function ask(query: string, params: Record<string, string> = {}): Promise<readonly Series[]> {
  const response = await server.ask(query, { db: "db0", epoch: "s", ...params });
  const { results } = await response.json() as {
    results: readonly { readonly series?: readonly Series[]; readonly error?: string }[];
  };
  const last = results.at(-1)!;
  if (last.error !== undefined) throw new Error(last.error);
  return last.series ?? [];
}

const written = (count: number) => [
  { name: "result", columns: ["time", "written"], values: [[0, count]] },
];

describe("INTO", () => {
  test("without GROUP BY tags become fields, with it they stay tags", async () => {
    expect(await ask("SELECT v, host INTO flat FROM cpu")).toEqual(written(3));
    expect(await ask("SHOW TAG KEYS FROM flat")).toEqual([]);
    expect(await ask("SHOW FIELD KEYS FROM flat")).toMatchObject([
      { values: [["host", "string"], ["v", "float"]] },
    ]);
    expect(await ask("SELECT * INTO whole FROM cpu GROUP BY *")).toEqual(written(3));
    expect(await ask("SHOW SERIES FROM whole")).toMatchObject([
      { values: [["whole,core=0,host=a"], ["whole,core=0,host=b"], ["whole,core=1,host=a"]] },
    ]);
    const original = await ask("SELECT * FROM cpu");
    expect(await ask("SELECT * FROM whole")).toEqual([{ ...original[0]!, name: "whole" }]);
  });

  test("empty buckets write nothing", async () => {
    const range = "time >= 1583020800s AND time < 1583020920s";
    const select = `SELECT mean(v) INTO mean FROM cpu WHERE ${range} GROUP BY time(10s), host`;
    expect(await ask(select)).toEqual(written(3));
    expect(await ask("SELECT mean FROM mean GROUP BY host")).toMatchObject([
      { tags: { host: "a" }, values: [[1583020800, 1], [1583020810, 3]] },
      { tags: { host: "b" }, values: [[1583020870, 5]] },
    ]);
  });

  test("to a policy, to a database, and each measurement under its own name", async () => {
    expect(await ask("SELECT v INTO week.copy FROM cpu")).toEqual(written(3));
    expect(await ask("SELECT v FROM copy")).toEqual([]);
    expect(await ask("SELECT v FROM week.copy")).toMatchObject([{ values: { length: 3 } }]);
    const all = 'SELECT * INTO "db1".."copy" FROM /.*/ GROUP BY *';
    expect(await ask(all.replace('"copy"', ":MEASUREMENT"))).toEqual(written(4));
    expect(await ask("SHOW MEASUREMENTS", { db: "db1" })).toMatchObject([
      { values: [["cpu"], ["mem"]] },
    ]);
  });

  test("what cannot be is an error", async () => {
    await expect(ask("SELECT v INTO nope.copy FROM cpu")).rejects.toThrow(
      "retention policy not found: nope",
    );
    await expect(ask("SELECT v INTO nope..copy FROM cpu")).rejects.toThrow(
      "database not found: nope",
    );
    await ask("SELECT v INTO typed FROM cpu");
    await expect(ask("SELECT s AS v INTO typed FROM cpu")).rejects.toThrow("field type conflict");
  });
});

test("a continuous query computes each interval when it is over", async () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1, 0, 0, 30));
  await server[Symbol.asyncDispose]();
  server = await InfluxqlServer.open({ clock });
  await ask("CREATE DATABASE db0");
  await ask(
    "CREATE CONTINUOUS QUERY q ON db0 BEGIN SELECT mean(v), count(v) INTO per_minute FROM cpu " +
      "GROUP BY time(1m), host END",
  );
  const startS = Math.floor(clock.wallMs / 60_000) * 60;
  for (let minute = 0; minute < 3; minute++) {
    const at = startS + minute * 60;
    const lines = [`cpu,host=a v=${minute} ${at + 40}`, `cpu,host=a v=${minute + 1} ${at + 50}`];
    expect(await server.write(lines, { db: "db0", precision: "s" })).toBe(204);
    clock.advance(60_000);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await ask("SELECT * FROM per_minute")).toEqual([{
    name: "per_minute",
    columns: ["time", "count", "host", "mean"],
    values: [0, 1, 2].map((minute) => [startS + minute * 60, 2, "a", minute + 0.5]),
  }]);
  expect(server.errors).toEqual([]);
  expect(server.logged).toEqual([]);
});
