/**
 * The HTTP face: which path goes where. The only importer of hono beside the route files.
 *
 * `/write` is by far the most frequent request and is answered before the router; the router costs it up to 4 µs of 15.
 * While the database opens, liveness is answered and everything else is 503.
 */
import { Hono } from "hono";
import type { Children, Counter, Histogram, Metrics } from "../metrics.ts";
import { answerLiveness, type DaemonState } from "./influx_routes.ts";
import type { ApiVersion, Replies } from "./replies.ts";
import type { WriteRoutes } from "./write_routes.ts";

export interface AppParts {
  readonly replies: Replies;
  readonly metrics: Metrics;
  readonly state: () => DaemonState;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds that never go back. */
  readonly monotonic: () => number;
  readonly onError: (error: unknown) => void;
}

/** What is there once the database is open. */
export interface OpenParts {
  readonly writes: WriteRoutes;
  /** Routers that own all paths with a prefix. */
  readonly mounts: readonly Mount[];
}

/**
 * A router of its own for all paths with one of the prefixes. It is asked directly: merging its routes into ours costs
 * the start 5 ms and, for the optimizing compiler that this wakes, megabytes of resident memory.
 */
export interface Mount {
  readonly prefixes: readonly string[];
  readonly router: Hono;
  /** Answers what needs no router, which costs a fifth of a small query that runs for the first time. */
  readonly exact: (request: Request, path: string) => Promise<Response> | undefined;
}

const WRITE_PATHS: Readonly<Record<string, ApiVersion>> = {
  "/write": "v1",
  "/influx/write": "v1",
  "/api/v2/write": "v2",
  "/influx/api/v2/write": "v2",
  "/api/v3/write_lp": "v3",
  "/influx/api/v3/write_lp": "v3",
};
/** Paths that the metrics name; any other is "other". */
const COUNTED_PATHS: ReadonlySet<string> = new Set([
  ...Object.keys(WRITE_PATHS),
  "/api/v1/query",
  "/api/v1/query_range",
  "/api/v1/series",
  "/api/v1/labels",
  "/health",
  "/metrics",
  "/ping",
  "/query",
  "/ready",
]);
const WRITE_METHODS = "POST, OPTIONS";

export class App {
  readonly #parts: AppParts;
  readonly #requests: Children<Counter>;
  readonly #durations: Children<Histogram>;
  // By path: what most answers are counted with.
  readonly #timed = new Map<string, Histogram>();
  readonly #succeeded = new Map<string, Counter>();
  readonly #v1Written: Counter;
  readonly #v1Duration: Histogram;
  #router: Hono | undefined;
  #writes: WriteRoutes | undefined;
  #mounts: readonly Mount[] = [];
  #active = 0;
  #begun = 0;

