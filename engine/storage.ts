/**
 * The row-oriented calls for programs that embed the engine: rows in, points out, one object each. Convenient, and slower
 * than columns: everything here is written in terms of Database and View.
 *
 * Rows of a metric go to the measurement of that name, field `value`; reads find series by their metric's name, whatever
 * protocol wrote them. Ranges are half-open; results ascend by time.
 */
import { ALL_TIME } from "./base/time.ts";
import type { Labels, SourceId, TimeRange } from "./base/types.ts";
import { DEFAULT_FIELD } from "./base/types.ts";
import type { Database, DeleteResult, Selection } from "./database.ts";
import { EngineError } from "./errors.ts";
import { openDatabase, type OpenOptions } from "./open.ts";
import {
  aggregateSeries,
  type Aggregation,
  type DataPoint,
  downsample,
  forEachBucket,
  pointsOf,
} from "./query/aggregate.ts";
import { familyOfKind, type Value } from "./query/block.ts";
import { type Page, type PageOptions, readPage, type ScanRow } from "./query/pager.ts";
import {
  checkShard,
  digestOf,
  identityKey,
  type ShardDigest,
  type ShardWindow,
} from "./query/shard_window.ts";
import type { SeriesReference, View } from "./query/view.ts";
import { canonicalLabels, checkMetric, checkSource, compareText } from "./series/labels.ts";
import type { Matcher } from "./series/matcher.ts";
import type { SeriesGroup, ShardFilter } from "./series/registry.ts";
import type { Acknowledgement } from "./settings.ts";
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

/** Makes one value of many byte values: for aggregations of one's own. */
export interface BytesAggregation {
  /** Undefined: no output. */
  aggregate(values: readonly Uint8Array[]): Uint8Array | undefined;
}

export interface QueryOptions {
  readonly labels?: Labels;
  readonly start: bigint;
  readonly end: bigint;
  readonly aggregation?: Aggregation;
  /** Buckets of this many ticks, aligned to `start`. */
  readonly downsampleInterval?: bigint;
  readonly custom?: BytesAggregation;
  readonly limit?: number;
  readonly offset?: number;
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
   * Writes rows, all of them or (thrown) none but those older than the retention, which are counted; resolves when they are
   * acknowledged as asked for. Throws "invalid" for bad names and values of another family than their series has, "limit", "io".
   */
  async insertRows(
    rows: readonly Row[],
    acknowledgement: Acknowledgement = "durable",
  ): Promise<{ readonly acknowledgement: Acknowledgement; readonly tooOld: number }> {
    if (rows.length === 0) return { acknowledgement: "durable", tooOld: 0 };
    for (const row of rows) checkSource(row.metric, canonicalLabels(row.labels ?? []));
    await this.database.admit();
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

  /** Reads, then aggregates or downsamples, then takes the page that offset and limit name. */
  selectWithOptions(metric: string, options: QueryOptions): DataPoint[] {
    const points = this.select(metric, options.labels ?? [], options.start, options.end);
    const from = options.offset ?? 0;
    const to = options.limit === undefined ? undefined : from + options.limit;
    return shape(points, options).slice(from, to);
  }

  /** Series that hold a point, sorted by name and labels. */
  listMetrics(): MetricSeries[] {
    return this.selectSeries({});
  }

  /** Series that satisfy the selection, sorted by name and labels. */
  selectSeries(selection: SeriesSelection): MetricSeries[] {
    return this.#selectSeries(selection, (view, matchers) => view.select(matchers));
  }

  /** The same, restricted to some shards of the metadata. Throws "unsupported" where the database has not as many shards. */
  selectSeriesInShards(selection: SeriesSelection, scope: ShardFilter): MetricSeries[] {
    return this.#selectSeries(
      selection,
      (_, matchers) => this.database.registry.selectInShards(matchers, scope),
    );
  }

  /** Series of some shards that hold a point, sorted by name and labels. */
  listMetricsInShards(scope: ShardFilter): MetricSeries[] {
    return this.selectSeriesInShards({}, scope);
  }

  /** What the series of one shard hold in a range, for comparing two copies. Throws "invalid", "unsupported". */
  computeShardWindowDigest(window: ShardWindow): ShardDigest {
    const range = this.#checkWindow(window);
    using view = this.database.view(range);
    const points = (series: FoundSeries) => pointsOf(view.readBlocks(series.reference, range));
    const series = this.#ofShard(window);
    return digestOf(window, series.map((each) => ({ key: each.key, points: points(each) })));
  }

