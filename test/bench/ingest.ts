/**
 * Ingest through the whole engine, without a network: lines are parsed, logged, synced in groups and applied.
 * Usage: bun test/bench/ingest.ts [cpu | sensors | FILE] [LINES_A_REQUEST] [CONNECTIONS]; prints points/s, bytes of log and
 * segments, memory. `cpu`: 100 hosts, 6 h; `sensors`: 5,000 devices, 1 h.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { LineScanner, openDatabase } from "../../engine/mod.ts";
import { cpuLines, sensorLines } from "../support/bench_lines.ts";

const [file = "cpu", linesText = "5000", connectionsText = "4"] = process.argv.slice(2);
const text = file === "cpu"
  ? cpuLines(100, 6)
  : file === "sensors"
  ? sensorLines(5_000, 1)
  : readFileSync(file);
const requests = cut(text, Number(linesText));
const directory = mkdtempSync(join(tmpdir(), "tsinkd-ingest-"));
try {
  await run();
} finally {
  rmSync(directory, { recursive: true });
}

async function run(): Promise<void> {
  const database = await openDatabase({ path: directory });
  const scanner = new LineScanner(database.kernels, database.settings.timeUnit);
  const started = performance.now();
  const cpu = process.cpuUsage();
  let next = 0;
  let points = 0;
  const connection = async () => {
    while (next < requests.length) {
      const body = requests[next++]!;
      const room = database.admit();
      if (room !== undefined) await room;
      let done: Promise<void> | undefined;
      scanner.scan(body, {
        unit: "ns",
        nowNs: 0n,
        write: () => {
          const result = database.write();
          points += result.points;
          done = result.done;
        },
      });
      await done;
    }
  };
  await Promise.all(Array.from({ length: Number(connectionsText) }, connection));
  const acked = (performance.now() - started) / 1e3;
  const used = process.cpuUsage(cpu);
  print("acknowledged", acked, points, used);
  await database.flush();
  const log = database.stats().log!;
  console.log(
    `log ${(log.appendedBytes / text.length).toFixed(4)} B per B of text, ${log.syncs} syncs`,
  );
  const flushed = database.stats();
  console.log(
    `flushes ${flushed.flush.runs}: ${(flushed.flush.bytes / points).toFixed(3)} B/point`,
  );
  await database.compact();
  const end = database.stats();
  print("all in final form", (performance.now() - started) / 1e3, points, process.cpuUsage(cpu));
  console.log(
    `segments ${end.segments.files}: ${
      (end.segments.bytes / points).toFixed(3)
    } B/point; compaction wrote ${(end.compaction.writtenBytes / points).toFixed(3)} B/point`,
  );
  console.log(
    `RSS ${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB (input of ${
      (text.length / 2 ** 20).toFixed(0)
    } MiB included)`,
  );
  await database.close();
}

function print(what: string, seconds: number, points: number, cpu: NodeJS.CpuUsage): void {
  const cpuUs = (cpu.user + cpu.system) / points;
  console.log(
    `${what}: ${(points / seconds / 1e6).toFixed(2)} M points/s, ${seconds.toFixed(2)} s, ${
      cpuUs.toFixed(3)
    } µs CPU a point`,
  );
}

function cut(text: Uint8Array, lines: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let from = 0;
  let count = 0;
  for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, at + 1)) {
    if (++count % lines !== 0) continue;
    parts.push(text.subarray(from, at + 1));
    from = at + 1;
  }
  if (from < text.length) parts.push(text.subarray(from));
  return parts;
}
