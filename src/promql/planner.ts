/** Before the evaluation: which span of time a query touches, and how its selectors read. */
import type { Expr, Subquery, VectorSelector } from "./ast.ts";
import { children, unwrap } from "./ast.ts";
import { type DurationContext, positiveDurationMs } from "./durations.ts";
import type { Expr as Tree } from "./ast.ts";
import type { MsBounds } from "./queryable.ts";
import { lookupTimes, type QueryBounds } from "./selector.ts";

export interface PlanContext {
  readonly query: QueryBounds;
  readonly durations: DurationContext;
  readonly lookbackMs: number;
  readonly subqueryStepMs: number;
}

/** Union of all times that the selectors of an expression may read; undefined if there are none. */
export function readBounds(
  expr: Tree,
  { startMs, endMs }: MsBounds,
  context: PlanContext,
): MsBounds | undefined {
  const spans: MsBounds[] = [];
  visit(expr, { startMs, endMs }, context, spans);
  if (spans.length === 0) return undefined;
  return {
    startMs: Math.min(...spans.map((span) => span.startMs)),
    endMs: Math.max(...spans.map((span) => span.endMs)),
  };
}

function visit(expr: Expr, steps: MsBounds, context: PlanContext, spans: MsBounds[]): void {
  const { lookbackMs } = context;
  if (expr.kind === "vector_selector") {
    const { startMs, endMs } = shifted(expr, steps, context);
    const after = expr.modifier === "smoothed" ? lookbackMs : 0;
    spans.push({ startMs: startMs - lookbackMs, endMs: endMs + after });
  } else if (expr.kind === "matrix_selector") {
    spans.push(matrixBounds(
      shifted(expr.selector, steps, context),
      positiveDurationMs(expr.range, context.durations),
      expr.selector.modifier,
      lookbackMs,
    ));
  } else if (expr.kind === "subquery") {
    const { startMs, steps: count, stepMs } = subqueryGrid(
      expr,
      shifted(expr, steps, context),
      context,
    );
    if (count === 0) return;
    const inner = { startMs, endMs: startMs + (count - 1) * stepMs };
    visit(expr.expr, inner, context, spans);
  } else {
    if (expr.kind === "call" && expr.signature.name === "info") {
      spans.push(infoBounds(expr.args[0]!, steps, context));
    }
    for (const child of children(expr)) visit(child, steps, context, spans);
  }
}

/** First and last time that a selector or subquery looks from. */
function shifted(
  placed: Pick<VectorSelector, "at" | "offset">,
  { startMs, endMs }: MsBounds,
  context: PlanContext,
): MsBounds {
  const times = Float64Array.of(startMs, endMs);
  const lookups = lookupTimes(placed, times, context.query, context.durations);
  return { startMs: lookups[0]!, endMs: lookups[1]! };
}

/** What windows that end within some bounds read. */
export function matrixBounds(
  ends: MsBounds,
  rangeMs: number,
  modifier: VectorSelector["modifier"],
  lookbackMs: number,
): MsBounds {
  const before = modifier === undefined ? 0 : lookbackMs;
  const after = modifier === "smoothed" ? lookbackMs : 0;
  return { startMs: ends.startMs - rangeMs - before, endMs: ends.endMs + after };
}

/** The times at which a subquery evaluates its expression: multiples of its step inside all of its windows. */
export function subqueryGrid(
  node: Subquery,
  ends: MsBounds,
  context: Pick<PlanContext, "durations" | "subqueryStepMs">,
): { readonly startMs: number; readonly stepMs: number; readonly steps: number } {
  const rangeMs = positiveDurationMs(node.range, context.durations);
  const stepMs = node.step === undefined
    ? context.subqueryStepMs
    : positiveDurationMs(node.step, context.durations);
  const open = ends.startMs - rangeMs;
  let startMs = stepMs * Math.trunc(open / stepMs);
  if (startMs <= open) startMs += stepMs;
  const steps = Math.max(0, Math.floor((ends.endMs - startMs) / stepMs) + 1);
  return { startMs, stepMs, steps };
}

/** What `info` reads of the info series: around the steps, moved by `@` and offset of the first selector of its argument. */
export function infoBounds(
  argument: Expr,
  steps: MsBounds,
  context: Pick<PlanContext, "query" | "durations" | "lookbackMs">,
): MsBounds {
  const selector = firstSelector(argument);
  const times = Float64Array.of(steps.startMs, steps.endMs);
  const lookups = selector === undefined
    ? times
    : lookupTimes(selector, times, context.query, context.durations);
  return { startMs: lookups[0]! - context.lookbackMs, endMs: lookups[1]! };
}

function firstSelector(expr: Expr): VectorSelector | undefined {
  if (expr.kind === "vector_selector") return expr;
  if (expr.kind === "matrix_selector") return expr.selector;
  for (const child of children(expr)) {
    const found = firstSelector(child);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Functions that need of histograms only count and sum: below them unknown counter resets are looked into. */
const OF_TOTALS = /^histogram_(?:count|sum|avg)$/;
const OF_BUCKETS = /^histogram_(?:quantiles?|fraction|stddev|stdvar)$/;

/**
 * The selectors whose histograms are read for count and sum only. Their counter resets are determined while reading,
 * from each sample's predecessor, because an aggregation cannot find them afterwards.
 */
export function selectorsOfTotals(expr: Expr): ReadonlySet<VectorSelector> {
  const found = new Set<VectorSelector>();
  const walk = (node: Expr, ofTotals: boolean): void => {
    if (node.kind === "vector_selector" || node.kind === "matrix_selector") {
      const selector = node.kind === "vector_selector" ? node : node.selector;
      if (ofTotals) found.add(selector);
      return;
    }
    let below = ofTotals;
    const inner = unwrap(node);
    if (inner.kind === "call") {
      if (OF_TOTALS.test(inner.signature.name)) below = true;
      else if (OF_BUCKETS.test(inner.signature.name)) below = false;
    } else if (inner.kind === "binary" && (inner.operator === "</" || inner.operator === ">/")) {
      below = false;
    }
    for (const child of children(node)) walk(child, below);
  };
  walk(expr, false);
  return found;
}
