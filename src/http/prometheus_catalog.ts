/**
 * Which series and labels exist, for the listings of the Prometheus API, over a database.
 *
 * Listings of series are JSON from the start: the text of a source's tags is written once and kept in a bounded cache,
 * so that a known series costs one concatenation. Time bounds are checked series by series, of those that could add
 * something; long listings pause, so that the event loop serves others meanwhile.
 */
import type { Database, SeriesGroup, SourceId, TimeRange, View } from "../../engine/mod.ts";
import {
  ALL_TIME,
  compareText,
  FACET,
  METRIC_NAME,
  msToTicks,
  toSourceId,
} from "../../engine/mod.ts";
import type { LabelMatcher } from "../promql/queryable.ts";
import { Slices, sortInSlices } from "../slices.ts";
import type { RequestedBounds } from "./prometheus_parameters.ts";

/** What one request selects: the union of its selectors; none selects everything. */
export interface CatalogSelection {
  readonly selectors: readonly (readonly LabelMatcher[])[];
  readonly bounds: RequestedBounds;
}

/** The listings that the routes need. */
export interface SeriesCatalog {
  /** The label sets of the selected series as JSON objects, each series once; in batches, for a step costs more than a series. */
  seriesJson(selection: CatalogSelection): AsyncIterable<readonly string[]>;
  /** Names of the labels of the selected series, sorted. */
  labelNames(selection: CatalogSelection): Promise<string[]>;
  /** Values of one label in the selected series, sorted. */
  labelValues(name: string, selection: CatalogSelection): Promise<string[]>;
}

/** Series of a batch. */
const SERIES_PER_BATCH = 256;
/** Series between two looks at the clock. */
const SERIES_PER_CLOCK = 64;
/** Tag texts that are kept, by number and by total length. */
const TAG_TEXTS_MAX = 50_000;
const TAG_TEXTS_LENGTH_MAX = 8 << 20;

/** The JSON members of a source's tags, on both sides of where the metric's name stands. */
interface TagTexts {
  readonly before: string;
  readonly after: string;
}

