/** The disk is full, comes to be read-only, or is shared: writes are refused for a while, nothing acknowledged is lost. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  type DaemonProcess,
  EXECUTABLE,
  killDaemon,
  querySum,
  startDaemon,
  stopDaemon,
  TestDirectory,
  until,
} from "../support/daemon_process.ts";
import { accountForAll, LineLoad, type LoadProtocol } from "../support/line_load.ts";
import { SmallDisk } from "../support/small_disk.ts";

setDefaultTimeout(60_000);

const DISK_BYTES = 12 << 20;
const START_MS = 1_760_000_000_000;
const FLAGS = ["--wal-file-size", "256K", "--flush-points", "50000", "--admin-api", "true"];

function makeLoad(protocol: LoadProtocol, writer: string): LineLoad {
  return new LineLoad({
    protocol,
    writer,
    linesPerBatch: 200,
    startMs: START_MS,
    pauseMs: 1,
    // Values and times that hardly compress would fill a disk faster; these are what the accounting needs.
    stepMs: 7,
  });
}

async function post(daemon: DaemonProcess, path: string, query: Record<string, string> = {}) {
  const url = `${daemon.url}${path}?${new URLSearchParams(query)}`;
  const response = await fetch(url, { method: "POST" });
  return { status: response.status, text: await response.text() };
}

/** Writes batches until one is refused for want of room; returns its status. */
async function writeUntilRefused(
  daemon: DaemonProcess,
  load: LineLoad,
): Promise<number | undefined> {
  for (;;) {
    const status = await load.writeBatch(daemon.url);
    if (status !== 204) return status;
  }
}

test("a full disk refuses writes with 503, serves reads, and takes writes again by itself", async () => {
  using disk = SmallDisk.mount(DISK_BYTES);
  if (disk === undefined) return;
  const daemon = await startDaemon(disk.path, FLAGS);
  const loads = (["v1", "v2", "gzip"] as const).map((protocol) => makeLoad(protocol, protocol));
  const first = loads[0]!;
  for (const load of loads) expect(await load.writeBatch(daemon.url)).toBe(204);
  for (let round = 0; round < 3; round++) {
    disk.fill(64 << 10);
    for (const load of loads) expect(await writeUntilRefused(daemon, load)).toBe(503);
    // Refused again and again, and nothing piles up; reads go on.
    for (let attempt = 0; attempt < 20; attempt++) await first.writeBatch(daemon.url);
    await accountForAll(daemon.url, loads);
    expect((await fetch(`${daemon.url}/health`)).status).toBe(200);
    disk.empty();
    await until(async () => await first.writeBatch(daemon.url) === 204, "a write to succeed");
    for (const load of loads) expect(await load.writeBatch(daemon.url)).toBe(204);
    await accountForAll(daemon.url, loads);
  }
  await killDaemon(daemon);
  const again = await startDaemon(disk.path, FLAGS);
  await accountForAll(again.url, loads);
  expect(await stopDaemon(again)).toBe(0);
});

test("a disk that is full at a flush, a delete, a stop and a start", async () => {
  using disk = SmallDisk.mount(DISK_BYTES);
  if (disk === undefined) return;
  const daemon = await startDaemon(disk.path, FLAGS);
  const kept = makeLoad("v1", "kept");
  const lost = makeLoad("v1", "lost");
  for (let batch = 0; batch < 40; batch++) {
    for (const load of [kept, lost]) expect(await load.writeBatch(daemon.url)).toBe(204);
  }
  disk.fill(0);
  const flushed = await post(daemon, "/api/v1/admin/flush");
  // Files that are not needed any more may have made room for it.
  expect([204, 503]).toContain(flushed.status);
  await accountForAll(daemon.url, [kept, lost]);
  const match = { "match[]": '{writer="lost"}' };
  const deleted = await post(daemon, "/api/v1/admin/tsdb/delete_series", match);
  expect(deleted.status).toBe(204);
  await accountForAll(daemon.url, [kept]);
  await killDaemon(daemon);
  // A start must not need room, and a stop must not either.
  const full = await startDaemon(disk.path, FLAGS);
  await accountForAll(full.url, [kept]);
  expect([0, 1]).toContain(Number(await stopDaemon(full)));
  disk.empty();
  const again = await startDaemon(disk.path, FLAGS);
  await accountForAll(again.url, [kept]);
  const repeated = await post(again, "/api/v1/admin/tsdb/delete_series", match);
  expect(repeated.status).toBeLessThan(300);
  expect(await querySum(again.url, 'count_over_time(load{writer="lost"}[100y])')).toBe(0);
  expect((await post(again, "/api/v1/admin/flush")).status).toBeLessThan(300);
  await accountForAll(again.url, [kept]);
  expect(await stopDaemon(again)).toBe(0);
});

