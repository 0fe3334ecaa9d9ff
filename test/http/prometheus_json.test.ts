import { describe, expect, test } from "bun:test";
import { PIECE_BYTES } from "../../src/http/byte_writer.ts";
import { JsonWriter, secondsText, valueText } from "../../src/http/json_writer.ts";
import { histogramJson, writeValue } from "../../src/http/prometheus_json.ts";
import type { NativeHistogram } from "../../src/promql/histogram.ts";
import { NO_BUCKETS, NO_CUSTOM_VALUES } from "../../src/promql/histogram.ts";
import { formatValue } from "../../src/promql/number_format.ts";
import type { QueryValue } from "../../src/promql/value.ts";
import type { Labels } from "../../src/promql/queryable.ts";
import { floatSeries, labelsOf } from "../support/fake_promql_engine.ts";
import { sampleText } from "../support/sample_text.ts";

const histogram: NativeHistogram = {
  schema: 0,
  hint: "unknown",
  zeroThreshold: 0.25,
  zeroCount: 3,
  count: 42,
  sum: 3.5,
  positive: { indices: Int32Array.of(0, 2), counts: Float64Array.of(39, 0) },
  negative: NO_BUCKETS,
  customValues: NO_CUSTOM_VALUES,
};
const HISTOGRAM = {
  count: "42",
  sum: "3.5",
  buckets: [[3, "-0.25", "0.25", "3"], [0, "0.5", "1", "39"]],
};

const decoder = new TextDecoder();

/** A value without its closing brace, in pieces. */
function pieces(value: QueryValue, limit?: number): Uint8Array[] {
  const writer = new JsonWriter(sampleText);
  const written: Uint8Array[] = [...writeValue(writer, value, limit)];
  return [...written, writer.take()];
}

function write(value: QueryValue, limit?: number): unknown {
  const texts = pieces(value, limit).map((piece) => decoder.decode(piece, { stream: true }));
  return JSON.parse(texts.join("") + "}");
}

function labelsJson(labels: Labels): string {
  const writer = new JsonWriter(sampleText);
  writer.labels(labels);
  return decoder.decode(writer.take());
}

describe("texts", () => {
  test.each([
    [0, "0"],
    [-0, "-0"],
    [1023, "1023"],
    [1024, "1024"],
    [-1, "-1"],
    [0.5, "0.5"],
    [1e21, "1e+21"],
    [NaN, "NaN"],
    [-Infinity, "-Inf"],
  ])("value %d", (value, text) => expect(valueText(value)).toBe(text));

  test.each([
    [60_000, "60"],
    [1435781451781, "1435781451.781"],
    [-1, "-0.001"],
    [1.4, "0.001"],
  ])("time %d", (ms, text) => expect(secondsText(ms)).toBe(text));

  test("labels with any value", () => {
    const labels = { __name__: "up", path: 'a"b\\c\n', "x.y": "é\u0000\udcff" };
    expect(JSON.parse(labelsJson(labelsOf(labels)))).toEqual(labels);
    expect(labelsJson([])).toBe("{}");
  });

  test.each([
    "\u0000",
    "\u001f",
    "\u007f",
    '"',
    "\\",
    "\u2028",
    "\ud83d\ude00",
    "\ud83d",
    "\udfff",
  ])(
    "label names and values with %j are as JSON.stringify has them",
    (text) => {
      const expected = JSON.stringify({ [`a${text}`]: `b${text}c` });
      expect(labelsJson([[`a${text}`, `b${text}c`]])).toBe(expected);
    },
  );

  test("histograms show populated buckets only", () => {
    expect(JSON.parse(histogramJson(histogram))).toEqual(HISTOGRAM);
    const empty = { ...histogram, zeroCount: 0, positive: NO_BUCKETS };
    expect(JSON.parse(histogramJson(empty))).toEqual({ count: "42", sum: "3.5" });
    const custom = {
      ...histogram,
      schema: -53,
      zeroCount: 0,
      positive: { indices: Int32Array.of(0), counts: Float64Array.of(5) },
      customValues: Float64Array.of(0.1),
    };
    expect(JSON.parse(histogramJson(custom)).buckets).toEqual([[3, "-Inf", "0.1", "5"]]);
  });
});

