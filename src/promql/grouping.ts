/** How an aggregation divides series into groups. */
import type { Aggregation } from "./ast.ts";
import {
  dropLabels,
  keepLabels,
  keyOfListed,
  keyWithout,
  METADATA_LABELS,
  METRIC_NAME,
  NO_LABELS,
} from "./labels.ts";
import type { Labels } from "./queryable.ts";

/** Series into groups: the key of a group, and the labels that its series share. */
export interface Grouping {
  /** Labels without the metric's name do as well. */
  readonly needsNoName: boolean;
  keyOf(labels: Labels): string;
  labelsOf(labels: Labels): Labels;
}

export function groupingOf({ labels, without }: Pick<Aggregation, "labels" | "without">): Grouping {
  if (without) {
    const dropped = new Set([...METADATA_LABELS, ...labels]);
    return {
      needsNoName: false,
      keyOf: (own) => keyWithout(own, dropped),
      labelsOf: (own) => dropLabels(own, dropped),
    };
  }
  const kept = new Set(labels);
  const names = [...kept].sort();
  return {
    needsNoName: !kept.has(METRIC_NAME),
    keyOf: names.length === 0 ? () => "" : (own) => keyOfListed(own, names),
    labelsOf: names.length === 0 ? () => NO_LABELS : (own) => keepLabels(own, kept),
  };
}
