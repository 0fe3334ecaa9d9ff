/**
 * Query results as the JSON of the Prometheus API, written straight from the columns, in pieces.
 *
 * A piece ends at the first series or run of samples past PIECE_BYTES. Texts of label sets are not remembered: a weak map of
 * them costs more than writing them.
 */
import type { NativeHistogram } from "../promql/histogram.ts";
import { histogramBuckets } from "../promql/histogram.ts";
import { formatValue } from "../promql/number_format.ts";
import type { MatrixValue, QueryValue, ResultSeries, VectorValue } from "../promql/value.ts";
import { type JsonWriter, secondsText, valueText } from "./json_writer.ts";

/** A histogram as the API shows it: populated buckets only, schema and hint left out. */
export function histogramJson(histogram: NativeHistogram): string {
  const head = `{"count":"${formatValue(histogram.count)}","sum":"${formatValue(histogram.sum)}"`;
  const buckets = histogramBuckets(histogram).map(({ rule, lower, upper, count }): string =>
    `[${rule},"${formatValue(lower)}","${formatValue(upper)}","${formatValue(count)}"]`
  );
  return buckets.length === 0 ? `${head}}` : `${head},"buckets":[${buckets.join(",")}]}`;
}

/**
 * Writes `{"resultType":...,"result":...` without the closing brace; gives pieces away as they become full, the rest stays
 * in the writer. `limit` caps the series.
 */
export function* writeValue(
  writer: JsonWriter,
  value: QueryValue,
  limit: number = Infinity,
): Generator<Uint8Array<ArrayBuffer>> {
  switch (value.type) {
    case "scalar":
      writer.text(
        `{"resultType":"scalar","result":[${secondsText(value.timeMs)},"${
          valueText(value.value)
        }"]`,
      );
      return;
    case "string":
      writer.text(`{"resultType":"string","result":[${secondsText(value.timeMs)},`);
      writer.string(value.value);
      writer.text("]");
      return;
    case "vector":
      return yield* writeVector(writer, value, limit);
    case "matrix":
      return yield* writeMatrix(writer, value, limit);
  }
}

/** Number of series in a value; a scalar or string counts as one. */
export function seriesCount(value: QueryValue): number {
  if (value.type === "vector") return value.labels.length;
  return value.type === "matrix" ? value.series.length : 1;
}

/** Samples in a value. */
export function sampleCount(value: QueryValue): number {
  if (value.type !== "matrix") return seriesCount(value);
  let samples = 0;
  for (const series of value.series) samples += series.count;
  return samples;
}

function* writeVector(
  writer: JsonWriter,
  vector: VectorValue,
  limit: number,
): Generator<Uint8Array<ArrayBuffer>> {
  const { labels, values, histograms } = vector;
  const time = secondsText(vector.timeMs);
  const count = Math.min(labels.length, limit);
  const valueHead = `,"value":[${time},"`;
  writer.text('{"resultType":"vector","result":[');
  for (let index = 0; index < count; index++) {
    const histogram = histograms?.[index];
    writer.text(index === 0 ? '{"metric":' : ',{"metric":');
    writer.labels(labels[index]!);
    if (histogram === undefined) {
      writer.text(valueHead);
      writer.text(valueText(values[index]!));
      writer.text('"]}');
    } else {
      writer.text(`,"histogram":[${time},${histogramJson(histogram)}]}`);
    }
    if (writer.isFull) yield writer.take();
  }
  writer.text("]");
}

function* writeMatrix(
  writer: JsonWriter,
  matrix: MatrixValue,
  limit: number,
): Generator<Uint8Array<ArrayBuffer>> {
  const count = Math.min(matrix.series.length, limit);
  writer.text('{"resultType":"matrix","result":[');
  for (let index = 0; index < count; index++) {
    const series = matrix.series[index]!;
    writer.text(index === 0 ? '{"metric":' : ',{"metric":');
    writer.labels(series.labels);
    if (series.histograms === undefined && series.count <= RUN_SAMPLES) writeRun(writer, series);
    else yield* writeLists(writer, series);
    writer.text("}");
    if (writer.isFull) yield writer.take();
  }
  writer.text("]");
}

/** Samples that are written between two looks at the length of a piece. */
const RUN_SAMPLES = 512;

/** The samples of a series without histograms that is soon written. */
function writeRun(writer: JsonWriter, { count, times, values }: ResultSeries): void {
  if (count === 0) return;
  writer.text(',"values":[');
  writer.samples(times, values, 0, count);
  writer.text("]");
}

/** The lists of one series: `,"values":[...]` and `,"histograms":[...]`, either left out when empty. */
function* writeLists(
  writer: JsonWriter,
  series: ResultSeries,
): Generator<Uint8Array<ArrayBuffer>> {
  const { count, times, values, histograms } = series;
  let floats = 0;
  for (let from = 0; from < count;) {
    if (histograms?.[from] !== undefined) {
      from++;
      continue;
    }
    const most = Math.min(count, from + RUN_SAMPLES);
    let to = from + 1;
    while (to < most && histograms?.[to] === undefined) to++;
    writer.text(floats === 0 ? ',"values":[' : ",");
    writer.samples(times, values, from, to);
    floats += to - from;
    from = to;
    if (writer.isFull) yield writer.take();
  }
  if (floats > 0) writer.text("]");
  if (histograms === undefined || floats === count) return;
  let listed = 0;
  for (let index = 0; index < count; index++) {
    const histogram = histograms[index];
    if (histogram === undefined) continue;
    writer.text(listed === 0 ? ',"histograms":[' : ",");
    writer.text(`[${secondsText(times[index]!)},${histogramJson(histogram)}]`);
    listed++;
    if (writer.isFull) yield writer.take();
  }
  writer.text("]");
}
