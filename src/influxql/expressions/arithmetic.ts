/**
 * Arithmetic of columns: operators and mathematical functions, row by row. Whole numbers stay whole and exact (they wrap at
 * 64 bits) but for division, which gives doubles; division by zero gives 0; what is missing on either side is missing.
 */
import type { Cast, Expr } from "../language/ast.ts";
import {
  castColumn,
  type Cell,
  cellAt,
  columnOf,
  hasValue,
  isNumeric,
  missing,
  narrow,
  numbersOf,
} from "../values/columns.ts";
import { isMathFunction, mathColumn } from "./math_functions.ts";
import { type Column, StatementError } from "../values/result.ts";

/** Where the columns of an expression come from. */
export interface Environment {
  readonly count: number;
  /** A field or tag. */
  readonly columnOf: (name: string, cast: Cast | undefined) => Column;
  /** A call that is no mathematical function. */
  readonly columnOfCall?: (call: Expr & { kind: "call" }) => Column;
  /** Operands that do not fit give nothing, as in conditions, instead of an error. */
  readonly isLenient?: boolean;
}

type Numbers = Float64Array | Uint8Array;

export function evaluate(expr: Expr, environment: Environment): Column {
  const { count } = environment;
  switch (expr.kind) {
    case "reference":
      return castTo(environment.columnOf(expr.name, expr.cast), expr.cast);
    case "parentheses":
      return evaluate(expr.inner, environment);
    case "number":
      return { kind: "float", values: new Float64Array(count).fill(expr.value) };
    case "integer":
      return constant(expr.value >= 2n ** 63n ? "unsigned" : "integer", expr.value, count);
    case "duration":
      return constant("integer", expr.ns, count);
    case "string":
      return { kind: "string", values: new Array(count).fill(expr.value) };
    case "boolean":
      return { kind: "boolean", values: new Uint8Array(count).fill(expr.value ? 1 : 0) };
    case "call":
      if (isMathFunction(expr.name)) {
        return mathColumn(expr.name, expr.args.map((each) => evaluate(each, environment)));
      }
      return environment.columnOfCall?.(expr) ?? missing("float", count);
    case "binary": {
      const left = evaluate(expr.left, environment);
      const right = evaluate(expr.right, environment);
      return environment.isLenient === true && !areOperands(expr.op, left, right)
        ? missing("float", count)
        : combine(expr.op, left, right);
    }
    default:
      throw new StatementError(`invalid expression: ${expr.kind}`);
  }
}

/** A column as `::` asks for it. */
function castTo(column: Column, cast: Cast | undefined): Column {
  const isKind = cast !== undefined && cast !== "tag" && cast !== "field";
  return isKind ? castColumn(column, cast) : column;
}

function constant(kind: "integer" | "unsigned", value: bigint, count: number): Column {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return { kind, values: new Float64Array(count).fill(number) };
  return kind === "integer"
    ? { kind, values: new BigInt64Array(count).fill(value) }
    : { kind, values: new BigUint64Array(count).fill(value) };
}

/** Two columns combined by an operator, row by row. */
export function combine(op: string, left: Column, right: Column): Column {
  const count = left.values.length;
  const isReal = op === "/" || left.kind === "float" || right.kind === "float";
  if (!areOperands(op, left, right)) {
    if (isVoid(left) || isVoid(right)) return missing("float", count);
    throw new StatementError(
      `incompatible types for operator ${op}: ${left.kind} and ${right.kind}`,
    );
  }
  if (left.kind === "boolean") return combineBooleans(op, left, right);
  const values = new Float64Array(count);
  if (isReal) {
    doubles(op, { a: numbersOf(left), b: numbersOf(right), values, isReal });
    return { kind: "float", values, present: bothPresent(left, right, values) };
  }
  const kind = left.kind === "unsigned" || right.kind === "unsigned" ? "unsigned" : "integer";
  const [a, b] = [left.values, right.values];
  if (!isBitwise(op) && a instanceof Float64Array && b instanceof Float64Array) {
    doubles(op, { a, b, values, isReal });
    // Whole numbers have one zero.
    for (let i = 0; i < values.length; i++) values[i] = values[i]! + 0;
    const least = kind === "unsigned" ? 0 : -Infinity;
    if (values.every((value) => Number.isSafeInteger(value) && value >= least)) {
      return { kind, values, present: bothPresent(left, right, values) };
    }
  }
  return combineWide(op, { left, right, kind });
}

