/**
 * histogram_quantile, histogram_quantiles and histogram_fraction over vectors that may hold classic and native
 * histograms; and the functions of single native histograms.
 */
import { forEachInSlices } from "../slices.ts";
import { metricSuffix, quantileText } from "./annotations.ts";
import type { Call } from "./ast.ts";
import {
  type ClassicBuckets,
  classicFraction,
  classicQuantile,
  ensureAscending,
  mergeEqualBounds,
  reachesInfinity,
} from "./classic_histogram.ts";
import { PromqlError } from "./errors.ts";
import type { Evaluation, Grid } from "./evaluation.ts";
import type { Evaluator } from "./evaluator_face.ts";
import type { NativeHistogram } from "./histogram.ts";
import {
  type Estimate,
  histogramFraction,
  histogramQuantile,
  histogramVariance,
} from "./histogram_statistics.ts";
import { textOf } from "./label_functions.ts";
import { labelsKey, labelValue, METRIC_NAME, withLabel } from "./labels.ts";
import { openMetricsNumber, parseBound } from "./number_text.ts";
import { ABSENT, FLOAT, HISTOGRAM, mapRows, Row, type RowStream, streamOf } from "./row.ts";
import { RowTable, sameLabelsError } from "./row_table.ts";

/** Functions of one native histogram. */
export const HISTOGRAM_FUNCTIONS: Readonly<
  Record<string, (histogram: NativeHistogram) => number>
> = {
  histogram_count: (histogram) => histogram.count,
  histogram_sum: (histogram) => histogram.sum,
  histogram_avg: (histogram) => histogram.sum / histogram.count,
  histogram_stdvar: histogramVariance,
  histogram_stddev: (histogram) => Math.sqrt(histogramVariance(histogram)),
};

/** One of these applied to each histogram; floats are left out. */
export function mapHistograms(
  source: RowStream,
  compute: (histogram: NativeHistogram) => number,
): RowStream {
  return mapRows(source, (row) => {
    const { kinds, values, histograms } = row;
    for (let step = 0; step < kinds.length; step++) {
      if (kinds[step] === HISTOGRAM) {
        values[step] = compute(histograms![step]!);
        kinds[step] = FLOAT;
      } else {
        kinds[step] = ABSENT;
      }
    }
    row.histograms = undefined;
    row.dropName = true;
  });
}

/** All that an input vector holds of one histogram: its bucket series, and a native one of the same labels. */
interface Source {
  readonly labels: Row["labels"];
  dropName: boolean;
  readonly buckets: { readonly bound: number; readonly row: Row }[];
  native: Row | undefined;
}

/** The histograms of rows by their labels without `le`; `position` is where the rows come from. */
async function sourcesOf(
  rows: readonly Row[],
  position: Call["position"],
  evaluation: Evaluation,
): Promise<readonly Source[]> {
  const sources = new Map<string, Source>();
  const sourceOf = (labels: Row["labels"]): Source => {
    const key = labelsKey(labels);
    let source = sources.get(key);
    if (source === undefined) {
      sources.set(key, source = { labels, dropName: true, buckets: [], native: undefined });
    }
    return source;
  };
  await forEachInSlices(rows, evaluation, (row) => {
    if (row.histograms !== undefined && row.kinds.includes(HISTOGRAM)) {
      sourceOf(row.labels).native = row;
    }
    if (!row.kinds.includes(FLOAT)) return;
    const text = labelValue(row.labels, "le");
    const bound = parseBound(text);
    if (bound === bound) {
      sourceOf(withLabel(row.labels, "le", "")).buckets.push({ bound, row });
      return;
    }
    evaluation.annotations.warn(
      `bucket label "le" is missing or has a malformed value of ${JSON.stringify(text)}` +
        metricSuffix(row.labels),
      position,
    );
  });
  await forEachInSlices([...sources.values()], evaluation, ({ buckets }) => {
    buckets.sort((left, right) => left.bound - right.bound);
  });
  return [...sources.values()];
}

