/**
 * Forecasts by the damped method of Holt and Winters, with or without a season. The parameters are those with the least
 * squared error over the rows, found by Nelder and Mead's method from several starts.
 */
import { numbersOf } from "../values/columns.ts";
import { instantOf, makeInstants, nsAt, setInstant } from "../values/instants.ts";
import type { Points } from "../values/table.ts";
import {
  type InfluxqlFunction,
  NUMBERS,
  toFloat,
  type Transformation,
  type TransformInput,
} from "./function.ts";
import { minimize, type Minimum } from "./nelder_mead.ts";
import { doublesColumn } from "./sums.ts";

/** Where the search for each of the four weights begins. */
const GUESSES = [0.3, 0.3 + 0.4];
/** How much of the first values the level and the trend begin with, without a season. */
const START_WEIGHT = 0.5;
const EPSILON = 1e-4;

/** What the parameters are: four weights, the level, the trend, and one factor for each row of a season. */
const [LEVEL_WEIGHT, TREND_WEIGHT, SEASON_WEIGHT, DAMPING, LEVEL, TREND, SEASON] = [
  0,
  1,
  2,
  3,
  4,
  5,
  6,
] as const;

export const holtWinters: InfluxqlFunction = {
  name: "holt_winters",
  arity: { min: 3, max: 3 },
  ...forecasting(false),
};

/** With what the model says of the rows that it was fitted to, before the forecast. */
export const holtWintersWithFit: InfluxqlFunction = {
  name: "holt_winters_with_fit",
  arity: { min: 3, max: 3 },
  ...forecasting(true),
};

function forecasting(withFit: boolean): Transformation {
  return {
    type: "transformation",
    accepts: NUMBERS,
    kindOf: toFloat,
    run: (input) => {
      const work = forecast(input, withFit);
      for (;;) {
        const { done, value } = work.next();
        if (done === true) return value;
      }
    },
    runInSlices: async (input, { pauses, signal }) => {
      const work = forecast(input, withFit);
      for (;;) {
        const { done, value } = work.next();
        if (done === true) return value;
        if (!pauses.isDue) continue;
        await pauses.pause();
        signal.throwIfAborted();
      }
    },
  };
}

/** Yields where it may be interrupted. */
function* forecast(
  { points, args, everyNs }: TransformInput,
  withFit: boolean,
): Generator<void, Points> {
  const [horizon, season] = [Number(args[0]), Number(args[1])];
  const isSeasonal = season > 1;
  const given = points.times.eras.length;
  const values = given < 2 || (isSeasonal && given < season) ? undefined : spaced(points, everyNs);
  if (values === undefined) return pointsOf([], []);
  const model = new Model(values, isSeasonal ? season : 0);
  const start = model.start();
  let best: Minimum | undefined;
  for (const weights of startWeights()) {
    start.set(weights);
    const found = yield* minimize((parameters) => model.squaredError(parameters), {
      start,
      epsilon: EPSILON,
    });
    if (best === undefined || found.value < best.value) best = found;
  }
  const forecasted = model.forecast(horizon, best!.point);
  const first = nsAt(points.times, 0);
  // Without the fit the forecast counts from the last row: both agree but where a bucket's length varies.
  const origin = withFit
    ? first
    : nsAt(points.times, given - 1) - everyNs * BigInt(values.length - 1);
  const times: bigint[] = [];
  const kept: number[] = [];
  for (let i = withFit ? 0 : values.length; i < forecasted.length; i++) {
    if (Number.isNaN(forecasted[i]!)) continue;
    times.push(origin + everyNs * BigInt(i));
    kept.push(forecasted[i]!);
  }
  return pointsOf(times, kept);
}

function pointsOf(list: readonly bigint[], values: readonly number[]): Points {
  const times = makeInstants(list.length);
  list.forEach((ns, i) => setInstant(times, i, instantOf(ns)));
  return { times, column: doublesColumn(Float64Array.from(values)) };
}

/** One value for each bucket from the first to the last, NaN where none was given; undefined if there is but one bucket. */
function spaced({ times, column }: Points, everyNs: bigint): Float64Array | undefined {
  const given = numbersOf(column);
  const bucketOf = (row: number) => {
    const ns = nsAt(times, row);
    return ns / everyNs + (ns % everyNs > everyNs / 2n ? 1n : 0n);
  };
  const first = bucketOf(0);
  const last = Number(bucketOf(given.length - 1) - first);
  if (last <= 0) return undefined;
  const values = new Float64Array(last + 1).fill(NaN);
  for (let row = 0, taken = -1; row < given.length; row++) {
    const bucket = Number(bucketOf(row) - first);
    if (bucket <= taken) continue;
    values[bucket] = given[row]!;
    taken = bucket;
  }
  return values;
}

