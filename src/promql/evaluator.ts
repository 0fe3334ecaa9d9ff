/**
 * Evaluates a tree over a grid: every node gives a stream of rows, each the samples of one series at all steps. Series
 * flow from the selectors through functions into the groups of an aggregation one by one; only operators that have to
 * see several series at once collect them.
 */
import { aggregate } from "./aggregation.ts";
import type { Expr, MatrixSelector, Subquery, VectorSelector } from "./ast.ts";
import { unwrap } from "./ast.ts";
import { negate, scalarBinary, vectorBinary } from "./binary.ts";
import { positiveDurationMs } from "./durations.ts";
import { PromqlError } from "./errors.ts";
import type { Evaluation, Grid } from "./evaluation.ts";
import { makeGrid, stepsError } from "./evaluation.ts";
import type { Evaluator, WindowStream } from "./evaluator_face.ts";
import { scalarCall, scalarRow, vectorCall } from "./functions.ts";
import { matrixBounds, subqueryGrid } from "./planner.ts";
import { HISTOGRAM, Row, type RowStream, StoredRows, streamOf } from "./row.ts";
import {
  EMPTY_IN_A_ROW_MAX,
  lookupTimes,
  type ReadingManner,
  rowAsSeries,
  selectInstant,
  SeriesReader,
  withoutStale,
} from "./selector.ts";

export class TreeEvaluator implements Evaluator {
  readonly evaluation: Evaluation;
  readonly #manners: ReadonlyMap<VectorSelector, ReadingManner>;

  constructor(evaluation: Evaluation, manners: ReadonlyMap<VectorSelector, ReadingManner>) {
    this.evaluation = evaluation;
    this.#manners = manners;
  }

  manner(selector: VectorSelector): ReadingManner {
    return this.#manners.get(selector) ?? { inOrder: true, detectResets: false };
  }

  vector(expr: Expr, grid: Grid): Promise<RowStream> {
    switch (expr.kind) {
      case "paren":
        return this.vector(expr.expr, grid);
      case "step_invariant":
        return this.#invariantVector(expr.expr, grid);
      case "vector_selector":
        return selectInstant({
          evaluation: this.evaluation,
          selector: expr,
          grid,
          content: "value",
          manner: this.manner(expr),
        });
      case "unary": {
        const operand = this.vector(expr.expr, grid);
        return expr.operator === "-" ? operand.then(negate) : operand;
      }
      case "binary":
        return vectorBinary(expr, this, grid);
      case "aggregation":
        return aggregate(expr, this, grid);
      case "call":
        return vectorCall(expr, this, grid);
      default:
        throw new PromqlError("internal", `Cannot evaluate ${expr.kind} as a vector`);
    }
  }

  async scalar(expr: Expr, grid: Grid): Promise<Float64Array> {
    switch (expr.kind) {
      case "paren":
        return await this.scalar(expr.expr, grid);
      case "step_invariant": {
        const [value] = await this.scalar(expr.expr, makeGrid(grid.startMs, grid.stepMs, 1));
        return new Float64Array(grid.steps).fill(value!);
      }
      case "number":
        return new Float64Array(grid.steps).fill(expr.value);
      case "unary": {
        const operand = await this.scalar(expr.expr, grid);
        return expr.operator === "-" ? operand.map((value) => -value) : operand;
      }
      case "binary":
        return await scalarBinary(expr, this, grid);
      case "call":
        return await scalarCall(expr, this, grid);
      default:
        throw new PromqlError("internal", `Cannot evaluate ${expr.kind} as a scalar`);
    }
  }

  windows(expr: Expr, grid: Grid): Promise<WindowStream> {
    const inner = unwrap(expr);
    if (inner.kind === "matrix_selector") return this.#selectorWindows(inner, grid);
    if (inner.kind === "subquery") return this.#subqueryWindows(inner, grid);
    throw new PromqlError("internal", `Cannot evaluate ${inner.kind} as a range vector`);
  }

