/**
 * Queries while everything moves: writers, flushes, compactions, little memory. Every answer over what was acknowledged
 * before the question is known exactly, and is checked.
 */
import { expect, test } from "bun:test";
import { budgetMs, choices, limitMs } from "../support/chaos_budget.ts";
import {
  type DaemonProcess,
  queryValues,
  startDaemon,
  stopDaemon,
  TestDirectory,
} from "../support/daemon_process.ts";
import { accountForAll, LineLoad } from "../support/line_load.ts";
import type { SeededRandom } from "../support/seeded_random.ts";

const SHORT_MS = 4_000;
const START_MS = 1_760_000_000_000;
const STEP_MS = 20;
const QUERIERS = 4;
const COUNTS_MAX = 20_000;
const FLAGS = [
  "--admin-api",
  "true",
  "--wal-file-size",
  "256K",
  "--flush-points",
  "20000",
  "--partition",
  "10m",
  "--memory-limit",
  "24M",
  "--block-cache",
  "1M",
];

/** Counts `first ..= last` of a writer, all acknowledged. */
interface Window {
  readonly load: LineLoad;
  readonly first: number;
  readonly last: number;
}

type Check = (url: string, window: Window) => Promise<void>;

/** Seconds of a count's time. */
function timeOf({ load }: Window, count: number): number {
  return (load.options.startMs + count * STEP_MS) / 1_000;
}

function differs(what: string, window: Window, got: unknown, wanted: unknown): Error {
  const { load, first, last } = window;
  const where = `${load.options.writer} ${first}..${last}`;
  return new Error(`${what} of ${where} is ${String(got)}, not ${String(wanted)}`);
}

/** A function over the window by one instant query, against its value. */
function overTime(name: string, value: (first: number, last: number) => number): Check {
  return async (url, window) => {
    const { load, first, last } = window;
    const range = `${(last - first) * STEP_MS + 1}ms`;
    const query = `${name}(load{writer="${load.options.writer}"}[${range}] @ ${
      timeOf(window, last).toFixed(3)
    })`;
    const got = [...(await queryValues(url, query)).values()];
    const wanted = value(first, last);
    if (got.length !== 1 || Math.abs(got[0]! - wanted) > Math.abs(wanted) * 1e-12) {
      throw differs(name, window, got, wanted);
    }
  };
}

interface MatrixAnswer {
  readonly error?: string;
  readonly data?: { readonly result: readonly { readonly values: readonly [number, string][] }[] };
}

async function askMatrix(url: string, path: string, parameters: Record<string, string>) {
  const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const answer = await response.json() as MatrixAnswer;
  if (answer.data === undefined) throw new Error(`${JSON.stringify(parameters)}: ${answer.error}`);
  return answer.data.result;
}

const rawSamples: Check = async (url, window) => {
  const { load, first, last } = window;
  const time = timeOf(window, last).toFixed(3);
  const query = `load_square{writer="${load.options.writer}"}[${(last - first) * STEP_MS + 1}ms]`;
  const [series] = await askMatrix(url, "query", { query, time });
  const values = series?.values ?? [];
  if (values.length !== last - first + 1) {
    throw differs("number of samples", window, values.length, last - first + 1);
  }
  for (const [index, [, value]] of values.entries()) {
    const count = first + index;
    if (Number(value) !== count * count) throw differs("sample", window, value, count * count);
  }
};

const rangeQuery: Check = async (url, window) => {
  const { load, first, last } = window;
  const step = Math.max(1, Math.floor((last - first) / 50));
  const [series] = await askMatrix(url, "query_range", {
    query: `load{writer="${load.options.writer}"}`,
    start: timeOf(window, first).toFixed(3),
    end: timeOf(window, last).toFixed(3),
    step: `${step * STEP_MS}ms`,
  });
  const values = series?.values ?? [];
  const wanted = Math.floor((last - first) / step) + 1;
  if (values.length !== wanted) throw differs("number of steps", window, values.length, wanted);
  for (const [index, [, value]] of values.entries()) {
    const count = first + index * step;
    if (Number(value) !== count) throw differs("step", window, value, count);
  }
};

const CHECKS: readonly Check[] = [
  rawSamples,
  rangeQuery,
  overTime("count_over_time", (first, last) => last - first + 1),
  overTime("sum_over_time", (first, last) => (first + last) * (last - first + 1) / 2),
  overTime("max_over_time", (_, last) => last),
  overTime("min_over_time", (first) => first),
  overTime("changes", (first, last) => last - first),
];

/** Asks until `isOver`; returns how many answers were right. */
async function ask(
  daemon: DaemonProcess,
  loads: readonly LineLoad[],
  random: SeededRandom,
  isOver: () => boolean,
): Promise<number> {
  let answers = 0;
  while (!isOver()) {
    const load = random.pick(loads);
    const end = load.acknowledged.at(-1)?.end ?? 0;
    if (end === 0) {
      await Bun.sleep(5);
      continue;
    }
    const length = 1 + random.below(Math.min(end, COUNTS_MAX));
    const first = random.below(end - length + 1);
    await random.pick(CHECKS)(daemon.url, { load, first, last: first + length - 1 });
    answers++;
  }
  return answers;
}

async function maintain(daemon: DaemonProcess, isOver: () => boolean): Promise<void> {
  for (let turn = 0; !isOver(); turn++) {
    const path = turn % 5 === 4 ? "compact" : "flush";
    const response = await fetch(`${daemon.url}/api/v1/admin/${path}`, { method: "POST" });
    await response.arrayBuffer();
    await Bun.sleep(150);
  }
}

test("answers are right while data is written, flushed and compacted", async () => {
  using directory = new TestDirectory();
  const { random, failure } = choices("chaos_queries");
  const daemon = await startDaemon(directory.path, FLAGS);
  const loads = (["v1", "v2", "gzip"] as const).map((protocol, index) =>
    new LineLoad({
      protocol,
      writer: protocol,
      linesPerBatch: 100 + 50 * index,
      startMs: START_MS - index * 86_400_000,
      stepMs: STEP_MS,
      pauseMs: 5,
    })
  );
  let over = false;
  const isOver = () => over;
  const running = Promise.all(loads.map((load) => load.run(daemon)));
  const asking = Array.from({ length: QUERIERS }, () => ask(daemon, loads, random, isOver));
  const maintaining = maintain(daemon, isOver);
  const timer = setTimeout(() => over = true, budgetMs(SHORT_MS));
  try {
    const answers = (await Promise.all(asking)).reduce((sum, each) => sum + each, 0);
    expect(answers).toBeGreaterThan(QUERIERS);
    for (const load of loads) load.stop();
    await Promise.all([running, maintaining]);
    for (const load of loads) expect([...load.refusals]).toEqual([]);
    const points = await accountForAll(daemon.url, loads);
    console.log(`${answers} right answers over ${points} points`);
    expect(await stopDaemon(daemon)).toBe(0);
  } catch (error) {
    throw failure(error, `${daemon.output()}\n`);
  } finally {
    over = true;
    clearTimeout(timer);
    for (const load of loads) load.stop();
  }
}, limitMs(SHORT_MS));
