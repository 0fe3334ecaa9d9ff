/**
 * The timestamp column of a chunk.
 *
 *   1 byte   kind: bits 0-3 p, a power of ten that divides what follows; bit 4 that the times are irregular, then bits
 *            5-7 as in numbers.ts
 *   signed   first time / 10^p
 *   varint   with 2 rows or more: step / 10^p; irregular: greatest common divisor of all steps / 10^p
 *   varint   irregular: slope
 *   ...      irregular: numbers.ts: r[i] = (time[i] - first) / step - slope * i
 *
 * With a slope of about the mean step, r is the jitter where times keep to a grid, and its differences are those of the
 * steps where they do not; the runs' own choice of differences or not covers both. Arithmetic wraps at 64 bits: the whole
 * i64 range is legal.
 */
import { stepsToMs, timesToMs } from "./doubles";
import { decodeNumbers, encodeNumbers } from "./numbers";
import { AS_INTEGERS } from "./runs";
import {
  getByte,
  getSigned,
  getVarint,
  greatestDivisor,
  isDamaged,
  markDamaged,
  putSigned,
  putVarint,
} from "./varints";

const IRREGULAR: u32 = 16;
const POWER_MAX: u32 = 15;

/** Common divisor of all steps; sets isRegular when all are the same. */
let isRegular: bool = false;

function stepOf(times: usize, rows: u32): u64 {
  const first = load<u64>(times, 8) - load<u64>(times);
  let divisor = first;
  let previous = first;
  isRegular = true;
  for (let i: u32 = 2; i < rows; i++) {
    const step = load<u64>(times + i * 8) - load<u64>(times + i * 8 - 8);
    if (step == previous) continue;
    isRegular = false;
    previous = step;
    if (divisor == 1) break;
    const rest = step % divisor;
    if (rest != 0) divisor = greatestDivisor(divisor, rest);
  }
  return divisor;
}

/** Greatest minus least residual for a slope. */
function spanOf(places: usize, rows: u32, slope: u64): u64 {
  let low: i64 = 0;
  let high: i64 = 0;
  let line: u64 = 0;
  for (let i: u32 = 0; i < rows; i++) {
    const residual = <i64> (load<u64>(places + i * 8) - line);
    low = min<i64>(low, residual);
    high = max<i64>(high, residual);
    line += slope;
  }
  return high - low;
}

/** The mean step, rounded to as few digits as keep the residuals smallest: clocks tick in round numbers. */
function slopeOf(places: usize, rows: u32): u64 {
  const last = load<u64>(places + (rows - 1) * 8);
  let slope = last / (rows - 1);
  let span = spanOf(places, rows, slope);
  let unit: u64 = 10;
  while (unit <= slope >> 1) {
    const rounded = (slope + unit / 2) / unit * unit;
    // A slope this far off leaves more than the residuals have now.
    const off = rounded > slope ? rounded - slope : slope - rounded;
    if (off > span / (rows - 1) + 1) break;
    const roundedSpan = spanOf(places, rows, rounded);
    if (roundedSpan <= span) {
      slope = rounded;
      span = roundedSpan;
    }
    unit *= 10;
  }
  return slope;
}

/** Encodes `rows` ascending times with `numbers` as scratch; returns the address behind the column. */
export function encodeTimes(
  times: usize,
  rows: u32,
  numbers: usize,
  at: usize,
  effort: u32,
): usize {
  const kind = at;
  const first = load<i64>(times);
  const step: u64 = rows > 1 ? stepOf(times, rows) : 0;
  let power: u32 = 0;
  let unit: u64 = 1;
  while (power < POWER_MAX && first % <i64> (unit * 10) == 0 && step % (unit * 10) == 0) {
    power++;
    unit *= 10;
  }
  store<u8>(kind, <u8> power);
  at = putSigned(at + 1, first / <i64> unit);
  if (rows == 1) return at;
  at = putVarint(at, step / unit);
  if (isRegular) return at;
  store<u8>(kind, <u8> (power | IRREGULAR));
  for (let i: u32 = 0; i < rows; i++) {
    const distance = load<u64>(times + i * 8) - <u64> first;
    store<u64>(numbers + i * 8, step == 1 ? distance : distance / step);
  }
  const slope = slopeOf(numbers, rows);
  at = putVarint(at, slope);
  let line: u64 = 0;
  for (let i: u32 = 0; i < rows; i++) {
    store<u64>(numbers + i * 8, load<u64>(numbers + i * 8) - line);
    line += slope;
  }
  return encodeNumbers(numbers, rows, kind, at, effort);
}

// ---- Decoding ----

let kindByte: u32 = 0;
let firstTime: i64 = 0;
let timeStep: u64 = 0;

