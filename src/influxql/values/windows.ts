/**
 * Buckets of GROUP BY time: where they begin, and which rows of a sorted column of times lie in each.
 *
 * Buckets are aligned to the epoch, or to the local clock of a zone: one begins whenever that clock shows a multiple of the
 * length, so that the one that holds a change is as much longer or shorter, and after a skipped hour in which one would have
 * begun. Where clocks show a multiple twice, because they went back by less than the length, the first time counts. So each
 * time lies in exactly one.
 */
import {
  ERA_NS,
  instantAt,
  instantOf,
  type Instants,
  instantsOf,
  makeInstants,
  nsAt,
} from "./instants.ts";
import type { Zone } from "./zones.ts";

const NS_PER_MS = 1_000_000n;
const DAY_NS = 86_400_000_000_000n;

/** Starts that are kept. */
const KNOWN_MAX = 4;

/** Non-empty buckets of a column: bucket i begins at `starts[i]` and holds rows bounds[i] <= row < bounds[i + 1]. */
export interface Buckets {
  readonly starts: Instants;
  readonly bounds: Int32Array;
}

export interface WindowSettings {
  readonly every: bigint;
  readonly offset: bigint;
  readonly zone: Zone | undefined;
}

export class Windows {
  readonly every: bigint;
  readonly #offset: bigint;
  readonly #zone: Zone | undefined;
  /** What was found last: one group after the other asks for the bounds of the range. */
  readonly #known: { readonly ns: bigint; readonly start: bigint }[] = [];
  #between:
    | { readonly first: bigint; readonly last: bigint; readonly starts: Instants }
    | undefined;

  constructor({ every, offset, zone }: WindowSettings) {
    this.every = every;
    this.#offset = offset;
    this.#zone = zone;
  }

