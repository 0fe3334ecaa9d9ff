import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Matcher } from "../../engine/mod.ts";
import { crc32c } from "../../src/ingest/crc32c.ts";
import { ProtobufError, ProtobufReader, ProtobufWriter } from "../../src/ingest/protobuf.ts";
import { RemoteHistogramReader } from "../../src/ingest/remote_histogram.ts";
import { DEFAULT_REMOTE_READ_LIMITS, RemoteRead } from "../../src/ingest/remote_read.ts";
import type { RemoteReadQuery } from "../../src/ingest/remote_read_request.ts";
import { parseReadRequest } from "../../src/ingest/remote_read_request.ts";
import { decodeStored, encodeHistogram, encodeStored } from "../../src/promql/histogram_codec.ts";
import { NO_BUCKETS, NO_CUSTOM_VALUES } from "../../src/promql/histogram.ts";
import type { FakeSeries } from "../support/fake_database.ts";
import { FakeDatabase } from "../support/fake_database.ts";
import { decodeHistogramChunk } from "../support/histogram_chunk_oracle.ts";
import { decodeXorChunk } from "../support/xor_chunk_oracle.ts";

const STALE = 0x7ff0000000000002n;
const OPERATORS = ["=", "!=", "=~", "!~"];

function requestMessage(
  queries: readonly RemoteReadQuery[],
  types: readonly number[] = [],
): Uint8Array {
  const writer = new ProtobufWriter();
  for (const { startMs, endMs, matchers } of queries) {
    writer.message(1, () => {
      writer.signedField(1, startMs);
      writer.signedField(2, endMs);
      for (const { name, operator, value } of matchers) {
        writer.message(3, () => {
          writer.varintField(1, OPERATORS.indexOf(operator));
          writer.textField(2, name);
          writer.textField(3, value);
        });
      }
    });
  }
  for (const type of types) writer.varintField(2, type);
  return writer.finish();
}

interface PlainSeries {
  readonly labels: Record<string, string>;
  readonly samples: [timeMs: number, value: number | "stale"][];
  readonly histograms: number;
  /** First, last time and number of the samples of each chunk. */
  readonly chunks: [number, number, number][];
}

function readSeries(reader: ProtobufReader, form: "samples" | "chunks"): PlainSeries {
  const series: PlainSeries = { labels: {}, samples: [], histograms: 0, chunks: [] };
  let histograms = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    const outer = reader.enter();
    if (tag >> 3 === 1) {
      reader.tag();
      const name = text(reader);
      reader.tag();
      series.labels[name] = text(reader);
    } else if (form === "chunks") {
      const numbers: number[] = [];
      for (let field = reader.tag(); field !== 0; field = reader.tag()) {
        if (field >> 3 < 4) {
          numbers.push(reader.signed());
          continue;
        }
        const length = reader.length();
        const start = reader.take(length);
        const data = reader.bytes.slice(start, start + length);
        const [first, last, type] = numbers as [number, number, number];
        if (type === 3) {
          const { samples } = decodeHistogramChunk(data);
          histograms += samples.length;
          series.chunks.push([first, last, samples.length]);
          continue;
        }
        expect(type).toBe(1);
        const chunk = decodeXorChunk(data);
        chunk.times.forEach((time, index) =>
          series.samples.push([time, value(chunk.values[index]!)])
        );
        series.chunks.push([first, last, chunk.times.length]);
      }
    } else if (tag >> 3 === 2) {
      reader.tag();
      const bits = reader.view.getBigUint64(reader.take(8), true);
      reader.tag();
      series.samples.push([reader.signed(), value(bits)]);
    } else {
      expect(new RemoteHistogramReader().read(reader)).toBeUndefined();
      histograms++;
    }
    reader.leave(outer);
  }
  return { ...series, histograms };
}

function value(bits: bigint): number | "stale" {
  return bits === STALE ? "stale" : new Float64Array(BigUint64Array.of(bits).buffer)[0]!;
}

function text(reader: ProtobufReader): string {
  const length = reader.length();
  const start = reader.take(length);
  return new TextDecoder().decode(reader.bytes.subarray(start, start + length));
}

function readSamples(message: Uint8Array): PlainSeries[][] {
  const reader = new ProtobufReader(message);
  const results: PlainSeries[][] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    const outer = reader.enter();
    const result: PlainSeries[] = [];
    while (reader.tag() !== 0) {
      const inner = reader.enter();
      result.push(readSeries(reader, "samples"));
      reader.leave(inner);
    }
    reader.leave(outer);
    results.push(result);
  }
  return results;
}

function readFrame(frame: Uint8Array): { query: number; series: PlainSeries } {
  const head = new ProtobufReader(frame);
  const length = head.varint();
  const crc = head.view.getUint32(head.take(4));
  const message = frame.subarray(head.at);
  expect(message.length).toBe(length);
  expect(crc32c(message)).toBe(crc);
  const reader = new ProtobufReader(message.slice());
  reader.tag();
  const outer = reader.enter();
  const series = readSeries(reader, "chunks");
  reader.leave(outer);
  reader.tag();
  return { query: reader.varint(), series };
}

