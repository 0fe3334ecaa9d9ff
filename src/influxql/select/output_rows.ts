/** The columns of an answer from what was read and computed for them. */
import { evaluate } from "../expressions/arithmetic.ts";
import type { Expr, Fill } from "../language/ast.ts";
import { castColumn, concatColumns, gather, hasValue, missing } from "../values/columns.ts";
import { withNumber } from "./fill.ts";
import type { Member } from "./group_reader.ts";
import type { Instants } from "../values/instants.ts";
import { printExpression } from "../language/printer.ts";
import type { Column } from "../values/result.ts";
import { keyOf, type SelectPlan, type Term } from "./select_plan.ts";
import type { Table } from "../values/table.ts";

/** Texts of calls that columns are looked up by, in one group after the other. */
const callKeys = new WeakMap<Expr, string>();

function keyOfCall(call: Expr): string {
  const known = callKeys.get(call);
  if (known !== undefined) return known;
  const key = printExpression(call);
  callKeys.set(call, key);
  return key;
}

/** Rows with a column for each call and term, in the order of the answer. */
export interface RawRows {
  readonly count: number;
  readonly times: Instants;
  /** Filled. */
  readonly calls: ReadonlyMap<string, Column>;
  readonly terms: ReadonlyMap<string, Column>;
}

/** Last values, for fill(previous) over rows that come in parts. */
export type Carry = Map<string, Column>;

export function outputTable(plan: SelectPlan, rows: RawRows, carry: Carry): Table {
  const { count, times } = rows;
  const { fill } = plan.compiled;
  const { calls } = rows;
  const terms = filledColumns(rows.terms, { fill, carry });
  const environment = {
    count,
    columnOf: (name: string, cast: (Expr & { kind: "reference" })["cast"]) =>
      terms.get(keyOf({ kind: "reference", name, cast })) ?? missing("float", count),
    columnOfCall: (call: Expr & { kind: "call" }) =>
      calls.get(keyOfCall(call)) ?? missing("float", count),
  };
  const columns = plan.columns.map(({ expr, kind }) => {
    const column = evaluate(expr, environment);
    return kind === undefined ? column : castColumn(column, kind);
  });
  return { count, times, columns };
}

/** What is missing is filled with a number, or the value of the row before. */
function filledColumns(
  columns: ReadonlyMap<string, Column>,
  { fill, carry }: { readonly fill: Fill; readonly carry: Carry },
): ReadonlyMap<string, Column> {
  if (fill.kind !== "number" && fill.kind !== "previous") return columns;
  return new Map([...columns].map(([key, column]) => [
    key,
    fill.kind === "number"
      ? withNumber(column, fill.value, (row) => !hasValue(column, row))
      : carriedOn(key, column, carry),
  ]));
}

function carriedOn(key: string, column: Column, carry: Carry): Column {
  const count = column.values.length;
  const before = carry.get(key) ?? missing(column.kind, 1);
  const from = new Int32Array(count);
  let last = -1;
  for (let row = 0; row < count; row++) {
    if (hasValue(column, row)) last = row;
    from[row] = last;
  }
  const head = from.lastIndexOf(-1) + 1;
  const carried = gather(column, from);
  const filled = head === 0 || !hasValue(before, 0) ? carried : withHead(carried, before, head);
  if (count > 0) carry.set(key, gather(filled, Int32Array.of(count - 1)));
  return filled;
}

/** The column with one value in its first rows. */
function withHead(column: Column, value: Column, head: number): Column {
  const both = concatColumns([value, column]);
  const order = Int32Array.from(
    { length: column.values.length },
    (_, row) => row < head ? 0 : row + 1,
  );
  return gather(both, order);
}

/** Columns of tags: of each row those of the member that it is of. */
export function tagColumns(
  terms: readonly Term[],
  members: readonly Member[],
  rows: Int32Array,
): Map<string, Column> {
  const columns = new Map<string, Column>();
  for (const { key, name } of terms) {
    const texts = members.map(({ source, series }) => {
      const text = series.tags.get(name);
      // Subqueries hand out what a series lacks as the empty text.
      return text === "" && !source.isSubquery ? undefined : text;
    });
    const values: (string | undefined)[] = new Array(rows.length);
    for (let i = 0; i < rows.length; i++) values[i] = rows[i]! < 0 ? undefined : texts[rows[i]!];
    columns.set(key, { kind: "string", values });
  }
  return columns;
}
