/** Bodies on their way in: encodings, chunks, both limits, and that every reservation comes back. */
import { afterEach, describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { WriteAdmission } from "../../../src/http/admission.ts";
import { receiveBody } from "../../../src/http/request_body.ts";
import {
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from "../../support/http_server.ts";

let server: TestServer | undefined;
afterEach(() => {
  server?.[Symbol.dispose]();
  server = undefined;
});

function start(options: TestServerOptions = {}): TestServer {
  server = startTestServer(options);
  return server;
}

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

async function post(path: string, body: Body, headers: Record<string, string> = {}) {
  const response = await fetch(`${server!.url}${path}`, { method: "POST", body, headers });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

describe("bodies", () => {
  const lines = Array.from({ length: 2_000 }, (_, index) => `m v=${index}`);
  const text = lines.join("\n");
  const stored = lines.map((line) => `|${line}`);
  const members = Buffer.concat([gzipSync(text.slice(0, 5_001)), gzipSync(text.slice(5_001))]);

  test.each([
    { name: "gzip", body: gzipSync(text), encoding: "gzip" },
    { name: "x-gzip", body: gzipSync(text), encoding: "x-gzip" },
    { name: "several gzip members", body: members, encoding: "gzip" },
    { name: "zstd", body: zstdCompressSync(text), encoding: "zstd" },
    { name: "identity", body: Buffer.from(text), encoding: "identity" },
  ])("$name", async ({ body, encoding }) => {
    const { engine } = start();
    const got = await post("/write", new Uint8Array(body), { "Content-Encoding": encoding });
    expect(got.text).toBe("");
    expect(engine.stored).toEqual(stored);
  });

  function stream(bytes: Uint8Array, piece: number): ReadableStream<Uint8Array> {
    let at = 0;
    return new ReadableStream({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.subarray(at, at + piece));
        at += piece;
      },
    });
  }

  test.each(["/write", "/api/v2/write?bucket=b"])("chunked, plain and gzip: %s", async (path) => {
    const { engine } = start();
    expect((await post(path, stream(Buffer.from(text), 1_000))).status).toBe(204);
    const headers = { "Content-Encoding": "gzip" };
    expect((await post(path, stream(members, 100), headers)).status).toBe(204);
    expect(engine.stored).toHaveLength(4_000);
  });

  test("a long body is streamed and stored whole", async () => {
    const { engine, admission } = start();
    const long = "m v=1234567890 1234567890\n".repeat(300_000);
    expect((await post("/write", long)).status).toBe(204);
    expect(engine.stored).toHaveLength(300_000);
    const chunked = await post("/write", stream(Buffer.from(long), 65_536));
    expect(chunked.status).toBe(204);
    expect(engine.stored).toHaveLength(600_000);
    expect(admission.bytes).toBe(0);
    expect(admission.requests).toBe(0);
  });

  test.each([
    { name: "not gzip", body: Buffer.from(text), encoding: "gzip", status: 400 },
    { name: "cut gzip", body: gzipSync(text).subarray(0, 100), encoding: "gzip", status: 400 },
    { name: "unknown encoding", body: Buffer.from(text), encoding: "br", status: 415 },
  ])("$name", async ({ body, encoding, status }) => {
    start();
    const got = await post("/write", new Uint8Array(body), { "Content-Encoding": encoding });
    expect(got.status).toBe(status);
    expect(JSON.parse(got.text).error).toBeString();
  });

  test("over the limit as received, stated or not", async () => {
    const { engine, admission } = start({ writes: { bodyBytesMax: 1_000 } });
    const stated = await post("/write", text);
    expect(stated.status).toBe(413);
    expect(JSON.parse(stated.text)).toEqual({ error: "Request Entity Too Large" });
    const chunked = await post("/api/v2/write?bucket=b", stream(Buffer.from(text), 300));
    expect(chunked.status).toBe(413);
    expect(JSON.parse(chunked.text)).toEqual({
      code: "request too large",
      message: "unable to read data: points batch is too large",
    });
    expect(engine.stored).toEqual([]);
    expect(admission.bytes).toBe(0);
  });

  test.each([gzipSync, zstdCompressSync])("a bomb costs a buffer", async (compress) => {
    start({ writes: { bodyExpandedBytesMax: 8 << 20 } });
    const bomb = new Uint8Array(compress(Buffer.alloc(64 << 20, "#")));
    const encoding = compress === gzipSync ? "gzip" : "zstd";
    const got = await post("/write", bomb, { "Content-Encoding": encoding });
    expect(got.status).toBe(413);
    expect(server!.admission.bytes).toBe(0);
  });
});

describe("memory of bodies", () => {
  const limits = {
    receivedMax: 64 << 20,
    expandedMax: 64 << 20,
    tooLarge: { status: 413, message: "too large" },
  };

  async function receive(body: Uint8Array<ArrayBuffer>, encoding: string) {
    const admission = new WriteAdmission({ requestsMax: 1, bytesMax: 64 << 20, waitMs: 0 });
    const headers = { "Content-Encoding": encoding, "Content-Length": String(body.length) };
    const request = new Request("http://localhost/write", { method: "POST", body, headers });
    return { admission, body: await receiveBody(request, limits, admission, false) };
  }

  const long = new Uint8Array(100_000).fill(65);
  const noise = crypto.getRandomValues(new Uint8Array(60_000));
  const incompressible = new Uint8Array(Buffer.concat(Array.from({ length: 6 }, () => noise)));

  test.each([
    { name: "as received", given: long, encoding: "identity" },
    { name: "expanded in one call", given: new Uint8Array(gzipSync(long)), encoding: "gzip" },
  ])("$name is freed by dispose, once and for all", async ({ given, encoding }) => {
    const { admission, body } = await receive(given, encoding);
    const expanded = body.expand() as Uint8Array;
    expect(expanded.length).toBe(long.length);
    body[Symbol.dispose]();
    body[Symbol.dispose]();
    expect(expanded.length).toBe(0);
    expect(admission.bytes).toBe(0);
  });

  test("what another thread expands stays until it is done", async () => {
    const given = new Uint8Array(gzipSync(incompressible, { level: 0 }));
    const { admission, body } = await receive(given, "gzip");
    expect(body.expand()).not.toBeInstanceOf(Uint8Array);
    body[Symbol.dispose]();
    expect(body.held?.length).toBe(given.length);
    expect(admission.bytes).toBe(0);
  });
});
