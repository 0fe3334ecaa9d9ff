/** Heavy queries in the worker of the executable: the same answers, errors and limits as on the event loop. */
import { expect, test } from "bun:test";
import { cpuLines } from "../support/bench_lines.ts";
import { limitMs } from "../support/chaos_budget.ts";
import {
  type DaemonProcess,
  startDaemon,
  stopDaemon,
  TestDirectory,
} from "../support/daemon_process.ts";

const HOSTS = 300;
const HOURS = 1 / 20;
const TIME = "2026-01-01T00:03:00Z";
const RANGE = { start: "2026-01-01T00:00:30Z", end: TIME, step: "15" };

const ALL = '{__name__=~"cpu_usage_.+"}';
const REQUESTS: readonly (readonly [path: string, parameters: Readonly<Record<string, string>>])[] =
  [
    ["query", { query: ALL, time: TIME }],
    ["query", { query: `${ALL}[1m]`, time: TIME }],
    ["query", { query: `topk(7, ${ALL})`, time: TIME, limit: "3" }],
    ["query_range", { query: `sum by (region) (rate(cpu_usage_user[1m]))`, ...RANGE }],
    ["query_range", { query: `quantile by (rack) (0.9, ${ALL})`, ...RANGE }],
    ["query_range", { query: "cpu_usage_user > cpu_usage_system", ...RANGE }],
    ["query_range", {
      query: "label_replace(cpu_usage_idle, 'x', '$1', 'hostname', '(.*)')",
      ...RANGE,
    }],
    ["query_range", { query: `max_over_time(cpu_usage_user[30s:5s])`, ...RANGE }],
    // Errors and annotations.
    ["query", { query: `label_replace(${ALL}, "hostname", "x", "", "")`, time: TIME }],
    ["query", { query: `${ALL} + on () cpu_usage_user`, time: TIME }],
    ["query_range", { query: "quantile(7, cpu_usage_user)", ...RANGE }],
    ["query_range", { query: "rate(cpu_usage_user[step() - 60s])", ...RANGE }],
  ];

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function ask(url: string, path: string, parameters: Record<string, string>): Promise<Answer> {
  const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  return { status: response.status, text: await response.text() };
}

async function answersOf(daemon: DaemonProcess): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const [path, parameters] of REQUESTS) answers.push(await ask(daemon.url, path, parameters));
  return answers;
}

async function metric(daemon: DaemonProcess, name: string): Promise<number> {
  const text = await (await fetch(`${daemon.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}

async function write(daemon: DaemonProcess, body: Uint8Array): Promise<void> {
  expect((await fetch(`${daemon.url}/write`, { method: "POST", body: body.slice() })).status).toBe(
    204,
  );
}

test("the worker answers as the event loop does, from segments and from the head", async () => {
  using directory = new TestDirectory();
  const lines = cpuLines(HOSTS, HOURS);
  const half = lines.lastIndexOf(10, lines.length / 2) + 1;
  const flags = ["--admin-api", "true"];
  let daemon = await startDaemon(directory.path, [...flags, "--query-worker-samples", "0"]);
  await write(daemon, lines.slice(0, half));
  await fetch(`${daemon.url}/api/v1/admin/flush`, { method: "POST" });
  await write(daemon, lines.slice(half));
  const expected = await answersOf(daemon);
  expect(await metric(daemon, "tsinkd_heavy_queries_total")).toBe(0);
  expect(await stopDaemon(daemon)).toBe(0);

  daemon = await startDaemon(directory.path, [...flags, "--query-worker-samples", "1"]);
  expect(await answersOf(daemon)).toEqual(expected);
  expect(await metric(daemon, "tsinkd_heavy_queries_total")).toBeGreaterThan(REQUESTS.length - 3);
  expect(await metric(daemon, "tsinkd_query_worker")).toBe(1);
  // Many at once take turns; clients that go away cancel theirs.
  const [path, parameters] = REQUESTS[0]!;
  const url = `${daemon.url}/api/v1/${path}?${new URLSearchParams(parameters)}`;
  const gone = Array.from({ length: 6 }, async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    await fetch(url, { signal: controller.signal }).then((each) => each.text()).catch(() => {});
  });
  const kept = Array.from({ length: 6 }, () => ask(daemon.url, path, parameters));
  await Promise.all(gone);
  for (const answer of await Promise.all(kept)) expect(answer).toEqual(expected[0]!);
  while (await metric(daemon, "tsinkd_query_memory_bytes") > 0) await Bun.sleep(10);
  expect(await stopDaemon(daemon)).toBe(0);
}, limitMs(12_000));

test("a worker reads what compaction has put together and deletions have left", async () => {
  using directory = new TestDirectory();
  const flags = ["--admin-api", "true", "--query-worker-samples", "1"];
  const daemon = await startDaemon(directory.path, flags);
  await write(daemon, cpuLines(HOSTS, HOURS));
  const count = async () => {
    const { text } = await ask(daemon.url, "query", {
      query: "count(count_over_time(cpu_usage_user[3m]))",
      time: TIME,
    });
    return Number(/"(\d+)"\]\}/.exec(text)?.[1]);
  };
  expect(await count()).toBe(HOSTS);
  await fetch(`${daemon.url}/api/v1/admin/compact`, { method: "POST" });
  expect(await count()).toBe(HOSTS);
  const selector = 'cpu_usage_user{hostname=~"host_[0-9]"}';
  const path = `/api/v1/admin/tsdb/delete_series?${new URLSearchParams({ "match[]": selector })}`;
  await fetch(daemon.url + path, { method: "POST" });
  expect(await count()).toBe(HOSTS - 10);
  await fetch(`${daemon.url}/api/v1/admin/compact`, { method: "POST" });
  expect(await count()).toBe(HOSTS - 10);
  expect(await stopDaemon(daemon)).toBe(0);
}, limitMs(12_000));
