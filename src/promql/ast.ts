/**
 * The tree of a query, as the parser leaves it: type-checked, immutable, free of the query's own time range, so
 * that one tree serves every evaluation of the same text.
 *
 * Invariants of a tree that came out of `parseQuery`
 * - Every type rule of the language holds: operand and argument types, matching clauses, places of modifiers.
 * - A modifier written after `selector[range]` stands in the selector below the matrix selector.
 * - `matching` is present exactly on binary expressions between two vectors.
 * - Depth is bounded by `QUERY_DEPTH_MAX`, so recursion over a tree is safe.
 *
 * Durations may depend on step and range of the evaluation; `durationMs` in durations.ts resolves them.
 */
import type { PositionRange } from "./errors.ts";
import type { LabelMatcher } from "./queryable.ts";
import type { FunctionSignature } from "./signatures.ts";

export type { PositionRange } from "./errors.ts";

export type ValueType = "scalar" | "string" | "vector" | "matrix";

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%" | "^" | "atan2";
export type ComparisonOperator = "==" | "!=" | "<" | "<=" | ">" | ">=";
/** Cut a histogram at a value: `</` keeps what lies below, `>/` what lies above. */
export type TrimOperator = "</" | ">/";
export type SetOperator = "and" | "or" | "unless";
export type BinaryOperator = ArithmeticOperator | ComparisonOperator | TrimOperator | SetOperator;

export type AggregationOperator =
  | "sum"
  | "avg"
  | "min"
  | "max"
  | "count"
  | "group"
  | "stddev"
  | "stdvar"
  | "quantile"
  | "count_values"
  | "topk"
  | "bottomk"
  | "limitk"
  | "limit_ratio";

interface NodeBase {
  readonly position: PositionRange;
  readonly type: ValueType;
}

export interface NumberLiteral extends NodeBase {
  readonly kind: "number";
  readonly type: "scalar";
  /** For a duration: seconds. */
  readonly value: number;
  /** Spelled as a duration, such as `5m`. */
  readonly isDuration: boolean;
}

export interface StringLiteral extends NodeBase {
  readonly kind: "string";
  readonly type: "string";
  readonly value: string;
}

/** Changes how a selector looks at the samples around its bounds. */
export type ExtendedModifier = "anchored" | "smoothed";

export interface VectorSelector extends NodeBase {
  readonly kind: "vector_selector";
  readonly type: "vector";
  /** The metric name if one stands before the braces. */
  readonly name: string | undefined;
  /** All conditions in the order written; a given `name` is the first of them, as `__name__=`. */
  readonly matchers: readonly LabelMatcher[];
  readonly offset: Duration | undefined;
  readonly at: AtModifier | undefined;
  readonly modifier: ExtendedModifier | undefined;
}

export interface MatrixSelector extends NodeBase {
  readonly kind: "matrix_selector";
  readonly type: "matrix";
  /** Holds `offset`, `at` and `modifier`. */
  readonly selector: VectorSelector;
  readonly range: Duration;
}

export interface Subquery extends NodeBase {
  readonly kind: "subquery";
  readonly type: "matrix";
  readonly expr: Expr;
  readonly range: Duration;
  /** Absent: the default evaluation interval. */
  readonly step: Duration | undefined;
  readonly offset: Duration | undefined;
  readonly at: AtModifier | undefined;
}

export interface UnaryExpr extends NodeBase {
  readonly kind: "unary";
  readonly operator: "+" | "-";
  readonly expr: Expr;
}

/** Which side may have several elements for one of the other. */
export type MatchCardinality = "one-to-one" | "many-to-one" | "one-to-many" | "many-to-many";

