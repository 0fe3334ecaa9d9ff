/**
 * Candidates of recent selections: the sources of some measurements that satisfy some conditions on labels. A query of
 * several metrics, and the panels of one dashboard, ask with the same conditions again and again.
 *
 * Invariants
 * - What is kept holds for the sources there are: a new one, or labels numbered anew, makes all of it void.
 */
import { METRIC_NAME } from "../base/types.ts";
import type { Matcher } from "./matcher.ts";
import type { Postings } from "./postings.ts";

/** Ascending ids of sources by measurement. */
export type Candidates = ReadonlyMap<number, Uint32Array>;

/** Selections that are kept, and the most characters of one. */
const SELECTIONS_MAX = 64;
const KEY_LENGTH_MAX = 4_096;
/** The most sources of one: more take longer to read than to find. */
export const CANDIDATES_KEPT_MAX = 4_096;

export class CandidateCache {
  readonly #postings: Pick<Postings, "generation" | "sourceCount">;
  readonly #selections = new Map<string, Candidates>();
  #generation = -1;
  #sourceCount = -1;

  constructor(postings: Pick<Postings, "generation" | "sourceCount">) {
    this.#postings = postings;
  }

  get(key: string): Candidates | undefined {
    this.#forgetVoid();
    const known = this.#selections.get(key);
    if (known === undefined) return undefined;
    this.#selections.delete(key);
    this.#selections.set(key, known);
    return known;
  }

  /** Keeps what is small enough; the selection not asked for longest goes. */
  set(key: string, candidates: Candidates): void {
    this.#forgetVoid();
    let sources = 0;
    for (const ids of candidates.values()) sources += ids.length;
    if (sources > CANDIDATES_KEPT_MAX || key.length > KEY_LENGTH_MAX) return;
    this.#selections.set(key, candidates);
    if (this.#selections.size <= SELECTIONS_MAX) return;
    this.#selections.delete(this.#selections.keys().next().value!);
  }

  #forgetVoid(): void {
    const { generation, sourceCount } = this.#postings;
    if (generation === this.#generation && sourceCount === this.#sourceCount) return;
    this.#generation = generation;
    this.#sourceCount = sourceCount;
    this.#selections.clear();
  }
}

/** Tells selections apart: measurements, and matchers on labels with lengths, so that no text can look like another's end. */
export function selectionKey(measurements: Iterable<number>, matchers: readonly Matcher[]): string {
  let key = "";
  for (const measurement of measurements) key += `${measurement},`;
  for (const { name, operator, value } of matchers) {
    if (name === METRIC_NAME) continue;
    key += `${name.length}:${name}${operator}${value.length}:${value}`;
  }
  return key;
}