  /** Start of the bucket that holds a time. */
  startOf(ns: bigint): bigint {
    for (const known of this.#known) if (known.ns === ns) return known.start;
    const start = this.#find(ns);
    this.#known.unshift({ ns, start });
    this.#known.length = Math.min(this.#known.length, KNOWN_MAX);
    return start;
  }

  #find(ns: bigint): bigint {
    const zone = this.#zoneNs(ns);
    const start = ns - modulo(ns + zone - this.#offset, this.every);
    if (this.#zoneNs(start) === zone) return this.#firstOf(start, zone);
    const change = this.#changeIn(start, ns);
    return this.#beginsAt(change) ? change : this.startOf(change - 1n);
  }

  /** Start of the bucket after the one that begins at `start`. */
  next(start: bigint): bigint {
    const first = this.#zoneNs(start);
    for (let at = start;;) {
      const zone = this.#zoneNs(at);
      const rest = modulo(this.#offset - at - zone, this.every);
      const next = at === start && rest === 0n
        ? at + this.every
        : first > zone && first - zone < this.every
        ? start + this.every + first - zone
        : at + rest;
      if (this.#zoneNs(next) === zone) return next;
      at = this.#changeIn(at, next);
      if (this.#beginsAt(at)) return at;
    }
  }

  /** The first of two moments at which clocks show the start of a bucket that is longer than what they went back by. */
  #firstOf(start: bigint, zone: bigint): bigint {
    const before = this.#zoneNs(start - (this.every < DAY_NS ? this.every : DAY_NS));
    const first = start - (before - zone);
    const isShown = before > zone && before - zone < this.every && this.#zoneNs(first) === before;
    return isShown ? first : start;
  }

  /** All starts from one to another, which are starts themselves. */
  startsBetween(first: bigint, last: bigint): Instants {
    const known = this.#between;
    if (known?.first === first && known.last === last) return known.starts;
    const starts = this.#list(first, last);
    this.#between = { first, last, starts };
    return starts;
  }

  #list(first: bigint, last: bigint): Instants {
    if (!this.isUniform) {
      const starts: bigint[] = [];
      for (let at = first; at <= last; at = this.next(at)) starts.push(at);
      return instantsOf(starts);
    }
    const starts = makeInstants(Number((last - first) / this.every) + 1);
    const every = Number(this.every);
    let { era, offset } = instantOf(first);
    for (let i = 0; i < starts.eras.length; i++) {
      starts.eras[i] = era;
      starts.offsets[i] = offset;
      offset += every;
      if (offset < ERA_NS) continue;
      offset -= ERA_NS;
      era++;
    }
    return starts;
  }

  /** Sorts rows from <= row < to of ascending times into buckets. */
  bucketsOf(times: Instants, from: number, to: number): Buckets {
    return this.isUniform ? this.#uniform(times, from, to) : this.#local(times, from, to);
  }

  /** All buckets are equally long, and short enough for doubles. */
  get isUniform(): boolean {
    return this.#zone === undefined && this.every < 2n ** 52n;
  }

  #uniform(times: Instants, from: number, to: number): Buckets {
    const { eras, offsets } = times;
    const every = Number(this.every);
    const marks = new Marks();
    let era = NaN;
    let phase = 0;
    for (let at = from; at < to;) {
      if (eras[at] !== era) {
        era = eras[at]!;
        phase = Number(modulo((BigInt(era) << 52n) - this.#offset, this.every));
      }
      const start = offsets[at]! - (phase + offsets[at]!) % every;
      const end = start + every;
      marks.push(start < 0 ? era - 1 : era, start < 0 ? start + ERA_NS : start, at);
      do at++; while (at < to && (eras[at]! - era) * ERA_NS + offsets[at]! < end);
    }
    return marks.finish(to);
  }

  #local(times: Instants, from: number, to: number): Buckets {
    const { eras, offsets } = times;
    const marks = new Marks();
    for (let at = from; at < to;) {
      const startNs = this.startOf(nsAt(times, at));
      const start = instantOf(startNs);
      const end = instantOf(this.next(startNs));
      marks.push(start.era, start.offset, at);
      do at++; while (
        at < to && (eras[at]! < end.era || (eras[at] === end.era && offsets[at]! < end.offset))
      );
    }
    return marks.finish(to);
  }

  /** Whether a bucket begins as clocks change: they go forward over its beginning, or back to it by its length or more. */
  #beginsAt(change: bigint): boolean {
    const skippedTo = change + this.#zoneNs(change);
    const skippedFrom = change + this.#zoneNs(change - 1n);
    const first = skippedFrom + modulo(this.#offset - skippedFrom, this.every);
    return skippedTo > skippedFrom ? first <= skippedTo : skippedFrom - skippedTo >= this.every &&
      modulo(skippedTo - this.#offset, this.every) === 0n;
  }

  /** The first moment of new clocks, where those of both bounds differ. */
  #changeIn(low: bigint, high: bigint): bigint {
    const before = this.#zoneNs(low);
    while (high - low > 1n) {
      const middle = low + (high - low) / 2n;
      if (this.#zoneNs(middle) === before) low = middle;
      else high = middle;
    }
    return high;
  }

  #zoneNs(ns: bigint): bigint {
    if (this.#zone === undefined) return 0n;
    return BigInt(this.#zone.offsetMs(Number(floorDivide(ns, NS_PER_MS)))) * NS_PER_MS;
  }
}

/** Starts of buckets and their first rows, in arrays that grow. */
class Marks {
  #count = 0;
  #starts = makeInstants(64);
  #rows = new Int32Array(65);

  push(era: number, offset: number, row: number): void {
    if (this.#count === this.#starts.eras.length) this.#grow();
    this.#starts.eras[this.#count] = era;
    this.#starts.offsets[this.#count] = offset;
    this.#rows[this.#count++] = row;
  }

  finish(end: number): Buckets {
    this.#rows[this.#count] = end;
    const starts = {
      eras: this.#starts.eras.subarray(0, this.#count),
      offsets: this.#starts.offsets.subarray(0, this.#count),
    };
    return { starts, bounds: this.#rows.subarray(0, this.#count + 1) };
  }

  #grow(): void {
    const starts = makeInstants(this.#count * 2);
    starts.eras.set(this.#starts.eras);
    starts.offsets.set(this.#starts.offsets);
    this.#starts = starts;
    const rows = new Int32Array(this.#count * 2 + 1);
    rows.set(this.#rows);
    this.#rows = rows;
  }
}

/** All rows as one bucket. */
export function oneBucket(start: bigint, from: number, to: number): Buckets {
  const starts = makeInstants(from < to ? 1 : 0);
  const { era, offset } = instantOf(start);
  starts.eras.fill(era);
  starts.offsets.fill(offset);
  return { starts, bounds: from < to ? Int32Array.of(from, to) : Int32Array.of(to) };
}

/** The starts of buckets, one by one. */
export function startAt(buckets: Buckets, index: number): { era: number; offset: number } {
  return instantAt(buckets.starts, index);
}

/** The remainder that is never negative. */
export function modulo(value: bigint, divisor: bigint): bigint {
  const rest = value % divisor;
  return rest < 0n ? rest + divisor : rest;
}

function floorDivide(value: bigint, divisor: bigint): bigint {
  return (value - modulo(value, divisor)) / divisor;
}
