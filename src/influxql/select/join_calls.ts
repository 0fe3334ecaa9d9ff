/** Puts the rows of several calls side by side: those with equal times in one row. */
import type { Fill } from "../language/ast.ts";
import { gather, missing } from "../values/columns.ts";
import type { CallRows } from "./call_rows.ts";
import { withNumber } from "./fill.ts";
import { areEqual, compareAt, gatherInstants, type Instants } from "../values/instants.ts";
import type { Column } from "../values/result.ts";
import { concatInstants, reversedOrder } from "../values/table.ts";
import type { SelectPlan } from "./select_plan.ts";

/** Rows of a group before its columns are computed, in the order of the answer. */
export interface JoinedRows {
  readonly count: number;
  readonly times: Instants;
  /** A column for each call. */
  readonly calls: readonly Column[];
  /** Columns of fields beside the only call. */
  readonly beside: readonly Column[];
  readonly members: Int32Array;
}

export function joinCalls(
  rows: readonly (CallRows | undefined)[],
  plan: SelectPlan,
): JoinedRows | undefined {
  const { descending, statement } = plan.compiled;
  const limited = rows.map((each) =>
    each === undefined ? undefined : limitRows(each, { descending, ...statement.rows })
  );
  const held = limited.filter((each) => each !== undefined && each.members.length > 0);
  const [first] = held as CallRows[];
  if (first === undefined) return undefined;
  const planned = [...plan.calls.values()];
  const { fill } = plan.compiled;
  // Where all have the same times, each row stands beside its own.
  const areAligned = held.every((each) => areEqual(each!.times, first.times));
  const { times, orders } = areAligned
    ? { times: first.times, orders: undefined }
    : zip(limited, descending);
  const count = times.eras.length;
  return {
    count,
    times,
    calls: limited.map((each, at) => {
      if (each === undefined || each.members.length === 0) {
        const call = planned[at];
        const nothing = missing(call?.kind ?? "float", count);
        // What is of no field has no rows to fill.
        const isFilled = fill.kind === "number" && call !== undefined;
        return isFilled ? withNumber(nothing, fill.value, () => true) : nothing;
      }
      return orders === undefined ? each.column : placed(each.column, orders[at]!, fill);
    }),
    beside: first.beside,
    members: held.length === 1 ? first.members : new Int32Array(count).fill(-1),
  };
}

/** A call's rows at the times of all; where it has none stands what fills, but what it gave as missing stays so. */
function placed(column: Column, order: Int32Array, fill: Fill): Column {
  if (fill.kind === "previous") return gather(column, carriedRows(order));
  const gathered = gather(column, order);
  if (fill.kind !== "number") return gathered;
  return withNumber(gathered, fill.value, (row) => order[row]! < 0);
}

function carriedRows(order: Int32Array): Int32Array {
  let last = -1;
  return order.map((row) => last = row < 0 ? last : row);
}

interface RowLimits {
  readonly descending: boolean;
  readonly limit: number;
  readonly offset: number;
}

/** Rows in the order of the answer, as many as LIMIT leaves: it counts the rows of each call. */
function limitRows(rows: CallRows, { descending, limit, offset }: RowLimits): CallRows {
  const count = rows.members.length;
  const left = Math.max(0, count - offset);
  const kept = limit === 0 ? left : Math.min(left, limit);
  if (kept === count && !descending) return rows;
  const whole = descending ? descendingOrder(rows) : undefined;
  const order = whole?.subarray(offset, offset + kept) ??
    Int32Array.from({ length: kept }, (_, at) => offset + at);
  return {
    times: gatherInstants(rows.times, order),
    column: gather(rows.column, order),
    beside: rows.beside.map((column) => gather(column, order)),
    members: order.map((row) => rows.members[row]!),
  };
}

/** Rows from the last to the first, but for those of a bucket that ascend within it. */
function descendingOrder({ members, buckets }: CallRows): Int32Array {
  const order = reversedOrder(members.length);
  if (buckets === undefined) return order;
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && compareAt(buckets, order[from]!, buckets, order[to]!) === 0) to++;
    order.subarray(from, to).reverse();
    from = to;
  }
  return order;
}

/** Times of all, and for each call which of its rows stands at each of them. */
function zip(
  rows: readonly (CallRows | undefined)[],
  descending: boolean,
): { readonly times: Instants; readonly orders: readonly Int32Array[] } {
  const columns = rows.map((each) => each?.times);
  const total = columns.reduce((sum, each) => sum + (each?.eras.length ?? 0), 0);
  const orders = rows.map(() => new Int32Array(total).fill(-1));
  const next = rows.map(() => 0);
  const sign = descending ? -1 : 1;
  const source = new Int32Array(total);
  const starts: number[] = [];
  let start = 0;
  for (const each of columns) {
    starts.push(start);
    start += each?.eras.length ?? 0;
  }
  let count = 0;
  for (;; count++) {
    let best = -1;
    for (let i = 0; i < columns.length; i++) {
      const times = columns[i];
      if (times === undefined || next[i]! >= times.eras.length) continue;
      const order = best < 0 ? -1 : sign * compareAt(times, next[i]!, columns[best]!, next[best]!);
      if (order < 0) best = i;
    }
    if (best < 0) break;
    const times = columns[best]!;
    const row = next[best]!;
    source[count] = starts[best]! + row;
    for (let i = 0; i < columns.length; i++) {
      const other = columns[i];
      if (other === undefined || next[i]! >= other.eras.length) continue;
      if (compareAt(other, next[i]!, times, row) === 0) orders[i]![count] = next[i]!++;
    }
  }
  const all = concatInstants(columns.filter((each) => each !== undefined));
  return {
    times: gatherInstants(all, source.subarray(0, count)),
    orders: orders.map((order) => order.subarray(0, count)),
  };
}
