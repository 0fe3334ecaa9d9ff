/**
 * The open database: plans, logs and applies writes, opens views, and runs flush, compaction, deletion and retention
 * over the parts that recovery (open.ts) put together.
 *
 * Invariants
 * - All state lives on one event loop; between reading a version and publishing the next nothing awaits.
 * - Everything that can fail comes before the log's append; what follows it cannot fail.
 * - A row is in the head or in a published segment, or for a moment in both, where both give the same points.
 */
import { inSlices } from "./background/slices.ts";
import { TIME_MIN } from "./base/time.ts";
import type { Sequence, TimeRange } from "./base/types.ts";
import type { Database, DatabaseExtent, DeleteResult, Selection, WriteResult } from "./database.ts";
import type { EngineParts, EngineServices } from "./engine_parts.ts";
import { EngineError } from "./errors.ts";
import { isDiskFull } from "./fs/io_error.ts";
import type { Kernels } from "./kernels/kernels.ts";
import type { Version } from "./manifest/version.ts";
import { Deletions } from "./query/deletions.ts";
import { ReadView, type ViewParts } from "./query/read_view.ts";
import { SeriesReader } from "./query/series_reader.ts";
import { SeriesSearch } from "./query/series_search.ts";
import type { View } from "./query/view.ts";
import type { ViewHost } from "./remote/view_host.ts";
import { SpareChunkLists } from "./segment/chunk_list.ts";
import type { SeriesRegistry } from "./series/registry.ts";
import { serveViews } from "./serve_views.ts";
import type { Acknowledgement, Settings } from "./settings.ts";
import type { WriteAheadLog } from "./wal/log.ts";
import type { DatabaseStats } from "./stats.ts";
import { collectStats } from "./stats_collector.ts";
import { BatchBuilder } from "./write/batch.ts";
import { scratchBytesOf } from "./write/memory_budget.ts";

/** What a large deletion does between two looks at the clock. */
const SERIES_PER_STEP = 64;
const SOURCES_PER_STEP = 16;
const NOTHING_WRITTEN = { rows: 0, points: 0 };

export class Engine implements Database {
  readonly settings: Settings;
  readonly kernels: Kernels;
  readonly registry: SeriesRegistry;
  readonly batch: BatchBuilder;
  readonly #parts: EngineParts;
  readonly #services: EngineServices;
  readonly #views: ViewParts;
  #deletions: Deletions | undefined;
  #committing: Promise<unknown> | undefined;
  /** The sync group that was asked for last, and what its writers wait for. */
  #group: Promise<void> | undefined;
  #groupDone: Promise<void> | undefined;
  #state: "open" | "closing" | "closed" = "open";
  #failure: unknown;
  readonly #writes = { batches: 0, rows: 0, points: 0, tooOldRows: 0, futureRows: 0, errors: 0 };
  readonly #queries = { views: 0, selections: 0, seriesRead: 0, pointsRead: 0 };

