/** Statements that delete data: DELETE, DROP SERIES, DROP MEASUREMENT, and the data of what is dropped as a whole. */
import type { Database, Matcher, TimeRange } from "../../../engine/mod.ts";
import type { Source, Statement } from "../language/ast.ts";
import type { Kind } from "../values/columns.ts";
import type { Catalog, StatementContext } from "../context.ts";
import { kindOf } from "../sources/engine_series.ts";
import { dropPolicy, notFound } from "./policies.ts";
import { StatementError } from "../values/result.ts";
import { labelsOf } from "../schema/schema.ts";
import {
  factsOf,
  labelMatchers,
  rangeOf,
  sourceTest,
  tagsOf,
} from "../schema/stored_measurements.ts";
import { compileCondition } from "../expressions/tag_condition.ts";
import { namesTime, splitCondition } from "../expressions/time_range.ts";

export interface RemovalParts {
  readonly database: Database;
  readonly catalog: Catalog;
}

const NO_FIELDS: ReadonlyMap<string, Kind> = new Map();

type Removal = Statement & { readonly kind: "delete" | "drop_series" };

/** DELETE takes conditions on tags and time, DROP SERIES on tags. */
export async function removeSeries(
  { database, catalog }: RemovalParts,
  statement: Removal,
  context: StatementContext,
): Promise<void> {
  const { kind, sources, where } = statement;
  if (kind === "drop_series" && namesTime(where)) {
    throw new StatementError("DROP SERIES doesn't support time in WHERE clause");
  }
  const labels = labelsOf(catalog, { name: context.database, sources, context });
  const { nowNs } = context;
  const { bounds, condition } = splitCondition(where, { nowNs, zone: undefined });
  const range = rangeOf(bounds, database);
  if (range !== undefined && range.start === range.end) return;
  const source = sourceTest(sources);
  const accepts = compileCondition(condition, {
    fields: () => {
      throw new StatementError("fields not supported in WHERE clause during deletion");
    },
  });
  const { registry } = database;
  for (const { label } of labels) {
    const matchers = [...labelMatchers(label), ...source.matchers];
    const fields = condition === undefined ? undefined : fieldsOf(database, matchers);
    await database.delete({
      matchers,
      ...(range === undefined ? {} : { range }),
      accepts: ({ measurement }, id) => {
        if (!source.accepts(measurement)) return false;
        if (fields === undefined) return true;
        const measured = { name: measurement, fields: fields.get(measurement) ?? NO_FIELDS };
        return accepts(factsOf(measured, tagsOf(registry.tagsOf(id))));
      },
    });
  }
}

export async function dropMeasurement(
  { database, catalog }: RemovalParts,
  name: string,
  context: StatementContext,
): Promise<void> {
  const sources: Source[] = [{ kind: "measurement", database: "", policy: "", name }];
  const { accepts, matchers } = sourceTest(sources);
  for (const { label } of labelsOf(catalog, { name: context.database, sources, context })) {
    await database.delete({
      matchers: [...labelMatchers(label), ...matchers],
      accepts: ({ measurement }) => accepts(measurement),
    });
  }
}

/** Drops a database with all that it holds; an unknown one is dropped already. */
export async function dropDatabase(parts: RemovalParts, name: string): Promise<void> {
  const known = parts.catalog.database(name);
  if (known === undefined) return;
  const labels = known.policies.map((policy) => parts.catalog.labelOf(name, policy.name));
  // First the name: who writes from now on makes it anew, once the data is gone.
  parts.catalog.remove(name);
  await parts.catalog.empty(labels, (label) => removeLabel(parts.database, label));
}

/** Drops a policy with all that it holds; an unknown one is dropped already. */
export async function dropPolicyData(
  { database, catalog }: RemovalParts,
  statement: Statement & { readonly kind: "drop_policy" },
): Promise<void> {
  const label = catalog.labelOf(statement.database, statement.name);
  if (!dropPolicy(catalog, statement)) return;
  await catalog.empty([label], (label) => removeLabel(database, label));
}

/** Deletes what a policy holds, in a range or at all times. */
export async function removeLabel(
  database: Pick<Database, "delete">,
  label: string,
  range?: TimeRange,
): Promise<void> {
  if (label === "") throw notFound("");
  const matchers = labelMatchers(label);
  await database.delete(range === undefined ? { matchers } : { matchers, range });
}

/** The fields of each measurement. */
function fieldsOf(
  { registry }: Database,
  matchers: readonly Matcher[],
): ReadonlyMap<string, ReadonlyMap<string, Kind>> {
  const fields = new Map<string, Map<string, Kind>>();
  for (const { measurement, field, family } of registry.select(matchers)) {
    const kind = kindOf(family);
    if (kind === undefined) continue;
    const known = fields.get(measurement);
    if (known === undefined) fields.set(measurement, new Map([[field, kind]]));
    else known.set(field, kind);
  }
  return fields;
}
