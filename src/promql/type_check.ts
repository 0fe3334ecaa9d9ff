/**
 * The type rules of the language, checked once over a whole tree: operand and argument types, arity, matching
 * clauses, what selectors must say.
 */
import { compileRegex } from "../../engine/mod.ts";
import type {
  Aggregation,
  BinaryExpr,
  Call,
  Duration,
  Expr,
  ValueType,
  VectorSelector,
} from "./ast.ts";
import { children } from "./ast.ts";
import type { PositionRange } from "./errors.ts";
import { ParseError } from "./errors.ts";
import type { LabelMatcher } from "./queryable.ts";
import { QUERY_DEPTH_MAX } from "./token_stream.ts";

export interface SyntaxOptions {
  /** Accept what Prometheus calls experimental: some functions and aggregations, duration expressions, extended ranges, fill. Default true. */
  readonly experimental?: boolean;
}

const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">="]);
const SET_OPERATORS: ReadonlySet<string> = new Set(["and", "or", "unless"]);
const EXPERIMENTAL_AGGREGATIONS: ReadonlySet<string> = new Set(["limitk", "limit_ratio"]);

/** Names of the types in messages. */
export const TYPE_NAMES: Readonly<Record<ValueType, string>> = {
  scalar: "scalar",
  string: "string",
  vector: "instant vector",
  matrix: "range vector",
};

/** Throws a `ParseError` for the first rule that the tree breaks. */
export function checkTypes(query: string, expr: Expr, options: SyntaxOptions = {}): void {
  new TypeCheck(query, options).check(expr, 1);
}

class TypeCheck {
  readonly #query: string;
  readonly #experimental: boolean;

  constructor(query: string, options: SyntaxOptions) {
    this.#query = query;
    this.#experimental = options.experimental ?? true;
  }

