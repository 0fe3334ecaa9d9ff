/**
 * Buckets of a part of time laid out beforehand, so that points of one series after the other are sorted into them without
 * times of their own: all that is known of a point's time is how many ticks it is after the grid's origin, which is exact.
 */
import {
  ERA_NS,
  instantOf,
  type Instants,
  instantsAfter,
  makeInstants,
} from "../values/instants.ts";
import type { Bounds } from "../expressions/time_range.ts";
import { Windows, type WindowSettings } from "../values/windows.ts";

/** Nanoseconds that a grid spans at most: doubles count them. */
const SPAN_MAX_NS = 2n ** 53n - 4n;
/** Buckets of a grid. */
export const GRID_BUCKETS_MAX = 16_384;
/** Grids that are kept. */
const GRIDS_KEPT = 4;
/** Rows that are looked at one by one where a bucket ends, before they are searched. */
const STEPS_MAX = 8;

export interface GridShape {
  /** Time of the one bucket that there is without windows. */
  readonly startNs: bigint;
  readonly nsPerTick: number;
}

export class Grid {
  /** All points lie in these. */
  readonly bounds: Bounds;
  /** In ticks. */
  readonly origin: bigint;
  readonly starts: Instants;
  /** Ticks after the origin before which each bucket ends. */
  readonly #ends: Float64Array;
  readonly #nsPerTick: number;
  #rows: Int32Array;

  private constructor(
    bounds: Bounds,
    { origin, starts, ends, nsPerTick }: {
      readonly origin: bigint;
      readonly starts: Instants;
      readonly ends: Float64Array;
      readonly nsPerTick: number;
    },
  ) {
    this.bounds = bounds;
    this.origin = origin;
    this.starts = starts;
    this.#ends = ends;
    this.#nsPerTick = nsPerTick;
    this.#rows = new Int32Array(ends.length + 1);
  }

  /** Undefined: it would be too long, or have too many buckets. */
  static of(
    bounds: Bounds,
    windows: Windows | undefined,
    { startNs, nsPerTick }: GridShape,
  ): Grid | undefined {
    const { min, max } = bounds;
    const origin = originOf(bounds, nsPerTick);
    if (origin === undefined) return undefined;
    if (windows === undefined) {
      const starts = makeInstants(1);
      const { era, offset } = instantOf(startNs);
      starts.eras[0] = era;
      starts.offsets[0] = offset;
      return new Grid(bounds, { origin, starts, ends: Float64Array.of(Infinity), nsPerTick });
    }
    const [first, last] = [windows.startOf(min), windows.startOf(max)];
    if ((last - first) / windows.every >= BigInt(GRID_BUCKETS_MAX)) return undefined;
    const starts = windows.startsBetween(first, last);
    return new Grid(bounds, { origin, starts, ends: endsOf(starts, origin, nsPerTick), nsPerTick });
  }

  get buckets(): number {
    return this.#ends.length;
  }

  /** The times of numbers of ticks after the origin. */
  timesOf(ticks: Float64Array): Instants {
    return instantsAfter(this.origin * BigInt(this.#nsPerTick), ticks, this.#nsPerTick);
  }

  /**
   * Sorts ascending ticks into the buckets: those of bucket i are rows[i] <= row < rows[i + 1]. Valid until the next call.
   */
  rowsOf(ticks: Float64Array, count: number): Int32Array {
    const ends = this.#ends;
    const rows = this.#rows;
    const last = ends.length - 1;
    let at = 0;
    let length = 1;
    rows[0] = 0;
    for (let bucket = 0; bucket < last; bucket++) {
      const end = ends[bucket]!;
      // Points mostly come at regular times: the bucket has as many as the one before.
      const guess = at + length;
      const isGuessed = guess <= count && ticks[guess - 1]! < end &&
        (guess === count || ticks[guess]! >= end);
      const next = isGuessed ? guess : endOf(ticks, end, { from: at, to: count });
      if (next > at) length = next - at;
      at = next;
      rows[bucket + 1] = at;
    }
    rows[last + 1] = count;
    return rows;
  }
}

/** A tick that all ticks in the bounds are less than 2^53 behind; undefined: the bounds are too wide. */
export function originOf({ min, max }: Bounds, nsPerTick: number): bigint | undefined {
  // The first tick that is not before the bounds, or the one before it.
  return max - min > SPAN_MAX_NS ? undefined : min / BigInt(nsPerTick) - (min < 0n ? 1n : 0n);
}

/** Where each bucket ends but the last, which has no end. */
function endsOf(starts: Instants, origin: bigint, nsPerTick: number): Float64Array {
  const { eras, offsets } = starts;
  const { era, offset } = instantOf(origin * BigInt(nsPerTick));
  const ends = new Float64Array(eras.length);
  for (let i = 0; i + 1 < ends.length; i++) {
    const ns = (eras[i + 1]! - era) * ERA_NS + (offsets[i + 1]! - offset);
    ends[i] = Math.ceil(ns / nsPerTick);
  }
  ends[ends.length - 1] = Infinity;
  return ends;
}

/** The first row from <= row < to whose time is not before the end of a bucket; `to` where there is none. */
function endOf(
  ticks: Float64Array,
  end: number,
  { from, to }: { readonly from: number; readonly to: number },
): number {
  let low = from;
  const near = Math.min(to, from + STEPS_MAX);
  while (low < near && ticks[low]! < end) low++;
  if (low < near || low === to) return low;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ticks[middle]! < end) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Parts of a long range that there are grids for; buckets end where parts do. Undefined: buckets are too long. */
export function gridParts(
  { min, max }: Bounds,
  windows: Windows | undefined,
): Bounds[] | undefined {
  const most = SPAN_MAX_NS / 2n;
  const every = windows?.every ?? 0n;
  const wanted = every * BigInt(GRID_BUCKETS_MAX / 2);
  const width = windows === undefined || wanted > most ? most : wanted;
  if (every > width / 2n) return undefined;
  const parts: Bounds[] = [];
  for (let from = min; from <= max;) {
    const end = windows === undefined ? from + width : windows.startOf(from + width);
    parts.push({ min: from, max: end <= max ? end - 1n : max });
    from = end;
  }
  return parts;
}

/** Buckets and grids of a statement's groups, which mostly lie in the same bounds. */
export class Grids {
  /** Of GROUP BY time; undefined: one bucket. */
  readonly windows: Windows | undefined;
  readonly #known: { readonly grid: Grid; readonly shape: GridShape }[] = [];

  constructor(windows: WindowSettings | undefined) {
    this.windows = windows === undefined ? undefined : new Windows(windows);
  }

  /** Undefined: there is none for so long a time or so many buckets. */
  of(bounds: Bounds, shape: GridShape): Grid | undefined {
    const { min, max } = bounds;
    for (const { grid, shape: { startNs, nsPerTick } } of this.#known) {
      const isSame = grid.bounds.min === min && grid.bounds.max === max;
      if (isSame && startNs === shape.startNs && nsPerTick === shape.nsPerTick) return grid;
    }
    const grid = Grid.of(bounds, this.windows, shape);
    if (grid === undefined) return undefined;
    this.#known.unshift({ grid, shape });
    this.#known.length = Math.min(this.#known.length, GRIDS_KEPT);
    return grid;
  }
}
