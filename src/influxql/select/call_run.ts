/** The answer of one group for a statement with functions: its series are read one after the other, all functions at once. */
import { type CallRows, type CallSettings, rowsOfCall } from "./call_rows.ts";
import type { CallSetup } from "./call_setup.ts";
import { castColumn } from "../values/columns.ts";
import type { Group } from "./grouping.ts";
import type { Member } from "./group_reader.ts";
import { GroupReading } from "./group_reading.ts";
import { joinCalls, type JoinedRows } from "./join_calls.ts";
import { outputTable, tagColumns } from "./output_rows.ts";
import type { Column } from "../values/result.ts";
import type { GroupSettings } from "./run_settings.ts";
import type { SelectPlan } from "./select_plan.ts";
import type { Table } from "../values/table.ts";

export async function* callTables(
  group: Group,
  { plan, bounds, readFromNs, run, cache }: GroupSettings,
): AsyncGenerator<Table> {
  const { budget, signal, random } = run;
  const { grids } = cache;
  const setup = cache.setupOf({ plan, bounds, readFromNs });
  const settings: CallSettings = { plan, windows: grids.windows, bounds, budget, signal };
  const reading = new GroupReading(group.members, { setup, settings, grids, random });
  try {
    await reading.read(run.slicePoints);
    const rows: (CallRows | undefined)[] = [];
    for (const call of setup.calls) {
      const own = call === undefined ? undefined : rowsOfCall(call, reading.folded, settings);
      rows.push(own instanceof Promise ? await own : own);
    }
    const joined = joinCalls(rows, plan);
    if (joined === undefined || joined.count === 0) return;
    if (grids.windows !== undefined) budget.countBuckets(joined.count);
    yield outputOf(plan, joined, { setup, members: group.members });
  } finally {
    reading.release();
  }
}

function outputOf(
  plan: SelectPlan,
  { count, times, calls, beside, members: rows }: JoinedRows,
  { setup, members }: { readonly setup: CallSetup; readonly members: readonly Member[] },
): Table {
  const { direct, fields, tags } = setup;
  if (direct !== undefined) {
    const columns = direct.map(({ call, kind }) => castColumn(calls[call]!, kind));
    return { count, times, columns };
  }
  const terms = new Map<string, Column>();
  fields.forEach(({ key }, at) => {
    const column = beside[at];
    if (column !== undefined) terms.set(key, column);
  });
  for (const [key, column] of tagColumns(tags, members, rows)) terms.set(key, column);
  const keys = [...plan.calls.keys()];
  return outputTable(plan, {
    count,
    times,
    calls: new Map(calls.map((column, at) => [keys[at]!, column])),
    terms,
  }, new Map());
}
