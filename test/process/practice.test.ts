/** Practice in the executable: when it comes, that it shows nowhere but in its own metric, and what it costs in memory. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  type DaemonProcess,
  querySum,
  startDaemon,
  stopDaemon,
  TestDirectory,
  until,
} from "../support/daemon_process.ts";
import { MemoryCage } from "../support/memory_cage.ts";

/** What the process itself holds once it has practised: it is what any queries leave. */
const OWN_BYTES_MAX = 60e6;
const CAGE_BYTES = 128 << 20;
/** How long a daemon that does not practise is watched. */
const WATCHED_MS = 500;

async function metricsOf(daemon: DaemonProcess): Promise<string> {
  return await (await fetch(`${daemon.url}/metrics`)).text();
}

/** Waits for the sign that practice is over. */
async function practised(daemon: DaemonProcess): Promise<void> {
  await until(async () => /^tsinkd_practice_seconds /m.test(await metricsOf(daemon)), "practice");
}

/** Paths, sizes and times of all files of a directory. */
function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).sort().map((path) => {
    const { size, mtimeMs } = statSync(join(directory, path));
    return `${path} ${size} ${mtimeMs}`;
  });
}

test("practice at the start writes nothing and is not counted", async () => {
  using directory = new TestDirectory();
  const daemon = await startDaemon(directory.path, ["--practice", "start"]);
  const before = filesOf(join(directory.path, "data"));
  await practised(daemon);
  const page = await metricsOf(daemon);
  const counted = [...page.matchAll(/^tsinkd_http_requests_total\{path="([^"]+)".* [1-9]/gm)];
  expect(counted.map(([, path]) => path)).toEqual(["/metrics"]);
  expect(page).toMatch(/^tsinkd_ingest_points_total 0$/m);
  expect(page).toMatch(/^tsinkd_query_memory_bytes 0$/m);
  expect(filesOf(join(directory.path, "data"))).toEqual(before);
  expect(daemon.output().trim().split("\n")).toHaveLength(1);
  const status = readFileSync(`/proc/${daemon.process.pid}/status`, "utf8");
  const ownBytes = Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) * 1_024;
  console.log(`after practice: ${(ownBytes / 1e6).toFixed(1)} MB of its own`);
  expect(ownBytes).toBeLessThan(OWN_BYTES_MAX);
  expect(await stopDaemon(daemon)).toBe(0);
});

test("unless asked for, there is no practice", async () => {
  using directory = new TestDirectory();
  const daemon = await startDaemon(directory.path);
  await fetch(`${daemon.url}/write`, { method: "POST", body: "m v=1" });
  expect(await querySum(daemon.url, "m_v")).toBe(1);
  await Bun.sleep(WATCHED_MS);
  expect(await metricsOf(daemon)).not.toContain("\ntsinkd_practice_seconds ");
  await stopDaemon(daemon);
});

test("practice may wait for the first query", async () => {
  using directory = new TestDirectory();
  const daemon = await startDaemon(directory.path, ["--practice", "first-query"]);
  await fetch(`${daemon.url}/write`, { method: "POST", body: "m v=1" });
  await Bun.sleep(WATCHED_MS);
  expect(await metricsOf(daemon)).not.toContain("\ntsinkd_practice_seconds ");
  expect(await querySum(daemon.url, "m_v")).toBe(1);
  await practised(daemon);
  await stopDaemon(daemon);
});

test("a stop does not wait for practice, and a small group of 128 MB is enough for it", async () => {
  using directory = new TestDirectory();
  using cage = MemoryCage.make(CAGE_BYTES);
  const flags = ["--practice", "start"];
  const daemon = await startDaemon(directory.path, flags, {}, cage?.wrapper);
  await Bun.sleep(100);
  expect(await stopDaemon(daemon)).toBe(0);
  const again = await startDaemon(directory.path, flags, {}, cage?.wrapper);
  await practised(again);
  expect(await querySum(again.url, "vector(1)")).toBe(1);
  expect(await stopDaemon(again)).toBe(0);
});
