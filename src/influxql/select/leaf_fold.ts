/** Collects what one function of a statement needs of a group's series, read one after the other, in one slice of time or several. */
import { concatColumns, gather } from "../values/columns.ts";
import { rowsThere } from "./group_reader.ts";
import { gatherInstants, instantOf, type Instants, lowerBound } from "../values/instants.ts";
import { type LeafPoints, type LeafRows, type LeafSettings, runLeaf } from "./leaf_rows.ts";
import {
  finishPartial,
  isJoinable,
  isJoinedLate,
  joinPartials,
  type Partial,
  partialOf,
} from "./partial.ts";
import type { LeafPlan, PointsPlan } from "./select_plan.ts";
import { concatInstants, mergeTables, sliceTable, type Table } from "../values/table.ts";
import type { Bounds } from "../expressions/time_range.ts";

/** Rows that are picked from parts before they are joined. */
const JOINED_ROWS = 32_768;

export interface FoldPlaces {
  /** Column of the field in the tables that are read. */
  readonly column: number;
  /** Columns that are taken along. */
  readonly beside: readonly number[];
}

export class LeafFold {
  readonly plan: LeafPlan | PointsPlan;
  readonly #places: FoldPlaces;
  readonly #settings: LeafSettings;
  /** What was computed for parts of the group, and rows in it. */
  #partials: Partial[] = [];
  #partialRows = 0;
  /** Points that have to be seen together. */
  #tables: Table[] = [];
  #members: number[] = [];
  readonly #done: LeafRows[] = [];

  constructor(plan: LeafPlan | PointsPlan, places: FoldPlaces, settings: LeafSettings) {
    this.plan = plan;
    this.#places = places;
    this.#settings = settings;
  }

  /** Whether it keeps the points that it was given. */
  get keepsPoints(): boolean {
    return this.plan.type === "points" || !isJoinable(this.plan);
  }

  /** Takes rows of one member within bounds; false where none has a value. */
  add(member: number, table: Table, bounds: Bounds | undefined): boolean {
    const points = this.#pointsOf(bounds === undefined ? table : within(table, bounds));
    if (points.count === 0) return false;
    if (this.plan.type === "points" || this.keepsPoints) {
      this.#tables.push(points);
      this.#members.push(member);
      return true;
    }
    this.#take(this.plan, partialOf(this.plan, leafPoints(points, member), this.#settings));
    return true;
  }

  /** Takes what the function comes to for other points; where it cannot be joined, for those of other buckets. */
  addPartial(partial: Partial): void {
    if (this.plan.type !== "leaf") return;
    if (this.keepsPoints) this.#done.push(partial.rows);
    else this.#take(this.plan, partial);
  }

  /** Starts of the buckets that have points so far, of a function that can be joined. */
  starts(): Instants | undefined {
    if (this.plan.type === "leaf" && this.#partials.length > 1) this.#join(this.plan);
    return this.#partials[0]?.rows.starts;
  }

  #take(plan: LeafPlan, partial: Partial): void {
    this.#partials.push(partial);
    this.#partialRows += partial.rows.members.length;
    const isLate = isJoinedLate(plan) && this.#partialRows < JOINED_ROWS;
    if (this.#partials.length > 1 && !isLate) this.#join(plan);
  }

  #join(plan: LeafPlan): void {
    this.#partials = [joinPartials(plan, this.#partials, this.#settings)];
    this.#partialRows = 0;
  }

  /** Whether points are needed beyond the slice of time that they are in. */
  get keepsSlices(): boolean {
    // The area under a line goes on over the edges of buckets.
    return this.plan.type === "points" || this.plan.fn.name === "integral";
  }

  /** Ends a slice of time that no bucket reaches beyond. */
  endSlice(): void {
    if (!this.keepsSlices) this.#runPending();
  }

  #runPending(): void {
    if (this.plan.type === "points" || this.#tables.length === 0) return;
    const merged = mergeTables(this.#tables, this.#members);
    const [column, ...beside] = merged.columns;
    const points = { times: merged.times, column: column!, beside, members: merged.series };
    this.#done.push(runLeaf(this.plan, points, this.#settings));
    this.#tables = [];
    this.#members = [];
  }

  /** What all of it comes to; undefined: there was no point. */
  finish(): LeafRows | undefined {
    if (this.plan.type === "points") return this.#allPoints();
    this.#runPending();
    if (this.#partials.length > 1) this.#join(this.plan);
    const [partial] = this.#partials;
    if (partial !== undefined) return finishPartial(partial);
    return this.#done.length === 0 ? undefined : concatRows(this.#done);
  }

  #allPoints(): LeafRows | undefined {
    if (this.#tables.length === 0) return undefined;
    const merged = mergeTables(this.#tables, this.#members);
    const [column, ...beside] = merged.columns;
    return {
      starts: merged.times,
      times: merged.times,
      column: column!,
      beside,
      members: merged.series,
    };
  }

  /** The field's values that are there, and what is taken along. */
  #pointsOf(table: Table): Table {
    const column = table.columns[this.#places.column]!;
    const beside = this.#places.beside.map((at) => table.columns[at]!);
    const rows = rowsThere(column);
    if (rows === undefined) {
      return { count: table.count, times: table.times, columns: [withoutHoles(column), ...beside] };
    }
    return {
      count: rows.length,
      times: gatherInstants(table.times, rows),
      columns: [
        withoutHoles(gather(column, rows)),
        ...beside.map((each) => gather(each, rows)),
      ],
    };
  }
}

/** The column, all of whose values are there, as one that says so. */
function withoutHoles<T extends Table["columns"][number]>(column: T): T {
  if (column.kind === "string" || column.present === undefined) return column;
  return { kind: column.kind, values: column.values } as T;
}

function leafPoints(
  { count, times, columns: [column, ...beside] }: Table,
  member: number,
): LeafPoints {
  return { times, column: column!, beside, members: new Int32Array(count).fill(member) };
}

function within(table: Table, { min, max }: Bounds): Table {
  const from = lowerBound(table.times, instantOf(min));
  const to = lowerBound(table.times, instantOf(max + 1n), from);
  if (from === 0 && to === table.count) return table;
  return sliceTable(table, from, to);
}

function concatRows(parts: readonly LeafRows[]): LeafRows {
  const [first] = parts as [LeafRows];
  if (parts.length === 1) return first;
  const members = new Int32Array(parts.reduce((sum, part) => sum + part.members.length, 0));
  let at = 0;
  for (const part of parts) {
    members.set(part.members, at);
    at += part.members.length;
  }
  return {
    starts: concatInstants(parts.map(({ starts }) => starts)),
    times: concatInstants(parts.map(({ times }) => times)),
    column: concatColumns(parts.map(({ column }) => column)),
    beside: first.beside.map((_, i) => concatColumns(parts.map(({ beside }) => beside[i]!))),
    members,
  };
}
