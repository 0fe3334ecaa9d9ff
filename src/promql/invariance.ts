/**
 * What has the same value at every step: expressions whose selectors all have `@` and whose functions do not depend on
 * the evaluation time. They are evaluated once.
 */
import type { Expr, VectorSelector } from "./ast.ts";
import { unwrap } from "./ast.ts";

/** Functions of the evaluation time, whatever their arguments. */
const OF_TIME: ReadonlySet<string> = new Set([
  "time",
  "timestamp",
  "predict_linear",
  "minute",
  "hour",
  "day_of_week",
  "day_of_month",
  "day_of_year",
  "days_in_month",
  "month",
  "year",
  "start",
  "end",
  "range",
  "step",
]);

/** The tree with each largest invariant part, but for literals, wrapped as step-invariant. */
export function markStepInvariant(expr: Expr): Expr {
  const marked = mark(expr);
  return marked.invariant ? wrap(marked.expr) : marked.expr;
}

interface Marked {
  readonly expr: Expr;
  readonly invariant: boolean;
}

function wrap(expr: Expr): Expr {
  const inner = unwrap(expr);
  if (inner.kind === "number" || inner.kind === "string" || inner.kind === "matrix_selector") {
    return expr;
  }
  return inner.kind === "subquery" ? expr : {
    kind: "step_invariant",
    type: expr.type,
    position: expr.position,
    expr,
  };
}

/** Wraps the invariant ones of some subexpressions, unless all are. */
function markAll(exprs: readonly Expr[]): { readonly exprs: Expr[]; readonly invariant: boolean } {
  const marked = exprs.map(mark);
  if (marked.every(({ invariant }) => invariant)) {
    return { exprs: marked.map(({ expr }) => expr), invariant: true };
  }
  const wrapped = marked.map(({ expr, invariant }) => invariant ? wrap(expr) : expr);
  return { exprs: wrapped, invariant: false };
}

function mark(expr: Expr): Marked {
  switch (expr.kind) {
    case "number":
    case "string":
    case "step_invariant":
      return { expr, invariant: true };
    case "vector_selector":
      return { expr, invariant: isFixed(expr) };
    case "matrix_selector":
      return { expr, invariant: isFixed(expr.selector) };
    case "subquery": {
      // Its inner steps differ even where its own time is fixed.
      const inner = markStepInvariant(expr.expr);
      return { expr: { ...expr, expr: inner }, invariant: expr.at !== undefined };
    }
    case "paren":
    case "unary": {
      const inner = mark(expr.expr);
      return { expr: { ...expr, expr: inner.expr }, invariant: inner.invariant };
    }
    case "binary": {
      const { exprs, invariant } = markAll([expr.left, expr.right]);
      return { expr: { ...expr, left: exprs[0]!, right: exprs[1]! }, invariant };
    }
    case "aggregation": {
      const { exprs, invariant } = markAll(
        expr.param === undefined ? [expr.expr] : [expr.expr, expr.param],
      );
      return { expr: { ...expr, expr: exprs[0]!, param: exprs[1] }, invariant };
    }
    case "call": {
      const { exprs, invariant } = markAll(expr.args);
      const { name } = expr.signature;
      if (!invariant) return { expr: { ...expr, args: exprs }, invariant };
      const ofSample = name === "timestamp" && unwrap(exprs[0]!).kind === "vector_selector";
      if (!OF_TIME.has(name) || ofSample) return { expr: { ...expr, args: exprs }, invariant };
      return { expr: { ...expr, args: exprs.map(wrap) }, invariant: false };
    }
  }
}

function isFixed(selector: VectorSelector): boolean {
  return selector.at !== undefined;
}
