/**
 * The measurements of a database as they stand in the engine: their fields, and their series that hold points. The registry of
 * series never forgets, so what was deleted or has expired is only told from what is there by asking for points.
 */
import {
  compareText,
  type Database,
  isFacet,
  type Labels,
  type Matcher,
  METRIC_NAME,
  type Regex,
  type SeriesGroup,
  type SeriesRegistry,
  type TimeRange,
  type View,
} from "../../../engine/mod.ts";
import type { Expr, Source } from "../language/ast.ts";
import type { Kind } from "../values/columns.ts";
import { tagMatchers } from "../expressions/condition.ts";
import { DATABASE_LABEL, includes, kindOf, ticksOf } from "../sources/engine_series.ts";
import { compileSearch } from "../language/regex.ts";
import { StatementError } from "../values/result.ts";
import type { Schema } from "../values/names.ts";
import type { SeriesFacts } from "../expressions/tag_condition.ts";
import { ALL_TIMES, type Bounds } from "../expressions/time_range.ts";

/** Names of measurements that are looked up by the names of their metrics. */
const NAMES_MATCHED_MAX = 16;

type SourceId = Parameters<View["tagsOf"]>[0];

/** Conditions of what a policy's data has in common; series of no database have no such label. */
export function labelMatchers(label: string): Matcher[] {
  return [{ name: DATABASE_LABEL, operator: "=", value: label }];
}

/** The bounds of a condition in the engine's ticks; undefined where it says nothing of time. */
export function rangeOf(
  bounds: Bounds,
  database: Pick<Database, "settings">,
): TimeRange | undefined {
  if (bounds.min === ALL_TIMES.min && bounds.max === ALL_TIMES.max) return undefined;
  const { start, end } = ticksOf(bounds, database);
  return { start, end: end < start ? start : end };
}

/** The tags of a series, without the database's label. */
export function tagsOf(labels: Labels): Labels {
  return labels.filter(([name]) => name !== DATABASE_LABEL);
}

/** What a condition asks of one series. */
export function factsOf(
  { name: measurement, fields }: Pick<StoredMeasurement, "name" | "fields">,
  tags: Labels,
): SeriesFacts {
  return {
    measurement,
    tag: (wanted) => {
      for (const [name, value] of tags) if (name === wanted) return value;
      return undefined;
    },
    schema: { fields },
  };
}

/** A series that the registry knows. */
export interface StoredSeries {
  /** Without the database's label. */
  readonly tags: Labels;
  /** Whether it has points in the range that is looked at; asks the engine. */
  readonly hasPoints: () => boolean;
}

/** Series of one field and policy, and where their points count. */
interface StoredGroup {
  readonly group: SeriesGroup;
  readonly kind: Kind;
  readonly range: TimeRange;
}

/** Series of one field. */
export interface StoredField {
  readonly name: string;
  readonly kind: Kind;
  readonly count: number;
  /** Whether the series at this place has points. */
  readonly hasPoints: (index: number) => boolean;
}

/** One measurement in all policies of a database that were asked for. */
export class StoredMeasurement implements Pick<Schema, "fields"> {
  readonly name: string;
  readonly #view: View;
  readonly #registry: SeriesRegistry;
  readonly #fields = new Map<string, Kind>();
  readonly #groups = new Map<TimeRange, StoredGroup[]>();
  /** What the series of each policy satisfy, and perhaps some of other measurements. */
  readonly #selections: (readonly Matcher[])[] = [];

  constructor(name: string, view: View, registry: SeriesRegistry) {
    this.name = name;
    this.#view = view;
    this.#registry = registry;
  }

  /** Adds a policy's selection of its series. */
  addSelection(matchers: readonly Matcher[]): void {
    this.#selections.push(matchers);
  }

  /** Tags that its series have, and perhaps more: the registry never forgets. */
  knownKeys(): Set<string> {
    const keys = new Set(
      this.#ownSelections().flatMap((each) => this.#registry.labelNames(each)),
    );
    keys.delete(DATABASE_LABEL);
    if (!this.#registry.hasTag(METRIC_NAME)) keys.delete(METRIC_NAME);
    return keys;
  }

  /** Values that its series have of a tag, and perhaps more; undefined where the registry takes it for the metric's name. */
  knownValues(key: string): Set<string> | undefined {
    if (key === METRIC_NAME) return undefined;
    return new Set(
      this.#ownSelections().flatMap((each) => this.#registry.labelValues(key, each)),
    );
  }

  #ownSelections(): (readonly Matcher[])[] {
    const own = metricsOf(new Set([this.name]));
    return this.#selections.map((matchers) => [...matchers, ...own]);
  }

  addField(name: string, kind: Kind): void {
    this.#fields.set(name, kind);
  }

  /** Adds series; `range`, where their points count, is one object for each policy. */
  addSeries(group: SeriesGroup, kind: Kind, range: TimeRange): void {
    const known = this.#groups.get(range);
    if (known === undefined) this.#groups.set(range, [{ group, kind, range }]);
    else known.push({ group, kind, range });
  }

  /** All fields that it ever had. */
  get fields(): ReadonlyMap<string, Kind> {
    return this.#fields;
  }

  /** Whether series may occur several times with the same tags: once in each policy. */
  get hasTwins(): boolean {
    return this.#groups.size > 1;
  }

