/** top, bottom and sample: several rows of each bucket, in the order of their times. */
import {
  ALL_KINDS,
  type FunctionInput,
  type InfluxqlFunction,
  NUMBERS,
  type Picked,
} from "./function.ts";
import { isSameTime, orderOf } from "./selectors.ts";

/** The n largest values, the earlier of equal ones; with tags no more than one of each combination of their values. */
export const top: InfluxqlFunction = {
  name: "top",
  type: "rows",
  arity: { min: 2, max: Infinity },
  accepts: NUMBERS,
  run: (input) => best(input, 1),
};

export const bottom: InfluxqlFunction = {
  name: "bottom",
  type: "rows",
  arity: { min: 2, max: Infinity },
  accepts: NUMBERS,
  run: (input) => best(input, -1),
};

/** n rows by chance, each as likely as any other. */
export const sample: InfluxqlFunction = {
  name: "sample",
  type: "rows",
  arity: { min: 2, max: 2 },
  accepts: ALL_KINDS,
  run: ({ buckets: { bounds }, args, random }) => {
    const limit = Number(args.at(-1));
    return pick(bounds, (from, to) => {
      const rows = Int32Array.from({ length: Math.min(limit, to - from) }, (_, i) => from + i);
      for (let row = from + rows.length; row < to; row++) {
        const at = Math.floor(random() * (row - from + 1));
        if (at < rows.length) rows[at] = row;
      }
      return rows.sort();
    });
  },
};

function best(input: FunctionInput, sign: 1 | -1): Picked {
  const { column, times, tagSets } = input;
  const order = orderOf(column);
  /** Whether a row is to be kept rather than one before it. */
  const isBetter = (row: number, other: number) => {
    const difference = sign * order(row, other);
    return difference > 0 || (difference === 0 && row < other);
  };
  const limit = Number(input.args.at(-1));
  return pick(input.buckets.bounds, (from, to) => {
    const heap = new RowHeap(Math.min(limit, to - from), isBetter);
    if (tagSets === undefined) {
      for (let row = from; row < to; row++) heap.push(row);
    } else {
      for (const row of bestOfTagSets(tagSets, { from, to, isBetter })) heap.push(row);
    }
    return heap.rows().sort((left, right) =>
      isSameTime(times, left, right) ? sign * order(right, left) || left - right : left - right
    );
  });
}

function bestOfTagSets(
  tagSets: Int32Array,
  { from, to, isBetter }: {
    readonly from: number;
    readonly to: number;
    readonly isBetter: (row: number, other: number) => boolean;
  },
): Iterable<number> {
  const rows = new Map<number, number>();
  for (let row = from; row < to; row++) {
    const other = rows.get(tagSets[row]!);
    if (other === undefined || isBetter(row, other)) rows.set(tagSets[row]!, row);
  }
  return rows.values();
}

function pick(bounds: Int32Array, rowsOf: (from: number, to: number) => Int32Array): Picked {
  const parts: Int32Array[] = [];
  const ends = new Int32Array(bounds.length);
  for (let i = 0; i + 1 < bounds.length; i++) {
    const part = rowsOf(bounds[i]!, bounds[i + 1]!);
    parts.push(part);
    ends[i + 1] = ends[i]! + part.length;
  }
  const rows = new Int32Array(ends.at(-1)!);
  parts.forEach((part, i) => rows.set(part, ends[i]));
  return { rows, bounds: ends };
}

/** The best rows so far, the worst of them at the top. */
class RowHeap {
  readonly #rows: Int32Array;
  readonly #isBetter: (row: number, other: number) => boolean;
  #count = 0;

  constructor(capacity: number, isBetter: (row: number, other: number) => boolean) {
    this.#rows = new Int32Array(capacity);
    this.#isBetter = isBetter;
  }

  push(row: number): void {
    const rows = this.#rows;
    if (this.#count === rows.length) {
      if (this.#isBetter(row, rows[0]!)) this.#sink(row);
      return;
    }
    let at = this.#count++;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#isBetter(row, rows[parent]!)) break;
      rows[at] = rows[parent]!;
      at = parent;
    }
    rows[at] = row;
  }

  rows(): Int32Array {
    return this.#rows.slice(0, this.#count);
  }

  /** Puts a row in the place of the worst one. */
  #sink(row: number): void {
    const rows = this.#rows;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#count) break;
      if (child + 1 < this.#count && this.#isBetter(rows[child]!, rows[child + 1]!)) child++;
      if (!this.#isBetter(row, rows[child]!)) break;
      rows[at] = rows[child]!;
      at = child;
    }
    rows[at] = row;
  }
}
