/**
 * Count, sum, least and greatest value of points, without handing the points out: chunks are decoded to scratch and added
 * up in the vector unit; times are only looked at where a chunk reaches beyond the bounds.
 *
 * Values count as the nearest doubles; NaN counts as nothing. Numbers are added in no particular order; whole numbers below
 * 2^51 in size are added as integers, chunk by chunk, so that sums below 2^53 are exact.
 *
 * Invariant: totals are those of all calls since `totalsBegin`.
 */
import { countBits } from "./bitmaps";
import { FAMILY_F64, FAMILY_U64, SPARSE } from "./chunk_format";
import {
  findColumn,
  foundColumnFamily,
  getValues,
  headRows,
  openChunk,
  openFoundColumn,
  openTimesWindow,
  rowBitmap,
} from "./chunk_reader";
import { decodeTimeRange, rangeFrom, rangeTo } from "./times";
import { isDamaged } from "./varints";

/** Whole numbers below this in size are added as integers: those of a chunk fit into 64 bits. */
const HALF_RANGE: i64 = 1 << 51;
/** Rows that are added at once. */
const PART_ROWS: u32 = 4096;

export let totalCount: f64 = 0;
export let totalSum: f64 = 0;
export let totalLeast: f64 = Infinity;
export let totalGreatest: f64 = -Infinity;

export function totalsBegin(): void {
  totalCount = 0;
  totalSum = 0;
  totalLeast = Infinity;
  totalGreatest = -Infinity;
}

/**
 * Adds the points of one slot of a chunk with first <= t <= last; `isWhole` says that all of the chunk lies there. `times`
 * and `bits` are scratch for all rows. False when the chunk is damaged.
 */
export function totalColumn(
  chunk: usize,
  bytes: u32,
  slot: u32,
  first: i64,
  last: i64,
  isWhole: bool,
  times: usize,
  bits: usize,
): bool {
  if (!openChunk(chunk, bytes) || !findColumn(slot, true)) return false;
  const family = foundColumnFamily();
  if (family == 0) return true;
  let from: u32 = 0;
  let to = headRows;
  if (!isWhole) {
    openTimesWindow();
    decodeTimeRange(headRows, first, last, times);
    if (isDamaged()) return false;
    from = rangeFrom;
    to = rangeTo;
    if (from == to) return true;
  }
  const rows = headRows;
  if (!openFoundColumn()) return false;
  let count = rows;
  if ((family & SPARSE) != 0) {
    const before = countBits(rowBitmap, 0, from);
    const inside = countBits(rowBitmap, from, to);
    count = before + inside + countBits(rowBitmap, to, rows);
    if (count == 0) return false;
    from = before;
    to = before + inside;
    if (inside == 0) return true;
  }
  getValues(count, from, to, bits);
  if (isDamaged()) return false;
  totalRun(bits, to - from, family & 7);
  return true;
}

/** Adds `count` values of a family that is a number or a bool. */
export function totalRun(bits: usize, count: u32, family: u32): void {
  for (let done: u32 = 0; done < count; done += PART_ROWS) {
    const part = min<u32>(PART_ROWS, count - done);
    const at = bits + <usize> done * 8;
    if (family == FAMILY_F64) totalFloats(at, part);
    else totalIntegers(at, part, family);
  }
}

function totalFloats(at: usize, count: u32): void {
  const pairsEnd = at + <usize> (count & ~1) * 8;
  const quadsEnd = at + <usize> (count & ~3) * 8;
  const end = at + <usize> count * 8;
  let sum = f64x2.splat(0);
  let sum2 = f64x2.splat(0);
  let least = f64x2.splat(Infinity);
  let least2 = f64x2.splat(Infinity);
  let greatest = f64x2.splat(-Infinity);
  let greatest2 = f64x2.splat(-Infinity);
  let present = i64x2.splat(0);
  let present2 = i64x2.splat(0);
  for (; at < quadsEnd; at += 32) {
    const x = v128.load(at);
    const y = v128.load(at, 16);
    const isX = f64x2.eq(x, x);
    const isY = f64x2.eq(y, y);
    sum = f64x2.add(sum, v128.and(x, isX));
    sum2 = f64x2.add(sum2, v128.and(y, isY));
    present = i64x2.sub(present, isX);
    present2 = i64x2.sub(present2, isY);
    // Where the second one is NaN the first one stays.
    least = f64x2.pmin(least, x);
    least2 = f64x2.pmin(least2, y);
    greatest = f64x2.pmax(greatest, x);
    greatest2 = f64x2.pmax(greatest2, y);
  }
  for (; at < pairsEnd; at += 16) {
    const x = v128.load(at);
    const isX = f64x2.eq(x, x);
    sum = f64x2.add(sum, v128.and(x, isX));
    present = i64x2.sub(present, isX);
    least = f64x2.pmin(least, x);
    greatest = f64x2.pmax(greatest, x);
  }
  sum = f64x2.add(sum, sum2);
  least = f64x2.pmin(least, least2);
  greatest = f64x2.pmax(greatest, greatest2);
  present = i64x2.add(present, present2);
  totalCount += <f64> (i64x2.extract_lane(present, 0) + i64x2.extract_lane(present, 1));
  totalSum += f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
  takeBounds(f64x2.extract_lane(least, 0), f64x2.extract_lane(greatest, 0));
  takeBounds(f64x2.extract_lane(least, 1), f64x2.extract_lane(greatest, 1));
  if (at == end) return;
  const value = load<f64>(at);
  if (value != value) return;
  totalCount += 1;
  totalSum += value;
  takeBounds(value, value);
}

function takeBounds(least: f64, greatest: f64): void {
  if (least < totalLeast) totalLeast = least;
  if (greatest > totalGreatest) totalGreatest = greatest;
}

function totalIntegers(bits: usize, count: u32, family: u32): void {
  const pairsEnd = bits + <usize> (count & ~1) * 8;
  let at = bits;
  let sums = i64x2.splat(0);
  let least = i64x2.splat(load<i64>(bits));
  let greatest = least;
  for (; at < pairsEnd; at += 16) {
    const x = v128.load(at);
    sums = i64x2.add(sums, x);
    least = v128.bitselect(x, least, i64x2.lt_s(x, least));
    greatest = v128.bitselect(x, greatest, i64x2.gt_s(x, greatest));
  }
  let sum = i64x2.extract_lane(sums, 0) + i64x2.extract_lane(sums, 1);
  let low = min<i64>(i64x2.extract_lane(least, 0), i64x2.extract_lane(least, 1));
  let high = max<i64>(i64x2.extract_lane(greatest, 0), i64x2.extract_lane(greatest, 1));
  if ((count & 1) != 0) {
    const value = load<i64>(at);
    sum += value;
    low = min<i64>(low, value);
    high = max<i64>(high, value);
  }
  // As an i64 a large u64 is negative.
  if (high >= HALF_RANGE || low <= (family == FAMILY_U64 ? -1 : -HALF_RANGE)) {
    totalLarge(bits, count, family);
    return;
  }
  totalCount += <f64> count;
  totalSum += <f64> sum;
  takeBounds(<f64> low, <f64> high);
}

function totalLarge(bits: usize, count: u32, family: u32): void {
  const end = bits + <usize> count * 8;
  for (let at = bits; at < end; at += 8) {
    const value = family == FAMILY_U64 ? <f64> load<u64>(at) : <f64> load<i64>(at);
    totalSum += value;
    takeBounds(value, value);
  }
  totalCount += <f64> count;
}
