/**
 * Health checks and writes beside heavy queries: none waits for a query, whatever the query does. The clients of the queries
 * are processes of their own, so that their work is not taken for the daemon's.
 */
import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { cpuLines } from "../support/bench_lines.ts";
import { budgetMs, limitMs } from "../support/chaos_budget.ts";
import { startDaemon, stopDaemon, TestDirectory } from "../support/daemon_process.ts";

const CLIENT = join(import.meta.dir, "../support/repeated_request.ts");
const SHORT_MS = 12_000;
const HOSTS = 6_000;
const HOURS = 1 / 60;
const TIME = "2026-01-01T00:01:00Z";
const CHUNK_BYTES = 4 << 20;
const PAUSE_MS = 5;
/**
 * What 99 of 100 requests must not take. A slice of a query is 5 ms and a write takes some of them; the rest is for machines
 * that are busy otherwise. Undivided, each of these queries would keep others waiting longer.
 */
const WAIT_MS_MAX = 250;

const ALL = '{__name__=~"cpu_usage_.+"}';
const instant = (query: string) => ["query", { query, time: TIME }] as const;

const HEAVY = [
  { name: "everything", request: instant(ALL) },
  { name: "sorted", request: instant(`sort(${ALL})`) },
  { name: "relabelled", request: instant(`label_replace(${ALL}, "x", "$1", "hostname", "(.*)")`) },
  { name: "without data", request: instant(`${ALL} offset 1d`) },
  {
    name: "a range",
    request: ["query_range", {
      query: `${ALL} and ${ALL} > 50`,
      start: "2026-01-01T00:00:05Z",
      end: TIME,
      step: "5",
    }] as const,
  },
  { name: "listed", request: ["series", { "match[]": ALL }] as const },
  { name: "deleted", request: ["admin/tsdb/delete_series", { "match[]": ALL }] as const },
];

/** Milliseconds that requests took, one after the other with pauses, until `isOver`; ascending. */
async function waits(request: () => Promise<Response>, isOver: () => boolean): Promise<number[]> {
  const found: number[] = [];
  while (!isOver()) {
    const began = performance.now();
    const response = await request();
    await response.arrayBuffer();
    found.push(performance.now() - began);
    expect(response.ok).toBe(true);
    await Bun.sleep(PAUSE_MS);
  }
  return found.sort((left, right) => left - right);
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

function summary(sorted: readonly number[]): string {
  return [0.5, 0.95, 0.99, 1].map((share) => at(sorted, share).toFixed(0)).join("/");
}

async function load(url: string): Promise<void> {
  const lines = cpuLines(HOSTS, HOURS);
  for (let start = 0; start < lines.length;) {
    const end = start + CHUNK_BYTES < lines.length
      ? lines.lastIndexOf(10, start + CHUNK_BYTES) + 1
      : lines.length;
    const body = lines.slice(start, end);
    expect((await fetch(`${url}/write`, { method: "POST", body })).status).toBe(204);
    start = end;
  }
}

test("health checks and writes do not wait for heavy queries", async () => {
  using directory = new TestDirectory();
  const daemon = await startDaemon(directory.path, ["--admin-api", "true"]);
  await load(daemon.url);
  for (const { name, request: [path, parameters] } of HEAVY) {
    const body = new URLSearchParams(parameters).toString();
    const client = spawn(process.execPath, [CLIENT, `${daemon.url}/api/v1/${path}`, body], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let answers = "";
    client.stdout.on("data", (bytes) => answers += String(bytes));
    try {
      const end = performance.now() + budgetMs(SHORT_MS) / HEAVY.length;
      const isOver = () => performance.now() > end && answers !== "";
      const [health, writes] = await Promise.all([
        waits(() => fetch(`${daemon.url}/health`), isOver),
        waits(() => fetch(`${daemon.url}/write`, { method: "POST", body: "beside v=1" }), isOver),
      ]);
      const count = answers.split("\n").length - 1;
      console.log(
        `${name}: ${count} answers, p50/p95/p99/max ms: health ${summary(health)}, writes ${
          summary(writes)
        }`,
      );
      expect(answers).toMatch(/^(20[04] \d+\n)+$/);
      expect(at(health, 0.99)).toBeLessThan(WAIT_MS_MAX);
      expect(at(writes, 0.99)).toBeLessThan(WAIT_MS_MAX);
    } finally {
      client.kill();
    }
  }
  expect(await stopDaemon(daemon)).toBe(0);
}, limitMs(SHORT_MS));
