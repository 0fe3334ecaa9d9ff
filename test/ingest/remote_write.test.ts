import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EngineError } from "../../engine/mod.ts";
import { ProtobufError, ProtobufWriter } from "../../src/ingest/protobuf.ts";
import type { HistogramSample } from "../../src/ingest/remote_histogram.ts";
import { RemoteSeriesCache } from "../../src/ingest/remote_series_cache.ts";
import type { RemoteMetadata, RemoteWriteOutcome } from "../../src/ingest/remote_write.ts";
import { RemoteWriter } from "../../src/ingest/remote_write.ts";
import { decodeHistogram, encodeStored } from "../../src/promql/histogram_codec.ts";
import { float64Text } from "../support/batch_rows.ts";
import type { MessageSeries } from "../support/remote_messages.ts";
import { message1, message2 } from "../support/remote_messages.ts";
import { WriteRecorder } from "../support/write_recorder.ts";

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

let recorder: WriteRecorder;
let metadata: RemoteMetadata[];
let writer: RemoteWriter;

function build(cache?: RemoteSeriesCache): void {
  writer = new RemoteWriter({
    database: recorder.database,
    encodeHistogram: encodeStored,
    onMetadata: (one) => {
      metadata.push(one);
      return true;
    },
    ...(cache === undefined ? {} : { cache }),
  });
}

beforeEach(() => {
  recorder = new WriteRecorder();
  metadata = [];
  build();
});

type Version = 1 | 2;

function write(
  version: Version,
  series: readonly MessageSeries[],
  db?: string,
): Promise<RemoteWriteOutcome> {
  const message = version === 1 ? message1(series) : message2(series);
  return writer.write(message, {
    version,
    acknowledgement: "durable",
    ...(db === undefined ? {} : { db }),
  });
}

const up = [["__name__", "up"], ["job", "a"]] as const;

