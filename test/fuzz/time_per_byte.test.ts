/**
 * Time that a decoder takes grows with its input and no faster: each gets the worst input of its kind in two sizes. A
 * decoder that looks at its bytes again and again takes many times longer for the larger one.
 */
import { beforeAll, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { isEngineError } from "../../engine/errors.ts";
import { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";
import { inspectFile } from "../../engine/inspect.ts";
import { parseManifest } from "../../engine/manifest/content.ts";
import { readBlocks } from "../../engine/series/registry_format.ts";
import { openLogFile } from "../../engine/wal/log_chain.ts";
import { WriteAdmission } from "../../src/http/admission.ts";
import { MessageBody } from "../../src/http/message_body.ts";
import { loadConfiguration } from "../../src/config.ts";
import { SettingError } from "../../src/config_values.ts";
import { TextImporter } from "../../src/ingest/prometheus_text.ts";
import { ProtobufError } from "../../src/ingest/protobuf.ts";
import { RemoteWriter } from "../../src/ingest/remote_write.ts";
import { decodeSnappy, encodeSnappy, SnappyError } from "../../src/ingest/snappy.ts";
import { encodeStored } from "../../src/promql/histogram_codec.ts";
import { ParseError } from "../../src/promql/errors.ts";
import { parseQuery } from "../../src/promql/parser.ts";
import { message1 } from "../support/remote_messages.ts";
import { LineFixture } from "../support/scan_lines.ts";
import { WriteRecorder } from "../support/write_recorder.ts";
import { sampleFiles } from "./database_files.ts";

const SMALL_BYTES = 64 << 10;
const FACTOR = 8;
const RUNS = 3;
/** Beyond the factor: what caches and a loaded machine take away, and times too short to compare. */
const SLACK = 4;
const MS_FLOOR = 60;

const encoder = new TextEncoder();
let files: Map<string, Uint8Array>;
beforeAll(async () => {
  files = await sampleFiles();
});

interface Case {
  readonly name: string;
  /** An input of about so many bytes. */
  readonly make: (bytes: number) => Uint8Array;
  readonly decode: (input: Uint8Array) => unknown;
}

function repeated(piece: string | Uint8Array, bytes: number, head = ""): Uint8Array {
  const pattern = typeof piece === "string" ? encoder.encode(piece) : piece;
  const result = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += pattern.length) {
    result.set(pattern.subarray(0, bytes - at), at);
  }
  result.set(encoder.encode(head).subarray(0, bytes));
  return result;
}

/** A file of the sample whose beginning is sound, with a pattern behind it. */
function behind(prefix: string, kept: number, pattern: readonly number[], bytes: number) {
  const name = [...files.keys()].find((each) => each.startsWith(prefix))!;
  const result = repeated(Uint8Array.from(pattern), bytes);
  result.set(files.get(name)!.subarray(0, kept));
  return result;
}

function inFile(name: string, bytes: Uint8Array): MemoryFileSystem {
  const fileSystem = new MemoryFileSystem();
  const handle = fileSystem.open(`/${name}`, "create");
  handle.write(bytes, 0);
  handle.close();
  return fileSystem;
}

function scanLines(body: Uint8Array): void {
  new LineFixture().scan(body);
}

function parseText(body: Uint8Array): void {
  parseQuery(new TextDecoder().decode(body));
}

function importText(body: Uint8Array): Promise<unknown> {
  const importer = new TextImporter({ database: new WriteRecorder().database, onMetadata() {} });
  return importer.write(body, { openMetrics: true, nowMs: 42, acknowledgement: "durable" });
}

function writeMessage(message: Uint8Array): Promise<unknown> {
  const { database } = new WriteRecorder();
  const writer = new RemoteWriter({
    database,
    encodeHistogram: encodeStored,
    onMetadata: () => true,
  });
  return writer.write(message, { version: 1, acknowledgement: "durable" });
}

async function expand(encoding: string, body: Uint8Array): Promise<void> {
  const admission = new WriteAdmission({ requestsMax: 1, bytesMax: 64 << 20, waitMs: 10 });
  const headers = { "Content-Encoding": encoding, "Content-Length": String(body.length) };
  const request = new Request("http://x/w", {
    method: "POST",
    body: new Uint8Array(body),
    headers,
  });
  using _ = await MessageBody.receive(request, { bytesMax: 32 << 20, admission });
}

function noise(bytes: number): Uint8Array {
  const result = new Uint8Array(bytes);
  for (let i = 0, state = 1; i < bytes; i++) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 | 0;
    result[i] = state >>> 24;
  }
  return result;
}

/** Sees every place where a record might begin. */
function searchLog(bytes: Uint8Array): void {
  using reader = openLogFile(inFile("0000000001.log", bytes), { directory: "/", file: 1 });
  reader.findRecord(0, () => false);
}

