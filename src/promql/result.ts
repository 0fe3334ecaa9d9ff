/** The last steps of an evaluation: names marked for removal go, series of equal labels join, results are put in order. */
import { forEachInSlices } from "../slices.ts";
import { extendedSamples } from "./extended_windows.ts";
import { PromqlError } from "./errors.ts";
import type { Evaluation } from "./evaluation.ts";
import type { WindowStream } from "./evaluator_face.ts";
import type { NativeHistogram } from "./histogram.ts";
import { dropMetadata, labelsKey, sortedByLabels } from "./labels.ts";
import type { Labels } from "./queryable.ts";
import { ABSENT, FLOAT, HISTOGRAM, type Row } from "./row.ts";
import { sameLabelsError } from "./row_table.ts";
import type { WindowSeries } from "./selector.ts";
import type { MatrixValue, ResultSeries, VectorValue } from "./value.ts";
import { Windows } from "./windows.ts";

/**
 * Removes names and joins rows that then have equal labels. Where `distinct` says that no two rows have equal labels as
 * they come, there is nothing to join unless a name goes.
 */
async function joinRows(
  rows: readonly Row[],
  distinct: boolean,
  evaluation: Evaluation,
): Promise<readonly Row[]> {
  let changed = false;
  for (const row of rows) {
    if (row.dropName) {
      const labels = dropMetadata(row.labels);
      if (labels !== row.labels) changed = true;
      row.labels = labels;
    }
    if (evaluation.isDue) await evaluation.pause();
  }
  if (distinct && !changed) return rows;
  const joined = new Map<string, Row>();
  await forEachInSlices(rows, evaluation, (row) => {
    const key = labelsKey(row.labels);
    const known = joined.get(key);
    if (known === undefined) {
      joined.set(key, row);
      return;
    }
    for (let step = 0; step < row.kinds.length; step++) {
      if (row.kinds[step] === ABSENT) continue;
      if (known.kinds[step] !== ABSENT) throw sameLabelsError();
      known.copyFrom(row, step);
    }
  });
  return [...joined.values()];
}

/** The result of an instant query: rows of one step, in their order. `distinct`: no two have equal labels. */
export async function finishVector(
  rows: readonly Row[],
  timeMs: number,
  distinct: boolean,
  evaluation: Evaluation,
): Promise<VectorValue> {
  const joined = await joinRows(rows, distinct, evaluation);
  const values = new Float64Array(joined.length);
  const labels: Labels[] = [];
  let histograms: (NativeHistogram | undefined)[] | undefined;
  for (const row of joined) {
    const at = labels.push(row.labels) - 1;
    values[at] = row.values[0]!;
    if (row.kinds[0] === HISTOGRAM) {
      histograms ??= new Array<NativeHistogram | undefined>(joined.length).fill(undefined);
      histograms[at] = row.histograms![0];
    }
    if (evaluation.isDue) await evaluation.pause();
  }
  const vector = { type: "vector", timeMs, labels, values } as const;
  return histograms === undefined ? vector : { ...vector, histograms };
}

/** The result of a range query, ordered by labels. `distinct`: no two rows have equal labels. */
export async function finishMatrix(
  rows: readonly Row[],
  times: Float64Array,
  distinct: boolean,
  evaluation: Evaluation,
): Promise<MatrixValue> {
  const joined = await sortedByLabels(await joinRows(rows, distinct, evaluation), evaluation);
  const series: ResultSeries[] = [];
  for (const row of joined) {
    series.push(rowAsResult(row, times));
    if (evaluation.isDue) await evaluation.pause();
  }
  return { type: "matrix", series };
}

function rowAsResult(
  { labels, kinds, values, histograms }: Row,
  times: Float64Array,
): ResultSeries {
  const steps = kinds.length;
  let count = 0;
  let hasHistograms = false;
  for (let step = 0; step < steps; step++) {
    if (kinds[step] !== ABSENT) count++;
    if (kinds[step] === HISTOGRAM) hasHistograms = true;
  }
  if (count === steps && !hasHistograms) return { labels, count, times, values };
  const ownTimes = new Float64Array(count);
  const ownValues = new Float64Array(count);
  const ownHistograms: (NativeHistogram | undefined)[] = [];
  let at = 0;
  for (let step = 0; step < steps; step++) {
    if (kinds[step] === ABSENT) continue;
    ownTimes[at] = times[step]!;
    if (kinds[step] === FLOAT) ownValues[at] = values[step]!;
    if (hasHistograms) {
      ownHistograms.push(kinds[step] === HISTOGRAM ? histograms![step] : undefined);
    }
    at++;
  }
  const series = { labels, count, times: ownTimes, values: ownValues };
  return hasHistograms ? { ...series, histograms: ownHistograms } : series;
}

/** The result of an instant query for a range vector: the samples inside the one window. */
export async function finishWindows(
  source: WindowStream,
  evaluation: Evaluation,
): Promise<MatrixValue> {
  const windows = new Windows(source.frame);
  const joined = new Map<string, ResultSeries>();
  for (;;) {
    // Before the read, never after it: what was read is valid only until somebody else reads.
    if (evaluation.isDue) await evaluation.pause();
    const series = source.next();
    if (series === undefined) break;
    windows.slide(series.times, series.count);
    const result = samplesOf(series, windows);
    if (result.count === 0) continue;
    evaluation.hold(result.count, result.count * 16);
    const key = labelsKey(result.labels);
    const known = joined.get(key);
    joined.set(key, known === undefined ? result : joinSeries(known, result));
  }
  return { type: "matrix", series: await sortedByLabels([...joined.values()], evaluation) };
}

function samplesOf(series: WindowSeries, windows: Windows): ResultSeries {
  const labels = series.dropName ? dropMetadata(series.source.labels) : series.source.labels;
  if (windows.frame.modifier !== undefined) {
    if (series.histograms !== undefined) {
      throw new PromqlError(
        "execution",
        `${windows.frame.modifier} modifier is not supported with histograms`,
      );
    }
    const { times, values } = extendedSamples(series, windows);
    return {
      labels,
      count: times.length,
      times: Float64Array.from(times),
      values: Float64Array.from(values),
    };
  }
  const from = windows.from[0]!;
  const to = windows.to[0]!;
  const samples = {
    labels,
    count: to - from,
    times: series.times.slice(from, to),
    values: series.values.slice(from, to),
  };
  const histograms = series.histograms?.slice(from, to);
  return histograms?.some((histogram) => histogram !== undefined)
    ? { ...samples, histograms }
    : samples;
}

/** The samples of two series of equal labels in order of time; two at one time are an error. */
function joinSeries(left: ResultSeries, right: ResultSeries): ResultSeries {
  const order: (readonly [series: ResultSeries, at: number])[] = [];
  for (let at = 0; at < left.count; at++) order.push([left, at]);
  for (let at = 0; at < right.count; at++) order.push([right, at]);
  const timeOf = ([series, at]: readonly [ResultSeries, number]) => series.times[at]!;
  order.sort((a, b) => timeOf(a) - timeOf(b));
  for (let at = 1; at < order.length; at++) {
    if (timeOf(order[at]!) === timeOf(order[at - 1]!)) throw sameLabelsError();
  }
  const joined = {
    labels: left.labels,
    count: order.length,
    times: Float64Array.from(order, timeOf),
    values: Float64Array.from(order, ([series, at]) => series.values[at]!),
  };
  if (left.histograms === undefined && right.histograms === undefined) return joined;
  return { ...joined, histograms: order.map(([series, at]) => series.histograms?.[at]) };
}
