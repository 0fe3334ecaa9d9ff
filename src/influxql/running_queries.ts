/** Queries that run, for SHOW QUERIES and KILL QUERY. */
import type { RunningQuery } from "./context.ts";
import { StatementError } from "./values/result.ts";

/** A query that was begun; dispose it at its end. */
export interface BegunQuery extends Disposable {
  /** Aborted when the query is to end: the reason is what to throw. */
  readonly signal: AbortSignal;
  readonly abort: (reason: StatementError) => void;
}

interface Entry {
  readonly query: string;
  readonly database: string;
  readonly startedMs: number;
  readonly controller: AbortController;
  isKilled: boolean;
}

export class RunningQueries {
  readonly #monotonicMs: () => number;
  /** Oldest first. */
  readonly #entries = new Map<number, Entry>();
  #nextId = 1;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  begin(query: string, database: string): BegunQuery {
    const id = this.#nextId++;
    const controller = new AbortController();
    const startedMs = this.#monotonicMs();
    this.#entries.set(id, { query, database, startedMs, controller, isKilled: false });
    return {
      signal: controller.signal,
      abort: (reason) => controller.abort(reason),
      [Symbol.dispose]: () => void this.#entries.delete(id),
    };
  }

  list(): RunningQuery[] {
    const now = this.#monotonicMs();
    return [...this.#entries].map(([id, { query, database, startedMs, isKilled }]) => ({
      id,
      query,
      database,
      runningMs: now - startedMs,
      isKilled,
    }));
  }

  /** Ends a query; it stays in the list until it has. Throws a StatementError where there is none. */
  kill(id: bigint): void {
    const entry = this.#entries.get(Number(id));
    if (entry === undefined) throw new StatementError(`no such query id: ${id}`);
    entry.isKilled = true;
    entry.controller.abort(new StatementError("query interrupted"));
  }
}
