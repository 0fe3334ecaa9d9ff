/**
 * Totals: count, sum, least and greatest value of one series without its points being handed out. Chunks are decoded to
 * scratch and added up there; times stay unread where all of a chunk lies within the bounds.
 *
 * The sum is that of adding value by value in order of time, rounding after each: what a loop over the points gives, to the
 * last bit. Where all values so far are whole and the sums cannot leave the whole numbers that doubles tell apart, the order
 * makes no difference, and lanes are added instead. NaN is no value here: it counts as a point only.
 *
 *   state at totalsState
 *     0  u32  points, NaN included        4  u32  values
 *     8  f64  sum                         16 f64  least      24 f64  greatest; -0 is below 0
 *     32 i64  time of the first point     40 i64  time of the last point
 *     48 u32  1 when the first time is known: a whole column that every row has a value of leaves its times unread
 *     52 u32  the same of the last time
 *
 * Invariants
 * - Columns come in order of time and do not overlap; totalsBegin comes first.
 */
import { alloc, TAG_SCRATCH } from "./memory";
import { countBits, hasBit } from "./bitmaps";
import { SPARSE } from "./chunk_format";
import {
  BY_SLOT,
  findColumn,
  foundColumnFamily,
  getDoubles,
  headRows,
  openChunk,
  openFoundColumn,
  openTimesWindow,
  rowBitmap,
} from "./chunk_reader";
import { bitsToDoubles } from "./doubles";
import { findTimeRange, rangeFrom, rangeTo, regularTime } from "./times";
import { isDamaged } from "./varints";

const STATE_BYTES: u32 = 56;
const COUNT: usize = 4;
const SUM: usize = 8;
const LEAST: usize = 16;
const GREATEST: usize = 24;
const FIRST_TIME: usize = 32;
const LAST_TIME: usize = 40;
const FIRST_KNOWN: usize = 48;
const LAST_KNOWN: usize = 52;

/** Whole numbers up to this size are all doubles. */
const WHOLE_MAX: f64 = 9007199254740992;
/** Added to and taken from a double of at most MAGIC_MAX, leaves it as it is only when it is whole and not -0. */
const MAGIC: f64 = 6755399441055744;
const MAGIC_MAX: f64 = 2251799813685248;

export let totalsState: usize = 0;
// Room for a chunk's times, then for its values.
let room: usize = 0;
// What has been added is whole, and no more than this in size.
let isWholeSum: bool = true;
let wholeBound: f64 = 0;
let firstBound: i64 = 0;
let lastBound: i64 = 0;

/** `scratch` holds 8 bytes a row of the largest chunk and is not used between calls. */
export function initTotals(scratch: usize): void {
  room = scratch;
  totalsState = alloc(STATE_BYTES, TAG_SCRATCH);
}

/** Begins the totals of points with first <= t <= last. */
export function totalsBegin(first: i64, last: i64): void {
  firstBound = first;
  lastBound = last;
  isWholeSum = true;
  wholeBound = 0;
  memory.fill(totalsState, 0, STATE_BYTES);
  store<f64>(totalsState, f64.POSITIVE_INFINITY, LEAST);
  store<f64>(totalsState, f64.NEGATIVE_INFINITY, GREATEST);
}

function putTimes(first: i64, last: i64): void {
  if (load<u32>(totalsState) == 0) {
    store<i64>(totalsState, first, FIRST_TIME);
    store<u32>(totalsState, 1, FIRST_KNOWN);
  }
  store<i64>(totalsState, last, LAST_TIME);
  store<u32>(totalsState, 1, LAST_KNOWN);
}

/** Adds value by value; some may be NaN. */
function addEach(values: usize, count: u32): void {
  let sum = load<f64>(totalsState, SUM);
  let least = load<f64>(totalsState, LEAST);
  let greatest = load<f64>(totalsState, GREATEST);
  let added: u32 = 0;
  const end = values + <usize> count * 8;
  for (let at = values; at < end; at += 8) {
    const value = load<f64>(at);
    if (value != value) continue;
    added++;
    sum += value;
    least = min<f64>(least, value);
    greatest = max<f64>(greatest, value);
  }
  isWholeSum = false;
  store<u32>(totalsState, load<u32>(totalsState, COUNT) + added, COUNT);
  store<f64>(totalsState, sum, SUM);
  store<f64>(totalsState, least, LEAST);
  store<f64>(totalsState, greatest, GREATEST);
}

/** Adds value by value, in order; none is NaN. */
function sumInOrder(values: usize, count: u32, sum: f64): f64 {
  const end = values + <usize> count * 8;
  const foursEnd = values + <usize> (count & ~3) * 8;
  let at = values;
  for (; at < foursEnd; at += 32) {
    sum += load<f64>(at);
    sum += load<f64>(at, 8);
    sum += load<f64>(at, 16);
    sum += load<f64>(at, 24);
  }
  for (; at < end; at += 8) sum += load<f64>(at);
  return sum;
}

function hasNegativeZero(values: usize, count: u32): bool {
  const wanted = i64x2.splat(i64.MIN_VALUE);
  let found = i64x2.splat(0);
  const pairsEnd = values + <usize> (count & ~1) * 8;
  for (let at = values; at < pairsEnd; at += 16) {
    found = v128.or(found, i64x2.eq(v128.load(at), wanted));
  }
  return v128.any_true(found) || ((count & 1) != 0 && load<i64>(pairsEnd) == i64.MIN_VALUE);
}

