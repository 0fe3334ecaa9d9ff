/**
 * One evaluation: its bounds, its read session, what it may use and has used, and its manners towards the event loop.
 *
 * Loops over series ask `isDue` once a series and then await `pause`, which gives way to other work and notices
 * cancellation and time-out. Loops over steps that may be long call `check`.
 */
import { Annotations } from "./annotations.ts";
import type { DurationContext } from "./durations.ts";
import { PromqlError } from "./errors.ts";
import type { NativeHistogram } from "./histogram.ts";
import type { QueryLimits } from "./limits.ts";
import type { LabelMatcher, MsBounds, QuerySession, SeriesList } from "./queryable.ts";
import type { QueryMemory } from "../query_memory.ts";
import { Slices } from "../slices.ts";
import { Row } from "./row.ts";

/** Samples looked at between two looks at the clock inside of one series. */
const SAMPLES_PER_CHECK = 1_000_000;
/** Series between two looks at the clock. */
const CALLS_PER_CLOCK = 4;
/** What a series costs beside its samples, its labels above all, in samples. */
const SAMPLES_PER_SERIES = 200;
const BYTES_PER_STEP = 9;
const BYTES_PER_ROW = 200;
const BYTES_PER_HISTOGRAM = 160;

/** The times an expression is evaluated at: `startMs + step * stepMs`. One step for an instant query. */
export interface Grid {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly steps: number;
  readonly times: Float64Array;
}

export function makeGrid(startMs: number, stepMs: number, steps: number): Grid {
  const times = new Float64Array(steps);
  for (let step = 0; step < steps; step++) times[step] = startMs + step * stepMs;
  return { startMs, endMs: times[steps - 1] ?? startMs, stepMs, steps, times };
}

export interface EvaluationOptions {
  readonly startMs: number;
  readonly endMs: number;
  /** 0 for an instant query. */
  readonly stepMs: number;
  readonly lookbackMs: number;
  readonly subqueryStepMs: number;
  readonly limits: QueryLimits;
  /** Shared with other queries; undefined: none. */
  readonly memory?: QueryMemory | undefined;
  /** Called at each pause. */
  readonly onPause?: () => void;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** About so many samples may be looked at; Infinity for any. */
  readonly samplesMax?: number;
  /** Selectors of the query. */
  readonly selectors?: number;
}

/** The query would look at more samples than it may here; nothing of what is too much has been read. */
export class HeavyQueryError extends Error {
  override readonly name = "HeavyQueryError";
}

export class Evaluation {
  readonly options: EvaluationOptions;
  readonly session: QuerySession;
  readonly annotations: Annotations = new Annotations();
  readonly durations: DurationContext;
  pointsRead = 0;
  seriesRead = 0;
  pointsPeak = 0;
  readonly #began = performance.now();
  readonly #slices = new Slices(CALLS_PER_CLOCK);
  #pointsHeld = 0;
  #bytesHeld = 0;
  #seriesSelected = 0;
  #selections = 0;
  #samplesPerSeries: number | undefined;
  #samplesExpected = 0;
  #samplesUnchecked = 0;

  constructor(session: QuerySession, options: EvaluationOptions) {
    this.session = session;
    this.options = options;
    this.durations = durationContext(options);
  }

  get elapsedMs(): number {
    return performance.now() - this.#began;
  }

  async select(matchers: readonly LabelMatcher[], bounds: MsBounds): Promise<SeriesList> {
    const selecting = this.session.select(matchers, bounds, this);
    const series = selecting instanceof Promise ? await selecting : selecting;
    this.#seriesSelected += series.length;
    const { querySeriesMax } = this.options.limits;
    if (this.#seriesSelected > querySeriesMax) {
      throw limitError("select series", this.#seriesSelected, "querySeriesMax", querySeriesMax);
    }
    this.#weigh(series.length);
    return series;
  }

  /**
   * Throws where more than `samplesMax` are going to be read. Selectors that are still to come are taken to be like those
   * before, so that it is known before the first one is read.
   */
  #weigh(series: number): void {
    const { samplesMax = Infinity, selectors = 1, startMs, endMs, stepMs } = this.options;
    if (samplesMax === Infinity) return;
    const steps = stepMs === 0 ? 1 : (endMs - startMs) / stepMs + 1;
    this.#samplesPerSeries ??= this.session.samplesPerSeries?.() ?? 0;
    this.#samplesExpected += series * (SAMPLES_PER_SERIES + steps + this.#samplesPerSeries);
    const expected = this.#samplesExpected * Math.max(1, selectors / ++this.#selections);
    if (expected > samplesMax) {
      throw new HeavyQueryError(`about ${Math.round(expected)} samples are above ${samplesMax}`);
    }
  }

