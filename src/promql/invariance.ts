/**
 * What has the same value at every step: expressions whose selectors all have `@` and whose functions do not depend on
 * the evaluation time. They are evaluated once.
 */
import type { Call, Expr } from "./ast.ts";
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

/**
 * The tree with each largest invariant part, but for literals, wrapped as step-invariant: itself where there is none, as
 * mostly.
 */
export function markStepInvariant(expr: Expr): Expr {
  switch (expr.kind) {
    case "number":
    case "string":
    case "step_invariant":
    case "matrix_selector":
      return expr;
    case "vector_selector":
      return expr.at === undefined ? expr : wrapped(expr);
    case "subquery": {
      // Its inner steps differ even where its own time is fixed.
      const inner = markStepInvariant(expr.expr);
      return inner === expr.expr ? expr : { ...expr, expr: inner };
    }
    case "paren":
    case "unary": {
      const inner = markStepInvariant(expr.expr);
      if (isInvariant(inner)) return wrapped({ ...expr, expr: bare(inner) });
      return inner === expr.expr ? expr : { ...expr, expr: inner };
    }
    case "binary": {
      const left = markStepInvariant(expr.left);
      const right = markStepInvariant(expr.right);
      if (isInvariant(left) && isInvariant(right)) {
        return wrapped({ ...expr, left: bare(left), right: bare(right) });
      }
      return left === expr.left && right === expr.right ? expr : { ...expr, left, right };
    }
    case "aggregation": {
      const inner = markStepInvariant(expr.expr);
      const param = expr.param === undefined ? undefined : markStepInvariant(expr.param);
      if (isInvariant(inner) && (param === undefined || isInvariant(param))) {
        return wrapped({ ...expr, expr: bare(inner), param: param && bare(param) });
      }
      const isSame = inner === expr.expr && param === expr.param;
      return isSame ? expr : { ...expr, expr: inner, param };
    }
    case "call":
      return markCall(expr);
  }
}

function markCall(expr: Call): Expr {
  let isWhole = true;
  let isSame = true;
  const args: Expr[] = [];
  for (const arg of expr.args) {
    const marked = markStepInvariant(arg);
    args.push(marked);
    isWhole = isWhole && isInvariant(marked);
    isSame = isSame && marked === arg;
  }
  const { name } = expr.signature;
  const ofSample = name === "timestamp" && args.length > 0 &&
    unwrap(args[0]!).kind === "vector_selector";
  if (isWhole && (ofSample || !OF_TIME.has(name))) {
    return wrapped({ ...expr, args: args.map(bare) });
  }
  return isSame ? expr : { ...expr, args };
}

/** Whether a marked part is invariant: wrapped, or one of those that gain nothing by it. */
function isInvariant(marked: Expr): boolean {
  switch (marked.kind) {
    case "number":
    case "string":
    case "step_invariant":
      return true;
    case "matrix_selector":
      return marked.selector.at !== undefined;
    case "subquery":
      return marked.at !== undefined;
    case "paren":
      return isInvariant(marked.expr);
    default:
      return false;
  }
}

/** A marked part as a part of one that is invariant as a whole. */
function bare(marked: Expr): Expr {
  return marked.kind === "step_invariant" ? marked.expr : marked;
}

function wrapped(expr: Expr): Expr {
  const { kind } = unwrap(expr);
  if (kind === "number" || kind === "string" || kind === "matrix_selector" || kind === "subquery") {
    return expr;
  }
  return { kind: "step_invariant", type: expr.type, position: expr.position, expr };
}
