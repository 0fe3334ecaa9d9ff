/**
 * The log's sizes and speeds: bytes a field and fields a second of the record codec, then appends with fdatasync on the
 * disk. Run: bun test/bench/wal.ts [directory]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SILENT_LOGGER, SystemClock } from "../../engine/components.ts";
import { NodeFileSystem } from "../../engine/fs/node_file_system.ts";
import { replayLog } from "../../engine/wal/replay.ts";
import { LogWriter } from "../../engine/wal/writer.ts";
import {
  BatchFiller,
  cpuData,
  type MetricData,
  randomData,
  sensorData,
} from "../support/metric_data.ts";
import { SourceTable } from "../support/source_table.ts";

const BATCH_ROWS = 5_000;
/** A record restarts after this many bytes, as the writer does it. */
const RESTART_BYTES = 1 << 20;

interface CodecFigures {
  readonly bytesPerField: number;
  readonly encodeRate: number;
  readonly decodeRate: number;
}

function measureCodec(data: MetricData, sources: number, batches: number): CodecFigures {
  const table = new SourceTable();
  const { kernels } = table;
  const { exports } = kernels;
  const filler = new BatchFiller(table, { data, sources });
  const records: { restart: boolean; bytes: Uint8Array; checksum: number }[] = [];
  let fields = 0;
  let bytes = 0;
  let encodeMs = 0;
  let sinceRestart = Infinity;
  for (let b = 0; b < batches; b++) {
    filler.fill(BATCH_ROWS);
    const start = performance.now();
    const restart = sinceRestart >= Math.max(RESTART_BYTES, 8 * exports.recordBaseBytes());
    if (restart) exports.recordRestart();
    const length = exports.encodeRecord(0);
    encodeMs += performance.now() - start;
    sinceRestart = (restart ? 0 : sinceRestart) + length;
    kernels.refresh();
    const at = exports.recordPtr.value >>> 0;
    records.push({
      restart,
      bytes: kernels.u8.slice(at, at + length),
      checksum: checksum(table),
    });
    bytes += length;
    fields += exports.recordCells.value;
  }
  let decodeMs = 0;
  for (const record of records) {
    const start = performance.now();
    if (record.restart) exports.recordRestart();
    const at = exports.recordReserve(record.bytes.length) >>> 0;
    kernels.refresh();
    kernels.u8.set(record.bytes, at);
    const rows = exports.decodeRecord(record.bytes.length, 0);
    decodeMs += performance.now() - start;
    if (rows !== BATCH_ROWS || checksum(table) !== record.checksum) throw new Error("differs");
  }
  return {
    bytesPerField: bytes / fields,
    encodeRate: fields / encodeMs / 1e3,
    decodeRate: fields / decodeMs / 1e3,
  };
}

/** A sum over the batch that notices any change of a value or time. */
function checksum(table: SourceTable): number {
  const { kernels } = table;
  const { exports } = kernels;
  kernels.refresh();
  let sum = 0;
  const words = (at: number, count: number) => {
    const part = kernels.u32.subarray(at >>> 2, (at >>> 2) + count);
    for (let i = 0; i < part.length; i++) sum = Math.imul(sum, 31) + part[i]! | 0;
  };
  words(exports.rowSourcePtr.value, exports.rowCount.value);
  words(exports.rowTimePtr.value, exports.rowCount.value * 2);
  words(exports.cellBitsPtr.value, exports.cellCount.value * 2);
  return sum;
}

const CASES: readonly (readonly [MetricData, number, number])[] = [
  [cpuData(100), 100, 80],
  [cpuData(4_000), 4_000, 80],
  [sensorData(1_000), 1_000, 120],
  [sensorData(10_000), 10_000, 120],
  [randomData(100), 100, 30],
];

for (const [data, sources, batches] of CASES) {
  const figures = measureCodec(data, sources, batches);
  console.log(
    `${data.name.padEnd(34)} ${figures.bytesPerField.toFixed(3)} B/field` +
      `   encode ${figures.encodeRate.toFixed(0).padStart(4)} M fields/s` +
      `   decode ${figures.decodeRate.toFixed(0).padStart(4)} M fields/s`,
  );
}

interface DiskCase {
  readonly name: string;
  readonly rows: number;
  /** Appends that share a sync. */
  readonly group: number;
  readonly appends: number;
}

const DISK_CASES: readonly DiskCase[] = [
  { name: "one row a sync", rows: 1, group: 1, appends: 500 },
  { name: "one row, 100 a sync", rows: 1, group: 100, appends: 5_000 },
  { name: "100 rows a sync", rows: 100, group: 1, appends: 500 },
  { name: "3,000 rows (1 MB of text) a sync", rows: 3_000, group: 1, appends: 300 },
];

/** Appends integers of 100 hosts to a log in `directory` and reads them back. */
async function measureDisk(directory: string, given: DiskCase): Promise<string> {
  const table = new SourceTable();
  const fileSystem = new NodeFileSystem();
  const filler = new BatchFiller(table, { data: cpuData(100), sources: 100 });
  const log = LogWriter.open({
    components: { fileSystem, clock: new SystemClock(), logger: SILENT_LOGGER },
    kernels: table.kernels,
    directory,
    settings: {
      logSyncMode: "per-append",
      logSyncIntervalMs: 1_000,
      logFileBytes: 16 << 20,
      logBytesMax: 256 << 20,
    },
    report: { end: { file: 1, offset: 32 }, files: [] },
  });
  let ms = 0;
  for (let n = 0; n < given.appends; n++) {
    filler.fill(given.rows);
    const start = performance.now();
    log.append({ definitions: undefined, hasRows: true });
    if (n % given.group === given.group - 1) await log.synced();
    ms += performance.now() - start;
  }
  const { appendedBytes, syncs } = log.stats();
  await log.close();
  const start = performance.now();
  const report = replayLog({
    fileSystem,
    directory,
    floor: { file: 1, offset: 0 },
    mode: "strict",
    kernels: table.kernels,
    onDefinitions: () => {},
    onRows: () => {},
  });
  const replayMs = performance.now() - start;
  const points = given.rows * given.appends * 10;
  if (report.points !== points) throw new Error("differs");
  return `${given.name.padEnd(34)} ${(ms * 1e3 / given.appends).toFixed(0)} us an append, ` +
    `${syncs} syncs, ${(points / ms / 1e3).toFixed(2)} M fields/s, ` +
    `${(appendedBytes / points).toFixed(2)} B/field, ` +
    `replay ${(points / replayMs / 1e3).toFixed(0)} M fields/s`;
}

const parent = process.argv[2] ?? ".";
for (const given of DISK_CASES) {
  const directory = mkdtempSync(join(parent, "wal-bench-"));
  try {
    console.log(await measureDisk(directory, given));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
