/**
 * Remote write, remote read and text import: bodies and headers to the parsers, their outcomes to answers.
 *
 * What senders do with a status decides it: 2xx is done, 4xx drops the request, 5xx sends it again. So 400 is for what will
 * never pass, after all that does pass was stored; 503 with Retry-After is for troubles of our own. Samples older than the
 * retention are no fault and only counted.
 */
import type { Acknowledgement, Database } from "../../engine/mod.ts";
import { isEngineError } from "../../engine/mod.ts";
import { isDatabaseName } from "../ingest/pipeline.ts";
import type { TextImportOutcome } from "../ingest/prometheus_text.ts";
import { TextImporter } from "../ingest/prometheus_text.ts";
import { ProtobufError } from "../ingest/protobuf.ts";
import type { RemoteReadLimits } from "../ingest/remote_read.ts";
import { RemoteRead } from "../ingest/remote_read.ts";
import type { RemoteReadRequest } from "../ingest/remote_read_request.ts";
import { parseReadRequest } from "../ingest/remote_read_request.ts";
import type { RemoteWriteOutcome, RemoteWriteVersion } from "../ingest/remote_write.ts";
import { RemoteWriter } from "../ingest/remote_write.ts";
import { encodeSnappyInSlices, SnappyError } from "../ingest/snappy.ts";
import { decodeStored, encodeStored } from "../promql/histogram_codec.ts";
import { PromqlError } from "../promql/errors.ts";
import type { MetadataStore } from "../stores/metadata.ts";
import { isMetricType, METRIC_TYPES } from "../stores/metadata.ts";
import { DatabaseStore } from "../stores/databases.ts";
import type { WriteAdmission } from "./admission.ts";
import { MessageBody, MessageBodyError } from "./message_body.ts";
import { headerText } from "./replies.ts";
import type { QuerySlots } from "./query_slots.ts";

/** What came in, for the counters. */
export interface StoredSamples {
  readonly protocol: "remote_write_1" | "remote_write_2" | "prometheus_text";
  readonly samples: number;
  readonly tooOld: number;
  readonly rejected: number;
}

export interface PrometheusStoreParts {
  readonly database: Database;
  /** Which databases there are; by default those that are written from now on. */
  readonly databases?: DatabaseStore;
  readonly metadata: MetadataStore;
  readonly slots: QuerySlots;
  readonly admission: WriteAdmission;
  readonly nowMs: () => number;
  readonly count?: (stored: StoredSamples) => void;
  readonly readLimits?: RemoteReadLimits;
  /** Longest body in bytes, as received and decoded; default 64 MiB. */
  readonly bodyBytesMax?: number;
}

const BODY_BYTES_MAX = 64 << 20;
const RETRY_AFTER_SECONDS = 5;
const VERSION_2_MESSAGE = "io.prometheus.write.v2.Request";
const VERSION_1_MESSAGE = "prometheus.WriteRequest";

export class PrometheusStores {
  readonly #parts: PrometheusStoreParts;
  readonly #writer: RemoteWriter;
  readonly #importer: TextImporter;
  readonly #bodyBytesMax: number;
  readonly #databases: DatabaseStore;

