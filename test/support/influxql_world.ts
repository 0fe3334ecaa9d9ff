/** A database in memory with lines in it, and the statements on schemas over it. */
import {
  type Clock,
  type Database,
  LineScanner,
  openDatabase,
  type TimeUnit,
} from "../../engine/mod.ts";
import type { Statement } from "../../src/influxql/language/ast.ts";
import { cellAt } from "../../src/influxql/values/columns.ts";
import type { StatementContext } from "../../src/influxql/context.ts";
import { parseInfluxql } from "../../src/influxql/language/parser.ts";
import { type Frame, StatementError } from "../../src/influxql/values/result.ts";
import { showSchema } from "../../src/influxql/schema/schema.ts";
import { databaseLabel, DatabaseStore, newDatabase } from "../../src/stores/databases.ts";

/** A frame as a test writes it. */
export interface PlainFrame {
  readonly name: string;
  readonly columns: readonly string[];
  readonly values: readonly (readonly unknown[])[];
}

export interface WorldOptions {
  readonly timeUnit?: TimeUnit;
  readonly nowNs?: bigint;
  readonly clock?: Clock;
  /** Databases and the policies they have beside the first one, which is the default. */
  readonly databases?: Readonly<Record<string, readonly string[]>>;
}

/** Where lines go; an empty database is none. */
export interface WriteTarget {
  readonly db?: string;
  readonly rp?: string;
}

export class InfluxqlWorld {
  readonly database: Database;
  readonly catalog: DatabaseStore;
  nowNs: bigint;
  /** When points of a label expire. */
  readonly expired: Map<string, bigint> = new Map();
  readonly abort: AbortController = new AbortController();

  private constructor(database: Database, catalog: DatabaseStore, nowNs: bigint) {
    this.database = database;
    this.catalog = catalog;
    this.nowNs = nowNs;
  }

  static async open(options: WorldOptions = {}): Promise<InfluxqlWorld> {
    const { timeUnit = "ns", clock } = options;
    const nowNs = options.nowNs ?? clock?.nowNs() ?? 1_600_000_000_000_000_000n;
    const components = clock === undefined ? {} : { clock };
    const database = await openDatabase({ settings: { timeUnit }, components });
    const catalog = DatabaseStore.open();
    for (const [name, policies] of Object.entries(options.databases ?? { db0: [] })) {
      const entry = newDatabase(name);
      const more = policies.map((policy) => ({ ...entry.policies[0]!, name: policy }));
      catalog.put({ ...entry, policies: [...entry.policies, ...more] });
    }
    return new InfluxqlWorld(database, catalog, nowNs);
  }

  /** Writes lines with times in nanoseconds. */
  write(lines: readonly string[], { db = "db0", rp = "" }: WriteTarget = {}): void {
    const { kernels, settings } = this.database;
    const scanner = new LineScanner(kernels, settings.timeUnit);
    const bytes = new TextEncoder().encode(lines.join("\n") + "\n");
    const label = db === "" ? {} : { database: databaseLabel(db, rp) };
    scanner.scan(bytes, {
      unit: "ns",
      nowNs: this.nowNs,
      write: () => void this.database.write("volatile"),
      ...label,
    });
  }

  context(database = "db0"): StatementContext {
    const { catalog } = this;
    return {
      database,
      nowNs: this.nowNs,
      signal: this.abort.signal,
      limits: { seriesMax: 0, pointsMax: 0, bucketsMax: 0, timeoutMs: 0 },
      expiredBeforeNs: (label) => this.expired.get(label),
      touch: (label) => catalog.touch(label),
      label: (named, policy) => {
        const name = named || database;
        if (name === "") throw new StatementError("database name required");
        const entry = catalog.database(name);
        if (entry === undefined) throw new StatementError(`database not found: ${name}`);
        if (policy !== "" && !entry.policies.some((each) => each.name === policy)) {
          throw new StatementError(`retention policy not found: ${policy}`);
        }
        return catalog.labelOf(name, policy);
      },
    };
  }

  /** What a SHOW statement on a schema gives. */
  async show(text: string, database = "db0"): Promise<PlainFrame[]> {
    const statement = statementOf(text);
    if (statement.kind !== "show_schema") throw new Error(`${text} shows no schema`);
    return (await showSchema(this, statement, this.context(database))).map(plainFrame);
  }

  /** The values alone, of all frames, one row a text. */
  async rows(text: string, database = "db0"): Promise<string[]> {
    const frames = await this.show(text, database);
    return frames.flatMap(({ name, values }) => values.map((row) => [name, ...row].join(" ")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database.close();
  }
}

/** The only statement of a text. */
export function statementOf(text: string): Statement {
  const [statement, ...others] = parseInfluxql(text);
  if (statement === undefined || others.length > 0) throw new Error(`Not one statement: ${text}`);
  return statement;
}

export function plainFrame({ name, columns, count, times, data }: Frame): PlainFrame {
  const values = Array.from({ length: count }, (_, row) => [
    ...times === undefined ? [] : [times.origin + BigInt(times.offsets[row]!)],
    ...data.map((column) => cellAt(column, row)),
  ]);
  return { name, columns, values };
}
