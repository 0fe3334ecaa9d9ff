/** A database on disk and a remote reader of it in the same thread. */
import { expect } from "bun:test";
import {
  ALL_TIME,
  type Ask,
  type Database,
  defaultComponents,
  RemoteDatabase,
  type Row,
  type SeriesGroup,
  type SourceId,
  Storage,
  timeAt,
  type Value,
  valueAt,
  type View,
  type ViewHost,
} from "../../engine/mod.ts";
import type { SeededRandom } from "./seeded_random.ts";
import { TemporaryDirectory } from "./temporary_directory.ts";

export { ALL_TIME } from "../../engine/mod.ts";

export type Stage = "nothing" | "flush" | "compact" | "delete" | "reopen";

const SECOND = 1_000_000_000n;
const SERIES = 12;
const KINDS = ["f64", "i64", "bool", "string"] as const;

/** Rows of a few series, many of them late or written before. */
export function rowsOf(random: SeededRandom, count: number): Row[] {
  return Array.from({ length: count }, (): Row => {
    const number = random.below(SERIES);
    const time = BigInt(random.below(500)) * SECOND;
    const kind = KINDS[number % KINDS.length]!;
    const value = random.below(1_000);
    return {
      metric: `m_${kind}`,
      labels: [["number", String(number)]],
      point: {
        timestamp: time,
        value: valueOf(kind, value),
      },
    };
  });
}

function valueOf(kind: (typeof KINDS)[number], value: number): Value {
  switch (kind) {
    case "f64":
      return { kind, value: value / 8 };
    case "i64":
      return { kind, value: BigInt(value) };
    case "bool":
      return { kind, value: value % 2 === 0 };
    case "string":
      return { kind, value: "x".repeat(value % 50) + value };
  }
}

interface SeriesContent {
  readonly labels: unknown;
  readonly points: readonly unknown[];
}

/** All points of all series in the groups, through every way to read. */
export function contentOfView(view: View, groups: readonly SeriesGroup[]): SeriesContent[] {
  const content: SeriesContent[] = [];
  for (const { metric, slot, family, sources } of groups) {
    for (const id of sources) {
      const series = { source: id as SourceId, slot, family };
      const points = view.readBlocks(series, ALL_TIME).flatMap((block) =>
        Array.from({ length: block.count }, (_, i) => [timeAt(block, i), valueAt(block, i).value])
      );
      const hasPoints = view.hasPoints(series, ALL_TIME);
      const labels = [metric, view.tagsOf(series.source)];
      if (family === "blob") {
        content.push({ labels, points: points.length === 0 ? [] : [points, hasPoints] });
        continue;
      }
      const { count, times, values } = view.readNumbers(series, -Infinity, Infinity);
      const numbers = [Array.from(times.slice(0, count)), Array.from(values.slice(0, count))];
      const totals = view.totals(series, ALL_TIME);
      content.push({ labels, points: count === 0 ? [] : [points, numbers, totals, hasPoints] });
    }
  }
  return content;
}

export class RemoteBench implements AsyncDisposable {
  readonly #directory: TemporaryDirectory;
  #storage: Storage;
  host: ViewHost;
  remote: RemoteDatabase;

  private constructor(directory: TemporaryDirectory, storage: Storage) {
    this.#directory = directory;
    this.#storage = storage;
    [this.host, this.remote] = connect(storage.database);
  }

  static async open(): Promise<RemoteBench> {
    const directory = new TemporaryDirectory();
    return new RemoteBench(directory, await Storage.open({ path: directory.path }));
  }

  get path(): string {
    return this.#directory.path;
  }

  get database(): Database {
    return this.#storage.database;
  }

  async write(rows: readonly Row[]): Promise<void> {
    await this.#storage.insertRows(rows, "appended");
  }

  /** One point in each of many sources, part of them in a segment. */
  async writeSources(count: number): Promise<void> {
    const rows = Array.from({ length: count }, (_, number): Row => ({
      metric: "m_v",
      labels: [["number", String(number)]],
      point: { timestamp: SECOND, value: { kind: "f64", value: number } },
    }));
    await this.write(rows.slice(0, count / 2));
    await this.database.flush();
    await this.write(rows.slice(count / 2));
  }

  async reach(stage: Stage, random: SeededRandom): Promise<void> {
    switch (stage) {
      case "nothing":
        return;
      case "flush":
        return await this.database.flush();
      case "compact":
        return await this.database.compact();
      case "delete": {
        const start = BigInt(random.below(400)) * SECOND;
        const matchers = [{ name: "number", operator: "=~", value: "[1-6]" }] as const;
        await this.database.delete({ matchers, range: { start, end: start + 60n * SECOND } });
        return;
      }
      case "reopen":
        this.remote[Symbol.dispose]();
        this.host[Symbol.dispose]();
        await this.#storage.close();
        this.#storage = await Storage.open({ path: this.path });
        [this.host, this.remote] = connect(this.database);
    }
  }

  /** Both read the same. */
  compare(): void {
    using local = this.database.view(ALL_TIME);
    using remote = this.remote.view(ALL_TIME);
    const expected = contentOfView(local, local.select([]));
    expect(expected.length).toBeGreaterThan(0);
    expect(contentOfView(remote, remote.select([]))).toEqual(expected);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.remote[Symbol.dispose]();
    this.host[Symbol.dispose]();
    await this.#storage.close();
    this.#directory[Symbol.dispose]();
  }
}

/** Questions and answers go through a clone, as between threads. */
function connect(database: Database): [ViewHost, RemoteDatabase] {
  const host = database.serveViews()!;
  const ask: Ask = (question) => host.answer(structuredClone(question));
  return [host, new RemoteDatabase(host.description, defaultComponents().fileSystem, ask)];
}
