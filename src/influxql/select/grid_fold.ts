/**
 * Adds up what a function needs of points that were sorted into a grid's buckets, one series after the other: counts, sums,
 * extremes, first and last values. What comes out is what the function would have given for the points.
 */
import type { NumberColumn } from "../../../engine/mod.ts";
import type { Kind } from "../values/columns.ts";
import { doublesColumn } from "../functions/sums.ts";
import type { Grid } from "./grid.ts";
import { gatherInstants } from "../values/instants.ts";
import type { Partial } from "./partial.ts";
import type { Column } from "../values/result.ts";
import type { LeafPlan } from "./select_plan.ts";

const WHOLE_MAX = Number.MAX_SAFE_INTEGER;
/** Small whole numbers of which doubles hold the sum whatever they are. */
const SMALL_COUNT_MAX = 2 ** 21;

/** A function over points that were sorted into a grid. */
export interface GridTaker {
  readonly leaf: LeafPlan;
  /** Bytes that it takes. */
  readonly bytes: number;
  /**
   * Adds points of the member at a position; those of bucket i are rows[i] <= row < rows[i + 1]. False, with nothing done,
   * where doubles would not hold what they come to.
   */
  add(member: number, column: NumberColumn, rows: Int32Array): boolean;
  /** What all of it comes to, of buckets with points; undefined: there are none. */
  finish(): Partial | undefined;
}

export class GridFold implements GridTaker {
  readonly leaf: LeafPlan;
  readonly #grid: Grid;
  readonly #kind: Kind;
  readonly #counts: Float64Array;
  /** Sums, or the values picked. */
  readonly #values: Float64Array;
  /** Sums of the series at hand. */
  readonly #own: Float64Array;
  /** Ticks of the points picked, and positions of their series. */
  readonly #ticks: Float64Array;
  readonly #members: Int32Array;

  constructor(leaf: LeafPlan, grid: Grid) {
    const { buckets } = grid;
    this.leaf = leaf;
    this.#grid = grid;
    this.#kind = leaf.term.origin.kind;
    const isAdded = leaf.fn.type === "aggregate";
    this.#counts = new Float64Array(buckets);
    this.#values = new Float64Array(leaf.fn.name === "count" ? 0 : buckets);
    this.#own = new Float64Array(isAdded ? this.#values.length : 0);
    this.#ticks = new Float64Array(isAdded ? 0 : buckets);
    this.#members = new Int32Array(isAdded ? 0 : buckets);
  }

  get bytes(): number {
    return this.#grid.buckets * 32;
  }

  add(member: number, column: NumberColumn, rows: Int32Array): boolean {
    const { name } = this.leaf.fn;
    if (name === "count") {
      this.#count(rows);
      return true;
    }
    const isWhole = this.#kind === "integer" || this.#kind === "unsigned";
    const areSmall = column.areSmallIntegers && column.count < SMALL_COUNT_MAX;
    const size = !isWhole || areSmall ? 0 : sizeOf(column.values, column.count);
    if (size > WHOLE_MAX) return false;
    if (name === "sum" || name === "mean") {
      if (size * column.count > WHOLE_MAX) return false;
      return this.#sum(column.values, rows, { areSmall, isWhole });
    }
    if (name === "first" || name === "last") this.#pickEdges(member, column, rows);
    else if (this.#counts.length > 1) this.#pickValues(column.values, rows);
    else this.#pickExtreme(member, column, rows[1]!);
    this.#count(rows);
    return true;
  }

  #count(rows: Int32Array): void {
    const counts = this.#counts;
    for (let i = 0; i < counts.length; i++) counts[i]! += rows[i + 1]! - rows[i]!;
  }

