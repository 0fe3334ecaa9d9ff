/** SHOW of what belongs to the server as a whole: databases, policies, queries, figures. */
import type { DatabaseStats } from "../../../engine/mod.ts";
import type { Catalog, RunningQuery } from "../context.ts";
import { formatGoDuration } from "../language/durations.ts";
import { type Cell, tableFrame } from "../values/frames.ts";
import { notFound } from "./policies.ts";
import { type Frame, StatementError } from "../values/result.ts";

/** What SHOW DIAGNOSTICS tells: groups of names and values. */
export type Diagnostics = readonly (readonly [
  group: string,
  values: readonly (readonly [name: string, value: Cell])[],
])[];

export function showDatabases(catalog: Catalog): Frame {
  return tableFrame("databases", ["name"], catalog.databases().map((name) => [name]));
}

export function showPolicies(catalog: Catalog, database: string): Frame {
  if (database === "") throw new StatementError("database name required");
  const known = catalog.database(database);
  if (known === undefined) throw notFound(database);
  const columns = ["name", "duration", "shardGroupDuration", "replicaN", "default"];
  const rows = known.policies.map(({ name, durationNs, shardNs, replication }) => [
    name,
    formatGoDuration(durationNs),
    formatGoDuration(shardNs),
    replication,
    name === known.defaultPolicy,
  ]);
  return tableFrame("", columns, rows);
}

export function showContinuousQueries(catalog: Catalog): Frame[] {
  return catalog.databases().map((name) =>
    tableFrame(name, ["name", "query"], catalog.database(name)?.queries ?? [])
  );
}

export function showQueries(queries: readonly RunningQuery[]): Frame {
  const rows = queries.map(({ id, query, database, runningMs, isKilled }) => [
    id,
    query,
    database,
    runningText(runningMs),
    isKilled ? "killed" : "running",
  ]);
  return tableFrame("", ["qid", "query", "database", "duration", "status"], rows);
}

/** As InfluxDB has it: whole units of the largest kind. */
function runningText(ms: number): string {
  if (ms >= 1_000) return formatGoDuration(BigInt(Math.floor(ms / 1_000)) * 1_000_000_000n);
  return ms >= 1 ? `${Math.floor(ms)}ms` : `${Math.floor(ms * 1_000)}µs`;
}

/** The engine's figures, a series for each of their groups. */
export function showStats(stats: DatabaseStats): Frame[] {
  const frames: Frame[] = [];
  for (const [group, figures] of Object.entries(stats)) {
    if (figures === null || typeof figures !== "object") continue;
    const known = Object.entries(figures as Record<string, unknown>)
      .filter((entry): entry is [string, number | bigint | boolean] =>
        ["number", "bigint", "boolean"].includes(typeof entry[1])
      );
    if (known.length === 0) continue;
    frames.push(tableFrame(group, known.map(([name]) => name), [known.map(([, value]) => value)]));
  }
  return frames;
}

export function showDiagnostics(diagnostics: Diagnostics): Frame[] {
  return diagnostics.map(([group, values]) =>
    tableFrame(group, values.map(([name]) => name), [values.map(([, value]) => value)])
  );
}
