/**
 * Bodies of remote write and read: received and decoded whole, within a limit, with their bytes reserved meanwhile.
 * Snappy is the protocols' own compression; gzip and zstd are taken too.
 */
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { decodeSnappy, snappyLength } from "../ingest/snappy.ts";
import type { WriteAdmission } from "./admission.ts";
import { checkZstdFrames } from "./zstd_frames.ts";

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

/** A decoded body of a request that is worked on; dispose it to give its reservation and its slot back. */
export class MessageBody implements Disposable {
  readonly #admission: WriteAdmission;
  #reserved = 0;
  #entered = false;
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
    this.#admission.release(reserved);
    if (this.#entered) this.#admission.leave();
    this.#entered = false;
  }

  async #receive(request: Request, { bytesMax }: MessageBodyOptions): Promise<void> {
    const encoding = (request.headers.get("content-encoding") ?? "").trim().toLowerCase();
    if (!["", "identity", "snappy", "gzip", "zstd"].includes(encoding)) {
      throw new MessageBodyError(415, `unsupported content encoding "${encoding}"`);
    }
    const length = request.headers.get("content-length");
    if (length !== null && Number(length) > bytesMax) throw tooLarge(bytesMax);
    const received = await this.#receiveAhead(request, length) ??
      await this.#receiveArriving(request, bytesMax);
    // Requests count from here: those whose bodies never come take no slot from others.
    if (!this.#admission.enter()) {
      throw new MessageBodyError(503, "too many write requests at once");
    }
    this.#entered = true;
    this.#bytes = await this.#decode(received, encoding, bytesMax);
  }

  /** The body in one piece, with its stated length reserved meanwhile; undefined where that may not be. */
  async #receiveAhead(request: Request, length: string | null): Promise<Uint8Array | undefined> {
    if (length === null || !this.#admission.tryReserveAhead(Number(length))) return undefined;
    this.#reserved = Number(length);
    try {
      return new Uint8Array(await request.arrayBuffer().catch(failReading));
    } finally {
      this.#admission.arrived(Number(length));
    }
  }

  /** The body in pieces that are reserved as they arrive. */
  async #receiveArriving(request: Request, bytesMax: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    const reader = request.body?.getReader();
    while (reader !== undefined) {
      const { value, done } = await reader.read().catch(failReading);
      if (done) break;
      bytes += value.length;
      pieces.push(value);
      if (bytes > bytesMax || !this.#admission.tryReserve(value.length)) {
        await reader.cancel().catch(() => {});
        throw bytes > bytesMax
          ? tooLarge(bytesMax)
          : new MessageBodyError(503, "request bodies take too much memory");
      }
      this.#reserved += value.length;
    }
    const whole = new Uint8Array(bytes);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  async #decode(received: Uint8Array, encoding: string, bytesMax: number): Promise<Uint8Array> {
    switch (encoding) {
      case "snappy": {
        const length = snappyLength(received);
        if (length > bytesMax) throw tooLarge(bytesMax);
        await this.#reserve(received.length + length);
        return decodeSnappy(received, bytesMax);
      }
      case "gzip":
      case "zstd": {
        const bytes = inflate(received, encoding, bytesMax);
        await this.#reserve(received.length + bytes.length);
        return bytes;
      }
      default:
        await this.#reserve(received.length);
        return received;
    }
  }

  /**
   * Reserves this many bytes in place of what was reserved. What was is given back first: two bodies that hold some and
   * wait for more would wait for ever.
   */
  async #reserve(bytes: number): Promise<void> {
    if (bytes <= this.#reserved) return;
    this.#admission.release(this.#reserved);
    this.#reserved = 0;
    const granted = this.#admission.reserve(bytes);
    if (granted !== true && !await granted) {
      throw new MessageBodyError(503, "request bodies take too much memory");
    }
    this.#reserved = bytes;
  }
}

function inflate(received: Uint8Array, encoding: "gzip" | "zstd", bytesMax: number): Uint8Array {
  if (received.length === 0) return received;
  try {
    const options = { maxOutputLength: bytesMax };
    if (encoding === "gzip") return gunzipSync(received, options);
    checkZstdFrames(received);
    return zstdDecompressSync(received, options);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    throw code === "ERR_BUFFER_TOO_LARGE"
      ? tooLarge(bytesMax)
      : new MessageBodyError(400, `invalid ${encoding} body: ${message}`);
  }
}

/** The connection ended before the body did: nobody is there to read the answer. */
function failReading(error: unknown): never {
  const why = error instanceof Error ? error.message : String(error);
  throw new MessageBodyError(400, `cannot read the request body: ${why}`);
}

function tooLarge(bytesMax: number): MessageBodyError {
  return new MessageBodyError(413, `request body is larger than ${bytesMax} bytes`);
}