  /** Its series, whether or not they hold points. */
  *series(): Generator<StoredSeries> {
    const view = this.#view;
    for (const [range, stored] of this.#groups) {
      const groups = stored.map(({ group }) => group);
      for (const source of sourcesOf(groups)) {
        const isHeld = ({ slot, family, sources }: SeriesGroup) =>
          (groups.length === 1 || includes(sources, source)) &&
          view.hasPoints({ source, slot, family }, range);
        yield { tags: tagsOf(view.tagsOf(source)), hasPoints: () => groups.some(isHeld) };
      }
    }
  }

  *fieldSeries(): Generator<StoredField> {
    const view = this.#view;
    for (const stored of this.#groups.values()) {
      for (const { group: { field, slot, family, sources }, kind, range } of stored) {
        const hasPoints = (index: number) =>
          view.hasPoints({ source: sources[index]! as SourceId, slot, family }, range);
        yield { name: field, kind, count: sources.length, hasPoints };
      }
    }
  }
}

/** Ids of all sources of some groups, each once. */
function sourcesOf(groups: readonly SeriesGroup[]): Iterable<SourceId> {
  if (groups.length === 1) return groups[0]!.sources as Iterable<number> as Iterable<SourceId>;
  const ids = new Set<number>();
  for (const { sources } of groups) for (const id of sources) ids.add(id);
  return ids as Iterable<number> as Iterable<SourceId>;
}

/** The data of one policy. */
export interface StoredLabel {
  readonly label: string;
  /** Points before this time are over. */
  readonly expiredBeforeNs: bigint | undefined;
}

export interface MeasurementsOptions {
  readonly labels: readonly StoredLabel[];
  readonly sources: SourceTest;
  /** Series that cannot satisfy it may be left out. */
  readonly condition: Expr | undefined;
  /** Where points count. */
  readonly range: TimeRange;
}

/** The measurements of some labels, sorted, whether or not they hold points. */
export function storedMeasurements(
  database: Database,
  view: View,
  { labels, sources, condition, range }: MeasurementsOptions,
): StoredMeasurement[] {
  const found = new Map<string, StoredMeasurement>();
  for (const { label, expiredBeforeNs } of labels) {
    const visible = visibleRange(range, expiredBeforeNs, database);
    const matchers = [...labelMatchers(label), ...sources.matchers];
    // Fields are known by all series, whichever of them the condition leaves.
    const groups = condition === undefined
      ? view.select(matchers)
      : database.registry.select(matchers);
    const all = groups.flatMap((group) => shown(group, sources));
    for (const { measurement, field, kind } of all) {
      let known = found.get(measurement);
      if (known === undefined) {
        known = new StoredMeasurement(measurement, view, database.registry);
        found.set(measurement, known);
      }
      known.addField(field, kind);
    }
    const fields = new Map(all.map(({ field, kind }) => [field, kind]));
    const narrow = [...matchers, ...tagMatchers(condition, { fields })];
    for (const name of new Set(all.map(({ measurement }) => measurement))) {
      found.get(name)!.addSelection(narrow);
    }
    const selected = condition === undefined
      ? all
      : view.select(narrow).flatMap((each) => shown(each, sources));
    for (const group of selected) {
      found.get(group.measurement)?.addSeries(group, group.kind, visible);
    }
  }
  return [...found.values()].sort((left, right) => compareText(left.name, right.name));
}

/** The group with its kind, or nothing where it is none of InfluxQL's or of another measurement. */
function shown(group: SeriesGroup, { accepts }: SourceTest): (SeriesGroup & { kind: Kind })[] {
  const kind = kindOf(group.family);
  const isShown = kind !== undefined && !isFacet(group.field) && accepts(group.measurement);
  return isShown ? [{ ...group, kind }] : [];
}

/** A range of its own, of which what has expired is cut off. */
function visibleRange(
  range: TimeRange,
  expiredBeforeNs: bigint | undefined,
  database: Database,
): TimeRange {
  if (expiredBeforeNs === undefined) return { ...range };
  const { start } = ticksOf({ min: expiredBeforeNs, max: ALL_TIMES.max }, database);
  const from = start > range.start ? start : range.start;
  return { start: from < range.end ? from : range.end, end: range.end };
}

/** Which measurements FROM, or WITH MEASUREMENT, names. */
export interface SourceTest {
  readonly accepts: (measurement: string) => boolean;
  /** What metrics of all such measurements satisfy. */
  readonly matchers: readonly Matcher[];
}

export function sourceTest(sources: readonly Source[]): SourceTest {
  if (sources.length === 0) return { accepts: () => true, matchers: [] };
  const names = new Set<string>();
  const patterns: Regex[] = [];
  for (const source of sources) {
    if (source.kind === "subquery") throw new StatementError("subqueries are not supported here");
    if (typeof source.name === "string") names.add(source.name);
    else patterns.push(compileSearch(source.name.pattern));
  }
  return {
    accepts: (name) => names.has(name) || patterns.some((pattern) => pattern.matches(name)),
    matchers: patterns.length === 0 && names.size <= NAMES_MATCHED_MAX ? metricsOf(names) : [],
  };
}

/** Metrics of measurements: their names alone, or followed by a field. */
function metricsOf(names: ReadonlySet<string>): Matcher[] {
  const texts = [...names].map((name) => name.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&"));
  const value = texts.flatMap((text) => [text, `${text}_.*`]).join("|");
  return [{ name: METRIC_NAME, operator: "=~", value }];
}
