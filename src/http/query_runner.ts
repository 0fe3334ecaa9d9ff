/**
 * Evaluates queries and writes their answers: on the event loop, and in the worker for heavy ones (heavy/worker.ts).
 */
import type { SampleText } from "../../engine/mod.ts";
import type { Expr } from "../promql/ast.ts";
import { DurationError } from "../promql/durations.ts";
import type { PromqlEngine, QueryOptions, StepRange } from "../promql/engine.ts";
import { lineAndColumn, PromqlError } from "../promql/errors.ts";
import type { QueryResult } from "../promql/value.ts";
import { JsonWriter } from "./json_writer.ts";
import type { Piece } from "./answer_stream.ts";
import { annotationTexts } from "./prometheus_answers.ts";
import { sampleCount, seriesCount, writeValue } from "./prometheus_json.ts";
import { invalidParameter } from "./prometheus_parameters.ts";

/** One query and how its answer is to look; plain data, which goes to the worker as it is. */
export interface QueryTask {
  readonly query: string;
  /** A time in milliseconds, or a range. */
  readonly at: number | StepRange;
  readonly lookbackMs?: number;
  readonly timeoutMs?: number;
  /** Most series of the answer; undefined: any number. */
  readonly limit: number | undefined;
  /** Whether the answer tells what the query cost. */
  readonly withStats: boolean;
  /** Milliseconds in line before it began. */
  readonly waitedMs: number;
}

export interface QueryRunnerParts {
  readonly engine: PromqlEngine;
  readonly sampleText: SampleText;
  /** Longest answer in bytes; larger results are refused or broken off. */
  readonly answerBytesMax: number;
}

/** An answer that is written as its pieces are asked for; there is at least one. */
export interface RunningAnswer {
  readonly pieces: Iterator<Piece, undefined>;
  /** Gives back what the result holds; further calls do nothing. */
  readonly release: () => void;
}

/** Fewest bytes that a sample takes in an answer: `[0,"0"],`. */
const SAMPLE_BYTES_MIN = 8;

export class QueryRunner {
  readonly #parts: QueryRunnerParts;
  /** All answers are written in it, piece by piece. */
  readonly #writer: JsonWriter;

  constructor(parts: QueryRunnerParts) {
    this.#parts = parts;
    this.#writer = new JsonWriter(parts.sampleText);
  }

  /** Rejects with a PromqlError, an engine's error, or the HeavyQueryError that `samplesMax` asks for. */
  async run(
    expr: Expr,
    task: QueryTask,
    options: Pick<QueryOptions, "signal" | "samplesMax">,
  ): Promise<RunningAnswer> {
    const { engine, answerBytesMax } = this.#parts;
    const { at, lookbackMs, timeoutMs } = task;
    const queryOptions: QueryOptions = {
      ...options,
      ...(lookbackMs === undefined ? {} : { lookbackMs }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
    let result: QueryResult;
    try {
      result = typeof at === "number"
        ? await engine.instant(expr, at, queryOptions)
        : await engine.range(expr, at, queryOptions);
    } catch (error) {
      throw error instanceof DurationError ? placed(error, task.query) : error;
    }
    const release = result.release ?? (() => {});
    const samples = sampleCount(result.value);
    if (samples * SAMPLE_BYTES_MIN > answerBytesMax) {
      release();
      throw new PromqlError(
        "execution",
        `result of ${samples} samples does not fit an answer of ${answerBytesMax} bytes`,
      );
    }
    return { pieces: answerPieces(this.#writer, result, task), release };
  }
}

/** A duration expression had no usable value for this evaluation. */
function placed(error: DurationError, query: string): PromqlError {
  const place = lineAndColumn(query, error.duration.position.start);
  return invalidParameter("query", `${place}: ${error.message}`);
}

function* answerPieces(
  writer: JsonWriter,
  result: QueryResult,
  { query, limit, withStats, waitedMs }: QueryTask,
): Generator<Piece, undefined> {
  const { value, warnings, infos } = result;
  writer.clear();
  writer.text('{"status":"success","data":');
  yield* writeValue(writer, value, limit);
  const warningTexts = annotationTexts(warnings, query, "warning");
  if (limit !== undefined && seriesCount(value) > limit) {
    warningTexts.push("results truncated due to limit");
  }
  const infoTexts = annotationTexts(infos, query, "info");
  writer.text(withStats ? `${statsJson(result, waitedMs)}}` : "}");
  if (warningTexts.length > 0) writer.text(`,"warnings":${JSON.stringify(warningTexts)}`);
  if (infoTexts.length > 0) writer.text(`,"infos":${JSON.stringify(infoTexts)}`);
  writer.text("}");
  yield writer.take();
  return undefined;
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
