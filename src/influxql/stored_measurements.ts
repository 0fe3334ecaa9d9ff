/**
 * The measurements of a database as they stand in the engine: their fields, and their series that hold points. The registry of
 * series never forgets, so what was deleted or has expired is only told from what is there by asking for points.
 */
import {
  ALL_TIME,
  compareText,
  type Family,
  type Labels,
  type Matcher,
  type SeriesGroup,
  type TimeRange,
  type View,
} from "../../engine/mod.ts";
import type { SeriesFacts } from "./tag_condition.ts";

/** The label that says which database a series belongs to; never shown. */
export const DATABASE_LABEL = "db";
/** InfluxQL's words for what columns hold; other families are left out. */
export const FIELD_TYPES: Readonly<Partial<Record<Family, string>>> = {
  f64: "float",
  i64: "integer",
  u64: "unsigned",
  bool: "boolean",
  blob: "string",
};

type SourceId = Parameters<View["tagsOf"]>[0];

/** Conditions of what a policy's data has in common; series of no database have no such label. */
export function labelMatchers(label: string): Matcher[] {
  return [{ name: DATABASE_LABEL, operator: "=", value: label }];
}

/** A series with points. */
export interface StoredSeries {
  readonly source: SourceId;
  /** Without the database's label. */
  readonly tags: Labels;
}

/** One measurement in all policies of a database that were asked for. */
export class StoredMeasurement implements Pick<SeriesFacts, "isField"> {
  readonly name: string;
  readonly #view: View;
  readonly #groups: SeriesGroup[] = [];

  constructor(name: string, view: View) {
    this.name = name;
    this.#view = view;
  }

  add(group: SeriesGroup): void {
    this.#groups.push(group);
  }

  isField(name: string): boolean {
    return this.#groups.some(({ field }) => field === name);
  }

  /** Its series, and undefined now and then: a place to pause. */
  *series(): Generator<StoredSeries | undefined> {
    const seen = new Set<number>();
    const range = this.#view.range;
    for (const { slot, family, sources } of this.#groups) {
      for (const id of sources) {
        if (seen.has(id)) continue;
        yield undefined;
        const source = id as SourceId;
        if (!this.#view.hasPoints({ source, slot, family }, range)) continue;
        seen.add(id);
        const tags = this.#view.tagsOf(source).filter(([name]) => name !== DATABASE_LABEL);
        yield { source, tags };
      }
    }
  }

  /** Its fields that hold points, by name, and undefined now and then. */
  *fields(): Generator<{ readonly name: string; readonly type: string } | undefined> {
    const seen = new Set<string>();
    for (const { field, slot, family, sources } of this.#groups) {
      const type = FIELD_TYPES[family]!;
      const key = `${type} ${field}`;
      if (seen.has(key)) continue;
      for (const id of sources) {
        yield undefined;
        const source = id as SourceId;
        if (!this.#view.hasPoints({ source, slot, family }, this.#view.range)) continue;
        seen.add(key);
        yield { name: field, type };
        break;
      }
    }
  }
}

export interface MeasurementsOptions {
  readonly labels: readonly string[];
  readonly accepts: (measurement: string) => boolean;
}

/** The measurements of some labels, sorted, whether or not they hold points. */
export function storedMeasurements(
  view: View,
  { labels, accepts }: MeasurementsOptions,
): StoredMeasurement[] {
  const found = new Map<string, StoredMeasurement>();
  for (const label of labels) {
    for (const group of view.select(labelMatchers(label))) {
      if (FIELD_TYPES[group.family] === undefined || !accepts(group.measurement)) continue;
      let measurement = found.get(group.measurement);
      if (measurement === undefined) {
        measurement = new StoredMeasurement(group.measurement, view);
        found.set(group.measurement, measurement);
      }
      measurement.add(group);
    }
  }
  return [...found.values()].sort((left, right) => compareText(left.name, right.name));
}

/** The whole of time, or the part that a condition leaves. */
export function rangeOf(range: TimeRange | undefined): TimeRange {
  return range ?? ALL_TIME;
}
