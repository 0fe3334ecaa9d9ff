/**
 * Request bodies within limits: received, held or streamed, and decompressed.
 *
 * A body whose length is known and at most HELD_BYTES_MAX is read into one buffer, while there is ample room. A longer one
 * is streamed, unless the caller must see it twice. Both limits, of the body as received and of what it expands to, are kept while reading, so
 * that a compression bomb costs a buffer and no more.
 */
import { createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { WriteAdmission } from "./admission.ts";
import type { Failure } from "./replies.ts";
import { checkZstdFrames, endsEarly, ZstdFrames } from "./zstd_frames.ts";

export type Encoding = "identity" | "gzip" | "zstd";

/** Longest body that is read into one buffer without need. */
const HELD_BYTES_MAX = 4 << 20;
/** Compressed bodies up to this are expanded in one call, longer ones off the event loop. */
const SYNC_COMPRESSED_MAX = 256 << 10;
/** What one call may expand to; a body that gives more is streamed. */
const SYNC_EXPANDED_MAX = 4 << 20;
const EXPANDED_CHUNK_BYTES = 256 << 10;
/** Buffers from this size on are freed when they have been read: as garbage they would pile up between collections. */
const FREED_BYTES_MIN = 16 << 10;

/** Thrown when a body cannot be taken; carries the answer. */
export class BodyFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = "BodyFailure";
    this.failure = failure;
  }
}

export interface BodyLimits {
  /** Bytes as received. */
  readonly receivedMax: number;
  /** Bytes after decompression. */
  readonly expandedMax: number;
  /** What a body over a limit is answered with. */
  readonly tooLarge: Failure;
}

/** A received body; dispose it, which may be repeated, to give its reservation back and to free what it holds. */
export interface ReceivedBody extends Disposable {
  readonly encoding: Encoding;
  /** The whole body as received, where it is held. */
  readonly held: Uint8Array | undefined;
  /** The expanded body: one piece where that is cheap. May be called again only when the body is held. */
  expand(): Uint8Array | AsyncIterable<Uint8Array>;
}

/** The encoding of a request's body; throws a BodyFailure with 415 for one that we do not know. */
export function encodingOf(request: Request): Encoding {
  const header = request.headers.get("content-encoding");
  if (header === null) return "identity";
  switch (header.trim().toLowerCase()) {
    case "":
    case "identity":
      return "identity";
    case "gzip":
    case "x-gzip":
      return "gzip";
    case "zstd":
      return "zstd";
    default:
      throw new BodyFailure({
        status: 415,
        message: `unsupported content encoding "${header}" (use gzip, zstd or identity)`,
      });
  }
}

/** Bytes of request bodies reserved for one request. */
class Reservation implements Disposable {
  readonly #admission: WriteAdmission;
  #bytes = 0;

  constructor(admission: WriteAdmission) {
    this.#admission = admission;
  }

  async take(bytes: number): Promise<void> {
    const granted = this.#admission.reserve(bytes);
    if (granted !== true && !await granted) throw throttled("exceeds timeout");
    this.#bytes += bytes;
  }

