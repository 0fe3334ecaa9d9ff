/**
 * A database and a line scanner that remember lines as text, for tests of what stands before them. A line that starts
 * with "bad" is malformed, with "conflict" or "limit" refused, with "old" too old; a double quote may span lines.
 */
import { completeSettings, type Database, EngineError, type Settings } from "../../engine/mod.ts";
import type {
  LineScan,
  LineScanner,
  LineScanOptions,
  RefusedLine,
} from "../../src/ingest/line_write.ts";

const decoder = new TextDecoder();

export interface FakeEngineOptions {
  readonly settings?: Partial<Settings>;
  readonly windowBytes?: number;
  /** Rows that one batch takes. */
  readonly batchRows?: number;
}

export class FakeEngine {
  /** Lines written, each behind its database label and a bar. */
  readonly stored: string[] = [];
  readonly scans: LineScanOptions[] = [];
  writes = 0;
  closed = false;
  /** What `admit` returns next. */
  admission: Promise<void> | undefined;
  /** What the next write's `done` is. */
  sync: Promise<void> | undefined;
  /** Thrown by the next write. */
  failure: EngineError | undefined;
  readonly database: Database;
  readonly scanner: LineScanner;
  #batch: string[] = [];

  constructor(options: FakeEngineOptions = {}) {
    const batchRows = options.batchRows ?? 32_768;
    const rows = () => this.#batch.length;
    const begin = () => {
      this.#batch = [];
    };
    const partial: Partial<Database> = {
      settings: completeSettings(options.settings),
      admit: () => this.admission,
      write: (acknowledgement = "durable") => {
        if (this.failure !== undefined) throw this.failure;
        this.writes++;
        const fresh = this.#batch.filter((line) => !line.includes("|old"));
        const tooOld = this.#batch.length - fresh.length;
        this.stored.push(...fresh);
        begin();
        const points = fresh.length;
        return { rows: points, points, tooOld, acknowledgement, done: this.sync };
      },
      close: () => {
        this.closed = true;
        return Promise.resolve();
      },
    };
    this.database = {
      ...partial,
      batch: {
        begin,
        get rows() {
          return rows();
        },
      },
      registry: { seriesCount: 3, sourceCount: 2 },
      kernels: { usedBytes: () => 0 },
    } as unknown as Database;
    this.scanner = {
      windowBytes: options.windowBytes ?? 1 << 20,
      scan: (head, tail, end, scan) => this.#scan(head, tail, end, scan, batchRows),
    };
  }

  #scan(
    head: Uint8Array,
    tail: Uint8Array,
    end: boolean,
    options: LineScanOptions,
    batchRows: number,
  ): LineScan {
    this.scans.push(options);
    this.#batch = [];
    const bytes = new Uint8Array([...head, ...tail]);
    const refused: RefusedLine[] = [];
    let consumed = 0;
    let lines = 0;
    for (;;) {
      const stop = lineEnd(bytes, consumed, end);
      if (stop < 0) return { consumed, lines, full: false, refused };
      const text = decoder.decode(bytes.subarray(consumed, stop)).replace(/[\r\n]+$/, "");
      const kind = /^(bad|conflict|limit)/.exec(text)?.[1];
      if (kind === undefined && text !== "" && !text.startsWith("#")) {
        if (this.#batch.length >= batchRows) return { consumed, lines, full: true, refused };
        this.#batch.push(`${options.database ?? ""}|${text}`);
      } else if (kind !== undefined) {
        const reason = kind === "bad" ? "missing fields" : `${kind} reached`;
        const named = kind === "bad" ? "malformed" : kind as "conflict" | "limit";
        refused.push({ kind: named, line: lines + 1, text, reason });
      }
      consumed = stop;
      lines++;
    }
  }
}

/** Where the line from `from` ends, its line feed included; -1 when its end is not there. */
function lineEnd(bytes: Uint8Array, from: number, end: boolean): number {
  let quoted = false;
  for (let index = from; index < bytes.length; index++) {
    if (bytes[index] === 34) quoted = !quoted;
    if (bytes[index] === 10 && !quoted) return index + 1;
  }
  return end && from < bytes.length ? bytes.length : -1;
}
