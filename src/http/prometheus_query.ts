/** `query`, `query_range`, `format_query`, `parse_query`: parameters to the engine, its results to an answer. */
import type { Logger, SampleText } from "../../engine/mod.ts";
import type { Expr } from "../promql/ast.ts";
import type { PromqlEngine } from "../promql/engine.ts";
import { ParseError, PromqlError } from "../promql/errors.ts";
import { HeavyQueryError } from "../promql/evaluation.ts";
import { parseQuery } from "../promql/parser.ts";
import { prettyPrint } from "../promql/printer.ts";
import { treeJson } from "../promql/tree_json.ts";
import { TYPE_NAMES } from "../promql/type_check.ts";
import type { HeavyQueries } from "./heavy/heavy_queries.ts";
import type { Piece } from "./answer_stream.ts";
import type { PrometheusAnswers } from "./prometheus_answers.ts";
import {
  durationParameter,
  invalidParameter,
  limitParameter,
  readParameters,
  timeParameter,
} from "./prometheus_parameters.ts";
import type { QueryParameters } from "./query_parameters.ts";
import { QueryRunner, type QueryTask, type RunningAnswer } from "./query_runner.ts";
import type { QuerySlots } from "./query_slots.ts";

export interface PrometheusQueryOptions {
  /** Steps of a range query. */
  readonly stepsMax: number;
  /** Queries that take longer are logged; Infinity for none. */
  readonly slowQueryMs: number;
  /** Longest answer in bytes; larger results are refused or broken off. */
  readonly answerBytesMax: number;
  /** Accept what Prometheus calls experimental. */
  readonly experimental: boolean;
}

export const DEFAULT_QUERY_OPTIONS: PrometheusQueryOptions = {
  stepsMax: 11_000,
  slowQueryMs: 5_000,
  answerBytesMax: 1 << 30,
  experimental: true,
};

export interface PrometheusQueryParts {
  readonly engine: PromqlEngine;
  readonly slots: QuerySlots;
  readonly answers: PrometheusAnswers;
  readonly sampleText: SampleText;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
  readonly options: PrometheusQueryOptions;
  /** Evaluates heavy queries; absent: they are evaluated as all others. */
  readonly heavy?: HeavyQueries;
}

/** Trees that are kept, and the longest text of one. */
const TREES_MAX = 256;
const TREE_TEXT_MAX = 4_096;
/** Characters of a slow query that are logged. */
const LOGGED_QUERY_MAX = 1_000;

/** One query under way. */
interface Evaluation {
  readonly query: string;
  readonly parameters: QueryParameters;
  readonly path: string;
  readonly expr: Expr;
  readonly at: QueryTask["at"];
}

export class PrometheusQueries {
  readonly #parts: PrometheusQueryParts;
  readonly #trees = new Map<string, Expr>();
  readonly #runner: QueryRunner;

  constructor(parts: PrometheusQueryParts) {
    this.#parts = parts;
    this.#runner = new QueryRunner({ ...parts, answerBytesMax: parts.options.answerBytesMax });
  }