  constructor(parts: PrometheusStoreParts) {
    this.#parts = parts;
    this.#databases = parts.databases ?? DatabaseStore.open();
    this.#bodyBytesMax = parts.bodyBytesMax ?? BODY_BYTES_MAX;
    const { database, metadata } = parts;
    const databases = this.#databases;
    this.#writer = new RemoteWriter({
      database,
      databases,
      encodeHistogram: encodeStored,
      onMetadata: ({ family, type, help, unit }) =>
        metadata.set(family, { type: METRIC_TYPES[type] ?? "unknown", help, unit }),
    });
    this.#importer = new TextImporter({
      database,
      databases,
      onMetadata: ({ family, property, value }) => {
        if (property === "type" && !isMetricType(value)) return;
        const known = metadata.get(family) ?? { type: "unknown", help: "", unit: "" };
        metadata.set(family, { ...known, [property]: value });
      },
    });
  }

  /** Remote write of either version. */
  async write(request: Request): Promise<Response> {
    return await this.#guarded(async () => {
      const version = messageVersion(request);
      const db = databaseOf(request, this.#databases);
      using body = await this.#receive(request);
      const outcome = await this.#writer.write(body.bytes, {
        version,
        acknowledgement: this.#acknowledgement,
        ...(db === undefined ? {} : { db }),
      });
      this.#parts.count?.({
        protocol: version === 1 ? "remote_write_1" : "remote_write_2",
        samples: outcome.samples + outcome.histograms,
        tooOld: outcome.tooOld,
        rejected: outcome.rejected,
      });
      return writeAnswer(outcome, version);
    });
  }

  /** Text exposition format. */
  async importText(request: Request): Promise<Response> {
    return await this.#guarded(async () => {
      const db = databaseOf(request, this.#databases);
      using body = await this.#receive(request);
      const type = request.headers.get("content-type") ?? "";
      const outcome = await this.#importer.write(body.bytes, {
        openMetrics: type.toLowerCase().startsWith("application/openmetrics-text"),
        nowMs: this.#parts.nowMs(),
        acknowledgement: this.#acknowledgement,
        ...(db === undefined ? {} : { db }),
      });
      const { samples, tooOld, rejected } = outcome;
      this.#parts.count?.({ protocol: "prometheus_text", samples, tooOld, rejected });
      return importAnswer(outcome);
    });
  }

  async read(request: Request): Promise<Response> {
    return await this.#guarded(async () => {
      const db = databaseOf(request, this.#databases);
      let reading: RemoteReadRequest;
      {
        using body = await this.#receive(request);
        reading = parseReadRequest(body.bytes);
      }
      if (db !== undefined) {
        const matcher = { name: "db", operator: "=", value: db } as const;
        const queries = reading.queries.map((query) => ({
          ...query,
          matchers: [...query.matchers, matcher],
        }));
        reading = { ...reading, queries };
      }
      const taken = this.#parts.slots.take("", "read", request.signal);
      using _slot = taken instanceof Promise ? await taken : taken;
      return await this.#readAnswer(reading);
    });
  }

  async #readAnswer(request: RemoteReadRequest): Promise<Response> {
    const { database, readLimits } = this.#parts;
    if (request.accepted.length === 0) {
      return text(400, "none of the accepted response types is known");
    }
    const parts = { database, decodeHistogram: decodeStored };
    const read = await RemoteRead.open(parts, request, readLimits);
    let streamed = false;
    try {
      if (request.accepted[0] === "samples") return await samplesAnswer(read);
      streamed = true;
      return chunksAnswer(read);
    } finally {
      if (!streamed) read[Symbol.dispose]();
    }
  }

  get #acknowledgement(): Acknowledgement {
    return this.#parts.database.settings.logSyncMode === "periodic" ? "appended" : "durable";
  }

  async #receive(request: Request): Promise<MessageBody> {
    return await MessageBody.receive(request, {
      bytesMax: this.#bodyBytesMax,
      admission: this.#parts.admission,
    });
  }

  /** Runs a handler; whatever it throws becomes an answer in plain text. */
  async #guarded(handler: () => Promise<Response>): Promise<Response> {
    try {
      return await handler();
    } catch (error) {
      if (error instanceof MessageBodyError) {
        return error.status === 503 ? busy(error.message) : text(error.status, error.message);
      }
      if (error instanceof ProtobufError || error instanceof SnappyError) {
        return text(400, error.message);
      }
      if (error instanceof PromqlError) {
        return error.kind === "unavailable" ? busy(error.message) : text(499, error.message);
      }
      if (!isEngineError(error)) throw error;
      if (error.code === "invalid" || error.code === "unsupported") return text(400, error.message);
      return busy(error.message);
    }
  }
}

