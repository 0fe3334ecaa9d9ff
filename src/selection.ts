/** Finds values by their rank without sorting. */

/**
 * The value of a rank among values[first] to values[last], none of them NaN. Afterwards nothing before that place is
 * above it, and nothing behind it below.
 */
export function selectRank(
  values: Float64Array,
  first: number,
  last: number,
  rank: number,
): number {
  while (first < last) {
    const pivot = medianOfThree(values[first]!, values[(first + last) >> 1]!, values[last]!);
    let left = first;
    let right = last;
    while (left <= right) {
      while (values[left]! < pivot) left++;
      while (values[right]! > pivot) right--;
      if (left > right) break;
      const value = values[left]!;
      values[left++] = values[right]!;
      values[right--] = value;
    }
    if (rank <= right) last = right;
    else if (rank >= left) first = left;
    else break;
  }
  return values[rank]!;
}

function medianOfThree(a: number, b: number, c: number): number {
  return a < b ? (b < c ? b : a < c ? c : a) : a < c ? a : b < c ? c : b;
}