  /** Takes what is announced, where that may be; call `arrived` when it is here or will not come. */
  tryTakeAhead(bytes: number): boolean {
    if (!this.#admission.tryReserveAhead(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  arrived(bytes: number): void {
    this.#admission.arrived(bytes);
  }

  /** Takes more without waiting: who holds some must not wait for others that hold some. */
  grow(bytes: number): void {
    if (!this.#admission.tryReserve(bytes)) throw throttled("queue full");
    this.#bytes += bytes;
  }

  [Symbol.dispose](): void {
    const bytes = this.#bytes;
    this.#bytes = 0;
    if (bytes > 0) this.#admission.release(bytes);
  }
}

function throttled(why: string): BodyFailure {
  return new BodyFailure({ status: 503, message: `request throttled, ${why}` });
}

/** Receives a request's body. `hold` keeps all of it in memory whatever its length. */
export async function receiveBody(
  request: Request,
  limits: BodyLimits,
  admission: WriteAdmission,
  hold: boolean,
): Promise<ReceivedBody> {
  const encoding = encodingOf(request);
  const length = Number(request.headers.get("content-length") ?? NaN);
  if (length > limits.receivedMax) throw new BodyFailure(limits.tooLarge);
  const reservation = new Reservation(admission);
  try {
    if (length <= HELD_BYTES_MAX || (hold && !Number.isNaN(length))) {
      if (reservation.tryTakeAhead(length)) {
        let whole: ArrayBuffer;
        try {
          whole = await request.arrayBuffer();
        } catch (error) {
          failReading(error);
        } finally {
          reservation.arrived(length);
        }
        return heldBody(new Uint8Array(whole), encoding, limits, reservation);
      }
    }
    const received = limited(request.body, limits.receivedMax, limits.tooLarge);
    const heldMax = hold ? Infinity : length > HELD_BYTES_MAX ? 0 : HELD_BYTES_MAX;
    return await receiveArriving(received, encoding, limits, reservation, heldMax);
  } catch (error) {
    reservation[Symbol.dispose]();
    throw error;
  }
}

/**
 * A body that takes room as it arrives, its length being unknown or more than may be taken ahead: held while it is short,
 * streamed from where it gets long. Who sends nothing holds nothing.
 */
async function receiveArriving(
  received: AsyncIterable<Uint8Array>,
  encoding: Encoding,
  limits: BodyLimits,
  reservation: Reservation,
  heldMax: number,
): Promise<ReceivedBody> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  const iterator = received[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await iterator.next();
    if (done === true) return heldBody(concat(pieces, bytes), encoding, limits, reservation);
    if (bytes === 0) await reservation.take(value.length);
    else reservation.grow(value.length);
    pieces.push(value);
    bytes += value.length;
    if (bytes <= heldMax) continue;
    return streamedBody(resume(pieces, iterator), encoding, limits, reservation);
  }
}

async function* resume(
  pieces: Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for (;;) {
    const piece = pieces.shift();
    if (piece === undefined) break;
    yield piece;
  }
  for (;;) {
    const { value, done } = await iterator.next();
    if (done === true) return;
    yield value;
  }
}

function heldBody(
  held: Uint8Array,
  encoding: Encoding,
  limits: BodyLimits,
  reservation: Reservation,
): ReceivedBody {
  let expanded: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  return {
    encoding,
    held,
    expand: () => {
      if (encoding === "identity") return held;
      return expanded = expandHeld(held, encoding, limits);
    },
    [Symbol.dispose]: () => {
      reservation[Symbol.dispose]();
      // Where it is being expanded off the event loop, another thread may still be reading what is held.
      if (expanded !== undefined && !(expanded instanceof Uint8Array)) return;
      free(held);
      if (expanded !== undefined) free(expanded);
    },
  };
}

/** Frees the memory behind bytes that nobody reads any more, where they are all that is in it. */
function free(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.length < FREED_BYTES_MIN || bytes.length !== buffer.byteLength) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

function streamedBody(
  received: AsyncIterable<Uint8Array>,
  encoding: Encoding,
  limits: BodyLimits,
  reservation: Reservation,
): ReceivedBody {
  return {
    encoding,
    held: undefined,
    expand: () => encoding === "identity" ? received : expandStream(received, encoding, limits),
    [Symbol.dispose]: () => reservation[Symbol.dispose](),
  };
}

function expandHeld(
  held: Uint8Array,
  encoding: "gzip" | "zstd",
  limits: BodyLimits,
): Uint8Array | AsyncIterable<Uint8Array> {
  if (held.length === 0) return held;
  if (held.length <= SYNC_COMPRESSED_MAX) {
    const maxOutputLength = Math.min(limits.expandedMax, SYNC_EXPANDED_MAX);
    try {
      if (encoding === "gzip") return gunzipSync(held, { maxOutputLength });
      checkZstdFrames(held);
      return zstdDecompressSync(held, { maxOutputLength });
    } catch (error) {
      if ((error as { code?: string }).code !== "ERR_BUFFER_TOO_LARGE") {
        throw badEncoding(encoding, error);
      }
    }
  }
  return expandStream(slices(held), encoding, limits);
}

async function* slices(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 65_536) {
    yield bytes.subarray(start, start + 65_536);
  }
}

/** Decompresses a stream off the event loop, within the limit. */
async function* expandStream(
  source: AsyncIterable<Uint8Array>,
  encoding: "gzip" | "zstd",
  limits: BodyLimits,
): AsyncGenerator<Uint8Array> {
  const expander = encoding === "gzip"
    ? createGunzip({ chunkSize: EXPANDED_CHUNK_BYTES })
    : createZstdDecompress({ chunkSize: EXPANDED_CHUNK_BYTES });
  let sourceError: unknown;
  const frames = encoding === "zstd" ? new ZstdFrames() : undefined;
  const feeding = feed(source, expander, frames).catch((error) => {
    sourceError = error;
    expander.destroy();
  });
  let bytes = 0;
  try {
    for await (const piece of expander as AsyncIterable<Uint8Array>) {
      bytes += piece.length;
      if (bytes > limits.expandedMax) throw new BodyFailure(limits.tooLarge);
      yield piece;
    }
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    throw error instanceof BodyFailure ? error : badEncoding(encoding, error);
  } finally {
    expander.destroy();
    await feeding;
  }
  if (sourceError !== undefined) throw sourceError;
  if (frames?.isWhole === false) throw badEncoding(encoding, endsEarly());
}

async function feed(
  source: AsyncIterable<Uint8Array>,
  expander: ReturnType<typeof createGunzip>,
  frames: ZstdFrames | undefined,
): Promise<void> {
  for await (const piece of source) {
    if (expander.destroyed) return;
    frames?.push(piece);
    if (!expander.write(piece)) {
      await new Promise<void>((resolve) => {
        // Both go with the first: a long body waits often.
        const goOn = () => {
          expander.off("drain", goOn);
          expander.off("close", goOn);
          resolve();
        };
        expander.on("drain", goOn);
        expander.on("close", goOn);
      });
    }
  }
  if (!expander.destroyed) expander.end();
}

function badEncoding(encoding: string, error: unknown): BodyFailure {
  if (error instanceof BodyFailure) return error;
  return new BodyFailure({
    status: 400,
    message: `invalid ${encoding} body: ${(error as Error).message}`,
  });
}

/** The pieces of a body up to a limit. */
async function* limited(
  body: ReadableStream<Uint8Array> | null,
  max: number,
  tooLarge: Failure,
): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  let bytes = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read().catch(failReading);
      if (done) return;
      bytes += value.length;
      if (bytes > max) throw new BodyFailure(tooLarge);
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** A body that cannot be read to its end is the client's doing: nobody is there to read the answer. */
function failReading(error: unknown): never {
  const why = error instanceof Error ? error.message : String(error);
  throw new BodyFailure({ status: 400, message: `cannot read the request body: ${why}` });
}

function concat(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
