import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  HistogramChunkEncoder,
  histogramChunkEnd,
  type TimedHistogram,
} from "../../src/ingest/histogram_chunk.ts";
import type { HistogramSample } from "../../src/ingest/remote_histogram.ts";
import { decodeHistogramChunk } from "../support/histogram_chunk_oracle.ts";

function make(parts: Partial<HistogramSample> = {}): HistogramSample {
  const none = { indices: new Int32Array(0), counts: new Float64Array(0) };
  return {
    schema: 0,
    hint: "unknown",
    zeroThreshold: 0,
    zeroCount: 0,
    count: 0,
    sum: 0,
    positive: none,
    negative: none,
    customValues: new Float64Array(0),
    ...parts,
  };
}

function buckets(entries: readonly (readonly [number, number])[]) {
  return {
    indices: Int32Array.from(entries, ([index]) => index),
    counts: Float64Array.from(entries, ([, count]) => count),
  };
}

function bitsOf(value: number): bigint {
  return new BigUint64Array(Float64Array.of(value).buffer)[0]!;
}

function plain({ timeMs, histogram }: TimedHistogram): unknown {
  const { count, zeroCount, sum, positive, negative } = histogram!;
  const pairs = ({ indices, counts }: HistogramSample["positive"]) =>
    Array.from(indices, (index, at) => [index, counts[at]]);
  return {
    timeMs,
    count,
    zeroCount,
    sum: bitsOf(sum),
    positive: pairs(positive),
    negative: pairs(negative),
  };
}

/** Each chunk of the samples, decoded. */
function chunks(samples: readonly TimedHistogram[]) {
  const encoder = new HistogramChunkEncoder();
  const decoded = [];
  for (let start = 0; start < samples.length;) {
    const end = histogramChunkEnd(samples, start);
    decoded.push(decodeHistogramChunk(encoder.encode(samples, start, end)));
    start = end;
  }
  return decoded;
}

const indices = fc.uniqueArray(fc.integer({ min: -400, max: 400 }), { maxLength: 8 })
  .map((list) => list.sort((a, b) => a - b));
const count = fc.oneof(fc.nat(5), fc.double({ min: 0, noNaN: true, max: 1e9 }));

describe("chunks of histograms", () => {
  test("hold what was put in, whatever the layout", () => {
    const layout = fc.record({
      schema: fc.integer({ min: -4, max: 8 }),
      zeroThreshold: fc.constantFrom(0, 0.001, 2 ** -128, 2 ** -243, 2 ** 10, 2 ** 11, 1e-300),
      positive: indices,
      negative: indices,
    });
    const times = fc.array(fc.integer({ min: 1, max: 2 ** 30 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(layout, times, fc.integer({ min: -(2 ** 41), max: 2 ** 41 }), fc.gen(), (
        { schema, zeroThreshold, positive, negative },
        gaps,
        from,
        gen,
      ) => {
        let timeMs = from;
        const samples = gaps.map((gap): TimedHistogram => {
          timeMs += gap;
          const histogram = make({
            schema,
            hint: "gauge",
            zeroThreshold,
            count: gen(() => count),
            zeroCount: gen(() => count),
            sum: gen(() => fc.double()),
            positive: buckets(positive.map((index) => [index, gen(() => count)])),
            negative: buckets(negative.map((index) => [index, gen(() => count)])),
          });
          return { timeMs, histogram };
        });
        const decoded = chunks(samples);
        expect(decoded).toEqual([{
          isGauge: true,
          schema,
          zeroThreshold,
          bounds: [],
          samples: samples.map(plain) as never,
        }]);
      }),
      { numRuns: 300 },
    );
  });

  test("custom bounds, whole thousandths or not", () => {
    const bounds = [-1, 0, 0.001, 2.5, 0.1 + 0.2, 33_554.43, 40_000];
    const histogram = make({
      schema: -53,
      customValues: Float64Array.from(bounds.toSorted((a, b) => a - b)),
      positive: buckets([[0, 1], [7, 2]]),
      count: 3,
    });
    const [chunk] = chunks([{ timeMs: 5, histogram }]);
    expect(chunk!.bounds).toEqual(bounds.toSorted((a, b) => a - b));
    expect(chunk!.samples[0]!.positive).toEqual([[0, 1], [7, 2]]);
  });

  test("a chunk has 120 samples at most", () => {
    const samples = Array.from({ length: 250 }, (_, at) => ({
      timeMs: at * 1_000,
      histogram: make({ count: at }),
    }));
    expect(chunks(samples).map((chunk) => chunk.samples.length)).toEqual([120, 120, 10]);
  });

  const base = make({ count: 5, zeroCount: 1, positive: buckets([[1, 2], [2, 2]]) });

  test.each([
    ["a layout of other buckets", make({ ...base, count: 6, positive: buckets([[1, 3], [3, 2]]) })],
    ["another schema", make({ ...base, schema: 1 })],
    ["another zero threshold", make({ ...base, zeroThreshold: 1 })],
    ["a lower count", make({ ...base, count: 4 })],
    ["a lower zero count", make({ ...base, zeroCount: 0 })],
    ["a lower bucket", make({ ...base, positive: buckets([[1, 1], [2, 3]]) })],
    ["a gauge", make({ ...base, hint: "gauge" })],
    ["a reset that was told", make({ ...base, hint: "reset" })],
    ["the end of the series", undefined],
  ])("%s begins a chunk", (_, histogram) => {
    const samples = [base, base, histogram].map((each, at) => ({ timeMs: at, histogram: each }));
    expect(chunks(samples).map((chunk) => chunk.samples.length)).toEqual([2, 1]);
  });

  test("the marker of the end has its bits", () => {
    const [chunk] = chunks([{ timeMs: 7, histogram: undefined }]);
    expect(chunk!.samples[0]).toMatchObject({ timeMs: 7, sum: 0x7ff0000000000002n });
  });
});
