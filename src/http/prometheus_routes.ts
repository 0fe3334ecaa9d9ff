/**
 * The Prometheus HTTP API: which path goes where. Also served under `/prometheus`, where VictoriaMetrics has it.
 *
 * Every route answers every error itself, in the API's form.
 */
import { Hono } from "hono";
import type { Database, Logger, SampleText } from "../../engine/mod.ts";
import type { PromqlEngine } from "../promql/engine.ts";
import type { MetadataStore } from "../stores/metadata.ts";
import type { HeavyQueries } from "./heavy/heavy_queries.ts";
import type { PrometheusAdminOptions } from "./prometheus_admin.ts";
import { PrometheusAdmin } from "./prometheus_admin.ts";
import { PrometheusAnswers } from "./prometheus_answers.ts";
import type { SeriesCatalog } from "./prometheus_catalog.ts";
import { PrometheusListings } from "./prometheus_listings.ts";
import type { PrometheusQueryOptions } from "./prometheus_query.ts";
import { DEFAULT_QUERY_OPTIONS, PrometheusQueries } from "./prometheus_query.ts";
import type { RuleListing, ServerInfo } from "./prometheus_status.ts";
import { PrometheusStatus } from "./prometheus_status.ts";
import type { PrometheusStores } from "./prometheus_stores.ts";
import type { QuerySlots } from "./query_slots.ts";

export interface PrometheusParts {
  readonly engine: PromqlEngine;
  /** Writes the samples of answers. */
  readonly sampleText: SampleText;
  readonly catalog: SeriesCatalog;
  readonly slots: QuerySlots;
  /** Evaluates heavy queries; absent: they are evaluated as all others. */
  readonly heavy?: HeavyQueries;
  readonly metadata: MetadataStore;
  readonly info: ServerInfo;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
  readonly options?: Partial<PrometheusQueryOptions>;
  /** For statistics of what is stored. */
  readonly database?: Database;
  /** Absent: no rules. */
  readonly rules?: RuleListing;
  /** Absent: the admin routes do not exist. */
  readonly admin?: Omit<PrometheusAdminOptions, "logger" | "nowMs">;
  /** Remote write and read, and text import; absent: those routes do not exist. */
  readonly stores?: PrometheusStores;
  /** Headers that every answer carries. */
  readonly headers?: (request: Request) => Record<string, string>;
}

type Handler = (request: Request) => Response | Promise<Response>;

/** The routes: a router for all of them, and a way around it for those whose path says everything. */
export interface PrometheusRoutes {
  readonly router: Hono;
  /** The answer of the route with exactly this path and method; undefined where the router has to look. */
  readonly exact: (request: Request, path: string) => Promise<Response> | undefined;
}

/** A label whose name stands in the path as it is. */
const LABEL_VALUES = /^(?:\/prometheus)?\/api\/v1\/label\/(\w+)\/values$/;
/** Where the API lies. */
const BASES = ["", "/prometheus"] as const;

export function prometheusRoutes(parts: PrometheusParts): PrometheusRoutes {
  const options = { ...DEFAULT_QUERY_OPTIONS, ...parts.options };
  const answers = new PrometheusAnswers({
    bytesMax: options.answerBytesMax,
    ...(parts.headers === undefined ? {} : { headers: parts.headers }),
  });
  const queries = new PrometheusQueries({ ...parts, answers, options });
  const listings = new PrometheusListings({ ...parts, answers });
  const status = new PrometheusStatus({
    ...parts,
    answers,
    database: parts.database,
    rules: parts.rules,
  });
  const router = new Router(answers, parts.logger);
  router.read("/api/v1/query", (request) => queries.instant(request));
  router.read("/api/v1/query_range", (request) => queries.range(request));
  router.read("/api/v1/format_query", (request) => queries.format(request));
  router.read("/api/v1/parse_query", (request) => queries.tree(request));
  router.read("/api/v1/series", (request) => listings.series(request));
  router.read("/api/v1/labels", (request) => listings.labels(request));
  router.labelValues((request, name) => listings.labelValues(request, name));
  router.read(
    "/api/v1/query_exemplars",
    (request) => status.exemplars(request, (query) => queries.parse(query)),
  );
  router.get("/api/v1/metadata", (request) => status.metadata(request));
  router.get("/api/v1/rules", (request) => status.rules(request));
  router.get("/api/v1/alerts", (request) => status.alerts(request));
  router.get("/api/v1/targets", (request) => status.targets(request));
  router.get("/api/v1/targets/metadata", (request) => answers.data(request, []));
  router.get("/api/v1/scrape_pools", (request) => answers.data(request, { scrapePools: [] }));
  router.get("/api/v1/alertmanagers", (request) => status.alertmanagers(request));
  router.get("/api/v1/status/buildinfo", (request) => status.buildInfo(request));
  router.get("/api/v1/status/runtimeinfo", (request) => status.runtimeInfo(request));
  router.get("/api/v1/status/flags", (request) => status.flags(request));
  router.get("/api/v1/status/config", (request) => status.configuration(request));
  router.get("/api/v1/status/tsdb", (request) => status.tsdb(request));
  // A log is replayed before the first request is taken.
  router.get(
    "/api/v1/status/walreplay",
    (request) => answers.data(request, { min: 0, max: 0, current: 0 }),
  );
  router.get("/api/v1/status/active_queries", (request) => status.activeQueries(request));
  addAdmin(router, parts, answers);
  if (parts.stores !== undefined) addStores(router, parts.stores);
  return { router: router.hono, exact: (request, path) => router.exact(request, path) };
}

