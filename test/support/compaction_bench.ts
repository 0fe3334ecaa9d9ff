/** Segments, manifest and compaction of a database without the database: flushes are written by hand. */
import type { SegmentId } from "../../engine/base/types.ts";
import { Compaction } from "../../engine/compaction/compaction.ts";
import { CompactionRunner, type JobExecutor } from "../../engine/compaction/compaction_runner.ts";
import { type Clock, SILENT_LOGGER } from "../../engine/components.ts";
import type { FileSystem } from "../../engine/fs/file_system.ts";
import { databasePaths } from "../../engine/fs/paths.ts";
import { Kernels } from "../../engine/kernels/kernels.ts";
import { makeDataDirectories } from "../../engine/manifest/data_files.ts";
import { Manifest } from "../../engine/manifest/manifest.ts";
import { VersionSet } from "../../engine/manifest/version_set.ts";
import { IDENTITY } from "./manifest_samples.ts";
import { ManualClock } from "./manual_clock.ts";
import { pathOf, type PointMap, readSegment, TEST_SOURCES, writeSegment } from "./segments.ts";

const DAY = 86_400_000;

/** A database's segments without the database. */
export class CompactionBench {
  readonly paths: ReturnType<typeof databasePaths>;
  readonly versions: VersionSet;
  readonly compaction: Compaction;
  readonly runner: CompactionRunner;
  readonly #fileSystem: FileSystem;
  now: bigint = BigInt(100 * DAY);
  leaving: ReadonlySet<SegmentId> = new Set();

  constructor(
    fileSystem: FileSystem,
    directory: string,
    given: { readonly executor?: JobExecutor; readonly clock?: Clock } = {},
  ) {
    this.#fileSystem = fileSystem;
    fileSystem.makeDirectory(directory);
    this.paths = databasePaths(directory);
    const manifest = Manifest.open({ fileSystem, directory, identity: IDENTITY });
    makeDataDirectories(fileSystem, this.paths);
    this.versions = new VersionSet({
      manifest,
      onUnneeded: (ids) => ids.forEach((id) => fileSystem.remove(pathOf(this.paths, id))),
    });
    this.runner = new CompactionRunner({
      versions: this.versions,
      fileSystem,
      kernels: new Kernels(),
      sources: TEST_SOURCES,
      paths: this.paths,
      clock: given.clock ?? new ManualClock(),
      logger: SILENT_LOGGER,
      bytesPerSecond: 0,
      cutoff: () => undefined,
      executor: given.executor,
    });
    this.compaction = new Compaction({
      versions: this.versions,
      runner: this.runner,
      picker: { partitionTicks: BigInt(DAY), retentionTicks: 0n, segmentBytesMax: 100 << 20 },
      partitionMs: DAY,
      time: () => ({ now: this.now, cutoff: -(2n ** 63n) }),
      leaving: () => this.leaving,
    });
  }

  /** Flushes `count` segments into the first partition. */
  async flush(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const id = this.versions.takeSegmentId();
      const sequence = this.versions.takeSequence();
      const points = Array.from({ length: 400 }, (_, at) => ({
        source: at % 5 + 1,
        time: BigInt(at * 1_000 + i),
        slot: 0,
        value: sequence,
      }));
      const segment = writeSegment(this.#fileSystem, this.paths, { id, sequence, points });
      await this.versions.commit({ addSegments: [segment] });
    }
  }

  async runAll(): Promise<number> {
    const { signal } = new AbortController();
    for (let runs = 1;; runs++) if (await this.compaction.run(signal) !== "more") return runs;
  }

  points(): PointMap {
    const all: PointMap = new Map();
    for (const segment of this.versions.current.segments) {
      const { points } = readSegment(this.#fileSystem, this.paths, segment);
      for (const [key, value] of points) all.set(key, value);
    }
    return all;
  }

  get files(): string[] {
    return this.#fileSystem.list(this.paths.segments).map(({ name }) => name);
  }
}
