/** Which of many source sets a source is in. */
import type { SourceSet } from "./source_set.ts";

/** Sets that are searched one by one. */
const SEARCHED_MAX = 8;

export class SetIndex {
  readonly #sets: readonly SourceSet[];
  /** By source: the place of its set, counted from 1; empty while there are few sets. */
  #places = new Uint32Array(0);
  /** Sets that `#places` tells of. */
  #indexed = 0;

  /** Over a list that may grow. */
  constructor(sets: readonly SourceSet[]) {
    this.#sets = sets;
  }

  /** The set that holds a source, the first one where several do. */
  find(source: number): SourceSet | undefined {
    if (this.#sets.length <= SEARCHED_MAX) {
      return this.#sets.find((set) => set.positionOf(source) >= 0);
    }
    while (this.#indexed < this.#sets.length) this.#add(this.#sets[this.#indexed]!.ids);
    const place = this.#places[source] ?? 0;
    return place === 0 ? undefined : this.#sets[place - 1];
  }

  #add(ids: Uint32Array): void {
    this.#indexed++;
    const length = (ids[ids.length - 1] ?? 0) + 1;
    if (length > this.#places.length) {
      const grown = new Uint32Array(Math.max(length, this.#places.length * 2));
      grown.set(this.#places);
      this.#places = grown;
    }
    for (const id of ids) if (this.#places[id] === 0) this.#places[id] = this.#indexed;
  }
}
