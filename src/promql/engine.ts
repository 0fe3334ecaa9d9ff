/** The PromQL engine as its callers see it; query_engine.ts implements it. */
import type { Expr } from "./ast.ts";
import type { QueryLimits } from "./limits.ts";
import type { QueryResult } from "./value.ts";

export interface QueryOptions {
  /** Stops the query with a `PromqlError` of kind "canceled". */
  readonly signal?: AbortSignal;
  /** How far back an instant selector looks; default that of the engine. */
  readonly lookbackMs?: number;
  /** Can only shorten the limit `queryMsMax`. */
  readonly timeoutMs?: number;
  /** Samples that it may look at here: beyond, the query ends with a `HeavyQueryError` before it reads them. */
  readonly samplesMax?: number;
  /** Replace single limits of the engine. */
  readonly limits?: Partial<QueryLimits>;
}

/** Both ends inclusive; the step is above zero. */
export interface StepRange {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/**
 * Evaluates queries, given as text or as a tree that `parseQuery` made. Rejects with a `PromqlError`; its kind tells
 * the status. Long queries pause often, so that the event loop serves others meanwhile.
 */
export interface PromqlEngine {
  /** Any of the four types of value; a matrix for an expression such as `m[5m]`, with the samples' own times. */
  instant(query: string | Expr, timeMs: number, options?: QueryOptions): Promise<QueryResult>;
  /** Always a matrix; a scalar becomes one series without labels. */
  range(query: string | Expr, range: StepRange, options?: QueryOptions): Promise<QueryResult>;
}