export class DatabaseCatalog implements SeriesCatalog {
  readonly #database: Database;
  readonly #tagTexts = new Map<SourceId, TagTexts>();
  #tagTextsLength = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  async *seriesJson(selection: CatalogSelection): AsyncGenerator<readonly string[]> {
    using selected = this.#select(selection);
    const slices = new Slices(SERIES_PER_CLOCK);
    let batch: string[] = [];
    for (const [metric, groups] of Map.groupBy(selected.groups, (group) => group.metric)) {
      const name = `"${METRIC_NAME}":${JSON.stringify(metric)}`;
      // Groups of one name may hold the same label sets: facets, other measurements, what several selectors select.
      const seen = groups.length > 1 ? new Set<string>() : undefined;
      for (const group of groups) {
        for (const id of group.sources) {
          if (slices.isDue) await slices.pause();
          const source = toSourceId(id);
          const { before, after } = this.#tagsText(source);
          const text = `{${before}${name}${after}}`;
          if (seen?.has(text) === true || !selected.hasPoints(source, group)) continue;
          seen?.add(text);
          if (batch.push(text) < SERIES_PER_BATCH) continue;
          yield batch;
          batch = [];
        }
      }
    }
    yield batch;
  }

  async labelNames(selection: CatalogSelection): Promise<string[]> {
    const { registry } = this.#database;
    if (rangeOf(selection.bounds, this.#database) === undefined) {
      return listed(selection, (matchers) => registry.labelNames(matchers));
    }
    using selected = this.#select(selection);
    const slices = new Slices(SERIES_PER_CLOCK);
    const names = new Set<string>();
    for (const group of selected.groups) {
      for (const id of group.sources) {
        if (slices.isDue) await slices.pause();
        const source = toSourceId(id);
        const tags = registry.tagsOf(source);
        const isNew = !names.has(METRIC_NAME) || tags.some(([name]) => !names.has(name));
        if (!isNew || !selected.hasPoints(source, group)) continue;
        names.add(METRIC_NAME);
        for (const [name] of tags) names.add(name);
      }
    }
    return await sorted(names, slices);
  }

  async labelValues(label: string, selection: CatalogSelection): Promise<string[]> {
    const { registry } = this.#database;
    if (rangeOf(selection.bounds, this.#database) === undefined) {
      return listed(selection, (matchers) => registry.labelValues(label, matchers));
    }
    using selected = this.#select(selection);
    const slices = new Slices(SERIES_PER_CLOCK);
    const values = new Set<string>();
    for (const group of selected.groups) {
      for (const id of group.sources) {
        if (slices.isDue) await slices.pause();
        const source = toSourceId(id);
        const value = label === METRIC_NAME
          ? group.metric
          : registry.tagsOf(source).find(([name]) => name === label)?.[1] ?? "";
        const isNew = value !== "" && !values.has(value);
        if (isNew && selected.hasPoints(source, group)) values.add(value);
        if (label === METRIC_NAME && values.has(group.metric)) break;
      }
    }
    return await sorted(values, slices);
  }

  /** The selected groups of samples, and the view that their time is checked in, where there are bounds. */
  #select({ selectors, bounds }: CatalogSelection): Selected {
    const range = rangeOf(bounds, this.#database);
    if (range !== undefined && range.start >= range.end) return new Selected([], undefined);
    const view = range === undefined ? undefined : this.#database.view(range);
    const sets = selectors.length === 0 ? [[]] : selectors;
    try {
      const groups = sets.flatMap((matchers) =>
        view === undefined ? this.#database.registry.select(matchers) : view.select(matchers)
      );
      // Blobs are no samples: nothing in the language reads them. Start timestamps go with samples.
      const samples = groups.filter(({ family, field }) =>
        family !== "blob" && field !== FACET.starts
      );
      return new Selected(samples, view === undefined ? undefined : { range: range!, view });
    } catch (error) {
      view?.[Symbol.dispose]();
      throw error;
    }
  }

  #tagsText(source: SourceId): TagTexts {
    const known = this.#tagTexts.get(source);
    if (known !== undefined) return known;
    let before = "";
    let after = "";
    for (const [name, value] of this.#database.registry.tagsOf(source)) {
      const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
      if (compareText(name, METRIC_NAME) < 0) before += `${member},`;
      else after += `,${member}`;
    }
    const texts = { before, after };
    const length = before.length + after.length;
    if (
      this.#tagTexts.size >= TAG_TEXTS_MAX || this.#tagTextsLength + length > TAG_TEXTS_LENGTH_MAX
    ) {
      this.#tagTexts.clear();
      this.#tagTextsLength = 0;
    }
    this.#tagTexts.set(source, texts);
    this.#tagTextsLength += length;
    return texts;
  }
}

async function sorted(texts: Iterable<string>, slices: Slices): Promise<string[]> {
  const list = [...texts];
  await sortInSlices(list, compareText, slices);
  return list;
}

/** What the registry lists for the union of the selectors, whatever the time. */
function listed(
  { selectors }: CatalogSelection,
  list: (matchers: readonly LabelMatcher[]) => string[],
): string[] {
  if (selectors.length <= 1) return list(selectors[0] ?? []);
  const union = new Set(selectors.flatMap((matchers) => list(matchers)));
  return [...union].sort(compareText);
}

/** Selected groups, and the view that their time is checked in. */
class Selected implements Disposable {
  readonly groups: readonly SeriesGroup[];
  readonly #check: { readonly range: TimeRange; readonly view: View } | undefined;

  constructor(
    groups: readonly SeriesGroup[],
    check: { readonly range: TimeRange; readonly view: View } | undefined,
  ) {
    this.groups = groups;
    this.#check = check;
  }

  hasPoints(source: SourceId, group: SeriesGroup): boolean {
    if (this.#check === undefined) return true;
    const { view, range } = this.#check;
    return view.hasPoints({ source, slot: group.slot, family: group.family }, range);
  }

  [Symbol.dispose](): void {
    this.#check?.view[Symbol.dispose]();
  }
}

/** The bounds as a range; undefined when they bound nothing. */
function rangeOf(bounds: RequestedBounds, database: Database): TimeRange | undefined {
  const { startMs, endMs } = bounds;
  if (startMs === -Infinity && endMs === Infinity) return undefined;
  const unit = database.settings.timeUnit;
  const start = startMs === -Infinity ? ALL_TIME.start : msToTicks(startMs, unit);
  const last = endMs === Infinity ? ALL_TIME.end : msToTicks(endMs, unit);
  return { start, end: last < ALL_TIME.end ? last + 1n : ALL_TIME.end };
}
