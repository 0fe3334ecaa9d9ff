/** Quantiles of plain numbers. */
import { selectRank } from "../selection.ts";

/** Sorts in place, NaN first; gives the array back. */
export function sortNumbers(values: Float64Array): Float64Array {
  // The order of the runtime's numeric sort places NaN last.
  values.sort();
  let nans = 0;
  while (
    nans < values.length && values[values.length - 1 - nans] !== values[values.length - 1 - nans]
  ) {
    nans++;
  }
  if (nans > 0 && nans < values.length) {
    values.copyWithin(nans, 0, values.length - nans);
    values.fill(NaN, 0, nans);
  }
  return values;
}

/** Linear interpolation between the two nearest ranks. NaN for no values; beyond 0 and 1 infinite. */
export function quantileOfSorted(q: number, sorted: Float64Array): number {
  const count = sorted.length;
  if (count === 0 || q !== q) return NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  const rank = q * (count - 1);
  const lower = Math.floor(rank);
  const upper = Math.min(lower + 1, count - 1);
  const weight = rank - lower;
  return sorted[lower]! * (1 - weight) + sorted[upper]! * weight;
}

/**
 * The quantile of `count` numbers in any order, 0 <= q <= 1, as `quantileOfSorted` has it of them in order. Puts them into
 * another order: only the two ranks that count are found.
 */
export function quantileBySelection(q: number, values: Float64Array, count: number): number {
  if (count === 0 || q !== q) return NaN;
  const nans = nansFirst(values, count);
  const rank = q * (count - 1);
  const lower = Math.floor(rank);
  const upper = Math.min(lower + 1, count - 1);
  const weight = rank - lower;
  const low = lower < nans ? NaN : selectRank(values, nans, count - 1, lower);
  let high = low;
  if (upper > lower) {
    high = upper < nans ? NaN : values[upper]!;
    if (lower < nans && upper >= nans) high = selectRank(values, nans, count - 1, upper);
    else for (let at = upper + 1; at < count; at++) if (values[at]! < high) high = values[at]!;
  }
  return low * (1 - weight) + high * weight;
}

/** Moves NaN to the front; how many there are. */
function nansFirst(values: Float64Array, count: number): number {
  let nans = 0;
  for (let at = 0; at < count; at++) {
    const value = values[at]!;
    if (value === value) continue;
    values[at] = values[nans]!;
    values[nans++] = value;
  }
  return nans;
}
