/** Statements that delete data: DELETE, DROP SERIES, DROP MEASUREMENT, and the data of what is dropped as a whole. */
import type { Database, TimeRange } from "../../engine/mod.ts";
import type { Statement } from "./ast.ts";
import type { Catalog, StatementContext } from "./context.ts";
import { notFound } from "./policies.ts";
import { StatementError } from "./result.ts";
import { factsOf, labelsOf, sourceTest } from "./schema.ts";
import { DATABASE_LABEL, FIELD_TYPES, labelMatchers } from "./stored_measurements.ts";
import { compileCondition } from "./tag_condition.ts";
import { namesTime, splitTime } from "./time_condition.ts";

export interface RemovalParts {
  readonly database: Database;
  readonly catalog: Catalog;
}

type Removal = Statement & { readonly kind: "delete" | "drop_series" };

/** DELETE takes conditions on tags and time, DROP SERIES on tags. */
export async function removeSeries(
  parts: RemovalParts,
  statement: Removal,
  context: StatementContext,
): Promise<void> {
  const { kind, sources, where } = statement;
  if (kind === "drop_series" && namesTime(where)) {
    throw new StatementError("DROP SERIES doesn't support time in WHERE clause");
  }
  const { database: name } = context;
  const labels = labelsOf(parts.catalog, { name, sources, context });
  const { range, rest } = splitTime(where, context.nowNs);
  const isSource = sourceTest(sources);
  const fields = fieldsOf(parts.database, labels);
  const accepts = compileCondition(rest, () => {
    throw new StatementError("fields not supported in WHERE clause during deletion");
  });
  const { registry } = parts.database;
  for (const label of labels) {
    await parts.database.delete({
      matchers: labelMatchers(label),
      ...(range === undefined ? {} : { range }),
      accepts: ({ measurement, family }, source) => {
        if (FIELD_TYPES[family] === undefined || !isSource(measurement)) return false;
        if (rest === undefined) return true;
        const tags = registry.tagsOf(source).filter(([name]) => name !== DATABASE_LABEL);
        const isField = (field: string) => fields.get(measurement)?.has(field) === true;
        return accepts(factsOf({ name: measurement, isField }, { tags }));
      },
    });
  }
}

export async function dropMeasurement(
  parts: RemovalParts,
  name: string,
  context: StatementContext,
): Promise<void> {
  const labels = labelsOf(parts.catalog, { name: context.database, sources: [], context });
  for (const label of labels) {
    await parts.database.delete({
      matchers: labelMatchers(label),
      accepts: ({ measurement }) => measurement === name,
    });
  }
}

/** Drops a database with all that it holds; an unknown one is dropped already. */
export async function dropDatabase(parts: RemovalParts, name: string): Promise<void> {
  const known = parts.catalog.database(name);
  if (known === undefined) return;
  const labels = known.policies.map((policy) => parts.catalog.labelOf(name, policy.name));
  // First the name: who writes while the data is deleted makes it anew, and keeps what he writes.
  parts.catalog.remove(name);
  for (const label of labels) await removeLabel(parts.database, label);
}

/** Deletes what a policy holds, in a range or at all times. */
export async function removeLabel(
  database: Database,
  label: string,
  range?: TimeRange,
): Promise<void> {
  if (label === "") throw notFound("");
  const matchers = labelMatchers(label);
  await database.delete(range === undefined ? { matchers } : { matchers, range });
}

/** Names of fields by measurement. */
function fieldsOf(database: Database, labels: readonly string[]): Map<string, Set<string>> {
  const fields = new Map<string, Set<string>>();
  for (const label of labels) {
    for (const { measurement, field } of database.registry.select(labelMatchers(label))) {
      const known = fields.get(measurement);
      if (known === undefined) fields.set(measurement, new Set([field]));
      else known.add(field);
    }
  }
  return fields;
}
