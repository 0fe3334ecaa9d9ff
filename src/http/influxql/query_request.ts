/**
 * Parameters of `/query`: from the query string and, for POST, a form body, whose values come first. `q` may be an uploaded
 * file.
 */
import { ParsedParameters, type QueryParameters } from "../query_parameters.ts";
import type { Failure } from "../replies.ts";

/** What a request asks for. */
export interface QueryRequest {
  readonly query: string;
  readonly database: string;
  readonly policy: string;
  /** Empty: times as texts. */
  readonly epoch: string;
  /** Rows of one document; undefined: not chunked. */
  readonly chunkRows: number | undefined;
  readonly isPretty: boolean;
  /** Answer at once, and run the query all the same. */
  readonly isAsync: boolean;
  /** JSON of bind parameters; empty: none. */
  readonly bound: string;
}

/** Longest form body in bytes: its statements are parsed at once, which takes 50 ms at worst. */
export const FORM_BYTES_MAX = 262_144;
const CHUNK_ROWS = 10_000;
const TOO_LARGE: Failure = { status: 413, message: "Request Entity Too Large" };
const URL_ENCODED = "application/x-www-form-urlencoded";
const MULTIPART = "multipart/form-data";

export async function readQueryRequest(request: Request): Promise<QueryRequest | Failure> {
  const parameters = await readParameters(request);
  if ("status" in parameters) return parameters;
  const get = (name: string) => parameters.get(name) ?? "";
  const query = get("q").trim();
  if (query === "") return { status: 400, message: 'missing required parameter "q"' };
  return {
    query,
    database: get("db"),
    policy: get("rp"),
    epoch: get("epoch").trim(),
    chunkRows: get("chunked") === "true" ? chunkRows(get("chunk_size")) : undefined,
    isPretty: get("pretty") === "true",
    isAsync: get("async") === "true",
    bound: get("params"),
  };
}

function chunkRows(text: string): number {
  const rows = /^\+?\d{1,15}$/.test(text) ? Number(text) : 0;
  return rows > 0 ? rows : CHUNK_ROWS;
}

async function readParameters(request: Request): Promise<Pick<QueryParameters, "get"> | Failure> {
  const { url } = request;
  const mark = url.indexOf("?");
  const search = mark < 0 ? "" : url.slice(mark + 1);
  const type = (request.headers.get("content-type") ?? "").trim();
  const kind = type.toLowerCase();
  const isMultipart = kind.startsWith(MULTIPART);
  if (request.method !== "POST" || (!isMultipart && !kind.startsWith(URL_ENCODED))) {
    return new ParsedParameters(search);
  }
  const body = await readBody(request);
  if (!(body instanceof Uint8Array)) return body;
  if (!isMultipart) return new ParsedParameters(new TextDecoder().decode(body), search);
  return await readMultipart(body, type, new ParsedParameters(search));
}

async function readBody(request: Request): Promise<Uint8Array<ArrayBuffer> | Failure> {
  if (Number(request.headers.get("content-length") ?? 0) > FORM_BYTES_MAX) return TOO_LARGE;
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of request.body ?? []) {
    bytes += piece.length;
    if (bytes > FORM_BYTES_MAX) return TOO_LARGE;
    pieces.push(piece);
  }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

async function readMultipart(
  body: Uint8Array<ArrayBuffer>,
  type: string,
  rest: ParsedParameters,
): Promise<Pick<QueryParameters, "get"> | Failure> {
  let form: FormData;
  try {
    form = await new Response(body, { headers: { "Content-Type": type } }).formData();
  } catch {
    return { status: 400, message: "cannot read the multipart form" };
  }
  const file = form.get("q");
  const query = file instanceof Blob ? await file.text() : undefined;
  return {
    get: (name) => {
      const value = form.get(name);
      if (typeof value === "string") return value;
      // A file counts where no parameter says the same.
      return rest.get(name) ?? (name === "q" ? query : undefined) ?? null;
    },
  };
}
