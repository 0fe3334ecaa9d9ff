/**
 * Points about which the model cannot be sure, because the file that holds them was damaged or dropped for room: each may
 * be as it should, or as one of the alternatives. Whatever is found, it is one of these.
 */
import type { State } from "./model.ts";

/** The values a point may have instead; undefined stands for its absence. */
type Alternatives = Set<string | undefined>;

export class Doubts {
  readonly #points = new Map<string, Map<bigint, Alternatives>>();

  get isEmpty(): boolean {
    return this.#points.size === 0;
  }

  add(series: string, time: bigint, alternative: string | undefined): void {
    let times = this.#points.get(series);
    if (times === undefined) this.#points.set(series, times = new Map());
    const known = times.get(time);
    if (known === undefined) times.set(time, new Set([alternative]));
    else known.add(alternative);
  }

  allows(series: string, time: bigint, found: string | undefined): boolean {
    return this.#points.get(series)?.get(time)?.has(found) ?? false;
  }

  /** What was written or deleted since is beyond doubt. */
  clear(series: string, time: bigint): void {
    this.#points.get(series)?.delete(time);
  }

  clearWhere(
    matches: (series: string) => boolean,
    range: { readonly start: bigint; readonly end: bigint },
  ): void {
    for (const [series, times] of this.#points) {
      if (!matches(series)) continue;
      for (const time of times.keys()) {
        if (time >= range.start && time < range.end) times.delete(time);
      }
    }
  }
}

/** Every point where two states differ, with its value in each. */
export function* differences(
  a: State,
  b: State,
): Generator<{ series: string; time: bigint; inA: string | undefined; inB: string | undefined }> {
  for (const [series, values] of a) {
    const others = b.get(series);
    for (const [time, inA] of values) {
      const inB = others?.get(time);
      if (inA !== inB) yield { series, time, inA, inB };
    }
  }
  for (const [series, values] of b) {
    const others = a.get(series);
    for (const [time, inB] of values) {
      if (others?.has(time) !== true) yield { series, time, inA: undefined, inB };
    }
  }
}
