/** Which of the selected series have a point in a range, found some at a time. */
import { seriesIdOf, type SourceId, type TimeRange } from "../base/types.ts";
import type { Matcher } from "../series/matcher.ts";
import type { SeriesGroup } from "../series/registry.ts";
import type { View } from "./view.ts";

export interface SearchOptions {
  readonly matchers: readonly Matcher[];
  readonly range: TimeRange;
  /** What else a series must satisfy. */
  readonly accepts?: ((group: SeriesGroup, source: SourceId) => boolean) | undefined;
}

export class SeriesSearch {
  readonly #view: View;
  readonly #range: TimeRange;
  readonly #groups: readonly SeriesGroup[];
  readonly #accepts: ((group: SeriesGroup, source: SourceId) => boolean) | undefined;
  readonly #found: number[] = [];
  #group = 0;
  #at = 0;

  /** The view stays its owner's. */
  constructor(view: View, { matchers, range, accepts }: SearchOptions) {
    this.#view = view;
    this.#range = range;
    this.#groups = view.select(matchers);
    this.#accepts = accepts;
  }

  /** Ascending ids of what was found. */
  get found(): Float64Array {
    return Float64Array.from(this.#found).sort();
  }

  /** Looks at up to `max` more series; false when there are no more. */
  advance(max: number): boolean {
    for (let left = max; left > 0; left--) {
      let group = this.#groups[this.#group];
      while (group !== undefined && this.#at === group.sources.length) {
        group = this.#groups[++this.#group];
        this.#at = 0;
      }
      if (group === undefined) return false;
      const source = group.sources[this.#at++]! as SourceId;
      const { slot, family } = group;
      if (this.#accepts !== undefined && !this.#accepts(group, source)) continue;
      if (this.#view.hasPoints({ source, slot, family }, this.#range)) {
        this.#found.push(seriesIdOf(source, slot));
      }
    }
    return true;
  }
}
