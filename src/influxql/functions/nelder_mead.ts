/**
 * Minimizing a function of several variables without its derivatives: the simplex method of Nelder and Mead, with the
 * coefficients, the order of steps and the end that InfluxDB has, so that forecasts are the same.
 *
 * The function may change the point that it is given, as by putting it back into its domain; the change stays.
 */

const ITERATIONS_MAX = 1000;
const REFLECTION = 1;
const CONTRACTION = 0.5;
const EXPANSION = 2;

export type Objective = (point: Float64Array) => number;

export interface Minimum {
  readonly value: number;
  readonly point: Float64Array;
}

export interface MinimizeSettings {
  readonly start: Float64Array;
  /** Ends where the function's values at all corners deviate by less. */
  readonly epsilon: number;
}

/** Yields once an iteration, for pauses. */
export function* minimize(
  objective: Objective,
  { start, epsilon }: MinimizeSettings,
): Generator<void, Minimum> {
  const simplex = new Simplex(objective, start);
  for (let i = 0; i < ITERATIONS_MAX; i++) {
    simplex.step();
    if (simplex.deviation() < epsilon) break;
    yield;
  }
  return simplex.minimum();
}

class Simplex {
  readonly #objective: Objective;
  /** Corners, one more than there are variables, and the function's value at each. */
  readonly #corners: Float64Array[];
  readonly #values: Float64Array;
  readonly #count: number;

  constructor(objective: Objective, start: Float64Array) {
    const count = start.length;
    this.#objective = objective;
    this.#count = count;
    const near = (Math.sqrt(count + 1) - 1) / (count * Math.SQRT2);
    const far = (Math.sqrt(count + 1) - 1 + count) / (count * Math.SQRT2);
    this.#corners = [Float64Array.from(start)];
    for (let i = 0; i < count; i++) {
      this.#corners.push(start.map((value, j) => (i === j ? far : near) + value));
    }
    this.#values = Float64Array.from(this.#corners, (corner) => objective(corner));
  }

  /** Moves the worst corner towards the others, or all of them towards the best. */
  step(): void {
    const values = this.#values;
    const { best, worst, second } = this.#ranks();
    const center = this.#centerWithout(worst);
    const old = this.#corners[worst]!;
    const reflected = along(center, old, -REFLECTION);
    const value = this.#objective(reflected);
    if (value < values[best]!) {
      const expanded = along(center, reflected, EXPANSION);
      const further = this.#objective(expanded);
      if (further < value) this.#replace(worst, expanded, further);
      else this.#replace(worst, reflected, value);
    } else if (value < values[second]!) {
      this.#replace(worst, reflected, value);
    }
    // The second worst is compared after a corner was replaced: it may be the best one itself.
    if (value < values[second]!) return;
    const isOutside = value < values[worst]!;
    const contracted = along(center, isOutside ? reflected : this.#corners[worst]!, CONTRACTION);
    const nearer = this.#objective(contracted);
    if (nearer < values[worst]!) this.#replace(worst, contracted, nearer);
    else this.#shrink({ best, worst, second });
  }

  deviation(): number {
    let sum = 0;
    for (const value of this.#values) sum += value;
    const mean = sum / (this.#count + 1);
    let squares = 0;
    for (const value of this.#values) squares += (value - mean) ** 2 / this.#count;
    return Math.sqrt(squares);
  }

  minimum(): Minimum {
    const corner = this.#corners[this.#ranks().best]!;
    const point = Float64Array.from(corner);
    return { point, value: this.#objective(corner) };
  }

  #ranks(): Ranks {
    const values = this.#values;
    let [best, worst] = [0, 0];
    for (let i = 0; i < values.length; i++) {
      if (values[i]! > values[worst]!) worst = i;
      if (values[i]! < values[best]!) best = i;
    }
    let second = best;
    for (let i = 0; i < values.length; i++) {
      if (values[i]! > values[second]! && values[i]! < values[worst]!) second = i;
    }
    return { best, worst, second };
  }

  #centerWithout(worst: number): Float64Array {
    return this.#corners[0]!.map((_, i) => {
      let sum = 0;
      for (let j = 0; j < this.#corners.length; j++) if (j !== worst) sum += this.#corners[j]![i]!;
      return sum / this.#count;
    });
  }

  #replace(index: number, corner: Float64Array, value: number): void {
    this.#corners[index]!.set(corner);
    this.#values[index] = value;
  }

  /** Halves all distances to the best corner. As in InfluxDB only the two worst are valued anew. */
  #shrink({ best, worst, second }: Ranks): void {
    const target = this.#corners[best]!;
    this.#corners.forEach((corner, index) => {
      if (index === best) return;
      for (let i = 0; i < corner.length; i++) {
        corner[i] = target[i]! + (corner[i]! - target[i]!) / 2;
      }
    });
    this.#values[worst] = this.#objective(this.#corners[worst]!);
    this.#values[second] = this.#objective(this.#corners[second]!);
  }
}

/** Positions of corners by the function's values. */
interface Ranks {
  readonly best: number;
  readonly worst: number;
  /** The largest value below the worst. */
  readonly second: number;
}

/** The point that is `factor` times as far from the center as another, in its direction. */
function along(center: Float64Array, point: Float64Array, factor: number): Float64Array {
  return center.map((value, i) => value + factor * (point[i]! - value));
}
