/** Runs a function over points that ascend in time, bucket by bucket. */
import type { Column } from "../values/result.ts";
import { gather } from "../values/columns.ts";
import { gatherInstants, type Instants, nsAt } from "../values/instants.ts";
import type { LeafPlan } from "./select_plan.ts";
import { type Buckets, oneBucket, type Windows } from "../values/windows.ts";

/** Values with what came beside them in their points. */
export interface LeafRows {
  /** Starts of the buckets that the rows are of. */
  readonly starts: Instants;
  /** Times of the points that were picked; of aggregates the starts. */
  readonly times: Instants;
  readonly column: Column;
  readonly beside: readonly Column[];
  /** Positions of the points' series in the group; of aggregates nothing that means anything. */
  readonly members: Int32Array;
}

/** Points of one field. */
export interface LeafPoints {
  readonly times: Instants;
  readonly column: Column;
  readonly beside: readonly Column[];
  readonly members: Int32Array;
}

export interface LeafSettings {
  readonly windows: Windows | undefined;
  /** Time of the one bucket that there is without windows. */
  readonly startNs: bigint;
  readonly random: () => number;
  /** Which combination of the values of some tags each member has. */
  readonly tagSetOf: (tags: readonly string[]) => Int32Array;
}

export function bucketsOf(times: Instants, { windows, startNs }: LeafSettings): Buckets {
  const count = times.eras.length;
  return windows === undefined ? oneBucket(startNs, 0, count) : windows.bucketsOf(times, 0, count);
}

export function runLeaf(
  leaf: LeafPlan,
  points: LeafPoints,
  settings: LeafSettings,
  buckets: Buckets = bucketsOf(points.times, settings),
): LeafRows {
  const { windows, random } = settings;
  const tagSets = leaf.tags.length === 0 ? undefined : settings.tagSetOf(leaf.tags);
  const input = {
    times: points.times,
    column: points.column,
    buckets,
    args: leaf.args,
    spanOf: windows === undefined ? undefined : (bucket: number) => {
      const start = nsAt(buckets.starts, bucket);
      return { start, end: windows.next(start) };
    },
    tagSets: tagSets === undefined ? undefined : points.members.map((each) => tagSets[each]!),
    random,
  };
  const { fn } = leaf;
  switch (fn.type) {
    case "aggregate": {
      const { starts } = buckets;
      const members = new Int32Array(starts.eras.length);
      return { starts, times: starts, column: fn.run(input), beside: [], members };
    }
    case "selector": {
      const rows = fn.run(input);
      return pick(points, buckets, { rows, bounds: undefined });
    }
    case "rows": {
      const { rows, bounds } = fn.run(input);
      return pick(points, buckets, { rows, bounds });
    }
  }
}

/** Rows of buckets: one of each, -1 for none, or those that lie between bounds. */
function pick(
  points: LeafPoints,
  buckets: Buckets,
  picked: { readonly rows: Int32Array; readonly bounds: Int32Array | undefined },
): LeafRows {
  const owners = picked.bounds === undefined
    ? Int32Array.from(picked.rows, (_, bucket) => bucket)
    : ownersOf(picked.bounds);
  const isHole = picked.rows.includes(-1);
  const kept = isHole ? owners.filter((_, at) => picked.rows[at]! >= 0) : owners;
  const rows = isHole ? picked.rows.filter((row) => row >= 0) : picked.rows;
  return {
    starts: gatherInstants(buckets.starts, kept),
    times: gatherInstants(points.times, rows),
    column: gather(points.column, rows),
    beside: points.beside.map((column) => gather(column, rows)),
    members: rows.map((row) => points.members[row]!),
  };
}

/** For each row the bucket whose bounds it lies in. */
function ownersOf(bounds: Int32Array): Int32Array {
  const owners = new Int32Array(bounds.at(-1) ?? 0);
  for (let i = 0; i + 1 < bounds.length; i++) owners.fill(i, bounds[i], bounds[i + 1]);
  return owners;
}