  /** Rows of the series of one shard in a range, in order of the series' identities, a page at a time. */
  scanShardWindowRows(
    window: ShardWindow,
    options: PageOptions & { readonly maxSeries?: number } = {},
  ): Page<MetricSeries> {
    const range = this.#checkWindow(window);
    using view = this.database.view(range);
    const read = (each: FoundSeries) => pointsOf(view.readBlocks(each.reference, range));
    const page = readPage(this.#ofShard(window), read, options);
    return { ...page, rows: page.rows.map(withoutReference) };
  }

  /** Bytes that the engine accounts for now, and the setting that bounds them. */
  memoryUsed(): number {
    const { headBytes, registryBytes, cacheBytes, queryBytes, scratchBytes } = this.stats().memory;
    return headBytes + registryBytes + cacheBytes + queryBytes + scratchBytes;
  }

  memoryBudget(): number {
    return this.database.settings.memoryLimitBytes;
  }

  stats(): DatabaseStats {
    return this.database.stats();
  }

  #selectSeries(
    selection: SeriesSelection,
    select: (view: View, matchers: readonly Matcher[]) => readonly SeriesGroup[],
  ): MetricSeries[] {
    if ((selection.start === undefined) !== (selection.end === undefined)) {
      throw new EngineError("invalid", "Cannot select series: give both start and end, or neither");
    }
    const range = selection.start === undefined
      ? ALL_TIME
      : rangeOf(selection.start, selection.end!);
    using view = this.database.view(range);
    return foundIn(view, select(view, matchersOf(selection)))
      .filter((series) => view.hasPoints(series.reference, range))
      .map(({ name, labels }) => ({ name, labels }));
  }

  /** Rows of these series, one series after the other in the order given. */
  scanSeriesRows(
    series: readonly MetricSeries[],
    start: bigint,
    end: bigint,
    options: PageOptions = {},
  ): Page<MetricSeries> {
    const range = rangeOf(start, end);
    using view = this.database.view(range);
    const read = (each: MetricSeries) => {
      const found = this.#exact(view, each.name, each.labels);
      return found === undefined ? [] : pointsOf(view.readBlocks(found.reference, range));
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
    const range = rangeOf(start, end);
    using view = this.database.view(range);
    const series = this.#ofMetric(view, metric);
    const page = readPage(
      series,
      (each) => pointsOf(view.readBlocks(each.reference, range)),
      options,
    );
    return { ...page, rows: page.rows.map(withoutReference) };
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

  close(): Promise<void> {
    return this.database.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #addRow(row: Row): void {
    const { registry, batch } = this.database;
    const { value, timestamp } = row.point;
    const source = registry.sourceOf(row.metric, canonicalLabels(row.labels ?? []));
    if (source === 0) {
      throw new EngineError(
        "limit",
        `Cannot create series "${row.metric}": the setting seriesMax (${this.database.settings.seriesMax}) is reached`,
      );
    }
    const slot = registry.slotOf(source, DEFAULT_FIELD, familyOfKind(value.kind));
    if (slot < 0) {
      throw new EngineError(
        "invalid",
        `Cannot write "${row.metric}": it holds values of another family than ${value.kind}`,
      );
    }
    const bytes = blobBytes(value);
    if (!batch.hasRoom(1, bytes)) {
      throw new EngineError("limit", "Cannot write rows: the batch is full; write fewer at once");
    }
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

  #find(view: View, matchers: readonly Matcher[]): FoundSeries[] {
    return foundIn(view, view.select(matchers));
  }

  #checkWindow(window: ShardWindow): TimeRange {
    checkShard(window);
    return rangeOf(window.start, window.end);
  }

  /** Series of a shard in order of their identities. */
  #ofShard({ shard, shardCount }: ShardWindow): (FoundSeries & { readonly key: string })[] {
    const groups = this.database.registry.selectInShards([], { shardCount, shards: [shard] });
    return foundIn(this.database.registry, groups)
      .map((series) => ({ ...series, key: identityKey(series.name, series.labels) }))
      .sort((a, b) => a.key < b.key ? -1 : 1);
  }
}

/** The series of groups, sorted by name and labels. */
function foundIn(
  from: { tagsOf(source: SourceId): Labels },
  groups: readonly SeriesGroup[],
): FoundSeries[] {
  const found: FoundSeries[] = [];
  for (const group of groups) {
    for (const id of group.sources) {
      const source = id as SourceId;
      const reference = { source, slot: group.slot, family: group.family };
      found.push({ name: group.metric, labels: from.tagsOf(source), reference });
    }
  }
  return found.sort(bySeries);
}

function withoutReference({ series: { name, labels }, point }: ScanRow<MetricSeries>) {
  return { series: { name, labels }, point };
}

/** Aggregates as the options say; a custom aggregation comes before the others. */
function shape(points: DataPoint[], options: QueryOptions): DataPoint[] {
  const { custom, downsampleInterval: interval, start } = options;
  const aggregation = options.aggregation ?? "none";
  if (custom !== undefined) {
    const result: DataPoint[] = [];
    const add = (timestamp: bigint, part: readonly DataPoint[]) => {
      const value = custom.aggregate(part.map(({ value }) => bytesOf(value)));
      if (value !== undefined) result.push({ timestamp, value: { kind: "bytes", value } });
    };
    if (interval !== undefined) forEachBucket(points, { start, interval }, add);
    else if (points.length > 0) add(points.at(-1)!.timestamp, points);
    return result;
  }
  if (interval !== undefined) return downsample(points, { start, interval, aggregation });
  return aggregateSeries(points, aggregation);
}

function bytesOf(value: Value): Uint8Array {
  if (value.kind === "bytes") return value.value;
  throw new EngineError("invalid", `Cannot aggregate: the value is ${value.kind}, not bytes`);
}

function blobBytes(value: Value): number {
  if (value.kind === "string") return value.value.length * 3 + 1;
  return value.kind === "bytes" || value.kind === "histogram" ? value.value.length + 1 : 0;
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
