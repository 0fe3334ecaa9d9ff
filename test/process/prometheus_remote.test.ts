/**
 * A Prometheus that scrapes and sends to us, and one that reads from us: for the same queries all three give the same
 * answers, for counters, gauges, classic and native histograms, and series that vanish. Metadata arrives as well.
 */
import { expect, test } from "bun:test";
import { ask, difference } from "../support/compare_answers.ts";
import {
  type DaemonProcess,
  queryValues,
  startDaemon,
  stopDaemon,
  TestDirectory,
  until,
} from "../support/daemon_process.ts";
import {
  PROMETHEUS,
  type PrometheusProcess,
  remoteWrite,
  startPrometheus,
} from "../support/prometheus_process.ts";
import type { HistogramSample } from "../../src/ingest/remote_histogram.ts";

const SCRAPES = 8;
/** Scrapes after which a series is no longer there. */
const VANISHES_AFTER = 3;
const NATIVE_SAMPLES = 6;
const PATIENCE_MS = 45_000;

/** What a program would show at its `count`th scrape. Counters are far from 0, near which releases extrapolate differently. */
function exposition(count: number): string {
  const lines = [
    "# HELP orders_total Orders taken.",
    "# TYPE orders_total counter",
    `orders_total{shop="north"} ${count * 7 + 1_000}`,
    `orders_total{shop="south \\"2\\""} ${count % 5 + 1_000}`,
    "# HELP queue Length of the queue.",
    "# TYPE queue gauge",
    `queue ${count % 2 === 0 ? "NaN" : -count / 3}`,
    "# TYPE wait_seconds histogram",
    ...["0.1", "1", "+Inf"].map((le, at) => `wait_seconds_bucket{le="${le}"} ${count * (at + 1)}`),
    `wait_seconds_sum ${count * 1.25}`,
    `wait_seconds_count ${count * 3}`,
  ];
  if (count <= VANISHES_AFTER) lines.push("# TYPE fleeting gauge", `fleeting{letter="ü"} ${count}`);
  return lines.join("\n") + "\n";
}

function serveTarget(): { readonly address: string; readonly scrapes: () => number; stop(): void } {
  let count = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () =>
      new Response(exposition(++count), {
        headers: { "Content-Type": "text/plain; version=0.0.4" },
      }),
  });
  return {
    address: `127.0.0.1:${server.port}`,
    scrapes: () => count,
    stop: () => void server.stop(true),
  };
}

function native(count: number): HistogramSample {
  return {
    schema: 2,
    hint: "unknown",
    zeroThreshold: 0.001,
    zeroCount: count,
    count: count * 7,
    sum: count * 11.5,
    positive: {
      indices: Int32Array.of(-3, -2, 4),
      counts: Float64Array.of(count, 2 * count, count),
    },
    negative: { indices: Int32Array.of(0), counts: Float64Array.of(2 * count) },
    customValues: new Float64Array(0),
  };
}

function sender(tsinkd: string, target: string): (own: string) => string {
  return (own) => `
global: { scrape_interval: 500ms, scrape_timeout: 400ms }
scrape_configs:
  - { job_name: prometheus, static_configs: [{ targets: ["${own}"] }] }
  - { job_name: shop, static_configs: [{ targets: ["${target}"] }] }
remote_write:
  - url: ${tsinkd}/api/v1/write
    send_native_histograms: true
    queue_config: { batch_send_deadline: 200ms, max_shards: 1 }
    metadata_config: { send_interval: 1s }
`;
}

const reader = (tsinkd: string): string => `
remote_read:
  - { url: ${tsinkd}/api/v1/read, read_recent: true }
`;

const QUERIES = [
  "orders_total",
  'orders_total{shop=~"south.*"}',
  "rate(orders_total[4s])",
  "increase(orders_total[3s])",
  "resets(orders_total[10s])",
  "queue",
  "avg_over_time(queue[5s])",
  "fleeting",
  "count_over_time(fleeting[20s])",
  "absent(fleeting)",
  "histogram_quantile(0.9, rate(wait_seconds_bucket[5s]))",
  "sum by (job) (up)",
  "scrape_samples_scraped",
  'sum by (code) (prometheus_http_requests_total{handler="/metrics"})',
  "count by (__name__) ({job='prometheus'})",
  "topk(3, prometheus_http_request_duration_seconds_sum)",
  "max_over_time(sum(rate(prometheus_tsdb_head_samples_appended_total[2s]))[6s:1s])",
  "go_goroutines + on (instance, job) group_left () up",
] as const;