/** Adds doubles: one look at them all, eight at a time, tells which way they can be added. */
function addDoubles(values: usize, count: u32): void {
  const magic = f64x2.splat(MAGIC);
  let sumA = f64x2.splat(0), sumB = sumA, sumC = sumA, sumD = sumA;
  let least = f64x2.splat(load<f64>(values));
  let greatest = least;
  let same = i64x2.splat(-1);
  const end = values + <usize> count * 8;
  const eightsEnd = values + <usize> (count & ~7) * 8;
  let at = values;
  for (; at < eightsEnd; at += 64) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    sumA = f64x2.add(sumA, a);
    sumB = f64x2.add(sumB, b);
    sumC = f64x2.add(sumC, c);
    sumD = f64x2.add(sumD, d);
    least = f64x2.pmin(least, f64x2.pmin(f64x2.pmin(a, b), f64x2.pmin(c, d)));
    greatest = f64x2.pmax(greatest, f64x2.pmax(f64x2.pmax(a, b), f64x2.pmax(c, d)));
    const sameAB = v128.and(
      i64x2.eq(f64x2.sub(f64x2.add(a, magic), magic), a),
      i64x2.eq(f64x2.sub(f64x2.add(b, magic), magic), b),
    );
    const sameCD = v128.and(
      i64x2.eq(f64x2.sub(f64x2.add(c, magic), magic), c),
      i64x2.eq(f64x2.sub(f64x2.add(d, magic), magic), d),
    );
    same = v128.and(same, v128.and(sameAB, sameCD));
  }
  const sums = f64x2.add(f64x2.add(sumA, sumB), f64x2.add(sumC, sumD));
  let sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
  let low = min<f64>(f64x2.extract_lane(least, 0), f64x2.extract_lane(least, 1));
  let high = max<f64>(f64x2.extract_lane(greatest, 0), f64x2.extract_lane(greatest, 1));
  let isWhole = i64x2.all_true(same);
  for (; at < end; at += 8) {
    const value = load<f64>(at);
    sum += value;
    low = min<f64>(low, value);
    high = max<f64>(high, value);
    if (reinterpret<u64>(value + MAGIC - MAGIC) != reinterpret<u64>(value)) isWhole = false;
  }
  // A sum that is NaN comes of a NaN, or of both infinities; -0 hides beside 0.
  if (sum != sum || (!isWhole && (low == 0 || high == 0) && hasNegativeZero(values, count))) {
    addEach(values, count);
    return;
  }
  const size = max<f64>(abs<f64>(low), abs<f64>(high));
  wholeBound += size * count;
  if (!isWhole || size > MAGIC_MAX || !(wholeBound <= WHOLE_MAX)) isWholeSum = false;
  const before = load<f64>(totalsState, SUM);
  store<f64>(totalsState, isWholeSum ? before + sum : sumInOrder(values, count, before), SUM);
  store<f64>(totalsState, min<f64>(load<f64>(totalsState, LEAST), low), LEAST);
  store<f64>(totalsState, max<f64>(load<f64>(totalsState, GREATEST), high), GREATEST);
  store<u32>(totalsState, load<u32>(totalsState, COUNT) + count, COUNT);
}

/** Adds the values of points whose times have been put. */
function addValues(values: usize, count: u32): void {
  store<u32>(totalsState, load<u32>(totalsState) + count);
  addDoubles(values, count);
}

/** Adds a run of points (times i64, bits u64), all within the bounds; spoils the bits. */
export function totalRun(times: usize, bits: usize, count: u32, family: u32): void {
  if (count == 0) return;
  putTimes(load<i64>(times), load<i64>(times + <usize> (count - 1) * 8));
  bitsToDoubles(bits, count, family);
  addValues(bits, count);
}

let isRegularColumn: bool = false;

/** Time of a row of the range that findTimeRange found. */
function timeOf(row: u32): i64 {
  return isRegularColumn ? regularTime(row) : load<i64>(room + <usize> (row - rangeFrom) * 8);
}

/**
 * Adds a column of a chunk, of a numeric family; with `isWhole` the caller knows that all its times are within the bounds.
 * Returns its points, 0 when the slot is not there, -1 when damaged.
 */
export function totalColumn(chunk: usize, bytes: u32, slot: u32, isWhole: bool): i32 {
  if (!openChunk(chunk, bytes) || !findColumn(slot, BY_SLOT)) return -1;
  const found = foundColumnFamily();
  if (found == 0) return 0;
  const rows = headRows;
  const isSparse = (found & SPARSE) != 0;
  let from: u32 = 0;
  let to = rows;
  if (isSparse || !isWhole) {
    openTimesWindow();
    isRegularColumn = findTimeRange(rows, firstBound, lastBound, room);
    if (isDamaged()) return -1;
    from = rangeFrom;
    to = rangeTo;
    if (from == to) return 0;
  }
  if (!openFoundColumn()) return -1;
  let count = rows;
  if (isSparse) {
    const before = countBits(rowBitmap, 0, from);
    const inside = countBits(rowBitmap, from, to);
    count = before + inside + countBits(rowBitmap, to, rows);
    if (count == 0) return -1;
    if (inside == 0) return 0;
    let first = from;
    while (!hasBit(rowBitmap, first)) first++;
    let last = to - 1;
    while (!hasBit(rowBitmap, last)) last--;
    putTimes(timeOf(first), timeOf(last));
    from = before;
    to = before + inside;
  } else if (!isWhole) putTimes(timeOf(from), timeOf(to - 1));
  else store<u32>(totalsState, 0, LAST_KNOWN);
  getDoubles(count, from, to, room);
  if (isDamaged()) return -1;
  addValues(room, to - from);
  return <i32> (to - from);
}
