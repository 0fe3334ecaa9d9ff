/**
 * Groups of an aggregation in the making: columns, one entry a step, into which series are folded one after the other.
 */
import {
  conflictingResets,
  ignoredInAggregation,
  MIXED_IN_AGGREGATION,
  mixedSchemas,
  reconciledBounds,
} from "./annotations.ts";
import type { Aggregation } from "./ast.ts";
import type { Evaluation } from "./evaluation.ts";
import { isCustom } from "./histogram.ts";
import { HistogramSum } from "./histogram_sum.ts";
import { NO_LABELS } from "./labels.ts";
import type { Labels } from "./queryable.ts";
import { ABSENT, FLOAT, HISTOGRAM, type Row } from "./row.ts";

/** One group in the making: takes rows, then leaves its result in `output`. */
export interface Fold {
  readonly output: Row;
  add(row: Row): void;
  finish(): void;
}

export type MakeFold = (evaluation: Evaluation, steps: number, node: Aggregation) => Fold;

export const FOLDS: Partial<Record<Aggregation["operator"], MakeFold>> = {
  sum: (evaluation, steps, node) => new SumFold(evaluation, steps, node),
  avg: (evaluation, steps, node) => new SumFold(evaluation, steps, node),
  min: (evaluation, steps, node) => new ExtremeFold(evaluation, steps, node),
  max: (evaluation, steps, node) => new ExtremeFold(evaluation, steps, node),
  count: (evaluation, steps) => new CountFold(evaluation, steps, true),
  group: (evaluation, steps) => new CountFold(evaluation, steps, false),
  stddev: (evaluation, steps, node) => new VarianceFold(evaluation, steps, node),
  stdvar: (evaluation, steps, node) => new VarianceFold(evaluation, steps, node),
};

/** What a step of a `SumFold` has seen; bits. */
const SAW_FLOAT = 1;
const SAW_HISTOGRAM = 2;
const SAW_BOTH_SCHEMAS = 4;
/** The sum would have overflowed: the step holds the mean so far. */
const INCREMENTAL = 8;

class SumFold implements Fold {
  readonly output: Row;
  readonly #evaluation: Evaluation;
  readonly #node: Aggregation;
  readonly #mean: boolean;
  /** Made for the second series, or one with histograms: until then `output` holds the only series. */
  #sums: Sums | undefined;
  #isFirst = true;
  #histograms: (HistogramSum | undefined)[] | undefined;
  /** A series whose histograms did not go together, for the warning. */
  #mixedLabels: Labels = NO_LABELS;

  constructor(evaluation: Evaluation, steps: number, node: Aggregation) {
    this.output = evaluation.newRow(steps);
    this.#evaluation = evaluation;
    this.#node = node;
    this.#mean = node.operator === "avg";
  }

  add(row: Row): void {
    if (this.#isFirst && row.histograms === undefined) {
      this.#isFirst = false;
      this.#keepOnly(row);
      return;
    }
    this.#isFirst = false;
    const sums = this.#sums ??= this.#makeSums();
    if (this.#mean) addToMean(sums, this.output.values, row);
    else addToSum(sums, this.output.values, row);
    if (row.histograms !== undefined) this.#addHistograms(sums, row);
  }

  #keepOnly({ kinds, values }: Row): void {
    const own = this.output;
    for (let step = 0; step < kinds.length; step++) {
      if (kinds[step] !== FLOAT) continue;
      own.kinds[step] = FLOAT;
      // The sum of -0 alone is 0.
      own.values[step] = values[step]! + 0;
    }
  }

