/** `query`, `query_range`, `format_query`, `parse_query`: parameters to the engine, its results to an answer. */
import type { Logger, SampleText } from "../../engine/mod.ts";
import type { Expr } from "../promql/ast.ts";
import { DurationError } from "../promql/durations.ts";
import type { PromqlEngine, QueryOptions } from "../promql/engine.ts";
import { lineAndColumn, ParseError, PromqlError } from "../promql/errors.ts";
import { parseQuery } from "../promql/parser.ts";
import { prettyPrint } from "../promql/printer.ts";
import { treeJson } from "../promql/tree_json.ts";
import { TYPE_NAMES } from "../promql/type_check.ts";
import type { QueryResult } from "../promql/value.ts";
import { JsonWriter } from "./json_writer.ts";
import { annotationTexts, type Piece, type PrometheusAnswers } from "./prometheus_answers.ts";
import { sampleCount, seriesCount, writeValue } from "./prometheus_json.ts";
import {
  durationParameter,
  invalidParameter,
  limitParameter,
  readParameters,
  timeParameter,
} from "./prometheus_parameters.ts";
import type { QueryParameters } from "./query_parameters.ts";
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
}

/** Trees that are kept, and the longest text of one. */
const TREES_MAX = 256;
const TREE_TEXT_MAX = 4_096;
/** Fewest bytes that a sample takes in an answer: `[0,"0"],`. */
const SAMPLE_BYTES_MIN = 8;
/** Characters of a slow query that are logged. */
const LOGGED_QUERY_MAX = 1_000;

/** One query under way. */
interface Evaluation {
  readonly query: string;
  readonly parameters: QueryParameters;
  readonly path: string;
  readonly run: (options: QueryOptions) => Promise<QueryResult>;
}

export class PrometheusQueries {
  readonly #parts: PrometheusQueryParts;
  readonly #trees = new Map<string, Expr>();
  /** All answers are written in it, piece by piece. */
  readonly #writer: JsonWriter;

  constructor(parts: PrometheusQueryParts) {
    this.#parts = parts;
    this.#writer = new JsonWriter(parts.sampleText);
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
    const { engine } = this.#parts;
    const run = (options: QueryOptions) => engine.instant(expr, timeMs, options);
    return await this.#evaluate(request, { query, parameters, path: "query", run });
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
    const { engine } = this.#parts;
    const run = (options: QueryOptions) => engine.range(expr, { startMs, endMs, stepMs }, options);
    return await this.#evaluate(request, { query, parameters, path: "query_range", run });
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
    const { slots, monotonicMs, options } = this.#parts;
    const { query, parameters, path } = evaluation;
    const limit = limitParameter(parameters);
    const queryOptions = evaluationOptions(parameters, request.signal);
    const withStats = (parameters.get("stats") ?? "") !== "";
    const taken = slots.take(query, path, request.signal);
    using slot = taken instanceof Promise ? await taken : taken;
    const startedMs = monotonicMs();
    let result: QueryResult;
    try {
      result = await evaluation.run(queryOptions);
    } catch (error) {
      throw error instanceof DurationError ? placed(error, query) : error;
    } finally {
      this.#logIfSlow(evaluation, monotonicMs() - startedMs);
    }
    const samples = sampleCount(result.value);
    if (samples * SAMPLE_BYTES_MIN > options.answerBytesMax) {
      result.release?.();
      throw new PromqlError(
        "execution",
        `result of ${samples} samples does not fit an answer of ${options.answerBytesMax} bytes`,
      );
    }
    const stats = withStats ? statsJson(result, slot.waitedMs) : "";
    return this.#write(request, result, { query, limit, stats });
  }

  /** A short answer is written at once; the pieces of a longer one are made as the client takes them. */
  #write(request: Request, result: QueryResult, options: AnswerOptions): Response {
    const { answers } = this.#parts;
    const release = result.release ?? (() => {});
    const pieces = answerPieces(this.#writer, result, options);
    let first: Piece;
    let second: IteratorResult<Piece>;
    try {
      first = pieces.next().value;
      second = pieces.next();
    } catch (error) {
      release();
      throw error;
    }
    if (second.done !== true) {
      return answers.stream(request, [first, second.value], releasing(pieces, release));
    }
    release();
    return answers.body(request, first);
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

/** A duration expression had no usable value for this evaluation. */
function placed(error: DurationError, query: string): PromqlError {
  const place = lineAndColumn(query, error.duration.position.start);
  return invalidParameter("query", `${place}: ${error.message}`);
}

function evaluationOptions(parameters: QueryParameters, signal: AbortSignal): QueryOptions {
  const timeoutMs = durationParameter(parameters, "timeout");
  const lookbackMs = durationParameter(parameters, "lookback_delta");
  return {
    signal,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    // As with Prometheus, what is not above zero stands for the default.
    ...(lookbackMs === undefined || lookbackMs <= 0 ? {} : { lookbackMs }),
  };
}

/** What an answer has beside the result. */
interface AnswerOptions {
  readonly query: string;
  readonly limit: number | undefined;
  readonly stats: string;
}

/** At least one piece. */
function* answerPieces(
  writer: JsonWriter,
  result: QueryResult,
  options: AnswerOptions,
): Generator<Piece> {
  const { query, limit, stats } = options;
  const { value, warnings, infos } = result;
  writer.clear();
  writer.text('{"status":"success","data":');
  yield* writeValue(writer, value, limit);
  const warningTexts = annotationTexts(warnings, query, "warning");
  if (limit !== undefined && seriesCount(value) > limit) {
    warningTexts.push("results truncated due to limit");
  }
  const infoTexts = annotationTexts(infos, query, "info");
  writer.text(`${stats}}`);
  if (warningTexts.length > 0) writer.text(`,"warnings":${JSON.stringify(warningTexts)}`);
  if (infoTexts.length > 0) writer.text(`,"infos":${JSON.stringify(infoTexts)}`);
  writer.text("}");
  yield writer.take();
}

function statsJson(result: QueryResult, waitedMs: number): string {
  const { evaluationMs, pointsRead, pointsPeak, seriesRead } = result.stats;
  const evaluation = evaluationMs / 1000;
  const waited = waitedMs / 1000;
  return `,"stats":${
    JSON.stringify({
      timings: {
        evalTotalTime: evaluation,
        resultSortTime: 0,
        queryPreparationTime: 0,
        innerEvalTime: evaluation,
        execQueueTime: waited,
        execTotalTime: evaluation + waited,
      },
      samples: { totalQueryableSamples: pointsRead, peakSamples: pointsPeak, series: seriesRead },
    })
  }`;
}