/** The version that the content type names; old senders name none. */
function messageVersion(request: Request): RemoteWriteVersion {
  const header = request.headers.get("content-type");
  if (header === null || header.trim() === "") return 1;
  const [type = "", ...parameters] = header.split(";").map((part) => part.trim());
  if (type.toLowerCase() !== "application/x-protobuf") {
    throw new MessageBodyError(
      415,
      `unsupported content type "${type}" (use application/x-protobuf)`,
    );
  }
  const proto = parameters.find((parameter) => parameter.toLowerCase().startsWith("proto="));
  const message = proto?.slice(proto.indexOf("=") + 1).replace(/^"(.*)"$/, "$1");
  if (message === undefined || message === VERSION_1_MESSAGE) return 1;
  if (message === VERSION_2_MESSAGE) return 2;
  throw new MessageBodyError(
    415,
    `unsupported message "${message}" (use ${VERSION_1_MESSAGE} or ${VERSION_2_MESSAGE})`,
  );
}

/** The database that the URL names, as InfluxDB's clients of these endpoints do. */
function databaseOf(request: Request, databases: DatabaseStore): string | undefined {
  const mark = request.url.indexOf("?");
  if (mark === -1) return undefined;
  const parameters = new URLSearchParams(request.url.slice(mark + 1));
  const db = parameters.get("db");
  if (db === null || db === "") return undefined;
  if (!isDatabaseName(db)) throw new MessageBodyError(400, `invalid database name "${db}"`);
  return databases.labelOf(db, parameters.get("rp") ?? "");
}

function writeAnswer(outcome: RemoteWriteOutcome, version: RemoteWriteVersion): Response {
  const headers: Record<string, string> = {};
  if (version === 2) {
    headers["X-Prometheus-Remote-Write-Samples-Written"] = String(outcome.samples);
    headers["X-Prometheus-Remote-Write-Histograms-Written"] = String(outcome.histograms);
    headers["X-Prometheus-Remote-Write-Exemplars-Written"] = "0";
  }
  if (outcome.rejected === 0) return new Response(null, { status: 204, headers });
  const reasons = [...outcome.reasons].map(([reason, count]) => `${reason} (${count})`);
  return text(400, `${outcome.rejected} samples rejected: ${reasons.join("; ")}`, headers);
}

function importAnswer(outcome: TextImportOutcome): Response {
  if (outcome.rejected === 0) return new Response(null, { status: 204 });
  return text(400, `${outcome.rejected} lines rejected: ${outcome.reasons.join("; ")}`);
}

const READ_VERSION = { "X-Prometheus-Remote-Read-Version": "0.1.0" };

async function samplesAnswer(read: RemoteRead): Promise<Response> {
  const block = await encodeSnappyInSlices(await read.samples(), read.slices);
  return new Response(block, {
    headers: {
      ...READ_VERSION,
      "Content-Type": "application/x-protobuf",
      "Content-Encoding": "snappy",
    },
  });
}

/** Frames are made as the client takes them; the view is given back at the end or when the client goes away. */
function chunksAnswer(read: RemoteRead): Response {
  const frames = read.chunks();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      try {
        if (read.slices.isDue) await read.slices.pause();
        const next = frames.next();
        if (next.done !== true) return controller.enqueue(next.value);
        read[Symbol.dispose]();
        controller.close();
      } catch (error) {
        read[Symbol.dispose]();
        controller.error(error);
      }
    },
    cancel(): void {
      read[Symbol.dispose]();
    },
  }, { highWaterMark: 1 });
  return new Response(stream, {
    headers: {
      ...READ_VERSION,
      "Content-Type": "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse",
    },
  });
}

function busy(message: string): Response {
  return text(503, message, { "Retry-After": String(RETRY_AFTER_SECONDS) });
}

function text(status: number, message: string, headers: Record<string, string> = {}): Response {
  return new Response(`${headerText(message)}\n`, {
    status,
    headers: { ...headers, "Content-Type": "text/plain; charset=utf-8" },
  });
}
