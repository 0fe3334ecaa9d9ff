/**
 * The single funnel of all ingest: which database a write belongs to, how it is written, and the counters of what came
 * of it. Protocol files parse; this one decides.
 */
import type { Database } from "../../engine/mod.ts";
import type { Children, Counter, Metrics } from "../metrics.ts";
import {
  type LineScanner,
  LineWrite,
  type LineWriteOptions,
  type LineWriteParts,
  type RefusedLine,
} from "./line_write.ts";

export interface PipelineOptions {
  /** Creates a database at its first write. */
  readonly autoCreate: boolean;
  /** Databases that exist without a write. */
  readonly databases: readonly string[];
}

export interface PipelineParts {
  readonly database: Database;
  readonly scanner: LineScanner;
  readonly metrics: Metrics;
  readonly nowNs: () => bigint;
  readonly options: PipelineOptions;
}

/** How a line protocol source is written. */
export type LineRequest = LineWriteOptions;

/** Where lines come from, as the metrics name it. */
export type LineSource = "v1" | "v2" | "v3" | "tcp" | "udp";

/** Retention policy that every database has. */
const DEFAULT_POLICY = "autogen";
const DATABASE_NAME_BYTES_MAX = 1_024;

export class Pipeline {
  readonly database: Database;
  readonly #parts: PipelineParts;
  readonly #databases: Set<string>;
  readonly #rows: Children<Counter>;
  readonly #refused: Children<Counter>;
  readonly #points: Counter;
  readonly #tooOld: Counter;
  readonly #conflicts: Children<Counter>;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.database = parts.database;
    this.#databases = new Set(parts.options.databases);
    const { metrics } = parts;
    this.#rows = metrics.counters("tsinkd_ingest_rows_total", "Rows stored, by source.", [
      "source",
    ]);
    this.#points = metrics.counter("tsinkd_ingest_points_total", "Points stored.");
    this.#refused = metrics.counters(
      "tsinkd_ingest_refused_rows_total",
      "Rows that were not stored, by source and reason.",
      ["source", "reason"],
    );
    this.#tooOld = metrics.counter(
      "tsinkd_ingest_too_old_rows_total",
      "Rows older than the retention, not stored.",
    );
    this.#conflicts = metrics.counters(
      "tsinkd_ingest_conflicts_total",
      "Rows refused for the type of a field, by the first words of the reason.",
      ["reason"],
    );
  }

  /** Begins a body, connection or datagram of lines. */
  openLines(source: LineSource, request: LineRequest): LineWrite {
    const rows = this.#rows.with(source);
    const parts: LineWriteParts = {
      database: this.database,
      scanner: this.#parts.scanner,
      nowNs: this.#parts.nowNs,
      count: (stored, points, tooOld) => {
        rows.add(stored);
        this.#points.add(points);
        this.#tooOld.add(tooOld);
      },
      countRefused: (line) => this.#countRefused(source, line),
    };
    // Where syncs come by the clock, an answer does not wait for the next one.
    const periodic = this.database.settings.logSyncMode === "periodic";
    const acknowledgement = request.acknowledgement ?? (periodic ? "appended" : "durable");
    return new LineWrite(parts, { ...request, acknowledgement });
  }

  #countRefused(source: LineSource, line: RefusedLine): void {
    this.#refused.with(source, line.kind).add();
    if (line.kind === "conflict") this.#conflicts.with(line.reason.slice(0, 200)).add();
  }

  /** Whether a database may be written; with `auto-create` any may. */
  knowsDatabase(name: string): boolean {
    return this.#parts.options.autoCreate || this.#databases.has(name);
  }

  /** Whether a retention policy of a database may be written. */
  knowsPolicy(database: string, policy: string): boolean {
    if (policy === "" || policy === DEFAULT_POLICY) return true;
    return this.#parts.options.autoCreate || this.#databases.has(`${database}/${policy}`);
  }
}

/** The `db` label of a database and retention policy: `db`, or `db/policy` for a policy that is not the default. */
export function databaseLabel(database: string, policy: string): string {
  return policy === "" || policy === DEFAULT_POLICY ? database : `${database}/${policy}`;
}

/** Whether a database may have this name: not empty, not a path step, no slash, printable. */
export function isDatabaseName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && name.length <= DATABASE_NAME_BYTES_MAX &&
    // deno-lint-ignore no-control-regex
    !/[/\x00-\x1f\x7f]/.test(name);
}
