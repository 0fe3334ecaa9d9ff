/** `GET` and `POST /query`: parameters to statements, their results to an answer as the client takes it. */
import { gzipSync } from "node:zlib";
import { Hono } from "hono";
import type { Database, Logger } from "../../../engine/mod.ts";
import type { Statement } from "../../influxql/language/ast.ts";
import { NO_PARAMETERS, parseBindParameters } from "../../influxql/language/bind_parameters.ts";
import type { Catalog, SelectLimits } from "../../influxql/context.ts";
import { parseInfluxql } from "../../influxql/language/parser.ts";
import { statementContext } from "../../influxql/request.ts";
import { SyntaxFailure } from "../../influxql/values/result.ts";
import type { RunningQueries } from "../../influxql/running_queries.ts";
import type { Statements } from "../../influxql/statements.ts";
import { PromqlError } from "../../promql/errors.ts";
import {
  acceptsGzip,
  bytesOf,
  COMPRESS_BYTES_MIN,
  compressed,
  type Piece,
  streamPieces,
} from "../answer_stream.ts";
import type { Mount } from "../app.ts";
import type { QuerySlots } from "../query_slots.ts";
import { type Failure, failureOf, type Replies } from "../replies.ts";
import { csvAnswer } from "./csv_answer.ts";
import { indented } from "./indent.ts";
import { chunkedAnswer, jsonAnswer } from "./json_answer.ts";
import { type QueryRequest, readQueryRequest } from "./query_request.ts";
import { RunningAnswer } from "./running_answer.ts";
import { epochForm } from "./time_bytes.ts";

export interface InfluxqlOptions {
  readonly limits: SelectLimits;
  /** Rows of an answer that is not chunked; 0 for any number. */
  readonly rowsMax: number;
  /** Queries that take longer are logged. */
  readonly slowQueryMs: number;
  /** Longest answer in bytes; a longer one is broken off. */
  readonly answerBytesMax: number;
}

export interface InfluxqlParts {
  readonly database: Database;
  readonly catalog: Catalog;
  readonly statements: Statements;
  readonly queries: RunningQueries;
  readonly slots: QuerySlots;
  readonly replies: Replies;
  readonly logger: Logger;
  readonly nowNs: () => bigint;
  readonly monotonicMs: () => number;
  readonly after: (ms: number, callback: () => void) => () => void;
  /** Takes in databases that series tell of and nobody has named yet. */
  readonly discover: () => void;
  readonly onError: (error: unknown) => void;
  readonly options: InfluxqlOptions;
}

/** A request that has been understood. */
interface ParsedRequest extends QueryRequest {
  readonly statements: readonly Statement[];
  readonly isCsv: boolean;
}

const PATHS: ReadonlySet<string> = new Set(["/query", "/influx/query"]);
const METHODS = "GET, OPTIONS, POST";
/** Characters of a slow query that are logged. */
const LOGGED_QUERY_MAX = 1_000;

export function influxqlRoutes(parts: InfluxqlParts): Mount {
  const routes = new InfluxqlRoutes(parts);
  return {
    prefixes: [...PATHS],
    router: new Hono(),
    exact: (request, path) => PATHS.has(path) ? routes.answer(request) : undefined,
  };
}

class InfluxqlRoutes {
  readonly #parts: InfluxqlParts;

  constructor(parts: InfluxqlParts) {
    this.#parts = parts;
  }

