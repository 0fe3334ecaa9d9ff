/**
 * The power goes at every point of a run. A recorder writes down what the executable does to its files; for each point of
 * that, the directory is put together as a disk could hold it after the cut: only what was synced, everything, and torn
 * by chance. Each must open, hold every point that was acknowledged before the cut, and nothing that was not sent.
 */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ALL_TIME, Storage } from "../../engine/mod.ts";
import { choices, isLong } from "../support/chaos_budget.ts";
import { startDaemon, stopDaemon, TestDirectory } from "../support/daemon_process.ts";
import { LineLoad } from "../support/line_load.ts";
import {
  DiskModel,
  EVERYTHING,
  ONLY_SYNCED,
  type Survival,
  torn,
} from "../support/power_cut/disk_model.ts";
import {
  buildRecorder,
  type FileEvent,
  fineClock,
  readRecording,
} from "../support/power_cut/recording.ts";

const BATCHES = isLong ? 300 : 150;
const LINES_PER_BATCH = 8;
const WRITERS = 3;
/** Cuts of the short form, spread over the run; the long form takes every one. */
const CUTS_MAX = isLong ? Infinity : 100;
/** Recoveries that are cut in their turn. */
const RECOVERIES = isLong ? 40 : 4;
const START_MS = 1_760_000_000_000;
const LIMIT_MS = isLong ? 3_600_000 : 120_000;
/** Little files and flushes, so that a short run has many of each. */
const FLAGS = [
  "--wal-file-size",
  "64K",
  "--flush-points",
  "1000",
  "--admin-api",
  "true",
];
/** The writer whose points are deleted half-way. */
const GONE = "gone";
const GONE_BATCHES = 20;

interface Acknowledgement {
  readonly writer: string;
  readonly first: number;
  readonly timeMs: number;
}

interface Run {
  readonly events: readonly FileEvent[];
  readonly acknowledged: readonly Acknowledgement[];
  readonly loads: readonly LineLoad[];
  /** When the points of `GONE` began to be deleted, and when that was confirmed. */
  readonly deleted: { beganMs: number; endedMs: number };
  /** When a snapshot was asked for, when it was confirmed, and its name. */
  readonly snapshot: { beganMs: number; endedMs: number; name: string };
}