  /** The tree of a query; those of recent queries are kept. Throws bad_data. */
  parse(query: string): Expr {
    const known = this.#trees.get(query);
    if (known !== undefined) {
      this.#trees.delete(query);
      this.#trees.set(query, known);
      return known;
    }
    let expr: Expr;
    try {
      expr = parseQuery(query, { experimental: this.#parts.options.experimental });
    } catch (error) {
      throw error instanceof ParseError ? invalidParameter("query", error.message) : error;
    }
    if (query.length <= TREE_TEXT_MAX) {
      this.#trees.set(query, expr);
      if (this.#trees.size > TREES_MAX) this.#trees.delete(this.#trees.keys().next().value!);
    }
    return expr;
  }

  async instant(request: Request): Promise<Response> {
    const parameters = await readParameters(request);
    const timeMs = timeParameter(parameters, "time", this.#parts.nowMs());
    const query = parameters.get("query") ?? "";
    const expr = this.parse(query);
    return await this.#evaluate(request, { query, parameters, path: "query", expr, at: timeMs });
  }

  async range(request: Request): Promise<Response> {
    const parameters = await readParameters(request);
    const startMs = timeParameter(parameters, "start", undefined);
    const endMs = timeParameter(parameters, "end", undefined);
    if (endMs < startMs) {
      throw invalidParameter("end", "end timestamp must not be before start time");
    }
    const stepMs = this.#step(parameters, endMs - startMs);
    const query = parameters.get("query") ?? "";
    const expr = this.parse(query);
    if (expr.type !== "vector" && expr.type !== "scalar") {
      throw invalidParameter(
        "query",
        `invalid expression type "${
          TYPE_NAMES[expr.type]
        }" for range query, must be Scalar or instant Vector`,
      );
    }
    const at = { startMs, endMs, stepMs };
    return await this.#evaluate(request, { query, parameters, path: "query_range", expr, at });
  }

  #step(parameters: QueryParameters, rangeMs: number): number {
    const stepMs = durationParameter(parameters, "step");
    if (stepMs === undefined) throw invalidParameter("step", `cannot parse "" to a valid duration`);
    const wholeMs = Math.trunc(stepMs);
    if (wholeMs <= 0) {
      throw invalidParameter(
        "step",
        "zero or negative query resolution step widths are not accepted. Try a positive integer",
      );
    }
    const { stepsMax } = this.#parts.options;
    if (Math.floor(rangeMs / wholeMs) > stepsMax) {
      throw new PromqlError(
        "bad_data",
        `exceeded maximum resolution of ${
          stepsMax.toLocaleString("en-US")
        } points per timeseries. ` +
          "Try decreasing the query resolution (?step=XX)",
      );
    }
    return wholeMs;
  }

  async format(request: Request): Promise<Response> {
    const query = (await readParameters(request)).get("query") ?? "";
    return this.#parts.answers.data(request, prettyPrint(this.parse(query)));
  }

  async tree(request: Request): Promise<Response> {
    const query = (await readParameters(request)).get("query") ?? "";
    return this.#parts.answers.data(request, treeJson(this.parse(query)));
  }

  async #evaluate(request: Request, evaluation: Evaluation): Promise<Response> {
    const { slots, monotonicMs } = this.#parts;
    const { query, parameters, path, expr, at } = evaluation;
    const { signal } = request;
    const limit = limitParameter(parameters);
    const durations = evaluationDurations(parameters);
    const withStats = (parameters.get("stats") ?? "") !== "";
    const taken = slots.take(query, path, signal);
    using slot = taken instanceof Promise ? await taken : taken;
    const task = { query, at, limit, withStats, waitedMs: slot.waitedMs, ...durations };
    const startedMs = monotonicMs();
    try {
      const samplesMax = this.#parts.heavy?.samplesMax ?? Infinity;
      return this.#write(request, await this.#runner.run(expr, task, { signal, samplesMax }));
    } catch (error) {
      if (!(error instanceof HeavyQueryError)) throw error;
      return await this.#evaluateHeavy(request, expr, task);
    } finally {
      this.#logIfSlow(evaluation, monotonicMs() - startedMs);
    }
  }

  async #evaluateHeavy(request: Request, expr: Expr, task: QueryTask): Promise<Response> {
    const { heavy, answers } = this.#parts;
    const { signal } = request;
    const pieces = heavy?.run(task, signal);
    if (pieces === undefined) {
      return this.#write(request, await this.#runner.run(expr, task, { signal }));
    }
    const first = await pieces.next();
    const second = await pieces.next();
    if (first.done === true) throw new PromqlError("internal", "an answer has no piece");
    if (second.done === true) return answers.body(request, first.value);
    return answers.stream(request, [first.value, second.value], pieces);
  }

  /** A short answer is written at once; the pieces of a longer one are made as the client takes them. */
  #write(request: Request, { pieces, release }: RunningAnswer): Response {
    const { answers } = this.#parts;
    let first: IteratorResult<Piece, undefined>;
    let second: IteratorResult<Piece, undefined>;
    try {
      first = pieces.next();
      second = pieces.next();
    } catch (error) {
      release();
      throw error;
    }
    if (second.done !== true) {
      return answers.stream(request, [first.value!, second.value], releasing(pieces, release));
    }
    release();
    return answers.body(request, first.value!);
  }

  #logIfSlow(evaluation: Evaluation, elapsedMs: number): void {
    const { logger, options } = this.#parts;
    if (elapsedMs < options.slowQueryMs) return;
    logger.log("warn", "Slow query", {
      path: evaluation.path,
      query: evaluation.query.slice(0, LOGGED_QUERY_MAX),
      start: evaluation.parameters.get("start") ?? evaluation.parameters.get("time") ?? "",
      end: evaluation.parameters.get("end") ?? "",
      step: evaluation.parameters.get("step") ?? "",
      elapsedMs: Math.round(elapsedMs),
    });
  }
}

/** Gives memory back for answers that were dropped without a word: a client may go before its answer is begun. */
const dropped = new FinalizationRegistry<() => void>((release) => release());

/** The pieces of an answer, and `release` after the last, or when nobody wants more. */
function releasing(pieces: Iterator<Piece>, release: () => void): Iterator<Piece> {
  const released = releasedAfter(pieces, release);
  dropped.register(released, release);
  return released;
}

function* releasedAfter(pieces: Iterator<Piece>, release: () => void): Generator<Piece> {
  try {
    for (;;) {
      const next = pieces.next();
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    release();
  }
}

function evaluationDurations(
  parameters: QueryParameters,
): Pick<QueryTask, "lookbackMs" | "timeoutMs"> {
  const timeoutMs = durationParameter(parameters, "timeout");
  const lookbackMs = durationParameter(parameters, "lookback_delta");
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    // As with Prometheus, what is not above zero stands for the default.
    ...(lookbackMs === undefined || lookbackMs <= 0 ? {} : { lookbackMs }),
  };
}
