/** integral: the area under the lines from value to value, cut at the edges of buckets. */
import { numbersOf } from "../values/columns.ts";
import { ERA_NS, type Instant, instantAt, instantOf, type Instants } from "../values/instants.ts";
import { type FunctionInput, type InfluxqlFunction, NUMBERS, toFloat } from "./function.ts";

const UNIT_NS = 1e9;

/** In units of time, one second unless another is written. Of rows with equal times the last counts. */
export const integral: InfluxqlFunction = {
  name: "integral",
  type: "aggregate",
  arity: { min: 1, max: 2 },
  accepts: NUMBERS,
  kindOf: toFloat,
  run: (input) => {
    const unitNs = input.args[0] === undefined ? UNIT_NS : Number(input.args[0]);
    const { bounds } = input.buckets;
    const areas = new Float64Array(bounds.length - 1);
    const present = new Uint8Array(areas.length);
    // As in InfluxDB the area over empty buckets counts for the one behind them, so that the buckets add up to the whole.
    const cursor = new AreaCursor(input);
    for (let i = 0; i < areas.length; i++) {
      if (i > 0) cursor.enter();
      for (let row = bounds[i]!; row < bounds[i + 1]!; row++) cursor.advance(row);
      // A last bucket that holds nothing but a value at its start has no area, and is none to InfluxDB.
      const isThere = cursor.leave(i, bounds[i + 1]!);
      areas[i] = cursor.area / unitNs;
      present[i] = isThere && Number.isFinite(areas[i]!) ? 1 : 0;
    }
    return { kind: "float", values: areas, present };
  },
};

/** Goes along the rows and adds up the area since the last edge. */
class AreaCursor {
  readonly #times: Instants;
  readonly #values: Float64Array | Uint8Array;
  readonly #spanOf: FunctionInput["spanOf"];
  readonly #end: number;
  #time: Instant | undefined;
  #value = 0;
  /** In values times nanoseconds. */
  area = 0;

  constructor({ times, column, spanOf, buckets: { bounds } }: FunctionInput) {
    this.#times = times;
    this.#values = numbersOf(column);
    this.#spanOf = spanOf;
    this.#end = bounds.at(-1)!;
  }

  enter(): void {
    this.area = 0;
  }

  advance(row: number): void {
    this.#moveTo(instantAt(this.#times, row), this.#values[row]!);
  }

  /** Ends a bucket, whose next one begins with row `next`; false where it has no area at all. */
  leave(bucket: number, next: number): boolean {
    const span = this.#spanOf?.(bucket);
    if (span === undefined || this.#time === undefined) return true;
    if (next === this.#end) return nsFrom(instantOf(span.start), this.#time) !== 0;
    const edge = instantOf(span.end);
    const length = nsFrom(this.#time, instantAt(this.#times, next));
    const share = nsFrom(this.#time, edge) / length;
    this.#moveTo(edge, this.#value + (this.#values[next]! - this.#value) * share);
    return true;
  }

  #moveTo(time: Instant, value: number): void {
    if (this.#time !== undefined) {
      this.area += 0.5 * (value + this.#value) * nsFrom(this.#time, time);
    }
    this.#time = time;
    this.#value = value;
  }
}

function nsFrom(left: Instant, right: Instant): number {
  return (right.era - left.era) * ERA_NS + (right.offset - left.offset);
}
