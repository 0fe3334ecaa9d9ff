/** Inputs and answers of functions, written as plain lists. */
import {
  type Cell,
  cellAt,
  columnOf,
  gather,
  type Kind,
} from "../../../src/influxql/values/columns.ts";
import type { Argument, FunctionInput } from "../../../src/influxql/functions/function.ts";
import { influxqlFunction } from "../../../src/influxql/functions/registry.ts";
import { instantsOf, nsAt } from "../../../src/influxql/values/instants.ts";
import type { Column } from "../../../src/influxql/values/result.ts";
import { type Buckets, oneBucket, Windows } from "../../../src/influxql/values/windows.ts";

export interface Given {
  readonly kind?: Kind;
  readonly values: readonly Cell[];
  /** Nanoseconds; else 0, 1, 2 and so on. */
  readonly times?: readonly (number | bigint)[];
  /** Nanoseconds of a bucket. */
  readonly every?: number | bigint;
  readonly args?: readonly Argument[];
  readonly tagSets?: readonly number[];
  readonly random?: () => number;
}

export function cellsOf(column: Column): Cell[] {
  return Array.from(column.values as ArrayLike<unknown>, (_, i) => cellAt(column, i));
}

/** What an aggregate or selector gives for each bucket; of row selectors, what they pick in each. */
export function evaluate(name: string, given: Given): unknown[] {
  const each = influxqlFunction(name);
  if (each === undefined) throw new Error(`no function ${name}`);
  const input = inputOf(given);
  if (each.type === "aggregate") return cellsOf(each.run(input));
  if (each.type === "selector") return cellsOf(gather(input.column, each.run(input)));
  if (each.type === "transformation") return transform(name, given).map(([, value]) => value);
  const { rows, bounds } = each.run(input);
  return Array.from(bounds.subarray(1), (end, i) => [...rows.subarray(bounds[i]!, end)]);
}

/** The rows that a selector means. */
export function rowsOf(name: string, given: Given): number[] {
  const each = influxqlFunction(name);
  if (each?.type !== "selector") throw new Error(`no selector ${name}`);
  return [...each.run(inputOf(given))];
}

/** Times and values of a transformation; the unit is a nanosecond unless it is the first argument. */
export function transform(name: string, given: Given): [time: number | bigint, value: Cell][] {
  const each = influxqlFunction(name);
  if (each?.type !== "transformation") throw new Error(`no transformation ${name}`);
  const args = given.args ?? [];
  const { times, column } = each.run({
    points: { times: timesOf(given), column: columnOfGiven(given) },
    args,
    unitNs: typeof args[0] === "bigint" ? args[0] : 1n,
    everyNs: BigInt(given.every ?? 0),
  });
  const isNumber = given.times?.every((time) => typeof time === "number") ?? true;
  return cellsOf(column).map((cell, i) => {
    const ns = nsAt(times, i);
    return [isNumber ? Number(ns) : ns, cell];
  });
}

function inputOf(given: Given): FunctionInput {
  const times = timesOf(given);
  const count = given.values.length;
  const every = given.every === undefined ? undefined : BigInt(given.every);
  let buckets: Buckets = oneBucket(0n, 0, count);
  if (every !== undefined) {
    buckets = new Windows({ every, offset: 0n, zone: undefined }).bucketsOf(times, 0, count);
  }
  return {
    times,
    column: columnOfGiven(given),
    buckets,
    args: given.args ?? [],
    spanOf: every === undefined ? undefined : (bucket) => {
      const start = nsAt(buckets.starts, bucket);
      return { start, end: start + every };
    },
    tagSets: given.tagSets === undefined ? undefined : Int32Array.from(given.tagSets),
    random: given.random ?? (() => 0.5),
  };
}

function timesOf({ times, values }: Given): ReturnType<typeof instantsOf> {
  return instantsOf((times ?? values.map((_, i) => i)).map(BigInt));
}

function columnOfGiven({ kind, values }: Given): Column {
  return columnOf(kind ?? "float", values);
}