  #makeSums(): Sums {
    const { kinds } = this.output;
    const steps = kinds.length;
    this.#evaluation.hold(0, steps * 17);
    const sums = {
      seen: new Uint8Array(steps),
      lost: new Float64Array(steps),
      counts: new Float64Array(this.#mean ? steps : 0),
    };
    for (let step = 0; step < steps; step++) {
      if (kinds[step] === ABSENT) continue;
      kinds[step] = ABSENT;
      sums.seen[step] = SAW_FLOAT;
      if (this.#mean) sums.counts[step] = 1;
    }
    return sums;
  }

  #addHistograms({ seen }: Sums, { kinds, histograms, labels }: Row): void {
    this.#histograms ??= new Array(kinds.length);
    for (let step = 0; step < kinds.length; step++) {
      if (kinds[step] !== HISTOGRAM) continue;
      seen[step]! |= SAW_HISTOGRAM;
      const histogram = histograms![step]!;
      const sum = this.#histograms[step] ??= new HistogramSum(this.#mean);
      if (sum.count > 0 && sum.isCustom !== isCustom(histogram)) {
        seen[step]! |= SAW_BOTH_SCHEMAS;
        this.#mixedLabels = labels;
      } else {
        sum.add(histogram);
      }
    }
  }

  finish(): void {
    const sums = this.#sums;
    if (sums === undefined) return;
    const { kinds, values } = this.output;
    const { annotations } = this.#evaluation;
    const { position } = this.#node.expr;
    for (let step = 0; step < kinds.length; step++) {
      const seen = sums.seen[step]!;
      if (seen === 0) continue;
      if ((seen & SAW_FLOAT) !== 0 && (seen & SAW_HISTOGRAM) !== 0) {
        annotations.warn(MIXED_IN_AGGREGATION, position);
      } else if ((seen & SAW_BOTH_SCHEMAS) !== 0) {
        annotations.warn(mixedSchemas(this.#mixedLabels), position);
      } else if ((seen & SAW_HISTOGRAM) !== 0) {
        const sum = this.#histograms![step]!;
        if (sum.resetsConflict) annotations.warn(conflictingResets("aggregation"), position);
        if (sum.boundsDiffered) annotations.inform(reconciledBounds("aggregation"), position);
        this.output.setHistogram(step, sum.result());
      } else {
        kinds[step] = FLOAT;
        const divisor = this.#mean && (seen & INCREMENTAL) === 0 ? sums.counts[step]! : 1;
        values[step] = values[step]! / divisor + sums.lost[step]! / divisor;
      }
    }
  }
}

/** What a sum needs beside the values: for each step what it saw, what rounding lost, how many values there were. */
interface Sums {
  readonly seen: Uint8Array;
  readonly lost: Float64Array;
  /** Empty where no mean is asked for. */
  readonly counts: Float64Array;
}

function addToSum({ seen, lost }: Sums, totals: Float64Array, { kinds, values }: Row): void {
  for (let step = 0; step < kinds.length; step++) {
    if (kinds[step] !== FLOAT) continue;
    const value = values[step]!;
    if (seen[step] === 0) {
      seen[step] = SAW_FLOAT;
      totals[step] = value;
      continue;
    }
    seen[step]! |= SAW_FLOAT;
    const sum = totals[step]!;
    const next = sum + value;
    totals[step] = next;
    if (next - next !== 0) lost[step] = 0;
    else if (Math.abs(sum) >= Math.abs(value)) lost[step]! += sum - next + value;
    else lost[step]! += value - next + sum;
  }
}

function addToMean(sums: Sums, totals: Float64Array, { kinds, values }: Row): void {
  const { seen, lost, counts } = sums;
  for (let step = 0; step < kinds.length; step++) {
    if (kinds[step] !== FLOAT) continue;
    let value = values[step]!;
    const count = ++counts[step]!;
    if (count === 1) {
      seen[step]! |= SAW_FLOAT;
      totals[step] = value;
      continue;
    }
    let sum = totals[step]!;
    let next = sum + value;
    if ((seen[step]! & INCREMENTAL) !== 0 || next === Infinity || next === -Infinity) {
      // The mean of what came before, weighed, and the share of the new value.
      const weight = (seen[step]! & INCREMENTAL) !== 0 ? (count - 1) / count : 1 / count;
      seen[step]! |= INCREMENTAL;
      sum *= weight;
      lost[step]! *= weight;
      value /= count;
      next = sum + value;
    }
    totals[step] = next;
    if (next - next !== 0) lost[step] = 0;
    else if (Math.abs(sum) >= Math.abs(value)) lost[step]! += sum - next + value;
    else lost[step]! += value - next + sum;
  }
}

class ExtremeFold implements Fold {
  readonly output: Row;
  readonly #evaluation: Evaluation;
  readonly #node: Aggregation;
  readonly #max: boolean;

  constructor(evaluation: Evaluation, steps: number, node: Aggregation) {
    this.output = evaluation.newRow(steps);
    this.#evaluation = evaluation;
    this.#node = node;
    this.#max = node.operator === "max";
  }

  add({ kinds, values }: Row): void {
    const output = this.output;
    const best = output.values;
    const max = this.#max;
    for (let step = 0; step < kinds.length; step++) {
      if (kinds[step] === FLOAT) {
        const value = values[step]!;
        const known = best[step]!;
        if (
          output.kinds[step] === ABSENT || known !== known || (max ? value > known : value < known)
        ) {
          output.kinds[step] = FLOAT;
          best[step] = value;
        }
      } else if (kinds[step] === HISTOGRAM) {
        reportIgnored(this.#evaluation, this.#node);
      }
    }
  }

  finish(): void {}
}

class CountFold implements Fold {
  readonly output: Row;
  readonly #counts: boolean;

  constructor(evaluation: Evaluation, steps: number, counts: boolean) {
    this.output = evaluation.newRow(steps);
    this.#counts = counts;
  }

  add({ kinds }: Row): void {
    const { values, kinds: own } = this.output;
    for (let step = 0; step < kinds.length; step++) {
      if (kinds[step] === ABSENT) continue;
      own[step] = FLOAT;
      values[step] = this.#counts ? values[step]! + 1 : 1;
    }
  }

  finish(): void {}
}

/** Welford's method: mean and sum of squared distances, updated value by value. */
class VarianceFold implements Fold {
  readonly output: Row;
  readonly #evaluation: Evaluation;
  readonly #node: Aggregation;
  readonly #means: Float64Array;
  readonly #counts: Float64Array;

  constructor(evaluation: Evaluation, steps: number, node: Aggregation) {
    this.output = evaluation.newRow(steps);
    this.#evaluation = evaluation;
    this.#node = node;
    evaluation.hold(0, steps * 16);
    this.#means = new Float64Array(steps);
    this.#counts = new Float64Array(steps);
  }

  add({ kinds, values }: Row): void {
    const { kinds: own, values: squares } = this.output;
    for (let step = 0; step < kinds.length; step++) {
      if (kinds[step] === FLOAT) {
        const value = values[step]!;
        const count = ++this.#counts[step]!;
        own[step] = FLOAT;
        const delta = value - this.#means[step]!;
        this.#means[step]! += delta / count;
        // The first distance is zero, but NaN where the value is NaN or infinite.
        squares[step]! += count === 1 ? value - value : delta * (value - this.#means[step]!);
      } else if (kinds[step] === HISTOGRAM) {
        reportIgnored(this.#evaluation, this.#node);
      }
    }
  }

  finish(): void {
    const { kinds, values } = this.output;
    const deviation = this.#node.operator === "stddev";
    for (let step = 0; step < kinds.length; step++) {
      if (kinds[step] !== FLOAT) continue;
      const variance = values[step]! / this.#counts[step]!;
      values[step] = deviation ? Math.sqrt(variance) : variance;
    }
  }
}

/** A histogram met an aggregation that knows only floats. */
export function reportIgnored({ annotations }: Evaluation, node: Aggregation): void {
  const ranks = node.operator === "topk" || node.operator === "bottomk";
  const { position } = ranks ? node : node.expr;
  annotations.inform(ignoredInAggregation(node.operator), position);
}
