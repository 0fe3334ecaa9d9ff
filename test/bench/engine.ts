/**
 * The engine without parser and network: writing prepared columnar batches, compaction, reading, opening, replay, registry.
 * Usage: bun test/bench/engine.ts [MILLIONS_OF_POINTS]; the default, 20, scales down what is meant for 100. "cpu" counts the
 * processor time of all threads, "wall" also the disk and what else the machine does.
 *        bun test/bench/engine.ts open [MILLIONS_OF_POINTS]: only opening a compacted database, of 100 million points
 * unless told otherwise; building it takes some 15 s and 40 MB.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  type Database,
  openDatabase,
  type SeriesReference,
  type Settings,
  type SourceId,
  type View,
} from "../../engine/mod.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const [command, argument] = process.argv.slice(2);
const isNumber = /^\d+$/.test(command ?? "20");
const millions = isNumber ? Number(command ?? 20) : Number(argument ?? 100);
const FIELDS = 10;
const STEP_MS = 10_000;
const START_MS = Date.UTC(2026, 0, 1);
const SETTINGS: Partial<Settings> = {
  timeUnit: "ms",
  memoryLimitBytes: 1 << 30,
  blockCacheBytes: 256 << 20,
  compactionEnabled: false,
};
const RANGE = { start: 0n, end: 2n ** 62n };

/** Seconds since `begin`, summed over several rounds: on the wall and of all processors. */
class Stopwatch {
  wall = 0;
  cpu = 0;
  #wall = 0;
  #cpu = 0;

  begin(): void {
    this.#cpu = seconds(process.cpuUsage());
    this.#wall = performance.now() / 1e3;
  }

  end(): void {
    this.wall += performance.now() / 1e3 - this.#wall;
    this.cpu += seconds(process.cpuUsage()) - this.#cpu;
  }
}

function seconds({ user, system }: { user: number; system: number }): number {
  return (user + system) / 1e6;
}

function print(what: string, value: string): void {
  console.log(`${what.padEnd(58)} ${value}`);
}

function rates(count: number, watch: Stopwatch): string {
  const rate = (time: number) => (count / 1e6 / time).toFixed(1);
  return `${rate(watch.cpu).padStart(8)} M/s cpu, ${rate(watch.wall).padStart(8)} M/s wall`;
}

/** Hosts with ten fields that walk between 0 and 100 in whole steps. */
class Hosts {
  readonly #database: Database;
  readonly #random = new SeededRandom(7);
  readonly #sources: number[];
  readonly #slots: number[];
  readonly #values: Float64Array;
  #step = 0;

