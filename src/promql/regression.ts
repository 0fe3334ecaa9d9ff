/** deriv, predict_linear and double_exponential_smoothing: functions that see a trend in a window. */
import { PromqlError } from "./errors.ts";
import { CompensatedSum } from "./kahan.ts";
import { fixedNumber } from "./number_text.ts";
import { floatsOnly } from "./over_time.ts";
import type { RangeFunction } from "./range_call.ts";
import type { WindowSeries } from "./selector.ts";

interface Line {
  readonly slope: number;
  readonly intercept: number;
}

/** Least squares over the samples `from <= index < to`, x in seconds from `originMs`. */
function fitLine(
  { times, values }: WindowSeries,
  from: number,
  to: number,
  originMs: number,
): Line {
  const sumX = new CompensatedSum();
  const sumY = new CompensatedSum();
  const sumXY = new CompensatedSum();
  const sumX2 = new CompensatedSum();
  const initial = values[from]!;
  let constant = true;
  for (let at = from; at < to; at++) {
    const x = (times[at]! - originMs) / 1000;
    const y = values[at]!;
    if (y !== initial) constant = false;
    sumX.add(x);
    sumY.add(y);
    sumXY.add(x * y);
    sumX2.add(x * x);
  }
  if (constant) {
    return Number.isFinite(initial)
      ? { slope: 0, intercept: initial }
      : { slope: NaN, intercept: NaN };
  }
  const count = to - from;
  const covariance = sumXY.value - sumX.value * sumY.value / count;
  const variance = sumX2.value - sumX.value * sumX.value / count;
  const slope = covariance / variance;
  return { slope, intercept: sumY.value / count - slope * sumX.value / count };
}

export const deriv: RangeFunction = floatsOnly((series, { from, to }, row, call) => {
  for (let step = 0; step < from.length; step++) {
    if (to[step]! - from[step]! < 2) continue;
    call.countWork(to[step]! - from[step]!);
    const origin = series.times[from[step]!]!;
    row.setFloat(step, fitLine(series, from[step]!, to[step]!, origin).slope);
  }
});

export const predictLinear: RangeFunction = floatsOnly((series, { from, to }, row, call) => {
  const seconds = call.parameters[0]!;
  for (let step = 0; step < from.length; step++) {
    if (to[step]! - from[step]! < 2) continue;
    call.countWork(to[step]! - from[step]!);
    const line = fitLine(series, from[step]!, to[step]!, call.times[step]!);
    row.setFloat(step, line.slope * seconds[step]! + line.intercept);
  }
});

export const doubleExponentialSmoothing: RangeFunction = floatsOnly(
  ({ values }, { from, to }, row, call) => {
    const [smoothing, trend] = call.parameters as [Float64Array, Float64Array];
    for (let step = 0; step < from.length; step++) {
      if (to[step]! <= from[step]!) continue;
      const smoothingFactor = checkFactor("smoothing", smoothing[step]!);
      const trendFactor = checkFactor("trend", trend[step]!);
      if (to[step]! - from[step]! < 2) continue;
      call.countWork(to[step]! - from[step]!);
      let before = 0;
      let level = values[from[step]!]!;
      let rise = values[from[step]! + 1]! - level;
      for (let at = from[step]! + 1; at < to[step]!; at++) {
        if (at > from[step]! + 1) {
          rise = trendFactor * (level - before) + (1 - trendFactor) * rise;
        }
        before = level;
        level = smoothingFactor * values[at]! + (1 - smoothingFactor) * (level + rise);
      }
      row.setFloat(step, level);
    }
  },
);

/** NaN passes, and makes the result NaN. */
function checkFactor(name: "smoothing" | "trend", factor: number): number {
  if (!(factor <= 0 || factor >= 1)) return factor;
  const letter = name === "smoothing" ? "sf" : "tf";
  throw new PromqlError(
    "execution",
    `invalid ${name} factor. Expected: 0 < ${letter} < 1, got: ${fixedNumber(factor)}`,
  );
}
