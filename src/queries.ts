/**
 * Puts the Prometheus side together: the PromQL engine over the database, its slots and limits, remote write and read,
 * and the routes of the API.
 */
import { join } from "node:path";
import { type Components, type Database, SampleText } from "../engine/mod.ts";
import type { Configuration } from "./config.ts";
import type { WriteAdmission } from "./http/admission.ts";
import type { Mount } from "./http/app.ts";
import { HeavyQueries } from "./http/heavy/heavy_queries.ts";
import { startQueryWorker } from "./http/heavy/start_worker.ts";
import { DatabaseCatalog } from "./http/prometheus_catalog.ts";
import { DEFAULT_QUERY_OPTIONS } from "./http/prometheus_query.ts";
import { prometheusRoutes } from "./http/prometheus_routes.ts";
import { PrometheusStores } from "./http/prometheus_stores.ts";
import { DEFAULT_QUERY_WAIT_MS, QuerySlots } from "./http/query_slots.ts";
import type { Pipeline } from "./ingest/pipeline.ts";
import type { MemoryGuard } from "./memory_guard.ts";
import type { Metrics } from "./metrics.ts";
import { EngineQueryable } from "./promql/engine_queryable.ts";
import { DEFAULT_QUERY_LIMITS } from "./promql/limits.ts";
import { QueryMemory } from "./query_memory.ts";
import { QueryEngine } from "./promql/query_engine.ts";
import type { MetadataStore } from "./stores/metadata.ts";
import { copySideFiles } from "./stores/side_files.ts";
import { BUILD } from "./version.ts";

export interface QueryParts {
  readonly database: Database;
  readonly components: Components;
  readonly configuration: Configuration;
  readonly metrics: Metrics;
  /** What is known of metrics beside their samples. */
  readonly metadata: MetadataStore;
  /** Called at the end of every query. */
  readonly onQuery?: () => void;
  /** Looks after memory when a long query has ended. */
  readonly guard: MemoryGuard;
  readonly admission: WriteAdmission;
  readonly pipeline: Pipeline;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  readonly hostname: string;
  readonly workingDirectory: string;
  /** Headers that every answer carries. */
  readonly headers: (request: Request) => Record<string, string>;
}

/** A query that ran this long may have left megabytes of garbage. */
const LONG_QUERY_MS = 40;
/** A query that held so much leaves it behind as garbage when its answer is sent. */
const LARGE_RESULT_BYTES = 4e6;
/** Queries in line for each that runs. */
const WAITING_PER_SLOT = 10;
/** Paths of the Prometheus API; the second is where VictoriaMetrics has it too. */
const PREFIXES: readonly string[] = ["/api/v1/", "/prometheus/"];
/** What all queries hold together, in shares of the memory limit, and at least. */
const QUERY_MEMORY_SHARE = 2;
const QUERY_MEMORY_BYTES_MIN = 64 << 20;
const SNAPSHOTS = "snapshots";

/** The Prometheus side, and what queries in other languages share with it. */
export interface QuerySide extends Mount, Disposable {
  readonly slots: QuerySlots;
  readonly memory: QueryMemory;
}

