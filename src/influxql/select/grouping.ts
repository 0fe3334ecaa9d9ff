/** GROUP BY tags: which series belong together, and in which order the groups come. */
import { compareText } from "../../../engine/mod.ts";
import type { Limits } from "../language/ast.ts";
import { forEachInSlices, type Pauses, sortInSlices } from "../../slices.ts";
import type { Member } from "./group_reader.ts";

/** Members that are looked at before the clock is. */
const MEMBERS_PER_LOOK = 32;

export interface Group {
  /** Values of the tags that are grouped by, in the order of their sorted names. */
  readonly values: readonly string[];
  readonly members: readonly Member[];
}

/** Sorted names, each once. */
export function sortedNames(names: readonly string[]): string[] {
  return [...new Set(names)].sort(compareText);
}

export interface GroupingOptions {
  /** Tags that are grouped by, sorted. */
  readonly names: readonly string[];
  /** Members come in the order of all their tags, which tells which of several rows with equal times is first. */
  readonly areSorted: boolean;
  readonly pauses: Pauses;
}

/** Groups in the order of their tags. */
export async function groupMembers(
  members: readonly Member[],
  { names, areSorted, pauses }: GroupingOptions,
): Promise<Group[]> {
  const groups = new Map<string, { values: string[]; members: Member[] }>();
  await forEachInSlices(members, pauses, (member) => {
    const values = names.map((name) => member.series.tags.get(name) ?? "");
    const key = values.join("\0");
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { values, members: [member] });
    else known.members.push(member);
  }, MEMBERS_PER_LOOK);
  const sorted: Group[] = [];
  for (const { values, members: own } of groups.values()) {
    sorted.push({ values, members: areSorted ? await sortMembers(own, pauses) : own });
  }
  await sortInSlices(sorted, (left, right) => compareLists(left.values, right.values), pauses);
  return sorted;
}

async function sortMembers(members: readonly Member[], pauses: Pauses): Promise<readonly Member[]> {
  if (members.length < 2) return members;
  const keyed: (readonly [key: readonly string[], member: Member])[] = [];
  await forEachInSlices(members, pauses, (member) => {
    keyed.push([[...member.series.tags].flat(), member]);
  }, MEMBERS_PER_LOOK);
  await sortInSlices(keyed, ([left], [right]) => compareLists(left, right), pauses);
  return keyed.map(([, member]) => member);
}

function compareLists(left: readonly string[], right: readonly string[]): number {
  const count = Math.min(left.length, right.length);
  for (let i = 0; i < count; i++) {
    const order = compareText(left[i]!, right[i]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

export interface GroupLimits {
  readonly limits: Limits;
  /** Tags that are grouped by, in the order of the groups' values. */
  readonly names: readonly string[];
  readonly hasPoints: (group: Group) => boolean;
}

/**
 * SLIMIT and SOFFSET: they count the groups of a measurement that have a point, as InfluxDB's index orders them: by the
 * names of the tags that they have, then by the values.
 */
export function limitGroups(
  groups: readonly Group[],
  { limits: { limit, offset }, names, hasPoints }: GroupLimits,
): readonly Group[] {
  if (limit === 0 && offset === 0) return groups;
  const keyOf = ({ values }: Group) => {
    const own = names.filter((_, at) => values[at] !== "");
    return [...own, ...values.filter((value) => value !== "")].join("|");
  };
  const keyed = groups.map((group) => [keyOf(group), group] as const);
  keyed.sort(([left], [right]) => compareText(left, right));
  const kept = new Set<Group>();
  let skipped = 0;
  for (const [, group] of keyed) {
    if (!hasPoints(group)) continue;
    if (skipped++ < offset) continue;
    kept.add(group);
    if (kept.size === limit) break;
  }
  return groups.filter((group) => kept.has(group));
}
