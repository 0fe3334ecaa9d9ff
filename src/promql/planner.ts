/** Before the evaluation: which span of time a query touches, and how its selectors read. */
import type { Expr, Subquery, VectorSelector } from "./ast.ts";
import { children } from "./ast.ts";
import { type DurationContext, positiveDurationMs } from "./durations.ts";
import type { MsBounds } from "./queryable.ts";
import { lookupTime, type QueryBounds, type ReadingManner } from "./selector.ts";

export interface PlanContext {
  readonly query: QueryBounds;
  readonly durations: DurationContext;
  readonly lookbackMs: number;
  readonly subqueryStepMs: number;
}

/** Union of all times that the selectors of an expression may read; undefined if there are none. */
export function readBounds(
  expr: Expr,
  { startMs, endMs }: MsBounds,
  context: PlanContext,
): MsBounds | undefined {
  const union = { startMs: Infinity, endMs: -Infinity };
  visit(expr, { startMs, endMs }, context, union);
  return union.startMs > union.endMs ? undefined : union;
}

/** Bounds that grow. */
interface Union {
  startMs: number;
  endMs: number;
}

function include(union: Union, startMs: number, endMs: number): void {
  if (startMs < union.startMs) union.startMs = startMs;
  if (endMs > union.endMs) union.endMs = endMs;
}

function visit(expr: Expr, steps: MsBounds, context: PlanContext, union: Union): void {
  const { lookbackMs } = context;
  if (expr.kind === "vector_selector") {
    const { startMs, endMs } = shifted(expr, steps, context);
    const after = expr.modifier === "smoothed" ? lookbackMs : 0;
    include(union, startMs - lookbackMs, endMs + after);
  } else if (expr.kind === "matrix_selector") {
    const { startMs, endMs } = matrixBounds(
      shifted(expr.selector, steps, context),
      positiveDurationMs(expr.range, context.durations),
      expr.selector.modifier,
      lookbackMs,
    );
    include(union, startMs, endMs);
  } else if (expr.kind === "subquery") {
    const { startMs, steps: count, stepMs } = subqueryGrid(
      expr,
      shifted(expr, steps, context),
      context,
    );
    if (count === 0) return;
    const inner = { startMs, endMs: startMs + (count - 1) * stepMs };
    visit(expr.expr, inner, context, union);
  } else {
    if (expr.kind === "call" && expr.signature.name === "info") {
      const { startMs, endMs } = infoBounds(expr.args[0]!, steps, context);
      include(union, startMs, endMs);
    }
    for (const child of children(expr)) visit(child, steps, context, union);
  }
}

/** First and last time that a selector or subquery looks from. */
function shifted(
  placed: Pick<VectorSelector, "at" | "offset">,
  { startMs, endMs }: MsBounds,
  { query, durations }: Pick<PlanContext, "query" | "durations">,
): MsBounds {
  return {
    startMs: lookupTime(placed, startMs, query, durations),
    endMs: lookupTime(placed, endMs, query, durations),
  };
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
  const { startMs, endMs } = selector === undefined ? steps : shifted(selector, steps, context);
  return { startMs: startMs - context.lookbackMs, endMs };
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

/** Operators whose result depends on the order of their operands' series where samples are equal. */
const OF_ORDER = /^(?:topk|bottomk|limitk)$/;

/** All manners there are: the same objects for all queries. */
const IN_ANY_ORDER: ReadingManner = { inOrder: false, detectResets: false };
const IN_ORDER: ReadingManner = { inOrder: true, detectResets: false };
const IN_ANY_ORDER_WITH_RESETS: ReadingManner = { inOrder: false, detectResets: true };
const IN_ORDER_WITH_RESETS: ReadingManner = { inOrder: true, detectResets: true };

function mannerOf(inOrder: boolean, detectResets: boolean): ReadingManner {
  if (detectResets) return inOrder ? IN_ORDER_WITH_RESETS : IN_ANY_ORDER_WITH_RESETS;
  return inOrder ? IN_ORDER : IN_ANY_ORDER;
}

/**
 * How each selector is to be read. Where histograms are asked for count and sum only, their counter resets are determined
 * while reading, from each sample's predecessor, because an aggregation cannot find them afterwards. The order of
 * series matters only where some are chosen by it, and in the result of an instant query (`inOrder`).
 */
export function readingManners(
  expr: Expr,
  { inOrder }: Pick<ReadingManner, "inOrder">,
): ReadonlyMap<VectorSelector, ReadingManner> {
  const manners = new Map<VectorSelector, ReadingManner>();
  findManners(expr, mannerOf(inOrder, false), manners);
  return manners;
}

function findManners(
  node: Expr,
  above: ReadingManner,
  manners: Map<VectorSelector, ReadingManner>,
): void {
  if (node.kind === "vector_selector" || node.kind === "matrix_selector") {
    manners.set(node.kind === "vector_selector" ? node : node.selector, above);
    return;
  }
  const below = mannerBelow(node, above);
  for (const child of children(node)) findManners(child, below, manners);
}

function mannerBelow(node: Expr, above: ReadingManner): ReadingManner {
  const { inOrder, detectResets } = above;
  if (node.kind === "aggregation") return mannerOf(OF_ORDER.test(node.operator), detectResets);
  if (node.kind === "binary" && (node.operator === "</" || node.operator === ">/")) {
    return mannerOf(inOrder, false);
  }
  if (node.kind !== "call") return above;
  const { name } = node.signature;
  if (OF_TOTALS.test(name)) return mannerOf(inOrder, true);
  if (OF_BUCKETS.test(name)) return mannerOf(inOrder, false);
  return name.startsWith("sort") ? mannerOf(true, detectResets) : above;
}

/** Operators whose groups are the series they are given, or make new labels out of values. */
export const KEEPS_SERIES: RegExp = /^(?:topk|bottomk|limitk|limit_ratio)$/;

/**
 * Whether no two rows of an expression have equal labels, apart from names still to be removed. False where that is not
 * plain from the expression.
 */
export function hasDistinctRows(expr: Expr): boolean {
  switch (expr.kind) {
    case "paren":
    case "step_invariant":
      return hasDistinctRows(expr.expr);
    case "vector_selector":
      return true;
    case "aggregation":
      if (KEEPS_SERIES.test(expr.operator)) return hasDistinctRows(expr.expr);
      return expr.operator !== "count_values";
    case "binary":
      if (expr.operator === "or") return true;
      if (expr.operator === "and" || expr.operator === "unless") return hasDistinctRows(expr.left);
      if (expr.left.type === "scalar") return hasDistinctRows(expr.right);
      return expr.right.type === "scalar" && hasDistinctRows(expr.left);
    case "call":
      return expr.signature.name === "label_replace" || expr.signature.name === "label_join" ||
        expr.args.some((arg) => arg.kind === "matrix_selector");
    default:
      return false;
  }
}
