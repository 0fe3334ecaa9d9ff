/**
 * Flushing: what is in the head becomes segments, and the log behind it goes.
 *
 * Order of safety: freeze head and log together, sync the log, save definitions, write segments, commit them with the new log
 * floor, publish, forget the rows, trim the log. A failure before the commit leaves everything as it was but for a new log file.
 */
import type { SegmentId, Sequence } from "../base/types.ts";
import type { Clock } from "../components.ts";
import type { FileSystem } from "../fs/file_system.ts";
import type { DatabasePaths } from "../fs/paths.ts";
import { flushHead, type HiddenInHead } from "../head/flush.ts";
import type { Head } from "../head/head.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { SegmentRecord, Version } from "../manifest/version.ts";
import type { VersionSet } from "../manifest/version_set.ts";
import type { SegmentSummary } from "../segment/writer.ts";
import type { RegistryFiles } from "../series/registry_file.ts";
import type { SeriesRegistry } from "../series/registry.ts";
import type { FlushStats } from "../stats.ts";
import type { WriteAheadLog } from "../wal/log.ts";

/** Sources whose rows are forgotten between two breaks. */
const FORGET_SOURCES = 50_000;

export interface FlusherParts {
  readonly kernels: Kernels;
  readonly head: Head;
  readonly registry: SeriesRegistry;
  readonly registryFiles: RegistryFiles;
  readonly fileSystem: FileSystem;
  readonly paths: DatabasePaths;
  readonly log: WriteAheadLog | undefined;
  readonly versions: VersionSet;
  readonly clock: Clock;
  /** Width in ticks of the windows of a level. */
  readonly windowTicks: (level: number) => bigint;
  /** Resolves when no deletion is being committed; undefined when none is. Sequences then say what is older than what. */
  readonly settled: () => Promise<void> | undefined;
  /** Deleted ranges of the head as they stand now. */
  readonly hidden: () => HiddenInHead | undefined;
  /** Greatest data time that is not in the future. */
  readonly maxTime: () => bigint | undefined;
  /** Runs in the step in which the version with the new segments becomes current. */
  readonly onPublish: (version: Version) => void;
  /** Runs when the rows are out of the head: deletions before the sequence have nothing to hide there. */
  readonly onForgotten: (sequence: Sequence) => void;
}

export class Flusher {
  readonly #parts: FlusherParts;
  readonly #stats = { runs: 0, errors: 0, segments: 0, rows: 0, points: 0, bytes: 0, ms: 0 };

  constructor(parts: FlusherParts) {
    this.#parts = parts;
  }

  stats(): FlushStats {
    return this.#stats;
  }

  /** Flushes everything written so far; one call at a time. Throws "io", "failed". */
  async flush(): Promise<void> {
    const { head, clock, registryFiles } = this.#parts;
    if (head.rows === 0) {
      return registryFiles.isIncomplete ? await this.#writeRegistry() : undefined;
    }
    const started = clock.monotonicMs();
    try {
      await this.#write();
      this.#stats.runs++;
    } catch (error) {
      this.#stats.errors++;
      throw error;
    } finally {
      this.#stats.ms += clock.monotonicMs() - started;
    }
  }

  async #write(): Promise<void> {
    const parts = this.#parts;
    const { kernels, head, log, versions, registryFiles } = parts;
    for (let wait = parts.settled(); wait !== undefined; wait = parts.settled()) await wait;
    // Frozen in one step: rows of the generation are exactly those of log records before the floor.
    const floor = log?.rotate();
    const generation = kernels.exports.headFreeze();
    const rows = head.rows;
    const points = head.points;
    const sequence = versions.takeSequence();
    const hidden = parts.hidden();
    // What lies before the floor may be gone back to where a segment is lost, and is taken for whole then.
    await log?.sync();
    const files = await registryFiles.checkpoint();
    const outcome = await flushHead({
      kernels,
      head,
      fileSystem: parts.fileSystem,
      stagingDirectory: parts.paths.staging,
      segmentsDirectory: parts.paths.segments,
      windowTicks: parts.windowTicks,
      encoder: parts.registry,
      nextSegmentId: () => versions.takeSegmentId(),
      sequence,
      generation,
      hidden,
      monotonicMs: () => parts.clock.monotonicMs(),
      pause: () => new Promise((resolve) => parts.clock.after(0, resolve)),
    });
    const maxTime = parts.maxTime();
    await versions.commit({
      addSegments: outcome.segments.map((summary) => recordOf(summary, sequence)),
      registryFiles: files,
      ...(floor === undefined ? {} : { logFloor: floor }),
      ...(maxTime === undefined ? {} : { maxTime }),
    }, parts.onPublish);
    await this.#forget(generation, rows, points);
    parts.onForgotten(sequence);
    if (floor !== undefined) log!.trim(floor);
    registryFiles.removeUnnamed(versions.current.registryFiles);
    this.#count(outcome.segments, outcome.rows, outcome.points);
  }

  /** Writes definitions that damaged files do not hold, so that what makes up for them may go. */
  async #writeRegistry(): Promise<void> {
    const { log, versions, registryFiles, onPublish } = this.#parts;
    const files = await registryFiles.checkpoint();
    await versions.commit({ registryFiles: files }, onPublish);
    log?.trim(versions.current.logFloor);
    registryFiles.removeUnnamed(versions.current.registryFiles);
  }

  /** Takes the generation out of the head; views that captured it keep its memory. */
  async #forget(generation: number, rows: number, points: number): Promise<void> {
    const { kernels, clock, registry } = this.#parts;
    for (let first = 1; first <= registry.sourceCount; first += FORGET_SOURCES) {
      kernels.exports.headDropSources(first, first + FORGET_SOURCES, generation);
      if (first + FORGET_SOURCES <= registry.sourceCount) {
        await new Promise<void>((resolve) => clock.after(0, resolve));
      }
    }
    kernels.exports.headForget(rows, points);
  }

  #count(segments: readonly SegmentSummary[], rows: number, points: number): void {
    this.#stats.segments += segments.length;
    this.#stats.rows += rows;
    this.#stats.points += points;
    for (const segment of segments) this.#stats.bytes += segment.bytes;
  }
}

/** The manifest's record of a new segment; deletions up to its own sequence are already carried out in it. */
export function recordOf(summary: SegmentSummary, purged: Sequence): SegmentRecord {
  const { id, level, bytes, minTime, maxTime, rows, points, sources, sequence, checksum } = summary;
  const record = { level, bytes, minTime, maxTime, rows, points, sources, sequence, checksum };
  return { id: id satisfies SegmentId, ...record, purged };
}