  async collect(stream: RowStream, grid: Grid): Promise<Row[]> {
    const { evaluation } = this;
    const rows: Row[] = [];
    if (stream instanceof StoredRows) {
      for (const row of stream.rows) {
        if (evaluation.isDue) await evaluation.pause();
        if (row.isEmpty) continue;
        evaluation.holdRow(row);
        rows.push(row);
      }
      return rows;
    }
    let row = new Row(grid.steps);
    let { kinds, values } = row;
    while (stream.next(row)) {
      if (evaluation.isDue) await evaluation.pause();
      if (row.isEmpty) continue;
      evaluation.holdRow(row);
      rows.push(row);
      // A stream that hands out rows made before leaves the columns unused.
      const isSpare = row.kinds !== kinds && row.values !== values;
      row = isSpare ? new Row(grid.steps, { kinds, values }) : new Row(grid.steps);
      ({ kinds, values } = row);
    }
    return rows;
  }

  async forEach(stream: RowStream, grid: Grid, visit: (row: Row) => void): Promise<void> {
    const row = new Row(grid.steps);
    while (stream.next(row)) {
      visit(row);
      if (this.evaluation.isDue) await this.evaluation.pause();
    }
  }

  /** Evaluated at the first step, repeated at all others. */
  async #invariantVector(expr: Expr, grid: Grid): Promise<RowStream> {
    const once = makeGrid(grid.startMs, grid.stepMs, 1);
    const rows = await this.collect(await this.vector(expr, once), once);
    if (grid.steps === 1) return streamOf(rows);
    let at = 0;
    return {
      next(row) {
        const source = rows[at++];
        if (source === undefined) return false;
        row.labels = source.labels;
        row.dropName = source.dropName;
        row.kinds.fill(source.kinds[0]!);
        row.values.fill(source.values[0]!);
        row.histograms = source.kinds[0] === HISTOGRAM
          ? new Array(grid.steps).fill(source.histograms![0])
          : undefined;
        return true;
      },
    };
  }

  async #selectorWindows({ selector, range }: MatrixSelector, grid: Grid): Promise<WindowStream> {
    const { evaluation } = this;
    const { lookbackMs } = evaluation.options;
    const ends = lookupTimes(selector, grid.times, evaluation.options, evaluation.durations);
    const rangeMs = positiveDurationMs(range, evaluation.durations);
    const span = { startMs: ends[0]!, endMs: ends[ends.length - 1]! };
    const bounds = matrixBounds(span, rangeMs, selector.modifier, lookbackMs);
    const reader = await SeriesReader.open(evaluation, selector, bounds, this.manner(selector));
    return {
      frame: { ends, rangeMs, lookbackMs, modifier: selector.modifier },
      next() {
        const columns = reader.next();
        return columns === undefined ? undefined : withoutStale(reader, columns);
      },
    };
  }

  async #subqueryWindows(node: Subquery, grid: Grid): Promise<WindowStream> {
    const { evaluation } = this;
    const { options, durations } = evaluation;
    const ends = lookupTimes(node, grid.times, options, durations);
    const span = { startMs: ends[0]!, endMs: ends[ends.length - 1]! };
    const { startMs, stepMs, steps } = subqueryGrid(node, span, {
      durations,
      subqueryStepMs: options.subqueryStepMs,
    });
    const { subqueryStepsMax } = options.limits;
    if (steps > subqueryStepsMax) throw stepsError(steps, "subqueryStepsMax", subqueryStepsMax);
    const frame = {
      ends,
      rangeMs: positiveDurationMs(node.range, durations),
      lookbackMs: options.lookbackMs,
      modifier: undefined,
    };
    if (steps === 0) return { frame, next: () => undefined };
    const inner = makeGrid(startMs, stepMs, steps);
    const rows = await this.vector(node.expr, inner);
    const row = new Row(steps);
    return {
      frame,
      next() {
        for (let empty = 0; rows.next(row); empty++) {
          // Also where it is time for a pause: whoever reads asks again.
          if (!row.isEmpty || empty === EMPTY_IN_A_ROW_MAX || evaluation.isDue) {
            return rowAsSeries(row, inner.times);
          }
        }
        return undefined;
      },
    };
  }
}

/** A scalar expression as a stream of one row without labels. */
export async function scalarAsVector(
  expr: Expr,
  evaluator: Evaluator,
  grid: Grid,
): Promise<RowStream> {
  return streamOf([scalarRow(await evaluator.scalar(expr, grid))]);
}
