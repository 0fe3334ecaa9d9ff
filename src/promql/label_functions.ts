/** Functions that change label sets or order by them. */
import { compileRegex } from "../../engine/mod.ts";
import type { Call, Expr } from "./ast.ts";
import { unwrap } from "./ast.ts";
import { PromqlError } from "./errors.ts";
import type { Evaluation } from "./evaluation.ts";
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

/** Longest value that a function sets, in UTF-16 units: nested calls could double a value time and again. */
export const LABEL_VALUE_MAX: number = 65_535;
/** Values above this count as memory that the query holds. */
const LABEL_VALUE_FREE = 128;

/** What the rows of `label_replace` and `label_join` come from, and where rows whose labels meet are joined. */
export interface Relabelling {
  readonly source: RowStream;
  readonly table: RowTable;
  readonly evaluation: Evaluation;
  /** No two rows can have equal labels afterwards. */
  readonly distinct: boolean;
}

export function labelReplace(node: Call, relabelling: Relabelling): RowStream {
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
  if (from === "") {
    // No label has that name: all rows get the same.
    let label: Label | undefined;
    return relabel(relabelling, () => {
      label ??= [destination, regex.replace("", template, LABEL_VALUE_MAX) ?? ""];
      return regex.matchesEmpty ? label : undefined;
    });
  }
  return relabel(relabelling, (row) => {
    const value = regex.replace(labelValue(row.labels, from), template, LABEL_VALUE_MAX);
    return value === undefined ? undefined : [destination, value];
  });
}

export function labelJoin(node: Call, relabelling: Relabelling): RowStream {
  const [, destination, separator, ...from] = node.args.map(textOf) as [string, string, string];
  checkName(destination, "destination label name in label_join()");
  for (const name of from as string[]) checkName(name, "source label name in label_join()");
  return relabel(relabelling, (row) => {
    const values = from.map((name) => labelValue(row.labels, name));
    const gaps = Math.max(0, values.length - 1) * separator.length;
    checkLength(values.reduce((length, value) => length + value.length, gaps));
    return [destination, values.join(separator)];
  });
}

function checkName(name: string, what: string): void {
  if (name === "" || !name.isWellFormed()) {
    throw new PromqlError("execution", `invalid ${what}: ${name}`);
  }
}

function checkLength(length: number): void {
  if (length <= LABEL_VALUE_MAX) return;
  throw new PromqlError(
    "execution",
    `Cannot set label: a value of ${length} characters is above LABEL_VALUE_MAX ${LABEL_VALUE_MAX}`,
  );
}

/** A name that is set on purpose stays. */
function setLabel(row: Row, [name, value]: Label): void {
  row.labels = withLabel(row.labels, name, value);
  if (name === METRIC_NAME) row.dropName = false;
}

/**
 * Changes the labels of each row. Rows that then have equal labels become one where they have no step in common; a row
 * with gaps therefore waits until all have come.
 */
function relabel(
  { source, table, evaluation, distinct }: Relabelling,
  labelFor: (row: Row) => Label | undefined,
): RowStream {
  const complete = new Set<string>();
  let waiting: RowStream | undefined;
  return {
    next(row) {
      while (waiting === undefined) {
        if (!source.next(row)) {
          waiting = streamOf(table.rows);
          break;
        }
        if (row.isEmpty) return true;
        const label = labelFor(row);
        if (label !== undefined) {
          const { length } = label[1];
          checkLength(length);
          if (length > LABEL_VALUE_FREE) evaluation.hold(0, length * 2);
          setLabel(row, label);
        }
        if (distinct) return true;
        const key = labelsKey(row.labels);
        if (complete.has(key)) throw sameLabelsError();
        if (!row.kinds.includes(ABSENT)) {
          if (table.has(key)) throw sameLabelsError();
          complete.add(key);
          return true;
        }
        table.add(row, key);
        // An empty row, so that whoever reads may pause.
        row.clear();
        return true;
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
