/** The HTTP face over a fake engine, served for real: bodies, encodings and headers are the runtime's. */
import type { Kernels } from "../../engine/kernels/kernels.ts";
import { App } from "../../src/http/app.ts";
import { WriteAdmission } from "../../src/http/admission.ts";
import type { DaemonState } from "../../src/http/influx_routes.ts";
import { Replies } from "../../src/http/replies.ts";
import { type WriteRouteOptions, WriteRoutes } from "../../src/http/write_routes.ts";
import { Pipeline, type PipelineOptions } from "../../src/ingest/pipeline.ts";
import type { LineParser } from "../../src/ingest/line_write.ts";
import { Metrics } from "../../src/metrics.ts";
import { FakeEngine } from "./fake_engine.ts";

export interface TestServerOptions {
  readonly writes?: Partial<WriteRouteOptions>;
  readonly pipeline?: Partial<PipelineOptions>;
  readonly requestsMax?: number;
  readonly bytesMax?: number;
  readonly waitMs?: number;
  readonly corsOrigins?: readonly string[];
  /** Replaces the fake's parser: batches that it fills are counted as rows. */
  readonly scanner?: { readonly kernels: Kernels; readonly parser: LineParser };
  /** Leaves the application in its starting phase. */
  readonly starting?: boolean;
}

export interface TestServer extends Disposable {
  readonly url: string;
  readonly engine: FakeEngine;
  readonly admission: WriteAdmission;
  readonly errors: unknown[];
  state: DaemonState;
}

export function startTestServer(options: TestServerOptions = {}): TestServer {
  const engine = new FakeEngine({}, options.scanner?.kernels);
  const metrics = new Metrics();
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const replies = new Replies({
    influxVersion: "1.8.10",
    corsOrigins: options.corsOrigins ?? [],
    now: () => Date.UTC(2026, 0, 2, 3, 4, 5),
  });
  const admission = new WriteAdmission({
    requestsMax: options.requestsMax ?? 100,
    bytesMax: options.bytesMax ?? 64 << 20,
    waitMs: options.waitMs ?? 50,
  });
  let state: DaemonState = {
    phase: options.starting === true ? "starting" : "ready",
    reason: "the database is being opened",
    startedMs: Date.UTC(2026, 0, 2, 2, 2, 2),
  };
  const app = new App({
    replies,
    metrics,
    state: () => state,
    now: () => Date.UTC(2026, 0, 2, 3, 4, 5),
    monotonic: () => performance.now(),
    onError,
  });
  const pipeline = new Pipeline({
    database: engine.database,
    parser: options.scanner?.parser ?? engine.parser,
    metrics,
    nowNs: () => 7n,
    options: { autoCreate: true, databases: [], ...options.pipeline },
  });
  const writes = new WriteRoutes({
    pipeline,
    admission,
    replies,
    onError,
    options: {
      requireDatabase: false,
      partialAlways: false,
      bodyBytesMax: 25_000_000,
      bodyExpandedBytesMax: 100_000_000,
      ...options.writes,
    },
  });
  if (options.starting !== true) app.open({ writes, mounts: [] });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: (request) => app.fetch(request),
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    engine,
    admission,
    errors,
    get state() {
      return state;
    },
    set state(next) {
      state = next;
    },
    [Symbol.dispose]: () => void server.stop(true),
  };
}
