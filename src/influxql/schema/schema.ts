/**
 * SHOW MEASUREMENTS, TAG KEYS, TAG VALUES, FIELD KEYS, SERIES and their cardinalities.
 *
 * Without a policy in FROM, all policies of the database count, as in InfluxDB, whose index knows none; but fields are those
 * of the default policy. Counts are exact whether or not EXACT is written.
 */
import { ALL_TIME, type Database } from "../../../engine/mod.ts";
import type { ShowSchemaStatement, Source } from "../language/ast.ts";
import type { Catalog, StatementContext } from "../context.ts";
import { type Frame, StatementError } from "../values/result.ts";
import { SchemaSearch } from "./schema_search.ts";
import {
  rangeOf,
  sourceTest,
  type StoredLabel,
  storedMeasurements,
} from "./stored_measurements.ts";
import { namesTime, splitCondition } from "../expressions/time_range.ts";

export interface SchemaParts {
  readonly database: Database;
  readonly catalog: Catalog;
}

const CARDINALITY_NAMES: Readonly<Record<ShowSchemaStatement["of"], string>> = {
  measurements: "MEASUREMENT",
  tag_keys: "TAG KEY",
  tag_values: "TAG VALUES",
  field_keys: "FIELD KEY",
  series: "SERIES",
};

/** Throws a StatementError. */
export async function showSchema(
  { database, catalog }: SchemaParts,
  statement: ShowSchemaStatement,
  context: StatementContext,
): Promise<Frame[]> {
  refuseTime(statement);
  const name = statement.database || context.database;
  const isUnknown = name !== "" && catalog.database(name) === undefined;
  if (isUnknown && statement.of === "measurements" && statement.cardinality === undefined) {
    return [];
  }
  const { of, sources } = statement;
  const labels = labelsOf(catalog, { name, sources, context, byDefault: of === "field_keys" });
  const { nowNs } = context;
  const { bounds, condition } = splitCondition(statement.where, { nowNs, zone: undefined });
  const range = rangeOf(bounds, database) ?? ALL_TIME;
  if (range.start === range.end) return [];
  const search = new SchemaSearch({ statement, condition, signal: context.signal });
  using view = database.view(range);
  const measurements = storedMeasurements(database, view, {
    labels,
    sources: sourceTest(statement.sources),
    condition: search.seriesCondition,
    range,
  });
  return await search.run(measurements);
}

function refuseTime({ of, cardinality, where }: ShowSchemaStatement): void {
  if (!namesTime(where)) return;
  if (cardinality !== undefined) {
    const name = `SHOW ${CARDINALITY_NAMES[of]} EXACT CARDINALITY`;
    throw new StatementError(`${name} doesn't support time in WHERE clause`);
  }
  if (of === "measurements") {
    throw new StatementError("SHOW MEASUREMENTS doesn't support time in WHERE clause");
  }
}

interface LabelsOptions {
  readonly name: string;
  readonly sources: readonly Source[];
  readonly context: StatementContext;
  /** A source without a policy means the default one. */
  readonly byDefault?: boolean;
}

/**
 * Data of the policies that the sources name; of all policies where one names none, unless it means the default one. Throws
 * for what does not exist.
 */
export function labelsOf(
  catalog: Catalog,
  { name, sources, context, byDefault = false }: LabelsOptions,
): StoredLabel[] {
  const all = catalog.database(name)?.policies.map((policy) => policy.name);
  const named = sources.flatMap((source) => source.kind === "measurement" ? [source.policy] : []);
  // Without a database there are no policies, and unknown ones are refused in the words for it.
  const wanted = all === undefined || (byDefault && named.length === 0)
    ? [""]
    : byDefault
    ? [...new Set(named)]
    : named.length === 0 || named.includes("")
    ? all
    : [...new Set(named)];
  return wanted.map((policy) => {
    const label = context.label(name, policy);
    return { label, expiredBeforeNs: context.expiredBeforeNs(label) };
  });
}
