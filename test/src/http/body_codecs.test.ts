/** Compressed bodies of requests: each coding on each way in. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import { WriteAdmission } from "../../../src/http/admission.ts";
import { MessageBody, MessageBodyError } from "../../../src/http/message_body.ts";
import { BodyFailure, receiveBody } from "../../../src/http/request_body.ts";
import {
  decodeSnappy,
  encodeSnappy,
  SnappyError,
  snappyLength,
} from "../../../src/ingest/snappy.ts";
import { type BodyCodec, bodyCodecContract } from "../../contract/body_codec.ts";

const PACK = {
  gzip: (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes)),
  zstd: (bytes: Uint8Array) => new Uint8Array(zstdCompressSync(bytes)),
  snappy: encodeSnappy,
};
const admission = new WriteAdmission({ requestsMax: 4, bytesMax: 64 << 20, waitMs: 10 });

function post(body: Uint8Array, encoding: string): Request {
  const headers = { "Content-Encoding": encoding, "Content-Length": String(body.length) };
  return new Request("http://x/write", { method: "POST", body: new Uint8Array(body), headers });
}

/** What a refusal with a status means. */
function refusal(status: number): undefined | "too large" {
  return status === 413 ? "too large" : undefined;
}

function messages(encoding: keyof typeof PACK): BodyCodec["unpack"] {
  return async (packed, bytesMax) => {
    try {
      using body = await MessageBody.receive(post(packed, encoding), { bytesMax, admission });
      return new Uint8Array(body.bytes);
    } catch (error) {
      if (error instanceof SnappyError) return undefined;
      if (error instanceof MessageBodyError) return refusal(error.status);
      throw error;
    }
  };
}

function lines(encoding: "gzip" | "zstd", hold: boolean): BodyCodec["unpack"] {
  return async (packed, bytesMax) => {
    const tooLarge = { status: 413, message: "too large" } as const;
    const limits = { receivedMax: bytesMax, expandedMax: bytesMax, tooLarge };
    try {
      using body = await receiveBody(post(packed, encoding), limits, admission, hold);
      const expanded = body.expand();
      if (expanded instanceof Uint8Array) return new Uint8Array(expanded);
      const pieces: Uint8Array[] = [];
      for await (const piece of expanded) pieces.push(new Uint8Array(piece));
      return new Uint8Array(Buffer.concat(pieces));
    } catch (error) {
      if (error instanceof BodyFailure) return refusal(error.failure.status);
      throw error;
    }
  };
}

for (const encoding of ["gzip", "zstd", "snappy"] as const) {
  bodyCodecContract(`${encoding} as messages`, {
    pack: PACK[encoding],
    unpack: messages(encoding),
  });
}
for (const encoding of ["gzip", "zstd"] as const) {
  for (const hold of [true, false]) {
    bodyCodecContract(`${encoding} as lines${hold ? ", held" : ", in pieces"}`, {
      pack: PACK[encoding],
      unpack: lines(encoding, hold),
    });
  }
}
bodyCodecContract("snappy by itself", {
  pack: encodeSnappy,
  unpack: (packed, bytesMax) => {
    try {
      if (snappyLength(packed) > bytesMax) return Promise.resolve("too large");
      return Promise.resolve(decodeSnappy(packed, bytesMax));
    } catch (error) {
      if (error instanceof SnappyError) return Promise.resolve(undefined);
      throw error;
    }
  },
});
