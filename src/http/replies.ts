/**
 * Answers of the InfluxDB endpoints: the headers that every answer carries and the error forms of the three versions.
 *
 * An error's text may quote user data: in a header it is cut to Latin-1 without control characters, else setting the
 * header would throw.
 */
import { isEngineError } from "../../engine/mod.ts";

/** Which InfluxDB's form an error takes. */
export type ApiVersion = "v1" | "v2" | "v3";

/** An answer other than success, before it has a form. */
export interface Failure {
  readonly status: number;
  readonly message: string;
  /** The code of InfluxDB 2's error form; by default the one of the status. */
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The `data` of InfluxDB 3's error form. */
  readonly data?: unknown;
}

const ERROR_HEADER_BYTES_MAX = 1_024;
/** Seconds that clients are asked to stay away for. */
const RETRY_AFTER_SECONDS = 5;

const V2_CODES: Readonly<Record<number, string>> = {
  400: "invalid",
  401: "unauthorized",
  403: "forbidden",
  404: "not found",
  405: "method not allowed",
  413: "request too large",
  415: "invalid",
  422: "unprocessable entity",
  429: "too many requests",
  500: "internal error",
  503: "unavailable",
};

/**
 * What an engine error becomes: the one table of codes. A full or failing disk is 503: the batch is good, and room or a
 * restart lets it pass.
 */
const ENGINE_STATUS: Readonly<Record<string, number>> = {
  invalid: 400,
  unsupported: 400,
  limit: 503,
  closed: 503,
  locked: 503,
  corrupt: 500,
  io: 503,
  failed: 503,
};

/** Turns what a write threw into a failure; anything but an engine error is our own mistake and answered with 500. */
export function failureOf(error: unknown): Failure {
  if (!isEngineError(error)) return { status: 500, message: "internal error" };
  return { status: ENGINE_STATUS[error.code] ?? 500, message: error.message };
}

/** Time-out and overload answers carry the date form: a bare number is milliseconds to one client and seconds to others. */
function retryAfter(now: number): string {
  return new Date(now + RETRY_AFTER_SECONDS * 1_000).toUTCString();
}

/** A text as a header may carry it. */
export function headerText(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.slice(0, ERROR_HEADER_BYTES_MAX).replace(/[\x00-\x1f\x7f]/g, " ")
    .replace(/[^\x20-\xff]/g, "?");
}

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

export interface ReplyOptions {
  readonly influxVersion: string;
  readonly corsOrigins: readonly string[];
  readonly now: () => number;
}

export class Replies {
  readonly #options: ReplyOptions;

  constructor(options: ReplyOptions) {
    this.#options = options;
  }

  get influxVersion(): string {
    return this.#options.influxVersion;
  }

  /** Headers of every answer; a client's request id comes back. */
  headers(request: Request): Record<string, string> {
    const given = request.headers.get("request-id") ?? request.headers.get("x-request-id");
    const id = given !== null && REQUEST_ID.test(given) ? given : crypto.randomUUID();
    const headers: Record<string, string> = {
      "X-Influxdb-Version": this.#options.influxVersion,
      "X-Influxdb-Build": "OSS",
      "Request-Id": id,
      "X-Request-Id": id,
    };
    const origin = request.headers.get("origin");
    if (origin !== null && this.#options.corsOrigins.includes(origin)) {
      headers["Access-Control-Allow-Origin"] = origin;
      headers["Access-Control-Expose-Headers"] = "Date, X-InfluxDB-Version, X-InfluxDB-Build";
      headers["Vary"] = "Origin";
    }
    return headers;
  }

  empty(request: Request, status = 204): Response {
    return new Response(null, { status, headers: this.headers(request) });
  }

  json(request: Request, value: unknown, status = 200): Response {
    const headers = this.headers(request);
    headers["Content-Type"] = "application/json; charset=utf-8";
    return new Response(`${JSON.stringify(value)}\n`, { status, headers });
  }

  /** Answer to OPTIONS: CORS for configured origins, the allowed methods for all. */
  options(request: Request, allow: string): Response {
    const headers = this.headers(request);
    headers["Allow"] = allow;
    if (headers["Access-Control-Allow-Origin"] !== undefined) {
      headers["Access-Control-Allow-Methods"] = "DELETE, GET, OPTIONS, POST, PUT, PATCH";
      headers["Access-Control-Allow-Headers"] = "Accept, Accept-Encoding, Authorization, " +
        "Content-Length, Content-Type, User-Agent, X-CSRF-Token, X-HTTP-Method-Override";
    }
    return new Response(null, { status: 204, headers });
  }

  /** An error in the form of a version. */
  failure(request: Request, version: ApiVersion, failure: Failure): Response {
    const headers = { ...this.headers(request), ...failure.headers };
    if (failure.status === 503 || failure.status === 429) {
      headers["Retry-After"] = retryAfter(this.#options.now());
    }
    if (version === "v1") {
      headers["X-Influxdb-Error"] = headerText(failure.message);
      return errorV1(request, failure, headers);
    }
    headers["Content-Type"] = "application/json; charset=utf-8";
    if (version === "v3") {
      const body = failure.data === undefined
        ? { error: failure.message }
        : { error: failure.message, data: failure.data };
      return new Response(`${JSON.stringify(body)}\n`, { status: failure.status, headers });
    }
    const code = failure.code ?? V2_CODES[failure.status] ?? "internal error";
    headers["X-Platform-Error-Code"] = code;
    const body = JSON.stringify({ code, message: failure.message });
    return new Response(`${body}\n`, { status: failure.status, headers });
  }
}

/** InfluxDB 1 answers errors as JSON, or as CSV to who asks for that. */
function errorV1(request: Request, failure: Failure, headers: Record<string, string>): Response {
  const accept = request.headers.get("accept") ?? "";
  if (/\b(application|text)\/csv\b/.test(accept)) {
    headers["Content-Type"] = "text/csv";
    const quoted = `"${failure.message.replaceAll('"', '""')}"`;
    return new Response(`error\n${quoted}\n`, { status: failure.status, headers });
  }
  headers["Content-Type"] = "application/json";
  const body = JSON.stringify({ error: failure.message });
  return new Response(`${body}\n`, { status: failure.status, headers });
}
