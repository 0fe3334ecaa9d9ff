/**
 * Parameters of the Prometheus endpoints: from the query string and, for POST, a form body; both add up, the form comes
 * first. Times are UNIX seconds (fractions allowed) or RFC 3339 and become milliseconds.
 */
import { ParseError, PromqlError } from "../promql/errors.ts";
import { parseDuration } from "../promql/durations.ts";
import { parseQuery } from "../promql/parser.ts";
import type { LabelMatcher } from "../promql/queryable.ts";
import { ParsedParameters, type QueryParameters } from "./query_parameters.ts";

/** Longest form body in bytes. */
export const FORM_BYTES_MAX = 1_048_576;
/** Times beyond this have no place in the API: the year 275760, where `Date` ends. */
export const TIME_MS_MAX = 8_640_000_000_000_000;

/** Bounds in milliseconds, both inclusive; infinite where the request names none. */
export interface RequestedBounds {
  readonly startMs: number;
  readonly endMs: number;
}

/** Collects the parameters of a request. Throws or rejects with bad_data for a body that is no form or too long. */
export function readParameters(request: Request): QueryParameters | Promise<QueryParameters> {
  const { url, method } = request;
  const mark = url.indexOf("?");
  const search = mark === -1 ? "" : url.slice(mark + 1);
  if (method !== "POST" && method !== "PUT") return new ParsedParameters(search);
  return readForm(request, search);
}

async function readForm(request: Request, search: string): Promise<QueryParameters> {
  const type = request.headers.get("content-type") ?? "";
  if (!type.toLowerCase().startsWith("application/x-www-form-urlencoded")) {
    return new ParsedParameters(search);
  }
  if (Number(request.headers.get("content-length") ?? 0) > FORM_BYTES_MAX) throw formTooLong();
  return new ParsedParameters(await readText(request), search);
}

async function readText(request: Request): Promise<string> {
  if (request.headers.has("content-length")) return await request.text();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const piece of request.body ?? []) {
    bytes += piece.length;
    if (bytes > FORM_BYTES_MAX) throw formTooLong();
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}

function formTooLong(): PromqlError {
  return new PromqlError("bad_data", `form body is longer than ${FORM_BYTES_MAX} bytes`);
}

/** An error that names the parameter, as Prometheus words it. */
export function invalidParameter(name: string, reason: string): PromqlError {
  return new PromqlError("bad_data", `invalid parameter ${JSON.stringify(name)}: ${reason}`);
}

/** A time in milliseconds; `fallback` when absent. */
export function timeParameter(
  parameters: QueryParameters,
  name: string,
  fallback: number | undefined,
): number {
  const text = parameters.get(name);
  if (text === null || text === "") {
    if (fallback !== undefined) return fallback;
    throw invalidParameter(name, `cannot parse "" to a valid timestamp`);
  }
  const ms = parseTime(text);
  if (ms !== undefined) return ms;
  const reason = `cannot parse ${JSON.stringify(text)} to a valid timestamp`;
  // As Prometheus has it: only times that need not be given are named once more.
  const place = fallback === undefined ? "" : `Invalid time value for '${name}': `;
  throw invalidParameter(name, place + reason);
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** What old clients send for "since ever" and "for ever". */
const EXTREMES: Readonly<Record<string, number>> = {
  "-292273086-05-16T16:47:06Z": -TIME_MS_MAX,
  "292277025-08-18T07:12:54.999999999Z": TIME_MS_MAX,
};

/** Milliseconds of UNIX seconds or an RFC 3339 time; undefined for anything else. */
export function parseTime(text: string): number | undefined {
  if (DECIMAL.test(text)) {
    const ms = Math.round(Number(text) * 1000);
    return Math.abs(ms) <= TIME_MS_MAX ? ms : undefined;
  }
  if (RFC3339.test(text)) {
    const ms = Date.parse(text.replace(" ", "T").toUpperCase());
    return Number.isNaN(ms) ? undefined : ms;
  }
  return EXTREMES[text];
}

/** A duration in milliseconds: seconds, or units such as `1h30m`; undefined when absent. */
export function durationParameter(parameters: QueryParameters, name: string): number | undefined {
  const text = parameters.get(name);
  if (text === null || text === "") return undefined;
  const ms = DECIMAL.test(text) ? Number(text) * 1000 : parseDuration(text);
  if (ms === undefined || Math.abs(ms) > TIME_MS_MAX) {
    throw invalidParameter(name, `cannot parse ${JSON.stringify(text)} to a valid duration`);
  }
  return ms;
}

/** A count from 0; 0 and absence mean no limit, which is undefined. */
export function limitParameter(parameters: QueryParameters, name = "limit"): number | undefined {
  const text = parameters.get(name);
  if (text === null || text === "") return undefined;
  if (!/^[+-]?\d+$/.test(text)) {
    throw invalidParameter(name, `cannot parse ${JSON.stringify(text)} to a whole number`);
  }
  const limit = Number(text);
  if (limit < 0) throw invalidParameter(name, "limit must be non-negative");
  return limit === 0 ? undefined : limit;
}

/** `start` and `end`; infinite where absent. Nothing lies between them where the end is before the start. */
export function boundsParameters(parameters: QueryParameters): RequestedBounds {
  const startMs = timeParameter(parameters, "start", -Infinity);
  return { startMs, endMs: timeParameter(parameters, "end", Infinity) };
}

/** The same, where the end may not be before the start. */
export function orderedBoundsParameters(parameters: QueryParameters): RequestedBounds {
  const bounds = boundsParameters(parameters);
  if (bounds.endMs >= bounds.startMs) return bounds;
  throw new PromqlError("bad_data", "end timestamp must not be before start timestamp");
}

/** Selectors that one request may name. */
export const SELECTORS_MAX = 1_000;

/** All `match[]`, as lists of conditions. */
export function matchParameters(parameters: QueryParameters): LabelMatcher[][] {
  const texts = parameters.getAll("match[]");
  if (texts.length > SELECTORS_MAX) {
    throw invalidParameter("match[]", `${texts.length} selectors are above ${SELECTORS_MAX}`);
  }
  return texts.map((text) => parseSelectorText(text, "match[]"));
}

/** A series selector without range, offset or `@`. */
export function parseSelectorText(text: string, parameter: string): LabelMatcher[] {
  try {
    const expr = parseQuery(text);
    if (
      expr.kind === "vector_selector" && expr.offset === undefined && expr.at === undefined &&
      expr.modifier === undefined
    ) {
      return [...expr.matchers];
    }
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const reason = error.message.includes("at least one non-empty matcher")
      ? `${parameter} must contain at least one non-empty matcher`
      : error.message;
    throw invalidParameter(parameter, reason);
  }
  throw invalidParameter(parameter, `expected a series selector, got ${JSON.stringify(text)}`);
}
