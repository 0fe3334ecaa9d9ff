/** A tree in the JSON form of Prometheus' `parse_query` endpoint. */
import type { AtModifier, Duration, Expr, VectorSelector } from "./ast.ts";
import { durationMs, isConstantDuration } from "./durations.ts";
import { formatDecimal } from "./number_format.ts";

/** What `JSON.stringify` turns into the answer. */
export type TreeJson = { readonly [key: string]: unknown };

/** Translates a tree. A duration that depends on the evaluation reads 0, as in Prometheus. */
export function treeJson(expr: Expr): TreeJson {
  switch (expr.kind) {
    case "number":
      return { type: "numberLiteral", val: formatDecimal(expr.value) };
    case "string":
      return { type: "stringLiteral", val: expr.value };
    case "vector_selector":
      return { type: "vectorSelector", ...selectorJson(expr) };
    case "matrix_selector":
      return {
        type: "matrixSelector",
        ...selectorJson(expr.selector),
        range: constantMs(expr.range),
      };
    case "subquery":
      return {
        type: "subquery",
        expr: treeJson(expr.expr),
        range: constantMs(expr.range),
        step: constantMs(expr.step),
        offset: constantMs(expr.offset),
        ...atJson(expr.at),
      };
    case "unary":
      return { type: "unaryExpr", op: expr.operator, expr: treeJson(expr.expr) };
    case "binary":
      return binaryJson(expr);
    case "aggregation":
      return {
        type: "aggregation",
        op: expr.operator,
        expr: treeJson(expr.expr),
        param: expr.param === undefined ? null : treeJson(expr.param),
        grouping: expr.labels,
        without: expr.without,
      };
    case "call":
      return callJson(expr);
    case "paren":
      return { type: "parenExpr", expr: treeJson(expr.expr) };
    case "step_invariant":
      return treeJson(expr.expr);
  }
}

function binaryJson(expr: Extract<Expr, { readonly kind: "binary" }>): TreeJson {
  const { matching } = expr;
  return {
    type: "binaryExpr",
    op: expr.operator,
    lhs: treeJson(expr.left),
    rhs: treeJson(expr.right),
    matching: matching === undefined ? null : {
      card: matching.cardinality,
      labels: matching.labels,
      on: matching.on,
      include: matching.include,
      fillValues: { lhs: matching.fillLeft ?? null, rhs: matching.fillRight ?? null },
    },
    bool: expr.bool,
  };
}

function callJson(expr: Extract<Expr, { readonly kind: "call" }>): TreeJson {
  const { name, args, argsMin, argsMax, returns } = expr.signature;
  const variadic = argsMin === argsMax ? 0 : argsMax === Infinity ? -1 : argsMax - argsMin;
  return {
    type: "call",
    func: { name, argTypes: args, variadic, returnType: returns },
    args: expr.args.map(treeJson),
  };
}

function selectorJson(selector: VectorSelector): TreeJson {
  const { name, matchers, offset, at, modifier } = selector;
  // Prometheus lists the condition that a bare name stands for last.
  const ordered = name === undefined ? matchers : [...matchers.slice(1), matchers[0]!];
  return {
    name: name ?? "",
    offset: constantMs(offset),
    matchers: ordered.map((matcher) => ({
      name: matcher.name,
      value: matcher.value,
      type: matcher.operator,
    })),
    ...atJson(at),
    anchored: modifier === "anchored",
    smoothed: modifier === "smoothed",
  };
}

function atJson(at: AtModifier | undefined): TreeJson {
  if (at === undefined) return { timestamp: null, startOrEnd: null };
  return at.kind === "time"
    ? { timestamp: at.ms, startOrEnd: null }
    : { timestamp: null, startOrEnd: at.kind };
}

function constantMs(duration: Duration | undefined): number {
  if (duration === undefined || !isConstantDuration(duration)) return 0;
  return durationMs(duration, { stepMs: 0, rangeMs: 0 });
}
