/** Reads the series of a group: the fields and tags that a plan names, in the rows that satisfy its condition. */
import { areWhole, castColumn, gatherDoubles, hasValue, missing } from "../values/columns.ts";
import { fieldsIn, maskOf, reduceByTags } from "../expressions/condition.ts";
import type { Expr } from "../language/ast.ts";
import { originOf } from "./grid.ts";
import { instantsAfter } from "../values/instants.ts";
import { numberFilterOf, rowsPassing } from "../expressions/number_filter.ts";
import type { Column } from "../values/result.ts";
import type { SelectBudget } from "../sources/select_budget.ts";
import type { Term } from "./select_plan.ts";
import type { SeriesSource, SourceSeries } from "../sources/series_source.ts";
import { filterRows, type Table } from "../values/table.ts";
import type { Bounds } from "../expressions/time_range.ts";

/** A series of a group. */
export interface Member {
  readonly source: SeriesSource;
  readonly series: SourceSeries;
  /** What is left of WHERE with the series' tags put in; undefined: nothing. */
  readonly condition: Expr | undefined;
}

/** A series as a member; undefined: it cannot satisfy the condition. */
export function memberOf(
  source: SeriesSource,
  series: SourceSeries,
  condition: Expr | undefined,
): Member | undefined {
  if (condition === undefined) return { source, series, condition };
  const reduced = reduceByTags(condition, series.tags, source);
  if (reduced === false) return undefined;
  return { source, series, condition: reduced === true ? undefined : reduced };
}

/** Names of the fields that have to be read for some terms and a condition. */
export function fieldsOf(
  terms: readonly Term[],
  source: SeriesSource,
  condition: Expr | undefined,
): string[] {
  const names = terms.flatMap(({ name, origin }) =>
    origin.from === "field" && source.fields.has(name) ? [name] : []
  );
  return [...new Set([...names, ...fieldsIn(condition, source)])];
}

/** Rows of a member with a column for each term, in the terms' kinds. */
export async function readMember(
  { source, series, condition }: Member,
  terms: readonly Term[],
  options: { readonly bounds: Bounds; readonly budget: SelectBudget },
): Promise<Table> {
  const fields = fieldsOf(terms, source, condition);
  let table = readFiltered({ source, series, condition }, fields, options.bounds);
  if (table === undefined) {
    const read = series.read(fields, options.bounds);
    table = read instanceof Promise ? await read : read;
    if (condition !== undefined) {
      const mask = maskOf(condition, { table, fields, tags: series.tags });
      table = filterRows(table, mask);
    }
  }
  const columns = terms.map((term) => columnOfTerm(term, { source, series, table, fields }));
  return { count: table.count, times: table.times, columns };
}

/** Rows of the only field that is read and compared; undefined: there are others, or doubles do not tell what it holds. */
function readFiltered(
  { source, series, condition }: Member,
  fields: readonly string[],
  bounds: Bounds,
): Table | undefined {
  const numbers = series.stored?.numbers;
  const [field] = fields;
  if (numbers === undefined || condition === undefined || fields.length !== 1) return undefined;
  const filter = numberFilterOf(condition, source);
  const kind = source.fields.get(field!);
  if (filter === undefined || (kind !== "float" && kind !== "integer" && kind !== "unsigned")) {
    return undefined;
  }
  const origin = originOf(bounds, numbers.nsPerTick);
  if (origin === undefined) return undefined;
  const column = numbers.read(field!, kind, { bounds, origin });
  const isExact = column !== undefined &&
    (kind === "float" || column.areSmallIntegers || areWhole(column.values));
  if (!isExact) return undefined;
  const rows = rowsPassing(column, filter);
  const ticks = gatherDoubles(column.times, rows);
  return {
    count: rows.length,
    times: instantsAfter(origin * BigInt(numbers.nsPerTick), ticks, numbers.nsPerTick),
    columns: [{ kind, values: gatherDoubles(column.values, rows) }],
  };
}

interface Rows {
  readonly source: SeriesSource;
  readonly series: SourceSeries;
  readonly table: Table;
  readonly fields: readonly string[];
}

function columnOfTerm({ name, origin }: Term, { source, series, table, fields }: Rows): Column {
  if (origin.from === "field") {
    const at = fields.indexOf(name);
    const column = at < 0 ? undefined : table.columns[at];
    return column === undefined
      ? missing(origin.kind, table.count)
      : castColumn(column, origin.kind);
  }
  // Tags of stored series stand beside fields, but are none: functions find nothing in them.
  if (!source.isSubquery) return missing("string", table.count);
  return { kind: "string", values: new Array(table.count).fill(series.tags.get(name)) };
}

/** Which rows have a value; undefined: all. */
export function rowsThere(column: Column): Int32Array | undefined {
  const count = column.values.length;
  let held = 0;
  for (let i = 0; i < count; i++) if (hasValue(column, i)) held++;
  if (held === count) return undefined;
  const rows = new Int32Array(held);
  for (let i = 0, at = 0; i < count; i++) if (hasValue(column, i)) rows[at++] = i;
  return rows;
}
