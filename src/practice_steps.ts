/**
 * What practice does: a daemon of its own over a small database in memory, asked what dashboards ask, through the same
 * routes. It has its own metrics, slots and caches, touches no disk and is gone with the last step.
 */
import {
  type Components,
  type Database,
  defaultComponents,
  LineScanner,
  openDatabase,
} from "../engine/mod.ts";
import type { Configuration } from "./config.ts";
import { WriteAdmission } from "./http/admission.ts";
import { App } from "./http/app.ts";
import { Replies } from "./http/replies.ts";
import { WriteRoutes } from "./http/write_routes.ts";
import { Pipeline } from "./ingest/pipeline.ts";
import { MemoryGuard } from "./memory_guard.ts";
import { Metrics } from "./metrics.ts";
import { openQueries } from "./queries.ts";
import { MetadataStore } from "./stores/metadata.ts";

/** Ten fields of eight hosts in two zones, every ten seconds for an hour. */
const FIELDS: readonly string[] = [..."abcdefghij"];
const WHOLE_FIELDS = 7;
const HOSTS = 8;
const ZONES = 2;
const BEGIN_SECONDS = 1_700_000_000;
const INTERVAL_SECONDS = 10;
const STORED_SECONDS = 3_600;
/** The last of them stay in memory, the others go into a segment. */
const HEAD_SECONDS = 300;
/** Seconds that one write holds. */
const WRITE_SECONDS = 100;
/** Rounds of queries, each of ten: most of what there is to gain is gained by then. */
const ROUNDS_MAX = 100;
const DATABASE_SETTINGS = { memoryLimitBytes: 16 << 20, blockCacheBytes: 2 << 20 };

/** Each step takes about a millisecond, more at first; then something else may run. */
export async function* practiceSteps(configuration: Configuration): AsyncGenerator<void> {
  const components = defaultComponents();
  const database = await openDatabase({ settings: DATABASE_SETTINGS });
  try {
    const app = openApp(configuration, components, database);
    for (let second = 0; second < STORED_SECONDS; second += WRITE_SECONDS) {
      if (second === STORED_SECONDS - HEAD_SECONDS) await database.flush();
      await ask(app, "/write?precision=s", linesFrom(BEGIN_SECONDS + second));
      yield;
    }
    for (let round = 0; round < ROUNDS_MAX; round++) {
      for (const path of pathsOf(round)) {
        await ask(app, path);
        yield;
      }
    }
  } finally {
    await database.close();
  }
}

function openApp(configuration: Configuration, components: Components, database: Database): App {
  const metrics = new Metrics();
  const startedMs = Date.now();
  const replies = new Replies({
    influxVersion: configuration.values["influx-version"],
    corsOrigins: [],
    now: Date.now,
  });
  const onError = (error: unknown) => {
    throw error;
  };
  const app = new App({
    replies,
    metrics,
    state: () => ({ phase: "ready", reason: "", startedMs }),
    now: Date.now,
    monotonic: () => performance.now(),
    onError,
  });
  const admission = new WriteAdmission({ requestsMax: 1, bytesMax: 1 << 20, waitMs: 0 });
  const pipeline = new Pipeline({
    database,
    parser: new LineScanner(database.kernels, database.settings.timeUnit),
    metrics,
    nowNs: () => components.clock.nowNs(),
    options: { autoCreate: true, databases: [] },
  });
  const options = {
    requireDatabase: false,
    partialAlways: false,
    bodyBytesMax: 1 << 20,
    bodyExpandedBytesMax: 1 << 20,
  };
  const mount = openQueries({
    database,
    components,
    configuration,
    metrics,
    metadata: MetadataStore.open(),
    guard: new MemoryGuard({ residentBytes: () => 0, engineBytes: () => 0, collect: () => {} }),
    admission,
    pipeline,
    startedMs,
    hostname: "",
    workingDirectory: "",
    headers: (request) => replies.headers(request),
  });
  app.open({
    writes: new WriteRoutes({ pipeline, admission, replies, onError, options }),
    mounts: [mount],
  });
  return app;
}

async function ask(app: App, path: string, body?: string): Promise<void> {
  const method = body === undefined ? {} : { method: "POST", body };
  const response = await app.fetch(new Request(`http://127.0.0.1${path}`, method));
  const text = await response.text();
  if (!response.ok) throw new Error(`Practice was answered ${response.status} at ${path}: ${text}`);
}

function linesFrom(begin: number): string {
  let text = "";
  for (let at = begin; at < begin + WRITE_SECONDS; at += INTERVAL_SECONDS) {
    for (let host = 0; host < HOSTS; host++) {
      const values = FIELDS.map((name, field) => `${name}=${valueText(at, host, field)}`);
      text += `practice,host=host_${host},zone=zone_${host % ZONES} ${values.join(",")} ${at}\n`;
    }
  }
  return text;
}

/** Small steps up and down, whole numbers in most fields and decimals in the others. */
function valueText(at: number, host: number, field: number): string {
  const steps = at / INTERVAL_SECONDS * (1 + field % 3) + host * 13 + field * 7;
  const value = Math.abs(steps % 200 - 100);
  return field < WHOLE_FIELDS ? `${value}i` : (value / 10).toFixed(1);
}

/** What dashboards ask, with other hosts and times in every round. */
function pathsOf(round: number): string[] {
  // No text comes twice: trees and candidates of known ones are kept, and finding them anew is to be practised, too.
  const anew = `run!="${round}"`;
  const host = `host="host_${round % HOSTS}",${anew}`;
  const some = Array.from({ length: 4 }, (_, index) => `host_${(round + index) % HOSTS}`);
  const hosts = `host=~"${some.join("|")}",${anew}`;
  const zone = `zone="zone_${round % ZONES}"`;
  const field = FIELDS[round % FIELDS.length]!;
  const peak = (name: string, chosen: string, window: string) =>
    `max(max_over_time(practice_${name}{${chosen}}[${window}]))`;
  const peaks = (names: readonly string[], chosen: string, window: string) =>
    names.map((name) => `label_replace(${peak(name, chosen, window)},"f","${name}","","")`)
      .join(" or ");
  const start = BEGIN_SECONDS + 300 + 10 * (round % 30);
  const range = (query: string, step: number) =>
    path("query_range", { query, start, end: start + 30 * step, step });
  const listed = {
    "match[]": `practice_${field}{${zone}}`,
    start: BEGIN_SECONDS,
    end: BEGIN_SECONDS + STORED_SECONDS,
  };
  return [
    range(peak(field, host, "1m"), 60),
    range(peak(field, hosts, "1m"), 60),
    range(peaks(FIELDS.slice(0, 3), hosts, "1m"), 60),
    range(peaks(FIELDS, host, "5m"), 300),
    range(`practice_${field}{${host}} > 90`, 10),
    range(`sum by (zone) (rate(practice_${field}{${anew}}[5m]))`, 60),
    range(`avg by (host) (avg_over_time(practice_${field}{${anew}}[5m]))`, 100),
    path("query", { query: `practice_${field}{${host}}`, time: start }),
    path(`label/${round % 2 === 0 ? "host" : "zone"}/values`, listed),
    path("series", listed),
  ];
}

function path(route: string, parameters: Readonly<Record<string, string | number>>): string {
  const texts = Object.entries(parameters).map(([name, value]) => [name, String(value)]);
  return `/api/v1/${route}?${new URLSearchParams(texts)}`;
}
