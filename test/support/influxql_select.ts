/** A database in memory that SELECTs are asked of, with answers as short lines of text. */
import { type Database, LineScanner, openDatabase } from "../../engine/mod.ts";
import { cellAt } from "../../src/influxql/values/columns.ts";
import type { SelectLimits } from "../../src/influxql/context.ts";
import { parseBindParameters } from "../../src/influxql/language/bind_parameters.ts";
import { parseInfluxql } from "../../src/influxql/language/parser.ts";
import type { Frame } from "../../src/influxql/values/result.ts";
import { StatementError } from "../../src/influxql/values/result.ts";
import { SelectEngine } from "../../src/influxql/select/select.ts";
import { QueryMemory } from "../../src/query_memory.ts";

export interface AskOptions {
  readonly limits?: Partial<SelectLimits>;
  readonly nowNs?: bigint;
  readonly slicePoints?: number;
  readonly expiredBeforeNs?: bigint;
  readonly signal?: AbortSignal;
}

const NO_LIMITS: SelectLimits = { seriesMax: 0, pointsMax: 0, bucketsMax: 0, timeoutMs: 0 };

export class SelectWorld implements AsyncDisposable {
  readonly database: Database;
  readonly memory: QueryMemory;

  constructor(database: Database, memoryBytes: number = 64 << 20) {
    this.database = database;
    this.memory = new QueryMemory(memoryBytes);
  }

  /** Lines with times in nanoseconds; the tag `db` is what the engine tells databases apart by. */
  static async open(lines: readonly string[] = [], memoryBytes?: number): Promise<SelectWorld> {
    const world = new SelectWorld(await openDatabase(), memoryBytes);
    world.write(lines);
    return world;
  }

  write(lines: readonly string[]): void {
    const scanner = new LineScanner(this.database.kernels, this.database.settings.timeUnit);
    const text = lines.map((line) => `${line}\n`).join("");
    const write = () => void this.database.write("volatile");
    scanner.scan(new TextEncoder().encode(text), { unit: "ns", nowNs: 0n, write });
  }

  async frames(text: string, options: AskOptions = {}): Promise<Frame[]> {
    const [statement] = parseInfluxql(text, parseBindParameters("{}"));
    if (statement?.kind !== "select" && statement?.kind !== "explain") {
      throw new Error(`Expected a SELECT: ${text}`);
    }
    const { database, memory } = this;
    const { slicePoints } = options;
    const engine = new SelectEngine({
      database,
      memory,
      random: () => 0.5,
      ...(slicePoints === undefined ? {} : { slicePoints }),
    });
    const context = {
      label: (name: string) => {
        if (name === "nowhere") throw new StatementError(`database not found: ${name}`);
        return name;
      },
      expiredBeforeNs: () => options.expiredBeforeNs,
      nowNs: options.nowNs ?? 1_000_000_000_000n,
      limits: { ...NO_LIMITS, ...options.limits },
      signal: options.signal ?? new AbortController().signal,
    };
    const { frames } = statement.kind === "select"
      ? await engine.select(statement, context)
      : await engine.explain(statement, context);
    const all: Frame[] = [];
    for await (const frame of frames) all.push(frame);
    return all;
  }

  /** Each series as a head `name{tag=value} column …` and lines `time value …`; an error as `error: …`. */
  async ask(text: string, options: AskOptions = {}): Promise<string[]> {
    try {
      const frames = await this.frames(text, options);
      let isContinued = false;
      return frames.flatMap((frame) => {
        const lines = isContinued ? rowsOf(frame) : [headOf(frame), ...rowsOf(frame)];
        isContinued = frame.continues;
        return lines;
      });
    } catch (error) {
      if (error instanceof StatementError) return [`error: ${error.message}`];
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database.close();
  }
}

function headOf({ name, tags, columns }: Frame): string {
  const list = tags?.map(([key, value]) => `${key}=${value}`).join(",");
  return `${name}${list === undefined ? "" : `{${list}}`} ${columns.join(" ")}`;
}

function rowsOf({ count, times, data }: Frame): string[] {
  return Array.from({ length: count }, (_, row) => {
    const cells = data.map((column) => String(cellAt(column, row) ?? "-"));
    if (times !== undefined) cells.unshift(String(times.origin + BigInt(times.offsets[row]!)));
    return cells.join(" ");
  });
}
