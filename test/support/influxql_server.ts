/** A daemon's HTTP side over a database in memory, asked without a network. */
import {
  type Clock,
  type Database,
  defaultComponents,
  LineScanner,
  openDatabase,
} from "../../engine/mod.ts";
import { loadConfiguration } from "../../src/config.ts";
import { App } from "../../src/http/app.ts";
import { WriteAdmission } from "../../src/http/admission.ts";
import { QuerySlots } from "../../src/http/query_slots.ts";
import { Replies } from "../../src/http/replies.ts";
import { WriteRoutes } from "../../src/http/write_routes.ts";
import { openInfluxQueries } from "../../src/influx_queries.ts";
import { Pipeline } from "../../src/ingest/pipeline.ts";
import { Metrics } from "../../src/metrics.ts";
import { QueryMemory } from "../../src/query_memory.ts";
import { DatabaseStore } from "../../src/stores/databases.ts";

export interface InfluxqlServerOptions {
  /** As on the command line. */
  readonly flags?: readonly string[];
  readonly clock?: Clock;
  readonly databases?: DatabaseStore;
}

export class InfluxqlServer implements AsyncDisposable {
  readonly app: App;
  readonly database: Database;
  readonly databases: DatabaseStore;
  readonly slots: QuerySlots;
  readonly memory: QueryMemory;
  /** What was reported as our own trouble. */
  readonly errors: unknown[] = [];
  /** Messages that were logged. */
  readonly logged: string[] = [];

  private constructor(database: Database, options: InfluxqlServerOptions) {
    this.database = database;
    const { flags = [], clock = defaultComponents().clock } = options;
    const configuration = loadConfiguration({
      flags,
      environment: {},
      readFile: () => "",
      memoryBytes: 1 << 30,
    });
    const { values } = configuration;
    const metrics = new Metrics();
    const now = () => Number(clock.nowNs() / 1_000_000n);
    const onError = (error: unknown) => void this.errors.push(error);
    const replies = new Replies({
      influxVersion: values["influx-version"],
      corsOrigins: values["cors-origins"],
      now,
    });
    this.app = new App({
      replies,
      metrics,
      state: () => ({ phase: "ready", reason: "", startedMs: 0 }),
      now,
      monotonic: () => clock.monotonicMs(),
      onError,
    });
    const admission = new WriteAdmission({ requestsMax: 100, bytesMax: 64 << 20, waitMs: 50 });
    this.databases = options.databases ?? DatabaseStore.open();
    const pipeline = new Pipeline({
      database,
      databases: this.databases,
      parser: new LineScanner(database.kernels, database.settings.timeUnit),
      metrics,
      nowNs: () => clock.nowNs(),
      options: { autoCreate: values["auto-create"], databases: values.databases },
    });
    this.slots = new QuerySlots({
      queriesMax: values["queries-max"],
      waitingMax: 0,
      waitMs: 1,
      monotonicMs: () => clock.monotonicMs(),
      nowMs: now,
      after: (ms, callback) => clock.after(ms, callback),
    });
    this.memory = new QueryMemory(256 << 20);
    const logger = { log: (_: string, message: string) => void this.logged.push(message) };
    this.app.open({
      writes: new WriteRoutes({
        pipeline,
        admission,
        replies,
        onError,
        options: {
          requireDatabase: values["require-db"],
          partialAlways: false,
          bodyBytesMax: values["body-bytes-max"],
          bodyExpandedBytesMax: values["body-expanded-bytes-max"],
        },
      }),
      mounts: [openInfluxQueries({
        database,
        databases: this.databases,
        components: { ...defaultComponents({ logger }), clock },
        configuration,
        metrics,
        slots: this.slots,
        memory: this.memory,
        replies,
        startedMs: 0,
        hostname: "test",
        onError,
      })],
    });
  }

  static async open(options: InfluxqlServerOptions = {}): Promise<InfluxqlServer> {
    const { clock } = options;
    const components = clock === undefined ? {} : { clock };
    return new InfluxqlServer(await openDatabase({ settings: {}, components }), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database.close();
  }

  async fetch(path: string, init?: RequestInit): Promise<Response> {
    return await this.app.fetch(new Request(`http://127.0.0.1${path}`, init));
  }

  /** The answer to a query as POST. */
  async ask(
    query: string,
    params: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return await this.fetch(`/query?${new URLSearchParams(params)}`, {
      method: "POST",
      body: new URLSearchParams({ q: query }),
      headers,
    });
  }

  /** Writes lines; returns the status. */
  async write(
    lines: readonly string[],
    params: Readonly<Record<string, string>> = {},
  ): Promise<number> {
    const response = await this.fetch(`/write?${new URLSearchParams(params)}`, {
      method: "POST",
      body: lines.join("\n"),
    });
    await response.text();
    return response.status;
  }
}
