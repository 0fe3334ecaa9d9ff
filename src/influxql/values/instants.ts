/**
 * Columns of exact times that loops can work on: nanoseconds do not fit a double, and BigInts are too slow for points.
 *
 * A time is an era, 2^52 nanoseconds (52 days) long, and an offset in it: `era * 2^52 + offset`, both whole numbers that
 * doubles hold. Times compare by era, then offset; their differences are exact below 2^53.
 */
export const ERA_NS: number = 2 ** 52;
const ERA_BITS = 52n;
const ERA_MASK = 2n ** ERA_BITS - 1n;

export interface Instants {
  readonly eras: Int32Array;
  readonly offsets: Float64Array;
}

/** One time in the same form. */
export interface Instant {
  readonly era: number;
  readonly offset: number;
}

export function makeInstants(count: number): Instants {
  return { eras: new Int32Array(count), offsets: new Float64Array(count) };
}

export function instantOf(ns: bigint): Instant {
  return { era: Number(ns >> ERA_BITS), offset: Number(ns & ERA_MASK) };
}

export function nsOf(era: number, offset: number): bigint {
  return (BigInt(era) << ERA_BITS) + BigInt(offset);
}

export function nsAt(times: Instants, index: number): bigint {
  return nsOf(times.eras[index]!, times.offsets[index]!);
}

export function compareInstants(left: Instant, right: Instant): number {
  return left.era - right.era || left.offset - right.offset;
}

/** How an entry of one column compares with one of another. */
export function compareAt(left: Instants, i: number, right: Instants, j: number): number {
  return left.eras[i]! - right.eras[j]! || left.offsets[i]! - right.offsets[j]!;
}

export function areEqual(left: Instants, right: Instants): boolean {
  if (left === right) return true;
  const count = left.eras.length;
  if (right.eras.length !== count) return false;
  for (let i = 0; i < count; i++) {
    if (left.offsets[i] !== right.offsets[i] || left.eras[i] !== right.eras[i]) return false;
  }
  return true;
}

/** Nanoseconds from one time of a column to another; exact below 2^53. */
export function nsBetween(times: Instants, from: number, to: number): number {
  return (times.eras[to]! - times.eras[from]!) * ERA_NS +
    (times.offsets[to]! - times.offsets[from]!);
}

export function setInstant(times: Instants, index: number, { era, offset }: Instant): void {
  times.eras[index] = era;
  times.offsets[index] = offset;
}

export function instantAt(times: Instants, index: number): Instant {
  return { era: times.eras[index]!, offset: times.offsets[index]! };
}

/** First index of ascending times that is not before `at`. */
export function lowerBound(times: Instants, at: Instant, from = 0): number {
  const { eras, offsets } = times;
  let low = from;
  let high = eras.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = eras[middle]! - at.era || offsets[middle]! - at.offset;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function gatherInstants(times: Instants, order: Int32Array): Instants {
  const picked = makeInstants(order.length);
  for (let i = 0; i < order.length; i++) {
    picked.eras[i] = times.eras[order[i]!]!;
    picked.offsets[i] = times.offsets[order[i]!]!;
  }
  return picked;
}

export function sliceInstants(times: Instants, from: number, to: number): Instants {
  return { eras: times.eras.subarray(from, to), offsets: times.offsets.subarray(from, to) };
}

export function instantsOf(list: readonly bigint[]): Instants {
  const times = makeInstants(list.length);
  list.forEach((ns, index) => setInstant(times, index, instantOf(ns)));
  return times;
}

/** Times as numbers of ticks after one of them; the last is less than 2^53 nanoseconds after it. */
export function instantsAfter(originNs: bigint, ticks: Float64Array, nsPerTick: number): Instants {
  const times = makeInstants(ticks.length);
  const { era, offset } = instantOf(originNs);
  for (let i = 0; i < ticks.length; i++) {
    const ns = ticks[i]! * nsPerTick;
    const eras = Math.floor(ns / ERA_NS);
    const rest = ns - eras * ERA_NS + offset;
    times.eras[i] = era + eras + (rest < ERA_NS ? 0 : 1);
    times.offsets[i] = rest < ERA_NS ? rest : rest - ERA_NS;
  }
  return times;
}
