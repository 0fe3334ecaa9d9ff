/**
 * Runs a function that has to see all points of a bucket over a series which is its group's only one: over the values as the
 * engine has read them, sorted into a grid.
 */
import type { NumberColumn } from "../../../engine/mod.ts";
import { areWhole, gather, gatherDoubles } from "../values/columns.ts";
import type { Grid } from "./grid.ts";
import type { GridTaker } from "./grid_fold.ts";
import { gatherInstants, makeInstants } from "../values/instants.ts";
import type { LeafRows } from "./leaf_rows.ts";
import type { Partial } from "./partial.ts";
import type { Column } from "../values/result.ts";
import type { LeafPlan } from "./select_plan.ts";

/** Functions that look at values alone, neither at their times nor at other series. */
const VALUE_FUNCTIONS: readonly string[] = [
  "percentile",
  "median",
  "stddev",
  "spread",
  "count_distinct",
];
const NO_TIMES = makeInstants(0);

export function seesValuesOnly({ fn, term }: LeafPlan): boolean {
  const { kind } = term.origin;
  const isNumber = kind === "float" || kind === "integer" || kind === "unsigned";
  return isNumber && VALUE_FUNCTIONS.includes(fn.name);
}

export class BucketRun implements GridTaker {
  readonly leaf: LeafPlan;
  readonly bytes = 0;
  readonly #grid: Grid;
  #rows: LeafRows | undefined;

  constructor(leaf: LeafPlan, grid: Grid) {
    this.leaf = leaf;
    this.#grid = grid;
  }

  /** Takes all points that there are, once. */
  add(member: number, numbers: NumberColumn, rows: Int32Array): boolean {
    const { kind } = this.leaf.term.origin;
    if (kind !== "float" && !numbers.areSmallIntegers && !areWhole(numbers.values)) return false;
    const column = { kind, values: numbers.values } as Column;
    this.#rows = this.#run(column, heldBuckets(rows), { member, ticks: numbers.times });
    return true;
  }

  #run(
    column: Column,
    { held, bounds }: { readonly held: Int32Array; readonly bounds: Int32Array },
    { member, ticks }: { readonly member: number; readonly ticks: Float64Array },
  ): LeafRows {
    const starts = gatherInstants(this.#grid.starts, held);
    const { fn, args } = this.leaf;
    const input = {
      times: NO_TIMES,
      column,
      buckets: { starts, bounds },
      args,
      spanOf: undefined,
      tagSets: undefined,
      // None of them draws.
      random: () => 0,
    };
    if (fn.type === "aggregate") {
      const members = new Int32Array(held.length);
      return { starts, times: starts, column: fn.run(input), beside: [], members };
    }
    if (fn.type !== "selector") throw new Error(`Expected ${fn.name} to pick one row of a bucket`);
    const picked = fn.run(input);
    const buckets = Int32Array.from(picked.keys()).filter((bucket) => picked[bucket]! >= 0);
    const rows = picked.filter((row) => row >= 0);
    return {
      starts: gatherInstants(starts, buckets),
      times: this.#grid.timesOf(gatherDoubles(ticks, rows)),
      column: gather(column, rows),
      beside: [],
      members: new Int32Array(rows.length).fill(member),
    };
  }

  finish(): Partial | undefined {
    return this.#rows === undefined ? undefined : { rows: this.#rows, weights: undefined };
  }
}

/** Buckets that have points, and the bounds of these. */
function heldBuckets(rows: Int32Array): { held: Int32Array; bounds: Int32Array } {
  const held = new Int32Array(rows.length - 1);
  const bounds = new Int32Array(rows.length);
  let count = 0;
  for (let bucket = 0; bucket < held.length; bucket++) {
    if (rows[bucket] === rows[bucket + 1]) continue;
    held[count++] = bucket;
    bounds[count] = rows[bucket + 1]!;
  }
  return { held: held.subarray(0, count), bounds: bounds.subarray(0, count + 1) };
}
