/** What the text of an expression tells of the labels of its rows, before any is read. */
import { compileRegex } from "../../engine/mod.ts";
import type { Call, Expr, VectorMatching } from "./ast.ts";
import { unwrap } from "./ast.ts";
import { LABEL_VALUE_MAX, textOf } from "./label_functions.ts";
import { METADATA_LABELS } from "./labels.ts";
import { hasDistinctRows, KEEPS_SERIES } from "./planner.ts";
import type { Label } from "./queryable.ts";

/** Whether rows may carry a label; true where that is not plain from the expression. */
function mayHaveLabel(expr: Expr, name: string): boolean {
  const inner = unwrap(expr);
  if (inner.kind === "aggregation") {
    const keepsOnlyListed = !inner.without && !KEEPS_SERIES.test(inner.operator) &&
      inner.operator !== "count_values";
    return !keepsOnlyListed || inner.labels.includes(name);
  }
  if (inner.kind !== "call" || !/^label_(?:replace|join)$/.test(inner.signature.name)) return true;
  return textOf(inner.args[1]) === name || mayHaveLabel(inner.args[0]!, name);
}

/** Whether `label_replace` or `label_join` gives no two rows the same labels: its operand tells them apart without the label. */
export function keepsDistinct(node: Call): boolean {
  const operand = node.args[0]!;
  return hasDistinctRows(operand) && !mayHaveLabel(operand, textOf(node.args[1]));
}

/** The label that `label_replace(v, "name", "value", "", "")` gives to every row alike. */
function labelOfAll(expr: Expr): Label | undefined {
  const inner = unwrap(expr);
  if (inner.kind !== "call" || inner.signature.name !== "label_replace") return undefined;
  const [, destination, template, from, pattern] = inner.args.map(textOf);
  if (from !== "") return undefined;
  try {
    const value = compileRegex(pattern!).replace("", template!, LABEL_VALUE_MAX);
    return value === undefined || value === "" ? undefined : [destination!, value];
  } catch {
    // The evaluation reports it.
    return undefined;
  }
}

/**
 * Whether rows of different operands never match, because a label that takes part in the matching has another value in
 * each operand, and whether no operand has two rows of equal labels: their union is then all rows as they are.
 */
export function areDisjoint(operands: readonly Expr[], { on, labels }: VectorMatching): boolean {
  const names = new Set<string>();
  const values = new Set<string>();
  for (const operand of operands) {
    const label = labelOfAll(operand);
    if (label === undefined || !hasDistinctRows(operand)) return false;
    names.add(label[0]);
    values.add(label[1]);
  }
  const [name] = names;
  return names.size === 1 && values.size === operands.length &&
    labels.includes(name!) === on && !METADATA_LABELS.includes(name!);
}
