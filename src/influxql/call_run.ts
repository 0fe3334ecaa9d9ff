/** The answer of one group for a statement with functions: its series are read one after the other, all functions at once. */
import {
  type CallSettings,
  type FoldedLeaf,
  type LeafNeed,
  needsOf,
  rowsOfCall,
} from "./call_rows.ts";
import type { Group } from "./grouping.ts";
import { GRID_BUCKETS_MAX, gridParts, type Grids } from "./grid.ts";
import { GridReading, hasNumbers } from "./grid_reading.ts";
import { type Member, readMember } from "./group_reader.ts";
import { type Instants, nsAt } from "./instants.ts";
import { joinCalls, type JoinedRows } from "./join_calls.ts";
import { LeafFold } from "./leaf_fold.ts";
import type { LeafSettings } from "./leaf_rows.ts";
import { outputTable, tagColumns } from "./output_rows.ts";
import type { Column } from "./result.ts";
import type { GroupSettings } from "./run_settings.ts";
import {
  type CallPlan,
  type LeafPlan,
  type SelectPlan,
  type Term,
  termsOf,
} from "./select_plan.ts";
import type { Table } from "./table.ts";
import { type Bounds, intersect, TIME_MIN_NS } from "./time_range.ts";
import {
  groupOutline,
  groupSlices,
  memberSlices,
  partsFrom,
  type SliceSettings,
} from "./time_slices.ts";
import type { Windows } from "./windows.ts";

export async function* callTables(
  group: Group,
  { plan, bounds, readFromNs, run, grids }: GroupSettings,
): AsyncGenerator<Table> {
  const { budget, signal } = run;
  const { windows } = grids;
  const settings: ReadingCallSettings = { plan, windows, bounds, budget, signal, grids };
  const calls = [...plan.calls.values()];
  const needs = calls.flatMap((call) => call === undefined ? [] : needsOf(call, bounds, settings));
  const fields = termsOf(plan, "field");
  const reading = new GroupReading(group.members, {
    needs,
    fields,
    settings,
    readFromNs,
    random: run.random,
  });
  try {
    await reading.read(run.slicePoints);
    const rows = [];
    for (const call of calls) {
      rows.push(call === undefined ? undefined : await rowsOfCall(call, reading.folded, settings));
    }
    const joined = joinCalls(rows, plan);
    if (joined === undefined || joined.count === 0) return;
    if (windows !== undefined) budget.countBuckets(joined.count);
    yield outputOf(plan, joined, { fields, members: group.members });
  } finally {
    reading.release();
  }
}

function outputOf(
  plan: SelectPlan,
  joined: JoinedRows,
  { fields, members }: { readonly fields: readonly Term[]; readonly members: readonly Member[] },
): Table {
  const { count, times, calls, beside } = joined;
  const terms = new Map<string, Column>();
  fields.forEach(({ key }, at) => {
    const column = beside[at];
    if (column !== undefined) terms.set(key, column);
  });
  for (const [key, column] of tagColumns(termsOf(plan, "tag"), members, joined.members)) {
    terms.set(key, column);
  }
  const keys = [...plan.calls.keys()];
  return outputTable(plan, {
    count,
    times,
    calls: new Map(calls.map((column, at) => [keys[at]!, column])),
    terms,
  }, new Map());
}

/** Points that are looked at first where the first or last one is asked for. */
const EDGE_POINTS = 1_000;

/** Clocks change no more often. */
const CHANGE_NS = 100n * 86_400_000_000_000n;
/** Rows from which on it is worth to read less than all of them. */
const LIMITED_ROWS_MIN = 2_000;

interface ReadingCallSettings extends CallSettings {
  readonly grids: Grids;
}

interface ReadingSettings {
  readonly needs: readonly LeafNeed[];
  /** Fields that are taken along from the points that are picked. */
  readonly fields: readonly Term[];
  readonly settings: ReadingCallSettings;
  readonly readFromNs: bigint | undefined;
  readonly random: () => number;
}

