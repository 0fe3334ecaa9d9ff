/**
 * Bodies of remote write and read: received and decoded whole, within a limit, with their bytes reserved meanwhile.
 * Snappy is the protocols' own compression; gzip and zstd are taken too.
 */
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { decodeSnappy, SnappyError, snappyLength } from "../ingest/snappy.ts";
import type { WriteAdmission } from "./admission.ts";

/** A body that cannot be taken, with the status it is answered with. */
export class MessageBodyError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "MessageBodyError";
    this.status = status;
  }
}

export interface MessageBodyOptions {
  /** Bytes as received, and as decoded. */
  readonly bytesMax: number;
  readonly admission: WriteAdmission;
}

/** A decoded body; dispose it to give its reservation back. */
export class MessageBody implements Disposable {
  readonly #admission: WriteAdmission;
  #reserved = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  private constructor(admission: WriteAdmission) {
    this.#admission = admission;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  static async receive(request: Request, options: MessageBodyOptions): Promise<MessageBody> {
    const body = new MessageBody(options.admission);
    try {
      await body.#receive(request, options);
      return body;
    } catch (error) {
      body[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    const reserved = this.#reserved;
    this.#reserved = 0;
    this.#bytes = new Uint8Array(0);
    if (reserved > 0) this.#admission.release(reserved);
  }

  async #receive(request: Request, { bytesMax, admission }: MessageBodyOptions): Promise<void> {
    const encoding = (request.headers.get("content-encoding") ?? "").trim().toLowerCase();
    if (!["", "identity", "snappy", "gzip", "zstd"].includes(encoding)) {
      throw new MessageBodyError(415, `unsupported content encoding "${encoding}"`);
    }
    const declared = Number(request.headers.get("content-length") ?? bytesMax);
    if (declared > bytesMax) throw tooLarge(bytesMax);
    const granted = admission.reserve(declared);
    if (granted !== true && !await granted) {
      throw new MessageBodyError(503, "request bodies take too much memory");
    }
    this.#reserved = declared;
    const received = request.headers.has("content-length")
      ? new Uint8Array(await request.arrayBuffer())
      : await receiveUnknown(request, bytesMax);
    this.#bytes = this.#decode(received, encoding, bytesMax);
  }

  #decode(received: Uint8Array, encoding: string, bytesMax: number): Uint8Array {
    switch (encoding) {
      case "snappy": {
        const length = snappyLength(received);
        if (length > bytesMax) throw tooLarge(bytesMax);
        if (length > received.length * 64) {
          throw new SnappyError(`its length ${length} cannot come from it`);
        }
        this.#grow(length);
        return decodeSnappy(received, bytesMax);
      }
      case "gzip":
      case "zstd":
        return this.#inflate(received, encoding, bytesMax);
      default:
        return received;
    }
  }

  #inflate(received: Uint8Array, encoding: "gzip" | "zstd", bytesMax: number): Uint8Array {
    if (received.length === 0) return received;
    try {
      const options = { maxOutputLength: bytesMax };
      const bytes = encoding === "gzip"
        ? gunzipSync(received, options)
        : zstdDecompressSync(received, options);
      this.#grow(bytes.length);
      return bytes;
    } catch (error) {
      if (error instanceof MessageBodyError) throw error;
      const { code, message } = error as { code?: string; message: string };
      throw code === "ERR_BUFFER_TOO_LARGE"
        ? tooLarge(bytesMax)
        : new MessageBodyError(400, `invalid ${encoding} body: ${message}`);
    }
  }

  /** Takes more without waiting: who holds some must not wait for others that hold some. */
  #grow(bytes: number): void {
    if (!this.#admission.tryReserve(bytes)) {
      throw new MessageBodyError(503, "request bodies take too much memory");
    }
    this.#reserved += bytes;
  }
}

async function receiveUnknown(request: Request, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of request.body ?? []) {
    bytes += piece.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    pieces.push(piece);
  }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function tooLarge(bytesMax: number): MessageBodyError {
  return new MessageBodyError(413, `request body is larger than ${bytesMax} bytes`);
}
