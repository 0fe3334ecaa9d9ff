/**
 * Label sets of series under evaluation: lookup, change, order, keys for grouping. Sets are immutable, sorted by name in
 * the byte order of UTF-8, without empty values.
 */
import { compareText } from "../../engine/mod.ts";
import { forEachInSlices, type Pauses, sortInSlices } from "../slices.ts";
import type { Label, Labels } from "./queryable.ts";

export const METRIC_NAME = "__name__";
export const NO_LABELS: Labels = [];

/** Labels that describe the metric: they vanish together with its name, and vectors match without them. */
export const METADATA_LABELS: readonly string[] = [METRIC_NAME, "__type__", "__unit__"];

function isMetadata(name: string): boolean {
  return name === METRIC_NAME || name === "__type__" || name === "__unit__";
}

/** Order of label sets: by name, then value, of each label in turn; a prefix comes first. */
export function compareLabels(left: Labels, right: Labels): number {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const byName = compareText(left[at]![0], right[at]![0]);
    if (byName !== 0) return byName;
    const byValue = compareText(left[at]![1], right[at]![1]);
    if (byValue !== 0) return byValue;
  }
  return left.length - right.length;
}

/** Items in the order of `compareLabels`; faster for many, as whole sets are compared as one string each. */
export async function sortedByLabels<T extends { readonly labels: Labels }>(
  items: readonly T[],
  pauses: Pauses,
): Promise<readonly T[]> {
  if (items.length < 2) return items;
  const keyed: { readonly item: T; readonly key: string }[] = [];
  await forEachInSlices(items, pauses, (item) => {
    keyed.push({ item, key: orderKey(item.labels) });
  });
  await sortInSlices(
    keyed,
    (left, right) => left.key < right.key ? -1 : left.key > right.key ? 1 : 0,
    pauses,
  );
  return keyed.map(({ item }) => item);
}

/** A string that sorts among others as its label set does. */
function orderKey(labels: Labels): string {
  let key = "";
  for (const label of labels) key += label[0] + "\0" + label[1] + "\0";
  // Only from here on does the order of UTF-16 differ: move the halves of pairs above all others.
  return /[\ud800-\uffff]/.test(key)
    ? key.replace(/[\ud800-\udfff]|[\ue000-\uffff]/g, (unit) => {
      const code = unit.charCodeAt(0);
      return String.fromCharCode(code < 0xe000 ? code + 0x2000 : code - 0x800);
    })
    : key;
}

/** The value of a label; the empty string if it is missing. */
export function labelValue(labels: Labels, name: string): string {
  for (const label of labels) {
    if (label[0] === name) return label[1];
  }
  return "";
}

/** A sorted label set; later entries of a name win, empty values are left out. */
export function makeLabels(entries: Iterable<Label>): Labels {
  const byName = new Map<string, string>();
  for (const [name, value] of entries) byName.set(name, value);
  const labels = [...byName].filter(([, value]) => value !== "");
  return labels.sort((left, right) => compareText(left[0], right[0]));
}

/** The set with one label set anew, or removed by an empty value. */
export function withLabel(labels: Labels, name: string, value: string): Labels {
  if (labelValue(labels, name) === value) return labels;
  const changed: Label[] = [];
  let placed = value === "";
  for (const label of labels) {
    if (label[0] === name) continue;
    if (!placed && compareText(name, label[0]) < 0) {
      changed.push([name, value]);
      placed = true;
    }
    changed.push(label);
  }
  if (!placed) changed.push([name, value]);
  return changed;
}

/** The labels of these names that have a value. */
export function keepLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  if (names.size === 0) return NO_LABELS;
  if (names.size === 1) {
    const [only] = names;
    for (const label of labels) {
      if (label[0] === only) return label[1] === "" ? NO_LABELS : [label];
    }
    return NO_LABELS;
  }
  const kept: Label[] = [];
  for (const label of labels) {
    if (names.has(label[0]) && label[1] !== "") kept.push(label);
  }
  return kept;
}

export function dropLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  return labels.filter(([name]) => !names.has(name));
}

/** Without the metric's name, type and unit. */
export function dropMetadata(labels: Labels): Labels {
  for (const [name] of labels) {
    if (isMetadata(name)) return labels.filter((label) => !isMetadata(label[0]));
  }
  return labels;
}

/** A string that two label sets share exactly when they are equal. */
export function labelsKey(labels: Labels): string {
  let key = "";
  for (const [name, value] of labels) key += `${name.length}:${name}${value.length}:${value}`;
  return key;
}

/** Key of the listed labels only; a missing one counts as empty. */
export function keyOfListed(labels: Labels, names: readonly string[]): string {
  if (names.length === 1) return labelValue(labels, names[0]!);
  let key = "";
  for (const name of names) {
    const value = labelValue(labels, name);
    key += `${value.length}:${value}`;
  }
  return key;
}

/** Key of all labels but the listed ones. */
export function keyWithout(labels: Labels, names: ReadonlySet<string>): string {
  let key = "";
  for (const [name, value] of labels) {
    if (!names.has(name)) key += `${name.length}:${name}${value.length}:${value}`;
  }
  return key;
}

/** `{__name__="up", job="a"}`, names that are no identifiers quoted, as messages show label sets. */
export function labelsText(labels: Labels): string {
  const parts = labels.map(([name, value]) => {
    const shown = /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : JSON.stringify(name);
    return `${shown}=${JSON.stringify(value)}`;
  });
  return `{${parts.join(", ")}}`;
}