  constructor(parts: AppParts) {
    this.#parts = parts;
    this.#requests = parts.metrics.counters(
      "tsinkd_http_requests_total",
      "Requests answered, by path and status.",
      ["path", "status"],
    );
    this.#durations = parts.metrics.histograms(
      "tsinkd_http_request_seconds",
      "Time from a request's head to its answer, by path.",
      ["path"],
    );
    this.#v1Written = this.#requests.with("/write", "204");
    this.#v1Duration = this.#durations.with("/write");
  }

  /** Requests that are being answered. */
  get active(): number {
    return this.#active;
  }

  /** Requests for data so far: writes to `/write` and whatever a mount answers. */
  get begun(): number {
    return this.#begun;
  }

  /** Begins to serve all routes. */
  open({ writes, mounts }: OpenParts): void {
    this.#writes = writes;
    const router = new Hono();
    router.use(async (context, next) => {
      const { path, search } = splitUrl(context.req.url);
      const answer = this.#answerLiveness(context.req.raw, path, search);
      if (answer !== undefined) return answer;
      await next();
      return undefined;
    });
    for (const [path, version] of Object.entries(WRITE_PATHS)) {
      router.post(path, (context) => {
        return writes.post(context.req.raw, version, splitUrl(context.req.url).search);
      });
      router.all(path, (context) => this.#otherMethod(context.req.raw, version));
    }
    for (const each of [router, ...mounts.map((mount) => mount.router)]) {
      each.notFound((context) => this.#notFound(context.req.raw));
      each.onError((error, context) => {
        this.#parts.onError(error);
        return this.#failure(context.req.raw, 500, "internal error");
      });
    }
    this.#mounts = mounts;
    this.#router = router;
  }

  /** Goes back to 503 for everything but liveness. */
  close(): void {
    this.#router = undefined;
    this.#writes = undefined;
  }

  /** Answers one request; never rejects. */
  async fetch(request: Request): Promise<Response> {
    const started = this.#parts.monotonic();
    const { path, search } = splitUrl(request.url);
    let response: Response;
    this.#active++;
    try {
      if (path === "/write" && request.method === "POST" && this.#writes !== undefined) {
        this.#begun++;
        response = await this.#writes.post(request, "v1", search);
        if (response.status === 204) {
          this.#v1Written.add();
          this.#v1Duration.observe((this.#parts.monotonic() - started) / 1_000);
          return response;
        }
      } else if (this.#router !== undefined) {
        const mount = this.#mountOf(path);
        if (mount !== undefined) this.#begun++;
        response = await (mount?.exact(request, path) ??
          (mount?.router ?? this.#router).fetch(request));
      } else {
        response = this.#answerLiveness(request, path, search) ?? this.#notReady(request, path);
      }
    } finally {
      this.#active--;
    }
    this.#count(COUNTED_PATHS.has(path) ? path : "other", response.status, started);
    return response;
  }

  /** Counts an answer; for a success no key is put together. */
  #count(path: string, status: number, started: number): void {
    let duration = this.#timed.get(path);
    if (duration === undefined) this.#timed.set(path, duration = this.#durations.with(path));
    duration.observe((this.#parts.monotonic() - started) / 1_000);
    if (status !== 200) return this.#requests.with(path, String(status)).add();
    let counter = this.#succeeded.get(path);
    if (counter === undefined) {
      this.#succeeded.set(path, counter = this.#requests.with(path, "200"));
    }
    counter.add();
  }

  #mountOf(path: string): Mount | undefined {
    for (const mount of this.#mounts) {
      for (const prefix of mount.prefixes) if (path.startsWith(prefix)) return mount;
    }
    return undefined;
  }

  #answerLiveness(request: Request, path: string, search: string): Response | undefined {
    const { replies, state, now, metrics } = this.#parts;
    const parts = { replies, state, now, renderMetrics: () => metrics.render() };
    return answerLiveness(parts, request, path, search);
  }

  #otherMethod(request: Request, version: ApiVersion): Response {
    const { replies } = this.#parts;
    if (request.method === "OPTIONS") return replies.options(request, WRITE_METHODS);
    return replies.failure(request, version, {
      status: 405,
      message: "Method not allowed",
      headers: { Allow: WRITE_METHODS },
    });
  }

  #notFound(request: Request): Response {
    if (request.method === "OPTIONS") {
      return this.#parts.replies.options(request, "DELETE, GET, OPTIONS, POST, PUT, PATCH");
    }
    return this.#failure(request, 404, "path not found");
  }

  #notReady(request: Request, path: string): Response {
    const { replies, state } = this.#parts;
    const version = formOf(path);
    if (version !== "v2") {
      return replies.failure(request, version, { status: 503, message: state().phase });
    }
    const failure = { status: 503, message: state().phase };
    const headers = replies.failure(request, "v2", failure).headers;
    return new Response(`${JSON.stringify({ status: state().phase })}\n`, { status: 503, headers });
  }

  #failure(request: Request, status: number, message: string): Response {
    const { path } = splitUrl(request.url);
    return this.#parts.replies.failure(request, formOf(path), { status, message });
  }
}

/** Which version's error form a path gets. */
function formOf(path: string): ApiVersion {
  if (path.startsWith("/api/v2/") || path.startsWith("/influx/api/v2/")) return "v2";
  return path.startsWith("/api/v3/") || path.startsWith("/influx/api/v3/") ? "v3" : "v1";
}

/** Path and query string of an absolute URL, without parsing the rest of it. */
function splitUrl(url: string): { readonly path: string; readonly search: string } {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const mark = url.indexOf("?", start);
  return mark < 0
    ? { path: url.slice(start), search: "" }
    : { path: url.slice(start, mark), search: url.slice(mark + 1) };
}
