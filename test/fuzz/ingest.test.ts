/**
 * Bodies of writes that are nearly right. Whatever the bytes: each line, message or text is stored or refused with its
 * documented error, in bounded time, and the kernels' memory ends where it was.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isEngineError } from "../../engine/errors.ts";
import { reasonText } from "../../src/ingest/line_protocol.ts";
import { TextImporter } from "../../src/ingest/prometheus_text.ts";
import { ProtobufError } from "../../src/ingest/protobuf.ts";
import type { HistogramSample } from "../../src/ingest/remote_histogram.ts";
import { RemoteWriter } from "../../src/ingest/remote_write.ts";
import { decodeSnappy, encodeSnappy, SnappyError } from "../../src/ingest/snappy.ts";
import { encodeStored } from "../../src/promql/histogram_codec.ts";
import { message1, message2, type MessageSeries } from "../support/remote_messages.ts";
import { LineFixture } from "../support/scan_lines.ts";
import { WriteRecorder } from "../support/write_recorder.ts";
import { checkTime, fuzz, FUZZ_TIMEOUT_MS, mutate } from "./mutation.ts";

const encoder = new TextEncoder();
/** What the sources, fields and texts of one test may take of linear memory. */
const MEMORY_MAX = 64 << 20;
/** Rounds after which the fixture is replaced: what good lines create is kept, and would count as growth. */
const ROUNDS_PER_FIXTURE = 2_000;

describe("line protocol", () => {
  const file = join(import.meta.dirname, "../../../shared/influx-examples/line-protocol.json");
  const shared = existsSync(file)
    ? JSON.parse(readFileSync(file, "utf8")) as { input?: string; inputB64?: string }[]
    : [];
  const corpus = [
    encoder.encode('m,a=b,c=d f=1,i=-2i,u=3u,b=t,s="x \\"y\\" z" 1700000000000000000\n'),
    encoder.encode("cpu\\ load,host\\,name=a\\=b value=1.5e-3\n# comment\n\r\nmem used=1i 17\r\n"),
    ...shared.flatMap(({ input, inputB64 }) =>
      input !== undefined
        ? [encoder.encode(input)]
        : inputB64 !== undefined
        ? [Uint8Array.fromBase64(inputB64)]
        : []
    ).filter(({ length }) => length < 4_096),
  ];

  test(
    "a mutated body is stored line by line, or says why not; its pieces do as the whole",
    async () => {
      let fixture = new LineFixture();
      let stored = 0;
      let refused = 0;
      await fuzz(4_000, (random, round) => {
        if (round % ROUNDS_PER_FIXTURE === 0) fixture = new LineFixture();
        const body = mutate(random.pick(corpus), random, random.pick(corpus));
        const unit = random.pick(["ns", "us", "ms", "s", "auto"] as const);
        const start = performance.now();
        const { rows, report } = fixture.scan(body, { unit });
        checkTime(start, body.length);
        stored += rows.length;
        refused += report.errors.length;
        for (const error of report.errors) {
          const text = reasonText(error);
          if (text === undefined || /undefined|NaN/.test(text)) throw new Error(`says ${text}`);
        }
        const at = random.below(body.length + 1);
        const pieces = fixture.stream([body.subarray(0, at), body.subarray(at)], { unit });
        expect(pieces.rows).toEqual(rows);
        expect(pieces.report.errors.length).toBe(report.errors.length);
        expect(fixture.kernels.u8.byteLength).toBeLessThan(MEMORY_MAX);
      });
      expect(stored).toBeGreaterThan(400);
      expect(refused).toBeGreaterThan(400);
    },
    FUZZ_TIMEOUT_MS,
  );

  test.each([",", "=", " ", '"', "\\", "\n", "a", "a,", "a=1,", "m,a=b f=1 1\n", "\0", "\xff"])(
    "%j repeated",
    (piece) => {
      const fixture = new LineFixture();
      const body = encoder.encode(`m f=1\n${piece.repeat(200_000 / piece.length)}`);
      const start = performance.now();
      fixture.scan(body);
      expect(performance.now() - start).toBeLessThan(4_000);
    },
  );
});

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
const series: readonly MessageSeries[] = [
  { labels: [["__name__", "up"], ["job", "a"]], samples: [[1_000, 1], [2_000, NaN]], exemplars: 1 },
  {
    labels: [["__name__", "h"], ["é", "ü"]],
    histograms: [[5, histogram], [6, { ...histogram, schema: -53, hint: "unknown" }]],
    metadata: { type: 3, help: "some help", unit: "seconds" },
  },
  { labels: [["__name__", "old"]], samples: [[-1, -0]] },
];
const metadata = [{ family: "up", type: 2, help: "is it up", unit: "" }];
const MESSAGES = { 1: message1(series, metadata), 2: message2(series) } as const;
const MESSAGE_BYTES_MAX = 1 << 20;

