/** How much the head holds and when its rows lie: for operators, one pass over all sources. */
import { B_MAX, B_MIN, B_NEXT, B_ROWS } from "./builder";
import { C_MAX, C_MIN, C_NEXT } from "./seal";
import { SOURCE_BUILDERS, SOURCE_CHUNKS, sourceById, sourceCount } from "./series_table";

/** Bounds of the times that the last headExtent saw, inclusive; min above max where there are no rows. */
export let headExtentMin: i64 = 0;
export let headExtentMax: i64 = 0;

/** Chunks and builders with rows in the head. */
export function headExtent(): u32 {
  headExtentMin = i64.MAX_VALUE;
  headExtentMax = i64.MIN_VALUE;
  let pieces: u32 = 0;
  const count = sourceCount();
  for (let id: u32 = 1; id <= count; id++) {
    const source = sourceById(id);
    if (source == 0) continue;
    for (let c = <usize> load<u32>(source + SOURCE_CHUNKS); c != 0; c = load<u32>(c + C_NEXT)) {
      widen(load<i64>(c + C_MIN), load<i64>(c + C_MAX));
      pieces++;
    }
    for (let b = <usize> load<u32>(source + SOURCE_BUILDERS); b != 0; b = load<u32>(b + B_NEXT)) {
      if (load<u32>(b + B_ROWS) == 0) continue;
      widen(load<i64>(b + B_MIN), load<i64>(b + B_MAX));
      pieces++;
    }
  }
  return pieces;
}

function widen(low: i64, high: i64): void {
  if (low < headExtentMin) headExtentMin = low;
  if (high > headExtentMax) headExtentMax = high;
}
