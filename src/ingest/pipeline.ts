/**
 * The single funnel of all ingest: which database a write belongs to, how it is written, and the counters of what came
 * of it. Protocol files parse; this one decides.
 */
import type { Acknowledgement, Database, LineReport } from "../../engine/mod.ts";
import type { Children, Counter, Metrics } from "../metrics.ts";
import { DatabaseStore, FIRST_POLICY } from "../stores/databases.ts";
import {
  type LineParser,
  LineWrite,
  type LineWriteOptions,
  type LineWriteParts,
} from "./line_write.ts";

export interface PipelineOptions {
  /** Creates a database at its first write. */
  readonly autoCreate: boolean;
  /** Databases that exist without a write. */
  readonly databases: readonly string[];
}

export interface PipelineParts {
  readonly database: Database;
  /** Which databases there are; by default those that are written from now on. */
  readonly databases?: DatabaseStore;
  readonly parser: LineParser;
  readonly metrics: Metrics;
  readonly nowNs: () => bigint;
  /** Sees the bytes of bodies once they are parsed. */
  readonly passed?: (bytes: number) => void;
  readonly options: PipelineOptions;
}

/** Where lines come from, as the metrics name it. */
export type LineSource = "v1" | "v2" | "v3" | "tcp" | "udp";

/** What became of samples that did not come as lines. */
export interface SampleCounts {
  readonly samples: number;
  readonly tooOld: number;
  readonly rejected: number;
}

/** What of a report was counted, by reason. */
export type RefusedCounts = Map<string, number>;

const DATABASE_NAME_BYTES_MAX = 1_024;

export class Pipeline {
  readonly database: Database;
  readonly databases: DatabaseStore;
  readonly #parts: PipelineParts;
  readonly #rows: Children<Counter>;
  readonly #refused: Children<Counter>;
  readonly #points: Counter;
  readonly #tooOld: Counter;
  readonly #conflicts: Children<Counter>;
  readonly #ancient: Counter;
  readonly #lineParts = new Map<LineSource, LineWriteParts>();
  /** Where syncs come by the clock, an answer does not wait for the next one. */
  readonly #acknowledgement: Acknowledgement;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.database = parts.database;
    const periodic = parts.database.settings.logSyncMode === "periodic";
    this.#acknowledgement = periodic ? "appended" : "durable";
    this.databases = parts.databases ?? DatabaseStore.open();
    for (const name of parts.options.databases) this.databases.touch(name);
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
      "Type conflicts among the first refused lines of each request, by measurement and field.",
      ["measurement", "field"],
    );
    this.#ancient = metrics.counter(
      "tsinkd_ingest_ancient_rows_total",
      "Rows with a time before 1971, as seconds or milliseconds sent as nanoseconds have.",
    );
  }

  /** Points stored so far, however they came. */
  get pointsStored(): number {
    return this.#points.value;
  }

  /** Begins a body, connection or datagram of lines. Call `countRefused` with what was refused of it. */
  openLines(source: LineSource, options: LineWriteOptions): LineWrite {
    return new LineWrite(this.#partsFor(source), options);
  }

  #partsFor(source: LineSource): LineWriteParts {
    const known = this.#lineParts.get(source);
    if (known !== undefined) return known;
    const rows = this.#rows.with(source);
    const parts: LineWriteParts = {
      database: this.database,
      databases: this.databases,
      parser: this.#parts.parser,
      nowNs: this.#parts.nowNs,
      acknowledgement: this.#acknowledgement,
      passed: this.#parts.passed ?? (() => {}),
      count: (stored, points, tooOld) => {
        rows.add(stored);
        this.#points.add(points);
        this.#tooOld.add(tooOld);
      },
    };
    this.#lineParts.set(source, parts);
    return parts;
  }

  /** Counts what the Prometheus protocols, which fill the batch themselves, stored and refused. */
  countSamples(source: string, outcome: SampleCounts): void {
    this.#rows.with(source).add(outcome.samples);
    this.#points.add(outcome.samples);
    this.#tooOld.add(outcome.tooOld);
    if (outcome.rejected > 0) this.#refused.with(source, "rejected").add(outcome.rejected);
  }

  /** Counts refused lines by reason: what a report holds beyond what was counted of it before. */
  countRefused(source: LineSource, report: LineReport, before: RefusedCounts): void {
    for (const [reason, count] of report.reasons) {
      const more = count - (before.get(reason) ?? 0);
      if (more > 0) this.#refused.with(source, reason).add(more);
      before.set(reason, count);
    }
    if (report.ancientRows > 0) {
      this.#ancient.add(report.ancientRows - (before.get("ancient") ?? 0));
      before.set("ancient", report.ancientRows);
    }
    for (const error of report.errors) {
      if (error.reason !== "type-conflict") continue;
      const { measurement, field } = error.detail;
      this.#conflicts.with(measurement ?? "", field ?? "").add();
    }
  }

  /** Whether a database may be written; with `auto-create` any may. */
  knowsDatabase(name: string): boolean {
    if (this.#parts.options.autoCreate || this.databases.database(name) !== undefined) return true;
    this.databases.discover(this.database.registry.labelValues("db", []));
    return this.databases.database(name) !== undefined;
  }

  /** Whether a retention policy of a database may be written. */
  knowsPolicy(database: string, policy: string): boolean {
    if (policy === "" || policy === FIRST_POLICY) return true;
    if (this.#parts.options.autoCreate) return true;
    const { policies = [] } = this.databases.database(database) ?? {};
    return policies.some(({ name }) => name === policy);
  }
}

/** Whether a database may have this name: not empty, not a path step, no slash, printable. */
export function isDatabaseName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && name.length <= DATABASE_NAME_BYTES_MAX &&
    // deno-lint-ignore no-control-regex
    !/[/\x00-\x1f\x7f]/.test(name);
}
