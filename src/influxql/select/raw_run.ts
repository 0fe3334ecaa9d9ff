/** The answer of one group for a statement without functions: rows of its series, merged by time. */
import { missing } from "../values/columns.ts";
import { type Member, readMember } from "./group_reader.ts";
import type { Group } from "./grouping.ts";
import { makeInstants } from "../values/instants.ts";
import { type Carry, outputTable, tagColumns } from "./output_rows.ts";
import type { GroupSettings, SelectRun } from "./run_settings.ts";
import { type Term, termsOf } from "./select_plan.ts";
import {
  filterRows,
  type GroupTable,
  mergeTables,
  pickRows,
  reversedOrder,
  rowsWithValues,
  sliceTable,
  type Table,
} from "../values/table.ts";
import type { Bounds } from "../expressions/time_range.ts";
import { groupSlices } from "./time_slices.ts";

/** Rows in the order of the answer. */
export async function* rawTables(
  group: Group,
  { plan, bounds, run }: GroupSettings,
): AsyncGenerator<Table> {
  const { compiled } = plan;
  const { rows: { limit, offset } } = compiled.statement;
  const fields = termsOf(plan, "field");
  const tags = termsOf(plan, "tag");
  const carry: Carry = new Map();
  const slices = await groupSlices(group.members, {
    pauses: run.budget.pauses,
    bounds,
    slicePoints: run.slicePoints,
    terms: fields,
    windows: undefined,
    firstPoints: limit === 0
      ? undefined
      : Math.max(1_000, limit + offset) * Math.max(1, fields.length),
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
      const pause = budget.pause();
      if (pause !== undefined) await pause;
      const member = members[at]!;
      const read = await readMember(member, fields, { bounds, budget });
      const table = member.source.isSubquery ? read : withValues(read);
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

/** Rows with a value in some column. */
function withValues(table: Table): Table {
  const isWhole = table.columns.some((column) =>
    column.kind !== "string" && column.present === undefined
  );
  return isWhole
    ? table
    : filterRows(table, rowsWithValues(table, table.columns.map((_, at) => at)));
}

function emptyTable(fields: readonly Term[]): GroupTable {
  return {
    count: 0,
    times: makeInstants(0),
    columns: fields.map(({ origin }) => missing(origin.kind, 0)),
    series: new Int32Array(0),
  };
}
