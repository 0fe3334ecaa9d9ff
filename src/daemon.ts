/**
 * The composition root: makes the parts, starts them in order, stops them in reverse. Names Bun, as only the query worker does besides.
 *
 * Start: HTTP answers liveness, the database opens (writes are 503 meanwhile), then line listeners and all routes. Stop: line
 * listeners store what is on its way and close, HTTP ends its requests, the database closes.
 */
import { hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  type Components,
  type Database,
  defaultComponents,
  isEngineError,
  LineScanner,
  openDatabase,
  type Settings,
} from "../engine/mod.ts";
import type { Configuration } from "./config.ts";
import { formatAddress } from "./config_values.ts";
import { describeEngine } from "./engine_metrics.ts";
import { App } from "./http/app.ts";
import { WriteAdmission } from "./http/admission.ts";
import type { DaemonState } from "./http/influx_routes.ts";
import { Replies } from "./http/replies.ts";
import { WriteRoutes } from "./http/write_routes.ts";
import type { LineParser } from "./ingest/line_write.ts";
import { Pipeline } from "./ingest/pipeline.ts";
import { type InfluxSide, openInfluxQueries } from "./influx_queries.ts";
import { LineListeners, readTls } from "./line_listeners.ts";
import { ListenerMetrics, removeSocket } from "./listeners.ts";
import { Log } from "./log.ts";
import { MemoryGuard } from "./memory_guard.ts";
import { Metrics } from "./metrics.ts";
import { describeProcess } from "./process_metrics.ts";
import { openPractice, type Practice } from "./practice.ts";
import { openQueries, type QuerySide } from "./queries.ts";
import { ServiceNotifier, watchdogIntervalMs } from "./service_notify.ts";
import { cannotListen, messageOf, StartError } from "./start_error.ts";
import { type DatabasesFile, DatabaseStore } from "./stores/databases.ts";
import { MetadataStore } from "./stores/metadata.ts";
import { DATABASES_FILE, METADATA_FILE } from "./stores/side_files.ts";
import { BUILD } from "./version.ts";

type HttpServer = ReturnType<typeof Bun.serve>;

/** Seconds that an idle keep-alive connection stays open: longer than the minute that clients count on. */
const HTTP_IDLE_SECONDS = 240;
/** How long a stop waits for write requests that are being answered. */
const STOP_REQUESTS_MS = 500;
const STOP_POLL_MS = 10;
/** How often the event loop's lag is measured. */
const LAG_INTERVAL_MS = 5_000;
/** How often metadata is saved where it changed: it is sent again and again, so little is lost with it. */
const METADATA_INTERVAL_MS = 300_000;

/** An open database and what fills its batch. */
export interface OpenedEngine {
  readonly database: Database;
  readonly parser: LineParser;
}

export interface OpenEngineOptions {
  readonly path: string;
  readonly settings: Settings;
  readonly components: Components;
}

