/** One source of the engine as a series of a measurement: its fields are read into columns. */
import {
  type Database,
  type Family,
  nsToTicks,
  type NumberColumn,
  type SeriesGroup,
  type SeriesReference,
  type SourceId,
  TICKS_PER_MS,
  type TimeRange,
  type View,
} from "../../../engine/mod.ts";
import { castColumn, concatColumns, type Kind } from "../values/columns.ts";
import { pointsOf, pointsOfNumbers } from "./engine_points.ts";
import { makeInstants } from "../values/instants.ts";
import type {
  NumberSeries,
  SeriesOutline,
  SourceSeries,
  StoredSeries,
  TickBounds,
} from "./series_source.ts";
import { joinFields, pickRows, type Points, type Table } from "../values/table.ts";
import { type Bounds, intersect } from "../expressions/time_range.ts";

/** The label that says which database and policy a series is of; no tag. */
export const DATABASE_LABEL = "db";
/** Ticks from an origin that doubles hold. */
const OFFSET_MAX = 2n ** 53n - 1n;

const NO_NUMBERS: NumberColumn = {
  count: 0,
  times: new Float64Array(0),
  values: new Float64Array(0),
  areSmallIntegers: false,
  mayHaveNaN: false,
  timesPointer: 0,
  valuesPointer: 0,
};

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
export interface StoredField {
  readonly kind: Kind;
  readonly groups: SeriesGroup[];
}

/** What the series of a measurement that are read together have in common. */
export class SeriesReading {
  readonly parts: EngineParts;
  readonly stored: ReadonlyMap<string, StoredField>;
  readonly nsPerTick: number;
  readonly #visible: Bounds;
  #bounds: Bounds | undefined;
  #range: TimeRange = { start: 0n, end: 0n };

  constructor(
    parts: EngineParts,
    { stored, visible }: {
      readonly stored: ReadonlyMap<string, StoredField>;
      readonly visible: Bounds;
    },
  ) {
    this.parts = parts;
    this.stored = stored;
    this.#visible = visible;
    this.nsPerTick = 1e6 / TICKS_PER_MS[parts.database.settings.timeUnit];
  }

  /** What can be seen of some bounds. One series after the other is mostly read in the same ones. */
  rangeOf(bounds: Bounds): TimeRange {
    if (bounds !== this.#bounds) {
      this.#bounds = bounds;
      this.#range = ticksOf(intersect(bounds, this.#visible), this.parts.database);
    }
    return this.#range;
  }
}

export class EngineSeries implements SourceSeries, StoredSeries {
  readonly #reading: SeriesReading;
  readonly #source: SourceId;
  #tags: ReadonlyMap<string, string> | undefined;

  constructor(reading: SeriesReading, source: SourceId) {
    this.#reading = reading;
    this.#source = source;
  }

  get stored(): StoredSeries {
    return this;
  }

