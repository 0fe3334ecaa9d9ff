/** Runs a plan: measurement by measurement, group by group, each read only when it is asked for. */
import { compareText } from "../../../engine/mod.ts";
import { forEachInSlices } from "../../slices.ts";
import { type Group, groupMembers, limitGroups, sortedNames } from "./grouping.ts";
import { fieldsOf, type Member, memberOf } from "./group_reader.ts";
import { CallCache } from "./call_setup.ts";
import { callTables } from "./call_run.ts";
import { rawTables } from "./raw_run.ts";
import { isJoinable } from "./partial.ts";
import type { GroupSettings, SelectRun } from "./run_settings.ts";
import { reachBack } from "./select_compile.ts";
import type { CallPlan, SelectPlan, Term } from "./select_plan.ts";
import type { SeriesSource, StoredSeries } from "../sources/series_source.ts";
import type { Table } from "../values/table.ts";
import type { Bounds } from "../expressions/time_range.ts";
import { OutlineSum } from "./time_slices.ts";

/** What is kept of a series while it is read, and series that are looked at before the clock is. */
const SERIES_BYTES = 256;
const SERIES_PER_LOOK = 32;

/** A series of the answer. */
export interface SelectedGroup {
  readonly name: string;
  readonly tags: readonly (readonly [name: string, value: string])[];
  /** Its rows in the order of the answer, of a part of the range where that is known to be the same. */
  tables(part?: Bounds): AsyncGenerator<Table>;
  /** Of raw rows, which can be read in parts. */
  readonly stored: StoredSeries | undefined;
}

export interface RunSettings extends Omit<GroupSettings, "cache"> {
  /** Tags that are grouped by beside the plan's own. */
  readonly dimensions: readonly string[];
}

/** All series of the answer, in their order. */
export async function* selectGroups(settings: RunSettings): AsyncGenerator<SelectedGroup> {
  const { plan, bounds, dimensions } = settings;
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
  const cache = new CallCache(plan);
  for (const [name, sources] of measurements) {
    for (const group of await groupsOf(sources, names, settings)) {
      yield {
        name,
        tags: names.map((tag, at) => [tag, group.values[at]!] as const),
        tables: (part = bounds) => {
          const own = { ...settings, bounds: part, cache };
          return plan.calls.size === 0 ? rawTables(group, own) : callTables(group, own);
        },
        stored: storedRows(group, plan),
      };
    }
  }
}

/** Rows that are the same whether they are read at once or in parts. */
function storedRows({ members }: Group, plan: SelectPlan): StoredSeries | undefined {
  const { statement: { rows }, fill } = plan.compiled;
  const isWhole = plan.calls.size > 0 || rows.limit > 0 || rows.offset > 0 ||
    fill.kind === "previous" || members.some(({ series }) => series.stored === undefined);
  if (isWhole) return undefined;
  const terms = readTerms(plan);
  return {
    hasPoints: (_, bounds) => members.some((member) => hasPoints(member, terms, bounds)),
    outline: (bounds) => {
      const outline = new OutlineSum();
      for (const member of members) outline.add(member, bounds);
      return outline.sum;
    },
  };
}

/** Whether anything is known by the names in the statement. */
function readsAnything({ calls, terms }: SelectPlan): boolean {
  const asked = calls.size > 0 ? calls : terms;
  return [...asked.values()].some((each) => each !== undefined);
}

async function groupsOf(
  sources: readonly SeriesSource[],
  names: readonly string[],
  { plan, bounds, run }: RunSettings,
): Promise<readonly Group[]> {
  const { descending, statement } = plan.compiled;
  const terms = readTerms(plan);
  const members: Member[] = [];
  const reach = Math.max(0, ...[...plan.calls.values()].map(bucketsBefore));
  const widest = reachBack(bounds, reach, plan.compiled);
  for (const source of sources) {
    const found = await membersOf(source, { plan, bounds: widest, dimensions: names, run });
    for (const member of found) members.push(member);
  }
  const areSorted = plan.calls.size === 0 || plan.terms.size > 0 ||
    [...plan.calls.values()].some((call) => call?.type !== "leaf" || !isJoinable(call));
  const groups = await groupMembers(members, { names, areSorted, pauses: run.budget.pauses });
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

export interface MemberSettings {
  readonly plan: SelectPlan;
  readonly bounds: Bounds;
  readonly dimensions: readonly string[];
  readonly run: SelectRun;
}

/** The series of a measurement that a statement reads. */
export async function membersOf(
  source: SeriesSource,
  { plan, bounds, dimensions, run: { budget } }: MemberSettings,
): Promise<readonly Member[]> {
  const { condition } = plan.compiled;
  const fields = fieldsOf(readTerms(plan), source, condition);
  const series = await source.open({ bounds, condition, fields, dimensions });
  // Each takes some memory by itself.
  budget.hold(series.length * SERIES_BYTES);
  const members: Member[] = [];
  await forEachInSlices(series, budget.pauses, (each) => {
    const member = memberOf(source, each, condition);
    if (member !== undefined) members.push(member);
  }, SERIES_PER_LOOK);
  return members;
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