  check(expr: Expr, depth: number): void {
    if (depth > QUERY_DEPTH_MAX) {
      throw this.#error(expr, `query is nested deeper than ${QUERY_DEPTH_MAX} levels`);
    }
    for (const child of children(expr)) {
      // The second argument of info is a list of conditions, not a selection.
      if (expr.kind === "call" && isInfoMatchers(expr, child)) continue;
      this.check(child, depth + 1);
    }
    switch (expr.kind) {
      case "vector_selector":
        return this.#selector(expr);
      case "matrix_selector":
        this.#duration(expr.range);
        return this.#selector(expr.selector);
      case "subquery":
        this.#duration(expr.range);
        this.#duration(expr.step);
        this.#duration(expr.offset);
        return this.#expect(
          expr.expr.type === "vector",
          expr,
          () => `subquery is only allowed on instant vector, got ${expr.expr.type} instead`,
        );
      case "unary":
        return this.#expect(
          expr.type === "scalar" || expr.type === "vector",
          expr,
          () =>
            `unary expression only allowed on expressions of type scalar or instant vector, got "${
              TYPE_NAMES[expr.type]
            }"`,
        );
      case "binary":
        return this.#binary(expr);
      case "aggregation":
        return this.#aggregation(expr);
      case "call":
        return this.#call(expr);
      case "number":
      case "string":
      case "paren":
      case "step_invariant":
        return;
    }
  }

  #selector(selector: VectorSelector, requireCondition = true): void {
    this.#duration(selector.offset);
    if (selector.modifier !== undefined) {
      this.#expect(
        this.#experimental,
        selector,
        () => `${selector.modifier} modifier is not enabled`,
      );
    }
    let selects = !requireCondition;
    for (const matcher of selector.matchers) {
      try {
        if (!matchesEmpty(matcher)) selects = true;
      } catch (error) {
        throw this.#error(selector, error instanceof Error ? error.message : String(error));
      }
    }
    this.#expect(
      selects,
      selector,
      () => "vector selector must contain at least one non-empty matcher",
    );
  }

  #duration(duration: Duration | undefined): void {
    if (duration === undefined || duration.kind === "literal" || this.#experimental) return;
    throw new ParseError(this.#query, duration.position, "duration expressions are not enabled");
  }

  #binary(expr: BinaryExpr): void {
    const { operator, left, right, matching } = expr;
    for (const side of [left, right]) {
      this.#expect(
        side.type === "scalar" || side.type === "vector",
        side,
        () => "binary expression must contain only scalar and instant vector types",
      );
    }
    const vectors = left.type === "vector" && right.type === "vector";
    const scalars = left.type === "scalar" && right.type === "scalar";
    const comparison = COMPARISONS.has(operator);
    this.#expect(
      !expr.bool || comparison,
      operatorOf(expr, this.#query),
      () => "bool modifier can only be used on comparison operators",
    );
    this.#expect(
      !scalars || !comparison || expr.bool,
      operatorOf(expr, this.#query),
      () => "comparisons between scalars must use BOOL modifier",
    );
    if (SET_OPERATORS.has(operator)) {
      this.#expect(
        vectors,
        expr,
        () => `set operator ${JSON.stringify(operator)} not allowed in binary scalar expression`,
      );
    }
    if (operator === "</" || operator === ">/") {
      this.#expect(
        !scalars,
        expr,
        () => `operator "${operator}" not allowed for scalar operations`,
      );
    }
    if (matching === undefined) return;
    const fill = matching.fillLeft !== undefined || matching.fillRight !== undefined;
    this.#expect(
      vectors || !fill,
      expr,
      () => "filling in missing series only allowed between instant vectors",
    );
    this.#expect(vectors, expr, () => "vector matching only allowed between instant vectors");
    this.#expect(
      !fill || !SET_OPERATORS.has(operator),
      expr,
      () => "filling in missing series not allowed for set operators",
    );
    this.#expect(!fill || this.#experimental, expr, () => "fill modifiers are not enabled");
    if (!matching.on) return;
    for (const label of matching.include) {
      this.#expect(
        !matching.labels.includes(label),
        operatorOf(expr, this.#query),
        () => `label ${JSON.stringify(label)} must not occur in ON and GROUP clause at once`,
      );
    }
  }

  #aggregation(expr: Aggregation): void {
    const { operator, param } = expr;
    this.#expect(
      this.#experimental || !EXPERIMENTAL_AGGREGATIONS.has(operator),
      expr,
      () => `function "${operator}" is not enabled`,
    );
    this.#expectType(expr.expr, "vector", "aggregation expression");
    if (param === undefined) return;
    this.#expectType(
      param,
      operator === "count_values" ? "string" : "scalar",
      "aggregation parameter",
    );
  }

  #call(expr: Call): void {
    const { signature, args } = expr;
    const name = JSON.stringify(signature.name);
    this.#expect(
      this.#experimental || !signature.experimental,
      expr,
      () => `function ${name} is not enabled`,
    );
    const { argsMin, argsMax } = signature;
    if (args.length < argsMin || args.length > argsMax) {
      const wanted = argsMin === argsMax ? "" : args.length < argsMin ? "at least " : "at most ";
      const count = args.length < argsMin ? argsMin : argsMax;
      throw this.#error(
        expr,
        `expected ${wanted}${count} argument(s) in call to ${name}, got ${args.length}`,
      );
    }
    args.forEach((argument, index) => {
      const type = signature.args[Math.min(index, signature.args.length - 1)]!;
      if (isInfoMatchers(expr, argument)) return this.#infoMatchers(argument);
      this.#expectType(argument, type, `call to function ${name}`);
    });
  }

  #infoMatchers(argument: Expr): void {
    this.#expect(
      argument.kind === "vector_selector" && argument.name === undefined,
      argument,
      () =>
        "expected label selectors only" +
        (argument.kind === "vector_selector" ? ", got vector selector instead" : ""),
    );
    if (argument.kind === "vector_selector") this.#selector(argument, false);
  }

  #expectType(expr: Expr, type: ValueType, place: string): void {
    this.#expect(
      expr.type === type,
      expr,
      () => `expected type ${TYPE_NAMES[type]} in ${place}, got ${TYPE_NAMES[expr.type]}`,
    );
  }

  #expect(holds: boolean, at: { readonly position: PositionRange }, reason: () => string): void {
    if (!holds) throw this.#error(at, reason());
  }

  #error({ position }: { readonly position: PositionRange }, reason: string): ParseError {
    return new ParseError(this.#query, position, reason);
  }
}

/** Where the operator of an expression stands: behind the left operand and what space there is. */
function operatorOf({ left, right }: BinaryExpr, query: string): { position: PositionRange } {
  let start = left.position.end;
  while (start < right.position.start && /[\s)]/.test(query[start]!)) start++;
  return { position: { start, end: right.position.start } };
}

function isInfoMatchers(call: Call, argument: Expr): boolean {
  return call.signature.name === "info" && call.args.indexOf(argument) === 1;
}

/** Whether the matcher accepts a missing label. Throws, with a reason, for a bad regular expression. */
function matchesEmpty(matcher: LabelMatcher): boolean {
  switch (matcher.operator) {
    case "=":
      return matcher.value === "";
    case "!=":
      return matcher.value !== "";
    case "=~":
      return compileRegex(matcher.value).matchesEmpty;
    case "!~":
      return !compileRegex(matcher.value).matchesEmpty;
  }
}
