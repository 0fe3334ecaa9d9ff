/** Merging runs of points that lie one behind the other in linear memory, until one is left. */
import type { Kernels } from "../kernels/kernels.ts";

/** Points of a run, from which one of its area on. */
export interface Run {
  readonly at: number;
  readonly count: number;
}

/** Where times (i64) and bits (u64) lie. */
export interface Area {
  readonly times: number;
  readonly bits: number;
}

/**
 * Merges runs of the first area, at least one, older ones first; at equal times the newer point stands. Neighbours are merged
 * between the two areas, back and forth. Returns where the last run is, at the beginning of its area.
 */
export function mergeRuns(
  kernels: Kernels,
  runs: readonly Run[],
  areas: readonly [Area, Area],
): Area & { readonly count: number } {
  const merge = kernels.exports.mergeRuns;
  let [from, to] = areas;
  let left = runs;
  while (left.length > 1) {
    const merged: Run[] = [];
    let at = 0;
    for (let i = 0; i < left.length; i += 2) {
      const older = left[i]!;
      const newer = left[i + 1] ?? { at: older.at + older.count, count: 0 };
      const count = merge(
        from.times + older.at * 8,
        from.bits + older.at * 8,
        older.count,
        from.times + newer.at * 8,
        from.bits + newer.at * 8,
        newer.count,
        to.times + at * 8,
        to.bits + at * 8,
      );
      merged.push({ at, count });
      at += count;
    }
    left = merged;
    [from, to] = [to, from];
  }
  return { ...from, count: left[0]!.count };
}