describe("values", () => {
  test("scalar", () => {
    expect(write({ type: "scalar", timeMs: 1500, value: Infinity })).toEqual({
      resultType: "scalar",
      result: [1.5, "+Inf"],
    });
  });

  test("string", () => {
    expect(write({ type: "string", timeMs: 0, value: '"' })).toEqual({
      resultType: "string",
      result: [0, '"'],
    });
  });

  test("vector with floats and histograms", () => {
    const value: QueryValue = {
      type: "vector",
      timeMs: 2000,
      labels: [labelsOf({ __name__: "up" }), labelsOf({ job: "b" })],
      values: Float64Array.of(1, NaN),
      histograms: [undefined, histogram],
    };
    expect(write(value)).toEqual({
      resultType: "vector",
      result: [
        { metric: { __name__: "up" }, value: [2, "1"] },
        { metric: { job: "b" }, histogram: [2, HISTOGRAM] },
      ],
    });
    expect(write(value, 1)).toEqual({
      resultType: "vector",
      result: [{ metric: { __name__: "up" }, value: [2, "1"] }],
    });
  });

  test("matrix: either list is left out when empty", () => {
    const floats = floatSeries({ a: "1" }, [[0, 1], [1000, 2.5]]);
    const mixed = { ...floats, labels: labelsOf({ a: "2" }), histograms: [histogram, undefined] };
    const histograms = { ...floats, labels: [], histograms: [histogram, histogram] };
    expect(write({ type: "matrix", series: [floats, mixed, histograms] })).toEqual({
      resultType: "matrix",
      result: [
        { metric: { a: "1" }, values: [[0, "1"], [1, "2.5"]] },
        { metric: { a: "2" }, values: [[1, "2.5"]], histograms: [[0, HISTOGRAM]] },
        { metric: {}, histograms: [[0, HISTOGRAM], [1, HISTOGRAM]] },
      ],
    });
  });

  test("empty results", () => {
    expect(write({ type: "matrix", series: [] })).toEqual({ resultType: "matrix", result: [] });
    expect(write({ type: "vector", timeMs: 0, labels: [], values: new Float64Array(0) })).toEqual({
      resultType: "vector",
      result: [],
    });
  });

  test("a large matrix comes in pieces of bounded length", () => {
    const times = Float64Array.from({ length: 10_000 }, (_, index) => index * 1000);
    const values = times.map((time) => Math.sin(time));
    const series = { labels: labelsOf({ a: "1" }), count: times.length, times, values };
    const written = pieces({ type: "matrix", series: [series, series] });
    expect(written.length).toBeGreaterThan(5);
    expect(Math.max(...written.map((piece) => piece.length))).toBeLessThan(PIECE_BYTES + 32_768);
    const text = written.map((piece) => decoder.decode(piece)).join("");
    const { result } = JSON.parse(text + "}");
    expect(result[1].values).toHaveLength(10_000);
    expect(result[1].values[9_999]).toEqual([9999, String(values[9_999])]);
  });
});

describe("the writer", () => {
  test("keeps what was written when its buffer grows", () => {
    const writer = new JsonWriter(sampleText);
    const long = "x".repeat(3 * PIECE_BYTES);
    writer.string("é");
    writer.text(long);
    writer.string(long);
    expect(decoder.decode(writer.take())).toBe(`"é"${long}"${long}"`);
    expect(writer.take()).toHaveLength(0);
  });

  test("times are whole milliseconds; values of any size and kind come back", () => {
    const values = [0.1, -0, 5e-324, -2.5e-310, 1e-290, 1e-7, 1e21, 2 ** 53, NaN, Infinity, 1 / 3];
    const times = values.map((_, index) => index * 1_000 - 500.4);
    const series = floatSeries({}, values.map((value, index) => [times[index]!, value]));
    expect(write({ type: "matrix", series: [series] })).toEqual({
      resultType: "matrix",
      result: [{
        metric: {},
        values: values.map((value, index) => [
          Math.round(times[index]!) / 1_000,
          formatValue(value),
        ]),
      }],
    });
  });

  test("series of different times after each other", () => {
    const at = (start: number) => floatSeries({}, [[start, 1], [start + 1_000, 2]]);
    expect(write({ type: "matrix", series: [at(0), at(5_000)] })).toEqual({
      resultType: "matrix",
      result: [
        { metric: {}, values: [[0, "1"], [1, "2"]] },
        { metric: {}, values: [[5, "1"], [6, "2"]] },
      ],
    });
  });
});
