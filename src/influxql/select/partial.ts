/**
 * Functions that need not see all points of a group at once: what they give for parts of it, series or slices of time, is
 * joined bucket by bucket, so that points are neither merged nor sorted.
 */
import { combine } from "../expressions/arithmetic.ts";
import { gather, numbersOf } from "../values/columns.ts";
import { doublesColumn } from "../functions/sums.ts";
import { influxqlFunction } from "../functions/registry.ts";
import { areEqual, compareAt, gatherInstants, type Instants } from "../values/instants.ts";
import { type LeafPoints, type LeafRows, type LeafSettings, runLeaf } from "./leaf_rows.ts";
import type { Column } from "../values/result.ts";
import type { LeafPlan } from "./select_plan.ts";
import { concatInstants, mergeTables } from "../values/table.ts";

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

/** What parts come to; points of earlier ones count as earlier where times are equal. */
export function joinPartials(
  leaf: LeafPlan,
  parts: readonly Partial[],
  settings: LeafSettings,
): Partial {
  if (PICKED.includes(leaf.fn.name)) {
    const rows = joinPicked(leaf, parts.map((part) => part.rows), settings);
    return { rows, weights: undefined };
  }
  return parts.reduce(addPartials);
}

/** Whether it is worth to wait for more parts before they are joined. */
export function isJoinedLate(leaf: LeafPlan): boolean {
  return PICKED.includes(leaf.fn.name);
}

function addPartials(left: Partial, right: Partial): Partial {
  const places = alignStarts(left.rows.starts, right.rows.starts);
  const starts = places === undefined
    ? left.rows.starts
    : gatherInstants(concatInstants([left.rows.starts, right.rows.starts]), places.any);
  const add = (a: Column, b: Column): Column =>
    places === undefined ? sumOf(a, b) : sumOf(spread(a, places.left), spread(b, places.right));
  const weights = left.weights !== undefined && right.weights !== undefined
    ? add(left.weights, right.weights)
    : undefined;
  const column = add(left.rows.column, right.rows.column);
  const members = new Int32Array(starts.eras.length);
  return { rows: { starts, times: starts, column, beside: [], members }, weights };
}

/** Sums row by row; those of doubles, and of whole numbers while they are small, need no more than a loop. */
function sumOf(left: Column, right: Column): Column {
  const [a, b] = [left.values, right.values];
  const isPlain = left.kind !== "string" && right.kind !== "string" &&
    left.present === undefined && right.present === undefined;
  if (!isPlain || !(a instanceof Float64Array) || !(b instanceof Float64Array)) {
    return combine("+", left, right);
  }
  const most = left.kind === "float" ? Number.MAX_VALUE : Number.MAX_SAFE_INTEGER;
  const values = new Float64Array(a.length);
  let isExact = true;
  for (let i = 0; i < values.length; i++) {
    const sum = a[i]! + b[i]!;
    values[i] = sum;
    if (!(sum <= most && sum >= -most)) isExact = false;
  }
  return isExact ? { kind: left.kind, values } as Column : combine("+", left, right);
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
  if (areEqual(left, right)) return undefined;
  const [a, b] = [left.eras.length, right.eras.length];
  const places = {
    left: new Int32Array(a + b),
    right: new Int32Array(a + b),
    any: new Int32Array(a + b),
  };
  let [i, j, count] = [0, 0, 0];
  for (; i < a || j < b; count++) {
    const order = i === a ? 1 : j === b ? -1 : compareAt(left, i, right, j);
    places.any[count] = order <= 0 ? i : a + j;
    places.left[count] = order <= 0 ? i++ : -1;
    places.right[count] = order >= 0 ? j++ : -1;
  }
  return {
    left: places.left.subarray(0, count),
    right: places.right.subarray(0, count),
    any: places.any.subarray(0, count),
  };
}

/** The rows in their places; where there is none it is 0. */
function spread(column: Column, places: Int32Array): Column {
  const spread = gather(column, places);
  if (spread.kind === "string" || spread.present === undefined) return spread;
  const original = column.kind === "string" ? undefined : column.present;
  if (original === undefined) return { kind: spread.kind, values: spread.values } as Column;
  const { present } = spread;
  for (let i = 0; i < present.length; i++) {
    present[i] = places[i]! < 0 || original[places[i]!] !== 0 ? 1 : 0;
  }
  return spread;
}

/** Of the rows picked for all parts those that the function picks from them: they are points like others. */
function joinPicked(
  leaf: LeafPlan,
  parts: readonly LeafRows[],
  settings: LeafSettings,
): LeafRows {
  const [first] = parts as [LeafRows];
  if (parts.length === 1) return first;
  const tables = parts.map(({ times, column, beside, members }) => ({
    count: members.length,
    times,
    columns: [
      { kind: "integer" as const, values: Float64Array.from(members) },
      column,
      ...beside,
    ],
  }));
  const { times, columns } = mergeTables(tables, tables.map(() => 0));
  const [members, column, ...beside] = columns;
  const points = {
    times,
    column: column!,
    beside,
    members: Int32Array.from(members!.values as Float64Array),
  };
  return runLeaf(leaf, points, settings);
}
