import { beforeEach, describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { EngineError } from "../../engine/mod.ts";
import { WriteAdmission } from "../../src/http/admission.ts";
import type { StoredSamples } from "../../src/http/prometheus_stores.ts";
import { PrometheusStores } from "../../src/http/prometheus_stores.ts";
import { QuerySlots } from "../../src/http/query_slots.ts";
import { ProtobufReader, ProtobufWriter } from "../../src/ingest/protobuf.ts";
import { decodeSnappy, encodeSnappy } from "../../src/ingest/snappy.ts";
import { MetadataStore } from "../../src/stores/metadata.ts";
import { FakeDatabase } from "../support/fake_database.ts";
import { message1, message2 } from "../support/remote_messages.ts";
import { WriteRecorder } from "../support/write_recorder.ts";

let recorder: WriteRecorder;
let metadata: MetadataStore;
let counted: StoredSamples[];
let admission: WriteAdmission;
let stores: PrometheusStores;

function build(database = recorder.database, bodyBytesMax = 1 << 20): PrometheusStores {
  const slots = new QuerySlots({
    queriesMax: 4,
    waitingMax: 0,
    waitMs: 1,
    monotonicMs: () => 0,
    nowMs: () => 0,
    after: () => () => {},
  });
  const count = (stored: StoredSamples) => void counted.push(stored);
  return new PrometheusStores({
    database,
    metadata,
    slots,
    admission,
    nowMs: () => 42,
    count,
    bodyBytesMax,
  });
}

beforeEach(() => {
  recorder = new WriteRecorder();
  metadata = MetadataStore.open();
  counted = [];
  admission = new WriteAdmission({ requestsMax: 2, bytesMax: 4 << 20, waitMs: 1 });
  stores = build();
});

const VERSION_2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
const up = [["__name__", "up"], ["job", "a"]] as const;
const one = [{ labels: up, samples: [[1, 1]] }] as const;

function post(
  body: Uint8Array<ArrayBuffer> | string,
  headers: Record<string, string> = {},
  query = "",
): Request {
  return new Request(`http://x/api/v1/write${query}`, { method: "POST", body, headers });
}

function snappy(message: Uint8Array, type = "application/x-protobuf", query = ""): Request {
  return post(encodeSnappy(message), { "Content-Encoding": "snappy", "Content-Type": type }, query);
}

describe("remote write", () => {
  test("version 1", async () => {
    const help = [{ family: "up", type: 2, help: "h", unit: "" }];
    const response = await stores.write(snappy(message1(one, help)));
    expect(response.status).toBe(204);
    expect(response.headers.get("X-Prometheus-Remote-Write-Samples-Written")).toBeNull();
    expect(recorder.rows).toHaveLength(1);
    expect(metadata.get("up")).toEqual({ type: "gauge", help: "h", unit: "" });
    expect(counted).toEqual([{ protocol: "remote_write_1", samples: 1, tooOld: 0, rejected: 0 }]);
  });

  test("version 2 says what was written", async () => {
    const response = await stores.write(snappy(message2(one), VERSION_2));
    expect(response.status).toBe(204);
    expect(response.headers.get("X-Prometheus-Remote-Write-Samples-Written")).toBe("1");
    expect(response.headers.get("X-Prometheus-Remote-Write-Histograms-Written")).toBe("0");
    expect(response.headers.get("X-Prometheus-Remote-Write-Exemplars-Written")).toBe("0");
  });

  test.each([
    ["raw", (message: Uint8Array<ArrayBuffer>) => message, ""],
    ["gzip", (message: Uint8Array<ArrayBuffer>) => new Uint8Array(gzipSync(message)), "gzip"],
    [
      "zstd",
      (message: Uint8Array<ArrayBuffer>) => new Uint8Array(zstdCompressSync(message)),
      "ZSTD",
    ],
  ])("%s bodies", async (_, compress, encoding) => {
    const body = compress(new Uint8Array(message1(one)));
    const headers = encoding === "" ? undefined : { "Content-Encoding": encoding };
    expect((await stores.write(post(body, headers))).status).toBe(204);
    expect(recorder.rows).toHaveLength(1);
  });

  test("a database of the URL becomes a label", async () => {
    await stores.write(snappy(message1(one), undefined, "?db=home&rp=week"));
    expect(recorder.rows[0]!.tags).toEqual({ db: "home/week", job: "a" });
    expect((await stores.write(snappy(message1(one), undefined, "?db=a%2Fb"))).status).toBe(400);
  });

  test("what cannot be stored is told, the rest stands, in both versions", async () => {
    const series = [...one, { labels: [["job", "x"]], samples: [[1, 1], [2, 2]] }] as const;
    for (
      const [message, type] of [[message1(series), "application/x-protobuf"], [
        message2(series),
        VERSION_2,
      ]] as const
    ) {
      const response = await stores.write(snappy(message, type));
      expect(response.status).toBe(400);
      expect(await response.text()).toBe("2 samples rejected: series has no metric name (2)\n");
      if (type === VERSION_2) {
        expect(response.headers.get("X-Prometheus-Remote-Write-Samples-Written")).toBe("1");
      }
    }
    expect(recorder.rows).toHaveLength(2);
  });

  test("samples that are too old are no fault", async () => {
    recorder.oldest = 100n;
    expect((await stores.write(snappy(message1(one)))).status).toBe(204);
    expect(counted[0]).toMatchObject({ samples: 0, tooOld: 1 });
  });

  test.each([
    ["another type", { "Content-Type": "application/json" }, "unsupported content type"],
    [
      "another message",
      { "Content-Type": "application/x-protobuf;proto=x.Y" },
      'unsupported message "x.Y"',
    ],
    ["another encoding", { "Content-Encoding": "br" }, 'unsupported content encoding "br"'],
  ])("%s is 415", async (_, headers, message) => {
    const response = await stores.write(post(new Uint8Array(message1(one)), headers));
    expect(response.status).toBe(415);
    expect(await response.text()).toContain(message);
  });

  test("the versions' messages are not mixed up", async () => {
    const type = "application/x-protobuf; proto=prometheus.WriteRequest";
    expect((await stores.write(snappy(message1(one), type))).status).toBe(204);
    expect((await stores.write(snappy(message2(one), type))).status).toBe(204);
    expect(recorder.rows).toHaveLength(1);
  });

  test.each([
    ["no snappy", post("x", { "Content-Encoding": "snappy" }), "Cannot decode snappy block"],
    ["no message", post(Uint8Array.of(10, 200, 1)), "Cannot read message"],
    ["no gzip", post("x", { "Content-Encoding": "gzip" }), "invalid gzip body"],
  ])("%s is 400", async (_, request, message) => {
    const response = await stores.write(request);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(message);
  });

  test("too large, as received or as decoded, is 413", async () => {
    stores = build(recorder.database, 1_000);
    const large = new Uint8Array(2_000);
    expect((await stores.write(post(large))).status).toBe(413);
    expect((await stores.write(snappy(large))).status).toBe(413);
    expect(
      (await stores.write(post(new Uint8Array(gzipSync(large)), { "Content-Encoding": "gzip" })))
        .status,
    ).toBe(413);
    const body = new ReadableStream({
      start(controller): void {
        controller.enqueue(large);
        controller.close();
      },
    });
    expect((await stores.write(new Request("http://x/", { method: "POST", body }))).status).toBe(
      413,
    );
    expect(admission.bytes).toBe(0);
  });

  test.each(
    [
      ["limit", 503],
      ["closed", 503],
      ["failed", 503],
      ["io", 503],
      ["invalid", 400],
    ] as const,
  )("engine's %s is %d", async (code, status) => {
    recorder.failure = new EngineError(code, "because");
    const response = await stores.write(snappy(message1(one)));
    expect(response.status).toBe(status);
    expect(response.headers.get("Retry-After")).toBe(status === 503 ? "5" : null);
    expect(await response.text()).toBe("because\n");
    expect({ bytes: admission.bytes, requests: admission.requests }).toEqual({
      bytes: 0,
      requests: 0,
    });
  });

  test("too many at once are 503", async () => {
    admission.enter();
    admission.enter();
    const response = await stores.write(snappy(message1(one)));
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).toBe("5");
  });
});

