/** LIMIT over buckets: how much of the range has to be read until the rows that it leaves are known. */
import { type Instants, nsAt } from "../values/instants.ts";
import type { SelectPlan } from "./select_plan.ts";
import { type Bounds, TIME_MIN_NS } from "../expressions/time_range.ts";
import type { Windows } from "../values/windows.ts";

/** Clocks change no more often. */
const CHANGE_NS = 100n * 86_400_000_000_000n;

/** Rows that LIMIT and OFFSET ask for, where they are buckets of functions alone; 0: all. */
export function rowsWanted({ calls, compiled }: SelectPlan): number {
  const { limit, offset } = compiled.statement.rows;
  if (limit === 0 || compiled.windows === undefined) return 0;
  const arePlain = [...calls.values()].every((call) => call === undefined || call.type === "leaf");
  return arePlain ? limit + offset : 0;
}

/** Rows at the end that the answer begins with which later parts do not change. */
export function rowsKnown(
  starts: Instants | undefined,
  { plan, windows, bounds }: {
    readonly plan: SelectPlan;
    readonly windows: Windows;
    readonly bounds: Bounds;
  },
): number {
  if (starts === undefined) return 0;
  const { fill, descending } = plan.compiled;
  const count = starts.eras.length;
  if (fill.kind === "none") return count;
  const [first, last] = [nsAt(starts, 0), nsAt(starts, count - 1)];
  const from = descending || bounds.min === TIME_MIN_NS ? first : bounds.min;
  const to = descending && bounds.max > last ? bounds.max : last;
  // Where clocks change, twice a year, a bucket may be longer than others.
  return Number((to - from) / windows.every) - 2 - Number((to - from) / CHANGE_NS);
}
