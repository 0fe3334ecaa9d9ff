/** Liveness of an InfluxDB server: /ping, /health, /ready, /status, /debug/vars and the page at /. */
import { BUILD } from "../version.ts";
import type { Replies } from "./replies.ts";

/** What the process is doing, for whoever asks before it sends data. */
export interface DaemonState {
  /** `failed`: the database takes no more writes. */
  readonly phase: "starting" | "ready" | "stopping" | "failed";
  /** Why, in a sentence, when it is not ready. */
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
}

export interface LivenessParts {
  readonly replies: Replies;
  readonly state: () => DaemonState;
  readonly now: () => number;
  /** The page of /metrics. */
  readonly renderMetrics: () => string;
}

/** Answers the liveness requests; undefined for any other. */
export function answerLiveness(
  parts: LivenessParts,
  request: Request,
  path: string,
  search: string,
): Response | undefined {
  if (request.method !== "GET" && request.method !== "HEAD") return undefined;
  const { replies } = parts;
  switch (path) {
    case "/ping":
    case "/api/v2/ping":
    case "/influx/ping":
      return answerPing(replies, request, search);
    case "/health":
    case "/api/v2/health":
    case "/influx/health":
      return answerHealth(parts, request);
    case "/ready":
    case "/-/ready":
      return answerReady(parts, request);
    case "/-/healthy":
    case "/status":
      return replies.empty(request);
    case "/metrics":
      return new Response(parts.renderMetrics(), {
        headers: {
          ...replies.headers(request),
          "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
        },
      });
    case "/debug/vars":
      return answerVariables(parts, request);
    case "/":
      return replies.json(request, {
        name: "tsinkd",
        version: BUILD.version,
        status: parts.state().phase,
      });
    default:
      return undefined;
  }
}

function answerPing(replies: Replies, request: Request, search: string): Response {
  const verbose = new URLSearchParams(search).get("verbose");
  return verbose === null || verbose === "" || verbose === "0" || verbose === "false"
    ? replies.empty(request)
    : replies.json(request, { version: replies.influxVersion });
}

function answerHealth({ replies, state }: LivenessParts, request: Request): Response {
  const { phase, reason } = state();
  const healthy = phase === "ready";
  const body = {
    name: "influxdb",
    message: healthy ? "ready for queries and writes" : reason,
    status: healthy ? "pass" : "fail",
    checks: [],
    version: replies.influxVersion,
    commit: BUILD.commit,
  };
  return replies.json(request, body, healthy ? 200 : 503);
}

function answerReady({ replies, state, now }: LivenessParts, request: Request): Response {
  const { phase, startedMs } = state();
  if (phase !== "ready") return replies.json(request, { status: phase }, 503);
  return replies.json(request, {
    status: "ready",
    started: new Date(startedMs).toISOString(),
    up: formatUptime(now() - startedMs),
  });
}

/** Hours, minutes and seconds as InfluxDB writes them: `1h2m3s`. */
export function formatUptime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = `${seconds % 60}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}

function answerVariables({ replies, state, now }: LivenessParts, request: Request): Response {
  const { startedMs } = state();
  return replies.json(request, {
    system: {
      name: "system",
      tags: null,
      values: {
        currentTime: new Date(now()).toISOString(),
        started: new Date(startedMs).toISOString(),
        uptime: Math.floor((now() - startedMs) / 1_000),
      },
    },
    build: {
      name: "build",
      tags: null,
      values: {
        Version: replies.influxVersion,
        Commit: BUILD.commit,
        Branch: "",
        "Build Time": BUILD.date,
      },
    },
  });
}
