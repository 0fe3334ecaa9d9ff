/**
 * Time in WHERE: all comparisons with `time` are taken out of a condition and add up to one range, even where they stand
 * under OR; the rest keeps its structure.
 */
import type { ArithmeticOperator, ComparisonOperator, Expr } from "../language/ast.ts";
import { printExpression } from "../language/printer.ts";
import { StatementError } from "../values/result.ts";
import { parseTimeText } from "../values/time_text.ts";
import type { Zone } from "../values/zones.ts";

/** The least and greatest time there is. */
export const TIME_MIN_NS: bigint = -(2n ** 63n) + 2n;
export const TIME_MAX_NS: bigint = 2n ** 63n - 2n;
const NS_PER_MS = 1_000_000n;
/** What looks like a date is meant as one. */
const DATE_START = /^\d{4}-\d{2}-\d{2}/;

/** Inclusive bounds in nanoseconds; nothing lies in between where the first is greater. */
export interface Bounds {
  readonly min: bigint;
  readonly max: bigint;
}

/** All times: the bounds of a condition that says nothing of time. */
export const ALL_TIMES: Bounds = { min: TIME_MIN_NS, max: TIME_MAX_NS };

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

const TURNED: Partial<Record<string, ComparisonOperator>> = {
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
};

export function intersect(left: Bounds, right: Bounds): Bounds {
  return {
    min: left.min > right.min ? left.min : right.min,
    max: left.max < right.max ? left.max : right.max,
  };
}

/** Whether a condition says anything of time. */
export function namesTime(condition: Expr | undefined): boolean {
  switch (condition?.kind) {
    case "reference":
      return isTime(condition);
    case "parentheses":
      return namesTime(condition.inner);
    case "binary":
      return namesTime(condition.left) || namesTime(condition.right);
    default:
      return false;
  }
}

/** Takes the time out of a condition. Throws StatementError. */
export function splitCondition(where: Expr | undefined, settings: TimeSettings): SplitCondition {
  if (where === undefined) return { bounds: ALL_TIMES, condition: undefined };
  switch (where.kind) {
    case "boolean":
      return { bounds: ALL_TIMES, condition: where };
    case "parentheses": {
      const { bounds, condition } = splitCondition(where.inner, settings);
      const isWhole = condition === undefined || condition.kind === "parentheses";
      return { bounds, condition: isWhole ? condition : { kind: "parentheses", inner: condition } };
    }
    case "binary":
      break;
    default:
      throw new StatementError(`invalid condition expression: ${printExpression(where)}`);
  }
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
  return { bounds: ALL_TIMES, condition: where };
}

function isTime(expr: Expr): boolean {
  return expr.kind === "reference" && expr.name.toLowerCase() === "time";
}

function boundsOf(op: string, expr: Expr, settings: TimeSettings): Bounds {
  const at = nearest(timeOf(expr, settings));
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

/** The time, or one just beyond those that there are: bounds stay within 64 bits. */
function nearest(ns: bigint): bigint {
  if (ns > TIME_MAX_NS) return TIME_MAX_NS + 1n;
  return ns < TIME_MIN_NS ? TIME_MIN_NS - 1n : ns;
}

/** What an expression of constants stands for; a number that is not whole has lost its fraction when it becomes a time. */
type Moment =
  | { readonly kind: "time" | "duration" | "integer"; readonly ns: bigint }
  | { readonly kind: "number"; readonly value: number };

/** The nanoseconds that a constant expression stands for. */
function timeOf(expr: Expr, settings: TimeSettings): bigint {
  const moment = momentOf(expr, settings);
  return moment.kind === "number" ? whole(moment.value) : moment.ns;
}

function momentOf(expr: Expr, settings: TimeSettings): Moment {
  switch (expr.kind) {
    case "duration":
      return { kind: "duration", ns: expr.ns };
    case "integer":
      return { kind: "integer", ns: expr.value };
    case "number":
      return { kind: "number", value: expr.value };
    case "parentheses":
      return momentOf(expr.inner, settings);
    case "string":
      return { kind: "time", ns: textTime(expr.value, settings.zone) };
    case "call":
      if (expr.name !== "now" || expr.args.length > 0) throw incompatible("Call");
      return { kind: "time", ns: settings.nowNs };
    case "binary": {
      const left = momentOf(expr.left, settings);
      const sum = calculate(expr.op as ArithmeticOperator, left, momentOf(expr.right, settings));
      if (sum === undefined) throw incompatible("BinaryExpr");
      return sum;
    }
    case "boolean":
      throw incompatible("BooleanLiteral");
    case "reference":
      throw incompatible("VarRef");
    case "wildcard":
      throw incompatible("Wildcard");
    case "regex":
      throw incompatible("RegexLiteral");
  }
}

/** Undefined for what makes no time: sums of two times, products of times. */
function calculate(op: ArithmeticOperator, left: Moment, right: Moment): Moment | undefined {
  if (left.kind === "number" || right.kind === "number") return withNumber(op, left, right);
  const [a, b] = [left.ns, right.ns];
  const times = Number(left.kind === "time") + Number(right.kind === "time");
  const kind = left.kind === "integer" && right.kind === "integer" ? "integer" : "duration";
  switch (op) {
    case "+":
      return times === 2 ? undefined : { kind: times === 1 ? "time" : kind, ns: a + b };
    case "-":
      // A time cannot be taken from a duration.
      if (times === 1 && left.kind !== "time") return undefined;
      return { kind: times === 1 ? "time" : kind, ns: a - b };
    case "*":
      return times === 0 ? { kind, ns: a * b } : undefined;
    case "/":
      if (times > 0) return undefined;
      if (kind === "integer") {
        return { kind: "number", value: b === 0n ? 0 : Number(a) / Number(b) };
      }
      return { kind, ns: b === 0n ? 0n : a / b };
    default:
      return undefined;
  }
}

function withNumber(op: ArithmeticOperator, left: Moment, right: Moment): Moment | undefined {
  const isScaled = left.kind === "duration" && (op === "*" || op === "/");
  const areNumbers = [left, right].every(({ kind }) => kind === "number" || kind === "integer");
  if (!isScaled && !areNumbers) return undefined;
  const value = arithmetic(op, numberOf(left), numberOf(right));
  if (value === undefined) return undefined;
  return isScaled ? { kind: "duration", ns: whole(value) } : { kind: "number", value };
}

function numberOf(moment: Moment): number {
  return moment.kind === "number" ? moment.value : Number(moment.ns);
}

function arithmetic(op: ArithmeticOperator, left: number, right: number): number | undefined {
  switch (op) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return right === 0 ? 0 : left / right;
    default:
      return undefined;
  }
}

function whole(value: number): bigint {
  if (!Number.isFinite(value)) return value > 0 ? TIME_MAX_NS + 1n : TIME_MIN_NS - 1n;
  return BigInt(Math.trunc(value));
}

function textTime(text: string, zone: Zone | undefined): bigint {
  const time = parseTimeText(text);
  if (time === undefined) {
    if (DATE_START.test(text)) throw new StatementError("invalid timestamp string");
    throw incompatible("StringLiteral");
  }
  if (!time.isLocal || zone === undefined) return time.ns;
  const fraction = ((time.ns % NS_PER_MS) + NS_PER_MS) % NS_PER_MS;
  return BigInt(zone.utcOf(Number((time.ns - fraction) / NS_PER_MS))) * NS_PER_MS + fraction;
}

function incompatible(what: string): StatementError {
  return new StatementError(`invalid operation: time and *influxql.${what} are not compatible`);
}
