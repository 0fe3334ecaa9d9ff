/** Functions that read value after value and give one for each, but for the first few. */
import { gather, numbersOf } from "../values/columns.ts";
import { gatherInstants, sliceInstants } from "../values/instants.ts";
import type { Points } from "../values/table.ts";
import type { TransformInput } from "./function.ts";
import { doublesColumn } from "./sums.ts";

export interface Indicator {
  /** Rows that are held back unless the query says how many. */
  readonly warmRows: number;
  /** Whether rows without a finite result are left out, but for those that have none at all (0 / 0). */
  readonly dropsInfinite?: boolean;
  readonly add: (value: number) => number;
}

/** The second of the arguments behind the field is how many rows to hold back; -1: as many as it takes to be warm. */
export function runIndicator({ points, args }: TransformInput, indicator: Indicator): Points {
  const values = numbersOf(points.column);
  const results = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) results[i] = indicator.add(values[i]!);
  const hold = Number(args[1] ?? -1);
  const from = Math.min(hold < 0 ? indicator.warmRows : hold, values.length);
  const times = sliceInstants(points.times, from, values.length);
  const held = results.subarray(from);
  const column = doublesColumn(held);
  if (indicator.dropsInfinite !== true) return { times, column };
  const order = Int32Array.from(held.keys()).filter((i) => Math.abs(held[i]!) !== Infinity);
  return { times: gatherInstants(times, order), column: gather(column, order) };
}
