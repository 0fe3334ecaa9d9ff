/**
 * Takes time out of a condition, as InfluxQL does: what it says of `time` combines with AND into one range, even inside OR;
 * the rest keeps its structure.
 */
import type { ArithmeticOperator, Binary, Expr } from "./ast.ts";
import { StatementError } from "./result.ts";
import { parseTimeText } from "./time_text.ts";

export interface TimeSplit {
  /** Half-open; undefined where nothing is said of time. */
  readonly range: { readonly start: bigint; readonly end: bigint } | undefined;
  readonly rest: Expr | undefined;
}

const TIME_NS_MIN = -(1n << 63n);
const TIME_NS_MAX = (1n << 63n) - 1n;

interface Bounds {
  start: bigint;
  end: bigint;
  isSet: boolean;
}

/** Throws a StatementError for times that are none. Texts without an offset are in UTC. */
export function splitTime(condition: Expr | undefined, nowNs: bigint): TimeSplit {
  const bounds: Bounds = { start: TIME_NS_MIN, end: TIME_NS_MAX, isSet: false };
  const rest = condition === undefined ? undefined : strip(condition, nowNs, bounds);
  const { start, end, isSet } = bounds;
  return { range: isSet ? { start, end: end < start ? start : end } : undefined, rest };
}

/** Whether a condition says anything of time. */
export function namesTime(condition: Expr | undefined): boolean {
  if (condition === undefined) return false;
  switch (condition.kind) {
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

function isTime(expr: Expr): boolean {
  return expr.kind === "reference" && expr.name.toLowerCase() === "time";
}

function strip(expr: Expr, nowNs: bigint, bounds: Bounds): Expr | undefined {
  if (expr.kind === "parentheses") {
    const inner = strip(expr.inner, nowNs, bounds);
    return inner === undefined ? undefined : { kind: "parentheses", inner };
  }
  if (expr.kind !== "binary") return expr;
  if (expr.op === "and" || expr.op === "or") {
    const left = strip(expr.left, nowNs, bounds);
    const right = strip(expr.right, nowNs, bounds);
    if (left === undefined) return right;
    return right === undefined ? left : { ...expr, left, right };
  }
  if (isTime(expr.left)) narrow(expr.op, timeOf(expr.right, nowNs), bounds);
  else if (isTime(expr.right)) narrow(mirrored(expr.op), timeOf(expr.left, nowNs), bounds);
  else return expr;
  return undefined;
}

function mirrored(op: Binary["op"]): Binary["op"] {
  switch (op) {
    case "<":
      return ">";
    case "<=":
      return ">=";
    case ">":
      return "<";
    case ">=":
      return "<=";
    default:
      return op;
  }
}

function narrow(op: Binary["op"], ns: bigint, bounds: Bounds): void {
  bounds.isSet = true;
  const atLeast = (start: bigint) => {
    if (start > bounds.start) bounds.start = start;
  };
  const below = (end: bigint) => {
    if (end < bounds.end) bounds.end = end;
  };
  switch (op) {
    case ">":
      return atLeast(ns + 1n);
    case ">=":
      return atLeast(ns);
    case "<":
      return below(ns);
    case "<=":
      return below(ns + 1n);
    case "=":
      atLeast(ns);
      return below(ns + 1n);
    default:
      throw new StatementError(`invalid time comparison operator: ${op}`);
  }
}

/** Nanoseconds of a constant expression. */
function timeOf(expr: Expr, nowNs: bigint): bigint {
  switch (expr.kind) {
    case "integer":
      return expr.value;
    case "duration":
      return expr.ns;
    case "parentheses":
      return timeOf(expr.inner, nowNs);
    case "string": {
      const time = parseTimeText(expr.value);
      if (time === undefined) throw incompatible("*influxql.StringLiteral");
      return time.ns;
    }
    case "call":
      if (expr.name === "now" && expr.args.length === 0) return nowNs;
      break;
    case "binary":
      return calculate(expr.op, timeOf(expr.left, nowNs), timeOf(expr.right, nowNs));
    case "number":
      throw incompatible("*influxql.NumberLiteral");
    case "boolean":
      throw incompatible("*influxql.BooleanLiteral");
    case "reference":
      throw incompatible("*influxql.VarRef");
  }
  throw incompatible("*influxql.Call");
}

function calculate(op: Binary["op"], left: bigint, right: bigint): bigint {
  switch (op as ArithmeticOperator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return right === 0n ? 0n : left / right;
    default:
      throw new StatementError(`invalid operation: ${op} is not defined for times`);
  }
}

function incompatible(type: string): StatementError {
  return new StatementError(`invalid operation: time and ${type} are not compatible`);
}