function isBitwise(op: string): boolean {
  return op === "&" || op === "|" || op === "^";
}

/** Whether an operator takes columns of two kinds. */
function areOperands(op: string, left: Column, right: Column): boolean {
  const isReal = left.kind === "float" || right.kind === "float";
  if (isNumeric(left.kind) && isNumeric(right.kind)) return !(isReal && isBitwise(op));
  return isBitwise(op) && left.kind === "boolean" && right.kind === "boolean";
}

/** Whole numbers beyond what doubles hold exactly. */
function combineWide(
  op: string,
  { left, right, kind }: {
    readonly left: Column;
    readonly right: Column;
    readonly kind: "integer" | "unsigned";
  },
): Column {
  const cells: Cell[] = new Array(left.values.length).fill(undefined);
  for (let i = 0; i < cells.length; i++) {
    const [a, b] = [cellAt(left, i), cellAt(right, i)];
    if (a === undefined || b === undefined) continue;
    const result = whole(op, BigInt(a as number), BigInt(b as number));
    cells[i] = narrow(kind === "integer" ? BigInt.asIntN(64, result) : BigInt.asUintN(64, result));
  }
  return columnOf(kind, cells);
}

function isVoid(column: Column): boolean {
  for (let i = 0; i < column.values.length; i++) if (hasValue(column, i)) return false;
  return true;
}

function doubles(
  op: string,
  { a, b, values, isReal }: {
    readonly a: Numbers;
    readonly b: Numbers;
    readonly values: Float64Array;
    readonly isReal: boolean;
  },
): void {
  const count = values.length;
  switch (op) {
    case "+":
      for (let i = 0; i < count; i++) values[i] = a[i]! + b[i]!;
      break;
    case "-":
      for (let i = 0; i < count; i++) values[i] = a[i]! - b[i]!;
      break;
    case "*":
      for (let i = 0; i < count; i++) values[i] = a[i]! * b[i]!;
      break;
    case "/":
      for (let i = 0; i < count; i++) values[i] = b[i] === 0 ? 0 : a[i]! / b[i]!;
      break;
    case "%":
      // By zero it is 0 for whole numbers alone.
      for (let i = 0; i < count; i++) values[i] = b[i] === 0 && !isReal ? 0 : a[i]! % b[i]!;
      break;
    default:
      throw new StatementError(`invalid operator ${op} in SELECT clause`);
  }
}

function whole(op: string, a: bigint, b: bigint): bigint {
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "%":
      return b === 0n ? 0n : a % b;
    case "&":
      return a & b;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    default:
      throw new StatementError(`invalid operator ${op} in SELECT clause`);
  }
}

/** Which rows have both operands and a finite result. */
function bothPresent(left: Column, right: Column, values: Float64Array): Uint8Array {
  const present = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    present[i] = hasValue(left, i) && hasValue(right, i) && Number.isFinite(values[i]!) ? 1 : 0;
  }
  return present;
}

function combineBooleans(op: string, left: Column, right: Column): Column {
  const cells: Cell[] = [];
  for (let i = 0; i < left.values.length; i++) {
    const [a, b] = [cellAt(left, i), cellAt(right, i)];
    if (a === undefined || b === undefined) cells.push(undefined);
    else cells.push(op === "&" ? a && b : op === "|" ? a || b : a !== b);
  }
  return columnOf("boolean", cells);
}
