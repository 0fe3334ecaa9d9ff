/** Reads series of a group into folds over a grid: what needs no more than numbers and the buckets that they are in. */
import type { FieldLeaves } from "./call_setup.ts";
import { BucketRun } from "./bucket_run.ts";
import { GridFold, type GridTaker } from "./grid_fold.ts";
import type { Member } from "./group_reader.ts";
import type { Grid } from "./grid.ts";
import { isJoinable, type Partial } from "./partial.ts";
import type { CallPlan, LeafPlan, Term } from "./select_plan.ts";
import { type Bounds, intersect } from "../expressions/time_range.ts";

export class GridReading {
  readonly grid: Grid;
  /** Folds of the functions of each field, which is read once. */
  readonly #fields: { readonly term: Term; readonly folds: readonly GridTaker[] }[] = [];

  constructor(grid: Grid, fields: readonly FieldLeaves[]) {
    this.grid = grid;
    for (const { term, leaves } of fields) {
      const folds = leaves.map((leaf) =>
        isJoinable(leaf) ? new GridFold(leaf, grid) : new BucketRun(leaf, grid)
      );
      this.#fields.push({ term, folds });
    }
  }

  get bytes(): number {
    let bytes = 0;
    for (const { folds } of this.#fields) for (const fold of folds) bytes += fold.bytes;
    return bytes;
  }

  /**
   * Reads a part of a member at a position, but for what is found already; adds what has got a point to it. Returns the
   * functions that have not taken anything, because doubles do not tell what the points are.
   */
  read(
    at: number,
    { source, series }: Member,
    slice: Bounds,
    found: Set<CallPlan>,
  ): LeafPlan[] {
    const refused: LeafPlan[] = [];
    const bounds = within(this.grid.bounds, slice);
    if (bounds.min > bounds.max) return refused;
    const numbers = series.stored!.numbers!;
    const { grid } = this;
    for (const { term: { name, origin }, folds } of this.#fields) {
      // Tags of stored series are no fields: functions find nothing in them.
      if (origin.from !== "field") continue;
      if (folds.every(({ leaf }) => found.has(leaf)) || !source.fields.has(name)) continue;
      const column = numbers.read(name, origin.kind, { bounds, origin: grid.origin });
      if (column?.count === 0) continue;
      const rows = column === undefined ? undefined : grid.rowsOf(column.times, column.count);
      for (const fold of folds) {
        if (found.has(fold.leaf)) continue;
        const isTaken = column !== undefined && fold.add(at, column, rows!);
        if (isTaken) found.add(fold.leaf);
        else refused.push(fold.leaf);
      }
    }
    return refused;
  }

  /** What the functions come to of what they took. */
  *finish(): Generator<readonly [leaf: LeafPlan, partial: Partial]> {
    for (const { folds } of this.#fields) {
      for (const fold of folds) {
        const partial = fold.finish();
        if (partial !== undefined) yield [fold.leaf, partial];
      }
    }
  }
}

/** What two bounds have in common: the first ones themselves where the others reach as far. */
function within(bounds: Bounds, others: Bounds): Bounds {
  const isWhole = others.min <= bounds.min && others.max >= bounds.max;
  return isWhole ? bounds : intersect(bounds, others);
}

/** Whether points of a member can be had as numbers. */
export function hasNumbers({ series, condition }: Member): boolean {
  return condition === undefined && series.stored?.numbers !== undefined;
}
