/**
 * The engine without parser and network: writing prepared columnar batches, compaction, reading, opening, replay, registry.
 * Usage: bun test/bench/engine.ts [MILLIONS_OF_POINTS]; the default, 20, scales down what is meant for 100. "cpu" counts the
 * processor time of all threads, "wall" also the disk and what else the machine does.
 */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Database, openDatabase, type Settings, type SourceId } from "../../engine/mod.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const millions = Number(process.argv[2] ?? 20);
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

/** Reads every series twice: first from the disk's cache into the block cache, then from there. */
function read(database: Database, name: string): void {
  using view = database.view(RANGE);
  const groups = view.select([{ name: "__name__", operator: "=~", value: "cpu_.*" }]);
  for (const pass of ["first", "cached"]) {
    const watch = new Stopwatch();
    let points = 0;
    let sum = 0;
    watch.begin();
    for (const { sources, slot, family } of groups) {
      for (let i = 0; i < sources.length; i++) {
        const source = sources[i]! as SourceId;
        const { count, values } = view.readNumbers({ source, slot, family }, -Infinity, Infinity);
        for (let k = 0; k < count; k++) sum += values[k]!;
        points += count;
      }
    }
    watch.end();
    if (!(sum > 0)) throw new Error("The sum is not what was written");
    print(`decode and sum, ${name}, ${pass}`, rates(points, watch));
  }
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

const points = millions * 1e6 / 2;
await benchLoad("1,000 series", { hosts: 100, steps: 10, points });
await benchLoad("40,000 series", { hosts: 4_000, steps: 1, points });
await benchReplay({ hosts: 100, steps: 10, points: Math.min(points, 5e6) });
await benchRegistry(1_000_000);
