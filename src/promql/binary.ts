/** Binary operators with at least one scalar, and unary signs. Those between vectors: matching.ts, set_operators.ts. */
import {
  arithmetic,
  combineSamples,
  comparison,
  isArithmetic,
  isComparison,
  type OperatorPlace,
  type Sample,
} from "./arithmetic.ts";
import type { BinaryExpr, BinaryOperator } from "./ast.ts";
import type { Grid } from "./evaluation.ts";
import type { Evaluator } from "./evaluator_face.ts";
import { scaleHistogram } from "./histogram_math.ts";
import { matchVectors } from "./matching.ts";
import { ABSENT, FLOAT, mapRows, type Row, type RowStream } from "./row.ts";
import { combineSets } from "./set_operators.ts";

/** Scalar by scalar; comparisons give 0 or 1. */
export async function scalarBinary(
  node: BinaryExpr,
  evaluator: Evaluator,
  grid: Grid,
): Promise<Float64Array> {
  const left = await evaluator.scalar(node.left, grid);
  const right = await evaluator.scalar(node.right, grid);
  const { operator } = node;
  if (isComparison(operator)) {
    const holds = comparison(operator);
    return left.map((value, step) => holds(value, right[step]!) ? 1 : 0);
  }
  if (!isArithmetic(operator)) return new Float64Array(grid.steps).fill(NaN);
  const compute = arithmetic(operator);
  return left.map((value, step) => compute(value, right[step]!));
}

export async function vectorBinary(
  node: BinaryExpr,
  evaluator: Evaluator,
  grid: Grid,
): Promise<RowStream> {
  const { operator } = node;
  if (node.left.type === "scalar" || node.right.type === "scalar") {
    const swapped = node.left.type === "scalar";
    const scalar = await evaluator.scalar(swapped ? node.left : node.right, grid);
    const vector = await evaluator.vector(swapped ? node.right : node.left, grid);
    return withScalar(vector, scalar, node, {
      annotations: evaluator.evaluation.annotations,
      position: node.position,
    });
  }
  if (operator === "and" || operator === "or" || operator === "unless") {
    return await combineSets(node, operator, evaluator, grid);
  }
  return await matchVectors(node, evaluator, grid);
}

function withScalar(
  vector: RowStream,
  scalar: Float64Array,
  node: BinaryExpr,
  place: OperatorPlace,
): RowStream {
  const { operator, bool } = node;
  const swapped = node.left.type === "scalar";
  const change = isComparison(operator)
    ? comparisonWithScalar(scalar, operator, { swapped, bool })
    : isArithmetic(operator)
    ? arithmeticWithScalar(scalar, operator, swapped)
    : undefined;
  return mapRows(vector, (row) => {
    if (row.histograms !== undefined || change === undefined) {
      sampleWise(row, scalar, { operator, swapped, bool, place });
    } else {
      change(row);
    }
    if (bool || isArithmetic(operator)) row.dropName = true;
  });
}

function arithmeticWithScalar(
  scalar: Float64Array,
  operator: Parameters<typeof arithmetic>[0],
  swapped: boolean,
): (row: Row) => void {
  const compute = arithmetic(operator);
  return ({ values }) => {
    for (let step = 0; step < values.length; step++) {
      values[step] = swapped
        ? compute(scalar[step]!, values[step]!)
        : compute(values[step]!, scalar[step]!);
    }
  };
}

function comparisonWithScalar(
  scalar: Float64Array,
  operator: Parameters<typeof comparison>[0],
  { swapped, bool }: { readonly swapped: boolean; readonly bool: boolean },
): (row: Row) => void {
  const compare = comparison(operator);
  return ({ values, kinds }) => {
    for (let step = 0; step < values.length; step++) {
      const holds = swapped
        ? compare(scalar[step]!, values[step]!)
        : compare(values[step]!, scalar[step]!);
      if (bool) values[step] = holds ? 1 : 0;
      else if (!holds) kinds[step] = ABSENT;
    }
  };
}

/** The general form, for rows with histograms and for operators that only histograms have. */
function sampleWise(
  row: Row,
  scalar: Float64Array,
  { operator, swapped, bool, place }: {
    readonly operator: BinaryOperator;
    readonly swapped: boolean;
    readonly bool: boolean;
    readonly place: OperatorPlace;
  },
): void {
  for (let step = 0; step < row.kinds.length; step++) {
    if (row.kinds[step] === ABSENT) continue;
    const own: Sample = row.kinds[step] === FLOAT ? row.values[step]! : row.histograms![step]!;
    const left = swapped ? scalar[step]! : own;
    const right = swapped ? own : scalar[step]!;
    const result = combineSamples(operator, left, right, place);
    if (result === undefined || (!result.holds && !bool)) {
      row.kinds[step] = ABSENT;
    } else if (bool) {
      row.setFloat(step, result.holds ? 1 : 0);
    } else {
      // A filter keeps the vector's sample on whichever side it stands.
      const value = isComparison(operator) ? own : result.value;
      if (typeof value === "number") row.setFloat(step, value);
      else row.setHistogram(step, value);
    }
  }
}

/** Unary minus. */
export function negate(vector: RowStream): RowStream {
  return mapRows(vector, (row) => {
    row.dropName = true;
    const { kinds, values } = row;
    for (let step = 0; step < kinds.length; step++) {
      if (kinds[step] === FLOAT) values[step] = -values[step]!;
      else if (kinds[step] !== ABSENT) {
        row.setHistogram(step, scaleHistogram(row.histograms![step]!, -1));
      }
    }
  });
}
