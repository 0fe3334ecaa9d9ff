/** GROUP BY tags: which series belong together, and in which order the groups come. */
import { compareText } from "../../engine/mod.ts";
import type { Limits } from "./ast.ts";
import type { Member } from "./group_reader.ts";

export interface Group {
  /** Values of the tags that are grouped by, in the order of their sorted names. */
  readonly values: readonly string[];
  readonly members: readonly Member[];
}

/** Sorted names, each once. */
export function sortedNames(names: readonly string[]): string[] {
  return [...new Set(names)].sort(compareText);
}

/** Groups in the order of their tags; their members in the order of all their tags. */
export function groupMembers(members: readonly Member[], names: readonly string[]): Group[] {
  const groups = new Map<string, { values: string[]; members: Member[] }>();
  for (const member of members) {
    const values = names.map((name) => member.series.tags.get(name) ?? "");
    const key = values.join("\0");
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { values, members: [member] });
    else known.members.push(member);
  }
  for (const group of groups.values()) sortMembers(group.members);
  return [...groups.values()].sort((left, right) => compareLists(left.values, right.values));
}

function sortMembers(members: Member[]): void {
  if (members.length < 2) return;
  const keys = new Map(members.map((member) => [member, [...member.series.tags].flat()]));
  members.sort((left, right) => compareLists(keys.get(left)!, keys.get(right)!));
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
