/** Statements that delete data. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  dropDatabase,
  dropMeasurement,
  removeLabel,
  removeSeries,
} from "../../../src/influxql/catalog/removal.ts";
import { InfluxqlWorld, statementOf } from "../../support/influxql_world.ts";

let world: InfluxqlWorld;

beforeEach(async () => {
  world = await InfluxqlWorld.open({ databases: { db0: ["rp1"], db1: [] } });
  world.write([
    "cpu,host=a v=1 10",
    "cpu,host=b v=1,w=2 20",
    "cpu_v,host=a load=1 10",
    "gpu v=1 30",
  ]);
  world.write(["cpu,host=a v=1 10", "cpu,host=c v=1 40"], { rp: "rp1" });
  world.write(["cpu,host=a v=1 10"], { db: "db1" });
});
afterEach(async () => await world[Symbol.asyncDispose]());

async function remove(text: string): Promise<void> {
  const statement = statementOf(text);
  if (statement.kind === "drop_measurement") {
    return await dropMeasurement(world, statement.name, world.context());
  }
  if (statement.kind !== "delete" && statement.kind !== "drop_series") throw new Error(text);
  await removeSeries(world, statement, world.context());
}

async function left(): Promise<string[]> {
  const keys = await Promise.all([
    world.rows("SHOW SERIES FROM autogen./.*/"),
    world.rows("SHOW SERIES FROM rp1./.*/"),
  ]);
  expect(await world.rows("SHOW SERIES", "db1")).toEqual([" cpu,host=a"]);
  return keys.flatMap((each, i) => each.map((key) => `${i === 0 ? "" : "rp1."}${key.trim()}`));
}

const ALL = ["cpu,host=a", "cpu,host=b", "cpu_v,host=a", "gpu", "rp1.cpu,host=a", "rp1.cpu,host=c"];
const without = (...keys: string[]) => ALL.filter((key) => !keys.includes(key));

test.each([
  ["DELETE FROM cpu", ["cpu_v,host=a", "gpu"]],
  ["DELETE FROM rp1.cpu", without("rp1.cpu,host=a", "rp1.cpu,host=c")],
  ["DELETE FROM rp1./^c/ WHERE time < 20", without("rp1.cpu,host=a")],
  ["DELETE FROM cpu WHERE time <= 10", without("cpu,host=a", "rp1.cpu,host=a")],
  ["DELETE FROM cpu WHERE time < 10", ALL],
  ["DELETE FROM cpu WHERE host = 'a' AND time < 20", without("cpu,host=a", "rp1.cpu,host=a")],
  ["DELETE WHERE host !~ /[ab]/", without("gpu", "rp1.cpu,host=c")],
  ["DELETE FROM cpu WHERE time > 50", ALL],
  ["DELETE FROM cpu WHERE time > 50 AND time < 5", ALL],
  ["DROP SERIES FROM /^g/", without("gpu")],
  ["DROP SERIES FROM cpu WHERE host = 'c' OR host = ''", without("rp1.cpu,host=c")],
  ["DROP SERIES WHERE host = 'b'", without("cpu,host=b")],
  ["DROP MEASUREMENT cpu", ["cpu_v,host=a", "gpu"]],
  ["DROP MEASUREMENT nothing", ALL],
])("%s", async (text, keys) => {
  await remove(text);
  expect(await left()).toEqual(keys);
});

test.each([
  ["DROP SERIES FROM cpu WHERE time > 5", "DROP SERIES doesn't support time in WHERE clause"],
  ["DROP SERIES FROM cpu WHERE v > 5", "fields not supported in WHERE clause during deletion"],
  ["DELETE FROM cpu WHERE w = 2", "fields not supported in WHERE clause during deletion"],
  ["DELETE FROM nope.cpu", "retention policy not found: nope"],
])("%s is refused and deletes nothing", async (text, message) => {
  await expect(remove(text)).rejects.toThrow(message);
  expect(await left()).toEqual(ALL);
});

test("what is written after a deletion is there", async () => {
  await remove("DROP SERIES FROM cpu");
  world.write(["cpu,host=a v=1 10"]);
  expect(await left()).toEqual(["cpu,host=a", "cpu_v,host=a", "gpu"]);
});

test("times are in ticks of the engine", async () => {
  await using coarse = await InfluxqlWorld.open({ timeUnit: "s" });
  coarse.write(["m,t=a v=1 1583020800000000000", "m,t=b v=1 1583020801000000000"]);
  const statement = statementOf("DELETE FROM m WHERE time <= '2020-03-01T00:00:00Z'");
  if (statement.kind !== "delete") throw new Error("no DELETE");
  await removeSeries(coarse, statement, coarse.context());
  expect(await coarse.rows("SHOW SERIES")).toEqual([" m,t=b"]);
});

test("a dropped database takes all its policies with it, and may come back empty", async () => {
  await dropDatabase(world, "nope");
  await dropDatabase(world, "db0");
  await expect(world.show("SHOW SERIES")).rejects.toThrow("database not found: db0");
  world.catalog.touch("db0");
  world.catalog.touch("db0/rp1");
  expect(await left()).toEqual([]);
});

test("a label in a range", async () => {
  await removeLabel(world.database, "db0", { start: 0n, end: 20n });
  expect(await left()).toEqual(without("cpu,host=a", "cpu_v,host=a"));
  await expect(removeLabel(world.database, "")).rejects.toThrow("database not found");
});