  constructor(database: Database, count: number) {
    this.#database = database;
    const { registry } = database;
    this.#sources = Array.from(
      { length: count },
      (_, i) =>
        registry.sourceOf("cpu", [["host", `host_${i}`], ["region", `r${i % 9}`], [
          "service",
          `s${i % 20}`,
        ]]),
    );
    this.#slots = Array.from(
      { length: FIELDS },
      (_, i) => registry.slotOf(this.#sources[0]!, `usage_${i}`, "f64"),
    );
    this.#values = Float64Array.from(
      { length: count * FIELDS },
      () => Math.floor(this.#random.next() * 100),
    );
  }

  /** Fills the batch with the next `steps` times of every host. */
  fill(steps: number): void {
    const { batch } = this.#database;
    const values = this.#values;
    batch.begin();
    for (let s = 0; s < steps; s++) {
      const time = BigInt(START_MS + this.#step++ * STEP_MS);
      for (let host = 0; host < this.#sources.length; host++) {
        batch.row(this.#sources[host]!, time);
        for (let field = 0; field < FIELDS; field++) {
          const at = host * FIELDS + field;
          const moved = values[at]! + Math.round(this.#random.next() * 2 - 1);
          values[at] = Math.min(100, Math.max(0, moved));
          batch.float64(this.#slots[field]!, values[at]!);
        }
      }
    }
  }
}

interface Load {
  readonly hosts: number;
  /** Times of every host in one batch. */
  readonly steps: number;
  readonly points: number;
}

/** Writes batches; the watch runs while the engine has them, not while they are filled. */
async function write(database: Database, load: Load): Promise<Stopwatch> {
  const hosts = new Hosts(database, load.hosts);
  const watch = new Stopwatch();
  for (let written = 0; written < load.points;) {
    await database.admit();
    hosts.fill(load.steps);
    watch.begin();
    const result = database.write("durable");
    watch.end();
    written += result.points;
    await result.done;
  }
  return watch;
}

async function inDirectory(run: (path: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "tsinkd-engine-"));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function benchLoad(name: string, load: Load): Promise<void> {
  await inDirectory(async (path) => {
    const database = await openDatabase({ path, settings: SETTINGS });
    const written = await write(database, load);
    print(`write, ${name}, log on`, rates(load.points, written));
    await database.flush();
    const merged = new Stopwatch();
    merged.begin();
    await database.compact();
    merged.end();
    const { segments, compaction } = database.stats();
    print(`compaction, ${name}`, `${rates(load.points, merged)} (${compaction.merges} merges)`);
    print(`segments, ${name}`, `${(segments.bytes / load.points).toFixed(3)} bytes a point`);
    read(database, name);
    await database.close();
    await open(path, name, load.points);
  });
}

/** Times that everything is read from the block cache; the fastest counts, as all code has been compiled by then. */
const CACHED_PASSES = 8;

/** Adds every series up: handed out as numbers, and where its chunks lie. */
function read(database: Database, name: string): void {
  using view = database.view(RANGE);
  addUp(view, `decode and sum, ${name}`, (series) => {
    const { count, values } = view.readNumbers(series, -Infinity, Infinity);
    let sum = 0;
    for (let k = 0; k < count; k++) sum += values[k]!;
    return { count, sum };
  });
  addUp(view, `totals, ${name}`, (series) => view.totals(series, RANGE));
}

/** First from the disk's cache into the block cache, then from there. */
function addUp(
  view: View,
  what: string,
  add: (series: SeriesReference) => { readonly count: number; readonly sum: number },
): void {
  const groups = view.select([{ name: "__name__", operator: "=~", value: "cpu_.*" }]);
  let points = 0;
  const pass = () => {
    const watch = new Stopwatch();
    points = 0;
    let all = 0;
    watch.begin();
    for (const { sources, slot, family } of groups) {
      for (let i = 0; i < sources.length; i++) {
        const { count, sum } = add({ source: sources[i]! as SourceId, slot, family });
        points += count;
        all += sum;
      }
    }
    watch.end();
    if (!(all > 0)) throw new Error("The sum is not what was written");
    return watch;
  };
  const first = pass();
  print(`${what}, first`, rates(points, first));
  const cached = Array.from({ length: CACHED_PASSES }, pass).sort((a, b) => a.cpu - b.cpu);
  print(`${what}, cached`, rates(points, cached[0]!));
}

async function open(path: string, name: string, points: number): Promise<void> {
  const watch = new Stopwatch();
  watch.begin();
  const database = await openDatabase({ path, settings: SETTINGS });
  watch.end();
  const times = `${(watch.cpu * 1e3).toFixed(1)} ms cpu, ${(watch.wall * 1e3).toFixed(1)} ms wall`;
  print(`open, ${name}, ${(points / 1e6).toFixed(0)} M points compacted`, times);
  await database.close();
}

async function benchReplay(load: Load): Promise<void> {
  await inDirectory(async (root) => {
    const path = `${root}/data`;
    const settings = { ...SETTINGS, flushPointsMax: 1e9, headMemoryShare: 0.8, logBytesMax: 4e9 };
    const database = await openDatabase({ path, settings });
    await write(database, load);
    const { head, log } = database.stats();
    // Closing flushes what is much: a copy of the live directory has it in the log.
    cpSync(path, `${root}/copy`, { recursive: true });
    await database.close();
    const watch = new Stopwatch();
    watch.begin();
    const again = await openDatabase({ path: `${root}/copy`, settings });
    watch.end();
    if (again.stats().head.points !== head.points) throw new Error("Replay lost points");
    const bytes = (log!.appendedBytes / load.points).toFixed(2);
    print(`replay, ${bytes} bytes of log a point`, rates(head.points, watch));
    await again.close();
  });
}

async function benchRegistry(series: number): Promise<void> {
  const database = await openDatabase({ settings: { ...SETTINGS, seriesMax: 2 * series } });
  const { registry, kernels, batch } = database;
  const made = new Stopwatch();
  made.begin();
  for (let i = 0; i < series; i++) {
    const tags = [["app", `app_${i % 50}`], ["node", `node_${i % 127}`], [
      "pod",
      `pod-${i}`,
    ]] as const;
    registry.slotOf(registry.sourceOf("requests", tags), "value", "f64");
  }
  made.end();
  print(`new series through strings, ${series} series`, rates(series, made));
  const bytes = kernels.usedBytes("registry") / series;
  print(`registry before the first query`, `${bytes.toFixed(0)} bytes a series`);
  batch.begin();
  const indexed = new Stopwatch();
  indexed.begin();
  registry.select([{ name: "app", operator: "=", value: "app_7" }]);
  indexed.end();
  const indexedBytes = kernels.usedBytes("registry") / series;
  print(
    `registry indexed, in ${(indexed.cpu * 1e3).toFixed(0)} ms cpu`,
    `${indexedBytes.toFixed(0)} bytes a series`,
  );
  await database.close();
}

/**
 * What a compaction takes beside the database, in a process of its own: the worker's linear memory, and by how much the
 * process grows at most, the worker's own runtime included.
 */
async function benchCompactionMemory(name: string, load: Load): Promise<void> {
  await inDirectory(async (path) => {
    const settings = { ...SETTINGS, flushPointsMax: 1e6 };
    const database = await openDatabase({ path, settings });
    await write(database, load);
    await database.flush();
    await database.close();
    const { stdout, stderr } = spawnSync(process.execPath, [process.argv[1]!, "compact", path], {
      encoding: "utf8",
    });
    if (stdout === "") throw new Error(stderr);
    print(`compaction memory, ${name}`, stdout.trim());
  });
}

async function compactAndMeasure(path: string): Promise<void> {
  const database = await openDatabase({ path, settings: SETTINGS });
  const before = statusBytes("VmRSS");
  // Begins the peak anew, where the kernel lets.
  if (existsSync("/proc/self/clear_refs")) writeFileSync("/proc/self/clear_refs", "5");
  await database.compact();
  const grown = statusBytes("VmHWM") - before;
  const { workerBytes, merges, readBytes } = database.stats().compaction;
  const mb = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  console.log(
    `${mb(workerBytes)} MB of kernels in the worker, the process grows by ${mb(grown)} MB ` +
      `(${merges} merges, ${mb(readBytes)} MB read)`,
  );
  await database.close();
}

/** A figure of the kernel about this process, 0 where there is none. */
function statusBytes(name: string): number {
  const status = existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "utf8") : "";
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1_024;
}

/** Opening a compacted database: built outside of the time, opened once in a process that has not seen it, then again. */
async function benchOpen(points: number): Promise<void> {
  await inDirectory(async (path) => {
    const settings = { ...SETTINGS, compactionEnabled: true };
    const database = await openDatabase({ path, settings });
    await write(database, { hosts: 4_000, steps: 1, points });
    await database.compact();
    await database.close();
    for (const pass of ["first", "again"]) await open(path, `40,000 series, ${pass}`, points);
  });
}

if (command === "compact") {
  await compactAndMeasure(argument!);
  process.exit(0);
}
if (command === "open") {
  await benchOpen(millions * 1e6);
  process.exit(0);
}
const points = millions * 1e6 / 2;
for (const [series, hosts] of [[1_000, 100], [40_000, 4_000]] as const) {
  for (const share of [0.1, 1]) {
    const load = { hosts, steps: series === 1_000 ? 10 : 1, points: points * share };
    const name = `${series.toLocaleString("en")} series, ${load.points / 1e6} M points`;
    await benchCompactionMemory(name, load);
  }
}
await benchLoad("1,000 series", { hosts: 100, steps: 10, points });
await benchLoad("40,000 series", { hosts: 4_000, steps: 1, points });
await benchReplay({ hosts: 100, steps: 10, points: Math.min(points, 5e6) });
await benchRegistry(1_000_000);
