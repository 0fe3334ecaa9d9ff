/** node-influx, a client of InfluxDB 1, against the executable: databases, policies, users, writes and queries. */
import { expect, test } from "bun:test";
import { FieldType, InfluxDB } from "influx";
import { startDaemon, stopDaemon, TestDirectory } from "../support/daemon_process.ts";

const START_MS = Date.UTC(2020, 2, 1);
const POINTS = 120;

interface Row {
  readonly time: Date & { getNanoTime(): string };
  readonly watts: number;
}

test("node-influx finds what it expects of InfluxDB", async () => {
  using directory = new TestDirectory();
  const daemon = await startDaemon(directory.path);
  const { hostname, port } = new URL(daemon.url);
  const client = new InfluxDB({
    host: hostname,
    port: Number(port),
    database: "plugs",
    schema: [{
      measurement: "power",
      fields: { watts: FieldType.FLOAT, count: FieldType.INTEGER, on: FieldType.BOOLEAN },
      tags: ["plug"],
    }],
  });

  expect(await client.getDatabaseNames()).toEqual([]);
  await client.createDatabase("plugs");
  await client.createDatabase("other");
  expect(await client.getDatabaseNames()).toEqual(["other", "plugs"]);
  await client.createRetentionPolicy("week", {
    database: "plugs",
    duration: "7d",
    replication: 1,
    isDefault: false,
  });
  const policies = await client.showRetentionPolicies("plugs");
  expect(policies.map(({ name, duration }) => [name, duration])).toEqual([
    ["autogen", "0s"],
    ["week", "168h0m0s"],
  ]);
  await client.createUser("anna", "it's secret", true);
  expect([...await client.getUsers()]).toMatchObject([{ user: "anna", admin: true }]);

  await client.writePoints(Array.from({ length: POINTS }, (_, i) => ({
    measurement: "power",
    tags: { plug: i % 2 === 0 ? "kitchen, left" : "attic" },
    fields: { watts: i + 0.5, count: i, on: i % 3 === 0 },
    timestamp: new Date(START_MS + i * 1_000),
  })));
  expect(await client.getMeasurements()).toEqual(["power"]);
  expect(await client.getSeries()).toEqual(["power,plug=attic", "power,plug=kitchen\\,\\ left"]);

  const rows = await client.query<Row>("SELECT watts, plug FROM power LIMIT 2");
  expect([...rows].map(({ time, watts }) => [time.getTime(), watts])).toEqual([
    [START_MS, 0.5],
    [START_MS + 1_000, 1.5],
  ]);
  expect(rows[0]!.time.getNanoTime()).toBe(`${START_MS}000000`);

  const means = await client.query<{ readonly mean: number; readonly plug: string }>(
    "SELECT mean(watts) FROM power WHERE plug = $plug AND time < $end GROUP BY time(1m), plug",
    { placeholders: { plug: "attic", end: "2020-03-01T00:02:00Z" } },
  );
  expect(means.groups()).toMatchObject([{ name: "power", tags: { plug: "attic" } }]);
  expect(means.slice(-2).map(({ mean }) => mean)).toEqual([30.5, 90.5]);

  const both = await client.query<unknown>(["SELECT count(watts) FROM power", "SHOW DATABASES"]);
  expect(both).toHaveLength(2);
  const wrong = client.query("SELECT watts FROM nowhere..power");
  await expect(wrong).rejects.toThrow("database not found: nowhere");

  await client.dropMeasurement("power");
  expect(await client.getMeasurements()).toEqual([]);
  await client.dropDatabase("plugs");
  expect(await client.getDatabaseNames()).toEqual(["other"]);
  expect(await stopDaemon(daemon)).toBe(0);
}, 30_000);
