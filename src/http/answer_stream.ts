/**
 * Bodies of answers that are made piece by piece, as the client takes them, and their compression.
 *
 * Once a stream has begun its status cannot change: an answer over the byte limit is broken off.
 */
import { createGzip, type Gzip } from "node:zlib";
import { Slices } from "../slices.ts";

/** Bodies below this are not worth compressing. */
export const COMPRESS_BYTES_MIN = 4_096;

/** Part of an answer: a text, or its bytes. */
export type Piece = string | Uint8Array<ArrayBuffer>;

/** Makes an answer piece by piece. */
export type PieceIterator = Iterator<Piece> | AsyncIterator<Piece>;

const encoder = new TextEncoder();

/** A body of pieces, of which some are ready. */
export function streamPieces(
  ready: Piece[],
  pieces: PieceIterator,
  bytesMax: number,
): ReadableStream<Uint8Array> {
  let sent = 0;
  const slices = new Slices(1);
  return new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      // A client that takes what it gets lets one pull follow the other.
      if (slices.isDue) await slices.pause();
      const piece = ready.length > 0 ? ready.shift()! : await nextPiece(pieces);
      if (piece === undefined) return controller.close();
      const bytes = bytesOf(piece);
      sent += bytes.length;
      if (sent > bytesMax) {
        await pieces.return?.();
        controller.error(new Error(`Cannot send answer: it is longer than ${bytesMax} bytes`));
        return;
      }
      controller.enqueue(bytes);
    },
    async cancel(): Promise<void> {
      // Lets the writer of the pieces give back what it holds.
      await pieces.return?.();
    },
  }, { highWaterMark: 1 });
}

/** A piece as bytes; itself where it is. */
export function bytesOf(piece: Piece): Uint8Array<ArrayBuffer> {
  return typeof piece === "string" ? encoder.encode(piece) : piece;
}

async function nextPiece(pieces: PieceIterator): Promise<Piece | undefined> {
  const next = await pieces.next();
  return next.done === true ? undefined : next.value;
}

/** Whether the client takes gzip. */
export function acceptsGzip(request: Request): boolean {
  const accepted = request.headers.get("accept-encoding");
  return accepted !== null &&
    /(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)/.test(accepted);
}

/** A stream through gzip, off the event loop. */
export function compressed(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const gzip = createGzip({ level: 1 });
  const reader = stream.getReader();
  const output = gzip[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const feed = async (): Promise<void> => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      if (gzip.destroyed) return;
      if (!gzip.write(value)) await drained(gzip);
    }
    gzip.end();
  };
  feed().catch((error: unknown) => {
    gzip.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      const { value, done } = await output.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel(): Promise<void> {
      gzip.destroy();
      await reader.cancel();
    },
  }, { highWaterMark: 1 });
}

/** Resolves when a stream takes more, or takes no more at all. */
async function drained(gzip: Gzip): Promise<void> {
  await new Promise<void>((resolve) => {
    const settle = () => {
      gzip.off("drain", settle).off("close", settle);
      resolve();
    };
    gzip.on("drain", settle).on("close", settle);
  });
}
