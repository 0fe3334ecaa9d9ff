/** Measurements as they lie in the engine: series with the label of a database, found by their metrics' names. */
import {
  isFacet,
  type Matcher,
  METRIC_NAME,
  type Regex,
  type SeriesGroup,
  type SourceId,
} from "../../../engine/mod.ts";
import { forEachInSlices, type Pauses } from "../../slices.ts";
import { type Kind, preferredKind } from "../values/columns.ts";
import { tagMatchers } from "../expressions/condition.ts";
import {
  DATABASE_LABEL,
  type EngineParts,
  EngineSeries,
  kindOf,
  SeriesReading,
  type StoredField,
  ticksOf,
} from "./engine_series.ts";
import { escapeRegex } from "../language/regex.ts";
import type { Schema } from "../values/names.ts";
import { NO_NAMES, type Reading, type SeriesSource, type SourceSeries } from "./series_source.ts";
import { type Bounds, intersect, TIME_MAX_NS, TIME_MIN_NS } from "../expressions/time_range.ts";

/** Names of metrics that are looked up one by one; more are found by the measurement's name. */
const METRICS_LISTED_MAX = 64;

/** Sources that are looked at before the clock is. */
const SOURCES_PER_LOOK = 32;

export interface LabelledMeasurements {
  /** Value of the engine's label; "" stands for series without it. */
  readonly label: string;
  /** Times before this are hidden. */
  readonly expiredBeforeNs: bigint | undefined;
}

/** Finds measurements: by name, or by a pattern. */
export function findMeasurements(
  parts: EngineParts,
  where: LabelledMeasurements,
  name: string | Regex,
): EngineSource[] {
  const byName = typeof name === "string";
  const matchers = [labelMatcher(where.label)];
  if (byName) matchers.push(metricsOf(name));
  const found = new Map<string, SeriesGroup[]>();
  for (const group of parts.database.registry.select(matchers)) {
    const isWanted = byName ? group.measurement === name : name.matches(group.measurement);
    if (!isWanted || isFacet(group.field) || group.family === "histogram") continue;
    const known = found.get(group.measurement);
    if (known === undefined) found.set(group.measurement, [group]);
    else known.push(group);
  }
  return [...found].map(([measurement, groups]) =>
    new EngineSource(parts, where, { measurement, groups })
  );
}

function labelMatcher(label: string): Matcher {
  return { name: DATABASE_LABEL, operator: "=", value: label };
}

/** One of some metrics. */
function anyOf(metrics: readonly string[]): Matcher {
  const [only] = metrics;
  return metrics.length === 1
    ? { name: METRIC_NAME, operator: "=", value: only! }
    : { name: METRIC_NAME, operator: "=~", value: metrics.map(escapeRegex).join("|") };
}

/** Metrics of a measurement: its name alone, or followed by a field. */
function metricsOf(measurement: string): Matcher {
  return { name: METRIC_NAME, operator: "=~", value: `${escapeRegex(measurement)}(_.*)?` };
}

export class EngineSource implements SeriesSource {
  readonly name: string;
  readonly isSubquery = false;
  readonly tagFields: ReadonlySet<string> = NO_NAMES;
  readonly fields: ReadonlyMap<string, Kind>;
  readonly #parts: EngineParts;
  readonly #where: LabelledMeasurements;
  readonly #groups: readonly SeriesGroup[];
  #tags: ReadonlySet<string> | undefined;

  constructor(
    parts: EngineParts,
    where: LabelledMeasurements,
    { measurement, groups }: {
      readonly measurement: string;
      readonly groups: readonly SeriesGroup[];
    },
  ) {
    this.name = measurement;
    this.#parts = parts;
    this.#where = where;
    this.#groups = groups;
    const kinds = new Map<string, Kind[]>();
    for (const { field, family } of groups) {
      kinds.set(field, [...kinds.get(field) ?? [], kindOf(family)!]);
    }
    this.fields = new Map([...kinds].map(([field, all]) => [field, preferredKind(all)!]));
  }

  get tags(): ReadonlySet<string> {
    if (this.#tags !== undefined) return this.#tags;
    const names = new Set<string>();
    for (const source of sourcesOf(this.#groups)) {
      for (const [name] of this.#parts.database.registry.tagsOf(source)) names.add(name);
    }
    names.delete(DATABASE_LABEL);
    return this.#tags = names;
  }

  /** The registry never forgets: what has no points any more is left out here, looked for in all of time. */
  async present(pauses: Pauses): Promise<Schema> {
    const { database } = this.#parts;
    const fields = new Map<string, Kind>();
    const tags = new Set<string>([DATABASE_LABEL]);
    const { min, max } = this.#visible({ min: TIME_MIN_NS, max: TIME_MAX_NS });
    const range = ticksOf({ min, max }, database);
    using view = database.view(range);
    for (const { field, slot, family, sources } of this.#groups) {
      await forEachInSlices(Array.from(sources) as SourceId[], pauses, (source) => {
        const fresh = database.registry.tagsOf(source).filter(([name]) => !tags.has(name));
        if (fields.has(field) && fresh.length === 0) return;
        if (!view.hasPoints({ source, slot, family }, range)) return;
        fields.set(field, this.fields.get(field)!);
        for (const [name] of fresh) tags.add(name);
      }, SOURCES_PER_LOOK);
    }
    tags.delete(DATABASE_LABEL);
    return { fields, tags };
  }

  open({ bounds, condition, fields }: Reading): readonly SourceSeries[] {
    const { view, budget } = this.#parts;
    const wanted = this.#groups.filter((group) => fields.includes(group.field));
    if (wanted.length === 0) return [];
    const metrics = [...new Set(wanted.map((group) => group.metric))];
    const matchers: Matcher[] = [
      labelMatcher(this.#where.label),
      metrics.length > METRICS_LISTED_MAX ? metricsOf(this.name) : anyOf(metrics),
      ...tagMatchers(condition, this),
    ];
    const groups = view.select(matchers).filter((group) =>
      group.measurement === this.name && fields.includes(group.field) &&
      group.family !== "histogram"
    );
    const stored = new Map<string, StoredField>();
    for (const group of groups) {
      const kind = this.fields.get(group.field);
      if (kind === undefined) continue;
      const known = stored.get(group.field);
      if (known === undefined) stored.set(group.field, { kind, groups: [group] });
      else known.groups.push(group);
    }
    const sources = sourcesOf(groups);
    budget.countSeries(sources.length);
    const reading = new SeriesReading(this.#parts, { stored, visible: this.#visible(bounds) });
    return sources.map((source) => new EngineSeries(reading, source));
  }

  /** Bounds without what is expired. */
  #visible(bounds: Bounds): Bounds {
    const expired = this.#where.expiredBeforeNs;
    return expired === undefined ? bounds : intersect(bounds, { min: expired, max: TIME_MAX_NS });
  }
}

/** Ascending ids of all sources of some groups. */
function sourcesOf(groups: readonly SeriesGroup[]): SourceId[] {
  if (groups.length === 1) return Array.from(groups[0]!.sources) as SourceId[];
  const ids = new Set<number>();
  for (const group of groups) for (const id of group.sources) ids.add(id);
  return [...ids].sort((a, b) => a - b) as SourceId[];
}
