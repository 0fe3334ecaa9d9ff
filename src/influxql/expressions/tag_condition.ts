/** Conditions on series: on tags and on the measurement's name (`_name`). A missing tag is the empty text. */
import type { Binary, Expr, Reference } from "../language/ast.ts";
import { isField } from "./condition.ts";
import { disjunctionOf, type TextList } from "./disjunction.ts";
import { StatementError } from "../values/result.ts";
import type { Schema } from "../values/names.ts";
import { type TextTest, textTest } from "./text_test.ts";

/** What a condition may ask of a series. */
export interface SeriesFacts {
  readonly measurement: string;
  /** A tag's value; undefined where the series has none. */
  readonly tag: (name: string) => string | undefined;
  /** The fields of the measurement: a name that is both is the field's. */
  readonly schema: Pick<Schema, "fields">;
}

export type SeriesCondition = (series: SeriesFacts) => boolean;

export interface ConditionRules {
  /** What becomes of a comparison with a field, of which a series alone cannot tell. */
  readonly fields: () => boolean;
  /** No comparison holds of a tag that is missing, instead of its being the empty text. */
  readonly missingFails?: boolean;
}

/** Every series that might satisfy a condition: comparisons with fields count as true. */
export const ANY_FIELDS: ConditionRules = { fields: () => true };

/** Compiles a condition that says nothing of time. Throws a StatementError for what cannot be asked of a series. */
export function compileCondition(expr: Expr | undefined, rules: ConditionRules): SeriesCondition {
  if (expr === undefined) return () => true;
  switch (expr.kind) {
    case "parentheses":
      return compileCondition(expr.inner, rules);
    case "boolean": {
      const { value } = expr;
      return () => value;
    }
    case "binary":
      break;
    default:
      throw new StatementError("invalid condition expression");
  }
  if (expr.op === "and") {
    const left = compileCondition(expr.left, rules);
    const right = compileCondition(expr.right, rules);
    return (series) => left(series) && right(series);
  }
  if (expr.op === "or") {
    const { lists, others } = disjunctionOf(expr);
    const parts = [
      ...lists.map((list) => compileList(list, rules)),
      ...others.map((each) => compileCondition(each, rules)),
    ];
    return (series) => parts.some((accepts) => accepts(series));
  }
  return compileComparison(expr, rules);
}

/** Several texts of which a tag may have one. */
function compileList({ reference, values }: TextList, rules: ConditionRules): SeriesCondition {
  return compileText(reference, (text) => values.has(text), rules);
}

function compileComparison(expr: Binary, rules: ConditionRules): SeriesCondition {
  const { reference, other } = sidesOf(expr);
  if (reference === undefined) throw new StatementError("invalid condition expression");
  return compileText(reference, textTest(expr.op, other), rules);
}

function compileText(
  reference: Reference,
  accepts: TextTest | undefined,
  { fields, missingFails }: ConditionRules,
): SeriesCondition {
  const { name } = reference;
  if (name === "_name") {
    return ({ measurement }: SeriesFacts) => accepts?.(measurement) ?? false;
  }
  return ({ tag, schema }: SeriesFacts): boolean => {
    if (isField(reference, schema)) return fields();
    const value = tag(name) ?? (missingFails === true ? undefined : "");
    return value !== undefined && accepts !== undefined && accepts(value);
  };
}

function sidesOf({ left, right }: Binary): { reference: Reference | undefined; other: Expr } {
  if (left.kind === "reference") return { reference: left, other: right };
  return { reference: right.kind === "reference" ? right : undefined, other: left };
}

export type MeasurementTest = (
  name: string,
  tagValues: (tag: string) => ReadonlySet<string>,
) => boolean;

/**
 * Which measurements a condition names, as SHOW MEASUREMENTS has it: a measurement satisfies `tag = x` if any of its series
 * does, and `tag != x` if some have the tag and none of them x. AND and OR combine such sets of measurements.
 */
export function measurementTest(expr: Expr | undefined): MeasurementTest {
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
  return (_, values) => {
    const texts = values(tag);
    return texts.size > 0 && hasAny(texts, test) === isEqual;
  };
}

function hasAny(texts: ReadonlySet<string>, test: TextTest): boolean {
  for (const text of texts) if (test(text)) return true;
  return false;
}

/** Names of the tags that a condition compares, for whoever collects their values. */
export function tagsNamed(expr: Expr | undefined): ReadonlySet<string> {
  switch (expr?.kind) {
    case "reference":
      return new Set([expr.name]);
    case "parentheses":
      return tagsNamed(expr.inner);
    case "binary":
      return tagsNamed(expr.left).union(tagsNamed(expr.right));
    default:
      return new Set();
  }
}
