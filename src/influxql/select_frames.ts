/** Series of a SELECT's answer as frames: parts of some thousand rows, so that no long series is held whole. */
import { nsAt, nsBetween } from "./instants.ts";
import type { Frame } from "./result.ts";
import type { SelectPlan } from "./select_plan.ts";
import type { SelectedGroup } from "./select_run.ts";
import { sliceTable, type Table } from "./table.ts";

/** Rows of a frame. */
const FRAME_ROWS = 10_000;

/** Frames of one series; none where it has no rows. */
export async function* framesOf(group: SelectedGroup, plan: SelectPlan): AsyncGenerator<Frame> {
  const head = {
    name: group.name,
    tags: group.tags.length === 0 ? undefined : group.tags,
    columns: [plan.compiled.timeName, ...plan.columns.map(({ name }) => name)],
  };
  let waiting: Table | undefined;
  for await (const table of group.tables()) {
    for (const part of partsOf(table)) {
      if (waiting !== undefined) yield { ...head, ...rowsOf(waiting), continues: true };
      waiting = part;
    }
  }
  if (waiting !== undefined) yield { ...head, ...rowsOf(waiting), continues: false };
}

/** Parts of a table that are short in rows and in time. */
function* partsOf(table: Table): Generator<Table> {
  const { count, times } = table;
  for (let from = 0; from < count;) {
    let to = from + 1;
    const end = Math.min(count, from + FRAME_ROWS);
    while (to < end && Math.abs(nsBetween(times, from, to)) <= Number.MAX_SAFE_INTEGER) to++;
    yield sliceTable(table, from, to);
    from = to;
  }
}

function rowsOf({ count, times, columns }: Table): Pick<Frame, "count" | "times" | "data"> {
  const offsets = new Float64Array(count);
  for (let row = 0; row < count; row++) offsets[row] = nsBetween(times, 0, row);
  return { count, times: { origin: nsAt(times, 0), offsets }, data: columns };
}