describe.each([1, 2] as const)("version %d", (version) => {
  test("samples of new and known series", async () => {
    for (const base of [0, 1_000]) {
      const outcome = await write(version, [
        { labels: up, samples: [[base, 1], [base + 15, -0]] },
        { labels: [["__name__", "sin"], ["é.x", "ü"], ["job", "b"]], samples: [[base - 5, NaN]] },
      ]);
      expect(outcome).toMatchObject({ samples: 3, histograms: 0, rejected: 0, tooOld: 0 });
    }
    const row = (
      measurement: string,
      tags: Record<string, string>,
      time: bigint,
      value: number,
    ) => ({
      measurement,
      tags,
      fields: { value: float64Text(value) },
      time,
    });
    expect(recorder.rows).toEqual([0n, 1_000n].flatMap((base) => [
      row("up", { job: "a" }, base, 1),
      row("up", { job: "a" }, base + 15n, -0),
      row("sin", { job: "b", "é.x": "ü" }, base - 5n, NaN),
    ]));
    expect(recorder.database.registry.sourceCount).toBe(2);
  });

  test("labels in any order name one series; empty values are no labels", async () => {
    await write(version, [
      { labels: [["b", "2"], ["a", "1"], ["__name__", "m"], ["c", ""]], samples: [[0, 1]] },
      { labels: [["__name__", "m"], ["a", "1"], ["b", "2"]], samples: [[1, 1]] },
    ]);
    expect(recorder.database.registry.sourceCount).toBe(1);
  });

  test("a stale marker keeps its bits", async () => {
    const outcome = await write(version, [{ labels: up, samples: [[0, 0]] }]);
    expect(outcome.samples).toBe(1);
    const message = version === 1
      ? message1([{ labels: up, samples: [[1, 1.5]] }])
      : message2([{ labels: up, samples: [[1, 1.5]] }]);
    const view = new DataView(message.buffer);
    const at = message.findIndex((_, index) =>
      index + 8 <= message.length && view.getFloat64(index, true) === 1.5
    );
    view.setBigUint64(at, 0x7ff0000000000002n, true);
    await writer.write(message, { version, acknowledgement: "durable" });
    expect(recorder.rows[1]!.fields).toEqual({ value: "f64:7ff0000000000002" });
  });

  test("histograms", async () => {
    const outcome = await write(version, [{
      labels: up,
      histograms: [[5, histogram]],
      exemplars: 2,
    }]);
    expect(outcome).toMatchObject({ samples: 0, histograms: 1, exemplars: 2, rejected: 0 });
    const [, hex] = recorder.rows[0]!.fields["value"]!.split(":");
    expect(decodeHistogram(Uint8Array.fromHex(hex!))).toEqual(histogram);
  });

  test.each(
    [
      { name: "no name", labels: [["job", "a"]], reason: "series has no metric name" },
      { name: "an empty name", labels: [["__name__", ""]], reason: "series has no metric name" },
      {
        name: "two names",
        labels: [["__name__", "a"], ["__name__", "b"]],
        reason: 'two metric names: "a" and "b"',
      },
      {
        name: "a label twice",
        labels: [["__name__", "a"], ["x", "1"], ["x", "2"]],
        reason: 'the label "x" twice',
      },
      {
        name: "a label without name",
        labels: [["__name__", "a"], ["", "1"]],
        reason: "label without a name",
      },
    ] as const,
  )("$name: rejected, the rest stands", async ({ labels, reason }) => {
    const outcome = await write(version, [
      { labels, samples: [[0, 1], [1, 2]] },
      { labels: up, samples: [[0, 1]] },
    ]);
    expect(outcome).toMatchObject({ samples: 1, rejected: 2 });
    expect([...outcome.reasons]).toEqual([[expect.stringContaining(reason), 2]]);
  });

  test("floats and histograms of one series stand in a field each, as do those of a metric of integers", async () => {
    const { registry } = recorder.database;
    registry.slotOf(registry.sourceOf("up", [["job", "z"]]), "value", "i64");
    for (let time = 0; time < 2; time++) {
      const outcome = await write(version, [{
        labels: up,
        samples: [[time, 1]],
        histograms: [[time, histogram]],
      }]);
      expect(outcome).toMatchObject({ samples: 1, histograms: 1, rejected: 0 });
    }
    const fields = recorder.rows.map((row) => Object.keys(row.fields));
    expect(fields).toEqual([0, 1].flatMap(() => [["\0floats"], ["\0histograms"]]));
  });

  test("times out of range and too old", async () => {
    recorder.oldest = 100n;
    const samples = [[9_223_372_036_855, 1], [50, 1], [100, 1]] as const;
    const outcome = await write(version, [{ labels: up, samples }]);
    expect(outcome).toMatchObject({ samples: 1, rejected: 1, tooOld: 1 });
    expect([...outcome.reasons.keys()]).toEqual(["timestamp 9223372036855 is out of range"]);
  });

  test("a database label is set on all series and kept apart", async () => {
    const series = [{ labels: [...up, ["db", "other"]] as const, samples: [[0, 1]] as const }];
    await write(version, series, "home");
    await write(version, series);
    await write(version, series, "home");
    expect(recorder.rows.map(({ tags }) => tags["db"])).toEqual(["home", "other", "home"]);
  });

  test("more rows than a batch takes", async () => {
    const samples = Array.from({ length: 40_000 }, (_, index) => [index, index] as const);
    const outcome = await write(version, [{ labels: up, samples }, {
      labels: up,
      samples: [[1, 1]],
    }]);
    expect(outcome.samples).toBe(40_001);
    expect(recorder.writes).toEqual([32_768, 7_233]);
    expect(recorder.rows[39_999]!.time).toBe(39_999n);
  });

  test("a cache that overflows changes nothing", async () => {
    const limits = { seriesMax: 3, keyBytesMax: 500, symbolsMax: 9, symbolBytesMax: 100 };
    build(new RemoteSeriesCache(limits));
    const series = Array.from({ length: 20 }, (_, index) => ({
      labels: [["__name__", "m"], ["i", String(index)]] as const,
      samples: [[index, index]] as const,
    }));
    for (let round = 0; round < 3; round++) {
      expect(await write(version, series)).toMatchObject({ samples: 20, rejected: 0 });
    }
    expect(recorder.rows).toHaveLength(60);
    for (const { tags, time } of recorder.rows) expect(tags).toEqual({ i: String(time) });
  });

  test("a message that waits is not misled by another one that empties the cache", async () => {
    const limits = { seriesMax: 2, keyBytesMax: 500, symbolsMax: 8, symbolBytesMax: 100 };
    build(new RemoteSeriesCache(limits));
    const long = Array.from({ length: 33_000 }, (_, index) => [index, 1] as const);
    let open = (): void => {};
    const first = write(version, [{ labels: up, samples: long }]);
    recorder.admission = new Promise((resolve) => (open = resolve));
    await Promise.resolve();
    recorder.admission = undefined;
    await write(
      version,
      ["a", "b", "c", "d"].map((name) => ({
        labels: [["__name__", name]] as const,
        samples: [[0, 1]],
      })),
    );
    open();
    expect((await first).samples).toBe(33_000);
    expect(recorder.rows.filter(({ measurement }) => measurement === "up")).toHaveLength(33_000);
  });

  test("an error of the engine is passed on", async () => {
    recorder.failure = new EngineError("io", "disk");
    await expect(write(version, [{ labels: up, samples: [[0, 1]] }])).rejects.toThrow("disk");
  });

  test("damage is a ProtobufError or counted, never anything else", async () => {
    const series = [{
      labels: up,
      samples: [[0, 1]] as const,
      histograms: [[0, histogram]] as const,
      exemplars: 1,
    }];
    const whole = version === 1 ? message1(series) : message2(series);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(whole.length),
        async (changes, length) => {
          const damaged = whole.slice();
          for (const [at, byte] of changes) damaged[at] = byte;
          try {
            await writer.write(damaged.subarray(0, length), {
              version,
              acknowledgement: "durable",
            });
          } catch (error) {
            expect(error).toBeInstanceOf(ProtobufError);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe("version 1 alone", () => {
  test("metadata", async () => {
    const one = { family: "up", type: 2, help: "h", unit: "s" };
    const outcome = await writer.write(message1([], [one]), {
      version: 1,
      acknowledgement: "durable",
    });
    expect(outcome.metadata).toBe(1);
    expect(metadata).toEqual([one]);
  });

  test("a label that is no UTF-8 is rejected", async () => {
    const body = new ProtobufWriter();
    body.message(1, () => {
      body.message(1, () => {
        body.textField(1, "__name__");
        body.bytesField(2, Uint8Array.of(0xff));
      });
      body.message(2, () => body.doubleField(1, 1));
    });
    const outcome = await writer.write(body.finish(), { version: 1, acknowledgement: "durable" });
    expect([...outcome.reasons.keys()]).toEqual(["series has a label that is not valid UTF-8"]);
  });

  test("labels behind samples are refused", async () => {
    const body = new ProtobufWriter();
    body.message(1, () => {
      body.message(2, () => body.doubleField(1, 1));
      body.message(1, () => body.textField(1, "x"));
    });
    await expect(writer.write(body.finish(), { version: 1, acknowledgement: "durable" })).rejects
      .toThrow(
        "labels stand behind samples",
      );
  });
});

describe("version 2 alone", () => {
  test("metadata comes with every series and is passed on once", async () => {
    const series = [
      {
        labels: [["__name__", "x_bucket"], ["le", "1"]],
        samples: [[0, 1]],
        metadata: { type: 3, help: "h", unit: "s" },
      },
      {
        labels: [["__name__", "y_total"]],
        samples: [[0, 1]],
        metadata: { type: 1, help: "", unit: "" },
      },
    ] as const;
    expect((await write(2, series)).metadata).toBe(2);
    expect((await write(2, series)).metadata).toBe(0);
    expect(metadata).toEqual([
      { family: "x", type: 3, help: "h", unit: "s" },
      { family: "y_total", type: 1, help: "", unit: "" },
    ]);
  });

  test.each([
    {
      name: "an odd number of references",
      references: [1],
      reason: "odd number of label references",
    },
    { name: "a reference beyond the symbols", references: [1, 9], reason: "symbol 9 of 2" },
  ])("$name: rejected", async ({ references, reason }) => {
    const body = new ProtobufWriter();
    body.textField(4, "");
    body.textField(4, "a");
    body.message(5, () => {
      body.message(1, () => references.forEach((reference) => body.varint(reference)));
      body.message(2, () => body.doubleField(1, 1));
    });
    const outcome = await writer.write(body.finish(), { version: 2, acknowledgement: "durable" });
    expect([...outcome.reasons.keys()]).toEqual([expect.stringContaining(reason)]);
  });

  describe("start timestamps", () => {
    const fields = (): unknown[] => recorder.rows.map((row) => row.fields);

    test("stand beside samples and histograms; without one a series has no column for them", async () => {
      await write(2, [{ labels: up, samples: [[1_000, 1]] }]);
      await write(2, [{
        labels: up,
        samples: [[2_000, 1, 500], [3_000, 2, -5_000_000_000], [4_000, 3]],
      }]);
      await write(2, [{ labels: up, histograms: [[5_000, histogram, 700], [6_000, histogram]] }]);
      expect(fields().map((each) => (each as Record<string, string>)["\0starts"])).toEqual([
        undefined,
        "i64:500",
        "i64:-5000000000",
        "i64:0",
        "i64:700",
        "i64:0",
      ]);
    });

    test("of the whole series hold for samples without one of their own", async () => {
      await write(2, [{
        labels: up,
        samples: [[1_000, 1], [2_000, 2, 1_500]],
        histograms: [[3_000, histogram]],
        createdMs: 900,
      }]);
      expect(fields().map((each) => (each as Record<string, string>)["\0starts"])).toEqual([
        "i64:900",
        "i64:1500",
        "i64:900",
      ]);
    });
  });
});
