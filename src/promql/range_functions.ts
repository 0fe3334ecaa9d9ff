/** Functions over range vectors by name. */
import {
  avgOverTime,
  countOverTime,
  firstOverTime,
  lastOverTime,
  madOverTime,
  maxOverTime,
  minOverTime,
  presentOverTime,
  quantileOverTime,
  stddevOverTime,
  stdvarOverTime,
  sumOverTime,
  timeOfFirst,
  timeOfLast,
  timeOfMax,
  timeOfMin,
} from "./over_time.ts";
import type { RangeFunction } from "./range_call.ts";
import { changes, delta, idelta, increase, irate, rate, resets } from "./rate_functions.ts";
import { deriv, doubleExponentialSmoothing, predictLinear } from "./regression.ts";

const RANGE_FUNCTIONS: Readonly<Record<string, RangeFunction>> = {
  avg_over_time: avgOverTime,
  changes,
  count_over_time: countOverTime,
  delta,
  deriv,
  double_exponential_smoothing: doubleExponentialSmoothing,
  first_over_time: firstOverTime,
  idelta,
  increase,
  irate,
  last_over_time: lastOverTime,
  mad_over_time: madOverTime,
  max_over_time: maxOverTime,
  min_over_time: minOverTime,
  predict_linear: predictLinear,
  present_over_time: presentOverTime,
  quantile_over_time: quantileOverTime,
  rate,
  resets,
  stddev_over_time: stddevOverTime,
  stdvar_over_time: stdvarOverTime,
  sum_over_time: sumOverTime,
  ts_of_first_over_time: timeOfFirst,
  ts_of_last_over_time: timeOfLast,
  ts_of_max_over_time: timeOfMax,
  ts_of_min_over_time: timeOfMin,
};

/** The function of that name over windows; undefined if there is none. */
export function rangeFunction(name: string): RangeFunction | undefined {
  return Object.hasOwn(RANGE_FUNCTIONS, name) ? RANGE_FUNCTIONS[name] : undefined;
}

/** Functions that know windows whose borders are extended, by modifier, in the order of messages. */
export const EXTENDED_FUNCTIONS: Readonly<Record<"anchored" | "smoothed", readonly string[]>> = {
  anchored: ["changes", "delta", "increase", "rate", "resets"],
  smoothed: ["delta", "increase", "rate"],
};

/** Functions whose samples keep the name of the metric. */
export const KEEPS_NAME: ReadonlySet<string> = new Set(["first_over_time", "last_over_time"]);
