/** Merging ascending runs of points of one series. */
import { lowerBound } from "./times";

/** Below this many points a loop is faster than a bulk copy. */
const BULK_POINTS: u32 = 16;

function copyPoints(from: usize, to: usize, points: u32): void {
  if (points >= BULK_POINTS) {
    memory.copy(to, from, points * 8);
    return;
  }
  for (let i: u32 = 0; i < points; i++) store<u64>(to + i * 8, load<u64>(from + i * 8));
}

/** The first row behind `start`, whose time is below `bound`, with a time of at least `bound`: looks near first. */
export function endBelow(times: usize, start: u32, count: u32, bound: i64): u32 {
  let low = start;
  let step: u32 = 1;
  while (low + step < count && load<i64>(times + (low + step) * 8) < bound) {
    low += step;
    step <<= 1;
  }
  const high = min<u32>(low + step, count);
  return low + 1 + lowerBound(times + (low + 1) * 8, high - low - 1, bound);
}

/**
 * Merges two ascending runs (times i64, bits u64); at equal times `newer` wins. The targets have room for both and do not
 * overlap the sources. Returns the points.
 */
export function mergeRuns(
  olderTimes: usize,
  olderBits: usize,
  olderCount: u32,
  newerTimes: usize,
  newerBits: usize,
  newerCount: u32,
  times: usize,
  bits: usize,
): u32 {
  let older: u32 = 0;
  let newer: u32 = 0;
  let out: u32 = 0;
  // Whole stretches of one run are copied: most runs overlap little.
  while (older < olderCount && newer < newerCount) {
    const a = load<i64>(olderTimes + older * 8);
    const b = load<i64>(newerTimes + newer * 8);
    if (a < b) {
      const end = endBelow(olderTimes, older, olderCount, b);
      copyPoints(olderTimes + older * 8, times + out * 8, end - older);
      copyPoints(olderBits + older * 8, bits + out * 8, end - older);
      out += end - older;
      older = end;
    } else if (b < a) {
      const end = endBelow(newerTimes, newer, newerCount, a);
      copyPoints(newerTimes + newer * 8, times + out * 8, end - newer);
      copyPoints(newerBits + newer * 8, bits + out * 8, end - newer);
      out += end - newer;
      newer = end;
    } else older++;
  }
  copyPoints(olderTimes + older * 8, times + out * 8, olderCount - older);
  copyPoints(olderBits + older * 8, bits + out * 8, olderCount - older);
  out += olderCount - older;
  copyPoints(newerTimes + newer * 8, times + out * 8, newerCount - newer);
  copyPoints(newerBits + newer * 8, bits + out * 8, newerCount - newer);
  return out + newerCount - newer;
}
