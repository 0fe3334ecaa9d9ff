/** Finds what FROM names: measurements in the engine, and subqueries with their plans. */
import type { MeasurementSource } from "../language/ast.ts";
import type { SelectContext } from "../context.ts";
import type { EngineParts } from "../sources/engine_series.ts";
import { type EngineSource, findMeasurements } from "../sources/engine_source.ts";
import type { SelectRun } from "./run_settings.ts";
import { compileSearch } from "../language/regex.ts";
import type { CompiledSelect } from "./select_compile.ts";
import { planSelect, type SelectPlan } from "./select_plan.ts";
import type { SeriesSource } from "../sources/series_source.ts";
import { SubquerySource } from "./subquery_source.ts";

export interface SourceParts {
  readonly engine: EngineParts;
  readonly context: SelectContext;
  readonly run: SelectRun;
}

/** Plans a statement and its subqueries. */
export async function planWithSources(
  compiled: CompiledSelect,
  parts: SourceParts,
): Promise<SelectPlan> {
  const sources: SeriesSource[] = [];
  const seen = new Set<string>();
  for (const source of compiled.statement.sources) {
    const pause = parts.run.budget.pause();
    if (pause !== undefined) await pause;
    if (source.kind === "subquery") {
      const inner = await planWithSources(compiled.subqueries.get(source)!, parts);
      const names = new Set(inner.sources.map(({ name }) => name));
      for (const name of names) sources.push(new SubquerySource(name, inner, parts.run));
      continue;
    }
    for (const found of measurementsOf(source, parts)) {
      // What is named twice is read once.
      const key = `${found.label}\0${found.source.name}`;
      if (seen.has(key)) continue;
      seen.add(key);
      sources.push(found.source);
    }
  }
  return await planSelect(compiled, sources, parts.run.budget.pauses);
}

function measurementsOf(
  { database, policy, name }: MeasurementSource,
  { engine, context }: SourceParts,
): { readonly label: string; readonly source: EngineSource }[] {
  const label = context.label(database, policy);
  const where = { label, expiredBeforeNs: context.expiredBeforeNs(label) };
  const wanted = typeof name === "string" ? name : compileSearch(name.pattern);
  return findMeasurements(engine, where, wanted).map((source) => ({ label, source }));
}

/** Throws for databases and policies that do not exist. */
export function checkSources(compiled: CompiledSelect["statement"], context: SelectContext): void {
  for (const source of compiled.sources) {
    if (source.kind === "subquery") checkSources(source.statement, context);
    else context.label(source.database, source.policy);
  }
}
