/**
 * Mathematical functions, row by row. What is outside of a function's domain is missing. All but those that round give
 * doubles, powers of whole numbers too: so pow(2, -1) is 0.5.
 */
import { hasValue, isNumeric, numbersOf } from "../values/columns.ts";
import { type Column, StatementError } from "../values/result.ts";

const REAL: Readonly<Record<string, (x: number) => number>> = {
  sqrt: Math.sqrt,
  exp: Math.exp,
  ln: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
};

/** Those that leave whole numbers what they are. */
const ROUNDING: Readonly<Record<string, (x: number) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  round: roundAwayFromZero,
};

const BINARY: Readonly<Record<string, (x: number, y: number) => number>> = {
  log: (x, base) => Math.log(x) / Math.log(base),
  pow: (x, y) => x ** y,
  atan2: Math.atan2,
};

export function isMathFunction(name: string): boolean {
  return Object.hasOwn(REAL, name) || Object.hasOwn(ROUNDING, name) || Object.hasOwn(BINARY, name);
}

/** Arguments that a mathematical function takes. */
export function mathArity(name: string): number {
  return Object.hasOwn(BINARY, name) ? 2 : 1;
}

export function mathColumn(name: string, args: readonly Column[]): Column {
  for (const { kind } of args) {
    if (!isNumeric(kind)) throw new StatementError(`cannot use ${kind} in argument to ${name}()`);
  }
  const [x, y] = args as [Column, Column | undefined];
  const rounding = ROUNDING[name];
  if (rounding !== undefined && x.kind !== "float") return name === "abs" ? absolute(x) : x;
  const xs = numbersOf(x);
  const ys = y === undefined ? xs : numbersOf(y);
  const values = new Float64Array(xs.length);
  const present = new Uint8Array(xs.length);
  const unary = rounding ?? REAL[name];
  const binary = BINARY[name];
  for (let i = 0; i < xs.length; i++) {
    const value = unary === undefined ? binary!(xs[i]!, ys[i]!) : unary(xs[i]!);
    values[i] = value;
    const isThere = hasValue(x, i) && (y === undefined || hasValue(y, i));
    present[i] = isThere && Number.isFinite(value) ? 1 : 0;
  }
  return { kind: "float", values, present };
}

function absolute(column: Column): Column {
  if (column.kind !== "integer") return column;
  const { values } = column;
  if (values instanceof Float64Array) return { ...column, values: values.map(Math.abs) };
  return { ...column, values: values.map((x) => x < 0n ? -x : x) };
}

/** Halves go away from zero, where Math.round goes up. */
function roundAwayFromZero(x: number): number {
  const whole = Math.trunc(x);
  return Math.abs(x - whole) >= 0.5 ? whole + Math.sign(x) : whole;
}