/** Reads the head of the column at the cursor. False when damaged. */
function openTimes(rows: u32): bool {
  kindByte = getByte();
  let unit: i64 = 1;
  for (let i: u32 = kindByte & 15; i > 0; i--) unit *= 10;
  firstTime = getSigned() * unit;
  timeStep = rows > 1 ? getVarint() * <u64> unit : 0;
  if (rows > 1 && timeStep == 0) markDamaged();
  if ((kindByte & IRREGULAR) == 0 && kindByte >> 4 != 0) markDamaged();
  if (rows == 1 && (kindByte & IRREGULAR) != 0) markDamaged();
  return !isDamaged();
}

function regularTimes(from: u32, to: u32, target: usize): void {
  const time = <u64> firstTime + timeStep * from;
  const pairsEnd = target + ((to - from) & ~1) * 8;
  let pair = i64x2.add(i64x2.splat(time), i64x2.replace_lane(i64x2.splat(0), 1, timeStep));
  const rise = i64x2.splat(timeStep * 2);
  for (; target < pairsEnd; target += 16) {
    v128.store(target, pair);
    pair = i64x2.add(pair, rise);
  }
  if (((to - from) & 1) != 0) store<i64>(target, i64x2.extract_lane(pair, 0));
}

function irregularTimes(rows: u32, target: usize): void {
  const slope = getVarint();
  decodeNumbers(kindByte, rows, 0, rows, AS_INTEGERS, 1, target);
  if (isDamaged()) return;
  let line = <u64> firstTime;
  const rise = slope * timeStep;
  if (timeStep == 1) {
    for (let i: u32 = 0; i < rows; i++) {
      store<u64>(target, load<u64>(target) + line);
      target += 8;
      line += rise;
    }
    return;
  }
  for (let i: u32 = 0; i < rows; i++) {
    store<u64>(target, load<u64>(target) * timeStep + line);
    target += 8;
    line += rise;
  }
}

/** Decodes all times of the column at the cursor. Marks the window when damaged. */
export function decodeTimeColumn(rows: u32, target: usize): void {
  if (!openTimes(rows)) return;
  if ((kindByte & IRREGULAR) == 0) regularTimes(0, rows, target);
  else irregularTimes(rows, target);
}

/** Rows that decodeTimeRange found: from, and behind the last one. */
export let rangeFrom: u32 = 0;
export let rangeTo: u32 = 0;

/** The first of `rows` ascending times that is at least `bound`. */
export function lowerBound(times: usize, rows: u32, bound: i64): u32 {
  let low: u32 = 0;
  let high = rows;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<i64>(times + middle * 8) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first row of a regular column whose time is at least `bound`. */
function regularBound(rows: u32, bound: i64): u32 {
  if (bound <= firstTime) return 0;
  const distance = <u64> bound - <u64> firstTime;
  const row = rows == 1 ? 1 : (distance - 1) / timeStep + 1;
  return row >= <u64> rows ? rows : <u32> row;
}

/**
 * Decodes the times with first <= t <= last to `target`, which has room for all rows, and sets rangeFrom and rangeTo.
 * Marks the window when damaged.
 */
export function decodeTimeRange(rows: u32, first: i64, last: i64, target: usize): void {
  if (findTimeRange(rows, first, last, target)) regularTimes(rangeFrom, rangeTo, target);
}

/** The same, as milliseconds of so many ticks. */
export function decodeMsRange(
  rows: u32,
  first: i64,
  last: i64,
  ticksPerMs: f64,
  target: usize,
): void {
  const isRegular = findTimeRange(rows, first, last, target);
  const count = rangeTo - rangeFrom;
  if (isRegular) {
    if (stepsToMs(regularTime(rangeFrom), timeStep, count, ticksPerMs, target)) return;
    regularTimes(rangeFrom, rangeTo, target);
  }
  timesToMs(target, count, ticksPerMs);
}

/** Time of a row of the regular column opened last. */
export function regularTime(row: u32): i64 {
  return <i64> (<u64> firstTime + timeStep * row);
}

/** The same, but that times of a regular column are not written: then true, and regularTime tells them. */
export function findTimeRange(rows: u32, first: i64, last: i64, target: usize): bool {
  rangeFrom = 0;
  rangeTo = 0;
  if (!openTimes(rows) || first > last) return false;
  if ((kindByte & IRREGULAR) == 0) {
    rangeFrom = regularBound(rows, first);
    rangeTo = last == i64.MAX_VALUE ? rows : regularBound(rows, last + 1);
    return true;
  }
  irregularTimes(rows, target);
  if (isDamaged()) return false;
  rangeFrom = lowerBound(target, rows, first);
  rangeTo = last == i64.MAX_VALUE ? rows : lowerBound(target, rows, last + 1);
  if (rangeTo < rangeFrom) rangeTo = rangeFrom;
  if (rangeFrom > 0) memory.copy(target, target + rangeFrom * 8, (rangeTo - rangeFrom) * 8);
  return false;
}
