/**
 * Long lists of alternatives, as dashboards write those that were picked: `a = 'x' OR a = 'y' OR b = 'z'`. Texts are gathered
 * by what they are compared with, so that it is looked up once for all of them.
 */
import type { Binary, Expr, Reference } from "../language/ast.ts";

/** Texts of which a tag or field is to be one. */
export interface TextList {
  readonly reference: Reference;
  readonly values: ReadonlySet<string>;
  /** The comparisons as they were written. */
  readonly comparisons: readonly Binary[];
}

/** It holds where one of its parts does. */
export interface Disjunction {
  readonly lists: readonly TextList[];
  readonly others: readonly Expr[];
}

const known = new WeakMap<Binary, Disjunction>();

/** The parts of a condition whose operator is OR; they are found once. */
export function disjunctionOf(condition: Binary): Disjunction {
  let disjunction = known.get(condition);
  if (disjunction === undefined) known.set(condition, disjunction = partsOf(condition));
  return disjunction;
}

function partsOf(condition: Binary): Disjunction {
  const lists = new Map<string, TextList & { values: Set<string>; comparisons: Binary[] }>();
  const others: Expr[] = [];
  const left: Expr[] = [condition];
  for (let expr = left.pop(); expr !== undefined; expr = left.pop()) {
    if (expr.kind === "parentheses") left.push(expr.inner);
    else if (expr.kind === "binary" && expr.op === "or") left.push(expr.right, expr.left);
    else if (isTextComparison(expr)) {
      const { left: reference, right } = expr;
      const key = `${reference.cast ?? ""} ${reference.name}`;
      let list = lists.get(key);
      if (list === undefined) {
        lists.set(key, list = { reference, values: new Set(), comparisons: [] });
      }
      list.values.add(right.value);
      list.comparisons.push(expr);
    } else others.push(expr);
  }
  return { lists: [...lists.values()], others };
}

type TextComparison = Binary & {
  readonly left: Reference;
  readonly right: Expr & { readonly kind: "string" };
};

function isTextComparison(expr: Expr): expr is TextComparison {
  return expr.kind === "binary" && expr.op === "=" && expr.left.kind === "reference" &&
    expr.right.kind === "string";
}
