/**
 * The log's sizes and speeds: bytes a field and fields a second of the record codec, then appends with fdatasync on the
 * disk. Run: bun test/bench/wal.ts [directory]
 */
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