  #sum(
    values: Float64Array,
    rows: Int32Array,
    { areSmall, isWhole }: { readonly areSmall: boolean; readonly isWhole: boolean },
  ): boolean {
    const sums = this.#values;
    const own = this.#own;
    let isExact = true;
    for (let i = 0; i < sums.length; i++) {
      const from = rows[i]!;
      const to = rows[i + 1]!;
      own[i] = areSmall ? sumOfSmall(values, from, to) : sumInOrder(values, from, to);
      if (isWhole && !(Math.abs(sums[i]! + own[i]!) <= WHOLE_MAX)) isExact = false;
    }
    if (!isExact) return false;
    for (let i = 0; i < sums.length; i++) sums[i]! += own[i]!;
    this.#count(rows);
    return true;
  }

  /** Least or greatest values alone: buckets do not tell when they were. */
  #pickValues(values: Float64Array, rows: Int32Array): void {
    const counts = this.#counts;
    const picked = this.#values;
    const isGreatest = this.leaf.fn.name === "max";
    for (let i = 0; i < counts.length; i++) {
      const from = rows[i]!;
      const to = rows[i + 1]!;
      if (from === to) continue;
      let best = counts[i] === 0 ? values[from]! : picked[i]!;
      if (isGreatest) {
        for (let row = from; row < to; row++) if (values[row]! > best) best = values[row]!;
      } else {
        for (let row = from; row < to; row++) if (values[row]! < best) best = values[row]!;
      }
      picked[i] = best;
    }
  }

  /** The least or greatest value of all, the earliest of equal ones. */
  #pickExtreme(member: number, { times, values }: NumberColumn, count: number): void {
    if (count === 0) return;
    const isGreatest = this.leaf.fn.name === "max";
    let best = 0;
    for (let row = 1; row < count; row++) {
      const isBetter = isGreatest ? values[row]! > values[best]! : values[row]! < values[best]!;
      if (isBetter) best = row;
    }
    const [value, ticks] = [values[best]!, times[best]!];
    const known = this.#values[0]!;
    const isKnown = this.#counts[0]! > 0;
    const isBetter = isGreatest ? value > known : value < known;
    if (!isKnown || isBetter || (value === known && ticks < this.#ticks[0]!)) {
      this.#values[0] = value;
      this.#ticks[0] = ticks;
      this.#members[0] = member;
    }
  }

  /** First or last values; of several at one time the greatest, but of booleans that come first the least. */
  #pickEdges(member: number, { times, values }: NumberColumn, rows: Int32Array): void {
    const counts = this.#counts;
    const picked = this.#values;
    const pickedTicks = this.#ticks;
    const isFirst = this.leaf.fn.name === "first";
    const isLeast = isFirst && this.#kind === "boolean";
    for (let i = 0; i < counts.length; i++) {
      const from = rows[i]!;
      const to = rows[i + 1]!;
      if (from === to) continue;
      const row = isFirst ? from : to - 1;
      const value = values[row]!;
      const ticks = times[row]!;
      if (counts[i]! > 0) {
        const known = pickedTicks[i]!;
        const isBeyond = isFirst ? ticks < known : ticks > known;
        const isBetter = isLeast ? value < picked[i]! : value > picked[i]!;
        if (!isBeyond && !(ticks === known && isBetter)) continue;
      }
      picked[i] = value;
      pickedTicks[i] = ticks;
      this.#members[i] = member;
    }
  }

  finish(): Partial | undefined {
    const held = heldBuckets(this.#counts);
    const count = held?.length ?? this.#counts.length;
    if (count === 0) return undefined;
    const grid = this.#grid;
    const starts = held === undefined ? grid.starts : gatherInstants(grid.starts, held);
    const values = pick(this.#values, held);
    const { name } = this.leaf.fn;
    if (this.leaf.fn.type === "aggregate") {
      const counts: Column = { kind: "integer", values: pick(this.#counts, held) };
      const column = name === "count" ? counts : columnOf(this.#kind, values);
      const members = new Int32Array(count);
      const rows = { starts, times: starts, column, beside: [], members };
      return { rows, weights: name === "mean" ? counts : undefined };
    }
    const column = this.#kind === "float"
      ? { kind: this.#kind, values }
      : columnOf(this.#kind, values);
    const isTimed = grid.buckets === 1 || name === "first" || name === "last";
    const times = isTimed ? grid.timesOf(pick(this.#ticks, held)) : starts;
    const members = held === undefined ? this.#members : gatherInts(this.#members, held);
    return { rows: { starts, times, column, beside: [], members }, weights: undefined };
  }
}

/** The largest size of a value. */
function sizeOf(values: Float64Array, count: number): number {
  let size = 0;
  for (let i = 0; i < count; i++) size = Math.max(size, Math.abs(values[i]!));
  return size;
}

/** As InfluxDB adds. */
function sumInOrder(values: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let row = from; row < to; row++) sum += values[row]!;
  return sum;
}

/** The sum of small whole numbers, which is the same in any order: four at once. */
function sumOfSmall(values: Float64Array, from: number, to: number): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  let row = from;
  for (; row + 3 < to; row += 4) {
    a += values[row]!;
    b += values[row + 1]!;
    c += values[row + 2]!;
    d += values[row + 3]!;
  }
  for (; row < to; row++) a += values[row]!;
  return a + b + (c + d);
}

/** Buckets that hold points; undefined: all. */
function heldBuckets(counts: Float64Array): Int32Array | undefined {
  let held = 0;
  for (let i = 0; i < counts.length; i++) if (counts[i]! > 0) held++;
  if (held === counts.length) return undefined;
  const buckets = new Int32Array(held);
  for (let i = 0, at = 0; i < counts.length; i++) if (counts[i]! > 0) buckets[at++] = i;
  return buckets;
}

function pick(values: Float64Array, held: Int32Array | undefined): Float64Array {
  if (held === undefined || values.length === 0) return values;
  const picked = new Float64Array(held.length);
  for (let i = 0; i < picked.length; i++) picked[i] = values[held[i]!]!;
  return picked;
}

function gatherInts(values: Int32Array, held: Int32Array): Int32Array {
  const picked = new Int32Array(held.length);
  for (let i = 0; i < picked.length; i++) picked[i] = values[held[i]!]!;
  return picked;
}

function columnOf(kind: Kind, values: Float64Array): Column {
  if (kind === "float") return doublesColumn(values);
  return kind === "boolean"
    ? { kind, values: Uint8Array.from(values) }
    : { kind, values } as Column;
}
