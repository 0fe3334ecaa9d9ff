/**
 * A subquery as a measurement: its columns are fields, its GROUP BY tags are tags, its series are computed when the outer
 * statement reads them. The outer statement's tags are grouped by inside as well.
 */
import { fieldName } from "./column_names.ts";
import { type Kind, missing } from "../values/columns.ts";
import type { SelectRun } from "./run_settings.ts";
import { makeInstants } from "../values/instants.ts";
import type { SelectPlan } from "./select_plan.ts";
import { type SelectedGroup, selectGroups } from "./select_run.ts";
import type { SelectBudget } from "../sources/select_budget.ts";
import type { Schema } from "../values/names.ts";
import type {
  Reading,
  SeriesSource,
  SourceSeries,
  StoredSeries,
} from "../sources/series_source.ts";
import { concatTables, pickRows, reversedOrder, type Table } from "../values/table.ts";
import { type Bounds, intersect } from "../expressions/time_range.ts";

export class SubquerySource implements SeriesSource {
  readonly name: string;
  readonly isSubquery = true;
  readonly fields: ReadonlyMap<string, Kind>;
  readonly tags: ReadonlySet<string>;
  readonly tagFields: ReadonlySet<string>;
  /** Of what it reads. */
  readonly plan: SelectPlan;
  readonly #run: SelectRun;

  constructor(name: string, plan: SelectPlan, run: SelectRun) {
    this.name = name;
    // One of the measurements that it reads: each is a measurement of its own to the outer statement.
    this.plan = { ...plan, sources: plan.sources.filter((source) => source.name === name) };
    this.#run = run;
    const fields = new Map<string, Kind>();
    const tagFields = new Set<string>();
    for (const { expr, kind, alias } of plan.columns) {
      const column = fieldName({ expr, alias });
      if (kind === undefined || fields.has(column)) continue;
      fields.set(column, kind);
      const isTag = expr.kind === "reference" &&
        [...plan.terms.values()].some((term) =>
          term !== undefined && term.name === expr.name && term.origin.from === "tag"
        );
      if (isTag) tagFields.add(column);
    }
    this.fields = fields;
    this.tagFields = tagFields;
    this.tags = new Set(plan.dimensions);
  }

  present(): Schema {
    return this;
  }

  /** What it reads when the outer statement reads these bounds. */
  boundsWithin(bounds: Bounds): Bounds {
    return intersect(this.plan.compiled.bounds, bounds);
  }

  async open({ bounds, dimensions }: Reading): Promise<readonly SourceSeries[]> {
    const { plan } = this;
    const names = plan.columns.map(fieldName);
    const groups = selectGroups({
      plan,
      bounds: this.boundsWithin(bounds),
      readFromNs: undefined,
      dimensions,
      run: this.#run,
    });
    const series: SubquerySeries[] = [];
    for await (const group of groups) {
      series.push(new SubquerySeries(group, { plan, names, budget: this.#run.budget }));
    }
    return series;
  }
}

interface SubqueryParts {
  readonly plan: SelectPlan;
  readonly names: readonly string[];
  readonly budget: SelectBudget;
}

class SubquerySeries implements SourceSeries {
  readonly tags: ReadonlyMap<string, string>;
  readonly stored?: StoredSeries;
  readonly #group: SelectedGroup;
  readonly #parts: SubqueryParts;

  constructor(group: SelectedGroup, parts: SubqueryParts) {
    this.#group = group;
    this.#parts = parts;
    this.tags = new Map(group.tags);
    if (group.stored !== undefined) this.stored = group.stored;
  }

  async read(fields: readonly string[], bounds: Bounds): Promise<Table> {
    const { plan, names, budget } = this.#parts;
    const places = fields.map((field) => names.indexOf(field));
    const parts: Table[] = [];
    let bytes = 0;
    try {
      const part = intersect(plan.compiled.bounds, bounds);
      for await (const table of this.#group.tables(this.stored === undefined ? undefined : part)) {
        const columns = places.map((at) => table.columns[at]!);
        const kept = { count: table.count, times: table.times, columns };
        bytes += budget.holdTable(kept);
        parts.push(kept);
      }
    } finally {
      // The reader counts what it gets.
      budget.release(bytes);
    }
    if (parts.length === 0) return nothing(plan, places);
    const all = concatTables(parts);
    return plan.compiled.descending ? pickRows(all, reversedOrder(all.count)) : all;
  }
}

function nothing(plan: SelectPlan, places: readonly number[]): Table {
  const columns = places.map((at) => missing(plan.columns[at]!.kind ?? "float", 0));
  return { count: 0, times: makeInstants(0), columns };
}
