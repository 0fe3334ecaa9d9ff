/**
 * Runs continuous queries: each at the end of its interval for the interval just past, one after the other.
 *
 * What was due while the process did not run is not made up for; what was due while another query ran, or failed, is. Where
 * there are no continuous queries nothing waits and nothing is looked at.
 */
import type { Clock, Database, Logger } from "../../../engine/mod.ts";
import type { Catalog, StatementContext } from "../context.ts";
import { ContinuousQuery } from "./continuous_query.ts";
import { writeFrames } from "../select/into.ts";
import { StatementError } from "../values/result.ts";
import type { BegunQuery, RunningQueries } from "../running_queries.ts";
import type { SelectEngine } from "../select/select.ts";

export interface RunContextOptions {
  readonly database: string;
  readonly nowNs: bigint;
  readonly signal: AbortSignal;
}

export interface ContinuousQueriesParts {
  readonly database: Database;
  readonly catalog: Catalog;
  readonly select: Pick<SelectEngine, "select">;
  readonly queries: RunningQueries;
  /** What a run of a database's query runs in. */
  readonly context: (options: RunContextOptions) => StatementContext;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Longest wait: the wall clock, by which queries are due, may jump meanwhile. */
const WAIT_MS_MAX = 60_000;
const NS_PER_MS = 1_000_000n;

interface Entry {
  readonly text: string;
  /** Undefined for one that cannot run. */
  readonly query: ContinuousQuery | undefined;
  /** The last run that was tried, and the last one that succeeded. */
  triedNs: bigint;
  reachedNs: bigint;
}

export class ContinuousQueries {
  readonly #parts: ContinuousQueriesParts;
  /** By database and name. */
  readonly #entries = new Map<string, Entry>();
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #begun: BegunQuery | undefined;
  #isStopped = false;
  #runs = 0;
  #errors = 0;

  constructor(parts: ContinuousQueriesParts) {
    this.#parts = parts;
  }

  /** Runs so far, those that failed included. */
  get runs(): number {
    return this.#runs;
  }

  get errors(): number {
    return this.#errors;
  }

  /** Takes in what the catalog holds now, and waits for what is due next. Call at the start and when queries were created. */
  refresh(): void {
    if (this.#isStopped || this.#running !== undefined) return;
    this.#load();
    this.#wait();
  }

  /** Ends the query that runs; resolves when it has. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    this.#begun?.abort(new StatementError("the server is stopping"));
    await this.#running;
  }

  #load(): void {
    const { catalog } = this.#parts;
    const there = new Set<string>();
    for (const database of catalog.databases()) {
      for (const [name, text] of catalog.database(database)?.queries ?? []) {
        const key = JSON.stringify([database, name]);
        there.add(key);
        if (this.#entries.get(key)?.text !== text) {
          this.#entries.set(key, this.#open(database, text));
        }
      }
    }
    for (const key of this.#entries.keys()) if (!there.has(key)) this.#entries.delete(key);
  }

  #open(database: string, text: string): Entry {
    try {
      const query = new ContinuousQuery(database, text);
      const lastNs = query.lastRun(this.#parts.clock.nowNs());
      return { text, query, triedNs: lastNs, reachedNs: lastNs };
    } catch (error) {
      this.#notice(error, { database, query: text });
      return { text, query: undefined, triedNs: 0n, reachedNs: 0n };
    }
  }

  #wait(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const { clock } = this.#parts;
    const dueNs = [...this.#entries.values()].flatMap(({ query, triedNs }) =>
      query === undefined ? [] : [query.nextRun(triedNs)]
    );
    if (dueNs.length === 0 || this.#isStopped) return;
    const nextNs = dueNs.reduce((left, right) => left < right ? left : right);
    // Rounded up: a run that comes too early would be for the interval before.
    const ms = Number((nextNs - clock.nowNs() + NS_PER_MS - 1n) / NS_PER_MS);
    this.#cancel = clock.after(Math.min(WAIT_MS_MAX, Math.max(0, ms)), () => this.#wake());
  }

  #wake(): void {
    this.#running = this.#runDue().finally(() => {
      this.#running = undefined;
      this.refresh();
    });
  }

  async #runDue(): Promise<void> {
    this.#load();
    for (const entry of [...this.#entries.values()]) {
      if (entry.query !== undefined && !this.#isStopped) await this.#runIfDue(entry, entry.query);
    }
  }

  async #runIfDue(entry: Entry, query: ContinuousQuery): Promise<void> {
    const nowNs = this.#parts.clock.nowNs();
    const lastNs = query.lastRun(nowNs);
    if (lastNs < entry.triedNs) {
      // The clock went back: what it said before is forgotten.
      entry.triedNs = entry.reachedNs = lastNs;
      return;
    }
    if (lastNs === entry.triedNs) return;
    entry.triedNs = lastNs;
    try {
      await this.#run(query, entry.reachedNs, nowNs);
      entry.reachedNs = lastNs;
    } catch (error) {
      this.#notice(error, { database: query.database, query: query.name });
    }
  }

  async #run(query: ContinuousQuery, reachedNs: bigint, nowNs: bigint): Promise<void> {
    const range = query.rangeOf(reachedNs, nowNs);
    if (range === undefined) return;
    const { database, select, queries, clock } = this.#parts;
    this.#runs++;
    using begun = queries.begin(query.text, query.database);
    this.#begun = begun;
    const { signal } = begun;
    const context = this.#parts.context({ database: query.database, nowNs, signal });
    const { timeoutMs } = context.limits;
    const cancel = timeoutMs === 0
      ? undefined
      : clock.after(timeoutMs, () =>
        begun.abort(new StatementError("query-timeout limit exceeded")));
    try {
      const statement = query.statementFor(range, nowNs);
      const { frames } = await select.select(statement, context);
      await writeFrames(database, frames, { target: statement.into!, context });
    } finally {
      cancel?.();
      this.#begun = undefined;
    }
  }

  #notice(error: unknown, fields: Readonly<Record<string, string>>): void {
    if (this.#isStopped) return;
    this.#errors++;
    const reason = error instanceof Error ? error.message : String(error);
    this.#parts.logger.log("warn", "Cannot run a continuous query", { ...fields, reason });
  }
}