  get tags(): ReadonlyMap<string, string> {
    if (this.#tags !== undefined) return this.#tags;
    const tags = new Map(this.#reading.parts.view.tagsOf(this.#source));
    tags.delete(DATABASE_LABEL);
    return this.#tags = tags;
  }

  read(fields: readonly string[], bounds: Bounds): Table {
    const { stored } = this.#reading;
    const range = this.#nearRange(bounds);
    let last: Points | undefined;
    const points = fields.map((field) => {
      const own = this.#readField(field, range, last);
      last = own ?? last;
      return own;
    });
    return joinFields(points, fields.map((field) => stored.get(field)?.kind ?? "float"));
  }

  hasPoints(fields: readonly string[], bounds: Bounds): boolean {
    const { parts: { view } } = this.#reading;
    const range = this.#reading.rangeOf(bounds);
    return fields.some((field) =>
      this.#groupsOf(field).some((group) => view.hasPoints(this.#referenceOf(group), range))
    );
  }

  outline(bounds: Bounds): SeriesOutline | undefined {
    const { parts: { view }, nsPerTick } = this.#reading;
    const outline = view.outline(this.#source, this.#reading.rangeOf(bounds));
    if (outline === undefined) return undefined;
    const perTick = BigInt(nsPerTick);
    const { rows, first, last } = outline;
    return { rows, bounds: { min: first * perTick, max: (last + 1n) * perTick - 1n } };
  }

  get numbers(): NumberSeries {
    return { nsPerTick: this.#reading.nsPerTick, read: (...args) => this.#numbersOf(...args) };
  }

  #numbersOf(
    field: string,
    kind: Kind,
    { bounds, origin }: TickBounds,
  ): NumberColumn | undefined {
    const { stored, parts: { view, budget } } = this.#reading;
    const known = stored.get(field);
    if (known === undefined) return NO_NUMBERS;
    let own: SeriesGroup | undefined;
    for (const group of known.groups) {
      if (!includes(group.sources, this.#source)) continue;
      // Points of two families have to be brought in the order of their times.
      if (own !== undefined) return undefined;
      own = group;
    }
    const range = this.#reading.rangeOf(bounds);
    if (own === undefined || range.start >= range.end) return NO_NUMBERS;
    const stays = kindOf(own.family);
    const isWhole = stays === "integer" || stays === "unsigned";
    if (
      known.kind !== kind || kind === "string" || (stays !== kind && !(kind === "float" && isWhole))
    ) return undefined;
    const column = view.readOffsets(this.#referenceOf(own), range, origin);
    if (column.mayHaveNaN) return undefined;
    budget.countPoints(column.count);
    return column;
  }

  #groupsOf(field: string): SeriesGroup[] {
    const groups = this.#reading.stored.get(field)?.groups ?? [];
    return groups.filter(({ sources }) => includes(sources, this.#source));
  }

  #referenceOf({ slot, family }: SeriesGroup): SeriesReference {
    return { source: this.#source, slot, family };
  }

  /** The range, only as long as rows may be in it where it is longer than doubles can count. */
  #nearRange(bounds: Bounds): TimeRange {
    const range = this.#reading.rangeOf(bounds);
    if (range.end - range.start <= OFFSET_MAX) return range;
    const outline = this.#reading.parts.view.outline(this.#source, range);
    return outline === undefined
      ? { start: range.start, end: range.start }
      : { start: outline.first, end: outline.last + 1n };
  }

  #readField(field: string, range: TimeRange, other: Points | undefined): Points | undefined {
    if (range.start >= range.end) return undefined;
    const { stored, parts: { budget } } = this.#reading;
    const isNear = range.end - range.start <= OFFSET_MAX;
    const parts: Points[] = [];
    for (const group of this.#groupsOf(field)) {
      const points = isNear && group.family !== "blob"
        ? this.#readNumbers(group, range, other)
        : this.#readBlocks(group, range);
      if (points === undefined) continue;
      budget.countPoints(points.times.eras.length);
      const column = castColumn(points.column, stored.get(field)!.kind);
      if (column.kind !== "string" || points.column.kind === "string") {
        parts.push({ times: points.times, column });
      }
    }
    return parts.length <= 1 ? parts[0] : joinFamilies(parts);
  }

  /** Points that are read as doubles, where these hold them. */
  #readNumbers(
    group: SeriesGroup,
    range: TimeRange,
    other: Points | undefined,
  ): Points | undefined {
    const { parts: { view }, nsPerTick } = this.#reading;
    const numbers = view.readOffsets(this.#referenceOf(group), range, range.start);
    if (numbers.count === 0) return undefined;
    const settings = { kind: kindOf(group.family)!, nsPerTick };
    return pointsOfNumbers(numbers, { ...settings, origin: range.start, other: other?.times }) ??
      this.#readBlocks(group, range);
  }

  #readBlocks(group: SeriesGroup, range: TimeRange): Points | undefined {
    const { parts: { view }, nsPerTick } = this.#reading;
    const blocks = view.readBlocks(this.#referenceOf(group), range);
    if (blocks.length === 0) return undefined;
    return pointsOf(blocks, { kind: kindOf(group.family)!, nsPerTick });
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

/** Whether ascending ids have one among them. */
export function includes(ascending: Uint32Array, id: number): boolean {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return ascending[low] === id;
}

/** Inclusive bounds in nanoseconds as a half-open range of ticks. */
export function ticksOf(bounds: Bounds, database: Pick<Database, "settings">): TimeRange {
  const unit = database.settings.timeUnit;
  return { start: nsToTicks(bounds.min - 1n, unit) + 1n, end: nsToTicks(bounds.max, unit) + 1n };
}
