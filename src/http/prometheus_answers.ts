/**
 * Answers of the Prometheus endpoints: envelopes, status codes, annotations, compression and streaming.
 *
 * A short answer is one body; a longer one is streamed in pieces, so that a large result is never held as text. Once
 * a stream has begun its status cannot change: an answer over the byte limit is broken off.
 */
import { gzipSync } from "node:zlib";
import { isDiskFull, isEngineError } from "../../engine/mod.ts";
import type { PromqlErrorKind } from "../promql/errors.ts";
import { lineAndColumn, PromqlError } from "../promql/errors.ts";
import type { Annotation } from "../promql/value.ts";
import {
  acceptsGzip,
  bytesOf,
  COMPRESS_BYTES_MIN,
  compressed,
  type Piece,
  type PieceIterator,
  streamPieces,
} from "./answer_stream.ts";

/** What the API calls an error: the kinds of the language and those of the HTTP layer. */
export type ErrorType = PromqlErrorKind | "not_found" | "forbidden";

/** The one table from kinds of error to status codes. 499 is what proxies log for a client that went away. */
const STATUS: Readonly<Record<ErrorType, number>> = {
  bad_data: 400,
  execution: 422,
  timeout: 503,
  canceled: 499,
  internal: 500,
  unavailable: 503,
  not_found: 404,
  forbidden: 403,
};

/** Seconds that clients are asked to stay away for when the server is busy. */
const RETRY_AFTER_SECONDS = 1;
/** Annotations of one kind in an answer; more are only counted. */
const ANNOTATIONS_MAX = 10;
/** Text that is put together rather than streamed, which costs more than holding it. */
const WHOLE_LENGTH_MAX = 524_288;
/** The same where it is to be compressed, which is for the event loop while it is short. */
const ZIPPED_LENGTH_MAX = 65_536;
const JSON_TYPE = "application/json";

export interface AnswerOptions {
  /** Longest body in bytes before compression. */
  readonly bytesMax: number;
  /** Headers that every answer carries. */
  readonly headers?: (request: Request) => Record<string, string>;
}

export class PrometheusAnswers {
  readonly #options: AnswerOptions;

  constructor(options: AnswerOptions) {
    this.#options = options;
  }

  /** `{"status":"success","data":...}` of a small value. */
  data(request: Request, value: unknown, warnings: readonly string[] = []): Response {
    const tail = warnings.length === 0 ? "" : `,"warnings":${JSON.stringify(warnings)}`;
    return this.body(request, `{"status":"success","data":${JSON.stringify(value)}${tail}}`);
  }

  /** An answer in pieces of JSON: one body where they are soon over, else pieces are made as the client takes them. */
  async pieces(request: Request, pieces: AsyncIterator<string>): Promise<Response> {
    const most = acceptsGzip(request) ? ZIPPED_LENGTH_MAX : WHOLE_LENGTH_MAX;
    const { bytesMax } = this.#options;
    const ready: string[] = [];
    for (let length = 0; length < most && length <= bytesMax;) {
      const next = await pieces.next();
      if (next.done === true) return this.body(request, ready.join(""));
      length += next.value.length;
      ready.push(next.value);
    }
    return this.stream(request, ready, pieces);
  }

  /** An answer in pieces, of which some are ready. */
  stream(request: Request, ready: Piece[], pieces: PieceIterator): Response {
    const stream = streamPieces(ready, pieces, this.#options.bytesMax);
    if (!acceptsGzip(request)) return new Response(stream, { headers: this.#headers(request) });
    return new Response(compressed(stream), { headers: this.#gzipHeaders(request) });
  }

  /** A whole JSON text. */
  body(request: Request, whole: Piece, status = 200): Response {
    if (whole.length < COMPRESS_BYTES_MIN || !acceptsGzip(request)) {
      return new Response(whole, { status, headers: this.#headers(request) });
    }
    const body = gzipSync(bytesOf(whole), { level: 1 });
    return new Response(body, { status, headers: this.#gzipHeaders(request) });
  }

  /** `{"status":"error",...}` for whatever was thrown. */
  failure(request: Request, error: unknown): Response {
    const { type, message } = describe(error);
    return this.error(request, type, message);
  }

  error(
    request: Request,
    type: ErrorType,
    message: string,
    status: number = STATUS[type],
  ): Response {
    const text = `{"status":"error","errorType":${JSON.stringify(type)},"error":${
      JSON.stringify(message)
    }}`;
    const headers = this.#headers(request);
    if (type === "unavailable") headers["Retry-After"] = String(RETRY_AFTER_SECONDS);
    return new Response(text, { status, headers });
  }

  #headers(request: Request): Record<string, string> {
    const headers = this.#options.headers?.(request) ?? {};
    headers["Content-Type"] = JSON_TYPE;
    return headers;
  }

  #gzipHeaders(request: Request): Record<string, string> {
    return { ...this.#headers(request), "Content-Encoding": "gzip", "Vary": "Accept-Encoding" };
  }
}

/** What an error is called and says in an answer. */
export function describe(error: unknown): { readonly type: ErrorType; readonly message: string } {
  if (error instanceof PromqlError) return { type: error.kind, message: error.message };
  if (isEngineError(error)) {
    switch (error.code) {
      case "invalid":
      case "unsupported":
        return { type: "bad_data", message: error.message };
      case "limit":
        return { type: "execution", message: error.message };
      case "closed":
      case "locked":
        return { type: "unavailable", message: error.message };
      case "io":
        // Nothing is broken where the disk is full: room makes it work again.
        return { type: isDiskFull(error) ? "unavailable" : "internal", message: error.message };
      default:
        return { type: "internal", message: error.message };
    }
  }
  if (error instanceof Error && error.name === "AbortError") {
    return { type: "canceled", message: "query was canceled" };
  }
  return { type: "internal", message: "internal error" };
}

/** Annotations with the place in the query that caused them, the first few of them. */
export function annotationTexts(
  annotations: readonly Annotation[],
  query: string,
  kind: "warning" | "info",
): string[] {
  const texts = annotations.slice(0, ANNOTATIONS_MAX).map(({ message, position }) =>
    position === undefined ? message : `${message} (${lineAndColumn(query, position.start)})`
  );
  const omitted = annotations.length - texts.length;
  if (omitted > 0) texts.push(`${omitted} more ${kind} annotations omitted`);
  return texts;
}
