/**
 * The row-oriented calls for programs that embed the engine: rows in, points out, one object each. Convenient, and slower
 * than columns: everything here is written in terms of Database and View.
 *
 * Rows of a metric go to the measurement of that name, field `value`; reads find series by their metric's name, whatever
 * protocol wrote them. Ranges are half-open; results ascend by time.
 */
import { assert } from "./base/assert.ts";
import { ALL_TIME } from "./base/time.ts";
import type { Labels, SourceId, TimeRange } from "./base/types.ts";
import { DEFAULT_FIELD, FACET } from "./base/types.ts";
import { type Components, defaultComponents } from "./components.ts";
import type { Database, DeleteResult, Selection } from "./database.ts";
import { EngineError, isEngineError } from "./errors.ts";
import { absolutePath } from "./fs/paths.ts";
import { openDatabase, type OpenOptions } from "./open.ts";
import { type DataPoint, pointsOf } from "./query/aggregate.ts";
import { familyOfKind } from "./query/block.ts";
import { type Page, type PageOptions, readPage, type ScanRow } from "./query/pager.ts";
import { checkQueryOptions, evaluate, type QueryOptions } from "./query/query_options.ts";
import { readPieces } from "./query/series_pieces.ts";
import {
  byIdentity,
  checkShard,
  digestWindow,
  type ShardWindow,
  type ShardWindowDigest,
  type WindowSeries,
} from "./query/shard_window.ts";
import type { SeriesReference, View } from "./query/view.ts";
import {
  canonicalLabels,
  checkMetric,
  checkSource,
  compareText,
  identityHash,
  seriesIdentity,
  shardOf,
} from "./series/labels.ts";
import type { Matcher } from "./series/matcher.ts";
import type { ShardFilter } from "./series/registry.ts";
import { checkRows } from "./row_check.ts";
import type { Acknowledgement } from "./settings.ts";
import { restoreSnapshot } from "./snapshot.ts";
import type { DatabaseStats } from "./stats.ts";

/** One point of one series. */
export interface Row {
  readonly metric: string;
  readonly labels?: Labels;
  readonly point: DataPoint;
}

/** A series by its metric's name and labels. */
export interface MetricSeries {
  readonly name: string;
  readonly labels: Labels;
}

export interface SeriesPoints {
  readonly series: MetricSeries;
  readonly points: readonly DataPoint[];
}

/** Which series: a metric, matchers, and optionally a range in which they must have a point. */
export interface SeriesSelection {
  readonly metric?: string;
  readonly matchers?: readonly Matcher[];
  readonly start?: bigint;
  readonly end?: bigint;
}

interface FoundSeries extends MetricSeries {
  readonly reference: SeriesReference;
}

export class Storage implements AsyncDisposable {
  readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  /** Opens a database and puts the row-oriented calls over it. */
  static async open(options: OpenOptions = {}): Promise<Storage> {
    return new Storage(await openDatabase(options));
  }

  /**
   * Puts a snapshot in the place of a database that nobody has open, or where there is none. Throws "invalid" when source
   * and target are one or the source is no database, "locked" when the target is in use, "io".
   */
  static async restore(
    paths: { readonly source: string; readonly target: string },
    components: Partial<Components> = {},
  ): Promise<void> {
    const { fileSystem } = defaultComponents(components);
    await restoreSnapshot(fileSystem, absolutePath(paths.source), absolutePath(paths.target));
  }

  /**
   * Writes rows, all of them or (thrown) none but those older than the retention, which are counted; resolves when they are
   * acknowledged as asked for. Throws "invalid" for bad names and values of another family than their series has, "limit", "io".
   */
  async insertRows(
    rows: readonly Row[],
    acknowledgement: Acknowledgement = "durable",
  ): Promise<{ readonly acknowledgement: Acknowledgement; readonly tooOld: number }> {
    if (rows.length === 0) return { acknowledgement: "durable", tooOld: 0 };
    checkRows(this.database, rows);
    const admitted = this.database.admit();
    if (admitted !== undefined) {
      await admitted;
      // What others have written meanwhile may have changed the answer.
      checkRows(this.database, rows);
    }
    const { batch } = this.database;
    batch.begin();
    for (const row of rows) this.#addRow(row);
    const result = this.database.write(acknowledgement);
    await result.done;
    return { acknowledgement: result.acknowledgement, tooOld: result.tooOld };
  }

  /** Points of the series with exactly these labels. */
  select(metric: string, labels: Labels, start: bigint, end: bigint): DataPoint[] {
    const range = rangeOf(start, end);
    checkSource(metric, canonicalLabels(labels));
    using view = this.database.view(range);
    const series = this.#exact(view, metric, labels);
    return series === undefined ? [] : pointsOf(view.readBlocks(series.reference, range));
  }

  /** The same into an array of the caller, which is emptied first. */
  selectInto(
    metric: string,
    labels: Labels,
    bounds: { readonly start: bigint; readonly end: bigint },
    into: DataPoint[],
  ): void {
    const points = this.select(metric, labels, bounds.start, bounds.end);
    into.length = 0;
    for (const point of points) into.push(point);
  }

