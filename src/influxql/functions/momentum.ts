/** Kaufman's efficiency ratio and adaptive moving average, and Chande's momentum oscillator. */
import { type InfluxqlFunction, NUMBERS, toFloat, type TransformInput } from "./function.ts";
import { Moves } from "./exponential.ts";
import { type Indicator, runIndicator } from "./indicator.ts";

/** Weights of the adaptive average: where values go straight on, and where they go nowhere. */
const FAST = 2 / (2 + 1);
const SLOW = 2 / (30 + 1);

export const kaufmansEfficiencyRatio: InfluxqlFunction = {
  name: "kaufmans_efficiency_ratio",
  type: "transformation",
  arity: { min: 2, max: 3 },
  accepts: NUMBERS,
  kindOf: toFloat,
  run: (input) => {
    const period = Number(input.args[0]);
    const ratio = new EfficiencyRatio(period);
    return runIndicator(input, {
      warmRows: period,
      dropsInfinite: true,
      add: (value) => ratio.add(value),
    });
  },
};

export const kaufmansAdaptiveMovingAverage: InfluxqlFunction = {
  name: "kaufmans_adaptive_moving_average",
  type: "transformation",
  arity: { min: 2, max: 3 },
  accepts: NUMBERS,
  kindOf: toFloat,
  run: (input) => {
    const period = Number(input.args[0]);
    return runIndicator(input, adaptiveAverage(period));
  },
};

/** Over the plain changes of a window, or with a warm-up over their averages. */
export const chandeMomentumOscillator: InfluxqlFunction = {
  name: "chande_momentum_oscillator",
  type: "transformation",
  arity: { min: 2, max: 4 },
  accepts: NUMBERS,
  kindOf: toFloat,
  run: (input: TransformInput) => {
    const period = Number(input.args[0]);
    const warmup = input.args[2];
    const isSmoothed = warmup === "exponential" || warmup === "simple";
    return runIndicator(
      input,
      isSmoothed ? smoothedOscillator(period, warmup) : windowOscillator(period),
    );
  },
};

/** How far values got in a period, as a part of the way that they went; 0 stands for what was before the first. */
class EfficiencyRatio {
  readonly #values: Float64Array;
  readonly #ways: Float64Array;
  #newest = 0;
  #way = 0;

  constructor(period: number) {
    this.#values = new Float64Array(period);
    this.#ways = new Float64Array(period);
  }

  get last(): number {
    return this.#values[this.#newest]!;
  }

  add(value: number): number {
    const oldest = (this.#newest + 1) % this.#values.length;
    const distance = Math.abs(value - this.#values[oldest]!);
    const way = Math.abs(value - this.last);
    this.#way -= this.#ways[oldest]!;
    this.#way += way;
    this.#newest = oldest;
    this.#values[oldest] = value;
    this.#ways[oldest] = way;
    return distance === 0 || this.#way === 0 ? 0 : distance / this.#way;
  }
}

function adaptiveAverage(period: number): Indicator {
  const ratio = new EfficiencyRatio(period);
  let rows = 0;
  let last = 0;
  return {
    warmRows: period,
    dropsInfinite: true,
    add: (value) => {
      if (rows++ <= period) last = ratio.last;
      const weight = (ratio.add(value) * (FAST - SLOW) + SLOW) ** 2;
      last += weight * (value - last);
      return last;
    },
  };
}

function smoothedOscillator(period: number, warmup: "exponential" | "simple"): Indicator {
  const moves = new Moves(period, warmup);
  return {
    warmRows: period,
    add: (value) => {
      moves.add(value);
      const [up, down] = [moves.up.last, moves.down.last];
      return 100 * ((up - down) / (up + down));
    },
  };
}

function windowOscillator(period: number): Indicator {
  const steps = new Float64Array(period - 1);
  let [newest, up, down] = [0, 0, 0];
  let last: number | undefined;
  return {
    warmRows: period - 1,
    add: (value) => {
      const step = value - (last ?? value);
      last = value;
      if (step > 0) up += step;
      else down -= step;
      const result = up === 0 && down === 0 ? 0 : 100 * ((up - down) / (up + down));
      // The window holds `period` steps, the newest among them: with one alone there is nothing to keep.
      const oldest = period === 1 ? 0 : (newest + 1) % steps.length;
      const leaving = period === 1 ? step : steps[oldest]!;
      if (leaving > 0) up -= leaving;
      else down += leaving;
      steps[oldest] = step;
      newest = oldest;
      return result;
    },
  };
}
