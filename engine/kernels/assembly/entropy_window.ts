/**
 * Choosing how numbers are split for the entropy body: numbers or differences, the range that symbols cover, and how many low
 * bits are packed beside them. Counts numbers in bins and estimates the bits of each choice.
 */
import { alloc, TAG_SCRATCH } from "./memory";
import { bitsFor, varintBytes } from "./varints";

const BINS_MAX: u32 = 4096;
const SYMBOLS_MAX: u32 = 64;
const LOW_BITS_MAX: u32 = 57;
/** Times that the range is narrowed before giving up. */
const ROUNDS_MAX: u32 = 6;
/** Columns below this take half as many symbols: the lengths of their words weigh more. */
const ROWS_LONG: u32 = 4096;

/** Symbols' counts (u32), the escape's behind them. */
export let counts: usize = 0;
/** The choice. */
export let windowIsDelta: bool = false;
export let windowLow: i64 = 0;
/** Numbers of windowLow to windowLow + windowRange have symbols. */
export let windowRange: u64 = 0;
export let windowBits: u32 = 0;
export let windowSymbols: u32 = 0;
export let windowEscapes: u32 = 0;

let windowCost: f64 = 0;
let bins: usize = 0;
let tried: usize = 0;

export function initWindows(): void {
  bins = alloc(BINS_MAX * 4, TAG_SCRATCH);
  counts = alloc((SYMBOLS_MAX + 1) * 4, TAG_SCRATCH);
  tried = alloc((SYMBOLS_MAX + 1) * 4, TAG_SCRATCH);
}

/** Logarithm to base 2 of x >= 1, to two digits. */
function log2(x: f64): f64 {
  const bits = reinterpret<u64>(x);
  const fraction = reinterpret<f64>((bits & 0xfffffffffffff) | 0x3ff0000000000000) - 1;
  return <f64> (<i32> (bits >> 52) - 1023) + fraction * (1.3465 - 0.3465 * fraction);
}

/** Counts numbers of [low, low + (BINS_MAX << shift)) in bins up to `most`; returns how many lie outside. */
function fillBins(
  numbers: usize,
  count: u32,
  isDelta: bool,
  low: i64,
  range: u64,
  shift: u32,
): u32 {
  memory.fill(bins, 0, ((<u32> (range >> shift)) + 1) * 4);
  let outside: u32 = 0;
  let before = load<i64>(numbers);
  for (let i: u32 = isDelta ? 1 : 0; i < count; i++) {
    const number = load<i64>(numbers + i * 8);
    const distance = <u64> ((isDelta ? number - before : number) - low);
    before = number;
    if (distance > range) {
      outside++;
      continue;
    }
    const bin = bins + (<u32> (distance >> shift) << 2);
    store<u32>(bin, load<u32>(bin) + 1);
  }
  return outside;
}

/** Rates the bins from <= b <= to as window, with `escapes` numbers outside; keeps it when it is the best so far. */
function rate(
  isDelta: bool,
  low: i64,
  range: u64,
  shift: u32,
  from: u32,
  to: u32,
  escapes: u32,
  total: u32,
  escapeBits: u32,
): void {
  const spanBits = bitsFor(to - from);
  const symbolBits: u32 = total >= ROWS_LONG ? 6 : 5;
  const merge = spanBits > symbolBits ? spanBits - symbolBits : 0;
  const used = (to - from >> merge) + 1;
  if (shift + merge > LOW_BITS_MAX) return;
  memory.fill(tried, 0, used * 4);
  for (let b = from; b <= to; b++) {
    const symbol = tried + (b - from >> merge) * 4;
    store<u32>(symbol, load<u32>(symbol) + load<u32>(bins + b * 4));
  }
  store<u32>(tried + used * 4, escapes);
  let cost = <f64> (escapes * escapeBits + (total - escapes) * (shift + merge) + used * 4);
  const logTotal = log2(total);
  for (let s: u32 = 0; s <= used; s++) {
    const c = <f64> load<u32>(tried + s * 4);
    if (c > 0) cost += c * (logTotal - log2(c));
  }
  if (cost >= windowCost) return;
  windowCost = cost;
  windowIsDelta = isDelta;
  windowLow = low + <i64> (<u64> from << shift);
  windowRange = min<u64>(
    (<u64> (to - from + 1) << shift) - 1,
    range - (<u64> from << shift),
  );
  windowBits = shift + merge;
  windowSymbols = used;
  windowEscapes = escapes;
  memory.copy(counts, tried, (used + 1) * 4);
}