  /** One entry for each request, in order; unknown series have no points. */
  selectMany(series: readonly MetricSeries[], start: bigint, end: bigint): SeriesPoints[] {
    const range = rangeOf(start, end);
    for (const each of series) checkSource(each.name, canonicalLabels(each.labels));
    using view = this.database.view(range);
    return series.map((each) => {
      const found = this.#exact(view, each.name, each.labels);
      const points = found === undefined ? [] : pointsOf(view.readBlocks(found.reference, range));
      return { series: each, points };
    });
  }

  /** Every series of the metric that has a point in the range, sorted by labels. */
  selectAll(metric: string, start: bigint, end: bigint): SeriesPoints[] {
    const range = rangeOf(start, end);
    checkMetric(metric);
    using view = this.database.view(range);
    return this.#ofMetric(view, metric)
      .map((series) => ({
        series: { name: series.name, labels: series.labels },
        points: pointsOf(view.readBlocks(series.reference, range)),
      }))
      .filter(({ points }) => points.length > 0);
  }

  /** Reads, then aggregates or downsamples, then takes the page that offset and limit name. Throws "invalid". */
  selectWithOptions(metric: string, options: QueryOptions): DataPoint[] {
    const labels = canonicalLabels(options.labels ?? []);
    checkSource(metric, labels);
    checkQueryOptions(options);
    const range = rangeOf(options.start, options.end);
    using view = this.database.view(range);
    const series = this.#exact(view, metric, labels);
    if (series === undefined || options.limit === 0) return [];
    return evaluate(readPieces(view, series.reference, range), options);
  }

  /** Series that hold a point, sorted by name and labels. */
  listMetrics(): MetricSeries[] {
    return this.selectSeries({});
  }

  /** Series that satisfy the selection, sorted by name and labels. */
  selectSeries(selection: SeriesSelection): MetricSeries[] {
    return this.#selectSeries(selection, undefined);
  }

  /**
   * The same among the series of some metadata shards. Throws "unsupported" unless the database was made with the setting
   * metadataShards and the scope names as many: what would look at every series is never done silently.
   */
  selectSeriesInShards(selection: SeriesSelection, scope: ShardFilter): MetricSeries[] {
    return this.#selectSeries(selection, scope);
  }

  /** Series of some metadata shards that hold a point, sorted by name and labels. Throws as selectSeriesInShards does. */
  listMetricsInShards(scope: ShardFilter): MetricSeries[] {
    return this.selectSeriesInShards({}, scope);
  }

  /**
   * What is in a shard's window, in short, for comparing two copies. Works for any number of shards; all series are looked
   * at unless it is that of the setting metadataShards. Throws "invalid".
   */
  computeShardWindowDigest(window: ShardWindow): ShardWindowDigest {
    const { shard, shardCount, start, end } = window;
    checkShard(window);
    const range = rangeOf(start, end);
    using view = this.database.view(range);
    return digestWindow(
      { shard, shardCount, start, end },
      this.#ofShard(view, window),
      (series) => view.readBlocks(series.reference, range),
    );
  }

