/** The kernels' totals as an object; their layout is that of engine/kernels/assembly/totals.ts. */
import type { Kernels } from "../kernels/kernels.ts";
import type { TotalTimes } from "./series_reader.ts";
import type { Totals } from "./view.ts";

// Places of the state's doubles (and i64), counted in 8 bytes, and of its words, in 4.
const SUM = 1;
const LEAST = 2;
const GREATEST = 3;
const FIRST_TIME = 4;
const LAST_TIME = 5;
const FIRST_KNOWN = 12;
const LAST_KNOWN = 13;

export const NO_TOTALS: Totals = {
  points: 0,
  count: 0,
  sum: 0,
  least: Infinity,
  greatest: -Infinity,
  firstTime: 0n,
  lastTime: 0n,
};

/** What has been added up; `times` stand in for those that the state does not know. */
export function totalsOf(kernels: Kernels, times: TotalTimes): Totals {
  const { u32, f64, i64 } = kernels;
  const state = kernels.exports.totalsState.value as number;
  const word = state >> 2;
  const double = state >> 3;
  const points = u32[word]!;
  if (points === 0) return NO_TOTALS;
  return {
    points,
    count: u32[word + 1]!,
    sum: f64[double + SUM]!,
    least: f64[double + LEAST]!,
    greatest: f64[double + GREATEST]!,
    firstTime: u32[word + FIRST_KNOWN] === 1 ? i64[double + FIRST_TIME]! : times.first,
    lastTime: u32[word + LAST_KNOWN] === 1 ? i64[double + LAST_TIME]! : times.last,
  };
}
