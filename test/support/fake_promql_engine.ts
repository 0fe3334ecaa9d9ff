/** An engine that answers what a test tells it to, and remembers what it was asked. */
import type { Expr } from "../../src/promql/ast.ts";
import type { PromqlEngine, QueryOptions, StepRange } from "../../src/promql/engine.ts";
import { printExpr } from "../../src/promql/printer.ts";
import type { Labels } from "../../src/promql/queryable.ts";
import type { Annotation, QueryResult, QueryValue, ResultSeries } from "../../src/promql/value.ts";

export interface EngineCall {
  readonly query: string;
  readonly timeMs?: number;
  readonly range?: StepRange;
  readonly options: QueryOptions;
}

export class FakePromqlEngine implements PromqlEngine {
  readonly calls: EngineCall[] = [];
  value: QueryValue = { type: "scalar", timeMs: 0, value: 1 };
  warnings: Annotation[] = [];
  infos: Annotation[] = [];
  /** Runs before every answer; may throw. */
  before: (options: QueryOptions) => Promise<void> | void = () => {};

  async instant(
    query: string | Expr,
    timeMs: number,
    options: QueryOptions = {},
  ): Promise<QueryResult> {
    this.calls.push({ query: text(query), timeMs, options });
    return await this.#answer(options);
  }

  async range(
    query: string | Expr,
    range: StepRange,
    options: QueryOptions = {},
  ): Promise<QueryResult> {
    this.calls.push({ query: text(query), range, options });
    return await this.#answer(options);
  }

  async #answer(options: QueryOptions): Promise<QueryResult> {
    await this.before(options);
    const stats = { pointsRead: 7, seriesRead: 2, pointsPeak: 5, evaluationMs: 250 };
    return { value: this.value, warnings: this.warnings, infos: this.infos, stats };
  }
}

function text(query: string | Expr): string {
  return typeof query === "string" ? query : printExpr(query);
}

export function labelsOf(labels: Readonly<Record<string, string>>): Labels {
  return Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** A series of floats from pairs of time and value. */
export function floatSeries(
  labels: Readonly<Record<string, string>>,
  samples: readonly (readonly [timeMs: number, value: number])[],
): ResultSeries {
  return {
    labels: labelsOf(labels),
    count: samples.length,
    times: Float64Array.from(samples, ([time]) => time),
    values: Float64Array.from(samples, ([, value]) => value),
  };
}