export interface DaemonOptions {
  /** Opens the database; a test gives its own. */
  readonly open?: (options: OpenEngineOptions) => Promise<OpenedEngine>;
  readonly configuration: Configuration;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export class Daemon {
  readonly #open: (options: OpenEngineOptions) => Promise<OpenedEngine>;
  readonly #configuration: Configuration;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #components: Components;
  readonly #log: Log;
  readonly #metrics = new Metrics();
  readonly #replies: Replies;
  readonly #app: App;
  readonly #admission: WriteAdmission;
  readonly #listenerMetrics: ListenerMetrics;
  readonly #startedMs = Date.now();
  readonly #servers: HttpServer[] = [];
  readonly #lines = new LineListeners();
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #ended = Promise.withResolvers<number>();
  readonly #guard = new MemoryGuard({
    residentBytes: () => process.memoryUsage.rss(),
    engineBytes: () => this.#database?.kernels.exports.memory.buffer.byteLength ?? 0,
    collect: (atOnce) => void Bun.gc(atOnce),
  });
  #database: Database | undefined;
  #metadata: MetadataStore | undefined;
  #practice: Practice | undefined;
  #queries: Disposable | undefined;
  #influx: InfluxSide | undefined;
  #notifier: ServiceNotifier | undefined;
  #state: DaemonState;
  #lagMs = 0;

  private constructor({ open, configuration, environment }: DaemonOptions) {
    this.#open = open ?? openEngine;
    this.#configuration = configuration;
    this.#environment = environment;
    const { values } = configuration;
    this.#log = new Log({
      level: values["log-level"],
      format: values["log-format"],
      write: (line, toError) => void (toError ? process.stderr : process.stdout).write(line),
      now: Date.now,
    });
    this.#components = defaultComponents({ logger: this.#log });
    this.#state = {
      phase: "starting",
      reason: "the database is being opened",
      startedMs: this.#startedMs,
    };
    this.#replies = new Replies({
      influxVersion: values["influx-version"],
      corsOrigins: values["cors-origins"],
      now: Date.now,
    });
    this.#app = new App({
      replies: this.#replies,
      metrics: this.#metrics,
      state: () => this.#state,
      now: Date.now,
      monotonic: () => performance.now(),
      onError: (error) => this.#noticeError(error),
    });
    this.#admission = new WriteAdmission({
      requestsMax: values["write-requests-max"],
      bytesMax: values["body-bytes-in-flight"],
      waitMs: values["write-wait"],
    });
    this.#listenerMetrics = new ListenerMetrics(this.#metrics);
  }

  /** Starts everything. Rejects with a StartError, having closed what was open. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const daemon = new Daemon(options);
    try {
      await daemon.#start();
    } catch (error) {
      await daemon.#stop();
      throw error instanceof StartError
        ? error
        : new StartError(messageOf(error), { cause: error });
    }
    return daemon;
  }

  /** Resolves with the exit code once the daemon has stopped. */
  get ended(): Promise<number> {
    return this.#ended.promise;
  }

  /** Stops within a second; further calls do nothing. */
  async stop(code = 0): Promise<void> {
    if (this.#state.phase === "stopping") return;
    this.#state = { ...this.#state, phase: "stopping", reason: "the server is stopping" };
    this.#notifier?.send("STOPPING=1");
    let result = code;
    try {
      await this.#stop();
    } catch (error) {
      this.#log.error("Cannot stop cleanly", { reason: messageOf(error) });
      result = 1;
    }
    this.#log.info("Stopped", { code: result });
    this.#ended.resolve(result);
  }

  async #start(): Promise<void> {
    const { values } = this.#configuration;
    describeProcess({
      metrics: this.#metrics,
      admission: this.#admission,
      startedMs: this.#startedMs,
      ready: () => this.#state.phase === "ready",
      lagMs: () => this.#lagMs,
      durable: values["wal-sync"] === "per-append",
    });
    describeEngine(this.#metrics, () => this.#database);
    this.#notifier = await this.#openNotifier();
    this.#serveHttp();
    await this.#lines.open(this.#configuration, {
      log: this.#log,
      metrics: this.#listenerMetrics,
      monotonic: () => performance.now(),
      onError: (error) => this.#noticeError(error),
    });
    const engine = await this.#openEngine();
    this.#database = engine.database;
    const pipeline = this.#openPipeline(engine);
    this.#metadata = MetadataStore.open(this.#fileOf(METADATA_FILE));
    this.#practice = openPractice({
      configuration: this.#configuration,
      clock: this.#components.clock,
      metrics: this.#metrics,
      log: this.#log,
      app: this.#app,
      pipeline,
      ownBytes: () => this.#guard.ownBytes(),
      collect: () => Bun.gc(true),
    });
    const queries = this.#queries = openQueries({
      guard: this.#guard,
      metadata: this.#metadata,
      onQuery: () => this.#practice?.begin("first-query"),
      database: engine.database,
      components: this.#components,
      configuration: this.#configuration,
      metrics: this.#metrics,
      admission: this.#admission,
      pipeline,
      startedMs: this.#startedMs,
      hostname: hostname(),
      workingDirectory: process.cwd(),
      headers: (request) => this.#replies.headers(request),
    });
    const influx = this.#influx = this.#openInfluxQueries(pipeline, queries);
    await influx.begin();
    this.#app.open({
      writes: new WriteRoutes({
        pipeline,
        admission: this.#admission,
        replies: this.#replies,
        onError: (error) => this.#noticeError(error),
        options: {
          requireDatabase: values["require-db"],
          partialAlways: values["partial-writes"] === "always",
          bodyBytesMax: values["body-bytes-max"],
          bodyExpandedBytesMax: values["body-expanded-bytes-max"],
        },
      }),
      mounts: [queries, influx],
    });
    this.#lines.begin(pipeline);
    this.#state = { ...this.#state, phase: "ready", reason: "" };
    this.#notifier?.send("READY=1\nSTATUS=Serving");
    this.#startTimers();
    this.#log.info("Serving", this.#startFields());
    this.#practice.begin("start");
  }

  #startFields(): Record<string, string | number> {
    const { values } = this.#configuration;
    const fields: Record<string, string | number> = { version: BUILD.version };
    fields["http"] = this.#servers.map((server) => server.url?.host ?? "unix").join(",");
    Object.assign(fields, this.#lines.describe());
    fields["data"] = values["data-path"];
    fields["sync"] = values["wal-sync"];
    fields["started_ms"] = Date.now() - this.#startedMs;
    return fields;
  }

  #serveHttp(): void {
    const { values } = this.#configuration;
    const shared = {
      fetch: (request: Request) => this.#app.fetch(request),
      error: (error: Error) => {
        this.#noticeError(error);
        return new Response('{"error":"internal error"}\n', {
          status: 500,
          headers: { "Content-Type": "application/json" },
        });
      },
      development: false,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    };
    const tls = readTls(values);
    const { host, port } = values.listen;
    try {
      // Without `reusePort: false` Bun shares a port that is taken, where `development` is false.
      const where = { hostname: host, port, reusePort: false, idleTimeout: HTTP_IDLE_SECONDS };
      const options = { ...shared, ...where };
      this.#servers.push(Bun.serve(tls === undefined ? options : { ...options, tls }));
    } catch (error) {
      throw cannotListen(formatAddress(values.listen), error);
    }
    const path = values["http-socket"];
    if (path === "") return;
    try {
      removeSocket(path);
      this.#servers.push(Bun.serve({ ...shared, unix: path }));
    } catch (error) {
      throw cannotListen(path, error);
    }
  }

  async #openEngine(): Promise<OpenedEngine> {
    const path = this.#configuration.values["data-path"];
    try {
      return await this.#open({
        path,
        settings: this.#configuration.engine,
        components: this.#components,
      });
    } catch (error) {
      throw new StartError(`Cannot open ${path}: ${messageOf(error)}`, { cause: error });
    }
  }

  #openPipeline({ database, parser }: OpenedEngine): Pipeline {
    const { values } = this.#configuration;
    const guard = this.#guard;
    this.#metrics.gauge(
      "tsinkd_collections_total",
      "Times that garbage of bodies and queries was collected early.",
      () => guard.collections,
      "counter",
    );
    const databases = DatabaseStore.open(this.#fileOf(DATABASES_FILE));
    databases.discover(database.registry.labelValues("db", []));
    return new Pipeline({
      database,
      databases,
      parser,
      metrics: this.#metrics,
      nowNs: () => this.#components.clock.nowNs(),
      passed: (bytes) => guard.passed(bytes),
      options: {
        autoCreate: values["auto-create"],
        databases: values.databases,
      },
    });
  }

  #openInfluxQueries({ database, databases }: Pipeline, { slots, memory }: QuerySide): InfluxSide {
    return openInfluxQueries({
      database,
      databases,
      components: this.#components,
      configuration: this.#configuration,
      metrics: this.#metrics,
      slots,
      memory,
      replies: this.#replies,
      startedMs: this.#startedMs,
      hostname: hostname(),
      onError: (error) => this.#noticeError(error),
    });
  }

  /** A file of ours in the directory of the database. */
  #fileOf(name: string): DatabasesFile {
    return {
      fileSystem: this.#components.fileSystem,
      path: join(this.#configuration.values["data-path"], name),
      logger: this.#log,
    };
  }

  async #openNotifier(): Promise<ServiceNotifier | undefined> {
    try {
      return await ServiceNotifier.open(this.#environment);
    } catch (error) {
      this.#log.warn("Cannot notify systemd", {
        reason: messageOf(error),
        hint: "MemoryDenyWriteExecute must be off",
      });
      return undefined;
    }
  }

  #startTimers(): void {
    const watchdog = watchdogIntervalMs(this.#environment);
    if (this.#notifier !== undefined && watchdog !== undefined) {
      this.#timers.push(setInterval(() => this.#notifier?.send("WATCHDOG=1"), watchdog));
    }
    this.#timers.push(setInterval(() => this.#saveMetadata(), METADATA_INTERVAL_MS));
    let last = performance.now();
    this.#timers.push(setInterval(() => {
      const now = performance.now();
      this.#lagMs = Math.max(0, now - last - LAG_INTERVAL_MS);
      last = now;
    }, LAG_INTERVAL_MS));
  }

  /** Our own trouble. A database that takes no more writes ends the process: a restart replays the log. */
  #noticeError(error: unknown): void {
    // Two messages, so that many refused writes do not push mistakes of our own out of the log.
    const message = isEngineError(error) ? "Cannot store" : "Request failed";
    this.#log.error(message, { reason: messageOf(error) });
    if (!isEngineError(error, "failed") || this.#state.phase === "stopping") return;
    this.#log.error("Writing has stopped; restart to recover", { reason: error.message });
    void this.stop(1);
  }

  async #stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#practice?.stop();
    await this.#lines.close();
    this.#app.close();
    for (const server of this.#servers) void server.stop(false);
    const until = performance.now() + STOP_REQUESTS_MS;
    while (this.#admission.requests > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, STOP_POLL_MS));
    }
    for (const server of this.#servers) void server.stop(true);
    this.#queries?.[Symbol.dispose]();
    await this.#influx?.stop();
    const socket = this.#configuration.values["http-socket"];
    if (socket !== "" && this.#servers.length > 1) removeSocket(socket);
    this.#saveMetadata();
    await this.#database?.close();
  }

  #saveMetadata(): void {
    try {
      this.#metadata?.save();
    } catch (error) {
      this.#log.warn("Cannot save what is known of metrics", { reason: messageOf(error) });
    }
  }
}

async function openEngine(options: OpenEngineOptions): Promise<OpenedEngine> {
  const database = await openDatabase(options);
  return { database, parser: new LineScanner(database.kernels, database.settings.timeUnit) };
}
