/**
 * The write endpoints of InfluxDB 1, 2 and 3: receive the body, hand it to the funnel, answer after the sync.
 *
 * 204 is the only success. What is wrong with a line is 400 (and 422), by the rules of the endpoint's version; what is
 * wrong with us is 503 or 500, so that clients keep their data and come again.
 */
import type { LineError } from "../../engine/mod.ts";
import { reasonText } from "../ingest/line_protocol.ts";
import { type LineWrite, type LineWriteOptions, WHOLE_BYTES_MAX } from "../ingest/line_write.ts";
import type { Pipeline } from "../ingest/pipeline.ts";
import type { WriteAdmission } from "./admission.ts";
import { type ApiVersion, type Failure, failureOf, type Replies } from "./replies.ts";
import { BodyFailure, type BodyLimits, receiveBody, type ReceivedBody } from "./request_body.ts";
import {
  type ParsedTarget,
  parseV1,
  parseV2,
  parseV3,
  type TargetRules,
  type WriteTarget,
} from "./write_parameters.ts";

export interface WriteRouteOptions extends TargetRules {
  readonly bodyBytesMax: number;
  readonly bodyExpandedBytesMax: number;
}

export interface WriteRouteParts {
  readonly pipeline: Pipeline;
  readonly admission: WriteAdmission;
  readonly replies: Replies;
  readonly options: WriteRouteOptions;
  /** Called with errors that are our own trouble. */
  readonly onError: (error: unknown) => void;
}

const TOO_LARGE: Readonly<Record<ApiVersion, Failure>> = {
  v1: { status: 413, message: "Request Entity Too Large" },
  v2: { status: 413, message: "unable to read data: points batch is too large" },
  v3: { status: 413, message: "request body is too large" },
};

/** Parsed targets of query strings seen before: clients send the same one for days. */
const TARGETS_KEPT_MAX = 256;
const END = new Uint8Array(0);

/** A target with what it asks of the funnel. */
type PreparedTarget = WriteTarget & { readonly lines: LineWriteOptions };

export class WriteRoutes {
  readonly #parts: WriteRouteParts;
  readonly #limits: Readonly<Record<ApiVersion, BodyLimits>>;
  readonly #targets: Readonly<
    Record<ApiVersion, Map<string, PreparedTarget | { readonly failure: Failure }>>
  > = {
    v1: new Map(),
    v2: new Map(),
    v3: new Map(),
  };
  /** Of the databases that the targets were resolved with. */
  #generation = 0;

  constructor(parts: WriteRouteParts) {
    this.#parts = parts;
    const limits = (version: ApiVersion): BodyLimits => ({
      receivedMax: parts.options.bodyBytesMax,
      expandedMax: parts.options.bodyExpandedBytesMax,
      tooLarge: TOO_LARGE[version],
    });
    this.#limits = { v1: limits("v1"), v2: limits("v2"), v3: limits("v3") };
  }

  /** Answers a POST to a write endpoint; `search` is its query string without the question mark. */
  async post(request: Request, version: ApiVersion, search: string): Promise<Response> {
    const { replies } = this.#parts;
    const target = this.#target(version, search);
    const failure = "failure" in target ? target.failure : this.#unknown(target, version);
    if (failure !== undefined) return replies.failure(request, version, failure);
    try {
      const result = await this.#write(request, version, target as PreparedTarget);
      return result === undefined
        ? replies.empty(request)
        : replies.failure(request, version, result);
    } catch (error) {
      if (!(error instanceof BodyFailure)) this.#parts.onError(error);
      const answer = error instanceof BodyFailure ? error.failure : failureOf(error);
      return replies.failure(request, version, answer);
    }
  }

