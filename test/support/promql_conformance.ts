/** Checks a PromQL example: as it stands, inside a range query, and with its time fixed by `@`. */
import type { Expr } from "../../src/promql/ast.ts";
import { children } from "../../src/promql/ast.ts";
import { compareLabels, labelsText } from "../../src/promql/labels.ts";
import { parseQuery } from "../../src/promql/parser.ts";
import type { QueryEngine } from "../../src/promql/query_engine.ts";
import type { QueryResult } from "../../src/promql/value.ts";
import {
  compareSamples,
  compareTexts,
  isText,
  labelsOf,
  type PromqlCase,
  samplesOf,
} from "./promql_cases.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;

async function evaluate(engine: QueryEngine, example: PromqlCase): Promise<QueryResult> {
  if (example.at !== undefined) return await engine.instant(example.expr, example.at * SECOND_MS);
  return await engine.range(example.expr, {
    startMs: example.start! * SECOND_MS,
    endMs: example.end! * SECOND_MS,
    stepMs: example.step! * SECOND_MS,
  });
}

type Expected = Parameters<typeof compareSamples>[1];

function expectedSamples(example: PromqlCase): Expected {
  const { scalar, vector, matrix } = example;
  const atMs = (example.at ?? 0) * SECOND_MS;
  if (scalar !== undefined) return new Map([["{}", new Map([[atMs, scalar]])]]);
  if (vector !== undefined) {
    return new Map(vector.map(({ metric, value, histogram }) => [
      labelsText(labelsOf(metric)),
      new Map([[atMs, value ?? histogram ?? null]]),
    ]));
  }
  const { start, step } = example.grid ?? { start: example.start!, step: example.step! };
  return new Map((matrix ?? []).map(({ metric, values }) => [
    labelsText(labelsOf(metric)),
    new Map(values.map((value, index) => [(start + index * step) * SECOND_MS, value])),
  ]));
}

/** What differs from what the example expects; empty if nothing does. */
export async function checkExample(
  engine: QueryEngine,
  example: PromqlCase,
  /** Without `hints` those of histograms are not compared: they do not show in answers. */
  { hints = true }: { readonly hints?: boolean } = {},
): Promise<string[]> {
  if (example.error !== undefined) {
    try {
      await evaluate(engine, example);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return isText(message, example.error) ? [] : [`error: ${message}`];
    }
    return ["no error"];
  }
  const result = await evaluate(engine, example);
  const problems = [
    ...compareTexts(result.warnings, example.warnings, "warning"),
    ...compareTexts(result.infos, example.infos, "info"),
  ];
  if (example.string !== undefined) {
    const { value } = result;
    const same = value.type === "string" && value.value === example.string;
    return same ? problems : [...problems, `string ${JSON.stringify(value)}`];
  }
  problems.push(...compareSamples(samplesOf(result), expectedSamples(example), hints));
  if (example.ordered === true && result.value.type === "vector") {
    const order = result.value.labels.map(labelsText);
    const wanted = example.vector!.map(({ metric }) => labelsText(labelsOf(metric)));
    if (order.join() !== wanted.join()) problems.push(`order ${order.join(" ")}`);
  }
  if (result.value.type === "matrix") problems.push(...checkOrder(result));
  if (example.at !== undefined && example.grid === undefined) {
    problems.push(...await checkInRange(engine, example, hints));
    problems.push(...await checkFixed(engine, example, hints));
  }
  return problems;
}

function checkOrder({ value }: QueryResult): string[] {
  if (value.type !== "matrix") return [];
  const sorted = value.series.every(({ labels }, at) =>
    at === 0 || compareLabels(value.series[at - 1]!.labels, labels) < 0
  );
  return sorted ? [] : ["series are not sorted"];
}

/** The middle step of a range query around the time must be the same. */
async function checkInRange(
  engine: QueryEngine,
  example: PromqlCase,
  hints: boolean,
): Promise<string[]> {
  if (/\b(?:start|end|step|range)\(\)/i.test(example.expr)) return [];
  const atMs = example.at! * SECOND_MS;
  const result = await engine.range(example.expr, {
    startMs: atMs - MINUTE_MS,
    endMs: atMs + MINUTE_MS,
    stepMs: MINUTE_MS,
  });
  const samples = samplesOf(result);
  for (const [labels, byTime] of samples) {
    const sample = byTime.get(atMs);
    if (sample === undefined) samples.delete(labels);
    else samples.set(labels, new Map([[atMs, sample]]));
  }
  return [...compareSamples(samples, expectedSamples(example), hints), ...checkOrder(result)].map(
    (problem) => `in a range query: ${problem}`,
  );
}

const OF_TIME =
  /^(?:time|timestamp|predict_linear|minute|hour|day_.*|days_in_month|month|year|start|end|range|step|info)$/;

/** With `@` on every selector the evaluation time must not matter. */
async function checkFixed(
  engine: QueryEngine,
  example: PromqlCase,
  hints: boolean,
): Promise<string[]> {
  const atMs = example.at! * SECOND_MS;
  const parsed = parseQuery(example.expr);
  if (usesTime(parsed)) return [];
  const fixed = fix(parsed, atMs);
  const problems: string[] = [];
  for (const timeMs of [0, atMs / 2, atMs + 3_600_000]) {
    const result = await engine.instant(fixed, timeMs);
    const samples = samplesOf(result);
    for (const [labels, byTime] of samples) {
      samples.set(labels, new Map([[atMs, byTime.get(timeMs)!]]));
    }
    problems.push(...compareSamples(samples, expectedSamples(example), hints));
  }
  return problems.map((problem) => `with @: ${problem}`);
}

function usesTime(expr: Expr): boolean {
  if (expr.kind === "call" && OF_TIME.test(expr.signature.name)) return true;
  return children(expr).some(usesTime);
}

function fix(expr: Expr, ms: number): Expr {
  const at = { kind: "time", ms } as const;
  switch (expr.kind) {
    case "vector_selector":
      return { ...expr, at: expr.at ?? at };
    case "matrix_selector":
      return { ...expr, selector: { ...expr.selector, at: expr.selector.at ?? at } };
    case "subquery":
      return { ...expr, at: expr.at ?? at };
    case "binary":
      return { ...expr, left: fix(expr.left, ms), right: fix(expr.right, ms) };
    case "aggregation":
      return {
        ...expr,
        expr: fix(expr.expr, ms),
        param: expr.param === undefined ? undefined : fix(expr.param, ms),
      };
    case "call":
      return { ...expr, args: expr.args.map((arg) => fix(arg, ms)) };
    case "paren":
    case "unary":
    case "step_invariant":
      return { ...expr, expr: fix(expr.expr, ms) };
    default:
      return expr;
  }
}
