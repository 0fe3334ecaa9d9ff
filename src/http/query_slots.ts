/**
 * How many queries run at once, who waits, and what is running: the front door of all queries.
 *
 * A query takes a slot, or waits in line for one; a full line or too long a wait is refused as "unavailable". Order is
 * first come, first served. A query whose client goes away leaves the line.
 */
import { PromqlError } from "../promql/errors.ts";

export interface QuerySlotOptions {
  /** Queries that run at once. */
  readonly queriesMax: number;
  /** Queries that wait for a slot. */
  readonly waitingMax: number;
  /** Longest wait in milliseconds. */
  readonly waitMs: number;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly after: (ms: number, callback: () => void) => () => void;
  /** Called when a query has given its slot back, with the milliseconds that it ran. */
  readonly onEnd?: (runningMs: number) => void;
}

export const DEFAULT_QUERIES_MAX = 20;
export const DEFAULT_QUERIES_WAITING_MAX = 200;
export const DEFAULT_QUERY_WAIT_MS = 10_000;

/** A query that is running. */
export interface ActiveQuery {
  readonly id: number;
  readonly query: string;
  readonly path: string;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  readonly runningMs: number;
}

/** A slot that is taken; dispose it to give it back. */
export interface QuerySlot extends Disposable {
  /** Milliseconds spent in line. */
  readonly waitedMs: number;
}

interface Waiter {
  readonly grant: () => void;
}

/** A query that runs, and its slot. */
class Running implements QuerySlot {
  readonly id: number;
  readonly query: string;
  readonly path: string;
  readonly waitedMs: number;
  readonly startedMonotonicMs: number;
  readonly #end: (running: Running) => void;

  constructor(
    from: Pick<Running, "id" | "query" | "path" | "waitedMs" | "startedMonotonicMs">,
    end: (running: Running) => void,
  ) {
    this.id = from.id;
    this.query = from.query;
    this.path = from.path;
    this.waitedMs = from.waitedMs;
    this.startedMonotonicMs = from.startedMonotonicMs;
    this.#end = end;
  }

  [Symbol.dispose](): void {
    this.#end(this);
  }
}

export class QuerySlots {
  readonly #options: QuerySlotOptions;
  /** Oldest first. */
  readonly #running = new Set<Running>();
  readonly #end = (running: Running): void => this.#giveBack(running);
  readonly #waiters: Waiter[] = [];
  #taken = 0;
  #nextId = 1;
  #refused = 0;

  constructor(options: QuerySlotOptions) {
    this.#options = options;
  }

  /** Queries refused so far. */
  get refused(): number {
    return this.#refused;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /** Queries that run now, oldest first. */
  active(): ActiveQuery[] {
    const { nowMs, monotonicMs } = this.#options;
    const now = nowMs();
    const monotonicNow = monotonicMs();
    return [...this.#running].map(({ id, query, path, startedMonotonicMs }) => {
      const runningMs = monotonicNow - startedMonotonicMs;
      return { id, query, path, startedMs: Math.round(now - runningMs), runningMs };
    });
  }

  /** Takes a slot: at once where one is free. Throws or rejects with "unavailable" or "canceled". */
  take(query: string, path: string, signal: AbortSignal): QuerySlot | Promise<QuerySlot> {
    if (this.#taken < this.#options.queriesMax) {
      this.#taken++;
      return this.#begin(query, path, 0);
    }
    return this.#wait(query, path, signal);
  }

  async #wait(query: string, path: string, signal: AbortSignal): Promise<QuerySlot> {
    const { queriesMax, waitingMax, waitMs, monotonicMs, after } = this.#options;
    if (this.#waiters.length >= waitingMax) {
      this.#refused++;
      throw new PromqlError(
        "unavailable",
        `${queriesMax} queries are running and ${waitingMax} are waiting`,
      );
    }
    const since = monotonicMs();
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        cancelTimer();
        signal.removeEventListener("abort", onAbort);
      };
      const waiter: Waiter = {
        grant: () => {
          leave();
          resolve();
        },
      };
      const giveUp = (error: PromqlError): void => {
        const index = this.#waiters.indexOf(waiter);
        if (index === -1) return;
        this.#waiters.splice(index, 1);
        leave();
        reject(error);
      };
      const onAbort = (): void => giveUp(new PromqlError("canceled", "query was canceled in line"));
      const cancelTimer = after(waitMs, () => {
        this.#refused++;
        giveUp(
          new PromqlError("unavailable", `no query slot became free within ${waitMs} milliseconds`),
        );
      });
      signal.addEventListener("abort", onAbort);
      this.#waiters.push(waiter);
      if (signal.aborted) onAbort();
    });
    return this.#begin(query, path, monotonicMs() - since);
  }

  /** A slot that is counted already becomes a running query. */
  #begin(query: string, path: string, waitedMs: number): QuerySlot {
    const id = this.#nextId++;
    const startedMonotonicMs = this.#options.monotonicMs();
    const running = new Running({ id, query, path, waitedMs, startedMonotonicMs }, this.#end);
    this.#running.add(running);
    return running;
  }

  /** Hands the slot to the first in line, or frees it. */
  #giveBack(running: Running): void {
    if (!this.#running.delete(running)) return;
    const next = this.#waiters.shift();
    if (next === undefined) this.#taken--;
    else next.grant();
    const { monotonicMs, onEnd } = this.#options;
    onEnd?.(monotonicMs() - running.startedMonotonicMs);
  }
}
