/** JSON with line feeds and four spaces a level, made of JSON without white space as its pieces pass. */
import type { Piece } from "../answer_stream.ts";
import { bytesOf } from "../answer_stream.ts";
import { ByteWriter, PIECE_BYTES } from "../byte_writer.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const SPACE = 0x20;
const LINE_FEED = 0x0a;
const OPENERS: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSERS: ReadonlySet<number> = new Set([0x5d, 0x7d]);
const SPACES_PER_LEVEL = 4;

export async function* indented(pieces: AsyncIterable<Piece>): AsyncGenerator<Piece> {
  const indenter = new Indenter();
  for await (const piece of pieces) yield indenter.push(bytesOf(piece));
}

class Indenter {
  readonly #writer = new ByteWriter(PIECE_BYTES);
  #level = 0;
  #isText = false;
  #isEscaped = false;
  /** An opening bracket was the last: where it is closed at once, it stays on its line. */
  #isOpened = false;

  push(bytes: Uint8Array): Piece {
    for (const byte of bytes) {
      if (this.#isText) this.#inText(byte);
      else this.#outside(byte);
    }
    return this.#writer.take();
  }

  #inText(byte: number): void {
    this.#writer.byte(byte);
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) this.#isText = false;
  }

  #outside(byte: number): void {
    const writer = this.#writer;
    if (CLOSERS.has(byte)) {
      this.#level--;
      if (!this.#isOpened) this.#newLine();
      this.#isOpened = false;
      return writer.byte(byte);
    }
    if (byte === LINE_FEED) return writer.byte(byte);
    if (this.#isOpened) this.#newLine();
    this.#isOpened = OPENERS.has(byte);
    if (this.#isOpened) this.#level++;
    this.#isText = byte === QUOTE;
    writer.byte(byte);
    if (byte === COMMA) this.#newLine();
    if (byte === COLON) writer.byte(SPACE);
  }

  #newLine(): void {
    const writer = this.#writer;
    const spaces = this.#level * SPACES_PER_LEVEL;
    const bytes = writer.reserve(1 + spaces);
    bytes[writer.length++] = LINE_FEED;
    bytes.fill(SPACE, writer.length, writer.length + spaces);
    writer.length += spaces;
  }
}
