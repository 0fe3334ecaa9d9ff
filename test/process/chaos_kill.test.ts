/** The process is killed while everybody writes: what was acknowledged is there once after each start. */
import { expect, test } from "bun:test";
import { budgetMs, choices, limitMs } from "../support/chaos_budget.ts";
import {
  type DaemonProcess,
  killDaemon,
  startDaemon,
  stopDaemon,
  TestDirectory,
} from "../support/daemon_process.ts";
import { accountForAll, LineLoad, type LoadProtocol } from "../support/line_load.ts";
import type { SeededRandom } from "../support/seeded_random.ts";

const SHORT_MS = 4_000;
/** A start after a kill, with the little data of this test: generous for a loaded machine. */
const START_MS_MAX = 2_000;
const PROTOCOLS: readonly LoadProtocol[] = ["v1", "v2", "gzip", "tcp"];
const DAY_MS = 86_400_000;

/** Settings that each start draws from: small files, so that a run crosses log files, flushes and compactions. */
const VARIANTS: readonly (readonly string[])[] = [
  ["--wal-file-size", "64K", "--flush-points", "20000"],
  ["--wal-file-size", "64K", "--flush-points", "1000", "--flush-idle", "100ms"],
  ["--wal-file-size", "256K", "--wal-size-max", "1M"],
  ["--wal-file-size", "1M", "--memory-limit", "16M"],
  // What is answered before the sync is with the kernel, which a killed process does not take with it.
  ["--wal-sync", "periodic", "--wal-sync-interval", "50ms", "--flush-points", "5000"],
];

interface Cycle {
  readonly daemon: DaemonProcess;
  readonly loads: readonly LineLoad[];
  readonly random: SeededRandom;
}

function makeLoads(cycle: number): LineLoad[] {
  return PROTOCOLS.map((protocol, index) =>
    new LineLoad({
      protocol,
      writer: `${cycle}_${protocol}`,
      pauseMs: 4,
      linesPerBatch: [10, 200, 50, 100][index]!,
      // Days apart, so that there are several partitions at once, and late data.
      startMs: 1_760_000_000_000 + ((cycle * 7 + index) % 5) * DAY_MS + cycle * 1_000_000,
    })
  );
}

/** Lets the writers run for a random while, then ends the daemon by `end`. */
async function writeUntil(
  { daemon, loads, random }: Cycle,
  end: (daemon: DaemonProcess) => Promise<unknown>,
): Promise<void> {
  const running = Promise.all(loads.map((load) => load.run(daemon)));
  await Bun.sleep(20 + random.below(700));
  const result = await end(daemon);
  for (const load of loads) load.stop();
  await running;
  if (typeof result === "number") expect(result).toBe(0);
}

/** Starts the daemon; returns how long it took. */
async function startTimed(
  directory: string,
  random: SeededRandom,
): Promise<{ daemon: DaemonProcess; tookMs: number }> {
  const began = performance.now();
  const daemon = await startDaemon(directory, ["--partition", "12h", ...random.pick(VARIANTS)]);
  return { daemon, tookMs: performance.now() - began };
}

test("kill -9 under load loses nothing that was acknowledged", async () => {
  using directory = new TestDirectory();
  const { random, failure } = choices("chaos_kill");
  const until = performance.now() + budgetMs(SHORT_MS);
  const loads: LineLoad[] = [];
  let slowestMs = 0;
  let cycles = 0;
  let points = 0;
  try {
    for (; performance.now() < until; cycles++) {
      const { daemon, tookMs } = await startTimed(directory.path, random);
      slowestMs = Math.max(slowestMs, tookMs);
      // Earlier cycles' points now and then, the last one's always.
      const checked = cycles % 8 === 7 ? loads : loads.slice(-PROTOCOLS.length);
      points = await accountForAll(daemon.url, checked);
      const added = makeLoads(cycles);
      loads.push(...added);
      await writeUntil({ daemon, loads: added, random }, killDaemon);
    }
    const { daemon } = await startTimed(directory.path, random);
    points = await accountForAll(daemon.url, loads);
    expect(await stopDaemon(daemon)).toBe(0);
  } catch (error) {
    throw failure(error, `cycle ${cycles}: `);
  }
  console.log(`${cycles} kills, ${points} points, slowest start ${slowestMs.toFixed(0)} ms`);
  expect(points).toBeGreaterThan(0);
  expect(slowestMs).toBeLessThan(START_MS_MAX);
}, limitMs(SHORT_MS));

test("SIGTERM under load stores what was acknowledged and ends with 0", async () => {
  using directory = new TestDirectory();
  const { random, failure } = choices("chaos_kill");
  const loads: LineLoad[] = [];
  try {
    for (let cycle = 0; cycle < 3; cycle++) {
      const { daemon } = await startTimed(directory.path, random);
      const added = makeLoads(cycle);
      loads.push(...added);
      await writeUntil({ daemon, loads: added, random }, stopDaemon);
    }
    const { daemon } = await startTimed(directory.path, random);
    expect(await accountForAll(daemon.url, loads)).toBeGreaterThan(0);
    await stopDaemon(daemon);
  } catch (error) {
    throw failure(error);
  }
}, 30_000);
