/**
 * Answers of the Prometheus endpoints: envelopes, status codes, annotations, compression and streaming.
 *
 * A short answer is one body; a longer one is streamed in pieces, so that a large result is never held as text. Once
 * a stream has begun its status cannot change: an answer over the byte limit is broken off.
 */
import { createGzip, type Gzip, gzipSync } from "node:zlib";
import { isDiskFull, isEngineError } from "../../engine/mod.ts";
import type { PromqlErrorKind } from "../promql/errors.ts";
import { lineAndColumn, PromqlError } from "../promql/errors.ts";
import type { Annotation } from "../promql/value.ts";
import { Slices } from "../slices.ts";

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
/** Bodies below this are not worth compressing. */
const COMPRESS_BYTES_MIN = 4_096;
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

/** Part of an answer: a text, or its bytes. */
export type Piece = string | Uint8Array<ArrayBuffer>;

/** Makes an answer piece by piece. */
type PieceIterator = Iterator<Piece> | AsyncIterator<Piece>;

const encoder = new TextEncoder();

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
    const stream = this.#stream(ready, pieces);
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

  #stream(ready: Piece[], pieces: PieceIterator): ReadableStream<Uint8Array> {
    const { bytesMax } = this.#options;
    let sent = 0;
    const slices = new Slices(1);
    return new ReadableStream<Uint8Array>({
      async pull(controller): Promise<void> {
        // A client that takes what it gets lets one pull follow the other.
        if (slices.isDue) await slices.pause();
        const piece = ready.length > 0 ? ready.shift()! : await nextPiece(pieces);
        if (piece === undefined) return controller.close();
        const bytes = bytesOf(piece);
        sent += bytes.length;
        if (sent > bytesMax) {
          await pieces.return?.();
          controller.error(new Error(`Cannot send answer: it is longer than ${bytesMax} bytes`));
          return;
        }
        controller.enqueue(bytes);
      },
      async cancel(): Promise<void> {
        // Lets the writer of the pieces give back what it holds.
        await pieces.return?.();
      },
    }, { highWaterMark: 1 });
  }
}

/** A piece as bytes; itself where it is. */
export function bytesOf(piece: Piece): Uint8Array<ArrayBuffer> {
  return typeof piece === "string" ? encoder.encode(piece) : piece;
}

async function nextPiece(pieces: PieceIterator): Promise<Piece | undefined> {
  const next = await pieces.next();
  return next.done === true ? undefined : next.value;
}

function acceptsGzip(request: Request): boolean {
  const accepted = request.headers.get("accept-encoding");
  return accepted !== null &&
    /(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)/.test(accepted);
}

/** A stream through gzip, off the event loop. */
function compressed(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const gzip = createGzip({ level: 1 });
  const reader = stream.getReader();
  const output = gzip[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const feed = async (): Promise<void> => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      if (gzip.destroyed) return;
      if (!gzip.write(value)) await drained(gzip);
    }
    gzip.end();
  };
  feed().catch((error: unknown) => {
    gzip.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      const { value, done } = await output.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel(): Promise<void> {
      gzip.destroy();
      await reader.cancel();
    },
  }, { highWaterMark: 1 });
}

/** Resolves when a stream takes more, or takes no more at all. */
async function drained(gzip: Gzip): Promise<void> {
  await new Promise<void>((resolve) => {
    const settle = () => {
      gzip.off("drain", settle).off("close", settle);
      resolve();
    };
    gzip.on("drain", settle).on("close", settle);
  });
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
