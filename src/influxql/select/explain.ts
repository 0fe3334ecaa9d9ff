/**
 * EXPLAIN: what a statement would read, in the form of InfluxDB's lines, and EXPLAIN ANALYZE: what it did read and how long
 * that took.
 */
import { printSelect } from "../language/printer.ts";
import { type Frame } from "../values/result.ts";
import type { SelectRun } from "./run_settings.ts";
import { tableFrame } from "../values/frames.ts";
import type { SelectPlan, Term } from "./select_plan.ts";
import { membersOf, readTerms } from "./select_run.ts";
import type { SeriesSource } from "../sources/series_source.ts";
import { SubquerySource } from "./subquery_source.ts";
import type { Bounds } from "../expressions/time_range.ts";

/** One frame of lines: for each expression and measurement what is read for it. */
export async function explainPlan(
  plan: SelectPlan,
  bounds: Bounds,
  run: SelectRun,
): Promise<Frame> {
  const lines = await linesOf(plan, bounds, run);
  return tableFrame("", ["QUERY PLAN"], lines.map((line) => [line]));
}

async function linesOf(plan: SelectPlan, bounds: Bounds, run: SelectRun): Promise<string[]> {
  const lines: string[] = [];
  for (const source of plan.sources) {
    if (source instanceof SubquerySource) {
      push(lines, await linesOf(source.plan, source.boundsWithin(bounds), run));
      continue;
    }
    const members = await membersOf(source, { plan, bounds, dimensions: [], run });
    const series = members.length;
    for (const text of plan.calls.size === 0 ? ["<nil>"] : plan.calls.keys()) {
      push(lines, blockOf({ source, series, text, plan, run }));
    }
  }
  return lines;
}

/** Blocks are told apart by an empty line. */
function push(lines: string[], block: readonly string[]): void {
  if (block.length === 0) return;
  if (lines.length > 0) lines.push("");
  lines.push(...block);
}

interface Block {
  readonly source: SeriesSource;
  readonly series: number;
  readonly text: string;
  readonly plan: SelectPlan;
  readonly run: SelectRun;
}

function blockOf({ source, series, text, plan, run }: Block): string[] {
  const besides = [...plan.terms.values()].filter((term) => term !== undefined);
  const fields = readTerms(plan).filter(({ origin, name }) =>
    origin.from === "field" && source.fields.has(name)
  );
  const points = Math.round(run.pointsPerSeries() * series * new Set(fields).size);
  const lines = [`EXPRESSION: ${text}`];
  if (besides.length > 0) lines.push(`AUXILIARY FIELDS: ${besides.map(printTerm).join(", ")}`);
  return [
    ...lines,
    `MEASUREMENT: ${source.name}`,
    `NUMBER OF SERIES: ${series}`,
    `NUMBER OF POINTS, ABOUT: ${points}`,
  ];
}

function printTerm({ name, origin }: Term): string {
  return `${name}::${origin.from === "tag" ? "tag" : origin.kind}`;
}

/** What a statement that was run took. */
export interface Analysis {
  readonly planningMs: number;
  readonly executionMs: number;
  readonly series: number;
  readonly points: number;
  readonly frames: number;
  readonly rows: number;
}

/** A tree of lines. */
export function explainAnalysis(plan: SelectPlan, analysis: Analysis): Frame {
  const { planningMs, executionMs, series, points, frames, rows } = analysis;
  const lines = [
    ".",
    "└── select",
    `    ├── execution_time: ${formatMs(executionMs)}`,
    `    ├── planning_time: ${formatMs(planningMs)}`,
    `    ├── total_time: ${formatMs(planningMs + executionMs)}`,
    "    └── build_cursor",
    "        ├── labels",
    `        │   └── statement: ${printSelect(plan.compiled.statement)}`,
    `        ├── series_read: ${series}`,
    `        ├── points_read: ${points}`,
    `        ├── frames: ${frames}`,
    `        └── rows: ${rows}`,
  ];
  return tableFrame("", ["EXPLAIN ANALYZE"], lines.map((line) => [line]));
}

function formatMs(ms: number): string {
  return ms < 1 ? `${Math.round(ms * 1_000)}µs` : `${ms.toFixed(3)}ms`;
}
