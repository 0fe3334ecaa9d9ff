/**
 * Query results as the JSON of the Prometheus API, written by concatenation straight from the columns, in pieces.
 *
 * A piece ends at the first series or sample past PIECE_LENGTH. The times of a range query are written once for all its
 * series. Texts of label sets are not remembered: a weak map of them costs more than writing them.
 */
import type { NativeHistogram } from "../promql/histogram.ts";
import { histogramBuckets } from "../promql/histogram.ts";
import { formatValue } from "../promql/number_format.ts";
import type { Labels } from "../promql/queryable.ts";
import type { MatrixValue, QueryValue, ResultSeries, VectorValue } from "../promql/value.ts";

/** Length in UTF-16 units from which a piece is handed on. */
export const PIECE_LENGTH = 65_536;

/** Label names whose text is kept, and their length; a name beyond is written anew each time. */
const NAMES_KEPT_MAX = 1_024;
const NAME_LENGTH_KEPT_MAX = 128;
const nameTexts = new Map<string, string>();
/** What a JSON string cannot hold as it is, and surrogates, which may be halves. */
// deno-lint-ignore no-control-regex
const NEEDS_ESCAPE = /["\\\0-\x1f\ud800-\udfff]/;

/** A label set as a JSON object. */
export function labelsJson(labels: Labels): string {
  let text = "{";
  for (const [name, value] of labels) {
    if (text.length > 1) text += ",";
    text += nameText(name);
    text += NEEDS_ESCAPE.test(value) ? JSON.stringify(value) : `"${value}"`;
  }
  return text + "}";
}

/** `"name":` */
function nameText(name: string): string {
  let text = nameTexts.get(name);
  if (text === undefined) {
    text = `${JSON.stringify(name)}:`;
    const isKept = nameTexts.size < NAMES_KEPT_MAX && name.length <= NAME_LENGTH_KEPT_MAX;
    if (isKept) nameTexts.set(name, text);
  }
  return text;
}

/** Whole numbers below this have their text in a table, which fills with use. */
const SMALL_NUMBERS = 1_024;
const smallTexts: (string | undefined)[] = new Array(SMALL_NUMBERS).fill(undefined);

/** A sample's value as it stands between quotes. */
export function valueText(value: number): string {
  // -0 is in the range too, but is no index with the same text.
  if (value >= 0 && value < SMALL_NUMBERS && Math.trunc(value) === value) {
    return value === 0 ? formatValue(value) : smallTexts[value] ??= String(value);
  }
  return formatValue(value);
}

/** Milliseconds as seconds, with up to three decimals. */
export function secondsText(ms: number): string {
  return String(Math.round(ms) / 1000);
}

/** A histogram as the API shows it: populated buckets only, schema and hint left out. */
export function histogramJson(histogram: NativeHistogram): string {
  const head = `{"count":"${formatValue(histogram.count)}","sum":"${formatValue(histogram.sum)}"`;
  const buckets = histogramBuckets(histogram).map(({ rule, lower, upper, count }): string =>
    `[${rule},"${formatValue(lower)}","${formatValue(upper)}","${formatValue(count)}"]`
  );
  return buckets.length === 0 ? `${head}}` : `${head},"buckets":[${buckets.join(",")}]}`;
}

/** `{"resultType":...,"result":...` without the closing brace, in pieces. `limit` caps the series. */
export function* valuePieces(value: QueryValue, limit: number = Infinity): Generator<string> {
  switch (value.type) {
    case "scalar":
      yield `{"resultType":"scalar","result":[${secondsText(value.timeMs)},"${
        valueText(value.value)
      }"]`;
      return;
    case "string":
      yield `{"resultType":"string","result":[${secondsText(value.timeMs)},${
        JSON.stringify(value.value)
      }]`;
      return;
    case "vector":
      return yield* vectorPieces(value, limit);
    case "matrix":
      return yield* matrixPieces(value, limit);
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

function* vectorPieces(vector: VectorValue, limit: number): Generator<string> {
  const { labels, values, histograms } = vector;
  const time = secondsText(vector.timeMs);
  const count = Math.min(labels.length, limit);
  let piece = '{"resultType":"vector","result":[';
  for (let index = 0; index < count; index++) {
    const histogram = histograms?.[index];
    piece += (index === 0 ? '{"metric":' : ',{"metric":') + labelsJson(labels[index]!);
    piece += histogram === undefined
      ? `,"value":[${time},"${valueText(values[index]!)}"]}`
      : `,"histogram":[${time},${histogramJson(histogram)}]}`;
    if (piece.length >= PIECE_LENGTH) {
      yield piece;
      piece = "";
    }
  }
  yield `${piece}]`;
}

function* matrixPieces(matrix: MatrixValue, limit: number): Generator<string> {
  const count = Math.min(matrix.series.length, limit);
  const heads = new SampleHeads();
  let piece = '{"resultType":"matrix","result":[';
  for (let index = 0; index < count; index++) {
    const series = matrix.series[index]!;
    piece += (index === 0 ? '{"metric":' : ',{"metric":') + labelsJson(series.labels);
    for (const part of seriesParts(series, heads)) {
      piece += part;
      if (piece.length >= PIECE_LENGTH) {
        yield piece;
        piece = "";
      }
    }
    piece += "}";
  }
  yield `${piece}]`;
}

/** Samples that are written between two looks at the length of a piece. */
const RUN_SAMPLES = 512;

/** The lists of one series: `,"values":[...]` and `,"histograms":[...]`, either left out when empty. */
function* seriesParts(series: ResultSeries, heads: SampleHeads): Generator<string> {
  const { count, times, values, histograms } = series;
  const texts = heads.of(times, count);
  let part = "";
  let floats = 0;
  for (let start = 0; start < count; start += RUN_SAMPLES) {
    const end = Math.min(count, start + RUN_SAMPLES);
    for (let index = start; index < end; index++) {
      if (histograms?.[index] !== undefined) continue;
      part += (floats === 0 ? ',"values":[' : ",") + texts[index]! + valueText(values[index]!) +
        '"]';
      floats++;
    }
    yield part;
    part = "";
  }
  if (floats > 0) yield "]";
  if (histograms === undefined || floats === count) return;
  let listed = 0;
  for (let index = 0; index < count; index++) {
    const histogram = histograms[index];
    if (histogram === undefined) continue;
    yield `${listed === 0 ? ',"histograms":[' : ","}[${secondsText(times[index]!)},${
      histogramJson(histogram)
    }]`;
    listed++;
  }
  yield "]";
}

/** The beginnings `[time,"` of samples, kept from one series to the next while they share their times. */
class SampleHeads {
  #times: Float64Array | undefined;
  #texts: string[] = [];

  of(times: Float64Array, count: number): readonly string[] {
    if (times !== this.#times) {
      this.#times = times;
      this.#texts = [];
    }
    const texts = this.#texts;
    for (let index = texts.length; index < count; index++) {
      texts.push(`[${secondsText(times[index]!)},"`);
    }
    return texts;
  }
}