export interface VectorMatching {
  /** `many-to-one` is `group_left`, `one-to-many` is `group_right`, `many-to-many` belongs to set operators. */
  readonly cardinality: MatchCardinality;
  /** True: match on exactly `labels`; false: on all labels but these and the name. */
  readonly on: boolean;
  /** As written, without repetition. */
  readonly labels: readonly string[];
  /** Labels of the one side that go into the result, as written after `group_left` or `group_right`. */
  readonly include: readonly string[];
  /** Value that stands in for a missing left or right element. */
  readonly fillLeft: number | undefined;
  readonly fillRight: number | undefined;
}

export interface BinaryExpr extends NodeBase {
  readonly kind: "binary";
  readonly type: "scalar" | "vector";
  readonly operator: BinaryOperator;
  readonly left: Expr;
  readonly right: Expr;
  /** Comparison gives 0 or 1 in place of filtering. */
  readonly bool: boolean;
  readonly matching: VectorMatching | undefined;
}

export interface Aggregation extends NodeBase {
  readonly kind: "aggregation";
  readonly type: "vector";
  readonly operator: AggregationOperator;
  readonly expr: Expr;
  /** Scalar, or a string for `count_values`; present exactly for the operators that take one. */
  readonly param: Expr | undefined;
  /** `by` labels, or `without` labels where `without` is true. */
  readonly labels: readonly string[];
  readonly without: boolean;
}

export interface Call extends NodeBase {
  readonly kind: "call";
  readonly signature: FunctionSignature;
  readonly args: readonly Expr[];
}

export interface ParenExpr extends NodeBase {
  readonly kind: "paren";
  readonly expr: Expr;
}

/** Never parsed; `markStepInvariant` puts it around what has the same value at every step. */
export interface StepInvariantExpr extends NodeBase {
  readonly kind: "step_invariant";
  readonly expr: Expr;
}

export type Expr =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | UnaryExpr
  | BinaryExpr
  | Aggregation
  | Call
  | ParenExpr
  | StepInvariantExpr;

/** `@ time`, `@ start()`, `@ end()`. */
export type AtModifier =
  | { readonly kind: "time"; readonly ms: number }
  | { readonly kind: "start" }
  | { readonly kind: "end" };

export interface DurationLiteral {
  readonly kind: "literal";
  /** May be negative after `offset`; whole milliseconds only after rounding. */
  readonly seconds: number;
  readonly isDuration: boolean;
  readonly position: PositionRange;
}

/** `step()` is the query's step, `range()` its end minus its start. */
export interface DurationVariable {
  readonly kind: "step" | "range";
  readonly position: PositionRange;
}

export interface DurationUnary {
  readonly kind: "unary";
  readonly operator: "+" | "-";
  readonly operand: Duration;
  readonly position: PositionRange;
}

export interface DurationBinary {
  readonly kind: "binary";
  readonly operator: "+" | "-" | "*" | "/" | "%" | "^" | "min_of" | "max_of";
  readonly left: Duration;
  readonly right: Duration;
  readonly position: PositionRange;
}

export interface DurationParen {
  readonly kind: "paren";
  readonly operand: Duration;
  readonly position: PositionRange;
}

/** A range, offset or step: mostly one literal, else an expression over literals, `step()` and `range()`. */
export type Duration =
  | DurationLiteral
  | DurationVariable
  | DurationUnary
  | DurationBinary
  | DurationParen;

/** The expression inside any number of parentheses and step-invariant marks. */
export function unwrap(expr: Expr): Expr {
  let inner = expr;
  while (inner.kind === "paren" || inner.kind === "step_invariant") inner = inner.expr;
  return inner;
}

/** The direct subexpressions, left to right; a matrix selector has none. */
export function children(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "number":
    case "string":
    case "vector_selector":
    case "matrix_selector":
      return [];
    case "subquery":
    case "unary":
    case "paren":
    case "step_invariant":
      return [expr.expr];
    case "binary":
      return [expr.left, expr.right];
    case "aggregation":
      return expr.param === undefined ? [expr.expr] : [expr.param, expr.expr];
    case "call":
      return expr.args;
  }
}
