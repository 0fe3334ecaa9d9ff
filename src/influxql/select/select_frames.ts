/** Series of a SELECT's answer as frames: parts of some thousand rows, so that no long series is held whole. */
import { compareText } from "../../../engine/mod.ts";
import { cellAt } from "../values/columns.ts";
import { nsAt, nsBetween } from "../values/instants.ts";
import type { Frame } from "../values/result.ts";
import type { SelectPlan } from "./select_plan.ts";
import type { SelectedGroup } from "./select_run.ts";
import { sliceTable, type Table } from "../values/table.ts";

/** Rows of a frame. */
const FRAME_ROWS = 10_000;

/** Frames of one series; none where it has no rows. */
export async function* framesOf(group: SelectedGroup, plan: SelectPlan): AsyncGenerator<Frame> {
  if (plan.writtenTags.length > 0) return yield* taggedFrames(group, plan);
  const head = headOf(group, plan);
  let waiting: Table | undefined;
  for await (const table of group.tables()) {
    for (const part of partsOf(table)) {
      if (waiting !== undefined) yield { ...head, ...rowsOf(waiting), continues: true };
      waiting = part;
    }
  }
  if (waiting !== undefined) yield { ...head, ...rowsOf(waiting), continues: false };
}

function headOf(
  { name, tags }: SelectedGroup,
  { compiled, columns }: SelectPlan,
): Pick<Frame, "name" | "tags" | "columns"> {
  return {
    name,
    tags: tags.length === 0 ? undefined : tags,
    columns: [compiled.timeName, ...columns.map((column) => column.name)],
  };
}

/** Frames of single rows, some of whose columns are tags: as few as top and bottom pick. */
async function* taggedFrames(group: SelectedGroup, plan: SelectPlan): AsyncGenerator<Frame> {
  const isTag = plan.columns.map((_, at) => plan.writtenTags.includes(at));
  const names = plan.columns.map(({ expr }) => expr.kind === "reference" ? expr.name : "");
  const columns = plan.columns.filter((_, at) => !isTag[at]);
  for await (const table of group.tables()) {
    for (let row = 0; row < table.count; row++) {
      const { count, times, columns: cells } = sliceTable(table, row, row + 1);
      const tags = new Map(group.tags);
      cells.forEach((cell, at) => {
        const value = cellAt(cell, 0);
        if (isTag[at]) tags.set(names[at]!, typeof value === "string" ? value : "");
      });
      const kept = { count, times, columns: cells.filter((_, at) => !isTag[at]) };
      const sorted = [...tags].sort(([left], [right]) => compareText(left, right));
      yield {
        ...headOf({ ...group, tags: sorted }, { ...plan, columns }),
        ...rowsOf(kept),
        continues: false,
      };
    }
  }
}

/** Parts of a table that are short in rows and in time. */
function* partsOf(table: Table): Generator<Table> {
  const { count, times } = table;
  for (let from = 0; from < count;) {
    const end = Math.min(count, from + FRAME_ROWS);
    const { eras } = times;
    const era = eras[from]!;
    let to = from + 1;
    // Doubles hold the distance to whatever lies in the era or one beside it.
    while (to < end && eras[to]! - era <= 1 && era - eras[to]! <= 1) to++;
    yield sliceTable(table, from, to);
    from = to;
  }
}

function rowsOf({ count, times, columns }: Table): Pick<Frame, "count" | "times" | "data"> {
  const offsets = new Float64Array(count);
  for (let row = 0; row < count; row++) offsets[row] = nsBetween(times, 0, row);
  return { count, times: { origin: nsAt(times, 0), offsets }, data: columns };
}
