/**
 * A database and a line parser that remember lines as text, for tests of what stands before them. A line that starts
 * with "bad" is malformed, with "conflict" rejected, with "old" too old; others are written, behind their database's
 * name and a bar.
 */
import {
  completeSettings,
  type Database,
  type EngineError,
  type LineError,
  type LineReason,
  type ScanOptions,
  type Settings,
} from "../../engine/mod.ts";
import type { Kernels } from "../../engine/kernels/kernels.ts";
import type { LineParser, LinePieces } from "../../src/ingest/line_write.ts";

const decoder = new TextDecoder();
const ERRORS_KEPT = 20;

/** The settings of one scan or stream. */
type Options = Omit<ScanOptions, "nowNs">;

interface Pass {
  readonly options: Options;
  readonly checkOnly: boolean;
}

class Report {
  rows = 0;
  malformed = 0;
  rejected = 0;
  ancientRows = 0;
  errors: LineError[] = [];
  readonly reasons: Map<LineReason, number> = new Map();
  lines = 0;

  refuse(line: string): void {
    const malformed = line.startsWith("bad");
    const reason: LineReason = malformed ? "missing-fields" : "type-conflict";
    if (malformed) this.malformed++;
    else this.rejected++;
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
    if (this.errors.length === ERRORS_KEPT) return;
    this.errors.push({
      line: this.lines,
      text: line,
      reason,
      kind: malformed ? "malformed" : "rejected",
      detail: malformed ? {} : { measurement: "m", field: "f", given: "blob", existing: "f64" },
    });
  }
}

export class FakeEngine {
  /** Lines written. */
  readonly stored: string[] = [];
  /** Options of every scan and stream. */
  readonly scans: Options[] = [];
  writes = 0;
  /** Rows of batches of real kernels. */
  rows = 0;
  closed = false;
  /** What `admit` returns. */
  admission: Promise<void> | undefined;
  /** What a write's `done` is. */
  sync: Promise<void> | undefined;
  /** Thrown by a write. */
  failure: EngineError | undefined;
  readonly database: Database;
  readonly parser: LineParser;
  #batch: string[] = [];

  /** With `kernels`, a write counts the rows of their batch. */
  constructor(settings: Partial<Settings> = {}, kernels?: Kernels) {
    this.database = {
      settings: completeSettings(settings),
      admit: () => this.admission,
      write: (acknowledgement = "durable") => {
        if (this.failure !== undefined) throw this.failure;
        this.writes++;
        if (kernels !== undefined) {
          const rows = kernels.exports.rowCount.value as number;
          this.rows += rows;
          return { rows, points: rows, tooOld: 0, acknowledgement, done: this.sync };
        }
        const fresh = this.#batch.filter((line) => !line.includes("|old"));
        const tooOld = this.#batch.length - fresh.length;
        this.stored.push(...fresh);
        const rows = fresh.length;
        return { rows, points: rows, tooOld, acknowledgement, done: this.sync };
      },
      close: () => {
        this.closed = true;
        return Promise.resolve();
      },
      registry: { seriesCount: 3, sourceCount: 2, labelValues: () => [] },
      kernels: { usedBytes: () => 0 },
    } as unknown as Database;
    this.parser = {
      scan: (bytes, options) => this.#scan(bytes, options),
      stream: (options, take) => this.#stream(options, take === "none"),
    };
  }

  #scan(bytes: Uint8Array, options: ScanOptions): Report {
    this.scans.push(options);
    const text = decoder.decode(bytes);
    const bad = text.split("\n").some((line) => line.startsWith("bad"));
    const report = new Report();
    const checkOnly = options.allOrNothing === true && bad;
    this.#take(text.split("\n"), { options, checkOnly }, report);
    return report;
  }

  #stream(options: Options, checkOnly: boolean): LinePieces {
    this.scans.push(options);
    const report = new Report();
    let carry = "";
    return {
      report,
      takeErrors: () => report.errors.splice(0),
      push: (chunk) => {
        const lines = (carry + decoder.decode(chunk)).split("\n");
        carry = lines.pop()!;
        this.#take(lines, { options, checkOnly }, report);
      },
      end: () => {
        this.#take([carry], { options, checkOnly }, report);
        carry = "";
        return report;
      },
    };
  }

  #take(lines: readonly string[], { options, checkOnly }: Pass, report: Report): void {
    this.#batch = [];
    for (const each of lines) {
      const line = each.replace(/\r$/, "");
      report.lines++;
      if (line === "" || line.startsWith("#")) continue;
      if (/^(bad|conflict)/.test(line)) report.refuse(line);
      else this.#batch.push(`${options.database ?? ""}|${line}`);
    }
    if (checkOnly || this.#batch.length === 0) return;
    report.rows += this.#batch.length;
    options.write();
  }
}
