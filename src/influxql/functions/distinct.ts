/** distinct, its count, and mode: which values a bucket holds, and how often. */
import { gather } from "../values/columns.ts";
import type { Column } from "../values/result.ts";
import {
  ALL_KINDS,
  type FunctionInput,
  type InfluxqlFunction,
  sameKind,
  toInteger,
} from "./function.ts";
import { isSameTime, orderOf } from "./selectors.ts";

/** The first row of each value in the order of times, then of values. */
export const distinct: InfluxqlFunction = {
  name: "distinct",
  type: "rows",
  arity: { min: 1, max: 1 },
  accepts: ALL_KINDS,
  run: ({ times, column, buckets: { bounds } }) => {
    const order = orderOf(column);
    const rows: number[] = [];
    const ends = new Int32Array(bounds.length);
    for (let i = 0; i + 1 < bounds.length; i++) {
      const firsts = tally(column, bounds[i]!, bounds[i + 1]!).firsts;
      firsts.sort((left, right) =>
        isSameTime(times, left, right) ? order(left, right) : left - right
      );
      for (const row of firsts) rows.push(row);
      ends[i + 1] = rows.length;
    }
    return { rows: Int32Array.from(rows), bounds: ends };
  },
};

/** `count(distinct(x))`, which is no name that a query can write. */
export const countDistinct: InfluxqlFunction = {
  name: "count_distinct",
  type: "aggregate",
  arity: { min: 1, max: 1 },
  accepts: ALL_KINDS,
  kindOf: toInteger,
  run: ({ column, buckets: { bounds } }) => {
    const values = new Float64Array(bounds.length - 1);
    for (let i = 0; i < values.length; i++) {
      values[i] = tally(column, bounds[i]!, bounds[i + 1]!).firsts.length;
    }
    return { kind: "integer", values };
  },
};

/** The most frequent value. */
export const mode: InfluxqlFunction = {
  name: "mode",
  type: "aggregate",
  arity: { min: 1, max: 1 },
  accepts: ALL_KINDS,
  kindOf: sameKind,
  run: (input) => {
    const { column, buckets: { bounds } } = input;
    const order = orderOf(column);
    const rows = new Int32Array(bounds.length - 1);
    for (let i = 0; i < rows.length; i++) {
      const { firsts, counts } = tally(column, bounds[i]!, bounds[i + 1]!);
      let best = 0;
      for (let at = 1; at < firsts.length; at++) {
        const more = counts[at]! - counts[best]!;
        if (more > 0) best = at;
        else if (
          more === 0 && isBetter(input, { order, count: counts[at]! }, [firsts[at]!, firsts[best]!])
        ) {
          best = at;
        }
      }
      rows[i] = firsts[best]!;
    }
    return gather(column, rows);
  },
};

interface Tally {
  /** Of each value its first row. */
  readonly firsts: number[];
  /** How often each is there. */
  readonly counts: number[];
}

function tally({ values }: Column, from: number, to: number): Tally {
  const indexes = new Map<number | bigint | string | undefined, number>();
  const firsts: number[] = [];
  const counts: number[] = [];
  for (let row = from; row < to; row++) {
    const index = indexes.get(values[row]);
    if (index === undefined) {
      indexes.set(values[row], firsts.length);
      firsts.push(row);
      counts.push(1);
    } else {
      counts[index]!++;
    }
  }
  return { firsts, counts };
}

/**
 * Which of two values that are as frequent is the mode in InfluxDB: true before false; the least where all are there once;
 * else the earliest, of equal times the larger.
 */
function isBetter(
  { column, times }: FunctionInput,
  { order, count }: {
    readonly order: (left: number, right: number) => number;
    readonly count: number;
  },
  [row, other]: readonly [number, number],
): boolean {
  const difference = order(row, other);
  if (column.kind === "boolean") return difference > 0;
  if (count === 1) return difference < 0;
  return isSameTime(times, row, other) ? difference > 0 : row < other;
}