  /** Counts a series being read; its points are held only until the next one. */
  countRead(points: number): void {
    this.pointsRead += points;
    this.seriesRead++;
    this.#checkPoints(points);
  }

  /** Counts what is kept until the end of the evaluation. */
  hold(points: number, bytes: number): void {
    this.#pointsHeld += points;
    this.#checkPoints(0);
    const { limits: { queryBytesMax }, memory } = this.options;
    const held = this.#bytesHeld + bytes;
    if (held > queryBytesMax) {
      throw limitError("hold results in memory", held, "queryBytesMax", queryBytesMax);
    }
    if (memory?.take(bytes) === false) {
      throw new PromqlError(
        "unavailable",
        `Cannot hold results in memory: queries together would hold more than ${memory.bytesMax} bytes`,
      );
    }
    this.#bytesHeld = held;
  }

  /** Gives back what is held of the shared memory. */
  release(): void {
    this.options.memory?.give(this.#bytesHeld);
    this.#bytesHeld = 0;
  }

  #checkPoints(more: number): void {
    const points = this.#pointsHeld + more;
    if (points > this.pointsPeak) this.pointsPeak = points;
    const { queryPointsMax } = this.options.limits;
    if (points > queryPointsMax) {
      throw new PromqlError(
        "execution",
        "query processing would load too many samples into memory in query execution: " +
          `${points} are above queryPointsMax ${queryPointsMax}`,
      );
    }
  }

  /** A row that is kept. */
  newRow(steps: number): Row {
    this.hold(steps, steps * BYTES_PER_STEP + BYTES_PER_ROW);
    return new Row(steps);
  }

  /** Counts a row that is kept, with its histograms. */
  holdRow(row: Row): void {
    const steps = row.kinds.length;
    this.hold(steps, steps * BYTES_PER_STEP + BYTES_PER_ROW);
    if (row.histograms === undefined) return;
    let points = 0;
    let histograms = 0;
    row.histograms.forEach((histogram) => {
      if (histogram === undefined) return;
      points += histogramPoints(histogram);
      histograms++;
    });
    this.hold(points, points * 8 + histograms * BYTES_PER_HISTOGRAM);
  }

  /** Counts samples looked at inside of one series, and checks the time after many. */
  countWork(samples: number): void {
    this.#samplesUnchecked += samples;
    if (this.#samplesUnchecked < SAMPLES_PER_CHECK) return;
    this.#samplesUnchecked = 0;
    this.check();
  }

  /** Throws if the query was cancelled or takes too long. */
  check(): void {
    const { signal, timeoutMs } = this.options;
    if (signal?.aborted) {
      throw new PromqlError("canceled", "query was canceled in expression evaluation");
    }
    if (performance.now() - this.#began > timeoutMs) {
      throw new PromqlError(
        "timeout",
        `query timed out in expression evaluation after ${timeoutMs} ms`,
      );
    }
  }

  /** Whether it is time to `pause`. */
  get isDue(): boolean {
    return this.#slices.isDue;
  }

  /** Lets other work of the event loop run. */
  async pause(): Promise<void> {
    this.check();
    this.options.onPause?.();
    await this.#slices.pause();
    this.check();
  }
}

/** What `step()` and `range()` stand for in durations of this evaluation. */
export function durationContext(
  options: Pick<EvaluationOptions, "startMs" | "endMs" | "stepMs">,
): DurationContext {
  return { stepMs: options.stepMs, rangeMs: options.endMs - options.startMs };
}

/** A histogram weighs as many points as fit into its bytes. */
function histogramPoints(histogram: NativeHistogram): number {
  const buckets = histogram.positive.indices.length + histogram.negative.indices.length;
  return 4 + Math.ceil(buckets * 1.5);
}

function limitError(action: string, value: number, limit: string, allowed: number): PromqlError {
  return new PromqlError("execution", `Cannot ${action}: ${value} is above ${limit} ${allowed}`);
}

export function stepsError(value: number, limit: string, allowed: number): PromqlError {
  return limitError("evaluate steps", value, limit, allowed);
}
