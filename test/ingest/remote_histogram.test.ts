import { describe, expect, test } from "bun:test";
import { ProtobufReader, ProtobufWriter } from "../../src/ingest/protobuf.ts";
import type { HistogramSample } from "../../src/ingest/remote_histogram.ts";
import { RemoteHistogramReader, writeRemoteHistogram } from "../../src/ingest/remote_histogram.ts";

const histogram: HistogramSample = {
  schema: 3,
  hint: "gauge",
  zeroThreshold: 0.001,
  zeroCount: 2,
  count: 12,
  sum: 3.5,
  positive: { indices: Int32Array.of(-2, -1, 5), counts: Float64Array.of(1, 2, 3.5) },
  negative: { indices: Int32Array.of(0), counts: Float64Array.of(3.5) },
  customValues: new Float64Array(0),
};

describe("histograms in messages", () => {
  function roundTrip(sample: HistogramSample): RemoteHistogramReader {
    const body = new ProtobufWriter();
    writeRemoteHistogram(body, sample, 42);
    const reader = new RemoteHistogramReader();
    expect(reader.read(new ProtobufReader(body.finish()))).toBeUndefined();
    return reader;
  }

  test("what is written is read back", () => {
    const custom: HistogramSample = {
      ...histogram,
      schema: -53,
      zeroCount: 0,
      negative: { indices: new Int32Array(0), counts: new Float64Array(0) },
      positive: { indices: Int32Array.of(0, 2), counts: Float64Array.of(1, 2) },
      customValues: Float64Array.of(5, 10),
    };
    for (const sample of [histogram, custom]) {
      const reader = roundTrip(sample);
      expect(reader.histogram).toEqual(sample);
      expect(reader.timeMs).toBe(42);
    }
  });

  test("integer histograms give counts as differences", () => {
    const body = new ProtobufWriter();
    body.varintField(1, 10);
    body.varintField(6, 1);
    body.message(11, () => {
      body.zigzagField(1, -1);
      body.varintField(2, 3);
    });
    body.message(12, () => [4, 6, 0].forEach((zigzag) => body.varint(zigzag)));
    body.zigzagField(12, 0);
    body.message(11, () => {
      body.zigzagField(1, 2);
      body.varintField(2, 1);
    });
    const reader = new RemoteHistogramReader();
    expect(reader.read(new ProtobufReader(body.finish()))).toBeUndefined();
    expect(reader.histogram).toMatchObject({ count: 10, zeroCount: 1 });
    expect([...reader.histogram!.positive.indices]).toEqual([-1, 0, 1, 4]);
    expect([...reader.histogram!.positive.counts]).toEqual([2, 5, 5, 5]);
  });

  test.each([9, 10, 52])("schema %d is stored at 8", (schema) => {
    const body = new ProtobufWriter();
    body.zigzagField(4, schema);
    body.message(11, () => {
      body.zigzagField(1, -1);
      body.varintField(2, 4);
    });
    for (const count of [1, 2, 4, 8]) body.doubleField(13, count);
    body.doubleField(2, 15);
    const reader = new RemoteHistogramReader();
    expect(reader.read(new ProtobufReader(body.finish()))).toBeUndefined();
    const { positive, schema: stored } = reader.histogram!;
    expect(stored).toBe(8);
    // Bucket i goes to ceil(i / 2^steps).
    const expected = new Map<number, number>();
    [-1, 0, 1, 2].forEach((index, at) => {
      const target = Math.ceil(index / 2 ** (schema - 8)) + 0;
      expected.set(target, (expected.get(target) ?? 0) + 2 ** at);
    });
    expect([...positive.indices]).toEqual([...expected.keys()]);
    expect([...positive.counts]).toEqual([...expected.values()]);
  });

  test.each([
    ["an unknown schema", (body: ProtobufWriter) => body.zigzagField(4, 53), "unknown schema 53"],
    ["a coarser schema", (body: ProtobufWriter) => body.zigzagField(4, -5), "unknown schema -5"],
    ["an unknown hint", (body: ProtobufWriter) => body.varintField(14, 4), "unknown reset hint 4"],
    [
      "counts without spans",
      (body: ProtobufWriter) => body.doubleField(13, 1),
      "more counts than buckets",
    ],
    [
      "spans without counts",
      (body: ProtobufWriter) => body.message(11, () => body.varintField(2, 1e12)),
      "more buckets in spans than counts",
    ],
    [
      "bounds that do not ascend",
      (body: ProtobufWriter) => {
        body.zigzagField(4, -53);
        body.doubleField(16, 2);
        body.doubleField(16, 1);
      },
      "do not ascend",
    ],
    ["a negative count", (body: ProtobufWriter) => {
      body.message(11, () => body.varintField(2, 1));
      body.doubleField(2, 1);
      body.doubleField(13, -1);
    }, "negative count"],
  ])("%s", (_, fill, reason) => {
    const body = new ProtobufWriter();
    fill(body);
    const reader = new RemoteHistogramReader();
    expect(reader.read(new ProtobufReader(body.finish()))).toContain(reason);
    expect(reader.histogram).toBeUndefined();
  });
});
