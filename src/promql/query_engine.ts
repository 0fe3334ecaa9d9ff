/** From a query to its result: parse, plan what to read, evaluate, put the result in order. */
import type { Expr } from "./ast.ts";
import type { PromqlEngine, QueryOptions, StepRange } from "./engine.ts";
import { PromqlError } from "./errors.ts";
import { Evaluation, type EvaluationOptions, makeGrid, stepsError } from "./evaluation.ts";
import { scalarAsVector, TreeEvaluator } from "./evaluator.ts";
import { markStepInvariant } from "./invariance.ts";
import { DEFAULT_QUERY_LIMITS, type QueryLimits } from "./limits.ts";
import { parseQuery } from "./parser.ts";
import { hasDistinctRows, readBounds, readingManners } from "./planner.ts";
import type { QueryMemory } from "../query_memory.ts";
import type { Queryable } from "./queryable.ts";
import { finishMatrix, finishVector, finishWindows } from "./result.ts";
import type { SyntaxOptions } from "./type_check.ts";
import { TYPE_NAMES } from "./type_check.ts";
import type { QueryResult, QueryValue } from "./value.ts";

export interface QueryEngineOptions {
  readonly queryable: Queryable;
  /** Default 5 minutes. */
  readonly lookbackMs?: number;
  /** Step of subqueries that name none; default 1 minute. */
  readonly subqueryStepMs?: number;
  readonly limits?: Partial<QueryLimits>;
  /** Shared by all queries; absent: each has its own limit alone. */
  readonly memory?: QueryMemory;
  readonly syntax?: SyntaxOptions;
  /** Called when a query lets other work run, every few milliseconds. */
  readonly onPause?: () => void;
}

const LOOKBACK_MS = 300_000;
const SUBQUERY_STEP_MS = 60_000;

export class QueryEngine implements PromqlEngine {
  readonly #queryable: Queryable;
  readonly #lookbackMs: number;
  readonly #subqueryStepMs: number;
  readonly #limits: QueryLimits;
  readonly #memory: QueryMemory | undefined;
  readonly #syntax: SyntaxOptions;
  readonly #onPause: () => void;

  constructor(options: QueryEngineOptions) {
    this.#queryable = options.queryable;
    this.#lookbackMs = options.lookbackMs ?? LOOKBACK_MS;
    this.#subqueryStepMs = options.subqueryStepMs ?? SUBQUERY_STEP_MS;
    this.#limits = { ...DEFAULT_QUERY_LIMITS, ...options.limits };
    this.#memory = options.memory;
    this.#syntax = options.syntax ?? {};
    this.#onPause = options.onPause ?? (() => {});
  }

  async instant(
    query: string | Expr,
    timeMs: number,
    options: QueryOptions = {},
  ): Promise<QueryResult> {
    const expr = this.#parse(query);
    const bounds = { startMs: timeMs, endMs: timeMs, stepMs: 0 };
    return await this.#run(expr, this.#evaluationOptions(bounds, options), async (evaluator) => {
      const grid = makeGrid(timeMs, 0, 1);
      switch (expr.type) {
        case "string":
          return { type: "string", timeMs, value: textOfLiteral(expr) };
        case "scalar": {
          const [value] = await evaluator.scalar(expr, grid);
          return { type: "scalar", timeMs, value: value! };
        }
        case "vector": {
          const rows = await evaluator.collect(await evaluator.vector(expr, grid), grid);
          return await finishVector(rows, timeMs, hasDistinctRows(expr), evaluator.evaluation);
        }
        case "matrix":
          return await finishWindows(await evaluator.windows(expr, grid), evaluator.evaluation);
      }
    });
  }

  async range(
    query: string | Expr,
    range: StepRange,
    options: QueryOptions = {},
  ): Promise<QueryResult> {
    const parsed = this.#parse(query);
    if (parsed.type !== "vector" && parsed.type !== "scalar") {
      throw new PromqlError(
        "bad_data",
        `invalid expression type ${
          JSON.stringify(TYPE_NAMES[parsed.type])
        } for range query, must be Scalar or instant Vector`,
      );
    }
    const evaluationOptions = this.#evaluationOptions(range, options);
    const steps = countSteps(range, evaluationOptions.limits);
    const expr = steps > 1 ? markStepInvariant(parsed) : parsed;
    return await this.#run(expr, evaluationOptions, async (evaluator) => {
      const grid = makeGrid(range.startMs, range.stepMs, steps);
      const stream = expr.type === "scalar"
        ? await scalarAsVector(expr, evaluator, grid)
        : await evaluator.vector(expr, grid);
      const rows = await evaluator.collect(stream, grid);
      return await finishMatrix(rows, grid.times, hasDistinctRows(expr), evaluator.evaluation);
    });
  }

  #parse(query: string | Expr): Expr {
    return typeof query === "string" ? parseQuery(query, this.#syntax) : query;
  }

  #evaluationOptions(range: StepRange, options: QueryOptions): EvaluationOptions {
    const limits = options.limits === undefined
      ? this.#limits
      : { ...this.#limits, ...options.limits };
    return {
      startMs: range.startMs,
      endMs: range.endMs,
      stepMs: range.stepMs,
      lookbackMs: options.lookbackMs ?? this.#lookbackMs,
      subqueryStepMs: this.#subqueryStepMs,
      limits,
      memory: this.#memory,
      onPause: this.#onPause,
      timeoutMs: Math.min(options.timeoutMs ?? Infinity, limits.queryMsMax),
      signal: options.signal,
      samplesMax: options.samplesMax ?? Infinity,
    };
  }

  async #run(
    expr: Expr,
    options: EvaluationOptions,
    evaluate: (evaluator: TreeEvaluator) => Promise<QueryValue>,
  ): Promise<QueryResult> {
    const { startMs, endMs, stepMs } = options;
    const bounds = readBounds(expr, { startMs, endMs }, {
      query: options,
      durations: { stepMs, rangeMs: endMs - startMs },
      lookbackMs: options.lookbackMs,
      subqueryStepMs: options.subqueryStepMs,
    });
    const manners = readingManners(expr, { inOrder: stepMs === 0 });
    using session = this.#queryable.open(bounds ?? { startMs, endMs });
    const evaluation = new Evaluation(session, { ...options, selectors: manners.size });
    evaluation.check();
    let value: QueryValue;
    try {
      value = await evaluate(new TreeEvaluator(evaluation, manners));
    } catch (error) {
      evaluation.release();
      throw error;
    }
    return {
      release: () => evaluation.release(),
      value,
      warnings: evaluation.annotations.warnings,
      infos: evaluation.annotations.infos,
      stats: {
        pointsRead: evaluation.pointsRead,
        seriesRead: evaluation.seriesRead,
        pointsPeak: evaluation.pointsPeak,
        evaluationMs: evaluation.elapsedMs,
      },
    };
  }
}

function textOfLiteral(expr: Expr): string {
  let inner = expr;
  while (inner.kind === "paren") inner = inner.expr;
  return inner.kind === "string" ? inner.value : "";
}

function countSteps({ startMs, endMs, stepMs }: StepRange, limits: QueryLimits): number {
  if (!(stepMs > 0)) {
    throw new PromqlError(
      "bad_data",
      "zero or negative query resolution step widths are not accepted. Try a positive integer",
    );
  }
  if (endMs < startMs) {
    throw new PromqlError("bad_data", "end timestamp must not be before start time");
  }
  const steps = Math.floor((endMs - startMs) / stepMs) + 1;
  if (steps - 1 > limits.queryStepsMax) {
    throw stepsError(steps, "queryStepsMax", limits.queryStepsMax);
  }
  return steps;
}