/** All combinations of guesses, the last weight changing first. */
function startWeights(): number[][] {
  return GUESSES.flatMap((level) =>
    GUESSES.flatMap((trend) =>
      GUESSES.flatMap((season) => GUESSES.map((damping) => [level, trend, season, damping]))
    )
  );
}

class Model {
  readonly #values: Float64Array;
  /** Rows of a season; 0: none. */
  readonly #season: number;

  constructor(values: Float64Array, season: number) {
    this.#values = values;
    this.#season = season;
  }

  /** Parameters to begin with but for the weights. Missing values are skipped: these are guesses. */
  start(): Float64Array {
    const values = this.#values;
    const season = this.#season;
    const parameters = new Float64Array(SEASON + season);
    let [level, trend] = [0, 0];
    if (season === 0) {
      level = START_WEIGHT * values[0]!;
      if (!Number.isNaN(values[1]!)) trend = START_WEIGHT * (values[1]! - values[0]!);
    }
    for (let i = 0; i < season; i++) {
      if (!Number.isNaN(values[i]!)) level += 1 / season * values[i]!;
      const step = i + season < values.length ? values[season + i]! - values[i]! : NaN;
      if (!Number.isNaN(step)) trend += 1 / (season * season) * step;
    }
    parameters[LEVEL] = level;
    parameters[TREND] = trend;
    for (let i = 0; i < season; i++) {
      parameters[SEASON + i] = Number.isNaN(values[i]!) ? 0 : values[i]! / level;
    }
    return parameters;
  }

  squaredError(parameters: Float64Array): number {
    const values = this.#values;
    const forecasted = this.forecast(0, parameters);
    let sum = 0;
    for (let i = 0; i < forecasted.length; i++) {
      if (Number.isNaN(values[i]!)) continue;
      if (Number.isNaN(forecasted[i]!)) return Infinity;
      const difference = forecasted[i]! - values[i]!;
      sum += difference * difference;
    }
    return sum;
  }

  /**
   * What the model says of all rows and of `horizon` more. Weights are put back into 0..1, and the factors of the season
   * are left as they are at the end: InfluxDB's search goes on from there, and so do the numbers that it finds.
   */
  forecast(horizon: number, parameters: Float64Array): Float64Array {
    for (let i = LEVEL_WEIGHT; i <= DAMPING; i++) {
      parameters[i] = Math.min(Math.max(parameters[i]!, 0), 1);
    }
    const alpha = parameters[LEVEL_WEIGHT]!;
    const beta = parameters[TREND_WEIGHT]!;
    const gamma = parameters[SEASON_WEIGHT]!;
    const phi = parameters[DAMPING]!;
    const season = this.#season;
    const factors = parameters.subarray(SEASON);
    const forecasted = new Float64Array(this.#values.length + horizon);
    let value = forecasted[0] = this.#values[0]!;
    let level = parameters[LEVEL]!;
    let trend = parameters[TREND]!;
    let damped = phi;
    // Position of the oldest factor less the row: factors lie in a ring that moves on by two each row, as in InfluxDB.
    let shift = season - 1;
    for (let t = 1; t < forecasted.length; t++) {
      const isSeasonal = season > 0;
      const past = isSeasonal ? factors[(t - season + shift) % season]! : 1;
      const next = isSeasonal ? factors[(t - season + t % season + shift) % season]! : 1;
      const expected = level + phi * trend;
      const before = level;
      level = alpha * (value / past) + (1 - alpha) * expected;
      trend = beta * (level - before) + (1 - beta) * phi * trend;
      const factor = gamma * (value / expected) + (1 - gamma) * past;
      value = (level + damped * trend) * next;
      damped += power(phi, t);
      if (isSeasonal) factors[(t + shift++) % season] = factor;
      forecasted[t] = value;
    }
    return forecasted;
  }
}

/** By squaring, which rounds as Go does; the search would magnify the difference. */
function power(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let left = exponent; left > 0; left >>>= 1) {
    if ((left & 1) === 1) result *= square;
    square *= square;
  }
  return result;
}
