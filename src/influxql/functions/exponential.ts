/**
 * Moving averages that forget exponentially, once, twice and three times over, and what is made from them: the triple
 * exponential derivative and the relative strength index.
 *
 * All are held back until they are warm, or for as many rows as their second argument says.
 */
import {
  type Argument,
  type InfluxqlFunction,
  NUMBERS,
  toFloat,
  type TransformInput,
} from "./function.ts";
import { type Indicator, runIndicator } from "./indicator.ts";

/** How an average begins: with a weight that falls as rows come, or as their plain mean. */
export type Warmup = "exponential" | "simple";

export const exponentialMovingAverage: InfluxqlFunction = indicator(
  "exponential_moving_average",
  (period, warmup) => {
    const average = new ExponentialAverage(period, warmup);
    return { warmRows: period - 1, add: (value) => average.add(value) };
  },
);

export const doubleExponentialMovingAverage: InfluxqlFunction = indicator(
  "double_exponential_moving_average",
  (period, warmup) => {
    const chain = new AverageChain(2, period, warmup);
    return {
      warmRows: chain.warmRows,
      add: (value) => {
        const [first, second] = chain.add(value) as [number, number];
        return 2 * first - second;
      },
    };
  },
);

export const tripleExponentialMovingAverage: InfluxqlFunction = indicator(
  "triple_exponential_moving_average",
  (period, warmup) => {
    const chain = new AverageChain(3, period, warmup);
    return {
      warmRows: chain.warmRows,
      add: (value) => {
        const [first, second, third] = chain.add(value) as [number, number, number];
        return 3 * first - 3 * second + third;
      },
    };
  },
);

/** In percent of the triple average before. */
export const tripleExponentialDerivative: InfluxqlFunction = indicator(
  "triple_exponential_derivative",
  (period, warmup) => {
    const chain = new AverageChain(3, period, warmup);
    let last = 0;
    return {
      warmRows: chain.warmRows + 1,
      dropsInfinite: true,
      add: (value) => {
        const average = chain.add(value)[2]!;
        const rate = (average / last - 1) * 100;
        last = average;
        return rate;
      },
    };
  },
);

export const relativeStrengthIndex: InfluxqlFunction = indicator(
  "relative_strength_index",
  (period, warmup) => {
    const moves = new Moves(period, warmup);
    return {
      warmRows: period,
      add: (value) => {
        moves.add(value);
        return 100 - 100 / (1 + moves.up.last / moves.down.last);
      },
    };
  },
);

export class ExponentialAverage {
  readonly #period: number;
  readonly #weight: number;
  readonly #warmup: Warmup;
  #count = 0;
  last = 0;

  constructor(period: number, warmup: Warmup, weight: number = 2 / (period + 1)) {
    this.#period = period;
    this.#weight = weight;
    this.#warmup = warmup;
  }

  get isWarm(): boolean {
    return this.#count === this.#period;
  }

  add(value: number): number {
    const { last } = this;
    if (this.#count === 0) this.last = value;
    else if (this.isWarm) this.last = (value - last) * this.#weight + last;
    else if (this.#warmup === "simple") {
      this.last = (last * this.#count + value) / (this.#count + 1);
    } else {
      // A weight that falls with the count, so that the first row does not count for more than the others.
      this.last = (value - last) * (2 / (this.#count + 2)) + last;
    }
    if (this.#count < this.#period) this.#count++;
    return this.last;
  }
}

/** Averages of averages. One that begins simply hands its value on unchanged until it is warm. */
class AverageChain {
  readonly warmRows: number;
  readonly #averages: ExponentialAverage[];
  readonly #warmup: Warmup;
  readonly #results: Float64Array;

  constructor(length: number, period: number, warmup: Warmup) {
    this.#averages = Array.from({ length }, () => new ExponentialAverage(period, warmup));
    this.#warmup = warmup;
    this.#results = new Float64Array(length);
    this.warmRows = (period - 1) * (warmup === "simple" ? length : 1);
  }

  /** The averages of each stage; overwritten by the next call. */
  add(value: number): ArrayLike<number> {
    let feeds = true;
    let current = value;
    for (let i = 0; i < this.#averages.length; i++) {
      const average = this.#averages[i]!;
      if (feeds) current = average.add(current);
      this.#results[i] = current;
      feeds = this.#warmup === "exponential" || average.isWarm;
    }
    return this.#results;
  }
}

/** Averages of the ways up and down; the first row counts as a way from 0. */
export class Moves {
  readonly up: ExponentialAverage;
  readonly down: ExponentialAverage;
  #last = 0;

  constructor(period: number, warmup: Warmup) {
    this.up = new ExponentialAverage(period + 1, warmup, 1 / period);
    this.down = new ExponentialAverage(period + 1, warmup, 1 / period);
  }

  add(value: number): void {
    this.up.add(value > this.#last ? value - this.#last : 0);
    this.down.add(value < this.#last ? this.#last - value : 0);
    this.#last = value;
  }
}

function indicator(
  name: string,
  make: (period: number, warmup: Warmup) => Indicator,
): InfluxqlFunction {
  return {
    name,
    type: "transformation",
    arity: { min: 2, max: 4 },
    accepts: NUMBERS,
    kindOf: toFloat,
    run: (input: TransformInput) =>
      runIndicator(input, make(Number(input.args[0]), warmupOf(input.args[2]))),
  };
}

function warmupOf(argument: Argument | undefined): Warmup {
  return argument === "simple" ? "simple" : "exponential";
}