function addAdmin(router: Router, parts: PrometheusParts, answers: PrometheusAnswers): void {
  const paths = [
    "/api/v1/admin/tsdb/delete_series",
    "/api/v1/admin/tsdb/clean_tombstones",
    "/api/v1/admin/tsdb/snapshot",
    "/api/v1/admin/flush",
    "/api/v1/admin/compact",
  ] as const;
  if (parts.admin === undefined) {
    for (const path of paths) {
      router.change(
        path,
        (request) => answers.error(request, "unavailable", "admin APIs disabled"),
      );
    }
    return;
  }
  const admin = new PrometheusAdmin({ ...parts, ...parts.admin }, answers);
  router.change(paths[0], (request) => admin.deleteSeries(request));
  router.change(paths[1], () => admin.compact());
  router.change(paths[2], (request) => admin.snapshot(request));
  router.change(paths[3], () => admin.flush());
  router.change(paths[4], () => admin.compact());
}

function addStores(router: Router, stores: PrometheusStores): void {
  router.post("/api/v1/write", (request) => stores.write(request));
  router.post("/api/v1/prom/write", (request) => stores.write(request));
  router.post("/api/v1/read", (request) => stores.read(request));
  router.post("/api/v1/prom/read", (request) => stores.read(request));
  router.post("/api/v1/import/prometheus", (request) => stores.importText(request));
}

class Router {
  readonly hono = new Hono();
  /** By path, then by method. */
  readonly #exact = new Map<string, Map<string, Handler>>();
  #labelValues: ((request: Request, name: string) => Promise<Response>) | undefined;
  readonly #answers: PrometheusAnswers;
  readonly #logger: Logger;

  constructor(answers: PrometheusAnswers, logger: Logger) {
    this.#answers = answers;
    this.#logger = logger;
  }

  exact(request: Request, path: string): Promise<Response> | undefined {
    const handler = this.#exact.get(path)?.get(request.method);
    if (handler !== undefined) return this.#answer(request, handler);
    const values = this.#labelValues;
    if (values === undefined || request.method !== "GET") return undefined;
    const name = LABEL_VALUES.exec(path)?.[1];
    return name === undefined ? undefined : this.#answer(request, () => values(request, name));
  }

  /** GET and POST: a form may be too long for a URL. */
  read(path: string, handler: Handler): void {
    this.#add(["GET", "POST"], path, handler);
  }

  get(path: string, handler: Handler): void {
    this.#add(["GET"], path, handler);
  }

  post(path: string, handler: Handler): void {
    this.#add(["POST"], path, handler);
  }

  /** POST and PUT. */
  change(path: string, handler: Handler): void {
    this.#add(["POST", "PUT"], path, handler);
  }

  labelValues(handler: (request: Request, name: string) => Promise<Response>): void {
    this.#labelValues = handler;
    for (const base of BASES) {
      this.hono.on(["GET", "POST"], `${base}/api/v1/label/:name/values`, (context) => {
        const name = context.req.param("name");
        return this.#answer(context.req.raw, (request) => handler(request, name));
      });
    }
  }

  #add(methods: string[], path: string, handler: Handler): void {
    const handlers = new Map(methods.map((method) => [method, handler]));
    for (const base of BASES) {
      this.#exact.set(base + path, handlers);
      this.hono.on(methods, base + path, (context) => this.#answer(context.req.raw, handler));
    }
  }

  async #answer(request: Request, handler: Handler): Promise<Response> {
    try {
      return await handler(request);
    } catch (error) {
      const response = this.#answers.failure(request, error);
      if (response.status === 500) {
        const reason = error instanceof Error ? error.stack ?? error.message : String(error);
        this.#logger.log("error", "Request failed", { url: request.url.slice(0, 1_000), reason });
      }
      return response;
    }
  }
}
