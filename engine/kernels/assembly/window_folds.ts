/**
 * Sums, least and greatest values of windows over doubles that are small whole numbers (doubles.ts, SMALL_WHOLES): for
 * these the order of adding and comparing makes no difference.
 */
import { alloc, TAG_SCRATCH } from "./memory";

/** Windows that are folded at a time. */
export const WINDOWS_MAX: u32 = 512;
export const FOLD_SUM: u32 = 0;
export const FOLD_LEAST: u32 = 1;
export const FOLD_GREATEST: u32 = 2;

/** First value of each window and the one behind its last (u32 each), and what they come to (f64 each). */
export let windowFrom: usize = 0;
export let windowTo: usize = 0;
export let windowFolds: usize = 0;

export function initWindowFolds(): void {
  windowFolds = alloc(WINDOWS_MAX * 16, TAG_SCRATCH);
  windowFrom = windowFolds + WINDOWS_MAX * 8;
  windowTo = windowFrom + WINDOWS_MAX * 4;
}

function sumOf(at: usize, end: usize): f64 {
  let a = f64x2.splat(0);
  let b = a, c = a, d = a;
  for (; at + 64 <= end; at += 64) {
    a = f64x2.add(a, v128.load(at));
    b = f64x2.add(b, v128.load(at, 16));
    c = f64x2.add(c, v128.load(at, 32));
    d = f64x2.add(d, v128.load(at, 48));
  }
  a = f64x2.add(f64x2.add(a, b), f64x2.add(c, d));
  let sum = f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1);
  for (; at < end; at += 8) sum += load<f64>(at);
  return sum;
}

function leastOf(at: usize, end: usize): f64 {
  let a = f64x2.splat(load<f64>(at));
  let b = a;
  for (; at + 32 <= end; at += 32) {
    a = f64x2.pmin(a, v128.load(at));
    b = f64x2.pmin(b, v128.load(at, 16));
  }
  a = f64x2.pmin(a, b);
  let least = min<f64>(f64x2.extract_lane(a, 0), f64x2.extract_lane(a, 1));
  for (; at < end; at += 8) least = min<f64>(least, load<f64>(at));
  return least;
}

function greatestOf(at: usize, end: usize): f64 {
  let a = f64x2.splat(load<f64>(at));
  let b = a;
  for (; at + 32 <= end; at += 32) {
    a = f64x2.pmax(a, v128.load(at));
    b = f64x2.pmax(b, v128.load(at, 16));
  }
  a = f64x2.pmax(a, b);
  let greatest = max<f64>(f64x2.extract_lane(a, 0), f64x2.extract_lane(a, 1));
  for (; at < end; at += 8) greatest = max<f64>(greatest, load<f64>(at));
  return greatest;
}

/** Folds `count` windows; what is there for an empty one is undefined. */
export function foldWindows(operation: u32, values: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const from = values + (<usize> load<u32>(windowFrom + (i << 2)) << 3);
    const to = values + (<usize> load<u32>(windowTo + (i << 2)) << 3);
    if (from >= to) continue;
    const fold = operation == FOLD_SUM
      ? sumOf(from, to)
      : operation == FOLD_LEAST
      ? leastOf(from, to)
      : greatestOf(from, to);
    store<f64>(windowFolds + (i << 3), fold);
  }
}