  #target(
    version: ApiVersion,
    search: string,
  ): PreparedTarget | { readonly failure: Failure } {
    const { generation } = this.#parts.pipeline.databases;
    if (generation !== this.#generation) {
      for (const each of Object.values(this.#targets)) each.clear();
      this.#generation = generation;
    }
    const known = this.#targets[version];
    const found = known.get(search);
    if (found !== undefined) return found;
    const query = new URLSearchParams(search);
    const { options } = this.#parts;
    const parsed = version === "v1"
      ? parseV1(query, options)
      : version === "v2"
      ? parseV2(query, options)
      : parseV3(query);
    const target = "failure" in parsed
      ? parsed
      : { ...parsed, lines: this.#linesOf(parsed, version) };
    if (known.size >= TARGETS_KEPT_MAX) known.clear();
    known.set(search, target);
    return target;
  }

  /** What a target asks of the funnel. */
  #linesOf(target: WriteTarget, version: ApiVersion): LineWriteOptions {
    const { database, policy } = target;
    const { databases } = this.#parts.pipeline;
    return {
      unit: target.unit,
      database: database === "" ? undefined : databases.labelOf(database, policy),
      reserved: version === "v2",
      oneTime: true,
      ...(target.noSync ? { acknowledgement: "appended" as const } : {}),
    };
  }

  /** The answer for a database or policy that does not exist. */
  #unknown(target: ParsedTarget, version: ApiVersion): Failure | undefined {
    if ("failure" in target) return undefined;
    const { pipeline } = this.#parts;
    const { database, policy } = target;
    const known = database === "" || pipeline.knowsDatabase(database);
    if (known && pipeline.knowsPolicy(database, policy)) return undefined;
    if (version === "v2") return { status: 404, message: `bucket "${target.label}" not found` };
    if (known) return { status: 400, message: `retention policy not found: ${policy}` };
    return { status: 404, message: `database not found: "${database}"` };
  }

  /** Stores the body; undefined when all of it is stored. */
  async #write(
    request: Request,
    version: ApiVersion,
    target: PreparedTarget,
  ): Promise<Failure | undefined> {
    const { admission } = this.#parts;
    const body = await receiveBody(request, this.#limits[version], admission, !target.partial);
    let entered = false;
    try {
      // Requests count from here: those whose bodies never come take no slot from others.
      entered = admission.enter();
      if (!entered) {
        throw new BodyFailure({ status: 503, message: "request throttled, queue full" });
      }
      return await this.#store(body, version, target);
    } finally {
      if (entered) admission.leave();
      body[Symbol.dispose]();
    }
  }

  async #store(
    body: ReceivedBody,
    version: ApiVersion,
    target: PreparedTarget,
  ): Promise<Failure | undefined> {
    const { pipeline } = this.#parts;
    const open = (checkOnly: boolean) =>
      pipeline.openLines(version, checkOnly ? { ...target.lines, checkOnly } : target.lines);
    let write: LineWrite;
    if (target.partial) {
      write = open(false);
      const pushed = pushBody(write, body);
      if (pushed !== undefined) await pushed;
    } else write = await pushAllOrNothing(open, body);
    // The wait for the sync needs no bytes: others may have their room.
    body[Symbol.dispose]();
    const { report, tooOld } = write;
    if (report.malformed + report.rejected + report.ancientRows > 0) {
      pipeline.countRefused(version, report, new Map());
    }
    if (write.done !== undefined) await write.done;
    return report.malformed + report.rejected + tooOld === 0
      ? undefined
      : judge(write, version, target.partial);
  }
}

/** Writes the body; undefined when all is written at once, as what is held in one piece mostly is. */
function pushBody(write: LineWrite, body: ReceivedBody): Promise<void> | undefined {
  const expanded = body.expand();
  if (!(expanded instanceof Uint8Array)) return pushPieces(write, expanded);
  return expanded.length <= WHOLE_BYTES_MAX
    ? write.pushWhole(expanded, false)
    : write.push(expanded, true);
}

async function pushPieces(write: LineWrite, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of pieces) {
    const wait = write.push(piece);
    if (wait !== undefined) await wait;
  }
  await write.push(END, true);
}

/** Writes the body only if no line of it is malformed: at once where it is short, else after a pass that only checks. */
async function pushAllOrNothing(
  open: (checkOnly: boolean) => LineWrite,
  body: ReceivedBody,
): Promise<LineWrite> {
  const expanded = body.expand();
  if (expanded instanceof Uint8Array && expanded.length <= WHOLE_BYTES_MAX) {
    const write = open(false);
    await write.pushWhole(expanded, true);
    return write;
  }
  const check = open(true);
  await pushBody(check, { ...body, expand: () => expanded });
  if (check.report.malformed > 0) return check;
  const write = open(false);
  await pushBody(write, body);
  return write;
}

/** What the client hears when not every line is stored. */
function judge(write: LineWrite, version: ApiVersion, partial: boolean): Failure {
  if (version === "v3") return judgeV3(write, partial);
  const { errors, malformed, rejected } = write.report;
  const dropped = rejected + write.tooOld;
  const texts = malformed > 0 ? [parseErrorText(errors, malformed)] : [];
  if (dropped > 0) texts.push(dropReason(errors));
  const partialText = `partial write: ${texts.join("\n")} dropped=${dropped}`;
  if (version === "v2") {
    if (malformed > 0) return { status: 400, message: partial ? partialText : texts[0]! };
    return { status: 422, message: `failure writing points to database: ${partialText}` };
  }
  const nothingStored = write.rows === 0 && dropped === 0;
  return { status: 400, message: nothingStored ? texts[0]! : partialText };
}

/** The texts of the first malformed lines, one a line, and how many more there were. */
function parseErrorText(errors: readonly LineError[], malformed: number): string {
  const shown = errors.filter(({ kind }) => kind === "malformed");
  const texts = shown.map((error) => `unable to parse '${error.text}': ${reasonText(error)}`);
  if (malformed > shown.length) texts.push(`and ${malformed - shown.length} more`);
  return texts.join("\n");
}

function dropReason(errors: readonly LineError[]): string {
  const first = errors.find(({ kind }) => kind === "rejected");
  return first === undefined ? "points beyond retention policy" : reasonText(first);
}

function judgeV3(write: LineWrite, partial: boolean): Failure {
  const { errors, malformed, reasons } = write.report;
  const data = errors.map((error) => ({
    error_message: reasonText(error),
    line_number: error.line,
    original_line: error.text,
  }));
  if (write.tooOld > 0) {
    const message = "points beyond retention policy";
    data.push({ error_message: message, line_number: 0, original_line: "" });
  }
  if (!partial && malformed > 0) {
    return { status: 400, message: "line protocol parsing error", data: data[0] };
  }
  const limited = (reasons.get("series-limit") ?? 0) + (reasons.get("field-limit") ?? 0);
  const onlyLimits = limited > 0 && limited === malformed + write.report.rejected + write.tooOld;
  const message = "partial write of line protocol occurred";
  return { status: onlyLimits ? 422 : 400, message, data };
}