test("a full disk under load over all protocols, space coming and going", async () => {
  using disk = SmallDisk.mount(DISK_BYTES);
  if (disk === undefined) return;
  // What is kept for copies would make room each time.
  const flags = [...FLAGS, "--obsolete-keep", "0s"];
  const daemon = await startDaemon(disk.path, flags);
  const loads = (["v1", "v2", "gzip", "tcp"] as const).map((each) => makeLoad(each, each));
  const running = Promise.all(loads.map((load) => load.run(daemon)));
  const refused = () => loads.reduce((sum, each) => sum + (each.refusals.get(503) ?? 0), 0);
  for (let round = 0; round < 4; round++) {
    await Bun.sleep(300);
    const before = refused();
    disk.fill(round % 2 === 0 ? 0 : 100 << 10);
    await until(() => refused() > before, "writes to be refused");
    expect((await fetch(`${daemon.url}/health`)).status).toBe(200);
    disk.empty();
  }
  for (const load of loads) load.stop();
  await running;
  for (const load of loads) {
    for (const status of load.refusals.keys()) expect(status).toBe(503);
  }
  await accountForAll(daemon.url, loads);
  await killDaemon(daemon);
  const again = await startDaemon(disk.path, flags);
  const points = await accountForAll(again.url, loads);
  console.log(`${points} points, refused ${loads.map((each) => each.refusals.get(503) ?? 0)}`);
  expect(await stopDaemon(again)).toBe(0);
});

test("a file system that was made read-only is a clear end of the start", async () => {
  using disk = SmallDisk.mount(DISK_BYTES);
  if (disk === undefined) return;
  const daemon = await startDaemon(disk.path, FLAGS);
  const load = makeLoad("v1", "w");
  for (let batch = 0; batch < 5; batch++) expect(await load.writeBatch(daemon.url)).toBe(204);
  await stopDaemon(daemon);
  expect(disk.remount("ro")).toBe(true);
  const words = ["serve", "--data-path", `${disk.path}/data`, "--listen", "127.0.0.1:0"];
  const { status, stderr } = spawnSync(EXECUTABLE, [...words, "--tcp-listen", "off"], {
    encoding: "utf8",
    timeout: 10_000,
  });
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(stderr.toLowerCase()).toContain("read-only");
  expect(status).toBe(1);
  expect(disk.remount("rw")).toBe(true);
  const again = await startDaemon(disk.path, FLAGS);
  await accountForAll(again.url, [load]);
  expect(await stopDaemon(again)).toBe(0);
});

test("two processes on one directory: the second is told, the first goes on", async () => {
  using directory = new TestDirectory();
  const daemon = await startDaemon(directory.path, FLAGS);
  const load = makeLoad("v1", "w");
  const running = load.run(daemon);
  for (let attempt = 0; attempt < 3; attempt++) {
    await expect(startDaemon(directory.path, FLAGS)).rejects.toThrow(
      `process ${daemon.process.pid}`,
    );
  }
  load.stop();
  await running;
  await accountForAll(daemon.url, [load]);
  await killDaemon(daemon);
  // The lock is gone with its holder.
  const again = await startDaemon(directory.path, FLAGS);
  await accountForAll(again.url, [load]);
  expect(await stopDaemon(again)).toBe(0);
});