/** The Prometheus side of the daemon; to be disposed before the database is closed. */
export function openQueries(parts: QueryParts): QuerySide {
  const { database, components, configuration, metrics, metadata } = parts;
  const { values } = configuration;
  const { clock, random, logger } = components;
  const nowMs = () => Number(clock.nowNs() / 1_000_000n);
  const monotonicMs = () => clock.monotonicMs();
  let isLooking = false;
  /** After what goes on now: the answer has left, and nothing refers to its result any more. */
  const lookLater = () => {
    if (isLooking) return;
    isLooking = true;
    clock.after(0, () => {
      isLooking = false;
      parts.guard.look();
    });
  };
  const slots = new QuerySlots({
    queriesMax: values["queries-max"],
    waitingMax: values["queries-max"] * WAITING_PER_SLOT,
    waitMs: DEFAULT_QUERY_WAIT_MS,
    monotonicMs,
    nowMs,
    after: (ms, callback) => clock.after(ms, callback),
    onEnd: (runningMs) => {
      // Where queries hold much, the end of an answer is near, after which there is more to collect.
      if (runningMs >= LONG_QUERY_MS && memory.ownBytes < LARGE_RESULT_BYTES) lookLater();
      parts.onQuery?.();
    },
  });
  metrics.gauge("tsinkd_queries", "Queries that run.", () => slots.active().length);
  metrics.gauge("tsinkd_queries_waiting", "Queries that wait for a slot.", () => slots.waiting);
  metrics.gauge(
    "tsinkd_queries_refused_total",
    "Queries refused for want of a slot.",
    () => slots.refused,
    "counter",
  );
  const memory = new QueryMemory(
    Math.max(QUERY_MEMORY_BYTES_MIN, values["memory-limit"] * QUERY_MEMORY_SHARE),
    (bytes) => {
      if (bytes >= LARGE_RESULT_BYTES) lookLater();
    },
  );
  parts.guard.watch(() => memory.ownBytes);
  metrics.gauge(
    "tsinkd_query_memory_bytes",
    "Bytes that queries hold, results that are being sent included.",
    () => memory.bytes,
  );
  const limits = {
    queryMsMax: values["query-timeout"],
    queryPointsMax: values["query-points-max"],
    querySeriesMax: values["query-series-max"],
    queryBytesMax: Math.min(memory.bytesMax, DEFAULT_QUERY_LIMITS.queryBytesMax),
  };
  const engine = new QueryEngine({
    memory,
    onPause: () => parts.guard.paused(),
    queryable: new EngineQueryable(database),
    lookbackMs: values.lookback,
    limits,
  });
  const { answerBytesMax, experimental } = DEFAULT_QUERY_OPTIONS;
  const heavy = new HeavyQueries({
    samplesMax: values["query-worker-samples"] || Infinity,
    start: startQueryWorker,
    serveViews: () => database.serveViews(),
    settings: () => ({
      limits,
      lookbackMs: values.lookback,
      experimental,
      answerBytesMax,
      engineBytes: database.kernels.memoryBytes,
      heldBytes: memory.share(),
      heldBytesMax: memory.bytesMax,
    }),
    logger,
    after: (ms, callback) => clock.after(ms, callback),
    onEnd: () => memory.forgetWorker(),
  });
  metrics.gauge(
    "tsinkd_heavy_queries_total",
    "Queries evaluated in the query worker.",
    () => heavy.count,
    "counter",
  );
  metrics.gauge(
    "tsinkd_query_worker",
    "1 while the query worker is alive.",
    () => heavy.isStarted ? 1 : 0,
  );
  const stores = new PrometheusStores({
    database,
    databases: parts.pipeline.databases,
    metadata,
    slots,
    admission: parts.admission,
    nowMs,
    bodyBytesMax: values["body-bytes-max"],
    count: ({ protocol, samples, tooOld, rejected }) =>
      parts.pipeline.countSamples(protocol, { samples, tooOld, rejected }),
  });
  const snapshotsDirectory = join(values["data-path"], SNAPSHOTS);
  const flags = configuration.texts;
  const routes = prometheusRoutes({
    engine,
    heavy,
    sampleText: new SampleText(database.kernels),
    catalog: new DatabaseCatalog(database),
    slots,
    metadata,
    stores,
    info: {
      version: BUILD.version,
      revision: BUILD.commit,
      startedMs: parts.startedMs,
      workingDirectory: parts.workingDirectory,
      hostname: parts.hostname,
      flags,
      configuration: Object.entries(flags).map(([name, text]) => `${name} = "${text}"\n`).join(""),
      retention: flags["retention"] === "0s" ? "" : flags["retention"] ?? "",
    },
    logger,
    nowMs,
    monotonicMs,
    database,
    headers: parts.headers,
    ...(values["admin-api"]
      ? {
        admin: {
          database,
          snapshotsDirectory,
          random: () => random.next(),
          afterSnapshot: (to) =>
            copySideFiles(components.fileSystem, { from: values["data-path"], to }),
        },
      }
      : {}),
  });
  return {
    prefixes: PREFIXES,
    ...routes,
    slots,
    memory,
    [Symbol.dispose]: () => heavy[Symbol.dispose](),
  };
}
