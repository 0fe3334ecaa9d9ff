/** SELECT over the engine: from a statement's tree to frames of columns. */
import type { Database, View } from "../../../engine/mod.ts";
import type { QueryMemory } from "../../query_memory.ts";
import type { ExplainStatement, SelectStatement } from "../language/ast.ts";
import type { SelectContext } from "../context.ts";
import { ticksOf } from "../sources/engine_series.ts";
import { explainAnalysis, explainPlan } from "./explain.ts";
import type { SelectRun } from "./run_settings.ts";
import type { Frame, StatementResult } from "../values/result.ts";
import { SelectBudget } from "../sources/select_budget.ts";
import { type CompiledSelect, compileSelect, viewBounds } from "./select_compile.ts";
import { framesOf } from "./select_frames.ts";
import type { SelectPlan } from "./select_plan.ts";
import { selectGroups } from "./select_run.ts";
import { checkSources, planWithSources } from "./select_sources.ts";
import { TIME_MIN_NS } from "../expressions/time_range.ts";
import { Windows } from "../values/windows.ts";

export interface SelectParts {
  readonly database: Database;
  /** Counts what a statement holds. */
  readonly memory: QueryMemory;
  /** Numbers in 0 <= x < 1, for `sample`. */
  readonly random: () => number;
  /** Points that are read at once of long series. */
  readonly slicePoints?: number;
}

const SLICE_POINTS = 100000;

export class SelectEngine {
  readonly #parts: SelectParts;

  constructor(parts: SelectParts) {
    this.#parts = parts;
  }

  /** Plans the statement (throws StatementError) and gives what reads and computes while its frames are taken. */
  async select(statement: SelectStatement, context: SelectContext): Promise<StatementResult> {
    checkSources(statement, context);
    const compiled = compileSelect(statement, context.nowNs);
    const session = await Session.open(this.#parts, compiled, context);
    try {
      const frames = session.frames();
      // The first frame is read here, so that what is found wrong at once is told before anything is sent.
      const first = await frames.next();
      return { frames: resumed(first, frames), messages: [] };
    } catch (error) {
      session[Symbol.dispose]();
      throw error;
    }
  }

  /** Tells what a statement reads: before it does, or after. */
  async explain(
    { statement, analyze }: ExplainStatement,
    context: SelectContext,
  ): Promise<StatementResult> {
    const began = performance.now();
    checkSources(statement, context);
    const compiled = compileSelect(statement, context.nowNs);
    using session = await Session.open(this.#parts, compiled, context);
    const { plan, run } = session;
    if (!analyze) return { frames: [await explainPlan(plan, compiled.bounds, run)], messages: [] };
    const planned = performance.now();
    const drained = await drain(session.frames());
    const analysis = {
      planningMs: planned - began,
      executionMs: performance.now() - planned,
      ...run.budget.read,
      ...drained,
    };
    return { frames: [explainAnalysis(plan, analysis)], messages: [] };
  }
}

/** Gives all frames of a statement up and counts them. */
async function drain(frames: AsyncGenerator<Frame>): Promise<{ frames: number; rows: number }> {
  const drained = { frames: 0, rows: 0 };
  for await (const { count } of frames) {
    drained.frames++;
    drained.rows += count;
  }
  return drained;
}

/** The buckets of a range that is bounded on both sides are counted before anything is read. */
function checkBuckets(
  { windows: shape, bounds, hasCalls }: CompiledSelect,
  budget: SelectBudget,
): void {
  if (shape === undefined || !hasCalls || bounds.min === TIME_MIN_NS || bounds.min > bounds.max) {
    return;
  }
  const windows = new Windows(shape);
  const [first, last] = [windows.startOf(bounds.min), windows.startOf(bounds.max)];
  budget.checkBuckets(Number((last - first) / shape.every) + 1);
}

/** Where reading begins when there is no lower bound: as many buckets before the upper one as there may be. */
function readFrom(
  { windows: shape, bounds, hasCalls }: CompiledSelect,
  bucketsMax: number,
): bigint | undefined {
  const isOpen = shape !== undefined && hasCalls && bounds.min === TIME_MIN_NS;
  if (!isOpen || bucketsMax === 0) return undefined;
  const from = new Windows(shape).startOf(bounds.max) - shape.every * BigInt(bucketsMax - 1);
  return from > TIME_MIN_NS ? from : undefined;
}

/** All frames, the first of which was asked for already. Not a generator: each frame would pass one more. */
function resumed(
  first: IteratorResult<Frame>,
  rest: AsyncGenerator<Frame>,
): AsyncIterableIterator<Frame> {
  let waiting: IteratorResult<Frame> | undefined = first;
  return {
    next() {
      if (waiting === undefined) return rest.next();
      const next = waiting;
      waiting = undefined;
      return Promise.resolve(next);
    },
    return: () => rest.return(undefined),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

interface SessionFields {
  readonly plan: SelectPlan;
  readonly run: SelectRun;
  readonly view: View;
  readonly readFromNs: bigint | undefined;
  /** The range holds no time. */
  readonly isEmpty: boolean;
}

/** What is open while a statement runs. */
class Session implements Disposable {
  readonly run: SelectRun;
  readonly plan: SelectPlan;
  readonly #view: View;
  readonly #readFromNs: bigint | undefined;
  readonly #isEmpty: boolean;

  private constructor({ plan, run, view, readFromNs, isEmpty }: SessionFields) {
    this.plan = plan;
    this.run = run;
    this.#view = view;
    this.#readFromNs = readFromNs;
    this.#isEmpty = isEmpty;
  }

  static async open(
    { database, memory, random, slicePoints = SLICE_POINTS }: SelectParts,
    compiled: CompiledSelect,
    context: SelectContext,
  ): Promise<Session> {
    const budget = new SelectBudget(context, memory);
    const { min, max } = viewBounds(compiled);
    const isEmpty = min > max;
    // What is wrong is told of empty ranges too, and takes some view.
    const view = database.view(ticksOf({ min: isEmpty ? max : min, max }, database));
    let pointsPerSeries: number | undefined;
    const run: SelectRun = {
      budget,
      signal: context.signal,
      random,
      slicePoints,
      pointsPerSeries: () => pointsPerSeries ??= view.pointsPerSeries(),
    };
    try {
      checkBuckets(compiled, budget);
      const plan = await planWithSources(compiled, {
        engine: { database, view, budget },
        context,
        run,
      });
      const readFromNs = readFrom(compiled, context.limits.bucketsMax);
      return new Session({ plan, run, view, readFromNs, isEmpty });
    } catch (error) {
      budget[Symbol.dispose]();
      view[Symbol.dispose]();
      throw error;
    }
  }

  async *frames(): AsyncGenerator<Frame> {
    using _session = this;
    if (this.#isEmpty) return;
    const { plan, run } = this;
    const { bounds } = plan.compiled;
    const readFromNs = this.#readFromNs;
    for await (const group of selectGroups({ plan, bounds, readFromNs, dimensions: [], run })) {
      yield* framesOf(group, plan);
    }
  }

  [Symbol.dispose](): void {
    this.run.budget[Symbol.dispose]();
    this.#view[Symbol.dispose]();
  }
}
