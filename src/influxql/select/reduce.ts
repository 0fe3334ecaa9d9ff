/** Folds what is constant in an expression of SELECT: literals combined by operators, and parentheses around single terms. */
import { evaluate } from "../expressions/arithmetic.ts";
import type { Expr } from "../language/ast.ts";
import { cellAt, missing } from "../values/columns.ts";
import { isMathFunction } from "../expressions/math_functions.ts";
import { StatementError } from "../values/result.ts";

export function reduce(expr: Expr): Expr {
  switch (expr.kind) {
    case "parentheses": {
      const inner = reduce(expr.inner);
      return inner.kind === "binary" ? { kind: "parentheses", inner } : inner;
    }
    case "binary": {
      const reduced: Expr = { ...expr, left: reduce(expr.left), right: reduce(expr.right) };
      return isNumber(reduced.left) && isNumber(reduced.right) ? folded(reduced) : reduced;
    }
    case "call": {
      const reduced: Expr = { ...expr, args: expr.args.map(reduce) };
      const isConstant = isMathFunction(expr.name) && reduced.args.length > 0 &&
        reduced.args.every(isNumber);
      return isConstant ? folded(reduced) : reduced;
    }
    default:
      return expr;
  }
}

export function isLiteral({ kind }: Expr): boolean {
  return kind === "integer" || kind === "number" || kind === "string" || kind === "boolean" ||
    kind === "duration";
}

function isNumber({ kind }: Expr): boolean {
  return kind === "integer" || kind === "number";
}

/** The literal that an expression of numbers comes to; the expression itself where it comes to none. */
function folded(expr: Expr): Expr {
  try {
    const column = evaluate(expr, { count: 1, columnOf: () => missing("float", 1) });
    const value = cellAt(column, 0);
    if (typeof value !== "number" && typeof value !== "bigint") return expr;
    return column.kind === "float"
      ? { kind: "number", value: Number(value) }
      : { kind: "integer", value: BigInt(value) };
  } catch (error) {
    if (error instanceof StatementError) return expr;
    throw error;
  }
}
