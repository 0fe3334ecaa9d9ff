/** derivative, difference and their forms without negative results: from each row to the next one with another time. */
import { gather } from "../values/columns.ts";
import { ERA_NS, gatherInstants, type Instants } from "../values/instants.ts";
import type { Column } from "../values/result.ts";
import type { Points } from "../values/table.ts";
import {
  type InfluxqlFunction,
  NUMBERS,
  sameKind,
  toFloat,
  type TransformInput,
} from "./function.ts";
import {
  compareHalves,
  halvesOf,
  halvesOfColumn,
  isWide,
  stepOfHalves,
  WholeColumn,
} from "./halves.ts";
import { doublesColumn } from "./sums.ts";

export const derivative: InfluxqlFunction = {
  name: "derivative",
  type: "transformation",
  arity: { min: 1, max: 2 },
  accepts: NUMBERS,
  kindOf: toFloat,
  run: (input) => derivativeOf(input, false),
};

export const nonNegativeDerivative: InfluxqlFunction = {
  name: "non_negative_derivative",
  type: "transformation",
  arity: { min: 1, max: 2 },
  accepts: NUMBERS,
  kindOf: toFloat,
  run: (input) => derivativeOf(input, true),
};

export const difference: InfluxqlFunction = {
  name: "difference",
  type: "transformation",
  arity: { min: 1, max: 1 },
  accepts: NUMBERS,
  kindOf: sameKind,
  run: ({ points }) => differenceOf(advancing(points)),
};

export const nonNegativeDifference: InfluxqlFunction = {
  name: "non_negative_difference",
  type: "transformation",
  arity: { min: 1, max: 1 },
  accepts: NUMBERS,
  kindOf: sameKind,
  run: ({ points }) => {
    const rows = advancing(points);
    const differences = differenceOf(rows);
    // Those of whole numbers count as they are after they have wrapped.
    const isSigned = rows.column.kind === "integer";
    return pickPoints(
      differences,
      isSigned ? notNegative(differences.column) : notBelow(rows.column),
    );
  },
};

function derivativeOf({ points, unitNs }: TransformInput, isNonNegative: boolean): Points {
  const { times, column } = advancing(points);
  const steps = stepsOf(column);
  const unit = Number(unitNs);
  const { eras, offsets } = times;
  for (let i = 0; i < steps.length; i++) {
    const elapsed = (eras[i + 1]! - eras[i]!) * ERA_NS + (offsets[i + 1]! - offsets[i]!);
    // Going backwards in time, InfluxDB takes the change as it comes and the time as if it went on.
    steps[i] = steps[i]! / (Math.abs(elapsed) / unit);
  }
  const rates = { times: behindFirst(times), column: doublesColumn(steps) };
  return isNonNegative ? pickPoints(rates, notBelow(column)) : rates;
}

/** The rows that change the time; of those with equal ones the first. */
function advancing({ times, column }: Points): Points {
  const { eras, offsets } = times;
  const order = new Int32Array(eras.length);
  let count = 0;
  for (let i = 0; i < order.length; i++) {
    if (i === 0 || offsets[i] !== offsets[i - 1] || eras[i] !== eras[i - 1]) order[count++] = i;
  }
  return count === order.length
    ? { times, column }
    : pickPoints({ times, column }, order.subarray(0, count));
}

function pickPoints({ times, column }: Points, order: Int32Array): Points {
  return { times: gatherInstants(times, order), column: gather(column, order) };
}

function behindFirst({ eras, offsets }: Instants): Instants {
  return { eras: eras.subarray(1), offsets: offsets.subarray(1) };
}

/** What each value is more than the one before it, as doubles. */
function stepsOf({ values }: Column): Float64Array {
  const steps = new Float64Array(Math.max(values.length - 1, 0));
  if (isWide(values)) {
    const halves = halvesOf(values);
    for (let i = 0; i < steps.length; i++) steps[i] = stepOfHalves(halves, i, i + 1);
    return steps;
  }
  const doubles = values as Float64Array;
  for (let i = 0; i < steps.length; i++) steps[i] = doubles[i + 1]! - doubles[i]!;
  return steps;
}

/** The same in the kind of the column: whole numbers stay exact and wrap at 64 bits. */
function differenceOf({ times, column }: Points): Points {
  const steps = stepsOf(column);
  if (column.kind !== "integer" && column.kind !== "unsigned") {
    return { times: behindFirst(times), column: doublesColumn(steps) };
  }
  const least = column.kind === "unsigned" ? 0 : -Infinity;
  if (
    !isWide(column.values) && steps.every((step) => Number.isSafeInteger(step) && step >= least)
  ) {
    return { times: behindFirst(times), column: { kind: column.kind, values: steps } };
  }
  const { low, high } = halvesOfColumn(column);
  const whole = new WholeColumn(column.kind, steps.length);
  for (let i = 0; i < steps.length; i++) {
    const above = high[2 * i + 3]! - high[2 * i + 1]!;
    whole.set(i, above, low[2 * i + 2]! - low[2 * i]!);
  }
  return { times: behindFirst(times), column: whole.finish() };
}

function notNegative({ values }: Column): Int32Array {
  const order = new Int32Array(values.length);
  const high = isWide(values) ? halvesOf(values).high : undefined;
  const doubles = values as Float64Array;
  let count = 0;
  for (let i = 0; i < order.length; i++) {
    if ((high === undefined ? doubles[i]! : high[2 * i + 1]!) >= 0) order[count++] = i;
  }
  return order.subarray(0, count);
}

/** Positions, among the differences, of those where the value did not get less. */
function notBelow({ values }: Column): Int32Array {
  const order = new Int32Array(Math.max(values.length - 1, 0));
  const halves = isWide(values) ? halvesOf(values) : undefined;
  const doubles = values as Float64Array;
  let count = 0;
  for (let i = 0; i < order.length; i++) {
    const isLess = halves === undefined
      ? doubles[i + 1]! < doubles[i]!
      : compareHalves(halves, i + 1, i) < 0;
    if (!isLess) order[count++] = i;
  }
  return order.subarray(0, count);
}
