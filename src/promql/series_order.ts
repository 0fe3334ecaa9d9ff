/**
 * Groups of series in the order of their labels. Groups are metrics, and mostly of few measurements, whose sources they
 * share: so sources are ordered by their tags once, and the sources of each metric by their ranks.
 */
import type { Pauses } from "../slices.ts";
import { compareText } from "../../engine/mod.ts";
import { sortedByLabels } from "./labels.ts";
import type { Labels } from "./queryable.ts";

/** Series of one metric: sources, of which each has tags. */
export interface OrderedGroup {
  readonly metric: string;
  readonly sources: Uint32Array;
}

/**
 * The groups by metric, each with its sources by tags. No two may have one metric. Undefined where the name is not the first
 * label of some series, or a tag without a value is no label: `isPlain` says so.
 */
export async function orderGroups<T extends OrderedGroup>(
  groups: readonly T[],
  of: {
    readonly tags: (source: number) => Labels;
    readonly isPlain: (tags: Labels) => boolean;
  },
  pauses: Pauses,
): Promise<T[] | undefined> {
  const known = new Set<number>();
  const items: { readonly source: number; readonly labels: Labels }[] = [];
  for (const { sources } of groups) {
    for (const source of sources) {
      if (pauses.isDue) await pauses.pause();
      if (known.has(source)) continue;
      known.add(source);
      const labels = of.tags(source);
      if (!of.isPlain(labels)) return undefined;
      items.push({ source, labels });
    }
  }
  const ranked = await sortedByLabels(items, pauses);
  const ranks = new Map<number, number>();
  for (let rank = 0; rank < ranked.length; rank++) ranks.set(ranked[rank]!.source, rank);
  const ordered: T[] = [];
  for (const group of [...groups].sort((a, b) => compareText(a.metric, b.metric))) {
    const own = group.sources.map((source) => ranks.get(source)!).sort();
    ordered.push({ ...group, sources: own.map((rank) => ranked[rank]!.source) });
    if (pauses.isDue) await pauses.pause();
  }
  return ordered;
}
