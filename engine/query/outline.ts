/** What is known of a source's rows without reading any: about how many there are, and between which times. */
import type { HeadReader } from "../head/head.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { ReadBounds } from "./series_reader.ts";
import type { SourceSet } from "./source_set.ts";

export interface Outline {
  /** Deleted ones count, as do those of chunks that lie in the range with a part. */
  readonly rows: number;
  /** Inclusive, in ticks, within the range; rows do not lie outside of them. */
  readonly first: bigint;
  readonly last: bigint;
}

export interface OutlineParts {
  readonly head: HeadReader;
  readonly kernels: Kernels;
}

/** Undefined: there are no rows. */
export function outlineOf(
  set: SourceSet,
  position: number,
  { head, kernels, bounds }: OutlineParts & { readonly bounds: ReadBounds },
): Outline | undefined {
  const sum = new Sum(bounds);
  for (const { list, starts } of set.chunks()) {
    for (let i = starts[position]!; i < starts[position + 1]!; i++) {
      sum.add(list.rows[i]!, list.minTimes[i]!, list.maxTimes[i]!);
    }
  }
  // As captured: the counts of chunks and builders, the chunks, and the builders with their rows.
  const { words } = set.capture;
  const start = set.capture.startOf(position);
  const chunks = words[start]!;
  for (let i = 0; i < chunks; i++) {
    const { rows, minTime, maxTime } = head.chunkAt(words[start + 2 + i]!);
    sum.add(rows, minTime, maxTime);
  }
  for (let i = 0; i < words[start + 1]!; i++) {
    const at = start + 2 + chunks + 2 * i;
    const word = words[at]! >> 3;
    sum.add(words[at + 1]!, kernels.i64[word + 3]!, kernels.i64[word + 4]!);
  }
  return sum.outline();
}

class Sum {
  readonly #bounds: ReadBounds;
  #rows = 0;
  #first = 0n;
  #last = 0n;

  constructor(bounds: ReadBounds) {
    this.#bounds = bounds;
  }

  add(rows: number, min: bigint, max: bigint): void {
    const { first, last } = this.#bounds;
    if (rows === 0 || min > last || max < first) return;
    const from = min > first ? min : first;
    const to = max < last ? max : last;
    this.#first = this.#rows === 0 || from < this.#first ? from : this.#first;
    this.#last = this.#rows === 0 || to > this.#last ? to : this.#last;
    this.#rows += rows;
  }

  outline(): Outline | undefined {
    return this.#rows === 0
      ? undefined
      : { rows: this.#rows, first: this.#first, last: this.#last };
  }
}