const CASES: readonly Case[] = [
  { name: "lines of one tag set", make: (n) => repeated("m,a=b f=1 1\n", n), decode: scanLines },
  { name: "a line of many tags", make: (n) => repeated("a=b,", n, "m,"), decode: scanLines },
  { name: "a line of many fields", make: (n) => repeated("f=1,", n, "m "), decode: scanLines },
  { name: "escaped characters", make: (n) => repeated("\\,\\=", n, "m,a="), decode: scanLines },
  { name: "a text that never ends", make: (n) => repeated('\\"', n, 'm f="'), decode: scanLines },
  { name: "broken lines", make: (n) => repeated("m,a f=\n", n), decode: scanLines },
  { name: "PromQL: a long sum", make: (n) => repeated("m + ", n), decode: parseText },
  { name: "PromQL: a long list", make: (n) => repeated('a="b",', n, "m{"), decode: parseText },
  { name: "PromQL: a long text", make: (n) => repeated("\\u00fc", n, '"'), decode: parseText },
  { name: "PromQL: comments", make: (n) => repeated("# c\n", n), decode: parseText },
  { name: "Prometheus text", make: (n) => repeated('m{a="b"} 1\n', n), decode: importText },
  { name: "Prometheus text: labels", make: (n) => repeated('a="b",', n, "m{"), decode: importText },
  {
    name: "protobuf of many series",
    make: (n) => {
      const series = Array.from({ length: n / 20 }, (_, i) => ({
        labels: [["__name__", "m"], ["i", String(i)]] as const,
        samples: [[i, i]] as const,
      }));
      return message1(series, []);
    },
    decode: writeMessage,
  },
  { name: "protobuf of empty fields", make: (n) => repeated("\n\0", n), decode: writeMessage },
  {
    name: "snappy copies of one byte",
    make: (n) => encodeSnappy(new Uint8Array(n * 4)),
    decode: (block) => decodeSnappy(block, 32 << 20),
  },
  {
    name: "snappy of noise",
    make: (n) => encodeSnappy(noise(n)),
    decode: (block) => decodeSnappy(block, 32 << 20),
  },
  { name: "gzip", make: (n) => gzipSync(noise(n)), decode: (body) => expand("gzip", body) },
  { name: "zstd", make: (n) => zstdCompressSync(noise(n)), decode: (body) => expand("zstd", body) },
  {
    name: "JSON of settings",
    make: (n) => repeated('"a":[1],', n, "{"),
    decode: (body) =>
      loadConfiguration({
        flags: ["--config", "c"],
        environment: {},
        readFile: () => new TextDecoder().decode(body),
        memoryBytes: 1 << 30,
      }),
  },
  {
    name: "MANIFEST that might go on everywhere",
    // Lengths of 65,537 bytes, each before the kind of a record.
    make: (n) => behind("MANIFEST", 200, [1, 0], n),
    decode: (bytes) => parseManifest(bytes, "MANIFEST"),
  },
  {
    name: "MANIFEST with a record number everywhere",
    make: (n) => behind("MANIFEST", 200, [1, 0x7f, 1, 0], n),
    decode: (bytes) => parseManifest(bytes, "MANIFEST"),
  },
  {
    name: "log file that might go on everywhere",
    make: (n) => behind("wal/", 32, [1, 0], n),
    decode: searchLog,
  },
  {
    name: "segment with a pattern for its pages",
    make: (n) => behind("segments/", 64, [1, 0, 2], n),
    decode: (bytes) => inspectFile(inFile("1.seg", bytes), "/1.seg", { chunks: true }),
  },
  {
    name: "registry file with a pattern for its blocks",
    make: (n) => behind("registry/", 64, [1, 0], n),
    decode: (bytes) => [...readBlocks(inFile("1.reg", bytes).open("/1.reg", "read"))],
  },
];

/** The least milliseconds of some runs; what is refused as it may be counts as well. */
async function timed({ decode }: Case, input: Uint8Array): Promise<number> {
  let least = Infinity;
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    try {
      await decode(input);
    } catch (error) {
      const isRefused = isEngineError(error) ||
        [ParseError, ProtobufError, SnappyError, SettingError].some((kind) =>
          error instanceof kind
        );
      if (!isRefused) throw error;
    }
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

test.each(CASES.map((given) => ({ ...given, given })))("$name", async ({ given }) => {
  await timed(given, given.make(SMALL_BYTES));
  const small = await timed(given, given.make(SMALL_BYTES));
  const large = await timed(given, given.make(SMALL_BYTES * FACTOR));
  expect(large).toBeLessThan(small * FACTOR * SLACK + MS_FLOOR);
}, 60_000);
