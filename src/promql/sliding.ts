/**
 * Sums and extremes of windows that overlap much, in a constant number of operations a sample instead of one a sample and
 * window.
 *
 * Each window is cut at an index that moves only when the window has left it behind: what lies before the cut is
 * answered by totals from each index up to the cut, computed once, what lies behind it by one running total. Nothing is
 * ever subtracted, so sums lose no more than compensated summation does, and NaN and infinities leave with their samples.
 */
import type { Windows } from "./windows.ts";

/** Windows hold, all together, so many times the points of the series: then sliding pays. */
const OVERLAP_MIN = 16;

/** Whether the windows overlap so much that functions should slide rather than look at each by itself. */
export function overlapsMuch({ from, inside }: Windows, count: number): boolean {
  return inside > OVERLAP_MIN * (count + from.length);
}

/** Finds the sum of each window that holds a sample. Infinite sums come without compensation. */
export function slideSums(
  values: Float64Array,
  { from, to }: Windows,
  emit: (step: number, sum: number, lost: number) => void,
): void {
  const sums = new Float64Array(to[to.length - 1]! + 1);
  const losses = new Float64Array(sums.length);
  let cut = 0;
  let next = 0;
  let sum = 0;
  let lost = 0;
  for (let step = 0; step < from.length; step++) {
    const first = from[step]!;
    const past = to[step]!;
    if (first >= past) continue;
    if (first >= cut) {
      cut = past;
      next = past;
      sum = 0;
      lost = 0;
      sums[past] = 0;
      losses[past] = 0;
      for (let at = past - 1; at >= first; at--) {
        const value = values[at]!;
        const before = sums[at + 1]!;
        sums[at] = before + value;
        losses[at] = losses[at + 1]! + lostBy(before, value);
      }
    }
    for (; next < past; next++) {
      const value = values[next]!;
      lost += lostBy(sum, value);
      sum += value;
    }
    const older = sums[first]!;
    emit(step, older + sum, losses[first]! + lost + lostBy(older, sum));
  }
}

/** What adding two numbers loses. */
function lostBy(left: number, right: number): number {
  const sum = left + right;
  return Math.abs(left) >= Math.abs(right) ? left - sum + right : right - sum + left;
}

/** Finds the smallest or largest value of each window that holds a sample; NaN only where all are. */
export function slideExtremes(
  values: Float64Array,
  { from, to }: Windows,
  pick: (left: number, right: number) => number,
  emit: (step: number, value: number) => void,
): void {
  const older = new Float64Array(to[to.length - 1]! + 1);
  let cut = 0;
  let next = 0;
  let running = NaN;
  for (let step = 0; step < from.length; step++) {
    const first = from[step]!;
    const past = to[step]!;
    if (first >= past) continue;
    if (first >= cut) {
      cut = past;
      next = past;
      running = NaN;
      older[past] = NaN;
      for (let at = past - 1; at >= first; at--) older[at] = pick(values[at]!, older[at + 1]!);
    }
    for (; next < past; next++) running = pick(running, values[next]!);
    emit(step, pick(older[first]!, running));
  }
}

export function smaller(left: number, right: number): number {
  return left <= right || right !== right ? left : right;
}

export function larger(left: number, right: number): number {
  return left >= right || right !== right ? left : right;
}
