/**
 * Real input, end to end: a sampler over TCP, the official InfluxDB client and node-influx over HTTP; then the process is
 * killed, started again, and every acknowledged point is there exactly once.
 */
import { expect, test } from "bun:test";
import { InfluxDB as InfluxClient, Point } from "@influxdata/influxdb-client";
import { FieldType, InfluxDB as NodeInflux } from "influx";
import { spawn } from "node:child_process";
import { join } from "node:path";
import {
  type DaemonProcess,
  killDaemon,
  querySum,
  queryValues,
  startDaemon,
  stopDaemon,
  TestDirectory,
  until,
} from "../support/daemon_process.ts";

const SAMPLER = join(import.meta.dir, "../../examples/host_metrics.sh");
const ROUNDS = 4;
const OFFICIAL_POINTS = 2_500;
const NODE_POINTS = 500;

/** Runs the sampler against the line port; resolves once all its rounds are sent. */
async function sampleHost(port: number): Promise<void> {
  const child = spawn(SAMPLER, [`127.0.0.1:${port}`, "0.3", String(ROUNDS)], { stdio: "inherit" });
  const code = await new Promise((resolve) => child.once("exit", resolve));
  expect(code).toBe(0);
}

/** The official client: gzip batches to /api/v2/write. */
async function writeOfficial(url: string, startMs: number): Promise<void> {
  const api = new InfluxClient({ url, token: "any" }).getWriteApi("org", "official", "ms", {
    batchSize: 500,
    gzipThreshold: 100,
    maxRetries: 0,
  });
  for (let index = 0; index < OFFICIAL_POINTS; index++) {
    const room = `room ${index % 5}`;
    api.writePoint(
      new Point("climate").tag("room", room).floatField("temperature", 20 + index / 7)
        .intField("humidity", index).stringField("note", `at "${index}", ok`)
        .timestamp(new Date(startMs + index)),
    );
  }
  await api.close();
}

/** node-influx: /write with precision and database. */
async function writeNode(url: string, startMs: number): Promise<void> {
  const { hostname, port } = new URL(url);
  const influx = new NodeInflux({
    host: hostname,
    port: Number(port),
    database: "nodes",
    schema: [{
      measurement: "power",
      fields: { watts: FieldType.FLOAT, on: FieldType.BOOLEAN },
      tags: ["plug"],
    }],
  });
  for (let first = 0; first < NODE_POINTS; first += 100) {
    await influx.writePoints(
      Array.from({ length: 100 }, (_, offset) => ({
        measurement: "power",
        tags: { plug: "kitchen, left" },
        fields: { watts: first + offset + 0.5, on: offset % 2 === 0 },
        timestamp: new Date(startMs + first + offset),
      })),
      { precision: "ms" },
    );
  }
}

/** Writes single lines one after the other until the connection breaks; returns the numbers of acknowledged ones. */
async function writeUntilKilled(url: string, stamp: bigint): Promise<Set<number>> {
  const acknowledged = new Set<number>();
  for (let number = 0; number < 100_000; number++) {
    try {
      const body = `killed value=${number}i ${stamp + BigInt(number) * 1_000_000n}`;
      const response = await fetch(`${url}/write`, { method: "POST", body });
      if (response.status !== 204) break;
    } catch {
      break;
    }
    acknowledged.add(number);
  }
  return acknowledged;
}

async function checkClients(daemon: DaemonProcess): Promise<void> {
  const { url } = daemon;
  expect(await querySum(url, "count_over_time(climate_temperature[1h])")).toBe(OFFICIAL_POINTS);
  expect(await querySum(url, "count_over_time(climate_humidity[1h])")).toBe(OFFICIAL_POINTS);
  const rooms = await queryValues(url, "sum by (room, db) (count_over_time(climate_humidity[1h]))");
  expect(rooms.get('{"db":"official","room":"room 3"}')).toBe(OFFICIAL_POINTS / 5);
  expect(await querySum(url, "sum_over_time(climate_humidity[1h])"))
    .toBe(OFFICIAL_POINTS * (OFFICIAL_POINTS - 1) / 2);
  expect(await querySum(url, 'count_over_time(power_watts{plug="kitchen, left",db="nodes"}[1h])'))
    .toBe(NODE_POINTS);
  expect(await querySum(url, "sum_over_time(power_on[1h])")).toBe(NODE_POINTS / 2);
  expect(await querySum(url, "count_over_time(load_load1[1h])")).toBe(ROUNDS);
  expect(await querySum(url, "count_over_time(mem_MemTotal[1h])")).toBe(ROUNDS);
}

test(
  "real clients write, the process is killed, every acknowledged point is there once",
  async () => {
    using directory = new TestDirectory();
    const first = await startDaemon(directory.path);
    const startMs = Date.now() - 600_000;
    await Promise.all([
      sampleHost(first.tcpPort),
      writeOfficial(first.url, startMs),
      writeNode(first.url, startMs),
    ]);
    await until(async () =>
      await querySum(first.url, "count_over_time(load_load1[1h])") === ROUNDS
    );
    await checkClients(first);

    const stamp = BigInt(startMs) * 1_000_000n;
    const writing = [0, 1, 2, 3].map((lane) =>
      writeUntilKilled(first.url, stamp + BigInt(lane) * 100_000_000_000n)
    );
    await Bun.sleep(300);
    await killDaemon(first);
    const acknowledged = await Promise.all(writing);
    const total = acknowledged.reduce((sum, lane) => sum + lane.size, 0);
    expect(total).toBeGreaterThan(100);

    const second = await startDaemon(directory.path);
    await checkClients(second);
    const stored = await querySum(second.url, "count_over_time(killed[1h])");
    // At most one line of each lane was stored without its answer having gone out.
    expect(stored).toBeGreaterThanOrEqual(total);
    expect(stored).toBeLessThanOrEqual(total + acknowledged.length);
    expect(await stopDaemon(second)).toBe(0);

    const third = await startDaemon(directory.path);
    await checkClients(third);
    expect(await querySum(third.url, "count_over_time(killed[1h])")).toBe(stored);
    expect(await stopDaemon(third)).toBe(0);
  },
  60_000,
);
