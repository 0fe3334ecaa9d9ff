/**
 * Compressed bodies that are damaged, or that expand to far more than their size, and parameters that are nearly right.
 * A body is received or refused with 400, 413, 415 or 503; every reservation comes back; a bomb takes the limit and no more.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { WriteAdmission } from "../../src/http/admission.ts";
import { MessageBody, MessageBodyError } from "../../src/http/message_body.ts";
import {
  boundsParameters,
  durationParameter,
  limitParameter,
  matchParameters,
  readParameters,
  timeParameter,
} from "../../src/http/prometheus_parameters.ts";
import { BodyFailure, receiveBody } from "../../src/http/request_body.ts";
import { parseV1, parseV2, parseV3 } from "../../src/http/write_parameters.ts";
import { encodeSnappy, SnappyError } from "../../src/ingest/snappy.ts";
import { PromqlError } from "../../src/promql/errors.ts";
import { checkTime, fuzz, FUZZ_TIMEOUT_MS, mutate, mutateText } from "./mutation.ts";

const BYTES_MAX = 1 << 20;
const STATUSES = [400, 413, 415, 503];
const TEXT = new TextEncoder().encode("m,host=a value=1.5 1700000000000000000\n".repeat(200));
const PACK = {
  gzip: (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes)),
  zstd: (bytes: Uint8Array) => new Uint8Array(zstdCompressSync(bytes)),
  snappy: (bytes: Uint8Array) => encodeSnappy(bytes),
};
type Encoding = keyof typeof PACK;
const ENCODINGS = Object.keys(PACK) as Encoding[];

let admission: WriteAdmission;
beforeEach(() => {
  admission = new WriteAdmission({ requestsMax: 4, bytesMax: 16 << 20, waitMs: 10 });
});

/** A request of known length, or in pieces of unknown length. */
function post(body: Uint8Array, encoding: Encoding, pieceBytes?: number): Request {
  let at = 0;
  const stream = new ReadableStream({
    pull(controller): void {
      if (at >= body.length) return controller.close();
      controller.enqueue(body.slice(at, at + pieceBytes!));
      at += pieceBytes!;
    },
  });
  const headers = {
    "Content-Encoding": encoding,
    ...(pieceBytes === undefined ? { "Content-Length": String(body.length) } : {}),
  };
  const payload = pieceBytes === undefined ? new Uint8Array(body) : stream;
  return new Request("http://x/write", { method: "POST", body: payload, headers });
}

/** Bytes of the message, or the status it is refused with; its route answers 400 to a SnappyError. */
async function receiveMessage(request: Request): Promise<number> {
  try {
    using body = await MessageBody.receive(request, { bytesMax: BYTES_MAX, admission });
    return body.bytes.length;
  } catch (error) {
    if (error instanceof SnappyError) return -400;
    if (!(error instanceof MessageBodyError)) throw error;
    expect(STATUSES).toContain(error.status);
    return -error.status;
  }
}

/** Bytes of the lines, or the status they are refused with. */
async function receiveLines(request: Request, hold: boolean): Promise<number> {
  const tooLarge = { status: 413, message: "too large" } as const;
  const limits = { receivedMax: BYTES_MAX, expandedMax: BYTES_MAX, tooLarge };
  let bytes = 0;
  try {
    using body = await receiveBody(request, limits, admission, hold);
    const expanded = body.expand();
    if (expanded instanceof Uint8Array) return expanded.length;
    for await (const piece of expanded) bytes += piece.length;
    return bytes;
  } catch (error) {
    if (!(error instanceof BodyFailure)) throw error;
    expect(STATUSES).toContain(error.failure.status);
    expect(bytes).toBeLessThanOrEqual(BYTES_MAX);
    return -error.failure.status;
  }
}

describe.each(ENCODINGS)("%s", (encoding) => {
  const packed = PACK[encoding](TEXT);

  test("a mutated body is received or refused, and nothing stays reserved", async () => {
    await fuzz(250, async (random) => {
      const body = mutate(packed, random, TEXT);
      const piece = random.pick([undefined, 1 + random.below(500)]);
      const start = performance.now();
      await receiveMessage(post(body, encoding, piece));
      await receiveLines(post(body, encoding, piece), random.below(2) === 0);
      checkTime(start, body.length);
      expect(admission.bytes).toBe(0);
      expect(admission.requests).toBe(0);
    });
  }, FUZZ_TIMEOUT_MS);

  test("a bomb is refused at the limit", async () => {
    const bomb = PACK[encoding](new Uint8Array(encoding === "snappy" ? 8 << 20 : 64 << 20));
    expect(bomb.length).toBeLessThan(BYTES_MAX);
    for (const piece of [undefined, 4_096]) {
      const before = process.memoryUsage.rss();
      const start = performance.now();
      expect(await receiveMessage(post(bomb, encoding, piece))).toBe(-413);
      const expected = encoding === "snappy" ? -415 : -413;
      for (const hold of [true, false]) {
        expect(await receiveLines(post(bomb, encoding, piece), hold)).toBe(expected);
      }
      expect(performance.now() - start).toBeLessThan(4_000);
      expect(process.memoryUsage.rss() - before).toBeLessThan(48 << 20);
      expect(admission.bytes).toBe(0);
    }
  });
});

describe("parameters", () => {
  const QUERIES = [
    "query=up&time=2015-07-01T20:10:51.781Z&timeout=1h30m&limit=3&stats=all",
    "start=1435781430.781&end=1435781460&step=15s&lookback_delta=5m",
    'match[]=up&match[]={job=~"a.*"}&start=-1e3&end=292277025-08-18T07:12:54.999999999Z',
    "db=a&rp=b&precision=ms&consistency=any&bucket=a/b&org=%20&no_sync=true&accept_partial=false",
    "a=%ff&b=%&c=+&d==&&=&match[]=%7B%22a%22%3D%22b%22%7D",
  ];

  test("a mutated query gives values or bad_data", async () => {
    await fuzz(4_000, async (random) => {
      const text = mutateText(random.pick(QUERIES), random, random.pick(QUERIES));
      const start = performance.now();
      const inBody = random.below(2) === 0;
      const headers = { "Content-Type": "application/x-www-form-urlencoded" };
      const request = inBody
        ? new Request("http://x/p", { method: "POST", body: text, headers })
        : new Request(`http://x/p?${encodeURI(text)}`);
      const parameters = await readParameters(request);
      for (
        const read of [
          () => expectNumber(timeParameter(parameters, "time", 0)),
          () => expectNumber(durationParameter(parameters, "step") ?? 0),
          () => expectNumber(durationParameter(parameters, "timeout") ?? 0),
          () => expectNumber(limitParameter(parameters) ?? 0),
          () => boundsParameters(parameters),
          () => matchParameters(parameters),
        ]
      ) {
        try {
          read();
        } catch (error) {
          if (!(error instanceof PromqlError) || error.kind !== "bad_data") throw error;
        }
      }
      const rules = { requireDatabase: true, partialAlways: false };
      for (
        const target of [
          parseV1(parameters, rules),
          parseV2(parameters, rules),
          parseV3(parameters),
        ]
      ) {
        if ("failure" in target) expect([400, 404]).toContain(target.failure.status);
        else expect(target.database.length).toBeLessThan(text.length + 1);
      }
      checkTime(start, text.length);
    });
  }, FUZZ_TIMEOUT_MS);
});

function expectNumber(value: number): void {
  if (!Number.isFinite(value)) throw new Error(`it is ${value}`);
}