  constructor(parts: EngineParts, services: (engine: Engine) => EngineServices) {
    this.settings = parts.settings;
    this.kernels = parts.kernels;
    this.registry = parts.registry;
    this.batch = new BatchBuilder(parts.kernels);
    this.#parts = parts;
    this.#views = {
      ...parts,
      timeUnit: parts.settings.timeUnit,
      deletions: () => this.#deletions,
      reader: new SeriesReader({ ...parts, scratchBytesMax: scratchBytesOf(parts.settings) }),
      lists: new SpareChunkLists(),
      counters: this.#queries,
    };
    this.noteVersion(parts.versions.current);
    this.#services = services(this);
  }

  get parts(): EngineParts {
    return this.#parts;
  }

  get services(): EngineServices {
    return this.#services;
  }

  /** The error that ended writing, if any. */
  get failure(): unknown {
    return this.#failure;
  }

  admit(): Promise<void> | undefined {
    this.#checkWritable();
    return this.#services.admission.admit();
  }

  write(acknowledgement: Acknowledgement = "durable", keep?: bigint): WriteResult {
    this.#checkWritable();
    const { head, log, registry, recency } = this.#parts;
    const exports = this.kernels.exports;
    const futureLimit = recency.futureLimit;
    const tooOld = exports.headPlan(recency.cutoff(keep) ?? TIME_MIN, futureLimit);
    const points = exports.planPoints.value as number;
    const definitions = registry.takeUnlogged();
    if (points === 0 && definitions === undefined) {
      return { ...NOTHING_WRITTEN, tooOld, acknowledgement, done: undefined };
    }
    if (log !== undefined) {
      this.#append(log, definitions, points > 0);
      registry.markLogged();
    }
    const before = head.rows;
    this.#apply();
    const newest = exports.planMaxTime.value as bigint;
    if (newest !== TIME_MIN) recency.observe(newest, futureLimit);
    this.#parts.budget.limitSeries();
    this.#services.maintenance.afterWrite();
    this.#count(head.rows - before, points, tooOld);
    const done = acknowledgement === "durable" ? this.#synced(log) : undefined;
    return {
      rows: head.rows - before,
      points,
      tooOld,
      acknowledgement: log === undefined ? "volatile" : acknowledgement,
      done,
    };
  }

  view(range: TimeRange): View {
    return this.#openView(range);
  }

  serveViews(): ViewHost | undefined {
    return serveViews(this.#parts, this.#queries, (range) => this.#openView(range));
  }

  #openView(range: TimeRange): ReadView {
    if (this.#state === "closed") throw closedError();
    if (range.start >= range.end) {
      throw new EngineError(
        "invalid",
        `Cannot open a view: its start ${range.start} is not below its end ${range.end}`,
      );
    }
    this.#queries.views++;
    return new ReadView(this.#views, range, this.#parts.recency.cutoff() ?? TIME_MIN);
  }

  async delete(selection: Selection): Promise<DeleteResult> {
    this.#checkWritable();
    const range = selection.range ?? { start: -(2n ** 63n), end: 2n ** 63n - 1n };
    const { head, kernels, log, versions, tombstoneStamps } = this.#parts;
    const searching = this.#seriesWithPoints(selection, range);
    const series = searching instanceof Promise ? await searching : searching;
    if (series.length === 0) return { matchedSeries: 0, tombstones: 0 };
    const sources = sourcesOf(series);
    const sealing = this.#sealInSlices(sources);
    if (sealing !== undefined) await sealing;
    this.#checkWritable();
    // One step: what is sealed now is older than the deletion, what comes after is newer.
    for (const source of sources) this.#seal(source);
    kernels.refresh();
    const sequence = versions.takeSequence();
    const stamp = head.stamp;
    const logPosition = log?.end ?? { file: 0, offset: 0 };
    const tombstone = { sequence, ...range, series, logPosition };
    const commit = versions.commit({ addTombstones: [tombstone] }, (version) => {
      tombstoneStamps.set(sequence, stamp);
      this.noteVersion(version);
    });
    const settled = this.#track(commit);
    try {
      await commit;
    } finally {
      settled();
    }
    this.#services.maintenance.afterDelete();
    return { matchedSeries: series.length, tombstones: series.length };
  }

  stats(): DatabaseStats {
    return collectStats({
      ...this.#parts,
      ...this.#services,
      writes: this.#writes,
      queries: this.#queries,
      failed: this.#failure !== undefined,
    });
  }

  extent(): DatabaseExtent {
    const { head, versions } = this.#parts;
    const { chunks, bounds } = head.extent();
    const all = bounds === undefined ? [] : [bounds];
    all.push(...versions.current.segments);
    if (all.length === 0) return { headChunks: chunks, bounds: undefined };
    let { minTime, maxTime } = all[0]!;
    for (const each of all) {
      if (each.minTime < minTime) minTime = each.minTime;
      if (each.maxTime > maxTime) maxTime = each.maxTime;
    }
    return { headChunks: chunks, bounds: { minTime, maxTime } };
  }

  flush(): Promise<void> {
    this.#checkWritable();
    return this.#services.maintenance.flush();
  }

  compact(): Promise<void> {
    this.#checkWritable();
    return this.#services.maintenance.compactAll();
  }

  removeObsolete(): void {
    this.#checkWritable();
    this.#parts.obsolete.release();
  }

  snapshot(directory: string): Promise<void> {
    this.#checkWritable();
    return this.#services.maintenance.snapshot(directory);
  }

  async close(): Promise<void> {
    if (this.#state !== "open") throw closedError();
    this.#state = "closing";
    const { log, manifest, readers, files, cache, lock } = this.#parts;
    try {
      await this.#services.maintenance.stop();
      await log?.close();
    } finally {
      this.#state = "closed";
      manifest.close();
      readers[Symbol.dispose]();
      files[Symbol.dispose]();
      cache[Symbol.dispose]();
      lock[Symbol.dispose]();
    }
  }

  /** Takes note of a version that is current from now on: which deletions are in force. */
  noteVersion(version: Version): void {
    const { tombstoneStamps } = this.#parts;
    this.#deletions = version.tombstones.length === 0
      ? undefined
      : new Deletions(version.tombstones, new Map(tombstoneStamps));
  }

  /** Rows older than the deletions before `sequence` have left the head: their stamps are no longer needed. */
  forgetStamps(sequence: Sequence): void {
    for (const each of this.#parts.tombstoneStamps.keys()) {
      if (each < sequence) this.#parts.tombstoneStamps.delete(each);
    }
    this.noteVersion(this.#parts.versions.current);
  }

  /** Deletions in force, for the flush that carries them out. */
  get deletions(): Deletions | undefined {
    return this.#deletions;
  }

  /** Resolves when no deletion is being committed; undefined when none is. */
  settled(): Promise<void> | undefined {
    return this.#committing?.then(() => {}, () => {});
  }

  /** Ends writing: the log or the manifest cannot be trusted any more. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    const message = error instanceof Error ? error.message : String(error);
    this.#parts.components.logger.log("error", `Writing stopped: ${message}; restart to recover`);
  }

  #append(log: WriteAheadLog, definitions: Uint8Array | undefined, hasRows: boolean): void {
    const append = () => log.append({ definitions, hasRows });
    try {
      retryOnFullDisk(append, () => this.#parts.obsolete.release());
    } catch (error) {
      this.#writes.errors++;
      this.#noteFailure(error);
      throw error;
    } finally {
      this.kernels.refresh();
    }
  }

  /** From here on nothing may fail: the rows are in the log. */
  #apply(): void {
    try {
      this.kernels.exports.headAppend();
    } catch (error) {
      this.fail(error);
      throw new EngineError("failed", "Cannot go on writing: rows in the log were not applied", {
        cause: error,
      });
    } finally {
      this.kernels.refresh();
    }
  }

  #synced(log: WriteAheadLog | undefined): Promise<void> | undefined {
    const group = log?.synced();
    if (group === undefined || group === this.#group) {
      return group === undefined ? undefined : this.#groupDone;
    }
    this.#group = group;
    this.#groupDone = group.catch((error) => {
      this.#noteFailure(error);
      throw error;
    });
    this.#groupDone.catch(() => {});
    return this.#groupDone;
  }

  #count(rows: number, points: number, tooOld: number): void {
    const writes = this.#writes;
    writes.batches++;
    writes.rows += rows;
    writes.points += points;
    writes.tooOldRows += tooOld;
    writes.futureRows += this.kernels.exports.planFutureRows.value as number;
  }

  #noteFailure(error: unknown): void {
    if (error instanceof EngineError && error.code === "failed") this.fail(error);
  }

  /** Ascending ids of the selected series that have a point in the range; many are looked at with pauses. */
  #seriesWithPoints(
    { matchers, accepts }: Selection,
    range: TimeRange,
  ): Float64Array | Promise<Float64Array> {
    const view = this.view(range);
    let waiting: Promise<void> | undefined;
    try {
      const search = new SeriesSearch(view, { matchers, range, accepts });
      waiting = inSlices(this.#parts.components.clock, () => {
        this.#checkWritable();
        return search.advance(SERIES_PER_STEP);
      });
      if (waiting === undefined) return search.found;
      return waiting.then(() => search.found).finally(() => view[Symbol.dispose]());
    } finally {
      if (waiting === undefined) view[Symbol.dispose]();
    }
  }

  /** Seals most of what is open of the sources, with pauses, so that little is left for the one step that counts. */
  #sealInSlices(sources: readonly number[]): Promise<void> | undefined {
    const rest = sources.values();
    return inSlices(this.#parts.components.clock, () => {
      this.#checkWritable();
      let next = rest.next();
      for (let left = SOURCES_PER_STEP; next.done !== true; next = rest.next()) {
        this.#seal(next.value);
        if (--left === 0) break;
      }
      this.kernels.refresh();
      return next.done !== true;
    });
  }

  #seal(source: number): void {
    const { exports } = this.kernels;
    exports.headSealSource(exports.sourceById(source) >>> 0, 0xffff_ffff);
  }

  /** Notes a deletion's commit, so that a flush waits for it. */
  #track(commit: Promise<unknown>): () => void {
    const tracked = Promise.all([this.#committing?.catch(() => {}), commit]);
    tracked.catch(() => {});
    this.#committing = tracked;
    return () => {
      if (this.#committing === tracked) this.#committing = undefined;
    };
  }

  #checkWritable(): void {
    if (this.#state !== "open") throw closedError();
    if (this.#failure === undefined) return;
    throw new EngineError(
      "failed",
      "Cannot write: writing stopped after an error of the disk; restart to recover",
      { cause: this.#failure },
    );
  }
}

/** The sources of ascending series ids. */
function sourcesOf(series: Float64Array): number[] {
  const sources: number[] = [];
  let last = -1;
  for (const id of series) {
    const source = Math.floor(id / 65_536);
    if (source !== last) sources.push(last = source);
  }
  return sources;
}

/** Does what a full disk refuses once more where room can be made. */
function retryOnFullDisk(action: () => unknown, makeRoom: () => boolean): void {
  try {
    action();
  } catch (error) {
    if (!isDiskFull(error) || !makeRoom()) throw error;
    action();
  }
}

function closedError(): EngineError {
  return new EngineError("closed", "Cannot use the database: it is closed");
}
