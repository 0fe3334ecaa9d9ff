/**
 * Conditions of WHERE without times: names that are no field are tags, which are the same in all rows of a series. So a
 * condition is first reduced for each series; what is left compares fields row by row.
 */
import type { Matcher } from "../../../engine/mod.ts";
import { type Environment, evaluate } from "./arithmetic.ts";
import type { Binary, Expr } from "../language/ast.ts";
import { type Cell, cellAt, columnOf, hasValue, isNumeric } from "../values/columns.ts";
import { disjunctionOf } from "./disjunction.ts";
import { anchored, compileSearch, escapeRegex } from "../language/regex.ts";
import type { Column } from "../values/result.ts";
import { StatementError } from "../values/result.ts";
import type { Schema } from "../values/names.ts";
import type { Table } from "../values/table.ts";
import { knownTextTest } from "./text_test.ts";

type Tags = ReadonlyMap<string, string>;
/** Longer names and values, which the engine may refuse, are compared one by one. */
const MATCHER_NAME_MAX = 64;
const MATCHER_VALUE_MAX = 4_096;
/** Characters of all values of a list. */
const LIST_LENGTH_MAX = 65_536;
/** Labels of the engine's own that are no tags. */
const OWN_LABELS: readonly string[] = ["db", "__name__"];

/** What is left of a condition: it holds, it does not, or it depends on fields. */
export type Reduced = boolean | Expr;

export function isField(expr: Expr, schema: Pick<Schema, "fields">): boolean {
  return expr.kind === "reference" && expr.cast !== "tag" && schema.fields.has(expr.name);
}

/** Names of the fields that an expression reads. */
export function fieldsIn(expr: Expr | undefined, schema: Pick<Schema, "fields">): string[] {
  if (expr === undefined) return [];
  switch (expr.kind) {
    case "reference":
      return isField(expr, schema) ? [expr.name] : [];
    case "call":
      return expr.args.flatMap((each) => fieldsIn(each, schema));
    case "parentheses":
      return fieldsIn(expr.inner, schema);
    case "binary":
      return [...fieldsIn(expr.left, schema), ...fieldsIn(expr.right, schema)];
    default:
      return [];
  }
}

/** Matchers that all series satisfying the condition satisfy: those of tags that stand under AND alone. */
export function tagMatchers(
  condition: Expr | undefined,
  schema: Pick<Schema, "fields">,
): Matcher[] {
  if (condition === undefined) return [];
  if (condition.kind === "parentheses") return tagMatchers(condition.inner, schema);
  if (condition.kind !== "binary") return [];
  const { op, left, right } = condition;
  if (op === "and") return [...tagMatchers(left, schema), ...tagMatchers(right, schema)];
  if (op === "or") return listMatchers(condition, schema);
  if (left.kind !== "reference" || isField(left, schema)) return [];
  const { name } = left;
  if (!isMatchable(name)) return [];
  if ((op === "=" || op === "!=") && right.kind === "string") {
    const fits = right.value.length <= MATCHER_VALUE_MAX;
    return fits ? [{ name, operator: op, value: right.value }] : [];
  }
  if ((op === "=~" || op === "!~") && right.kind === "regex") {
    compileSearch(right.pattern);
    return [{ name, operator: op, value: anchored(right.pattern) }];
  }
  return [];
}

/** The matcher of a tag that is to have one of several values, as dashboards ask for those that were picked. */
function listMatchers(condition: Binary, schema: Pick<Schema, "fields">): Matcher[] {
  const values = new Set<string>();
  let name: string | undefined;
  let length = 0;
  const isList = (expr: Expr): boolean => {
    if (expr.kind === "parentheses") return isList(expr.inner);
    if (expr.kind !== "binary") return false;
    const { op, left, right } = expr;
    if (op === "or") return isList(left) && isList(right);
    if (op !== "=" || left.kind !== "reference" || right.kind !== "string") return false;
    if (isField(left, schema) || left.name !== (name ??= left.name)) return false;
    values.add(right.value);
    length += right.value.length;
    return length <= LIST_LENGTH_MAX;
  };
  if (!isList(condition) || name === undefined || !isMatchable(name)) return [];
  return [{ name, operator: "=~", value: [...values].map(escapeRegex).join("|") }];
}