  async answer(request: Request): Promise<Response> {
    const { replies, onError } = this.#parts;
    if (request.method === "OPTIONS") return replies.options(request, METHODS);
    if (request.method !== "GET" && request.method !== "POST") {
      return this.#failure(request, {
        status: 405,
        message: "Method not allowed",
        headers: { Allow: METHODS },
      });
    }
    try {
      const parsed = parse(await readQueryRequest(request), request);
      if ("status" in parsed) return this.#failure(request, parsed);
      return await this.#run(request, parsed);
    } catch (error) {
      if (error instanceof PromqlError) return this.#failure(request, refusalOf(error));
      onError(error);
      return this.#failure(request, failureOf(error));
    }
  }

  #failure(request: Request, failure: Failure): Response {
    return this.#parts.replies.failure(request, "v1", failure);
  }

  async #run(request: Request, parsed: ParsedRequest): Promise<Response> {
    const answer = await this.#begin(request, parsed);
    if (parsed.isAsync) {
      void this.#drain(answer);
      return this.#parts.replies.empty(request);
    }
    const first = await answer.next();
    if (first.done === true) return this.#whole(request, parsed, "");
    if (parsed.chunkRows !== undefined) return this.#stream(request, parsed, [first.value], answer);
    const second = await answer.next();
    return second.done === true
      ? this.#whole(request, parsed, first.value)
      : this.#stream(request, parsed, [first.value, second.value], answer);
  }

  /** Takes a slot and begins to run. Rejects with a PromqlError where there is none. */
  async #begin(request: Request, parsed: ParsedRequest): Promise<RunningAnswer> {
    const { slots, queries, statements, options, nowNs, monotonicMs, after } = this.#parts;
    const { query, database, policy } = parsed;
    const text = redacted(query);
    const taken = slots.take(text, "influxql", request.signal);
    const slot = taken instanceof Promise ? await taken : taken;
    const begun = queries.begin(text, database);
    const startedMs = monotonicMs();
    const { limits } = options;
    const { signal } = begun;
    const context = statementContext({
      ...this.#parts,
      hasLoose: () => this.#hasLoose(),
    }, { database, policy, nowNs: nowNs(), limits, signal });
    const parts = statements.runAll(parsed.statements, context, {
      isReadOnly: request.method === "GET",
    });
    return new RunningAnswer({
      pieces: this.#pieces(parsed, parts),
      begun,
      client: parsed.isAsync ? undefined : request.signal,
      timeoutMs: limits.timeoutMs,
      after,
      onEnd: () => {
        slot[Symbol.dispose]();
        this.#logIfSlow(text, database, monotonicMs() - startedMs);
      },
    });
  }

  #pieces(
    { isCsv, chunkRows, epoch, isPretty }: ParsedRequest,
    parts: ReturnType<Statements["runAll"]>,
  ): AsyncGenerator<Piece> {
    const form = epochForm(epoch);
    if (isCsv) return csvAnswer(parts, form);
    const rowsMax = this.#parts.options.rowsMax || Infinity;
    const pieces = chunkRows === undefined
      ? jsonAnswer(parts, { epoch: form, rowsMax })
      : chunkedAnswer(parts, { epoch: form, chunkRows });
    return isPretty ? indented(pieces) : pieces;
  }

  /** Whether there are series that belong to no database. */
  #hasLoose(): boolean {
    const { registry } = this.#parts.database;
    return registry.select([{ name: "db", operator: "=", value: "" }]).length > 0;
  }

  #whole(request: Request, { isCsv }: ParsedRequest, body: Piece): Response {
    const headers = this.#headers(request, isCsv);
    if (body.length < COMPRESS_BYTES_MIN || !acceptsGzip(request)) {
      return new Response(body, { headers });
    }
    const zipped = gzipSync(bytesOf(body), { level: 1 });
    return new Response(zipped, { headers: { ...headers, ...GZIP_HEADERS } });
  }

  #stream(
    request: Request,
    { isCsv }: ParsedRequest,
    ready: Piece[],
    answer: RunningAnswer,
  ): Response {
    const stream = streamPieces(ready, answer, this.#parts.options.answerBytesMax);
    const headers = this.#headers(request, isCsv);
    if (!acceptsGzip(request)) return new Response(stream, { headers });
    return new Response(compressed(stream), { headers: { ...headers, ...GZIP_HEADERS } });
  }

  #headers(request: Request, isCsv: boolean): Record<string, string> {
    const headers = this.#parts.replies.headers(request);
    headers["Content-Type"] = isCsv ? "text/csv" : "application/json";
    return headers;
  }

  /** Runs to the end what nobody waits for. */
  async #drain(answer: RunningAnswer): Promise<void> {
    try {
      while ((await answer.next()).done !== true);
    } catch (error) {
      this.#parts.onError(error);
    }
  }

  #logIfSlow(query: string, database: string, elapsedMs: number): void {
    const { logger, options } = this.#parts;
    if (elapsedMs < options.slowQueryMs) return;
    logger.log("warn", "Slow query", {
      path: "influxql",
      query: query.slice(0, LOGGED_QUERY_MAX),
      database,
      elapsedMs: Math.round(elapsedMs),
    });
  }
}

const GZIP_HEADERS = { "Content-Encoding": "gzip", "Vary": "Accept-Encoding" } as const;

function parse(read: QueryRequest | Failure, request: Request): ParsedRequest | Failure {
  if ("status" in read) return read;
  try {
    const bound = read.bound === "" ? NO_PARAMETERS : parseBindParameters(read.bound);
    const statements = parseInfluxql(read.query, bound);
    return { ...read, statements, isCsv: wantsCsv(request.headers.get("accept") ?? "") };
  } catch (error) {
    if (!(error instanceof SyntaxFailure)) throw error;
    const { message } = error;
    const isWhole = message.startsWith("error parsing query parameters");
    return { status: 400, message: isWhole ? message : `error parsing query: ${message}` };
  }
}

/** Whether CSV is the first of the forms that we have. */
function wantsCsv(accept: string): boolean {
  for (const item of accept.split(",")) {
    const type = item.split(";")[0]!.trim().toLowerCase();
    if (type === "application/csv" || type === "text/csv") return true;
    if (["application/json", "application/x-msgpack", "*/*", "application/*"].includes(type)) break;
  }
  return false;
}

function refusalOf(error: PromqlError): Failure {
  const status = error.kind === "unavailable" ? 503 : error.kind === "canceled" ? 499 : 500;
  return { status, message: error.message };
}

/** The query without its passwords, for whoever reads logs and lists. */
function redacted(query: string): string {
  return query.replace(
    /(\bpassword\s+(?:for\s+(?:"(?:[^"\\]|\\.)*"|[^\s=]+)\s*=\s*)?)'(?:[^'\\]|\\.)*'/gi,
    "$1[REDACTED]",
  );
}
