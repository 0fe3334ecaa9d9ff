/**
 * The process is killed while it flushes, compacts, deletes and copies itself under load: deletions that were confirmed
 * hold, others have happened or not, snapshots that were confirmed open with all that was acknowledged before them, and no
 * write is lost.
 */
import { expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ALL_TIME, Storage } from "../../engine/mod.ts";
import { budgetMs, choices, limitMs } from "../support/chaos_budget.ts";
import {
  type DaemonProcess,
  killDaemon,
  queryValues,
  startDaemon,
  stopDaemon,
  TestDirectory,
} from "../support/daemon_process.ts";
import { accountForAll, LineLoad } from "../support/line_load.ts";
import type { SeededRandom } from "../support/seeded_random.ts";

const SHORT_MS = 4_000;
const START_MS = 1_760_000_000_000;
const FLAGS = [
  "--admin-api",
  "true",
  "--wal-file-size",
  "64K",
  "--flush-points",
  "5000",
  "--partition",
  "1h",
];
const DOOMED_POINTS = 200;

interface Deletion {
  readonly writer: string;
  confirmed: boolean;
}

interface Snapshot {
  readonly name: string;
  /** Points of each writer that had been acknowledged when the snapshot was asked for. */
  readonly owed: ReadonlyMap<string, number>;
}

interface Ledger {
  readonly loads: LineLoad[];
  readonly deletions: Deletion[];
  readonly snapshots: Snapshot[];
}

/** Posts to the admin API; the answer's text, or undefined where none came or it was a refusal. */
async function post(daemon: DaemonProcess, path: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${daemon.url}/api/v1/admin/${path}`, { method: "POST" });
    const text = await response.text();
    return response.status < 300 ? text : undefined;
  } catch {
    return undefined;
  }
}

async function deleteDoomed(daemon: DaemonProcess, ledger: Ledger): Promise<void> {
  const writer = `doomed${ledger.deletions.length}`;
  const startMs = START_MS;
  const load = new LineLoad({ protocol: "v1", writer, linesPerBatch: DOOMED_POINTS, startMs });
  if (await load.writeBatch(daemon.url) !== 204) return;
  const deletion: Deletion = { writer, confirmed: false };
  ledger.deletions.push(deletion);
  const match = encodeURIComponent(`{writer="${writer}"}`);
  deletion.confirmed = await post(daemon, `tsdb/delete_series?match[]=${match}`) !== undefined;
}

async function takeSnapshot(daemon: DaemonProcess, ledger: Ledger): Promise<void> {
  const owed = new Map(
    ledger.loads.map((load) => [load.options.writer, load.acknowledgedPoints] as const),
  );
  const text = await post(daemon, "tsdb/snapshot");
  if (text === undefined) return;
  const { data } = JSON.parse(text) as { readonly data: { readonly name: string } };
  ledger.snapshots.push({ name: data.name, owed });
}

/** Does one thing after the other until the daemon is gone. */
async function maintain(
  daemon: DaemonProcess,
  ledger: Ledger,
  random: SeededRandom,
): Promise<void> {
  let gone = false;
  void daemon.exited.then(() => gone = true);
  while (!gone) {
    const what = random.below(6);
    if (what === 0) await takeSnapshot(daemon, ledger);
    else if (what === 1) await post(daemon, "compact");
    else if (what === 2) await post(daemon, "flush");
    else await deleteDoomed(daemon, ledger);
  }
}

async function checkDeletions(daemon: DaemonProcess, ledger: Ledger): Promise<void> {
  const time = START_MS / 1_000 + 3_600;
  const found = new Map<string, number[]>();
  for (const name of ["load", "load_square"]) {
    const query = `count_over_time(${name}{writer=~"doomed.*"}[2h] @ ${time})`;
    for (const [labels, count] of await queryValues(daemon.url, query)) {
      const { writer } = JSON.parse(labels) as { readonly writer: string };
      found.set(writer, [...found.get(writer) ?? [], count]);
    }
  }
  for (const { writer, confirmed } of ledger.deletions) {
    const left = found.get(writer) ?? [];
    if (confirmed && left.length > 0) throw new Error(`${writer} is back with ${left} points`);
    const isWhole = left.every((count) => count === DOOMED_POINTS);
    if (!isWhole) throw new Error(`${writer} is deleted in part: ${left} of ${DOOMED_POINTS}`);
  }
}

/** Opens confirmed snapshots, compares, and removes them. */
async function checkSnapshots(directory: string, ledger: Ledger): Promise<number> {
  const snapshots = ledger.snapshots.splice(0);
  for (const { name, owed } of snapshots) {
    const path = join(directory, "data/snapshots", name);
    if (!existsSync(path)) throw new Error(`Snapshot ${name} is gone`);
    const storage = await Storage.open({ path, settings: { partitionMs: 3_600_000 } });
    try {
      const found = new Map<string, number>();
      for (const { series, points } of storage.selectAll("load", ALL_TIME.start, ALL_TIME.end)) {
        const writer = series.labels.find(([label]) => label === "writer")?.[1] ?? "";
        found.set(writer, points.length);
      }
      for (const [writer, points] of owed) {
        const there = found.get(writer) ?? 0;
        if (there < points) throw new Error(`Snapshot has ${there} of ${points} of ${writer}`);
      }
    } finally {
      await storage.close();
    }
    rmSync(path, { recursive: true });
  }
  return snapshots.length;
}

test("kill -9 amid maintenance", async () => {
  using directory = new TestDirectory();
  const { random, failure } = choices("chaos_maintenance");
  const until = performance.now() + budgetMs(SHORT_MS);
  const ledger: Ledger = { loads: [], deletions: [], snapshots: [] };
  let cycles = 0;
  let snapshots = 0;
  try {
    for (; performance.now() < until; cycles++) {
      const daemon = await startDaemon(directory.path, FLAGS);
      await accountForAll(daemon.url, ledger.loads.slice(-4));
      await checkDeletions(daemon, ledger);
      snapshots += await checkSnapshots(directory.path, ledger);
      const added = (["v1", "v2"] as const).map((protocol, index) =>
        new LineLoad({
          protocol,
          writer: `${cycles}_${protocol}`,
          linesPerBatch: 50,
          startMs: START_MS + (cycles + index) * 1_000_000,
          pauseMs: 3,
        })
      );
      ledger.loads.push(...added);
      const running = Promise.all([
        ...added.map((load) => load.run(daemon)),
        maintain(daemon, ledger, random),
      ]);
      await Bun.sleep(50 + random.below(600));
      await killDaemon(daemon);
      for (const load of added) load.stop();
      await running;
    }
    const daemon = await startDaemon(directory.path, FLAGS);
    await accountForAll(daemon.url, ledger.loads);
    await checkDeletions(daemon, ledger);
    expect(await stopDaemon(daemon)).toBe(0);
  } catch (error) {
    throw failure(error, `cycle ${cycles}: `);
  }
  console.log(`${cycles} kills, ${ledger.deletions.length} deletions, ${snapshots} snapshots`);
}, limitMs(SHORT_MS));
