/**
 * Which texts of a growing list a regular expression accepts: each text is tested once, and the answers are kept for the
 * next query. Lists are the values of one label, and the names of metrics.
 *
 * Invariants
 * - Numbers of accepted texts ascend.
 * - What is kept stays below ENTRIES_MAX expressions and NUMBERS_MAX numbers; a single larger answer is not kept.
 */
import type { Regex } from "./regex.ts";

/** Expressions whose answers are kept. */
export const ENTRIES_MAX = 128;
/** Numbers that are kept, over all expressions (4 bytes each, half as much again for growth). */
export const NUMBERS_MAX = 1_048_576;

/** A list of texts, numbered from 0, that only grows. */
export interface TextList {
  /** Distinguishes lists. */
  readonly key: string;
  readonly count: number;
  /** Numbers from `from` until `until` of the texts that the expression accepts, ascending. */
  find(regex: Regex, from: number, until: number): Uint32Array;
}

interface Entry {
  tested: number;
  numbers: Uint32Array;
  count: number;
}

export class AcceptedTexts {
  readonly #entries = new Map<string, Entry>();
  #numbers = 0;

  /** How many texts of the list were not yet tested against the expression. */
  untested(list: TextList, regex: Regex): number {
    return list.count - (this.#entries.get(keyOf(list, regex))?.tested ?? 0);
  }

  /** Numbers of all texts of the list that the expression accepts; valid until the next call. */
  find(list: TextList, regex: Regex): Uint32Array {
    const key = keyOf(list, regex);
    const entry = this.#entries.get(key) ??
      { tested: 0, numbers: new Uint32Array(0), count: 0 };
    if (this.#entries.delete(key)) this.#numbers -= entry.count;
    if (entry.tested < list.count) {
      append(entry, list.find(regex, entry.tested, list.count));
      entry.tested = list.count;
    }
    if (entry.count <= NUMBERS_MAX) this.#keep(key, entry);
    return entry.numbers.subarray(0, entry.count);
  }

  /** Forgets everything, because numbers were given out anew. */
  clear(): void {
    this.#entries.clear();
    this.#numbers = 0;
  }

  #keep(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#numbers += entry.count;
    for (const [oldest, { count }] of this.#entries) {
      if (this.#entries.size <= ENTRIES_MAX && this.#numbers <= NUMBERS_MAX) return;
      this.#entries.delete(oldest);
      this.#numbers -= count;
    }
  }
}

function append(entry: Entry, numbers: Uint32Array): void {
  const count = entry.count + numbers.length;
  if (count > entry.numbers.length) {
    const grown = new Uint32Array(entry.count === 0 ? count : count + (count >> 1));
    grown.set(entry.numbers.subarray(0, entry.count));
    entry.numbers = grown;
  }
  entry.numbers.set(numbers, entry.count);
  entry.count = count;
}

function keyOf(list: TextList, regex: Regex): string {
  return `${list.key}\0${regex.pattern}`;
}