function isMatchable(name: string): boolean {
  return name !== "" && name.length <= MATCHER_NAME_MAX && !OWN_LABELS.includes(name);
}

/** The condition with the tags of one series put in. */
export function reduceByTags(condition: Expr, tags: Tags, schema: Pick<Schema, "fields">): Reduced {
  switch (condition.kind) {
    case "parentheses":
      return reduceByTags(condition.inner, tags, schema);
    case "boolean":
      return condition.value;
    case "binary": {
      const { op } = condition;
      if (op === "or") return reduceOr(condition, tags, schema);
      if (op !== "and") {
        if (fieldsIn(condition, schema).length > 0) return condition;
        const { left, right } = condition;
        if (left.kind === "reference" && right.kind === "reference") {
          return areEqual(tags.get(left.name), tags.get(right.name)) === (op === "=") &&
            (op === "=" || op === "!=");
        }
        const test = left.kind === "reference" ? knownTextTest(condition) : undefined;
        if (test !== undefined && left.kind === "reference") return test(tags.get(left.name) ?? "");
        const columnOf = (name: string) => tagColumn(name, tags, 1);
        return holds(condition, { count: 1, isLenient: true, columnOf })[0] === 1;
      }
      const left = reduceByTags(condition.left, tags, schema);
      if (left === false) return false;
      const right = reduceByTags(condition.right, tags, schema);
      if (right === false) return false;
      if (left === true) return right;
      if (right === true) return left;
      return { kind: "binary", op, left, right };
    }
    default:
      throw new StatementError(`invalid condition expression: ${condition.kind}`);
  }
}

function reduceOr(condition: Binary, tags: Tags, schema: Pick<Schema, "fields">): Reduced {
  const { lists, others } = disjunctionOf(condition);
  const ofFields: Expr[] = [];
  for (const { reference, values, comparisons } of lists) {
    if (isField(reference, schema)) ofFields.push(...comparisons);
    else if (values.has(tags.get(reference.name) ?? "")) return true;
  }
  let rest: Expr | undefined;
  const add = (right: Expr): void => {
    rest = rest === undefined ? right : { kind: "binary", op: "or", left: rest, right };
  };
  for (const other of others) {
    const reduced = reduceByTags(other, tags, schema);
    if (reduced === true) return true;
    if (reduced !== false) add(reduced);
  }
  for (const comparison of ofFields) add(comparison);
  return rest ?? false;
}

function tagColumn(name: string, tags: Tags, count: number): Column {
  return { kind: "string", values: new Array(count).fill(tags.get(name) ?? "") };
}

/** Two tags of one series are equal only where it has both. */
function areEqual(left: string | undefined, right: string | undefined): boolean {
  return left !== undefined && left === right;
}

export interface RowsOfSeries {
  readonly table: Table;
  /** Names of the table's columns. */
  readonly fields: readonly string[];
  readonly tags: Tags;
}

/** Which rows satisfy a reduced condition. */
export function maskOf(condition: Expr, { table, fields, tags }: RowsOfSeries): Uint8Array {
  return holds(condition, {
    count: table.count,
    isLenient: true,
    columnOf: (name, cast) => {
      const index = cast === "tag" ? -1 : fields.indexOf(name);
      if (index >= 0) return table.columns[index]!;
      // Beside fields a missing tag is missing, and not the empty text.
      return { kind: "string", values: new Array(table.count).fill(tags.get(name)) };
    },
  });
}

