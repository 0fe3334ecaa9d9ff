/**
 * The engine as the evaluator sees it. A series is a field of a source: its metric name, its tags as labels.
 *
 * Numbers are read through the view's own memory; native histograms are decoded; strings have no place in PromQL and are
 * left out. A metric may come from several measurements (`a_b` is field `b` of `a` or field `value` of `a_b`):
 * where that makes two series with the same labels, they are read as one. So are the facets of a metric: its floats and
 * histograms, and the start timestamps that go with them.
 */
import {
  FACET,
  msToTicks,
  type Readable,
  type SeriesGroup,
  type SeriesReference,
  type SourceId,
  ticksToMs,
  timeAt,
  type TimeRange,
  type TimeUnit,
  type View,
  WindowFolds,
} from "../../engine/mod.ts";
import type { Pauses } from "../slices.ts";
import type { NativeHistogram } from "./histogram.ts";
import { decodeHistogram, isStaleHistogram } from "./histogram_codec.ts";
import { orderGroups } from "./series_order.ts";
import type {
  Label,
  LabelMatcher,
  Labels,
  MsBounds,
  Queryable,
  QuerySession,
  SampleColumns,
  SelectedSeries,
  SeriesList,
  WindowFolder,
} from "./queryable.ts";

/** Makes sessions over a database. */
export class EngineQueryable implements Queryable {
  readonly #database: Readable;
  readonly #folder: WindowFolder;

  constructor(database: Readable) {
    this.#database = database;
    this.#folder = new WindowFolds(database.kernels);
  }

  open(bounds: MsBounds): QuerySession {
    const unit = this.#database.settings.timeUnit;
    return new EngineSession(this.#database.view(rangeOf(bounds, unit)), unit, this.#folder);
  }
}

/** The half-open range of ticks that covers inclusive bounds in milliseconds. */
function rangeOf(bounds: MsBounds, unit: TimeUnit): TimeRange {
  const start = msToTicks(Math.floor(bounds.startMs), unit);
  const end = msToTicks(Math.floor(bounds.endMs) + 1, unit);
  return { start, end: end > start ? end : start + 1n };
}

class EngineSession implements QuerySession {
  readonly folder: WindowFolder;
  readonly #view: View;
  readonly #unit: TimeUnit;

  constructor(view: View, unit: TimeUnit, folder: WindowFolder) {
    this.#view = view;
    this.#unit = unit;
    this.folder = folder;
  }

  select(
    matchers: readonly LabelMatcher[],
    _bounds: MsBounds,
    pauses: Pauses,
  ): SeriesList | Promise<SeriesList> {
    const view = this.#view;
    const unit = this.#unit;
    const selected = view.select(matchers);
    let starts: Map<number, SeriesGroup> | undefined;
    for (const group of selected) {
      if (group.field === FACET.starts) (starts ??= new Map()).set(group.measurementPointer, group);
    }
    const groups: SelectedGroup[] = [];
    for (const group of selected) {
      if (group.field === FACET.starts || group.family === "blob") continue;
      const { metric, slot, family, sources, measurementPointer } = group;
      const own = starts?.get(measurementPointer);
      groups.push({ metric, slot, family, sources, starts: own, view, unit });
    }
    const series = new GroupedSeries(groups);
    return sharesNames(groups) ? mergeEqual(series, pauses) : series;
  }

  samplesPerSeries(): number {
    return this.#view.pointsPerSeries();
  }

  [Symbol.dispose](): void {
    this.#view[Symbol.dispose]();
  }
}

/** Whether ascending ids hold one. */
function includes(ids: Uint32Array, id: number): boolean {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return ids[low] === id;
}

/** Whether two groups have one metric name, so that label sets may meet. */
function sharesNames(groups: readonly SelectedGroup[]): boolean {
  if (groups.length < 2) return false;
  return new Set(groups.map((group) => group.metric)).size < groups.length;
}

/** What the series of one group share. */
interface SelectedGroup extends Pick<SeriesGroup, "metric" | "slot" | "family" | "sources"> {
  /** Where start timestamps are, if any source has them. */
  readonly starts: SeriesGroup | undefined;
  readonly view: View;
  readonly unit: TimeUnit;
}

/** The series of all groups, made as they are asked for: mostly from the first to the last. */
class GroupedSeries implements SeriesList {
  readonly length: number;
  readonly #groups: readonly SelectedGroup[];
  /** The group of the last series, and the index of its first one. */
  #last = 0;
  #first = 0;