  /** Rows of a shard's window, series in the order of their identities, a page at a time. Throws "invalid". */
  scanShardWindowRows(
    window: ShardWindow,
    options: PageOptions & { readonly maxSeries?: number } = {},
  ): Page<MetricSeries> {
    checkShard(window);
    const range = rangeOf(window.start, window.end);
    using view = this.database.view(range);
    return readFound(view, this.#ofShard(view, window), { range, ...options });
  }

  /** Rows of these series, one series after the other in the order given. */
  scanSeriesRows(
    series: readonly MetricSeries[],
    start: bigint,
    end: bigint,
    options: PageOptions = {},
  ): Page<MetricSeries> {
    const range = rangeOf(start, end);
    for (const each of series) checkSource(each.name, canonicalLabels(each.labels));
    using view = this.database.view(range);
    const read = (each: MetricSeries) => {
      const found = this.#exact(view, each.name, each.labels);
      return found === undefined ? [] : readPieces(view, found.reference, range);
    };
    return readPage(series, read, options);
  }

  /** Rows of all series of a metric, series sorted by labels. */
  scanMetricRows(
    metric: string,
    start: bigint,
    end: bigint,
    options: PageOptions = {},
  ): Page<MetricSeries> {
    checkMetric(metric);
    const range = rangeOf(start, end);
    using view = this.database.view(range);
    return readFound(view, this.#ofMetric(view, metric), { range, ...options });
  }

  /** Hides what is selected from everything written so far. */
  deleteSeries(selection: SeriesSelection): Promise<DeleteResult> {
    const matchers = matchersOf(selection);
    const given: Selection = selection.start === undefined || selection.end === undefined
      ? { matchers }
      : { matchers, range: rangeOf(selection.start, selection.end) };
    return this.database.delete(given);
  }

  snapshot(directory: string): Promise<void> {
    return this.database.snapshot(directory);
  }

  /** Figures for operators. */
  stats(): DatabaseStats {
    return this.database.stats();
  }

  /** Bytes of memory that the database counts now: head, registry, cache, and what reads hold. */
  memoryUsed(): number {
    const { memory } = this.database.stats();
    const { headBytes, registryBytes, cacheBytes, queryBytes, scratchBytes } = memory;
    return headBytes + registryBytes + cacheBytes + queryBytes + scratchBytes;
  }

  /** Bytes of memory that it may take: the setting memoryLimitBytes. */
  memoryBudget(): number {
    return this.database.settings.memoryLimitBytes;
  }

  /** Ends background work, syncs the log and gives up the directory. Throws "closed" when that was done before. */
  close(): Promise<void> {
    return this.database.close();
  }

  /** Closes; no error when it is closed already. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.close();
    } catch (error) {
      if (!isEngineError(error, "closed")) throw error;
    }
  }

  #addRow(row: Row): void {
    const { registry, batch } = this.database;
    const { value, timestamp } = row.point;
    const source = registry.sourceOf(row.metric, canonicalLabels(row.labels ?? []));
    const slot = source === 0
      ? -1
      : registry.slotOf(source, DEFAULT_FIELD, familyOfKind(value.kind));
    assert(slot >= 0 && batch.hasRoom(1), "A checked row cannot be refused");
    batch.row(source, timestamp);
    batch.value(slot, value);
  }

  #exact(view: View, metric: string, labels: Labels): FoundSeries | undefined {
    const sorted = canonicalLabels(labels);
    const matchers: Matcher[] = [{ name: "__name__", operator: "=", value: metric }];
    for (const [name, value] of sorted) matchers.push({ name, operator: "=", value });
    return this.#find(view, matchers).find((series) => sameLabels(series.labels, sorted));
  }

  #ofMetric(view: View, metric: string): FoundSeries[] {
    return this.#find(view, [{ name: "__name__", operator: "=", value: metric }]);
  }

  #selectSeries(selection: SeriesSelection, scope: ShardFilter | undefined): MetricSeries[] {
    const { start, end } = selection;
    if ((start === undefined) !== (end === undefined)) {
      throw new EngineError("invalid", "Cannot select series: give both start and end, or neither");
    }
    const range = start === undefined ? ALL_TIME : rangeOf(start, end!);
    using view = this.database.view(range);
    return this.#find(view, matchersOf(selection), scope)
      .filter((series) => view.hasPoints(series.reference, range))
      .map(({ name, labels }) => ({ name, labels }));
  }

  /** Series of a shard by their identities, through the index of shards where there is one for this geometry. */
  #ofShard(view: View, { shard, shardCount }: ShardWindow): (FoundSeries & WindowSeries)[] {
    const isIndexed = this.database.settings.metadataShards === shardCount;
    const scope = isIndexed ? { shardCount, shards: [shard] } : undefined;
    return this.#find(view, [], scope)
      .map((series) => ({ ...series, identity: seriesIdentity(series.name, series.labels) }))
      .filter(({ identity }) => isIndexed || shardOf(identityHash(identity), shardCount) === shard)
      .sort(byIdentity);
  }

  #find(view: View, matchers: readonly Matcher[], scope?: ShardFilter): FoundSeries[] {
    const found: FoundSeries[] = [];
    for (const group of view.select(matchers, scope)) {
      if (group.field === FACET.starts) continue;
      for (const id of group.sources) {
        const source = id as SourceId;
        const reference = { source, slot: group.slot, family: group.family };
        found.push({ name: group.metric, labels: view.tagsOf(source), reference });
      }
    }
    return found.sort(bySeries);
  }
}

/** A page over series that were found through the view. */
function readFound(
  view: View,
  series: readonly FoundSeries[],
  options: PageOptions & { readonly maxSeries?: number; readonly range: TimeRange },
): Page<MetricSeries> {
  const read = (each: FoundSeries) => readPieces(view, each.reference, options.range);
  const page = readPage(series, read, options);
  return { ...page, rows: page.rows.map(withoutReference) };
}

function withoutReference({ series: { name, labels }, point }: ScanRow<MetricSeries>) {
  return { series: { name, labels }, point };
}

function matchersOf(selection: SeriesSelection): Matcher[] {
  const matchers = [...selection.matchers ?? []];
  if (selection.metric !== undefined) {
    checkMetric(selection.metric);
    matchers.unshift({ name: "__name__", operator: "=", value: selection.metric });
  }
  return matchers;
}

function rangeOf(start: bigint, end: bigint): TimeRange {
  if (start < end) return { start, end };
  throw new EngineError(
    "invalid",
    `Cannot use the range: its start ${start} is not below its end ${end}`,
  );
}

function sameLabels(a: Labels, b: Labels): boolean {
  return a.length === b.length &&
    a.every(([name, value], i) => name === b[i]![0] && value === b[i]![1]);
}

function bySeries(a: MetricSeries, b: MetricSeries): number {
  return compareText(a.name, b.name) || compareLabels(a.labels, b.labels);
}

/** Order of label sets: by the first name or value in which they differ, in byte order. */
function compareLabels(a: Labels, b: Labels): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const order = compareText(a[i]![0], b[i]![0]) || compareText(a[i]![1], b[i]![1]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
