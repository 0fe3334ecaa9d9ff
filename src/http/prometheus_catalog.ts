/**
 * Which series and labels exist, for the listings of the Prometheus API, over a database.
 *
 * Listings of series are JSON from the start: the text of a source's tags is written once and kept in a bounded cache,
 * so that a known series costs one concatenation. Time bounds are checked series by series, which is only worth it up to
 * BOUNDS_CHECKED_MAX series: larger listings hold all series that satisfy the selectors, whatever their time.
 */
import type { Database, Labels, SeriesGroup, SourceId, TimeRange, View } from "../../engine/mod.ts";
import { ALL_TIME, METRIC_NAME, msToTicks, seriesIdOf, toSourceId } from "../../engine/mod.ts";
import type { LabelMatcher } from "../promql/queryable.ts";
import type { RequestedBounds } from "./prometheus_parameters.ts";

/** What one request selects: the union of its selectors; none selects everything. */
export interface CatalogSelection {
  readonly selectors: readonly (readonly LabelMatcher[])[];
  readonly bounds: RequestedBounds;
}

/** The listings that the routes need. */
export interface SeriesCatalog {
  /** The label sets of the selected series as JSON objects, each series once. */
  seriesJson(selection: CatalogSelection): Iterable<string>;
  /** Names of the labels of the selected series, sorted. */
  labelNames(selection: CatalogSelection): string[];
  /** Values of one label in the selected series, sorted. */
  labelValues(name: string, selection: CatalogSelection): string[];
}

/** Most series whose time is checked. */
const BOUNDS_CHECKED_MAX = 10_000;
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

  *seriesJson(selection: CatalogSelection): Generator<string> {
    const several = selection.selectors.length > 1;
    const seen = new Set<number>();
    using selected = this.#select(selection);
    for (const { group, checked } of selected.groups) {
      const name = `"${METRIC_NAME}":${JSON.stringify(group.metric)}`;
      for (const id of group.sources) {
        const source = toSourceId(id);
        if (several) {
          const series = seriesIdOf(source, group.slot);
          if (seen.has(series)) continue;
          seen.add(series);
        }
        if (checked && !selected.hasPoints(source, group)) continue;
        const { before, after } = this.#tagsText(source);
        yield `{${before}${name}${after}}`;
      }
    }
  }

  labelNames(selection: CatalogSelection): string[] {
    const all = this.#unchecked(selection, (matchers) => {
      return this.#database.registry.labelNames(matchers);
    });
    if (all !== undefined) return all;
    const names = new Set<string>();
    for (const labels of this.#selectedLabels(selection)) {
      for (const [name] of labels) names.add(name);
    }
    if (names.size > 0) names.add(METRIC_NAME);
    return [...names].sort(compareUtf8);
  }

  labelValues(name: string, selection: CatalogSelection): string[] {
    const all = this.#unchecked(selection, (matchers) => {
      return this.#database.registry.labelValues(name, matchers);
    });
    if (all !== undefined) return all;
    const values = new Set<string>();
    for (const labels of this.#selectedLabels(selection)) {
      for (const label of labels) {
        if (label[0] === name) values.add(label[1]);
      }
    }
    return [...values].sort(compareUtf8);
  }

  /** What the registry's own listing gives where time need not or cannot be checked. */
  #unchecked(
    { selectors, bounds }: CatalogSelection,
    list: (matchers: readonly LabelMatcher[]) => string[],
  ): string[] | undefined {
    if (rangeOf(bounds, this.#database) !== undefined) {
      const { registry } = this.#database;
      let series = 0;
      if (selectors.length === 0) series = registry.seriesCount;
      for (const matchers of selectors) {
        for (const group of registry.select(matchers)) series += group.sources.length;
      }
      if (series <= BOUNDS_CHECKED_MAX) return undefined;
    }
    if (selectors.length <= 1) return list(selectors[0] ?? []);
    const union = new Set(selectors.flatMap((matchers) => list(matchers)));
    return [...union].sort(compareUtf8);
  }

  /** Labels of every selected series with points in the bounds; those of one source may come several times. */
  *#selectedLabels(selection: CatalogSelection): Generator<Labels> {
    using selected = this.#select(selection);
    for (const { group, checked } of selected.groups) {
      const name: Labels = [[METRIC_NAME, group.metric]];
      let named = false;
      for (const id of group.sources) {
        const source = toSourceId(id);
        if (checked && !selected.hasPoints(source, group)) continue;
        if (!named) yield name;
        named = true;
        yield this.#database.registry.tagsOf(source);
      }
    }
  }

  #select({ selectors, bounds }: CatalogSelection): Selected {
    const { registry } = this.#database;
    const range = rangeOf(bounds, this.#database);
    const sets = selectors.length === 0 ? [[]] : selectors;
    const groups = sets.flatMap((matchers) => registry.select(matchers));
    // Blobs are no samples: nothing in the language reads them.
    const readable = groups.filter(({ family }) => family !== "blob");
    const series = readable.reduce((sum, { sources }) => sum + sources.length, 0);
    if (range === undefined || series > BOUNDS_CHECKED_MAX) {
      return new Selected(readable.map((group) => ({ group, checked: false })), undefined);
    }
    // Selected once more through the view, which looks all of a group's series up at once.
    const view = this.#database.view(range);
    const found = sets.flatMap((matchers) => view.select(matchers))
      .filter(({ family }) => family !== "blob");
    return new Selected(found.map((group) => ({ group, checked: true })), { range, view });
  }

  #tagsText(source: SourceId): TagTexts {
    const known = this.#tagTexts.get(source);
    if (known !== undefined) return known;
    let before = "";
    let after = "";
    for (const [name, value] of this.#database.registry.tagsOf(source)) {
      const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
      if (compareUtf8(name, METRIC_NAME) < 0) before += `${member},`;
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

interface SelectedGroup {
  readonly group: SeriesGroup;
  /** Whether its series must have points in the range. */
  readonly checked: boolean;
}

/** Selected groups, and the view that their time is checked in. */
class Selected implements Disposable {
  readonly groups: readonly SelectedGroup[];
  readonly #check: { readonly range: TimeRange; readonly view: View } | undefined;

  constructor(
    groups: readonly SelectedGroup[],
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

/** Order by UTF-8 bytes. UTF-16 order differs only above U+FFFF, where surrogates sort below U+E000. */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a !== b) return surrogatesLast(a) - surrogatesLast(b);
  }
  return left.length - right.length;
}

function surrogatesLast(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}