  constructor(groups: readonly SelectedGroup[]) {
    this.#groups = groups;
    let length = 0;
    for (const { sources } of groups) length += sources.length;
    this.length = length;
  }

  at(index: number): EngineSeries | undefined {
    if (index >= this.length) return undefined;
    if (index < this.#first) this.#last = this.#first = 0;
    let group = this.#groups[this.#last]!;
    while (index - this.#first >= group.sources.length) {
      this.#first += group.sources.length;
      group = this.#groups[++this.#last]!;
    }
    const source = group.sources[index - this.#first]!;
    const { starts } = group;
    const hasStarts = starts !== undefined && includes(starts.sources, source);
    return new EngineSeries(group, source as SourceId, hasStarts ? starts.slot : undefined);
  }

  async inOrder(pauses: Pauses): Promise<GroupedSeries | undefined> {
    const { view } = this.#groups[0] ?? {};
    if (view === undefined) return this;
    const tags = (source: number) => view.tagsOf(source as SourceId);
    const groups = await orderGroups(this.#groups, { tags, isPlain }, pauses);
    return groups === undefined ? undefined : new GroupedSeries(groups);
  }
}

class EngineSeries implements SelectedSeries {
  readonly #group: SelectedGroup;
  readonly #source: SourceId;
  /** Where its start timestamps are, if it has any. */
  readonly #startSlot: number | undefined;

  constructor(group: SelectedGroup, source: SourceId, startSlot: number | undefined) {
    this.#group = group;
    this.#source = source;
    this.#startSlot = startSlot;
  }

  /** Put together anew at each call: a million label sets are not to be kept. */
  get labels(): Labels {
    return withName(this.#group.metric, this.tags);
  }

  get tags(): Labels {
    return this.#group.view.tagsOf(this.#source);
  }

  get #reference(): SeriesReference {
    const { slot, family } = this.#group;
    return { source: this.#source, slot, family };
  }

  read(bounds: MsBounds): SampleColumns {
    const columns = this.#group.family === "histogram"
      ? this.#readHistograms(bounds)
      : this.#group.view.readNumbers(this.#reference, bounds.startMs, bounds.endMs);
    return this.#startSlot === undefined || columns.count === 0
      ? columns
      : this.#withStarts(columns, this.#startSlot, bounds);
  }

  #withStarts(columns: SampleColumns, slot: number, { startMs, endMs }: MsBounds): SampleColumns {
    const { count, times, values, histograms } = ownedColumns(columns);
    const reference: SeriesReference = { source: this.#source, slot, family: "i64" };
    const starts = this.#group.view.readNumbers(reference, startMs, endMs);
    const startTimes = new Float64Array(count).fill(NaN);
    let next = 0;
    for (let at = 0; at < count; at++) {
      while (next < starts.count && starts.times[next]! < times[at]!) next++;
      const isThere = next < starts.count && starts.times[next] === times[at] &&
        starts.values[next] !== 0;
      if (isThere) startTimes[at] = starts.values[next]!;
    }
    return { count, times, values, startTimes, ...histograms === undefined ? {} : { histograms } };
  }

  #readHistograms(bounds: MsBounds): SampleColumns {
    const blocks = this.#group.view.readBlocks(this.#reference, rangeOf(bounds, this.#group.unit));
    const times: number[] = [];
    const blobs: Uint8Array[] = [];
    for (const block of blocks) {
      for (let i = 0; i < block.count; i++) {
        const ms = ticksToMs(timeAt(block, i), this.#group.unit);
        if (ms < bounds.startMs || ms > bounds.endMs) continue;
        times.push(ms);
        blobs.push(block.blobs![i]!);
      }
    }
    const values = new Float64Array(times.length);
    const histograms = blobs.map((blob, i) => {
      if (!isStaleHistogram(blob)) return withoutHint(decodeHistogram(blob));
      putStaleMarker(values, i);
      return undefined;
    });
    return { count: times.length, times: Float64Array.from(times), values, histograms };
  }
}

/** A counter's reset is for the evaluator to find: what a sender said of its neighbour may not hold of ours. */
function withoutHint(histogram: NativeHistogram): NativeHistogram {
  return histogram.hint === "gauge" ? histogram : { ...histogram, hint: "unknown" };
}

/** The bits of the marker that ends a series, in halves: a number would lose a NaN's payload. */
const STALE_LOW = 2;
const STALE_HIGH = 0x7ff00000;

function putStaleMarker(values: Float64Array, index: number): void {
  const halves = new Uint32Array(values.buffer, values.byteOffset + index * 8, 2);
  halves[0] = STALE_LOW;
  halves[1] = STALE_HIGH;
}

/** Tags with the metric's name at its place in the order; empty values are as good as absent. */
function withName(metric: string, tags: Labels): Labels {
  if (isPlain(tags)) return ([["__name__", metric]] as Label[]).concat(tags);
  const labels: Label[] = [];
  let placed = false;
  for (const tag of tags) {
    if (tag[1] === "" || tag[0] === "__name__") continue;
    if (!placed && tag[0] > "__name__") {
      labels.push(["__name__", metric]);
      placed = true;
    }
    labels.push(tag);
  }
  if (!placed) labels.push(["__name__", metric]);
  return labels;
}

/** Whether the name comes first and no tag is left out. */
function isPlain(tags: Labels): boolean {
  for (const tag of tags) if (tag[1] === "" || tag[0] <= "__name__") return false;
  return true;
}

/** Series with the same labels become one; the rest stays as it is. */
async function mergeEqual(series: GroupedSeries, pauses: Pauses): Promise<SeriesList> {
  const byLabels = new Map<string, EngineSeries[]>();
  for (let at = 0; at < series.length; at++) {
    const each = series.at(at)!;
    const key = JSON.stringify(each.labels);
    const equal = byLabels.get(key);
    if (equal === undefined) byLabels.set(key, [each]);
    else equal.push(each);
    if (pauses.isDue) await pauses.pause();
  }
  return [...byLabels.values()].map((equal) =>
    equal.length === 1 ? equal[0]! : new MergedSeries(equal)
  );
}

/** Several stored series under one label set; at equal times the last one wins. */
class MergedSeries implements SelectedSeries {
  readonly #parts: readonly EngineSeries[];

  constructor(parts: readonly EngineSeries[]) {
    this.#parts = parts;
  }

  get labels(): Labels {
    return this.#parts[0]!.labels;
  }

  read(bounds: MsBounds): SampleColumns {
    // Copies, because a read is valid only until the next one; bits, because a number loses a NaN's payload.
    const columns = this.#parts.map((part) => ownedColumns(part.read(bounds)));
    const partBits = columns.map(({ values }) => new BigInt64Array(values.buffer));
    const places = new Map<number, readonly [part: number, index: number]>();
    columns.forEach(({ times }, part) => times.forEach((time, i) => places.set(time, [part, i])));
    const order = [...places.keys()].sort((a, b) => a - b);
    const bits = new BigInt64Array(order.length);
    order.forEach((time, i) => {
      const [part, index] = places.get(time)!;
      bits[i] = partBits[part]![index]!;
    });
    const pick = <Value>(of: (columns: SampleColumns) => ArrayLike<Value> | undefined) =>
      order.map((time) => {
        const [part, index] = places.get(time)!;
        return of(columns[part]!)?.[index];
      });
    const hasHistograms = columns.some(({ histograms }) =>
      histograms?.some((histogram) => histogram !== undefined)
    );
    const hasStarts = columns.some(({ startTimes }) => startTimes !== undefined);
    return {
      count: order.length,
      times: Float64Array.from(order),
      values: new Float64Array(bits.buffer),
      ...hasHistograms ? { histograms: pick(({ histograms }) => histograms) } : {},
      ...hasStarts
        ? { startTimes: Float64Array.from(pick(({ startTimes }) => startTimes), (s) => s ?? NaN) }
        : {},
    };
  }
}

/** The columns as copies that stay as they are, values bit for bit. */
function ownedColumns(columns: SampleColumns): SampleColumns {
  const { count, times, values, histograms, startTimes } = columns;
  return {
    count,
    times: times.slice(0, count),
    values: values.slice(0, count),
    ...histograms === undefined ? {} : { histograms },
    ...startTimes === undefined ? {} : { startTimes: startTimes.slice(0, count) },
  };
}