/** Reads the members of a group into the folds of all functions. */
class GroupReading {
  readonly folded = new Map<CallPlan, FoldedLeaf>();
  readonly #members: readonly Member[];
  readonly #settings: ReadingCallSettings;
  readonly #terms: readonly Term[];
  readonly #bounds: Bounds;
  #bytes = 0;

  constructor(members: readonly Member[], options: ReadingSettings) {
    const { needs, fields, settings, readFromNs, random } = options;
    this.#members = members;
    this.#settings = settings;
    const terms = new Map(fields.map((term) => [term.key, term]));
    for (const { leaf } of needs) terms.set(leaf.term.key, leaf.term);
    this.#terms = [...terms.values()];
    const columnOf = ({ key }: Term) => this.#terms.findIndex((term) => term.key === key);
    const beside = fields.map(columnOf);
    const common: LeafSettings = {
      windows: settings.windows,
      startNs: settings.bounds.min,
      random,
      tagSetOf: (tags) => tagSetsOf(members, tags),
    };
    let bounds = settings.bounds;
    for (const need of needs) {
      const places = { column: columnOf(need.leaf.term), beside };
      this.folded.set(need.leaf, {
        fold: new LeafFold(need.leaf, places, common),
        bounds: need.bounds,
      });
      bounds = {
        min: need.bounds.min < bounds.min ? need.bounds.min : bounds.min,
        max: need.bounds.max > bounds.max ? need.bounds.max : bounds.max,
      };
    }
    this.#bounds = readFromNs === undefined ? bounds : { min: readFromNs, max: bounds.max };
  }

