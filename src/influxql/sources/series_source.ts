/** What a SELECT reads from: measurements with fields and tags, whether they lie in the engine or come from a subquery. */
import type { NumberColumn } from "../../../engine/mod.ts";
import type { Pauses } from "../../slices.ts";
import type { Expr } from "../language/ast.ts";
import type { Kind } from "../values/columns.ts";
import type { Schema } from "../values/names.ts";
import type { Table } from "../values/table.ts";
import type { Bounds } from "../expressions/time_range.ts";

export interface Reading {
  readonly bounds: Bounds;
  /** Without times; undefined: all rows. Sources may leave out series that cannot satisfy it, or not. */
  readonly condition: Expr | undefined;
  /** All fields that will be read, those of the condition included. */
  readonly fields: readonly string[];
  /** Tags that the series will be grouped by. */
  readonly dimensions: readonly string[];
}

export interface SourceSeries {
  readonly tags: ReadonlyMap<string, string>;
  /** Rows within the bounds, with fields in the kinds of the source. */
  read(fields: readonly string[], bounds: Bounds): Table | Promise<Table>;
  /** Of series that can be read in parts of time. */
  readonly stored?: StoredSeries;
}

export interface StoredSeries {
  /** Whether there are points of these fields. */
  hasPoints(fields: readonly string[], bounds: Bounds): boolean;
  /** About how many rows there are and between which times, told without reading any; undefined: there are none. */
  outline(bounds: Bounds): SeriesOutline | undefined;
  /** Of series whose points can be had as doubles. */
  readonly numbers?: NumberSeries;
}

export interface NumberSeries {
  readonly nsPerTick: number;
  /**
   * Points of a field within bounds, their times as ticks after an origin that lies less than 2^53 of them before the end;
   * undefined where doubles do not tell what they are in this kind. Valid until the next call.
   */
  read(field: string, kind: Kind, within: TickBounds): NumberColumn | undefined;
}

export interface TickBounds {
  readonly bounds: Bounds;
  readonly origin: bigint;
}

export interface SeriesOutline {
  readonly rows: number;
  readonly bounds: Bounds;
}

/** One measurement. */
export interface SeriesSource extends Schema {
  readonly name: string;
  /** Rows of a subquery are there even where all their values are missing, and its tags can be read without a field. */
  readonly isSubquery: boolean;
  /** Fields that are tags of what the subquery reads. */
  readonly tagFields: ReadonlySet<string>;
  /** What `*` stands for: fields and tags of what is there, where that may be less than what is known by name. */
  present(pauses: Pauses): Schema | Promise<Schema>;
  open(reading: Reading): readonly SourceSeries[] | Promise<readonly SourceSeries[]>;
}
export const NO_NAMES: ReadonlySet<string> = new Set();
