/**
 * A file system that does what it may: it moves fewer bytes than it was asked to, and it is made read-only under a process
 * that has its files open. Nothing acknowledged is lost, answers are right, and no restart is needed.
 */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type DaemonProcess,
  killDaemon,
  querySum,
  startDaemon,
  stopDaemon,
  TestDirectory,
  until,
} from "../support/daemon_process.ts";
import { buildTracer } from "../support/failing_disk/build.ts";
import { accountForAll, LineLoad } from "../support/line_load.ts";

const START_MS = 1_760_000_000_000;
const FLAGS = ["--wal-file-size", "64K", "--flush-points", "2000", "--admin-api", "true"];
const LIMIT_MS = 60_000;
const LOCK_MS_MAX = 10_000;

/** A daemon's directory and what its file system does now. */
class TamperedDisk implements Disposable {
  readonly directory: TestDirectory = new TestDirectory();
  readonly #tools = new TestDirectory();
  readonly #program: string;

  private constructor(tools: TestDirectory, program: string) {
    this.#tools = tools;
    this.#program = program;
    this.set("sound");
  }

  /** Undefined, with a line that says why, where nothing may be traced. */
  static make(): TamperedDisk | undefined {
    const tools = new TestDirectory();
    const built = buildTracer("tamper", tools.path);
    if ("path" in built) return new TamperedDisk(tools, built.path);
    console.log(`Skipped: ${built.reason}`);
    tools[Symbol.dispose]();
    return undefined;
  }

  set(mode: "sound" | "short" | "read-only"): void {
    writeFileSync(join(this.#tools.path, "mode"), mode);
  }

  /** Starts the daemon. One that was killed with its tracer has the directory until the kernel has ended it. */
  async start(): Promise<DaemonProcess> {
    const { path } = this.directory;
    const wrapper = [this.#program, join(this.#tools.path, "mode"), path];
    const until = performance.now() + LOCK_MS_MAX;
    for (;;) {
      try {
        const daemon = await startDaemon(path, FLAGS, {}, wrapper);
        const holder = Number(readFileSync(join(path, "data/LOCK"), "utf8"));
        expect(existsSync(`/proc/${holder}`)).toBe(true);
        return daemon;
      } catch (error) {
        const isTaken = String(error).includes("is using it");
        if (!isTaken || performance.now() > until) throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    this.directory[Symbol.dispose]();
    this.#tools[Symbol.dispose]();
  }
}

function makeLoads(prefix: string): LineLoad[] {
  return (["v1", "v2", "gzip", "tcp"] as const).map((protocol, index) =>
    new LineLoad({
      protocol,
      writer: `${prefix}_${protocol}`,
      linesPerBatch: 40,
      startMs: START_MS + index * 86_400_000,
      pauseMs: 2,
    })
  );
}

async function post(daemon: DaemonProcess, path: string): Promise<number> {
  const response = await fetch(`${daemon.url}/api/v1/admin/${path}`, { method: "POST" });
  await response.arrayBuffer();
  return response.status;
}

test("reads and writes that move half of the bytes", async () => {
  using disk = TamperedDisk.make();
  if (disk === undefined) return;
  disk.set("short");
  const loads: LineLoad[] = [];
  for (let round = 0; round < 2; round++) {
    const daemon = await disk.start();
    await accountForAll(daemon.url, loads);
    const added = makeLoads(String(round));
    loads.push(...added);
    const running = Promise.all(added.map((load) => load.run(daemon)));
    await Bun.sleep(400);
    for (const path of ["flush", "compact", "tsdb/snapshot"]) {
      expect(await post(daemon, path)).toBeLessThan(300);
    }
    for (const load of added) load.stop();
    await running;
    for (const load of added) expect([...load.refusals]).toEqual([]);
    await accountForAll(daemon.url, loads);
    await killDaemon(daemon);
  }
  const daemon = await disk.start();
  expect(await accountForAll(daemon.url, loads)).toBeGreaterThan(0);
  expect(await stopDaemon(daemon)).toBe(0);
}, LIMIT_MS);

test(
  "made read-only under load: 503, right answers, and writes go on when it is writable again",
  async () => {
    using disk = TamperedDisk.make();
    if (disk === undefined) return;
    const daemon = await disk.start();
    const loads = makeLoads("w").filter(({ options }) => options.protocol !== "tcp");
    const [first] = loads;
    const running = Promise.all(loads.map((load) => load.run(daemon)));
    await Bun.sleep(300);
    disk.set("read-only");
    await until(() => loads.every((load) => load.refusals.has(503)), "writes to be refused");
    for (const path of ["flush", "compact", 'tsdb/delete_series?match[]={writer="w_v1"}']) {
      expect(await post(daemon, path)).toBeGreaterThanOrEqual(500);
    }
    expect((await fetch(`${daemon.url}/health`)).status).toBe(200);
    for (const load of loads) load.stop();
    await running;
    await accountForAll(daemon.url, loads);
    disk.set("sound");
    await until(async () => await first!.writeBatch(daemon.url) === 204, "a write to succeed");
    for (const load of loads) {
      for (const status of load.refusals.keys()) expect(status).toBe(503);
      expect(await load.writeBatch(daemon.url)).toBe(204);
    }
    expect(await post(daemon, "flush")).toBeLessThan(300);
    await accountForAll(daemon.url, loads);
    expect(await post(daemon, 'tsdb/delete_series?match[]={writer="w_gzip"}')).toBeLessThan(300);
    const kept = loads.filter(({ options }) => options.writer !== "w_gzip");
    disk.set("read-only");
    // A process that ends now leaves what it could not tidy up.
    await killDaemon(daemon);
    disk.set("sound");
    const again = await disk.start();
    await accountForAll(again.url, kept);
    expect(await querySum(again.url, 'count_over_time(load{writer="w_gzip"}[100y])')).toBe(0);
    expect(await stopDaemon(again)).toBe(0);
  },
  LIMIT_MS,
);
