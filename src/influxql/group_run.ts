/** Computes the answer of one group, in parts where its series are long. */
import { callTables } from "./call_run.ts";
import { missing } from "./columns.ts";
import type { Group } from "./grouping.ts";
import { type Member, readMember } from "./group_reader.ts";
import { makeInstants } from "./instants.ts";
import { type Carry, outputTable, tagColumns } from "./output_rows.ts";
import type { SelectBudget } from "./select_budget.ts";
import type { SelectPlan, Term } from "./select_plan.ts";
import {
  filterRows,
  type GroupTable,
  mergeTables,
  pickRows,
  reversedOrder,
  rowsWithValues,
  sliceTable,
  type Table,
} from "./table.ts";
import type { Bounds } from "./time_range.ts";
import { slicesOf } from "./time_slices.ts";

/** What a statement runs with. */
export interface SelectRun {
  readonly budget: SelectBudget;
  readonly signal: AbortSignal;
  /** Numbers in 0 <= x < 1. */
  readonly random: () => number;
  /** Points that a series has about in the range of the statement. */
  readonly pointsPerSeries: () => number;
}

export interface GroupSettings {
  readonly plan: SelectPlan;
  readonly bounds: Bounds;
  /** What is older is not read though the range has no lower bound: its buckets would be too many. */
  readonly readFromNs: bigint | undefined;
  readonly run: SelectRun;
}

/** Rows in the order of the answer, with a column for each of the plan's. */
export function groupTables(group: Group, settings: GroupSettings): AsyncGenerator<Table> {
  return settings.plan.calls.size === 0 ? rawTables(group, settings) : callTables(group, settings);
}

/** What stands outside of calls. */
export function termsOf({ terms }: SelectPlan, from: "field" | "tag"): Term[] {
  return [...terms.values()].filter((term) => term?.origin.from === from) as Term[];
}

async function* rawTables(
  group: Group,
  { plan, bounds, run }: GroupSettings,
): AsyncGenerator<Table> {
  const { compiled } = plan;
  const { rows: { limit, offset } } = compiled.statement;
  const fields = termsOf(plan, "field");
  const tags = termsOf(plan, "tag");
  const carry: Carry = new Map();
  const slices = slicesOf(group.members, {
    bounds,
    pointsPerSeries: run.pointsPerSeries(),
    terms: fields,
    windows: undefined,
    firstPoints: limit === 0 ? undefined : Math.max(1_000, limit + offset) * fields.length,
    descending: compiled.descending,
  });
  let skipped = 0;
  let given = 0;
  for (const slice of slices) {
    const { table: merged, bytes } = await mergedRows(group.members, fields, {
      bounds: slice,
      run,
    });
    try {
      const table = compiled.descending ? pickRows(merged, reversedOrder(merged.count)) : merged;
      const members = compiled.descending ? merged.series.toReversed() : merged.series;
      const from = Math.min(table.count, offset - skipped);
      skipped += from;
      const to = limit === 0 ? table.count : Math.min(table.count, from + limit - given);
      given += to - from;
      if (to > from) {
        const kept = sliceTable(table, from, to);
        yield outputTable(plan, {
          count: kept.count,
          times: kept.times,
          calls: new Map(),
          terms: new Map([
            ...fields.map(({ key }, at) => [key, kept.columns[at]!] as const),
            ...tagColumns(tags, group.members, members.subarray(from, to)),
          ]),
        }, carry);
      }
    } finally {
      run.budget.release(bytes);
    }
    if (limit > 0 && given >= limit) return;
  }
}

/** Rows of all members, merged by time; what they take is held. */
async function mergedRows(
  members: readonly Member[],
  fields: readonly Term[],
  { bounds, run }: { readonly bounds: Bounds; readonly run: SelectRun },
): Promise<{ readonly table: GroupTable; readonly bytes: number }> {
  const { budget } = run;
  const tables: Table[] = [];
  const places: number[] = [];
  let bytes = 0;
  try {
    for (let at = 0; at < members.length; at++) {
      await budget.pause();
      const member = members[at]!;
      const read = await readMember(member, fields, { bounds, budget });
      const table = member.source.isSubquery
        ? read
        : filterRows(read, rowsWithValues(read, fields.map((_, column) => column)));
      if (table.count === 0) continue;
      // Merging takes as much again.
      bytes += budget.holdTable(table) + (members.length > 1 ? budget.holdTable(table) : 0);
      tables.push(table);
      places.push(at);
    }
    if (tables.length === 0) return { table: emptyTable(fields), bytes };
    return { table: mergeTables(tables, places), bytes };
  } catch (error) {
    budget.release(bytes);
    throw error;
  }
}

function emptyTable(fields: readonly Term[]): GroupTable {
  return {
    count: 0,
    times: makeInstants(0),
    columns: fields.map(({ origin }) => missing(origin.kind, 0)),
    series: new Int32Array(0),
  };
}