async function post(url: string, path: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/admin/${path}`, { method: "POST" });
  const text = await response.text();
  expect(text).not.toContain("error");
  expect(response.status).toBeLessThan(300);
  return text;
}

/** Writes under the recorder, stops, and reads the recording. */
async function record(recorder: string, directory: string, log: string): Promise<Run> {
  const acknowledged: Acknowledgement[] = [];
  const clock = fineClock();
  const daemon = await startDaemon(directory, FLAGS, {}, [recorder, log, directory]);
  const loads = Array.from({ length: WRITERS }, (_, index) => {
    const writer = `w${index}`;
    return new LineLoad({
      protocol: (["v2", "v1", "gzip"] as const)[index]!,
      writer,
      linesPerBatch: LINES_PER_BATCH,
      // Two partitions, one of them late.
      startMs: START_MS - (index === 2 ? 3 * 86_400_000 : 0),
      onAcknowledged: (first) => acknowledged.push({ writer, first, timeMs: clock() }),
    });
  });
  const gone = new LineLoad({
    protocol: "v1",
    writer: GONE,
    linesPerBatch: LINES_PER_BATCH,
    startMs: START_MS,
    onAcknowledged: (first) => acknowledged.push({ writer: GONE, first, timeMs: clock() }),
  });
  for (let batch = 0; batch < GONE_BATCHES; batch++) {
    expect(await gone.writeBatch(daemon.url)).toBe(204);
  }
  // Lines sent by TCP are not acknowledged, but they share log and flushes with those that are.
  const tcp = new LineLoad({
    protocol: "tcp",
    writer: "tcp",
    linesPerBatch: LINES_PER_BATCH,
    startMs: START_MS + 86_400_000,
    pauseMs: 2,
  });
  const deleted = { beganMs: Infinity, endedMs: Infinity };
  const snapshot = { beganMs: Infinity, endedMs: Infinity, name: "" };
  const maintain = async () => {
    await post(daemon.url, "flush");
    deleted.beganMs = clock();
    await post(daemon.url, `tsdb/delete_series?match[]={writer="${GONE}"}`);
    deleted.endedMs = clock();
    await post(daemon.url, "compact");
    snapshot.beganMs = clock();
    const answer = JSON.parse(await post(daemon.url, "tsdb/snapshot")) as {
      readonly data: { readonly name: string };
    };
    snapshot.name = answer.data.name;
    snapshot.endedMs = clock();
    await post(daemon.url, "flush");
  };
  const sending = tcp.run(daemon);
  await Promise.all(loads.map(async (load, index) => {
    for (let batch = 0; batch < BATCHES; batch++) {
      if (index === 0 && batch === BATCHES >> 1) await maintain();
      expect(await load.writeBatch(daemon.url)).toBe(204);
    }
  }));
  tcp.stop();
  await sending;
  loads.push(gone, tcp);
  expect(await stopDaemon(daemon)).toBe(0);
  // What TCP has received is stored at a stop.
  for (let first = 0; first < tcp.next; first += LINES_PER_BATCH) {
    acknowledged.push({ writer: "tcp", first, timeMs: clock() });
  }
  return { events: readRecording(log), acknowledged, loads, deleted, snapshot };
}

/** Opens a directory and compares it with what was acknowledged before `timeMs`. Throws where it falls short. */
async function verify(path: string, run: Run, timeMs: number): Promise<void> {
  const owed = run.acknowledged.filter((each) => each.timeMs < timeMs);
  if (owed.length === 0 && !existsSync(path)) return;
  const storage = await Storage.open({ path, settings: { compactionEnabled: false } });
  try {
    const found = new Map<string, Set<number>>();
    for (const metric of ["load", "load_square"]) {
      for (const { series, points } of storage.selectAll(metric, ALL_TIME.start, ALL_TIME.end)) {
        const writer = series.labels.find(([name]) => name === "writer")?.[1] ?? "";
        const load = run.loads.find((each) => each.options.writer === writer);
        if (load === undefined) throw new Error(`Series of "${writer}" was never sent`);
        const counts = new Set<number>();
        if (writer === GONE && points.length > 0 && timeMs > run.deleted.endedMs) {
          throw new Error(`${points.length} points of ${metric} ${GONE} are there, though deleted`);
        }
        for (const { timestamp, value } of points) {
          const count = Number(timestamp / 1_000_000n) - load.options.startMs;
          const expected = metric === "load"
            ? { kind: "f64", value: count }
            : { kind: "i64", value: BigInt(count) * BigInt(count) };
          const isRight = count < load.next && !counts.has(count) &&
            value.kind === expected.kind && value.value === expected.value;
          if (!isRight) throw new Error(`${metric} ${writer} ${count} is ${String(value)}`);
          counts.add(count);
        }
        found.set(`${metric} ${writer}`, counts);
      }
    }
    for (const { writer, first } of owed) {
      if (writer === GONE && timeMs > run.deleted.beganMs) continue;
      for (let count = first; count < first + LINES_PER_BATCH; count++) {
        for (const metric of ["load", "load_square"]) {
          if (found.get(`${metric} ${writer}`)?.has(count) === true) continue;
          throw new Error(`${metric} ${writer} ${count} is missing, though acknowledged`);
        }
      }
    }
  } finally {
    await storage.close();
  }
}

/** Verifies what lies in a disk: the database, and the snapshot once it was confirmed. */
async function verifyAll(tree: string, run: Run, timeMs: number): Promise<void> {
  const data = join(tree, "data");
  await verify(data, run, timeMs);
  const { beganMs, endedMs, name } = run.snapshot;
  if (timeMs > endedMs) await verify(join(data, "snapshots", name), run, beganMs);
}

/** All files below a directory by their relative paths. */
function filesBelow(path: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const full = join(entry.parentPath, entry.name);
    files.set(full.slice(path.length + 1), readFileSync(full));
  }
  return files;
}

function describeCut(events: readonly FileEvent[], cut: number): string {
  const near = events.slice(Math.max(0, cut - 3), cut + 2);
  return near.map(({ kind, path, number }) => `  ${kind} ${path} ${number}`).join("\n");
}

/** A directory in memory where the machine has one: thousands of trees are built and thrown away. */
function scratchDirectory(): string {
  const base = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  return mkdtempSync(join(base, "tsinkd-power-cut-"));
}

interface Cuts {
  readonly run: Run;
  readonly model: DiskModel;
  readonly events: readonly FileEvent[];
  readonly scratch: string;
  /** The most cuts to try, spread evenly. */
  readonly most: number;
  /** Milliseconds since 1970 at a cut, for what is owed by then. */
  readonly timeAt: (cut: number) => number;
}

/** Cuts the power at many points and verifies each disk; returns how many there were. */
async function tryCuts({ run, model, events, scratch, most, timeAt }: Cuts): Promise<number> {
  const { random, failure } = choices("power_cut");
  const step = Math.max(1, events.length / most);
  let next = 0;
  let states = 0;
  for (let cut = 0; cut <= events.length; cut++) {
    if (cut > 0) model.apply(events[cut - 1]!);
    if (cut < Math.floor(next) && cut < events.length) continue;
    next += step;
    const survivals: [string, Survival][] = [
      ["only what was synced", ONLY_SYNCED],
      ["torn", torn(() => random.next())],
      ["torn otherwise", torn(() => random.next())],
    ];
    for (const [name, survival] of survivals) {
      const tree = join(scratch, String(states++));
      mkdirSync(tree);
      model.write(tree, survival);
      await verifyAll(tree, run, timeAt(cut)).catch((error) => {
        const where = `cut ${cut} of ${events.length}, ${name}`;
        throw failure(error, `${where}:\n${describeCut(events, cut)}\n`);
      });
      rmSync(tree, { recursive: true });
    }
  }
  return states;
}

test("a power cut at any point keeps what was acknowledged", async () => {
  using tools = new TestDirectory();
  using directory = new TestDirectory();
  const recorder = buildRecorder(tools.path);
  if ("reason" in recorder) {
    console.log(`Skipped: ${recorder.reason}`);
    return;
  }
  const run = await record(recorder.path, directory.path, join(tools.path, "run.log"));
  const { events } = run;
  const scratch = scratchDirectory();
  const model = new DiskModel();
  try {
    const timeAt = (cut: number) => events[cut]?.timeMs ?? Infinity;
    const states = await tryCuts({ run, model, events, scratch, most: CUTS_MAX, timeAt });
    // The recording is complete: replayed to its end it is what the executable has left behind.
    const last = join(scratch, "last");
    mkdirSync(last);
    model.write(last, EVERYTHING);
    const built = filesBelow(last);
    const real = filesBelow(directory.path);
    expect([...built.keys()].sort()).toEqual([...real.keys()].sort());
    for (const [path, bytes] of real) expect(built.get(path)!.equals(bytes)).toBe(true);
    console.log(`${run.acknowledged.length} batches, ${events.length} events, ${states} disks`);
    await cutRecoveries({ recorder: recorder.path, run, scratch, tools: tools.path });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}, LIMIT_MS);

/** The power goes again while the executable recovers from a torn disk, writes a little more and stops. */
async function cutRecoveries(
  given: {
    readonly recorder: string;
    readonly run: Run;
    readonly scratch: string;
    readonly tools: string;
  },
): Promise<void> {
  const { recorder, run, scratch, tools } = given;
  const { random } = choices("power_cut");
  let states = 0;
  for (let round = 0; round < RECOVERIES; round++) {
    const cut = Math.floor(run.events.length * (round + 0.5) / RECOVERIES);
    const model = new DiskModel();
    for (const event of run.events.slice(0, cut)) model.apply(event);
    const tree = join(scratch, `recovery${round}`);
    mkdirSync(tree);
    model.write(tree, torn(() => random.next()));
    const before = DiskModel.of(tree);
    const log = join(tools, `recovery${round}.log`);
    const daemon = await startDaemon(tree, FLAGS, {}, [recorder, log, tree]);
    await post(daemon.url, "flush");
    expect(await stopDaemon(daemon)).toBe(0);
    // Nothing more was acknowledged; what was until the first cut is owed at each of the second.
    const timeMs = run.events[cut]!.timeMs;
    const timeAt = () => timeMs;
    const events = readRecording(log);
    states += await tryCuts({ run, model: before, events, scratch, most: 40, timeAt });
  }
  console.log(`${RECOVERIES} recoveries, ${states} disks`);
}
