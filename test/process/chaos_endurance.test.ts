/**
 * Steady load with retention on, compressed in time: partitions of a second, kept for some seconds. Memory, descriptors,
 * threads, files and bytes come to a level and stay there; what a batch costs, and how many bytes are written for a point,
 * does not grow with what is stored.
 */
import { expect, test } from "bun:test";
import { budgetMs, limitMs } from "../support/chaos_budget.ts";
import {
  type DaemonProcess,
  querySum,
  startDaemon,
  stopDaemon,
  TestDirectory,
} from "../support/daemon_process.ts";
import {
  cpuSeconds,
  directoryContent,
  metricValue,
  openDescriptors,
  residentBytes,
  threads,
} from "../support/process_figures.ts";

const SHORT_MS = 8_000;
const HOSTS = 200;
const RETENTION_MS = 4_000;
const STEP_MS = 10;
/** Steps of all hosts in one request. */
const STEPS_PER_BATCH = 5;
/** What has expired goes, but for what a copy that was begun may need for some seconds; log files are used again. */
const FILES_MAX = 60;
const BYTES_MAX = 16e6;
/** A point is 16 bytes before it is packed; log, flush and merges together write less. */
const WRITTEN_BYTES_MAX = 16;
const FLAGS = [
  "--memory-limit",
  "32M",
  "--partition",
  "1s",
  "--retention",
  "4s",
  "--flush-points",
  "50000",
  // What merges and flushes leave would still be growing at the end.
  "--obsolete-keep",
  "1s",
  "--flush-idle",
  "500ms",
  "--wal-file-size",
  "1M",
];

interface Figures {
  readonly residentBytes: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly files: number;
  readonly bytes: number;
  readonly cpuMsPerBatch: number;
  /** By the log, by flushes and by merges. */
  readonly writtenBytesPerPoint: number;
}

/** Counters of the daemon. */
async function readCounters(url: string): Promise<{ written: number; expired: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string) => metricValue(text, `tsinkd_${name}_total`) ?? NaN;
  const written = value("wal_appended_bytes") + value("flush_bytes") +
    value("compaction_written_bytes");
  return { written, expired: value("expired_segments") };
}

function batchOf(stepIndex: number, startMs: number): string {
  let text = "";
  for (let step = stepIndex; step < stepIndex + STEPS_PER_BATCH; step++) {
    const time = startMs + step * STEP_MS;
    for (let host = 0; host < HOSTS; host++) {
      text += `steady,host=h${host} value=${(step * 7 + host * 13) % 1_000} ${time}\n`;
    }
  }
  return text;
}

/** Writes for a while and returns the figures of that while: the middle one of some samples. */
async function measure(
  daemon: DaemonProcess,
  directory: string,
  milliseconds: number,
  write: () => Promise<void>,
): Promise<Figures> {
  const pid = daemon.process.pid!;
  const samples: Omit<Figures, "writtenBytesPerPoint">[] = [];
  const before = await readCounters(daemon.url);
  let batches = 0;
  const until = performance.now() + milliseconds;
  while (performance.now() < until) {
    const cpuBefore = cpuSeconds(pid);
    const sampleEnd = Math.min(until, performance.now() + milliseconds / 5);
    let sampleBatches = 0;
    while (performance.now() < sampleEnd) {
      await write();
      sampleBatches++;
    }
    batches += sampleBatches;
    const { files, bytes } = directoryContent(directory);
    samples.push({
      residentBytes: residentBytes(pid),
      descriptors: openDescriptors(pid),
      threads: threads(pid),
      files,
      bytes,
      cpuMsPerBatch: (cpuSeconds(pid) - cpuBefore) * 1_000 / sampleBatches,
    });
  }
  const after = await readCounters(daemon.url);
  const middle = (name: Exclude<keyof Figures, "writtenBytesPerPoint">) => {
    const sorted = samples.map((sample) => sample[name]).sort((a, b) => a - b);
    return sorted[sorted.length >> 1]!;
  };
  return {
    residentBytes: middle("residentBytes"),
    descriptors: middle("descriptors"),
    threads: middle("threads"),
    files: middle("files"),
    bytes: middle("bytes"),
    cpuMsPerBatch: middle("cpuMsPerBatch"),
    writtenBytesPerPoint: (after.written - before.written) / (batches * HOSTS * STEPS_PER_BATCH),
  };
}

function show(figures: Figures): string {
  const { residentBytes, descriptors, threads, files, bytes } = figures;
  const { cpuMsPerBatch, writtenBytesPerPoint } = figures;
  return `${(residentBytes / 1e6).toFixed(0)} MB resident, ${descriptors} descriptors, ` +
    `${threads} threads, ${files} files, ${(bytes / 1e6).toFixed(1)} MB on disk, ` +
    `${cpuMsPerBatch.toFixed(2)} ms a batch, ${
      writtenBytesPerPoint.toFixed(2)
    } bytes written a point`;
}

test("steady load with retention keeps everything flat", async () => {
  using directory = new TestDirectory();
  const daemon = await startDaemon(directory.path, FLAGS);
  const startMs = Date.now();
  let step = 0;
  const write = async () => {
    const aheadMs = startMs + step * STEP_MS - Date.now();
    if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs));
    const body = batchOf(step, startMs);
    const response = await fetch(`${daemon.url}/write?precision=ms`, { method: "POST", body });
    await response.arrayBuffer();
    expect(response.status).toBe(204);
    step += STEPS_PER_BATCH;
  };
  const phaseMs = budgetMs(SHORT_MS) / 4;
  const phases: Figures[] = [];
  for (let phase = 0; phase < 4; phase++) {
    phases.push(await measure(daemon, directory.path, phaseMs, write));
    console.log(show(phases[phase]!));
  }
  const before = phases[1]!;
  const after = phases[3]!;
  console.log(`${step * HOSTS} points, ${step * STEP_MS / RETENTION_MS} times the retention`);
  expect(after.residentBytes).toBeLessThan(before.residentBytes * 1.25 + 16e6);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 10);
  expect(after.threads).toBeLessThanOrEqual(before.threads + 2);
  expect(after.files).toBeLessThan(FILES_MAX);
  expect(after.files).toBeLessThan(before.files + 20);
  expect(after.bytes).toBeLessThan(BYTES_MAX);
  expect(after.bytes).toBeLessThan(before.bytes * 1.5 + 4e6);
  expect(after.cpuMsPerBatch).toBeLessThan(before.cpuMsPerBatch * 1.6 + 2);
  expect(after.writtenBytesPerPoint).toBeLessThan(WRITTEN_BYTES_MAX);
  expect(after.writtenBytesPerPoint).toBeLessThan(before.writtenBytesPerPoint * 1.6 + 2);
  expect((await readCounters(daemon.url)).expired).toBeGreaterThan(0);
  expect(daemon.output()).not.toContain(" error ");
  expect(await querySum(daemon.url, "count(last_over_time(steady[3s]))")).toBe(HOSTS);
  expect(await stopDaemon(daemon)).toBe(0);
}, limitMs(SHORT_MS));
