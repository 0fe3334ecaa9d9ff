/** Operators on two samples. */
import type { Annotations } from "./annotations.ts";
import { conflictingResets, reconciledBounds } from "./annotations.ts";
import type { ArithmeticOperator, BinaryOperator, ComparisonOperator } from "./ast.ts";
import type { PositionRange } from "./errors.ts";
import type { NativeHistogram } from "./histogram.ts";
import { compact } from "./histogram_layout.ts";
import {
  addHistograms,
  compatible,
  divideHistogram,
  equalHistograms,
  scaleHistogram,
  subtractHistograms,
  withHint,
} from "./histogram_math.ts";
import { trimHistogram } from "./histogram_statistics.ts";

/** As in C: any power of 1 and any 0th power is 1, also of NaN; and `pow(-1, Inf)`. */
function power(base: number, exponent: number): number {
  if (base === 1 || exponent === 0) return 1;
  if (base === -1 && (exponent === Infinity || exponent === -Infinity)) return 1;
  return base ** exponent;
}

const ARITHMETIC: Readonly<Record<ArithmeticOperator, (left: number, right: number) => number>> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
  "%": (left, right) => left % right,
  "^": power,
  atan2: Math.atan2,
};

const COMPARISON: Readonly<
  Record<ComparisonOperator, (left: number, right: number) => boolean>
> = {
  "==": (left, right) => left === right,
  "!=": (left, right) => left !== right,
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
};

export function isComparison(operator: BinaryOperator): operator is ComparisonOperator {
  return Object.hasOwn(COMPARISON, operator);
}

export function isArithmetic(operator: BinaryOperator): operator is ArithmeticOperator {
  return Object.hasOwn(ARITHMETIC, operator);
}

export function arithmetic(operator: ArithmeticOperator): (left: number, right: number) => number {
  return ARITHMETIC[operator];
}

export function comparison(
  operator: ComparisonOperator,
): (left: number, right: number) => boolean {
  return COMPARISON[operator];
}

export type Sample = number | NativeHistogram;

/** Where an operator stands and where it reports. */
export interface OperatorPlace {
  readonly annotations: Annotations;
  readonly position: PositionRange;
}

/** Any operator on any two samples: the value, and for comparisons whether it holds. Undefined if it is not defined. */
export function combineSamples(
  operator: BinaryOperator,
  left: Sample,
  right: Sample,
  place: OperatorPlace,
): { readonly value: Sample; readonly holds: boolean } | undefined {
  if (typeof left === "number" && typeof right === "number") {
    if (isComparison(operator)) return { value: left, holds: comparison(operator)(left, right) };
    if (isArithmetic(operator)) {
      return { value: arithmetic(operator)(left, right), holds: true };
    }
    reportTypes(operator, left, right, place);
    return undefined;
  }
  return combineHistograms(operator, left, right, place);
}

/**
 * Applies an operator where at least one side is a histogram. A comparison gives the left sample if it holds and
 * undefined if not; so does what is not defined for these kinds of samples, which is reported.
 */
function combineHistograms(
  operator: BinaryOperator,
  left: Sample,
  right: Sample,
  place: OperatorPlace,
): { readonly value: Sample; readonly holds: boolean } | undefined {
  const value = combine(operator, left, right, place);
  if (value === undefined) return undefined;
  return typeof value === "boolean" ? { value: left, holds: value } : { value, holds: true };
}

/** A boolean for comparisons, undefined for what is not defined. */
function combine(
  operator: BinaryOperator,
  left: Sample,
  right: Sample,
  place: OperatorPlace,
): Sample | boolean | undefined {
  if (typeof left !== "number" && typeof right !== "number") {
    if (operator === "==") return equalHistograms(left, right);
    if (operator === "!=") return !equalHistograms(left, right);
    if (operator === "+" || operator === "-") return addOrSubtract(operator, left, right, place);
  } else if (typeof left !== "number" && typeof right === "number") {
    if (operator === "*") return compact(scaleHistogram(left, right));
    if (operator === "/") return compact(divideHistogram(left, right));
    if (operator === "</") return compact(trimHistogram(left, "below", right));
    if (operator === ">/") return compact(trimHistogram(left, "above", right));
  } else if (typeof left === "number" && typeof right !== "number") {
    if (operator === "*") return compact(scaleHistogram(right, left));
  }
  reportTypes(operator, left, right, place);
  return undefined;
}

function addOrSubtract(
  operator: "+" | "-",
  left: NativeHistogram,
  right: NativeHistogram,
  { annotations, position }: OperatorPlace,
): NativeHistogram | undefined {
  if (!compatible(left, right)) {
    annotations.warn(
      `incompatible bucket layout encountered for binary operator ${operator}`,
      position,
    );
    return undefined;
  }
  const adds = operator === "+";
  const result = adds ? addHistograms(left, right) : subtractHistograms(left, right);
  const operation = adds ? "addition" : "subtraction";
  if (result.resetsConflict) annotations.warn(conflictingResets(operation), position);
  if (result.boundsDiffered) annotations.inform(reconciledBounds(operation), position);
  const histogram = compact(result.histogram);
  return adds ? histogram : withHint(histogram, "gauge");
}

/** The operator is not defined for these kinds of samples. */
function reportTypes(
  operator: BinaryOperator,
  left: Sample,
  right: Sample,
  { annotations, position }: OperatorPlace,
): void {
  const kind = (sample: Sample) => typeof sample === "number" ? "float" : "histogram";
  annotations.inform(
    `incompatible sample types encountered for binary operator ${JSON.stringify(operator)}: ` +
      `${kind(left)} ${operator} ${kind(right)}`,
    position,
  );
}