let cutFrom: u32 = 0;
let cutTo: u32 = 0;
let cutCount: u32 = 0;

/** Leaves out bins at both ends that hold at most `allowed` numbers each. */
function cutBins(last: u32, allowed: u32): void {
  cutFrom = 0;
  cutTo = last;
  cutCount = 0;
  let cut: u32 = 0;
  while (cutFrom < cutTo && cut + load<u32>(bins + cutFrom * 4) <= allowed) {
    cut += load<u32>(bins + cutFrom * 4);
    cutFrom++;
  }
  cutCount = cut;
  cut = 0;
  while (cutTo > cutFrom && cut + load<u32>(bins + cutTo * 4) <= allowed) {
    cut += load<u32>(bins + cutTo * 4);
    cutTo--;
  }
  cutCount += cut;
}

/** Tries windows for numbers or differences of low to high, from the whole range down to where most of them are. */
function tryWindows(numbers: usize, count: u32, isDelta: bool, low: i64, high: i64): void {
  const total = count - (isDelta ? 1 : 0);
  const binBits: u32 = total >= ROWS_LONG ? 12 : 9;
  const escapeBits = 8 * varintBytes(<u64> (high - low) >> 1);
  for (let round: u32 = 0; round < ROUNDS_MAX; round++) {
    const range = <u64> (high - low);
    const rangeBits = bitsFor(range);
    const shift = rangeBits > binBits ? rangeBits - binBits : 0;
    const outside = fillBins(numbers, count, isDelta, low, range, shift);
    const last = <u32> (range >> shift);
    rate(isDelta, low, range, shift, 0, last, outside, total, escapeBits);
    cutBins(last, total >> 8);
    if (cutTo - cutFrom == last) cutBins(last, total >> 5);
    if (cutTo - cutFrom == last) break;
    rate(isDelta, low, range, shift, cutFrom, cutTo, outside + cutCount, total, escapeBits);
    if (cutTo - cutFrom > last >> 2) {
      cutBins(last, total >> 5);
      rate(isDelta, low, range, shift, cutFrom, cutTo, outside + cutCount, total, escapeBits);
    }
    // Bins are fine enough, or as fine as can be, or the numbers fill their range.
    if (shift == 0 || cutTo - cutFrom >= SYMBOLS_MAX || cutTo - cutFrom > last >> 1) break;
    high = min<i64>(high, low + <i64> ((<u64> (cutTo + 1) << shift) - 1));
    low += <i64> (<u64> cutFrom << shift);
  }
}

/** Chooses for `count` numbers. False when nothing fits. */
export function findWindow(numbers: usize, count: u32): bool {
  windowCost = Infinity;
  let before = load<i64>(numbers);
  let low = before;
  let high = before;
  let deltaLow: i64 = i64.MAX_VALUE;
  let deltaHigh: i64 = i64.MIN_VALUE;
  for (let i: u32 = 1; i < count; i++) {
    const number = load<i64>(numbers + i * 8);
    const delta = number - before;
    before = number;
    low = min<i64>(low, number);
    high = max<i64>(high, number);
    deltaLow = min<i64>(deltaLow, delta);
    deltaHigh = max<i64>(deltaHigh, delta);
  }
  tryWindows(numbers, count, true, deltaLow, deltaHigh);
  tryWindows(numbers, count, false, low, high);
  return windowCost != Infinity;
}
