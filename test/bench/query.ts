/**
 * PromQL over the engine, without a network: the shapes of the TSBS DevOps queries and of dashboards.
 * Usage: bun test/bench/query.ts [FILE HOURS [RUNS [fresh]]]; FILE is cpu data in line protocol from 2026-01-01T00:00:05Z in
 * steps of 10 s; without it 100 hosts and 24 h are made. `fresh` leaves the data in the head, as it was written.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { LineScanner, openDatabase } from "../../engine/mod.ts";
import { EngineQueryable } from "../../src/promql/engine_queryable.ts";
import { QueryEngine } from "../../src/promql/query_engine.ts";
import { cpuLines } from "../support/bench_lines.ts";

const [file, hoursText = "24", runsText = "10", state] = process.argv.slice(2);
const HOUR = 3_600_000;
const MINUTE = 60_000;
const start = Date.UTC(2026, 0, 1);
const end = start + Number(hoursText) * HOUR;
const isDay = Number(hoursText) >= 24;
const wide = isDay ? 12 * HOUR : HOUR;
const bucket = isDay ? HOUR : 5 * MINUTE;
const FIELDS = "user system idle nice iowait irq softirq steal guest guest_nice".split(" ");

const directory = mkdtempSync(join(tmpdir(), "tsinkd-query-"));
try {
  await run();
} finally {
  rmSync(directory, { recursive: true });
}

async function run(): Promise<void> {
  const database = await openDatabase({ path: directory });
  await load(database);
  const engine = new QueryEngine({ queryable: new EngineQueryable(database) });
  const window = bucket / MINUTE;
  const double = (fields: number) =>
    FIELDS.slice(0, fields).map((field) =>
      `label_replace(avg by (hostname) (avg_over_time(cpu_usage_${field}[${window}m])),"f","${field}","","")`
    ).join(" or ");
  const some = (count: number) =>
    Array.from({ length: count }, (_, i) => `host_${i * 7}`).join("|");
  const range = (text: string, startMs: number, endMs: number, stepMs: number) => () =>
    engine.range(text, { startMs, endMs, stepMs }, {});
  const cases: Record<string, () => Promise<unknown>> = {
    "single-groupby-1-1-1": range(
      'max by () (max_over_time(cpu_usage_user{hostname="host_3"}[1m]))',
      start + HOUR,
      start + 2 * HOUR,
      MINUTE,
    ),
    "single-groupby-5-8-1": range(
      FIELDS.slice(0, 5).map((field) =>
        `label_replace(max by () (max_over_time(cpu_usage_${field}{hostname=~"${
          some(8)
        }"}[1m])),"f","${field}","","")`
      ).join(" or "),
      start + HOUR,
      start + 2 * HOUR,
      MINUTE,
    ),
    "double-groupby-1": range(double(1), start + bucket, start + wide, bucket),
    "double-groupby-all": range(double(10), start + bucket, start + wide, bucket),
    "high-cpu-all": range("cpu_usage_user > 90", start + 10_000, start + wide, 10_000),
    "lastpoint": () => engine.instant('{__name__=~"cpu_usage_.+"}', end - MINUTE, {}),
    "groupby-orderby-limit": range(
      "max by () (max_over_time(cpu_usage_user[1m]))",
      end - 4 * MINUTE,
      end,
      MINUTE,
    ),
    "dash-rate-all-hosts": range(
      `sum by (hostname) (rate(cpu_usage_user[${isDay ? 5 : 1}m]))`,
      start + 5 * MINUTE,
      end,
      isDay ? 5 * MINUTE : MINUTE,
    ),
    "dash-topk-10": () => engine.instant("topk(10, avg_over_time(cpu_usage_user[1h]))", end, {}),
    "dash-quantile-95": range(
      `max by (hostname) (quantile_over_time(0.95,cpu_usage_user[${window}m]))`,
      start + bucket,
      start + wide,
      bucket,
    ),
  };
  for (const [name, query] of Object.entries(cases)) await measure(name, query);
  await database.close();
}

async function measure(name: string, query: () => Promise<unknown>): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < Number(runsText) + 2; i++) {
    const began = performance.now();
    await query();
    if (i >= 2) times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1]!;
  console.log(`${name.padEnd(24)} ${median.toFixed(2)} ms (best ${times[0]!.toFixed(2)})`);
}

async function load(database: Awaited<ReturnType<typeof openDatabase>>): Promise<void> {
  const scanner = new LineScanner(database.kernels, database.settings.timeUnit);
  const text = file === undefined ? cpuLines(100, 24) : readFileSync(file);
  for (let from = 0; from < text.length;) {
    const cut = from + (4 << 20) >= text.length
      ? text.length
      : text.lastIndexOf(10, from + (4 << 20)) + 1;
    await database.admit();
    scanner.scan(text.subarray(from, cut), {
      unit: "ns",
      nowNs: 0n,
      write: () => void database.write("appended"),
    });
    await new Promise((resolve) => setTimeout(resolve, 0));
    from = cut;
  }
  if (state !== "fresh") await database.compact();
}
