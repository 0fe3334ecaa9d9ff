/** Names of a SELECT's columns: aliases as they are written, all others made different by a number. */
import type { Expr, Field } from "../language/ast.ts";
import { isMathFunction } from "../expressions/math_functions.ts";

/** The name of a field by itself; empty: it has none. */
export function fieldName({ expr, alias }: Field): string {
  return alias === "" ? expressionName(expr) : alias;
}

function expressionName(expr: Expr): string {
  switch (expr.kind) {
    case "call":
      return expr.name;
    case "reference":
      return expr.name;
    case "parentheses":
      return expressionName(expr.inner);
    case "binary":
      return namesIn(expr).join("_");
    default:
      return "";
  }
}

/** Names of what is combined; of calls theirs alone. */
function namesIn(expr: Expr): string[] {
  switch (expr.kind) {
    case "reference":
    case "call":
      return [expr.name];
    case "parentheses":
      return namesIn(expr.inner);
    case "binary":
      return [...namesIn(expr.left), ...namesIn(expr.right)];
    default:
      return [];
  }
}

export function columnNames(fields: readonly Field[]): string[] {
  const counts = new Map<string, number>();
  for (const { alias } of fields) if (alias !== "") counts.set(alias, 1);
  return fields.map((field) => {
    if (field.alias !== "") return field.alias;
    const name = fieldName(field);
    const free = freeName(name, counts);
    counts.set(free, (counts.get(free) ?? 0) + 1);
    return free;
  });
}

function freeName(name: string, counts: Map<string, number>): string {
  let count = counts.get(name);
  if (count === undefined) return name;
  while (counts.has(`${name}_${count}`)) count++;
  counts.set(name, count + 1);
  return `${name}_${count}`;
}

/** Visits the references and calls that a field is computed from: not what stands within calls, but for mathematical ones. */
export function visitTerms(
  expr: Expr,
  visit: (term: Expr & { readonly kind: "reference" | "call" }) => void,
): void {
  switch (expr.kind) {
    case "reference":
      return visit(expr);
    case "call":
      if (!isMathFunction(expr.name)) return visit(expr);
      for (const each of expr.args) visitTerms(each, visit);
      return;
    case "parentheses":
      return visitTerms(expr.inner, visit);
    case "binary":
      visitTerms(expr.left, visit);
      visitTerms(expr.right, visit);
  }
}
