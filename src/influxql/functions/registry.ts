/** All functions of InfluxQL but the mathematical ones, by name. */
import {
  derivative,
  difference,
  nonNegativeDerivative,
  nonNegativeDifference,
} from "./differences.ts";
import { countDistinct, distinct, mode } from "./distinct.ts";
import {
  doubleExponentialMovingAverage,
  exponentialMovingAverage,
  relativeStrengthIndex,
  tripleExponentialDerivative,
  tripleExponentialMovingAverage,
} from "./exponential.ts";
import type { InfluxqlFunction } from "./function.ts";
import { holtWinters, holtWintersWithFit } from "./holt_winters.ts";
import { integral } from "./integral.ts";
import {
  chandeMomentumOscillator,
  kaufmansAdaptiveMovingAverage,
  kaufmansEfficiencyRatio,
} from "./momentum.ts";
import { cumulativeSum, elapsed, movingAverage } from "./running.ts";
import { first, last, max, min } from "./selectors.ts";
import { median, percentile, spread, stddev } from "./statistics.ts";
import { count, mean, sum } from "./sums.ts";
import { bottom, sample, top } from "./top.ts";

const AGGREGATES = [
  count,
  countDistinct,
  sum,
  mean,
  median,
  mode,
  spread,
  stddev,
  integral,
];
const SELECTORS = [min, max, first, last, percentile, distinct, top, bottom, sample];
const TRANSFORMATIONS = [
  derivative,
  nonNegativeDerivative,
  difference,
  nonNegativeDifference,
  movingAverage,
  cumulativeSum,
  elapsed,
  holtWinters,
  holtWintersWithFit,
  exponentialMovingAverage,
  doubleExponentialMovingAverage,
  tripleExponentialMovingAverage,
  tripleExponentialDerivative,
  relativeStrengthIndex,
  kaufmansEfficiencyRatio,
  kaufmansAdaptiveMovingAverage,
  chandeMomentumOscillator,
];

const FUNCTIONS: ReadonlyMap<string, InfluxqlFunction> = new Map(
  [...AGGREGATES, ...SELECTORS, ...TRANSFORMATIONS].map((each) => [each.name, each]),
);

/** Names are in lower case. `count_distinct` is what the planner makes of `count(distinct(x))`. */
export function influxqlFunction(name: string): InfluxqlFunction | undefined {
  return FUNCTIONS.get(name);
}
