/** Data as monitored machines and sensors send it, row by row, the same for a seed: what sizes are measured on. */
import type { Family } from "../../engine/base/types.ts";
import { SeededRandom } from "./seeded_random.ts";
import type { SourceTable } from "./source_table.ts";

/** Begin of the data, ns. */
const START = 1_767_225_600_000_000_000n;
const SECOND = 1_000_000_000n;
/** Cells that a call of `fill` may hold. */
const CELLS_MAX = 100_000;

/** A stream of rows for the batch. */
export interface MetricData {
  readonly name: string;
  readonly fields: number;
  readonly family: Family;
  /** Bytes of the line protocol for a field, as the text is usually written. */
  readonly textBytes: number;
  /** Writes the values of the next row of source `index` at `at` of `values` (doubles, or integers for family i64). */
  next(index: number, values: Float64Array, at: number): void;
  time(tick: number, index: number): bigint;
}

function gauss(random: SeededRandom): number {
  let sum = 0;
  for (let i = 0; i < 4; i++) sum += random.next();
  return (sum - 2) * 1.7320508;
}

function walk(value: number, step: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value + step));
}

/** Ten integers a host that walk between 0 and 100, every ten seconds, all hosts in step. */
export function cpuData(hosts: number): MetricData {
  const random = new SeededRandom(1);
  const state = Float64Array.from({ length: hosts * 10 }, () => random.next() * 100);
  return {
    name: `cpu integers, ${hosts} hosts`,
    fields: 10,
    family: "i64",
    textBytes: 34.5,
    next(index, values, at) {
      for (let f = 0; f < 10; f++) {
        const value = walk(state[index * 10 + f]!, gauss(random), 0, 100);
        state[index * 10 + f] = value;
        values[at + f] = Math.floor(value);
      }
    },
    time: (tick) => START + 5n * SECOND + BigInt(tick) * 10n * SECOND,
  };
}

/** Three doubles of 2, 3 and 4 decimals a device, every 30 seconds at the device's own phase. */
export function sensorData(devices: number): MetricData {
  const random = new SeededRandom(2);
  const state = new Float64Array(devices * 3);
  const phases: number[] = [];
  for (let i = 0; i < devices; i++) {
    phases.push(1 + random.below(29_998));
    state[i * 3] = 15 + random.next() * 15;
    state[i * 3 + 1] = 30 + random.next() * 40;
    state[i * 3 + 2] = 3.3 + random.next() * 0.8;
  }
  phases.sort((a, b) => a - b);
  const shapes = [[0.08, 1, 60, 100], [0.15, 1, 99, 1_000], [0.002, 2.5, 4.2, 10_000]] as const;
  return {
    name: `sensor decimals, ${devices} devices`,
    fields: 3,
    family: "f64",
    textBytes: 33,
    next(index, values, at) {
      shapes.forEach(([step, low, high, scale], f) => {
        const value = walk(state[index * 3 + f]!, gauss(random) * step, low, high);
        state[index * 3 + f] = value;
        values[at + f] = Math.floor(value * scale + 0.5) / scale;
      });
    },
    time: (tick, index) =>
      START + BigInt(tick) * 30n * SECOND + BigInt(phases[index]!) * 1_000_000n,
  };
}

/** Ten doubles of 53 random bits a host. */
export function randomData(hosts: number): MetricData {
  const random = new SeededRandom(3);
  return {
    ...cpuData(hosts),
    name: `random doubles, ${hosts} hosts`,
    family: "f64",
    textBytes: 49,
    next(_index, values, at) {
      for (let f = 0; f < 10; f++) values[at + f] = 100 * (random.next() + random.next() / 2 ** 32);
    },
  };
}

/** Fills the kernels' batch with rows of a stream, one source after the other, tick after tick. */
export class BatchFiller {
  readonly #table: SourceTable;
  readonly #data: MetricData;
  readonly #sources: number[] = [];
  readonly #values = new Float64Array(CELLS_MAX);
  #row = 0;

  constructor(table: SourceTable, given: { readonly data: MetricData; readonly sources: number }) {
    this.#table = table;
    this.#data = given.data;
    for (let i = 0; i < given.sources; i++) {
      const source = table.source("m", { host: `host_${i}` });
      this.#sources.push(source);
      for (let f = 0; f < given.data.fields; f++) table.slot(source, `f${f}`, given.data.family);
    }
  }

  /** The next `rows` rows. */
  fill(rows: number): void {
    const { kernels } = this.#table;
    const { exports } = kernels;
    const { fields } = this.#data;
    kernels.refresh();
    const sources = kernels.u32.subarray(exports.rowSourcePtr.value >>> 2);
    const times = kernels.i64.subarray(exports.rowTimePtr.value >>> 3);
    const cells = kernels.u32.subarray(exports.rowCellPtr.value >>> 2);
    const slots = kernels.u16.subarray(exports.cellSlotPtr.value >>> 1);
    for (let r = 0; r < rows; r++) {
      const index = this.#row % this.#sources.length;
      sources[r] = this.#sources[index]!;
      times[r] = this.#data.time(Math.floor(this.#row / this.#sources.length), index);
      cells[r] = r * fields;
      this.#data.next(index, this.#values, r * fields);
      for (let f = 0; f < fields; f++) slots[r * fields + f] = f;
      this.#row++;
    }
    const target = exports.cellBitsPtr.value >>> 3;
    if (this.#data.family === "f64") {
      kernels.f64.set(this.#values.subarray(0, rows * fields), target);
    } else {
      for (let c = 0; c < rows * fields; c++) kernels.i64[target + c] = BigInt(this.#values[c]!);
    }
    exports.setBatch(rows, rows * fields);
  }
}
