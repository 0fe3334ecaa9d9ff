/** Measurements as they lie in the engine: series with the label of a database, found by their metrics' names. */
import {
  type Database,
  type Family,
  isFacet,
  type Matcher,
  METRIC_NAME,
  nsToTicks,
  type Regex,
  type SeriesGroup,
  type SeriesReference,
  type SourceId,
  TICKS_PER_MS,
  type TimeRange,
  type View,
} from "../../engine/mod.ts";
import { forEachInSlices, type Pauses } from "../slices.ts";
import { castColumn, concatColumns, type Kind, preferredKind } from "./columns.ts";
import { tagMatchers } from "./condition.ts";
import { pointsOf } from "./engine_points.ts";
import { makeInstants } from "./instants.ts";
import { escapeRegex } from "./regex.ts";
import {
  NO_NAMES,
  type Reading,
  type Schema,
  type SeriesOutline,
  type SeriesSource,
  type SourceSeries,
  type StoredSeries,
} from "./series_source.ts";
import { joinFields, pickRows, type Points, type Table } from "./table.ts";
import { type Bounds, intersect, TIME_MAX_NS, TIME_MIN_NS } from "./time_range.ts";

/** The label that says which database and policy a series is of; no tag. */
export const DATABASE_LABEL = "db";
/** Names of metrics that are looked up one by one; more are found by the measurement's name. */
const METRICS_LISTED_MAX = 64;

/** Sources that are looked at before the clock is. */
const SOURCES_PER_LOOK = 32;

const KINDS: Readonly<Record<Exclude<Family, "histogram">, Kind>> = {
  f64: "float",
  i64: "integer",
  u64: "unsigned",
  bool: "boolean",
  blob: "string",
};

export function kindOf(family: Family): Kind | undefined {
  return family === "histogram" ? undefined : KINDS[family];
}

/** What one statement has read so far, and where it stops. */
export interface ReadBudget {
  countSeries(series: number): void;
  countPoints(points: number): void;
}

export interface EngineParts {
  readonly database: Database;
  readonly view: View;
  readonly budget: ReadBudget;
}

/** A field's columns in one label: one for each family that it has. */
interface StoredField {
  readonly kind: Kind;
  readonly groups: SeriesGroup[];
}

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
      metrics.length > METRICS_LISTED_MAX ? metricsOf(this.name) : {
        name: METRIC_NAME,
        operator: "=~",
        value: metrics.map(escapeRegex).join("|"),
      },
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
    const visible = this.#visible(bounds);
    return sources.map((source) => new EngineSeries(this.#parts, { source, stored, visible }));
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

interface SeriesPlace {
  readonly source: SourceId;
  readonly stored: ReadonlyMap<string, StoredField>;
  readonly visible: Bounds;
}

class EngineSeries implements SourceSeries, StoredSeries {
  readonly #parts: EngineParts;
  readonly #place: SeriesPlace;
  #tags: ReadonlyMap<string, string> | undefined;

  constructor(parts: EngineParts, place: SeriesPlace) {
    this.#parts = parts;
    this.#place = place;
  }

  get stored(): StoredSeries {
    return this;
  }

  get tags(): ReadonlyMap<string, string> {
    if (this.#tags !== undefined) return this.#tags;
    const tags = new Map(this.#parts.view.tagsOf(this.#place.source));
    tags.delete(DATABASE_LABEL);
    return this.#tags = tags;
  }

  read(fields: readonly string[], bounds: Bounds): Table {
    const range = this.#range(bounds);
    const points = fields.map((field) => this.#readField(field, range));
    return joinFields(
      points,
      fields.map((field) => this.#place.stored.get(field)?.kind ?? "float"),
    );
  }

  hasPoints(fields: readonly string[], bounds: Bounds): boolean {
    const range = this.#range(bounds);
    return this.#slotsOf(fields).some((slot) => this.#parts.view.hasPoints(slot, range));
  }

  outline(bounds: Bounds): SeriesOutline | undefined {
    const { view, database } = this.#parts;
    const outline = view.outline(this.#place.source, this.#range(bounds));
    if (outline === undefined) return undefined;
    const perTick = BigInt(nsPerTick(database));
    const { rows, first, last } = outline;
    return { rows, bounds: { min: first * perTick, max: (last + 1n) * perTick - 1n } };
  }

  #slotsOf(fields: readonly string[]): SeriesReference[] {
    const { source } = this.#place;
    const slots: SeriesReference[] = [];
    for (const field of fields) {
      for (const { slot, family, sources } of this.#place.stored.get(field)?.groups ?? []) {
        if (includes(sources, source)) slots.push({ source, slot, family });
      }
    }
    return slots;
  }

  #range(bounds: Bounds): TimeRange {
    return ticksOf(intersect(bounds, this.#place.visible), this.#parts.database);
  }

  #readField(field: string, range: TimeRange): Points | undefined {
    const stored = this.#place.stored.get(field);
    if (stored === undefined || range.start >= range.end) return undefined;
    const { source } = this.#place;
    const { view, database, budget } = this.#parts;
    const parts: Points[] = [];
    for (const { slot, family, sources } of stored.groups) {
      if (!includes(sources, source)) continue;
      const blocks = view.readBlocks({ source, slot, family }, range);
      if (blocks.length === 0) continue;
      const points = pointsOf(blocks, {
        kind: kindOf(family)!,
        nsPerTick: nsPerTick(database),
      });
      budget.countPoints(points.times.eras.length);
      const column = castColumn(points.column, stored.kind);
      if (column.kind !== "string" || points.column.kind === "string") {
        parts.push({ times: points.times, column });
      }
    }
    return parts.length <= 1 ? parts[0] : joinFamilies(parts);
  }
}

/** A field that a series holds in several families: never at the same time. */
function joinFamilies(parts: readonly Points[]): Points {
  const count = parts.reduce((sum, { times }) => sum + times.eras.length, 0);
  const times = makeInstants(count);
  let at = 0;
  for (const part of parts) {
    times.eras.set(part.times.eras, at);
    times.offsets.set(part.times.offsets, at);
    at += part.times.eras.length;
  }
  const column = concatColumns(parts.map((part) => part.column));
  const table = { count, times, columns: [column] };
  const order = new Int32Array(count).map((_, i) => i).sort((a, b) =>
    times.eras[a]! - times.eras[b]! || times.offsets[a]! - times.offsets[b]!
  );
  const sorted = pickRows(table, order);
  return { times: sorted.times, column: sorted.columns[0]! };
}

function includes(ascending: Uint32Array, id: number): boolean {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return ascending[low] === id;
}

function nsPerTick(database: Database): number {
  return 1e6 / TICKS_PER_MS[database.settings.timeUnit];
}

/** Inclusive bounds in nanoseconds as a half-open range of ticks. */
export function ticksOf(bounds: Bounds, database: Pick<Database, "settings">): TimeRange {
  const unit = database.settings.timeUnit;
  return { start: nsToTicks(bounds.min - 1n, unit) + 1n, end: nsToTicks(bounds.max, unit) + 1n };
}
