/** Reads the series of a group into the folds of a statement's functions: as numbers where these are enough, else as rows. */
import type { CallSetup } from "./call_setup.ts";
import type { CallSettings, FoldedLeaf } from "./call_rows.ts";
import { GRID_BUCKETS_MAX, gridParts, type Grids } from "./grid.ts";
import { GridReading, hasNumbers } from "./grid_reading.ts";
import { type Member, readMember } from "./group_reader.ts";
import { LeafFold } from "./leaf_fold.ts";
import type { LeafSettings } from "./leaf_rows.ts";
import { rowsKnown, rowsWanted } from "./row_limit.ts";
import type { CallPlan, LeafPlan, Term } from "./select_plan.ts";
import { type Bounds, intersect } from "../expressions/time_range.ts";
import {
  groupOutline,
  groupSlices,
  memberSlices,
  partsFrom,
  type SliceSettings,
} from "./time_slices.ts";

/** Points that are looked at first where the first or last one is asked for. */
const EDGE_POINTS = 1_000;

/** Rows from which on it is worth to read less than all of them. */
const LIMITED_ROWS_MIN = 2_000;

export interface ReadingSettings {
  readonly setup: CallSetup;
  readonly settings: CallSettings;
  readonly grids: Grids;
  readonly random: () => number;
}

/** Reads the members of a group into the folds of all functions. */
export class GroupReading {
  readonly folded: Map<CallPlan, FoldedLeaf> = new Map();
  readonly #members: readonly Member[];
  readonly #setup: CallSetup;
  readonly #settings: CallSettings;
  readonly #grids: Grids;
  #bytes = 0;

  constructor(members: readonly Member[], { setup, settings, grids, random }: ReadingSettings) {
    this.#members = members;
    this.#setup = setup;
    this.#settings = settings;
    this.#grids = grids;
    const { terms, fields, needs } = setup;
    const columnOf = ({ key }: Term) => terms.findIndex((term) => term.key === key);
    const beside = fields.map(columnOf);
    const common: LeafSettings = {
      windows: settings.windows,
      startNs: settings.bounds.min,
      random,
      tagSetOf: (tags) => tagSetsOf(members, tags),
    };
    for (const { leaf, bounds } of needs) {
      const places = { column: columnOf(leaf.term), beside };
      this.folded.set(leaf, { fold: new LeafFold(leaf, places, common), bounds });
    }
  }

