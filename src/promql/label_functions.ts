/** Functions that change label sets or order by them. */
import { compileRegex } from "../../engine/mod.ts";
import type { Call, Expr } from "./ast.ts";
import { unwrap } from "./ast.ts";
import { PromqlError } from "./errors.ts";
import {
  compareLabels,
  labelsKey,
  labelValue,
  makeLabels,
  METRIC_NAME,
  withLabel,
} from "./labels.ts";
import type { Label, LabelMatcher, Labels } from "./queryable.ts";
import { ABSENT, type Row, type RowStream, streamOf } from "./row.ts";
import { type RowTable, sameLabelsError } from "./row_table.ts";

/** The value of a string argument; the type check has made sure that it is one. */
export function textOf(expr: Expr | undefined): string {
  const inner = expr === undefined ? undefined : unwrap(expr);
  return inner?.kind === "string" ? inner.value : "";
}

/** `table` is for rows whose labels may meet. */
export function labelReplace(node: Call, source: RowStream, table: RowTable): RowStream {
  const [, destination, template, from, pattern] = node.args.map(textOf) as [
    string,
    string,
    string,
    string,
    string,
  ];
  checkName(destination, "destination label name in label_replace()");
  let regex: ReturnType<typeof compileRegex>;
  try {
    regex = compileRegex(pattern);
  } catch (cause) {
    throw new PromqlError(
      "execution",
      `invalid regular expression in label_replace(): ${pattern}`,
      { cause },
    );
  }
  return relabel(source, table, (row) => {
    const value = regex.replace(labelValue(row.labels, from), template);
    if (value !== undefined) setLabel(row, destination, value);
  });
}

export function labelJoin(node: Call, source: RowStream, table: RowTable): RowStream {
  const [, destination, separator, ...from] = node.args.map(textOf) as [string, string, string];
  checkName(destination, "destination label name in label_join()");
  for (const name of from as string[]) checkName(name, "source label name in label_join()");
  return relabel(source, table, (row) => {
    const values = from.map((name) => labelValue(row.labels, name));
    setLabel(row, destination, values.join(separator));
  });
}

function checkName(name: string, what: string): void {
  if (name === "" || !name.isWellFormed()) {
    throw new PromqlError("execution", `invalid ${what}: ${name}`);
  }
}

/** A name that is set on purpose stays. */
function setLabel(row: Row, name: string, value: string): void {
  row.labels = withLabel(row.labels, name, value);
  if (name === METRIC_NAME) row.dropName = false;
}

/**
 * Changes the labels of each row. Rows that then have equal labels become one where they have no step in common; a row
 * with gaps therefore waits until all have come.
 */
function relabel(source: RowStream, table: RowTable, change: (row: Row) => void): RowStream {
  const complete = new Set<string>();
  let waiting: RowStream | undefined;
  return {
    next(row) {
      while (waiting === undefined) {
        if (!source.next(row)) {
          waiting = streamOf(table.rows);
          break;
        }
        if (row.isEmpty) continue;
        change(row);
        const key = labelsKey(row.labels);
        if (complete.has(key)) throw sameLabelsError();
        if (!row.kinds.includes(ABSENT)) {
          if (table.has(key)) throw sameLabelsError();
          complete.add(key);
          return true;
        }
        table.add(row, key);
      }
      return waiting.next(row);
    },
  };
}

/** Labels of `absent`: those that the selector's `=` matchers tell without contradiction. */
export function absentLabels(expr: Expr): Labels {
  const inner = unwrap(expr);
  const matchers: readonly LabelMatcher[] = inner.kind === "vector_selector"
    ? inner.matchers
    : inner.kind === "matrix_selector"
    ? inner.selector.matchers
    : [];
  const told = new Set<string>();
  const labels = new Map<string, string>();
  for (const { name, operator, value } of matchers) {
    if (name === METRIC_NAME) continue;
    if (operator === "=" && !told.has(name)) {
      labels.set(name, value);
      told.add(name);
    } else {
      labels.delete(name);
    }
  }
  return makeLabels([...labels] as Label[]);
}

/** Order of `sort_by_label`: natural order of the named labels, then whole label sets. */
export function byLabelValues(names: readonly string[]): (left: Row, right: Row) => number {
  return (left, right) => {
    for (const name of names) {
      const order = compareNaturally(labelValue(left.labels, name), labelValue(right.labels, name));
      if (order !== 0) return order;
    }
    return compareLabels(left.labels, right.labels);
  };
}

/** Digits compare as numbers, all else as text: `a2` comes before `a10`. */
function compareNaturally(left: string, right: string): number {
  if (left === right) return 0;
  const parts = (text: string): string[] => text.match(/\d+|\D+/g) ?? [];
  const a = parts(left);
  const b = parts(right);
  for (let at = 0; at < a.length && at < b.length; at++) {
    if (a[at] === b[at]) continue;
    const numeric = /^\d/.test(a[at]!) && /^\d/.test(b[at]!);
    const order = numeric ? Number(a[at]) - Number(b[at]) : 0;
    if (order !== 0) return order;
    if (!numeric) return a[at]! < b[at]! ? -1 : 1;
  }
  return a.length - b.length;
}
