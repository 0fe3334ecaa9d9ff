/**
 * Functions that need not see all points of a group at once: what they give for parts of it, series or slices of time, is
 * joined bucket by bucket, so that points are neither merged nor sorted.
 */
import { combine } from "./arithmetic.ts";
import { concatColumns, gather, numbersOf } from "./columns.ts";
import { doublesColumn } from "./functions/sums.ts";
import { influxqlFunction } from "./functions/registry.ts";
import { gatherInstants, type Instants } from "./instants.ts";
import { type LeafPoints, type LeafRows, type LeafSettings, runLeaf } from "./leaf_rows.ts";
import type { Column } from "./result.ts";
import type { LeafPlan } from "./select_plan.ts";
import { concatInstants } from "./table.ts";

const ADDED: readonly string[] = ["count", "sum", "mean"];
const PICKED: readonly string[] = ["min", "max", "first", "last"];

export interface Partial {
  readonly rows: LeafRows;
  /** Points of each bucket, for means: `rows` then holds sums. */
  readonly weights: Column | undefined;
}

export function isJoinable(leaf: LeafPlan): boolean {
  return ADDED.includes(leaf.fn.name) || PICKED.includes(leaf.fn.name);
}

export function partialOf(leaf: LeafPlan, points: LeafPoints, settings: LeafSettings): Partial {
  if (leaf.fn.name !== "mean") return { rows: runLeaf(leaf, points, settings), weights: undefined };
  const rows = runLeaf(withFunction(leaf, "sum"), points, settings);
  return { rows, weights: runLeaf(withFunction(leaf, "count"), points, settings).column };
}

export function finishPartial({ rows, weights }: Partial): LeafRows {
  if (weights === undefined) return rows;
  const sums = numbersOf(rows.column);
  const counts = numbersOf(weights);
  const means = new Float64Array(counts.length);
  for (let i = 0; i < means.length; i++) means[i] = sums[i]! / counts[i]!;
  return { ...rows, column: doublesColumn(means) };
}

function withFunction(leaf: LeafPlan, name: "sum" | "count"): LeafPlan {
  const fn = influxqlFunction(name)!;
  if (fn.type === "transformation") throw new Error(`Expected ${name} to be an aggregate`);
  return { ...leaf, fn };
}

/** What two parts come to; points of the first one count as earlier where times are equal. */
export function joinPartials(
  leaf: LeafPlan,
  [left, right]: readonly [Partial, Partial],
  settings: LeafSettings,
): Partial {
  if (PICKED.includes(leaf.fn.name)) {
    return { rows: joinPicked(leaf, [left.rows, right.rows], settings), weights: undefined };
  }
  const places = alignStarts(left.rows.starts, right.rows.starts);
  const starts = places === undefined
    ? left.rows.starts
    : gatherInstants(concatInstants([left.rows.starts, right.rows.starts]), places.any);
  const add = (a: Column, b: Column): Column => {
    if (places === undefined) return combine("+", a, b);
    return combine("+", spread(a, places.left), spread(b, places.right));
  };
  const weights = left.weights !== undefined && right.weights !== undefined
    ? add(left.weights, right.weights)
    : undefined;
  const column = add(left.rows.column, right.rows.column);
  const members = new Int32Array(starts.eras.length);
  return { rows: { starts, times: starts, column, beside: [], members }, weights };
}

interface Places {
  /** Rows of each side; -1: it has none. */
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** Rows of one side followed by the other. */
  readonly any: Int32Array;
}

/** Where the buckets of either side lie among all; undefined: both have the same. */
function alignStarts(left: Instants, right: Instants): Places | undefined {
  const [a, b] = [left.eras.length, right.eras.length];
  const places = {
    left: new Int32Array(a + b),
    right: new Int32Array(a + b),
    any: new Int32Array(a + b),
  };
  let [i, j, count] = [0, 0, 0];
  for (; i < a || j < b; count++) {
    const order = i === a ? 1 : j === b ? -1 : compareStarts(left, i, right, j);
    places.any[count] = order <= 0 ? i : a + j;
    places.left[count] = order <= 0 ? i++ : -1;
    places.right[count] = order >= 0 ? j++ : -1;
  }
  if (count === a && count === b) return undefined;
  return {
    left: places.left.subarray(0, count),
    right: places.right.subarray(0, count),
    any: places.any.subarray(0, count),
  };
}

function compareStarts(left: Instants, i: number, right: Instants, j: number): number {
  return left.eras[i]! - right.eras[j]! || left.offsets[i]! - right.offsets[j]!;
}

/** The rows in their places; where there is none it is 0. */
function spread(column: Column, places: Int32Array): Column {
  const spread = gather(column, places);
  if (spread.kind === "string" || spread.present === undefined) return spread;
  const original = column.kind === "string" ? undefined : column.present;
  const present = spread.present;
  for (let i = 0; i < present.length; i++) {
    present[i] = places[i]! < 0 || original === undefined || original[places[i]!] !== 0 ? 1 : 0;
  }
  return spread;
}

/** Of the rows picked on either side those that the function picks from both. */
function joinPicked(
  leaf: LeafPlan,
  [left, right]: readonly [LeafRows, LeafRows],
  settings: LeafSettings,
): LeafRows {
  const [a, b] = [left.starts.eras.length, right.starts.eras.length];
  const order = new Int32Array(a + b);
  const bounds: number[] = [];
  let [i, j, count] = [0, 0, 0];
  while (i < a || j < b) {
    bounds.push(count);
    const side = i === a ? 1 : j === b ? -1 : compareStarts(left.starts, i, right.starts, j);
    if (side === 0) {
      const isSwapped = compareStarts(left.times, i, right.times, j) > 0;
      order[count++] = isSwapped ? a + j : i;
      order[count++] = isSwapped ? i : a + j;
      i++;
      j++;
    } else order[count++] = side < 0 ? i++ : a + j++;
  }
  const starts = Int32Array.from(bounds, (at) => order[at]!);
  bounds.push(count);
  const points: LeafPoints = {
    times: gatherInstants(concatInstants([left.times, right.times]), order),
    column: gather(concatColumns([left.column, right.column]), order),
    beside: left.beside.map((column, at) =>
      gather(concatColumns([column, right.beside[at]!]), order)
    ),
    members: order.map((row) => row < a ? left.members[row]! : right.members[row - a]!),
  };
  return runLeaf(leaf, points, settings, {
    starts: gatherInstants(concatInstants([left.starts, right.starts]), starts),
    bounds: Int32Array.from(bounds),
  });
}