describe("text import", () => {
  test("lines and metadata", async () => {
    const text = "# TYPE up gauge\n# HELP up Whether it is up\n# TYPE up nonsense\nup 1\n";
    expect((await stores.importText(post(text))).status).toBe(204);
    expect(recorder.rows[0]!.time).toBe(42n);
    expect(metadata.get("up")).toEqual({ type: "gauge", help: "Whether it is up", unit: "" });
  });

  test("OpenMetrics by content type", async () => {
    await stores.importText(
      post("up 1 2.5", { "Content-Type": "application/openmetrics-text; version=1.0.0" }),
    );
    expect(recorder.rows[0]!.time).toBe(2500n);
  });

  test("bad lines are told", async () => {
    const response = await stores.importText(post("up 1\nup x\n"));
    expect(response.status).toBe(400);
    expect(await response.text()).toBe('1 lines rejected: line 2: cannot parse value "x"\n');
    expect(recorder.rows).toHaveLength(1);
  });
});

describe("remote read", () => {
  let fake: FakeDatabase;

  beforeEach(() => {
    fake = new FakeDatabase([
      { metric: "up", tags: [["db", "home"]], points: [[1_000, 1]] },
      { metric: "up", tags: [["job", "b"]], points: [[1_000, 2]] },
      { metric: "latency", tags: [], family: "histogram", blobs: [] },
    ]);
    stores = build(fake.database);
  });

  function query(metric: string, types: readonly number[] = []): Uint8Array<ArrayBuffer> {
    const writer = new ProtobufWriter();
    writer.message(1, () => {
      writer.signedField(1, 0);
      writer.signedField(2, 5_000);
      writer.message(3, () => {
        writer.textField(2, "__name__");
        writer.textField(3, metric);
      });
    });
    for (const type of types) writer.varintField(2, type);
    return encodeSnappy(writer.finish());
  }

  function read(body: Uint8Array<ArrayBuffer>, search = ""): Promise<Response> {
    return stores.read(post(body, { "Content-Encoding": "snappy" }, search));
  }

  /** Series in an answer of samples. */
  async function seriesCount(response: Response): Promise<number> {
    const reader = new ProtobufReader(
      decodeSnappy(new Uint8Array(await response.arrayBuffer()), 1 << 20),
    );
    reader.tag();
    reader.enter();
    let count = 0;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      reader.skip(tag);
      count++;
    }
    return count;
  }

  test("samples", async () => {
    const response = await read(query("up"));
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe("application/x-protobuf");
    expect(response.headers.get("Content-Encoding")).toBe("snappy");
    expect(response.headers.get("X-Prometheus-Remote-Read-Version")).toBe("0.1.0");
    expect(await seriesCount(response)).toBe(2);
    expect(fake.open).toBe(0);
  });

  test("of one database", async () => {
    expect(await seriesCount(await read(query("up"), "?db=home"))).toBe(1);
  });

  test("streamed chunks hold the view until they are read", async () => {
    const response = await read(query("up", [1, 0]));
    expect(response.headers.get("Content-Type")).toBe(
      "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse",
    );
    expect(fake.open).toBe(1);
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(40);
    expect(fake.open).toBe(0);
  });

  test("a client that goes away gives the view back", async () => {
    const response = await read(query("up", [1]));
    await response.body!.cancel();
    expect(fake.open).toBe(0);
  });

  test("histograms come in either form; none that is known is refused", async () => {
    const type = async (types: number[]) =>
      (await read(query("latency", types))).headers.get("Content-Type");
    expect(await type([1, 0])).toContain("x-streamed-protobuf");
    expect(await type([0])).toBe("application/x-protobuf");
    expect((await read(query("up", [9]))).status).toBe(400);
    expect(fake.open).toBe(0);
  });
});
