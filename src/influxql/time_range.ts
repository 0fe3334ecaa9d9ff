/**
 * Time in WHERE: all comparisons with `time` are taken out of a condition and add up to one range, even where they stand
 * under OR; the rest keeps its structure.
 */
import type { ComparisonOperator, Expr } from "./ast.ts";
import { StatementError } from "./result.ts";
import { parseTimeText } from "./time_text.ts";
import type { Zone } from "./zones.ts";

/** The least and greatest time there is. */
export const TIME_MIN_NS: bigint = -(2n ** 63n) + 2n;
export const TIME_MAX_NS: bigint = 2n ** 63n - 2n;
const NS_PER_MS = 1_000_000n;

/** Inclusive bounds in nanoseconds; nothing lies in between where the first is greater. */
export interface Bounds {
  readonly min: bigint;
  readonly max: bigint;
}

export interface SplitCondition {
  readonly bounds: Bounds;
  /** What is left; undefined: nothing. */
  readonly condition: Expr | undefined;
}

export interface TimeSettings {
  readonly nowNs: bigint;
  /** Where times without an offset are of; undefined: UTC. */
  readonly zone: Zone | undefined;
}

const ALL: Bounds = { min: TIME_MIN_NS, max: TIME_MAX_NS };
const TURNED: Partial<Record<string, ComparisonOperator>> = {
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
  "=": "=",
  "!=": "!=",
};

export function intersect(left: Bounds, right: Bounds): Bounds {
  return {
    min: left.min > right.min ? left.min : right.min,
    max: left.max < right.max ? left.max : right.max,
  };
}

/** Takes the time out of a condition. Throws StatementError. */
export function splitCondition(where: Expr | undefined, settings: TimeSettings): SplitCondition {
  if (where === undefined) return { bounds: ALL, condition: undefined };
  if (where.kind === "parentheses") {
    const { bounds, condition } = splitCondition(where.inner, settings);
    const isWhole = condition === undefined || condition.kind === "parentheses";
    return { bounds, condition: isWhole ? condition : { kind: "parentheses", inner: condition } };
  }
  if (where.kind !== "binary") return { bounds: ALL, condition: where };
  const { op, left, right } = where;
  if (op === "and" || op === "or") {
    const first = splitCondition(left, settings);
    const second = splitCondition(right, settings);
    const bounds = intersect(first.bounds, second.bounds);
    if (first.condition === undefined) return { bounds, condition: second.condition };
    if (second.condition === undefined) return { bounds, condition: first.condition };
    return {
      bounds,
      condition: { kind: "binary", op, left: first.condition, right: second.condition },
    };
  }
  if (isTime(left)) return { bounds: boundsOf(op, right, settings), condition: undefined };
  if (isTime(right)) {
    return { bounds: boundsOf(TURNED[op] ?? op, left, settings), condition: undefined };
  }
  return { bounds: ALL, condition: where };
}

function isTime(expr: Expr): boolean {
  return expr.kind === "reference" && expr.name.toLowerCase() === "time";
}

function boundsOf(op: string, expr: Expr, settings: TimeSettings): Bounds {
  const at = timeOf(expr, settings);
  switch (op) {
    case "=":
      return { min: at, max: at };
    case ">":
      return { min: at + 1n, max: TIME_MAX_NS };
    case ">=":
      return { min: at, max: TIME_MAX_NS };
    case "<":
      return { min: TIME_MIN_NS, max: at - 1n };
    case "<=":
      return { min: TIME_MIN_NS, max: at };
    default:
      throw new StatementError(`invalid time comparison operator: ${op}`);
  }
}

/** The nanoseconds that an expression of literals stands for. */
function timeOf(expr: Expr, settings: TimeSettings): bigint {
  switch (expr.kind) {
    case "duration":
      return expr.ns;
    case "integer":
      return expr.value;
    case "number":
      return BigInt(Math.trunc(expr.value));
    case "parentheses":
      return timeOf(expr.inner, settings);
    case "string":
      return textTime(expr.value, settings.zone);
    case "call":
      if (expr.name === "now" && expr.args.length === 0) return settings.nowNs;
      throw incompatible("Call");
    case "binary":
      return timeSum(expr, settings);
    case "boolean":
      throw incompatible("BooleanLiteral");
    case "reference":
      throw incompatible("VarRef");
    default:
      throw incompatible("RegexLiteral");
  }
}

function timeSum(expr: Expr & { kind: "binary" }, settings: TimeSettings): bigint {
  const left = timeOf(expr.left, settings);
  const right = timeOf(expr.right, settings);
  switch (expr.op) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return right === 0n ? 0n : left / right;
    default:
      throw incompatible("BinaryExpr");
  }
}

function textTime(text: string, zone: Zone | undefined): bigint {
  const time = parseTimeText(text);
  if (time === undefined) throw incompatible("StringLiteral");
  if (!time.isLocal || zone === undefined) return time.ns;
  const fraction = ((time.ns % NS_PER_MS) + NS_PER_MS) % NS_PER_MS;
  return BigInt(zone.utcOf(Number((time.ns - fraction) / NS_PER_MS))) * NS_PER_MS + fraction;
}

function incompatible(what: string): StatementError {
  return new StatementError(`invalid operation: time and *influxql.${what} are not compatible`);
}
