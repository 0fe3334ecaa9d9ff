/** Replaces wildcards and patterns in fields and in GROUP BY by the names that they stand for. */
import type { Pauses } from "../../slices.ts";
import type { Call, Expr, Field } from "../language/ast.ts";
import type { Kind } from "../values/columns.ts";
import { fieldName } from "./column_names.ts";
import { isTopOrBottom } from "./field_rules.ts";
import { printExpression } from "../language/printer.ts";
import { compileSearch } from "../language/regex.ts";
import { StatementError } from "../values/result.ts";
import type { CompiledSelect } from "./select_compile.ts";
import type { ListedName, SelectSchema } from "./select_schema.ts";

export interface Expanded {
  readonly fields: readonly Field[];
  /** Tags of GROUP BY in the order in which they are written; a name may stand there twice. */
  readonly dimensions: readonly string[];
}

/** Functions that take more than numbers where a wildcard stands for their argument. */
const TAKE_TEXTS: readonly string[] = [
  "count",
  "first",
  "last",
  "distinct",
  "elapsed",
  "mode",
  "sample",
];
const TAKE_BOOLEANS: readonly string[] = [...TAKE_TEXTS, "min", "max"];

export async function expand(
  compiled: CompiledSelect,
  schema: SelectSchema,
  pauses: Pauses,
): Promise<Expanded> {
  const { fields, dimensions } = compiled;
  const patterns = dimensions.some(({ kind }) => kind !== "tag");
  const without = new Set(
    dimensions.flatMap((each) => each.kind === "tag" ? [each.name] : []),
  );
  const listed = fields.some(({ expr }) => hasPattern(expr))
    ? await schema.list({ withTags: !patterns, without, pauses })
    : [];
  const expanded = fields.flatMap((field) => expandField(field, listed));
  const tags = patterns ? await schema.listTags(pauses) : [];
  return {
    fields: expanded.flatMap(withTags),
    dimensions: dimensions.flatMap((each) => {
      if (each.kind === "tag") return [each.name];
      if (each.kind === "wildcard") return tags;
      const regex = compileSearch(each.pattern);
      return tags.filter((name) => regex.matches(name));
    }),
  };
}

/** Tags that top and bottom are given become columns behind theirs. */
function withTags(field: Field): Field[] {
  const { expr } = field;
  if (expr.kind !== "call" || !isTopOrBottom(expr.name)) return [field];
  const tags = expr.args.slice(1, -1).map((each) => ({ expr: each, alias: "" }));
  return [field, ...tags];
}

/** Whether a wildcard or pattern stands in it. */
function hasPattern(expr: Expr): boolean {
  switch (expr.kind) {
    case "wildcard":
    case "regex":
      return true;
    case "call":
      return expr.args.some(hasPattern);
    default:
      return false;
  }
}

function expandField(field: Field, listed: readonly ListedName[]): Field[] {
  const { expr } = field;
  switch (expr.kind) {
    case "wildcard":
      return listed.filter(({ kind }) =>
        expr.of === "all" || (kind === "tag") === (expr.of === "tag")
      ).map(referenceTo);
    case "regex": {
      const regex = compileSearch(expr.pattern);
      return listed.filter(({ name }) => regex.matches(name)).map(referenceTo);
    }
    case "call":
      return expandCall(field, expr, listed);
    case "binary":
      refuseWildcards(expr, expr);
      return [field];
    default:
      return [field];
  }
}

function referenceTo({ name, isField }: ListedName): Field {
  return { expr: { kind: "reference", name, cast: isField ? "field" : "tag" }, alias: "" };
}

function expandCall(field: Field, call: Call, listed: readonly ListedName[]): Field[] {
  let inner = call;
  while (inner.args[0]?.kind === "call") inner = inner.args[0];
  const pattern = inner.args[0];
  if (pattern?.kind !== "wildcard" && pattern?.kind !== "regex") return [field];
  if (pattern.kind === "wildcard" && pattern.of === "tag") {
    throw new StatementError(`unable to use tag wildcard in ${inner.name}()`);
  }
  const regex = pattern.kind === "regex" ? compileSearch(pattern.pattern) : undefined;
  const fields: Field[] = [];
  for (const { name, kind } of listed) {
    if (kind === "tag" || !takes(inner.name, kind)) continue;
    if (regex !== undefined && !regex.matches(name)) continue;
    const expr = withInnermost(call, { kind: "reference", name, cast: undefined });
    fields.push({ expr, alias: `${fieldName(field)}_${name}` });
  }
  return fields;
}

function takes(name: string, kind: Kind): boolean {
  switch (kind) {
    case "string":
      return TAKE_TEXTS.includes(name);
    case "boolean":
      return TAKE_BOOLEANS.includes(name);
    case "unsigned":
      return !name.startsWith("holt_winters");
    default:
      return true;
  }
}

/** The call with another argument in the innermost call. */
function withInnermost(call: Call, argument: Expr): Call {
  const [first, ...rest] = call.args;
  const replaced = first?.kind === "call" ? withInnermost(first, argument) : argument;
  return { ...call, args: [replaced, ...rest] };
}

function refuseWildcards(expr: Expr, whole: Expr): void {
  switch (expr.kind) {
    case "wildcard":
      throw new StatementError(`unsupported expression with wildcard: ${printExpression(whole)}`);
    case "regex":
      throw new StatementError(
        `unsupported expression with regex field: ${printExpression(whole)}`,
      );
    case "binary":
      refuseWildcards(expr.left, whole);
      return refuseWildcards(expr.right, whole);
    case "parentheses":
      return refuseWildcards(expr.inner, whole);
    case "call":
      return expr.args.forEach((each) => refuseWildcards(each, whole));
  }
}