/** Prometheus 2.42 sends histograms but does not read them, from another Prometheus neither. */
const HISTOGRAM_QUERIES = [
  "native",
  "histogram_count(native)",
  "histogram_sum(rate(native[4s]))",
  "sum(increase(native[5s]))",
] as const;

/** A moment within the scraped time at which no sample lies, nor one of the ranges' ends. */
async function quietMoment(url: string): Promise<number> {
  const taken = [...(await queryValues(url, "timestamp(up)")).values()]
    .map((seconds) => Math.round(seconds * 1000) % 500);
  const phase = Array.from({ length: 500 }, (_, at) => at)
    .find((at) => taken.every((one) => Math.abs(one - at) > 40 && Math.abs(one - at) < 460))!;
  return (Math.floor(Date.now() / 500) * 500 - 1_000 + phase) / 1000;
}

async function waitForSamples(
  daemon: DaemonProcess,
  prometheus: PrometheusProcess,
  atS: number,
): Promise<void> {
  // One shard sends in order, and a scrape ends with the samples that report on it.
  const query = ["scrape_series_added", "native"]
    .map((name) => `sum(count_over_time(${name}[10m]))`).join(" + ");
  const expected = await ask(prometheus.url, { query, time: String(atS) });
  await until(
    async () =>
      difference(await ask(daemon.url, { query, time: String(atS) }), expected) === undefined,
    "all samples to arrive",
    PATIENCE_MS,
  );
}

/** Asks each query at a moment and over the six seconds before it. */
async function differencesFrom(
  expectedUrl: string,
  servers: Readonly<Record<string, string>>,
  queries: readonly string[],
  atS: number,
): Promise<string[]> {
  const differences: string[] = [];
  for (const query of queries) {
    const choices = [
      { query, time: String(atS) },
      { query, start: String(atS - 6), end: String(atS), step: "0.5" },
    ];
    for (const parameters of choices) {
      const expected = await ask(expectedUrl, parameters);
      expect(expected.status).toBe(200);
      for (const [name, url] of Object.entries(servers)) {
        const found = difference(await ask(url, parameters), expected);
        if (found !== undefined) differences.push(`${name} ${JSON.stringify(parameters)} ${found}`);
      }
    }
  }
  return differences;
}

test.skipIf(PROMETHEUS === undefined)(
  "Prometheus sends to us and reads from us",
  async () => {
    using directory = new TestDirectory();
    const daemon = await startDaemon(directory.path);
    const target = serveTarget();
    await using sending = await startPrometheus(
      directory,
      "sending",
      sender(daemon.url, target.address),
    );
    await using reading = await startPrometheus(directory, "reading", () => reader(daemon.url));
    for (let count = 1; count <= NATIVE_SAMPLES; count++) {
      const histograms = [[Date.now(), native(count + 200)] as const];
      await remoteWrite(sending.url, [{ labels: [["__name__", "native"]], histograms }]);
      await Bun.sleep(500);
    }
    await until(() => target.scrapes() > SCRAPES, "scrapes", PATIENCE_MS);
    const atS = await quietMoment(sending.url);
    await waitForSamples(daemon, sending, atS);

    const both = { ours: daemon.url, read: reading.url };
    const differences = [
      ...await differencesFrom(sending.url, both, QUERIES, atS),
      ...await differencesFrom(sending.url, { ours: daemon.url }, HISTOGRAM_QUERIES, atS),
    ];
    const metadata = await (await fetch(`${daemon.url}/api/v1/metadata?metric=queue`)).json();
    expect(metadata).toEqual({
      status: "success",
      data: { queue: [{ type: "gauge", help: "Length of the queue.", unit: "" }] },
    });
    target.stop();
    expect(differences.join("\n")).toBe("");
    await stopDaemon(daemon);
  },
  120_000,
);
