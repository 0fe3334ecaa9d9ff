/**
 * A log on a simulated disk together with what stands on either side of it: the table of the process that writes, and what a
 * replay after a restart gave. Definitions are lines of JSON here; the log does not look into them.
 */
import type { Family } from "../../engine/base/types.ts";
import { SILENT_LOGGER } from "../../engine/components.ts";
import type { LogPosition, ReplayReport } from "../../engine/wal/log.ts";
import { replayLog } from "../../engine/wal/replay.ts";
import { LogWriter, type LogWriterOptions } from "../../engine/wal/writer.ts";
import { ManualClock } from "./manual_clock.ts";
import { type BatchRow, fillBatch, type PlainRow, readBatch } from "./record_rows.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import { SourceTable } from "./source_table.ts";

export const LOG_DIRECTORY = "/db/wal";

export type LogSettings = LogWriterOptions["settings"];

export const LOG_SETTINGS: LogSettings = {
  logSyncMode: "per-append",
  logSyncIntervalMs: 1_000,
  logFileBytes: 64 << 10,
  logBytesMax: 1 << 20,
};

/** A source and all fields of its measurement, by slot. */
interface Definition {
  readonly id: number;
  readonly measurement: string;
  readonly host: string;
  readonly fields: readonly (readonly [string, Family])[];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface LogWorldOptions {
  readonly disk?: SimulatedDisk;
  readonly settings?: Partial<LogSettings>;
}

export class LogWorld {
  readonly disk: SimulatedDisk;
  readonly clock: ManualClock = new ManualClock();
  readonly settings: LogSettings;
  table: SourceTable = new SourceTable();
  floor: LogPosition = { file: 1, offset: 0 };
  /** Rows of each record that the last `open` replayed. */
  replayed: BatchRow[][] = [];
  report: ReplayReport | undefined;
  /** The log since `open`. */
  log!: LogWriter;
  /** Definitions in the log or, after a flush, in a checkpoint, as JSON. */
  #known = new Set<string>();
  #checkpoint: readonly string[] = [];
  readonly #fields = new Map<string, (readonly [string, Family])[]>();

  constructor(options: LogWorldOptions = {}) {
    this.disk = options.disk ?? new SimulatedDisk();
    this.settings = { ...LOG_SETTINGS, ...options.settings };
    if (!this.disk.memory.exists("/db")) {
      this.disk.makeDirectory("/db");
      this.disk.syncDirectory("/");
    }
  }

  /** Starts as a new process does: an empty table, replay, a writer. */
  open(mode: "strict" | "salvage" = "strict"): LogWriter {
    this.replay(mode);
    this.log = LogWriter.open({
      components: { fileSystem: this.disk, clock: this.clock, logger: SILENT_LOGGER },
      kernels: this.table.kernels,
      directory: LOG_DIRECTORY,
      settings: this.settings,
      report: this.report!,
    });
    return this.log;
  }

  replay(mode: "strict" | "salvage" = "strict"): ReplayReport {
    this.table = new SourceTable();
    this.#known = new Set();
    this.#fields.clear();
    this.replayed = [];
    for (const definition of this.#checkpoint) this.#define(JSON.parse(definition) as Definition);
    this.report = replayLog({
      fileSystem: this.disk,
      directory: LOG_DIRECTORY,
      floor: this.floor,
      mode,
      kernels: this.table.kernels,
      onDefinitions: (bytes) => {
        for (const each of JSON.parse(decoder.decode(bytes)) as Definition[]) this.#define(each);
      },
      onRows: () => this.replayed.push(readBatch(this.table)),
    });
    return this.report;
  }

  /** Appends rows and the definitions they are the first to use. Returns the rows as a replay must give them. */
  append(rows: readonly PlainRow[]): BatchRow[] {
    fillBatch(this.table, rows);
    const given = readBatch(this.table);
    const fresh = this.#freshDefinitions(rows);
    const definitions = fresh.length === 0 ? undefined : encoder.encode(`[${fresh.join(",")}]`);
    this.log.append({ definitions, hasRows: true });
    for (const definition of fresh) this.#known.add(definition);
    return given;
  }

  /** What a flush does: the rows so far are elsewhere, and so are the definitions. */
  flush(): void {
    this.floor = this.log.rotate();
    this.#checkpoint = [...this.#known];
    this.log.trim(this.floor);
  }

  /** Names and sizes of the log's files, oldest first. */
  files(): [name: string, bytes: number][] {
    return this.disk.memory.list(LOG_DIRECTORY)
      .map(({ name }): [string, number] => [
        name,
        this.disk.memory.fileBytes(`${LOG_DIRECTORY}/${name}`),
      ])
      .sort(([a], [b]) => a < b ? -1 : 1);
  }

  /** Path of a log file. */
  path(file: number): string {
    return `${LOG_DIRECTORY}/${String(file).padStart(10, "0")}.log`;
  }

  #freshDefinitions(rows: readonly PlainRow[]): string[] {
    for (const { measurement, cells } of rows) {
      const fields = this.#fieldsOf(measurement);
      for (const { field, family } of cells) {
        if (!fields.some(([name]) => name === field)) fields.push([field, family]);
      }
    }
    const all = rows.map(({ measurement, host }) => {
      const id = this.table.idOf(this.table.source(measurement, { host }));
      return JSON.stringify({ id, measurement, host, fields: this.#fieldsOf(measurement) });
    });
    return [...new Set(all)].filter((definition) => !this.#known.has(definition));
  }

  #fieldsOf(measurement: string): (readonly [string, Family])[] {
    const fields = this.#fields.get(measurement) ?? [];
    this.#fields.set(measurement, fields);
    return fields;
  }

  #define(definition: Definition): void {
    const { id, measurement, host, fields } = definition;
    this.#known.add(JSON.stringify(definition));
    this.#fields.set(measurement, [...fields]);
    const source = this.table.define(id, measurement, { host });
    for (const [name, family] of fields) this.table.slot(source, name, family);
  }
}

/** A few rows that differ from call to call. */
export function someRows(number: number, count = 3): PlainRow[] {
  const scratch = new DataView(new ArrayBuffer(8));
  return Array.from({ length: count }, (_, index) => {
    scratch.setFloat64(0, number + index / 10);
    return {
      measurement: "m",
      host: `h${index % 4}`,
      time: 1_700_000_000_000n + BigInt(number) * 1_000n + BigInt(index),
      cells: [
        { field: "x", family: "f64", bits: scratch.getBigUint64(0) },
        { field: "n", family: "i64", bits: BigInt(number * 7) },
      ],
    };
  });
}

/** Rows whose record takes about this many bytes. */
export function largeRows(number: number, bytes: number): PlainRow[] {
  const blob: number[] = [];
  let state = number + 1;
  for (let i = 0; i < bytes; i++) {
    state = Math.imul(state, 1_103_515_245) + 12_345 >>> 0;
    blob.push(state >>> 24);
  }
  return [{
    measurement: "big",
    host: "h",
    time: BigInt(number),
    cells: [{ field: "b", family: "blob", blob }],
  }];
}