function holds(condition: Expr, environment: Environment): Uint8Array {
  if (condition.kind === "parentheses") return holds(condition.inner, environment);
  if (condition.kind === "boolean") {
    return new Uint8Array(environment.count).fill(condition.value ? 1 : 0);
  }
  if (condition.kind === "reference") {
    const column = evaluate(condition, environment);
    return Uint8Array.from(
      { length: environment.count },
      (_, i) => cellAt(column, i) === true ? 1 : 0,
    );
  }
  if (condition.kind !== "binary") {
    throw new StatementError(`invalid condition expression: ${condition.kind}`);
  }
  const { op, left, right } = condition;
  if (op === "and" || op === "or") {
    const mask = holds(left, environment);
    const other = holds(right, environment);
    for (let i = 0; i < mask.length; i++) {
      mask[i] = op === "and" ? mask[i]! & other[i]! : mask[i]! | other[i]!;
    }
    return mask;
  }
  return op === "=~" || op === "!~"
    ? searched(condition, environment)
    : compared(condition, environment);
}

/** Regular expressions: each text is searched once. */
function searched({ op, left, right }: Binary, environment: Environment): Uint8Array {
  const mask = new Uint8Array(environment.count);
  const column = evaluate(left, environment);
  if (right.kind !== "regex" || column.kind !== "string") return mask;
  const regex = compileSearch(right.pattern);
  const known = new Map<string, boolean>();
  for (let i = 0; i < mask.length; i++) {
    const text = column.values[i];
    if (text === undefined) continue;
    let found = known.get(text);
    if (found === undefined) known.set(text, found = regex.matches(text));
    mask[i] = found === (op === "=~") ? 1 : 0;
  }
  return mask;
}

function compared({ op, left, right }: Binary, environment: Environment): Uint8Array {
  const a = evaluate(left, environment);
  const b = right.kind === "duration"
    ? columnOf("integer", new Array(environment.count).fill(right.ns))
    : evaluate(right, environment);
  const mask = new Uint8Array(environment.count);
  const numeric = isNumeric(a.kind) && isNumeric(b.kind);
  // Texts and booleans have no order.
  const fits = numeric || (a.kind === b.kind && (op === "=" || op === "!="));
  if (!fits) return mask;
  if (a.values instanceof Float64Array && b.values instanceof Float64Array) {
    comparedDoubles(op, a.values, b.values, mask);
    for (let i = 0; i < mask.length; i++) {
      if (!hasValue(a, i) || !hasValue(b, i)) mask[i] = 0;
    }
    return mask;
  }
  for (let i = 0; i < mask.length; i++) {
    const [x, y] = [cellAt(a, i), cellAt(b, i)];
    if (x !== undefined && y !== undefined) mask[i] = compareCells(op, x, y) ? 1 : 0;
  }
  return mask;
}

function comparedDoubles(op: string, a: Float64Array, b: Float64Array, mask: Uint8Array): void {
  const count = mask.length;
  switch (op) {
    case "=":
      for (let i = 0; i < count; i++) mask[i] = a[i]! === b[i]! ? 1 : 0;
      break;
    case "!=":
      for (let i = 0; i < count; i++) mask[i] = a[i]! !== b[i]! ? 1 : 0;
      break;
    case "<":
      for (let i = 0; i < count; i++) mask[i] = a[i]! < b[i]! ? 1 : 0;
      break;
    case "<=":
      for (let i = 0; i < count; i++) mask[i] = a[i]! <= b[i]! ? 1 : 0;
      break;
    case ">":
      for (let i = 0; i < count; i++) mask[i] = a[i]! > b[i]! ? 1 : 0;
      break;
    case ">=":
      for (let i = 0; i < count; i++) mask[i] = a[i]! >= b[i]! ? 1 : 0;
      break;
    default:
      throw new StatementError(`invalid operator ${op} in condition`);
  }
}

function compareCells(op: string, left: Cell, right: Cell): boolean {
  // Comparisons alone take whole numbers as doubles and as BigInts alike.
  const [a, b] = [left as number, right as number];
  switch (op) {
    case "=":
      return !(a < b) && !(a > b);
    case "!=":
      return a < b || a > b;
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    default:
      return a >= b;
  }
}