  async read(slicePoints: number): Promise<void> {
    const settings: SliceSettings = {
      bounds: this.#bounds,
      slicePoints,
      terms: this.#terms,
      windows: this.#settings.windows,
      firstPoints: undefined,
      descending: false,
    };
    const folds = [...this.folded.values()].map(({ fold }) => fold);
    if (folds.every((fold) => !fold.keepsPoints)) return await this.#readEach(settings);
    const { pauses } = this.#settings.budget;
    const slices = await groupSlices(this.#members, { ...settings, pauses });
    for (const slice of slices) {
      for (let at = 0; at < this.#members.length; at++) await this.#readMember(at, slice);
      // Points that are seen together without windows are those of all slices.
      if (this.#settings.windows === undefined) continue;
      for (const fold of folds) fold.endSlice();
      if (folds.every((fold) => !fold.keepsSlices)) this.release();
    }
  }

  release(): void {
    this.#settings.budget.release(this.#bytes);
    this.#bytes = 0;
  }

  /** Which end of the range is enough, where all functions look at one alone. */
  #edge(): "first" | "last" | undefined {
    if (this.#settings.windows !== undefined) return undefined;
    const names = [...this.folded.keys()].map((call) => call.type === "leaf" ? call.fn.name : "");
    const [edge] = names;
    const isEdge = edge === "first" || edge === "last";
    return isEdge && names.every((name) => name === edge) ? edge : undefined;
  }

  /** Reads one member after the other: no function needs points of several at once. */
  async #readEach(settings: SliceSettings): Promise<void> {
    const edge = this.#edge();
    const own = edge === undefined
      ? settings
      : { ...settings, firstPoints: EDGE_POINTS, descending: edge === "last" };
    const limited = edge === undefined ? await this.#limitedParts(settings.slicePoints) : undefined;
    const whole = limited === undefined ? this.#gridsOf(this.#bounds) : undefined;
    const parts = limited ??
      (whole === undefined ? await this.#gridParts(edge !== undefined) : [this.#bounds]);
    for (const bounds of parts) {
      const grids = whole ?? this.#gridsOf(bounds) ?? [];
      for (const grid of grids) this.#bytes += this.#settings.budget.hold(grid.bytes);
      for (let at = 0; at < this.#members.length; at++) {
        await this.#readWhole(at, { ...own, bounds }, { grids, isEdge: edge !== undefined });
      }
      for (const grid of grids) {
        for (const [leaf, partial] of grid.finish()) {
          this.folded.get(leaf)!.fold.addPartial(partial);
        }
      }
      if (limited !== undefined && this.#endAfter(bounds)) break;
    }
  }

  /** Parts from the end of the range on that the answer begins with, where LIMIT may leave out most of the range. */
  async #limitedParts(slicePoints: number): Promise<Iterable<Bounds> | undefined> {
    const { windows, plan, budget: { pauses } } = this.#settings;
    const wanted = rowsWanted(plan);
    if (wanted === 0 || windows === undefined) return undefined;
    const bounds = this.#bounds;
    const outline = await groupOutline(this.#members, { bounds, pauses });
    if (outline === undefined || outline.rows < Math.min(LIMITED_ROWS_MIN, slicePoints)) {
      return undefined;
    }
    const extent = intersect(outline.bounds, bounds);
    const { descending } = plan.compiled;
    return partsFrom(extent, { windows, buckets: wanted + 4, descending });
  }

  /**
   * Whether the rows that LIMIT leaves are known once a part and all before it were read. Then the range ends with the part,
   * so that no more is filled.
   */
  #endAfter({ min, max }: Bounds): boolean {
    const { plan, windows } = this.#settings;
    const { descending } = plan.compiled;
    const wanted = rowsWanted(plan);
    for (const { fold, bounds } of this.folded.values()) {
      if (rowsKnown(fold.starts(), { plan, windows: windows!, bounds }) < wanted) return false;
    }
    for (const folded of this.folded.values()) {
      const read = descending ? { min, max: folded.bounds.max } : { min: folded.bounds.min, max };
      folded.bounds = intersect(folded.bounds, read);
    }
    return true;
  }

  /** Parts of the range that there are grids for, if there are any; the range where there are none. */
  async #gridParts(isEdge: boolean): Promise<readonly Bounds[]> {
    const bounds = this.#bounds;
    const { windows, budget: { pauses } } = this.#settings;
    if (!this.#members.some(hasNumbers)) return [bounds];
    const outline = await groupOutline(this.#members, { bounds, pauses });
    if (outline === undefined) return [bounds];
    const extent = intersect(outline.bounds, bounds);
    if (isEdge || this.#gridsOf(extent) !== undefined) return [extent];
    const buckets = windows === undefined ? 0n : (extent.max - extent.min) / windows.every;
    const areSparse = buckets > GRID_BUCKETS_MAX && buckets > 2 * outline.rows;
    return areSparse ? [bounds] : gridParts(extent, windows) ?? [bounds];
  }

  /** Folds over grids for a part of the range; undefined: there are no such grids. */
  #gridsOf(part: Bounds): GridReading[] | undefined {
    const { plan, grids, bounds: { min: startNs } } = this.#settings;
    const numbers = this.#members[0]!.series.stored?.numbers;
    // What is taken along from the points that are picked has to be read with them.
    if (numbers === undefined || plan.terms.size > 0) return undefined;
    const byBounds = new Map<Bounds, LeafPlan[]>();
    for (const [leaf, { bounds }] of this.folded) {
      if (leaf.type !== "leaf") return undefined;
      const own = intersect(bounds, part);
      if (own.min > own.max) continue;
      const known = [...byBounds.keys()].find(({ min, max }) => min === own.min && max === own.max);
      if (known === undefined) byBounds.set(own, [leaf]);
      else byBounds.get(known)!.push(leaf);
    }
    const readings: GridReading[] = [];
    for (const [bounds, leaves] of byBounds) {
      const grid = grids.of(bounds, { startNs, nsPerTick: numbers.nsPerTick });
      if (grid === undefined) return undefined;
      readings.push(new GridReading(grid, leaves));
    }
    return readings;
  }

  /** Reads a member slice by slice; of one end no more than has to be. */
  async #readWhole(
    at: number,
    settings: SliceSettings,
    { grids, isEdge }: { readonly grids: readonly GridReading[]; readonly isEdge: boolean },
  ): Promise<void> {
    const { budget } = this.#settings;
    const member = this.#members[at]!;
    const found = new Set<CallPlan>();
    const areNumbers = grids.length > 0 && hasNumbers(member);
    for (const slice of memberSlices(member, settings)) {
      if (!isEdge) found.clear();
      if (areNumbers) {
        const pause = budget.pause();
        if (pause !== undefined) await pause;
        const refused = grids.flatMap((grid) => grid.read(at, member, slice, found));
        if (refused.length > 0) await this.#readRefused(at, slice, { refused, found });
      } else {
        await this.#readMember(at, slice, found);
      }
      if (isEdge && found.size === this.folded.size) break;
    }
  }

  /** Reads what was left over as points. */
  async #readRefused(
    at: number,
    slice: Bounds,
    { refused, found }: { readonly refused: readonly LeafPlan[]; readonly found: Set<CallPlan> },
  ): Promise<void> {
    const others = new Set(this.folded.keys());
    for (const leaf of refused) others.delete(leaf);
    const known = new Set(others);
    await this.#readMember(at, slice, others);
    for (const leaf of others) if (!known.has(leaf)) found.add(leaf);
  }

  /** Reads a slice of a member; calls that are known as found, or become so, need no more of it. */
  async #readMember(at: number, slice: Bounds, found = new Set<CallPlan>()): Promise<void> {
    const { budget } = this.#settings;
    const pause = budget.pause();
    if (pause !== undefined) await pause;
    const member = this.#members[at]!;
    const table = await readMember(member, this.#terms, { bounds: slice, budget });
    if (table.count === 0) return;
    const bytes = budget.holdTable(table);
    let isKept = false;
    for (const [call, { fold, bounds }] of this.folded) {
      if (found.has(call)) continue;
      // Rows of a subquery are there whatever their times are.
      if (fold.add(at, table, member.source.isSubquery ? undefined : bounds)) found.add(call);
      isKept ||= fold.keepsPoints;
    }
    if (isKept) this.#bytes += bytes;
    else budget.release(bytes);
  }
}

/** Rows that LIMIT and OFFSET ask for, where they are buckets of functions alone; 0: all. */
function rowsWanted({ calls, compiled }: SelectPlan): number {
  const { limit, offset } = compiled.statement.rows;
  const arePlain = [...calls.values()].every((call) => call === undefined || call.type === "leaf");
  return limit === 0 || !arePlain ? 0 : limit + offset;
}

/** Rows at the end that the answer begins with which later parts do not change. */
function rowsKnown(
  starts: Instants | undefined,
  { plan, windows, bounds }: {
    readonly plan: SelectPlan;
    readonly windows: Windows;
    readonly bounds: Bounds;
  },
): number {
  if (starts === undefined) return 0;
  const { fill, descending } = plan.compiled;
  const count = starts.eras.length;
  if (fill.kind === "none") return count;
  const [first, last] = [nsAt(starts, 0), nsAt(starts, count - 1)];
  const from = descending || bounds.min === TIME_MIN_NS ? first : bounds.min;
  const to = descending && bounds.max > last ? bounds.max : last;
  // Where clocks change, twice a year, a bucket may be longer than others.
  return Number((to - from) / windows.every) - 2 - Number((to - from) / CHANGE_NS);
}

/** For each member which combination of the values of some tags it has. */
function tagSetsOf(members: readonly Member[], tags: readonly string[]): Int32Array {
  const known = new Map<string, number>();
  return Int32Array.from(members, ({ series }) => {
    const key = tags.map((name) => series.tags.get(name) ?? "").join("\0");
    const set = known.get(key) ?? known.size;
    known.set(key, set);
    return set;
  });
}
