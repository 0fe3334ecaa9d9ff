/** Quantiles of plain numbers. */

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