  async read(slicePoints: number): Promise<void> {
    const settings: SliceSettings = {
      bounds: this.#setup.readBounds,
      slicePoints,
      terms: this.#setup.terms,
      windows: this.#settings.windows,
      firstPoints: undefined,
      descending: false,
    };
    if (this.#setup.areJoinable) return await this.#readEach(settings);
    if (this.#readAlone(settings)) return;
    const folds = [...this.folded.values()].map(({ fold }) => fold);
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

  #finish(grids: readonly GridReading[]): void {
    for (const grid of grids) {
      for (const [leaf, partial] of grid.finish()) this.folded.get(leaf)!.fold.addPartial(partial);
    }
  }

  /** Reads the only member of a group as numbers; false, with nothing done, where there are others or it is too long. */
  #readAlone(settings: SliceSettings): boolean {
    const { readBounds, gridNeeds } = this.#setup;
    const [member] = this.#members;
    const isPossible = this.#members.length === 1 && hasNumbers(member!) && gridNeeds !== undefined;
    if (!isPossible) return false;
    const slices = memberSlices(member!, settings);
    if (!Array.isArray(slices) || slices.length > 1) return false;
    if (slices.length === 0) return true;
    const grids = this.#gridsOf(readBounds);
    const isRead = grids?.every((grid) =>
      grid.read(0, member!, readBounds, new Set()).length === 0
    );
    if (isRead !== true) return false;
    this.#finish(grids!);
    return true;
  }

  /** Reads one member after the other: no function needs points of several at once. */
  async #readEach(settings: SliceSettings): Promise<void> {
    const { edge, readBounds } = this.#setup;
    const own = edge === undefined
      ? settings
      : { ...settings, firstPoints: EDGE_POINTS, descending: edge === "last" };
    const limited = await this.#limitedParts(settings.slicePoints);
    const whole = limited === undefined ? this.#gridsOf(readBounds) : undefined;
    const parts = limited ?? (whole === undefined ? await this.#gridParts() : [readBounds]);
    for (const bounds of parts) {
      const grids = whole ?? this.#gridsOf(bounds) ?? [];
      for (const grid of grids) this.#bytes += this.#settings.budget.hold(grid.bytes);
      const slicing = bounds === own.bounds ? own : { ...own, bounds };
      for (let at = 0; at < this.#members.length; at++) {
        await this.#readSlices(at, slicing, grids);
      }
      this.#finish(grids);
      if (limited !== undefined && this.#endAfter(bounds)) break;
    }
  }

  /** Parts from the end of the range on that the answer begins with, where LIMIT may leave out most of the range. */
  async #limitedParts(slicePoints: number): Promise<Iterable<Bounds> | undefined> {
    const { windows, plan, budget: { pauses } } = this.#settings;
    const wanted = rowsWanted(plan);
    if (wanted === 0 || windows === undefined) return undefined;
    const bounds = this.#setup.readBounds;
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
  async #gridParts(): Promise<readonly Bounds[]> {
    const { readBounds: bounds, edge } = this.#setup;
    const { windows, budget: { pauses } } = this.#settings;
    if (!this.#members.some(hasNumbers)) return [bounds];
    const outline = await groupOutline(this.#members, { bounds, pauses });
    if (outline === undefined) return [bounds];
    const extent = intersect(outline.bounds, bounds);
    if (edge !== undefined || this.#gridsOf(extent) !== undefined) return [extent];
    const buckets = windows === undefined ? 0n : (extent.max - extent.min) / windows.every;
    const areSparse = buckets > GRID_BUCKETS_MAX && buckets > 2 * outline.rows;
    return areSparse ? [bounds] : gridParts(extent, windows) ?? [bounds];
  }

  /** Folds over grids for a part of the range; undefined: there are no such grids. */
  #gridsOf(part: Bounds): GridReading[] | undefined {
    const { gridNeeds, readBounds, bounds: { min: startNs } } = this.#setup;
    const numbers = this.#members[0]!.series.stored?.numbers;
    if (numbers === undefined || gridNeeds === undefined) return undefined;
    const readings: GridReading[] = [];
    for (const need of gridNeeds) {
      const bounds = part === readBounds ? need.bounds : intersect(need.bounds, part);
      if (bounds.min > bounds.max) continue;
      const grid = this.#grids.of(bounds, { startNs, nsPerTick: numbers.nsPerTick });
      if (grid === undefined) return undefined;
      readings.push(new GridReading(grid, need.fields));
    }
    return readings;
  }

  /** Reads a member slice by slice; of one end no more than has to be. */
  async #readSlices(
    at: number,
    settings: SliceSettings,
    grids: readonly GridReading[],
  ): Promise<void> {
    const { budget } = this.#settings;
    const isEdge = this.#setup.edge !== undefined;
    const member = this.#members[at]!;
    const found = new Set<CallPlan>();
    const areNumbers = grids.length > 0 && hasNumbers(member);
    for (const slice of memberSlices(member, settings)) {
      if (!isEdge) found.clear();
      if (areNumbers) {
        const pause = budget.pause();
        if (pause !== undefined) await pause;
        for (const grid of grids) {
          const refused = grid.read(at, member, slice, found);
          if (refused.length > 0) await this.#readRefused(at, slice, { refused, found });
        }
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
    const table = await readMember(member, this.#setup.terms, { bounds: slice, budget });
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
