/**
 * Whether the fields of a SELECT fit together: found out without looking at what is stored, in the order in which InfluxDB's
 * compiler does, since a statement gives the first error alone.
 */
import type { Call, Expr, Fill } from "../language/ast.ts";
import { checkArguments } from "../functions/arguments.ts";
import { influxqlFunction } from "../functions/registry.ts";
import { isMathFunction } from "../expressions/math_functions.ts";
import { printExpression } from "../language/printer.ts";
import { isLiteral } from "./reduce.ts";
import { StatementError } from "../values/result.ts";

export interface FieldsContext {
  readonly hasInterval: boolean;
  /** The interval is the outer statement's. */
  readonly isInherited: boolean;
  readonly hasTarget: boolean;
  readonly limit: number;
  readonly fill: Fill["kind"];
}

/** What is known of the fields so far. */
export class FieldRules {
  readonly #context: FieldsContext;
  #calls = 0;
  #hasPlainFields = false;
  #hasDistinct = false;
  #areSelectors = true;
  #topOrBottom = "";
  /** Whether wildcards may stand in the field at hand. */
  #allowsWildcard = true;

  constructor(context: FieldsContext) {
    this.#context = context;
  }

  get hasCalls(): boolean {
    return this.#calls > 0;
  }

  /** Checks one field. */
  check(expr: Expr): void {
    this.#allowsWildcard = true;
    this.#check(expr);
  }

  /** Checks what all fields are together. */
  finish(fields: number): void {
    if (fields === 0) throw new StatementError("at least 1 non-time field must be queried");
    if (this.#calls > 1 && this.#topOrBottom !== "") throw this.#notCombined();
    if (this.#calls === 0) this.#checkRaw();
    if (this.#hasDistinct && (this.#calls !== 1 || this.#hasPlainFields)) {
      throw new StatementError(
        "aggregate function distinct() cannot be combined with other functions or fields",
      );
    }
    if (!this.#hasPlainFields) return;
    if (!this.#areSelectors) {
      throw new StatementError("mixing aggregate and non-aggregate queries is not supported");
    }
    if (this.#calls > 1) {
      throw new StatementError(
        "mixing multiple selector functions with tags or fields is not supported",
      );
    }
  }

  #checkRaw(): void {
    const { fill, hasInterval, isInherited } = this.#context;
    if (fill === "none" || fill === "linear") {
      throw new StatementError(`fill(${fill}) must be used with a function`);
    }
    if (hasInterval && !isInherited) {
      throw new StatementError("GROUP BY requires at least one aggregate function");
    }
  }

  #check(expr: Expr): void {
    switch (expr.kind) {
      case "reference":
        this.#hasPlainFields = true;
        return;
      case "wildcard":
      case "regex":
        this.#hasPlainFields = true;
        if (this.#allowsWildcard) return;
        throw new StatementError(`unable to use ${expr.kind} in a binary expression`);
      case "call":
        return this.#checkCall(expr);
      case "binary":
        return this.#checkBinary(expr.left, expr.right);
      case "parentheses":
        return this.#check(expr.inner);
      default:
        throw new StatementError("field must contain at least one variable");
    }
  }

  #checkBinary(left: Expr, right: Expr): void {
    this.#allowsWildcard = false;
    if (isLiteral(left) && isLiteral(right)) {
      throw new StatementError("cannot perform a binary expression on two literals");
    }
    if (!isLiteral(left)) this.#check(left);
    if (!isLiteral(right)) this.#check(right);
  }

  #checkCall(call: Call): void {
    const { name, args } = call;
    if (isMathFunction(name)) {
      checkArguments(call);
      for (const each of args) if (!isLiteral(each)) this.#check(each);
      return;
    }
    this.#calls++;
    if (isTopOrBottom(name) && this.#topOrBottom !== "") throw this.#notCombined();
    checkArguments(call);
    if (isTopOrBottom(name)) return this.#noteTopBottom(call);
    if (name === "distinct") this.#hasDistinct = true;
    if (!isPicking(name)) this.#areSelectors = false;
    const argument = args[0]!;
    if (influxqlFunction(name)?.type === "transformation") return this.#checkInput(name, argument);
    if (argument.kind !== "call") this.#checkSymbol(name, argument);
  }

  /** What a transformation reads: an aggregate's buckets, or a field. */
  #checkInput(name: string, argument: Expr): void {
    const { hasInterval, isInherited } = this.#context;
    if (argument.kind !== "call") {
      if (hasInterval && !isInherited) {
        throw new StatementError(`aggregate function required inside the call to ${name}`);
      }
      return this.#checkSymbol(name, argument);
    }
    if (!hasInterval) {
      throw new StatementError(`${name} aggregate requires a GROUP BY interval`);
    }
    if (argument.name === "distinct") checkArguments(argument);
    else this.#checkCall(argument);
  }

  /** A name, or a wildcard where it may stand. */
  #checkSymbol(name: string, argument: Expr): void {
    if (argument.kind !== "wildcard" && argument.kind !== "regex") return;
    this.#areSelectors = false;
    if (this.#allowsWildcard) return;
    const what = argument.kind === "regex" ? "regex field" : "wildcard";
    throw new StatementError(`unsupported expression with ${what}: ${name}()`);
  }

  #noteTopBottom({ name, args }: Call): void {
    const { limit, hasTarget } = this.#context;
    const size = args.at(-1);
    if (limit > 0 && size?.kind === "integer" && size.value > limit) {
      throw new StatementError(
        `limit (${size.value}) in ${name} function can not be larger than the LIMIT (${limit}) in the select statement`,
      );
    }
    if (args.length > 2 && !hasTarget) this.#hasPlainFields = true;
    this.#topOrBottom = name;
  }

  #notCombined(): StatementError {
    return new StatementError(
      `selector function ${this.#topOrBottom}() cannot be combined with other functions`,
    );
  }
}

export function isTopOrBottom(name: string): boolean {
  return name === "top" || name === "bottom";
}

/** Whether a function picks points: plain fields may stand beside it. */
export function isPicking(name: string): boolean {
  const type = influxqlFunction(name)?.type;
  return type === "selector" || (type === "rows" && name !== "distinct");
}

/** Conditions may call mathematical functions alone. */
export function checkCondition(condition: Expr | undefined): void {
  if (condition === undefined) return;
  if (condition.kind === "parentheses") return checkCondition(condition.inner);
  if (condition.kind === "binary") {
    checkCondition(condition.left);
    checkCondition(condition.right);
  }
  if (condition.kind !== "call") return;
  if (!isMathFunction(condition.name)) {
    throw new StatementError(
      `invalid function call in condition: ${printExpression(condition)}`,
    );
  }
  checkArguments(condition);
  condition.args.forEach(checkCondition);
}
