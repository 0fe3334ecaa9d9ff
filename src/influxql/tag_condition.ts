/** Conditions on series: on tags and on the measurement's name (`_name`). A missing tag is the empty text. */
import type { Binary, Expr } from "./ast.ts";
import { compileSearch } from "./regex.ts";
import { StatementError } from "./result.ts";

/** What a condition may ask of a series. */
export interface SeriesFacts {
  readonly measurement: string;
  /** A tag's value, empty where it is missing. */
  readonly tag: (name: string) => string;
  /** Whether the name is one of the measurement's fields and none of its tags. */
  readonly isField: (name: string) => boolean;
}

export type SeriesCondition = (series: SeriesFacts) => boolean;

/** What becomes of a comparison with a field, of which a series alone cannot tell. */
export type FieldRule = (comparison: Binary) => boolean;

export const ALL_SERIES: SeriesCondition = () => true;

/** Compiles a condition that says nothing of time. Throws a StatementError for what cannot be asked of a series. */
export function compileCondition(expr: Expr | undefined, fields: FieldRule): SeriesCondition {
  if (expr === undefined) return ALL_SERIES;
  switch (expr.kind) {
    case "parentheses":
      return compileCondition(expr.inner, fields);
    case "boolean": {
      const { value } = expr;
      return () => value;
    }
    case "binary":
      break;
    default:
      throw new StatementError("invalid condition expression");
  }
  if (expr.op === "and" || expr.op === "or") {
    const left = compileCondition(expr.left, fields);
    const right = compileCondition(expr.right, fields);
    if (expr.op === "and") return (series) => left(series) && right(series);
    return (series) => left(series) || right(series);
  }
  return compileComparison(expr, fields);
}

function compileComparison(expr: Binary, fields: FieldRule): SeriesCondition {
  const { reference, other } = sidesOf(expr);
  if (reference === undefined) throw new StatementError("invalid condition expression");
  const { name, cast } = reference;
  const accepts = textTest(expr.op, other);
  if (name === "_name") return (series) => accepts?.(series.measurement) ?? false;
  return (series) => {
    if (cast !== "tag" && series.isField(name)) return fields(expr);
    return accepts?.(series.tag(name)) ?? false;
  };
}

function sidesOf({ left, right }: Binary) {
  if (left.kind === "reference") return { reference: left, other: right };
  if (right.kind === "reference") return { reference: right, other: left };
  return { reference: undefined, other: right };
}

/** A test of a text; undefined for comparisons that no text passes. */
export function textTest(op: Binary["op"], other: Expr): ((text: string) => boolean) | undefined {
  if (other.kind === "regex") {
    const regex = compileSearch(other.pattern);
    if (op === "=~") return (text) => regex.matches(text);
    if (op === "!~") return (text) => !regex.matches(text);
    return undefined;
  }
  if (other.kind !== "string") return undefined;
  const { value } = other;
  if (op === "=") return (text) => text === value;
  return op === "!=" ? (text) => text !== value : undefined;
}

/**
 * Which measurements a condition names, as SHOW MEASUREMENTS has it: a measurement satisfies `tag = x` if any of its series
 * does, and `tag != x` if none of them has x. AND and OR combine such sets of measurements.
 */
export function measurementTest(
  expr: Expr | undefined,
): (name: string, tagValues: (tag: string) => ReadonlySet<string>) => boolean {
  if (expr === undefined) return () => true;
  if (expr.kind === "parentheses") return measurementTest(expr.inner);
  if (expr.kind !== "binary") throw new StatementError("invalid tag comparison operator");
  const { op } = expr;
  if (op === "and" || op === "or") {
    const left = measurementTest(expr.left);
    const right = measurementTest(expr.right);
    if (op === "and") return (name, values) => left(name, values) && right(name, values);
    return (name, values) => left(name, values) || right(name, values);
  }
  if (op !== "=" && op !== "!=" && op !== "=~" && op !== "!~") {
    throw new StatementError("invalid tag comparison operator");
  }
  if (expr.left.kind !== "reference") {
    throw new StatementError(`left side of '${op}' must be a tag key`);
  }
  const tag = expr.left.name;
  const isEqual = op === "=" || op === "=~";
  const test = textTest(isEqual ? op : op === "!=" ? "=" : "=~", expr.right);
  if (test === undefined) {
    const wanted = op === "=" || op === "!=" ? "tag value string" : "regular expression";
    throw new StatementError(`right side of '${op}' must be a ${wanted}`);
  }
  if (tag === "_name") return (name) => test(name) === isEqual;
  return (_, values) => [...values(tag)].some(test) === isEqual;
}