/** Answers one question about the histograms of all sources at all steps. */
class HistogramReader {
  readonly #node: Call;
  readonly #evaluator: Evaluator;
  readonly #grid: Grid;
  /** Of the vector argument. */
  readonly #position: Call["position"];
  readonly sources: readonly Source[];
  #room: ClassicBuckets = {
    length: 0,
    bounds: new Float64Array(0),
    counts: new Float64Array(0),
  };

  static async read(
    node: Call,
    vectorArgument: number,
    evaluator: Evaluator,
    grid: Grid,
  ): Promise<HistogramReader> {
    const expr = node.args[vectorArgument]!;
    const rows = await evaluator.collect(await evaluator.vector(expr, grid), grid);
    const sources = await sourcesOf(rows, expr.position, evaluator.evaluation);
    return new HistogramReader(node, expr.position, evaluator, grid, sources);
  }

  constructor(
    node: Call,
    position: Call["position"],
    evaluator: Evaluator,
    grid: Grid,
    sources: readonly Source[],
  ) {
    this.#node = node;
    this.#position = position;
    this.#evaluator = evaluator;
    this.#grid = grid;
    this.sources = sources;
  }

  /** What stands at a step: buckets, a native histogram, or neither; both together is reported. */
  at(source: Source, step: number): ClassicBuckets | NativeHistogram | undefined {
    const native = source.native?.kinds[step] === HISTOGRAM
      ? source.native.histograms![step]
      : undefined;
    const room = this.#collect(source, step);
    if (native === undefined) return room.length > 0 ? room : undefined;
    if (room.length === 0) return native;
    this.#evaluator.evaluation.annotations.warn(
      `vector contains a mix of classic and native histograms${metricSuffix(source.labels)}`,
      this.#position,
    );
    return undefined;
  }

  #collect({ buckets }: Source, step: number): ClassicBuckets {
    if (this.#room.bounds.length < buckets.length) {
      this.#room = {
        length: 0,
        bounds: new Float64Array(buckets.length),
        counts: new Float64Array(buckets.length),
      };
    }
    const room = this.#room;
    room.length = 0;
    for (const { bound, row } of buckets) {
      if (row.kinds[step] !== FLOAT) continue;
      room.bounds[room.length] = bound;
      room.counts[room.length++] = row.values[step]!;
    }
    mergeEqualBounds(room);
    return room;
  }

  /** Quantile of classic buckets. They are made to ascend for it, and what was repaired is reported, unless q is none. */
  quantile(q: number, source: Source, buckets: ClassicBuckets, step: number): number {
    if (!(q >= 0 && q <= 1)) return classicQuantile(q, buckets);
    if (!reachesInfinity(buckets)) return NaN;
    const repair = ensureAscending(buckets);
    if (repair !== undefined) {
      const timeMs = this.#grid.times[step]!;
      this.#evaluator.evaluation.annotations.repaired(source.labels, this.#position, {
        ...repair,
        timeMs,
      });
    }
    return classicQuantile(q, buckets);
  }

  /** Reports what NaN observations did to an estimate. */
  note({ value, nanEffect }: Estimate, source: Source): number {
    const { annotations } = this.#evaluator.evaluation;
    const suffix = metricSuffix(source.labels);
    if (nanEffect === "nan" || nanEffect === "skewed") {
      const effect = nanEffect === "nan" ? "result is NaN" : "result is skewed higher";
      annotations.inform(
        `input to histogram_quantile has NaN observations, ${effect}${suffix}`,
        this.#position,
      );
    } else if (nanEffect === "excluded") {
      annotations.inform(
        "input to histogram_fraction has NaN observations, which are excluded from all fractions" +
          suffix,
        this.#position,
      );
    }
    return value;
  }

  warnOfQuantile(q: number, argument: number): void {
    if (q >= 0 && q <= 1) return;
    const { annotations } = this.#evaluator.evaluation;
    annotations.warn(quantileText(q), this.#node.args[argument]!.position);
  }
}

function isClassic(found: ClassicBuckets | NativeHistogram): found is ClassicBuckets {
  return "bounds" in found;
}

export async function histogramQuantiles(
  node: Call,
  evaluator: Evaluator,
  grid: Grid,
): Promise<RowStream> {
  const several = node.signature.name === "histogram_quantiles";
  const first = several ? 2 : 0;
  const label = several ? textOf(node.args[1]) : undefined;
  if (label !== undefined && (label === "" || !label.isWellFormed())) {
    throw new PromqlError(
      "execution",
      `invalid label name in histogram_quantiles(): ${label}`,
    );
  }
  const quantiles: Float64Array[] = [];
  for (const expr of several ? node.args.slice(first) : [node.args[0]!]) {
    quantiles.push(await evaluator.scalar(expr, grid));
  }
  const reader = await HistogramReader.read(node, several ? 0 : 1, evaluator, grid);
  const table = new RowTable(evaluator.evaluation, grid.steps);
  for (let step = 0; step < grid.steps; step++) {
    quantiles.forEach((column, index) => reader.warnOfQuantile(column[step]!, first + index));
  }
  for (const source of reader.sources) {
    if (evaluator.evaluation.isDue) await evaluator.evaluation.pause();
    for (let step = 0; step < grid.steps; step++) {
      const found = reader.at(source, step);
      if (found === undefined) continue;
      for (const column of quantiles) {
        const q = column[step]!;
        const value = isClassic(found)
          ? reader.quantile(q, source, found, step)
          : reader.note(histogramQuantile(q, found), source);
        const labels = label === undefined
          ? source.labels
          : withLabel(source.labels, label, openMetricsNumber(q));
        const output = table.row(labels, label !== METRIC_NAME);
        if (output.kinds[step] !== ABSENT) throw sameLabelsError();
        output.setFloat(step, value);
      }
    }
  }
  return streamOf(table.rows);
}

export async function histogramFractions(
  node: Call,
  evaluator: Evaluator,
  grid: Grid,
): Promise<RowStream> {
  const lower = await evaluator.scalar(node.args[0]!, grid);
  const upper = await evaluator.scalar(node.args[1]!, grid);
  const reader = await HistogramReader.read(node, 2, evaluator, grid);
  const rows: Row[] = [];
  for (const source of reader.sources) {
    if (evaluator.evaluation.isDue) await evaluator.evaluation.pause();
    const row = evaluator.evaluation.newRow(grid.steps);
    row.labels = source.labels;
    row.dropName = true;
    for (let step = 0; step < grid.steps; step++) {
      const found = reader.at(source, step);
      if (found === undefined) continue;
      const value = isClassic(found)
        ? classicFraction(lower[step]!, upper[step]!, found)
        : reader.note(histogramFraction(lower[step]!, upper[step]!, found), source);
      row.setFloat(step, value);
    }
    rows.push(row);
  }
  return streamOf(rows);
}
