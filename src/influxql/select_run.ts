/** Runs a plan: measurement by measurement, group by group, each read only when it is asked for. */
import { compareText } from "../../engine/mod.ts";
import { type Group, groupMembers, limitGroups, sortedNames } from "./grouping.ts";
import { fieldsOf, type Member, membersOf } from "./group_reader.ts";
import { callTables } from "./call_run.ts";
import { rawTables } from "./raw_run.ts";
import type { GroupSettings } from "./run_settings.ts";
import { reachBack } from "./select_compile.ts";
import type { CallPlan, SelectPlan, Term } from "./select_plan.ts";
import type { SeriesSource } from "./series_source.ts";
import type { Table } from "./table.ts";
import type { Bounds } from "./time_range.ts";

/** A series of the answer. */
export interface SelectedGroup {
  readonly name: string;
  readonly tags: readonly (readonly [name: string, value: string])[];
  /** Its rows in the order of the answer. */
  tables(): AsyncGenerator<Table>;
}

export interface RunSettings extends GroupSettings {
  /** Tags that are grouped by beside the plan's own. */
  readonly dimensions: readonly string[];
}

/** All series of the answer, in their order. */
export function* selectGroups(settings: RunSettings): Generator<SelectedGroup> {
  const { plan, dimensions } = settings;
  if (!readsAnything(plan)) return;
  const names = sortedNames([...plan.dimensions, ...dimensions]);
  const byName = new Map<string, SeriesSource[]>();
  for (const source of plan.sources) {
    const known = byName.get(source.name);
    if (known === undefined) byName.set(source.name, [source]);
    else known.push(source);
  }
  const measurements = [...byName].sort(([left], [right]) => compareText(left, right));
  if (plan.compiled.descending) measurements.reverse();
  for (const [name, sources] of measurements) {
    const groups = groupsOf(sources, names, settings);
    for (const group of groups) {
      yield {
        name,
        tags: names.map((tag, at) => [tag, group.values[at]!] as const),
        tables: () =>
          plan.calls.size === 0 ? rawTables(group, settings) : callTables(group, settings),
      };
    }
  }
}

/** Whether anything is known by the names in the statement. */
function readsAnything({ calls, terms }: SelectPlan): boolean {
  const asked = calls.size > 0 ? calls : terms;
  return [...asked.values()].some((each) => each !== undefined);
}

function groupsOf(
  sources: readonly SeriesSource[],
  names: readonly string[],
  { plan, bounds }: RunSettings,
): readonly Group[] {
  const { condition, descending, statement } = plan.compiled;
  const terms = readTerms(plan);
  const members: Member[] = [];
  const reach = Math.max(0, ...[...plan.calls.values()].map(bucketsBefore));
  const widest = reachBack(bounds, reach, plan.compiled);
  for (const source of sources) {
    const fields = fieldsOf(terms, source, condition);
    const series = source.open({ bounds: widest, condition, fields, dimensions: names });
    members.push(...membersOf(source, series, condition));
  }
  const groups = groupMembers(members, names);
  const limited = limitGroups(groups, {
    limits: statement.series,
    names,
    hasPoints: ({ members }) => members.some((member) => hasPoints(member, terms, bounds)),
  });
  return descending ? limited.toReversed() : limited;
}

/** Buckets before the range that a call needs. */
function bucketsBefore(call: CallPlan | undefined): number {
  if (call?.type !== "transformation") return 0;
  return bucketsBefore(call.input) + (call.reachesBack ? 1 : 0);
}

/** How many series of a measurement a statement reads. */
export function seriesOf(source: SeriesSource, plan: SelectPlan, bounds: Bounds): number {
  const { condition } = plan.compiled;
  const fields = fieldsOf(readTerms(plan), source, condition);
  const series = source.open({ bounds, condition, fields, dimensions: [] });
  return membersOf(source, series, condition).length;
}

/** All fields and tags that values are taken from. */
export function readTerms(plan: SelectPlan): Term[] {
  const terms = [...plan.terms.values()].filter((term) => term !== undefined);
  for (const call of plan.calls.values()) {
    let inner = call;
    while (inner?.type === "transformation") inner = inner.input;
    if (inner !== undefined) terms.push(inner.term);
  }
  return terms;
}

function hasPoints(
  { source, series, condition }: Member,
  terms: readonly Term[],
  bounds: Bounds,
): boolean {
  if (series.stored === undefined) return true;
  return series.stored.hasPoints(fieldsOf(terms, source, condition), bounds);
}