describe.each([1, 2] as const)("remote write version %d", (version) => {
  const other = MESSAGES[version === 1 ? 2 : 1];

  test("a mutated message is stored, or is no message", async () => {
    let recorder = new WriteRecorder();
    let writer: RemoteWriter | undefined;
    let stored = 0;
    let refused = 0;
    await fuzz(2_000, async (random, round) => {
      if (writer === undefined || round % ROUNDS_PER_FIXTURE === 0) {
        recorder = new WriteRecorder();
        const { database } = recorder;
        writer = new RemoteWriter({
          database,
          encodeHistogram: encodeStored,
          onMetadata: () => true,
        });
      }
      const message = mutate(MESSAGES[version], random, other);
      const start = performance.now();
      try {
        const outcome = await writer.write(message, { version, acknowledgement: "durable" });
        stored += outcome.samples + outcome.histograms;
      } catch (error) {
        if (!(error instanceof ProtobufError) && !isEngineError(error, "invalid")) throw error;
        refused++;
      }
      checkTime(start, message.length);
      expect(recorder.database.kernels.u8.byteLength).toBeLessThan(MEMORY_MAX);
    });
    expect(stored).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(500);
  }, FUZZ_TIMEOUT_MS);

  test("a mutated snappy block decodes to its length, or is refused", async () => {
    const block = encodeSnappy(MESSAGES[version]);
    await fuzz(2_000, (random) => {
      const mutated = mutate(block, random, other);
      const start = performance.now();
      try {
        expect(decodeSnappy(mutated, MESSAGE_BYTES_MAX).length).toBeLessThan(mutated.length * 64);
      } catch (error) {
        if (!(error instanceof SnappyError)) throw error;
      }
      checkTime(start, mutated.length);
    });
  }, FUZZ_TIMEOUT_MS);
});

describe("Prometheus text", () => {
  const corpus = [
    '# HELP up Is it up?\n# TYPE up gauge\nup{job="a",instance="x:1"} 1 1700000000000\nup 0\n',
    'h_bucket{le="0.5"} 3 # {trace="x"} 0.5 1.5\nh_bucket{le="+Inf"} 4\nh_sum 2.5e3\nh_count 4\n',
    '# UNIT s seconds\n{"any.name", l="\\"\\\\\\n"} NaN\ns_total -Inf 1.5\n# EOF\n',
  ].map((text) => encoder.encode(text));

  test.each([false, true])(
    "a mutated text is stored line by line; OpenMetrics: %p",
    async (openMetrics) => {
      let importer: TextImporter | undefined;
      let recorder = new WriteRecorder();
      let samples = 0;
      let rejected = 0;
      await fuzz(2_000, async (random, round) => {
        if (importer === undefined || round % ROUNDS_PER_FIXTURE === 0) {
          recorder = new WriteRecorder();
          importer = new TextImporter({ database: recorder.database, onMetadata: () => {} });
        }
        const body = mutate(random.pick(corpus), random, random.pick(corpus));
        const start = performance.now();
        const outcome = await importer.write(body, {
          openMetrics,
          nowMs: 42,
          acknowledgement: "durable",
        });
        checkTime(start, body.length);
        samples += outcome.samples;
        rejected += outcome.rejected;
        expect(recorder.database.kernels.u8.byteLength).toBeLessThan(MEMORY_MAX);
      });
      expect(samples).toBeGreaterThan(1_000);
      expect(rejected).toBeGreaterThan(100);
    },
    FUZZ_TIMEOUT_MS,
  );
});
