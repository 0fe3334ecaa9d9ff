/**
 * What is wrong with the arguments of a call by itself, in the words of InfluxDB. What depends on the rest of the statement,
 * such as GROUP BY time, is the planner's.
 */
import type { Call, Expr, IntegerLiteral } from "../language/ast.ts";
import { formatDuration } from "../language/durations.ts";
import { isMathFunction, mathArity } from "../expressions/math_functions.ts";
import { printExpression } from "../language/printer.ts";
import { StatementError } from "../values/result.ts";
import type { InfluxqlFunction } from "./function.ts";
import { influxqlFunction } from "./registry.ts";

/** Names of the types of expressions in InfluxDB's messages. */
const TYPE_NAMES: Readonly<Record<Expr["kind"], string>> = {
  reference: "VarRef",
  wildcard: "Wildcard",
  regex: "RegexLiteral",
  number: "NumberLiteral",
  integer: "IntegerLiteral",
  string: "StringLiteral",
  boolean: "BooleanLiteral",
  duration: "DurationLiteral",
  call: "Call",
  binary: "BinaryExpr",
  parentheses: "ParenExpr",
};

/** Throws StatementError for a call that is wrong; calls among its arguments are looked at by themselves. */
export function checkArguments(call: Call): void {
  const { name, args } = call;
  if (isMathFunction(name)) return checkCount(call, mathArity(name), mathArity(name));
  const each = name === "count_distinct" ? undefined : influxqlFunction(name);
  if (each === undefined) throw new StatementError(`undefined function ${name}()`);
  if (name === "distinct") return checkDistinct(args);
  checkCount(call, each.arity.min, each.arity.max);
  checkParameters(call, each);
  if (name === "top" || name === "bottom") return checkTop(call);
  const [field] = args as [Expr, ...Expr[]];
  const isCall = field.kind === "call";
  if (name.startsWith("holt_winters") && !isCall) {
    throw new StatementError(`must use aggregate function with ${name}`);
  }
  if (name === "count" && isCall && field.name === "distinct") return checkDistinct(field.args);
  if (isCall && each.type === "transformation") return;
  if (field.kind !== "reference" && field.kind !== "wildcard" && field.kind !== "regex") {
    throw new StatementError(`expected field argument in ${name}()`);
  }
}

function checkCount({ name, args }: Call, min: number, max: number): void {
  if (args.length >= min && args.length <= max) return;
  const expected = min === max
    ? `${min}`
    : max === Infinity
    ? `at least ${min}`
    : `at least ${min} but no more than ${max}`;
  throw new StatementError(
    `invalid number of arguments for ${name}, expected ${expected}, got ${args.length}`,
  );
}

/** The arguments behind the field. */
function checkParameters({ name, args }: Call, each: InfluxqlFunction): void {
  const [, second, third] = args;
  switch (name) {
    case "percentile":
      if (second!.kind !== "number" && !isInteger(second!)) {
        throw new StatementError("expected float argument in percentile()");
      }
      return;
    case "sample":
      if (!isInteger(second!)) throw new StatementError("expected integer argument in sample()");
      if (second.value <= 0n) {
        throw new StatementError(`sample window must be greater than 1, got ${second.value}`);
      }
      return;
    case "derivative":
    case "non_negative_derivative":
    case "elapsed":
      return checkUnit(
        second,
        (found) => `second argument to ${name} must be a duration, got ${typeName(found)}`,
      );
    case "integral":
      return checkUnit(second, () => "second argument must be a duration");
    case "moving_average":
      if (!isInteger(second!)) {
        throw new StatementError(
          `second argument for moving_average must be an integer, got ${typeName(second!)}`,
        );
      }
      if (second.value <= 1n) {
        throw new StatementError(
          `moving_average window must be greater than 1, got ${second.value}`,
        );
      }
      return;
    case "holt_winters":
    case "holt_winters_with_fit":
      return checkForecast(name, second!, third!);
    default:
      if (each.type === "transformation" && each.arity.min === 2) checkIndicator(name, args);
  }
}

function checkUnit(unit: Expr | undefined, message: (found: Expr) => string): void {
  if (unit === undefined) return;
  if (unit.kind !== "duration") throw new StatementError(message(unit));
  if (unit.ns > 0n) return;
  const text = unit.ns < 0n ? `-${formatDuration(-unit.ns)}` : formatDuration(unit.ns);
  throw new StatementError(`duration argument must be positive, got ${text}`);
}

function checkForecast(name: string, horizon: Expr, season: Expr): void {
  if (!isInteger(horizon)) {
    throw new StatementError(`expected integer argument as second arg in ${name}`);
  }
  if (horizon.value <= 0n) {
    throw new StatementError(
      `second arg to ${name} must be greater than 0, got ${horizon.value}`,
    );
  }
  if (!isInteger(season)) {
    throw new StatementError(`expected integer argument as third arg in ${name}`);
  }
  if (season.value < 0n) {
    throw new StatementError(`third arg to ${name} cannot be negative, got ${season.value}`);
  }
}

/** Period, rows to hold back and kind of warm-up. */
function checkIndicator(name: string, [, period, hold, warmup]: readonly Expr[]): void {
  if (!isInteger(period!)) throw new StatementError(`${name} period must be an integer`);
  if (period.value < 1n) {
    throw new StatementError(`${name} period must be greater than or equal to 1`);
  }
  if (hold === undefined) return;
  if (!isInteger(hold)) throw new StatementError(`${name} hold period must be an integer`);
  const least = name === "triple_exponential_derivative" ? 1n : 0n;
  if (hold.value < least && hold.value !== -1n) {
    throw new StatementError(`${name} hold period must be greater than or equal to ${least}`);
  }
  if (warmup === undefined) return;
  if (warmup.kind !== "string") throw new StatementError(`${name} warmup type must be a string`);
  const known = ["exponential", "simple"];
  if (name === "chande_momentum_oscillator") known.unshift("none");
  if (known.includes(warmup.value)) return;
  const list = known.map((each) => `'${each}'`).join(" ");
  throw new StatementError(`${name} warmup type must be one of: ${list}`);
}

function checkDistinct(args: readonly Expr[]): void {
  if (args.length === 0) {
    throw new StatementError("distinct function requires at least one argument");
  }
  if (args.length > 1) throw new StatementError("distinct function can only have one argument");
  if (args[0]!.kind !== "reference") {
    throw new StatementError("expected field argument in distinct()");
  }
}

function checkTop({ name, args }: Call): void {
  const limit = args.at(-1)!;
  if (!isInteger(limit)) {
    throw new StatementError(
      `expected integer as last argument in ${name}(), found ${printExpression(limit)}`,
    );
  }
  if (limit.value <= 0n) {
    throw new StatementError(`limit (${limit.value}) in ${name} function must be at least 1`);
  }
  const [field, ...tags] = args.slice(0, -1);
  if (field!.kind !== "reference") {
    throw new StatementError(
      `expected first argument to be a field in ${name}(), found ${printExpression(field!)}`,
    );
  }
  for (const tag of tags) {
    if (tag.kind === "reference") continue;
    throw new StatementError(
      `only fields or tags are allowed in ${name}(), found ${printExpression(tag)}`,
    );
  }
}

/** What needs 64 bits without sign is another kind of literal to InfluxDB. */
function isInteger(expr: Expr): expr is IntegerLiteral {
  return expr.kind === "integer" && expr.value < 2n ** 63n;
}

function typeName({ kind }: Expr): string {
  return `*influxql.${TYPE_NAMES[kind]}`;
}
