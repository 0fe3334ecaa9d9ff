/** What the calls of a statement give for one group: functions over points, filled, with transformations over them. */
import { fillRows } from "./fill.ts";
import { gather, hasValue } from "../values/columns.ts";
import type { Argument } from "../functions/function.ts";
import { rowsThere } from "./group_reader.ts";
import { gatherInstants, instantOf, type Instants, makeInstants } from "../values/instants.ts";
import { LeafFold } from "./leaf_fold.ts";
import type { LeafRows } from "./leaf_rows.ts";
import type { Column } from "../values/result.ts";
import type { SelectBudget } from "../sources/select_budget.ts";
import { reachBack } from "./select_compile.ts";
import type { CallPlan, LeafPlan, PointsPlan, SelectPlan, TransformPlan } from "./select_plan.ts";
import { type Points, reversedOrder } from "../values/table.ts";
import { type Bounds, TIME_MIN_NS } from "../expressions/time_range.ts";
import type { Windows } from "../values/windows.ts";

const SECOND_NS = 1_000_000_000n;

/** Rows of one call, ascending in time. */
export interface CallRows {
  readonly times: Instants;
  readonly column: Column;
  readonly beside: readonly Column[];
  /** -1: the row is of no series. */
  readonly members: Int32Array;
  /** Buckets of rows that ascend within them even where the answer descends, as those of top, bottom, sample and distinct do. */
  readonly buckets?: Instants;
}

export interface CallSettings {
  readonly plan: SelectPlan;
  readonly windows: Windows | undefined;
  readonly bounds: Bounds;
  readonly budget: SelectBudget;
  readonly signal: AbortSignal;
}

/** What is read for calls, with the ranges that it is read in. */
export interface LeafNeed {
  readonly leaf: LeafPlan | PointsPlan;
  readonly bounds: Bounds;
}

/** All functions over points in a call. */
export function needsOf(
  call: CallPlan,
  bounds: Bounds,
  settings: Pick<CallSettings, "plan">,
): LeafNeed[] {
  if (call.type !== "transformation") return [{ leaf: call, bounds }];
  return needsOf(call.input, inputBounds(call, bounds, settings), settings);
}

/** Differences need the value before the first one. */
function inputBounds(
  call: TransformPlan,
  bounds: Bounds,
  { plan }: Pick<CallSettings, "plan">,
): Bounds {
  return reachBack(bounds, call.reachesBack ? 1 : 0, plan.compiled);
}

export interface FoldedLeaf {
  readonly fold: LeafFold;
  /** What its rows lie in: shorter than what was asked for where LIMIT leaves the rest out. */
  bounds: Bounds;
}

/** The rows of a call from what its leaves came to; undefined: there are none. */
export function rowsOfCall(
  call: CallPlan,
  folded: ReadonlyMap<CallPlan, FoldedLeaf>,
  settings: CallSettings,
): CallRows | undefined | Promise<CallRows | undefined> {
  if (call.type === "transformation") return transformed(call, folded, settings);
  const { fold, bounds } = folded.get(call)!;
  const rows = fold.finish();
  if (rows === undefined || rows.times.eras.length === 0) return undefined;
  return call.type === "points" ? rows : leafRows(call, rows, { ...settings, bounds });
}

function leafRows(leaf: LeafPlan, rows: LeafRows, settings: CallSettings): CallRows {
  const { windows, bounds, plan, budget } = settings;
  const { name, fn } = leaf;
  if (fn.type === "rows" && name !== "distinct") return inBuckets(rows, plan);
  if (windows === undefined) {
    if (plan.keepsTimes) return rows;
    // Areas of doubles have no time but the epoch, whatever the range is.
    const isTimeless = name === "integral" && leaf.term.origin.kind === "float" &&
      !plan.compiled.isSubquery;
    const startNs = isTimeless ? TIME_MIN_NS : bounds.min;
    const times = constantTimes(startNs, rows.times.eras.length);
    return name === "distinct" ? inBuckets({ ...rows, times }, plan) : { ...rows, times };
  }
  const { fill, descending } = plan.compiled;
  if (name === "integral") return thereOnly({ ...rows, times: rows.starts });
  if (name === "distinct") return inBuckets({ ...rows, times: rows.starts }, plan);
  if (fill.kind === "none") return { ...rows, times: rows.starts };
  const { times, column, order } = fillRows(rows.starts, rows.column, {
    fill,
    windows,
    bounds,
    descending,
    isCount: name === "count",
    checkBuckets: (buckets) => budget.checkBuckets(buckets),
  });
  if (order === undefined) return { ...rows, times };
  return {
    times,
    column,
    beside: rows.beside.map((each) => gather(each, order)),
    members: order.map((row) => row < 0 ? -1 : rows.members[row]!),
  };
}

/** Rows, several of a bucket, that keep their order; but an outer statement takes rows in the order of their times. */
function inBuckets(rows: LeafRows, { compiled }: SelectPlan): CallRows {
  return compiled.isSubquery ? rows : { ...rows, buckets: rows.starts };
}

/** Rows with a value. */
function thereOnly({ times, column, beside, members }: CallRows): CallRows {
  const there = rowsThere(column);
  if (there === undefined) return { times, column, beside, members };
  return {
    ...pickPoints({ times, column }, there),
    beside: beside.map((each) => gather(each, there)),
    members: members.filter((_, row) => hasValue(column, row)),
  };
}

/** The lower bound of the range; without one the epoch. */
function constantTimes(min: bigint, count: number): Instants {
  const { era, offset } = instantOf(min === TIME_MIN_NS ? 0n : min);
  const times = makeInstants(count);
  times.eras.fill(era);
  times.offsets.fill(offset);
  return times;
}

async function transformed(
  call: TransformPlan,
  folded: ReadonlyMap<CallPlan, FoldedLeaf>,
  settings: CallSettings,
): Promise<CallRows | undefined> {
  const input = await rowsOfCall(call.input, folded, settings);
  if (input === undefined) return undefined;
  const { windows, plan, budget, signal } = settings;
  const isReversed = plan.compiled.descending;
  const everyNs = windows?.every ?? 0n;
  const run = {
    points: answerPoints(input, isReversed),
    args: call.args as readonly Argument[],
    unitNs: call.unitNs ?? (windows === undefined ? SECOND_NS : everyNs),
    everyNs,
  };
  if (run.points.times.eras.length === 0) return undefined;
  const { fn } = call;
  const points = fn.runInSlices === undefined
    ? fn.run(run)
    : await fn.runInSlices(run, { pauses: budget.pauses, signal });
  const count = points.times.eras.length;
  if (count === 0) return undefined;
  const ascending = isReversed ? pickPoints(points, reversedOrder(count)) : points;
  return { ...ascending, beside: [], members: new Int32Array(count).fill(-1) };
}

/** Values that are there, in the order of the answer. */
function answerPoints({ times, column }: CallRows, isReversed: boolean): Points {
  const there = rowsThere(column);
  const points = there === undefined ? { times, column } : pickPoints({ times, column }, there);
  return isReversed ? pickPoints(points, reversedOrder(points.times.eras.length)) : points;
}

function pickPoints({ times, column }: Points, order: Int32Array): Points {
  return { times: gatherInstants(times, order), column: gather(column, order) };
}