const all: Matcher[] = [{ name: "__name__", operator: "=~", value: ".+" }];

function read(
  fake: FakeDatabase,
  queries: readonly RemoteReadQuery[],
  limits = DEFAULT_REMOTE_READ_LIMITS,
): Promise<RemoteRead> {
  const parts = { database: fake.database, decodeHistogram: decodeStored };
  return RemoteRead.open(parts, parseReadRequest(requestMessage(queries)), limits);
}

describe("requests", () => {
  test("queries with matchers of all types", () => {
    const matchers = ["=", "!=", "=~", "!~"].map((operator, index) => ({
      name: `l${index}`,
      operator,
      value: `v${index}`,
    })) as Matcher[];
    const queries = [{ startMs: -5, endMs: 10, matchers }, { startMs: 0, endMs: 0, matchers: [] }];
    expect(parseReadRequest(requestMessage(queries))).toEqual({ queries, accepted: ["samples"] });
  });

  test("accepted forms, the best first, unknown ones left out", () => {
    expect(parseReadRequest(requestMessage([], [1, 0])).accepted).toEqual(["chunks", "samples"]);
    expect(parseReadRequest(requestMessage([], [7])).accepted).toEqual([]);
    const packed = new ProtobufWriter();
    packed.bytesField(2, Uint8Array.of(1, 0));
    expect(parseReadRequest(packed.finish()).accepted).toEqual(["chunks", "samples"]);
  });

  test("any bytes are read or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          parseReadRequest(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

const histogram = encodeHistogram({
  schema: 0,
  hint: "unknown",
  zeroThreshold: 0,
  zeroCount: 0,
  count: 1,
  sum: 1,
  positive: { indices: Int32Array.of(1), counts: Float64Array.of(1) },
  negative: NO_BUCKETS,
  customValues: NO_CUSTOM_VALUES,
});

const SERIES: FakeSeries[] = [
  { metric: "up", tags: [["job", "b"]], points: [[1_000, 1], [2_000, STALE], [3_000, 2.5]] },
  { metric: "up", tags: [["Z", "first"], ["job", "a"]], points: [[2_000, 7]] },
  { metric: "old", tags: [], points: [[10, 1]] },
  { metric: "text", tags: [], family: "blob", blobs: [[2_000, Uint8Array.of(2)]] },
  {
    metric: "latency",
    tags: [],
    family: "histogram",
    blobs: [[2_000, histogram], [4_000, histogram]],
  },
];

describe("samples", () => {
  test("both bounds inclusive, series and labels in order, empty ones left out", async () => {
    const fake = new FakeDatabase(SERIES);
    using reading = await read(fake, [
      { startMs: 1_000, endMs: 3_000, matchers: all },
      { startMs: 0, endMs: 20, matchers: [{ name: "__name__", operator: "=", value: "old" }] },
    ]);
    expect(readSamples(await reading.samples())).toEqual([
      [
        {
          labels: { Z: "first", __name__: "up", job: "a" },
          samples: [[2_000, 7]],
          histograms: 0,
          chunks: [],
        },
        { labels: { __name__: "latency" }, samples: [], histograms: 1, chunks: [] },
        {
          labels: { __name__: "up", job: "b" },
          samples: [[1_000, 1], [2_000, "stale"], [3_000, 2.5]],
          histograms: 0,
          chunks: [],
        },
      ],
      [{ labels: { __name__: "old" }, samples: [[10, 1]], histograms: 0, chunks: [] }],
    ]);
    expect(fake.ranges).toEqual([{ start: 0n, end: 3_001n }]);
  });

  test("no query, and one whose end is below its start, have empty answers", async () => {
    const fake = new FakeDatabase(SERIES);
    using nothing = await read(fake, []);
    expect(readSamples(await nothing.samples())).toEqual([]);
    using backwards = await read(fake, [{ startMs: 3_000, endMs: 1_000, matchers: all }]);
    expect(readSamples(await backwards.samples())).toEqual([[]]);
    expect(fake.ranges).toEqual([{ start: 0n, end: 1n }, { start: 3_000n, end: 3_001n }]);
  });

  test("the view is given back, also after an error", async () => {
    const fake = new FakeDatabase(SERIES);
    (await read(fake, [{ startMs: 0, endMs: 1, matchers: all }]))[Symbol.dispose]();
    const bad: Matcher[] = [{ name: "a", operator: "=~", value: "(" }];
    const reading = read(fake, [{ startMs: 0, endMs: 1, matchers: bad }]);
    await expect(reading).rejects.toThrow("Cannot compile");
    expect(fake.open).toBe(0);
  });

  test("finer times are rounded down, the last of a millisecond is sent", async () => {
    const points = [[1, 10], [2.25, 20], [2.5, STALE], [3.999, 40], [4, 50], [4.5, 60]] as const;
    const fake = new FakeDatabase([{ metric: "m", tags: [], points }], "ns");
    using reading = await read(fake, [{ startMs: 0, endMs: 4, matchers: all }]);
    expect(readSamples(await reading.samples())[0]![0]!.samples).toEqual([
      [1, 10],
      [2, "stale"],
      [3, 40],
      [4, 60],
    ]);
    expect(fake.ranges).toEqual([{ start: 0n, end: 5_000_000n }]);
  });

  test("limits", async () => {
    const fake = new FakeDatabase(SERIES);
    const query = { startMs: 0, endMs: 5_000, matchers: all };
    const limits = { queriesMax: 1, seriesMax: 4, samplesMax: 6 };
    using reading = await read(fake, [query], limits);
    await expect(reading.samples()).rejects.toThrow("Cannot read more than 6 samples");
    const ofFewer = read(fake, [query], { ...limits, seriesMax: 3 });
    await expect(ofFewer).rejects.toThrow("more than 3 series");
    await expect(read(fake, [query, query], limits)).rejects.toThrow("2 queries are above 1");
  });

  test("times are rounded as a map would", async () => {
    await fc.assert(fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { maxLength: 60 }),
      async (quarters) => {
        const points = quarters.sort((a, b) => a - b).map((quarter) =>
          [quarter / 4, quarter] as const
        );
        const fake = new FakeDatabase([{ metric: "m", tags: [], points }], "ns");
        using reading = await read(fake, [{ startMs: 0, endMs: 100, matchers: all }]);
        const expected = new Map(points.map(([ms, one]) => [Math.floor(ms), one]));
        expect(readSamples(await reading.samples())[0]![0]?.samples ?? []).toEqual([...expected]);
      },
    ));
  });
});

describe("chunks", () => {
  test("frames with checksum, series in order, 120 samples a chunk", async () => {
    const points = Array.from({ length: 250 }, (_, index) => [index * 1_000, index / 3] as const);
    const fake = new FakeDatabase([
      ...SERIES.slice(0, 2),
      { metric: "many", tags: [], points },
      SERIES[4]!,
    ]);
    using reading = await read(fake, [{ startMs: 0, endMs: 1e6, matchers: all }]);
    const frames = [...reading.chunks()].map(readFrame);
    expect(frames.map(({ query }) => query)).toEqual([0, 0, 0, 0]);
    expect(frames.map(({ series }) => series.labels["__name__"])).toEqual([
      "up",
      "latency",
      "many",
      "up",
    ]);
    expect(frames[1]!.series).toMatchObject({ histograms: 2, chunks: [[2_000, 4_000, 2]] });
    expect(frames[2]!.series.samples).toEqual(points.map((point) => [...point]));
    expect(frames[2]!.series.chunks).toEqual([[0, 119_000, 120], [120_000, 239_000, 120], [
      240_000,
      249_000,
      10,
    ]]);
    expect(frames[3]!.series.samples[1]).toEqual([2_000, "stale"]);
  });

  test("several fields of one series come as one, chunks in the order of time", async () => {
    const fake = new FakeDatabase([
      { metric: "mixed", tags: [], points: [[1_000, 1], [3_000, 2], [4_000, 3]] },
      {
        metric: "mixed",
        tags: [],
        family: "histogram",
        blobs: [[2_000, histogram], [5_000, encodeStored(undefined)]],
      },
      { metric: "mixed", tags: [], points: [[500, 7], [3_000, 9]] },
    ]);
    using reading = await read(fake, [{ startMs: 0, endMs: 1e6, matchers: all }]);
    const floats = [[500, 7], [1_000, 1], [3_000, 9], [4_000, 3]];
    const [frame, more] = [...reading.chunks()].map(readFrame);
    expect<unknown>(frame!.series).toEqual({
      labels: { __name__: "mixed" },
      samples: floats,
      histograms: 2,
      chunks: [[500, 1_000, 2], [2_000, 2_000, 1], [3_000, 4_000, 2], [5_000, 5_000, 1]],
    });
    expect(more).toBeUndefined();
    const [series, other] = readSamples(await reading.samples())[0]!;
    expect<unknown>(series).toMatchObject({ samples: floats, histograms: 2 });
    expect(other).toBeUndefined();
  });

  test("a long series takes several frames", async () => {
    const points = Array.from(
      { length: 200_000 },
      (_, index) => [index * 1_000, Math.sin(index)] as const,
    );
    const fake = new FakeDatabase([{ metric: "long", tags: [], points }]);
    using reading = await read(fake, [{ startMs: 0, endMs: 1e9, matchers: all }]);
    const frames = [...reading.chunks()];
    expect(frames.length).toBeGreaterThan(1);
    expect(Math.max(...frames.map((frame) => frame.length))).toBeLessThan((1 << 20) + 4_096);
    expect(frames.flatMap((frame) => readFrame(frame).series.samples)).toEqual(
      points.map((point) => [...point]),
    );
  });
});

test("crc32c", () => {
  expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(0))).toBe(0);
});
