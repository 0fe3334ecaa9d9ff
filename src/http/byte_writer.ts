/**
 * Text as bytes, in pieces: everything goes straight into one buffer, of which a piece is a copy.
 *
 * Writers may share one: whoever yields empties it first with `take`.
 */

/** Length in bytes from which a piece is handed on. */
export const PIECE_BYTES = 65_536;
/** Longer texts are left to the runtime's encoder, whose calls cost more than a short loop. */
export const LOOP_LENGTH_MAX = 24;
/** Bytes of UTF-8 that a UTF-16 unit takes at most. */
const UNIT_BYTES_MAX = 3;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export class ByteWriter {
  /** Bytes written since the last piece; what `reserve` gave is counted by whoever fills it. */
  length = 0;
  readonly #encoder = new TextEncoder();
  #bytes: Uint8Array<ArrayBuffer>;

  /** `bytes`: room to begin with; it grows. */
  constructor(bytes: number) {
    this.#bytes = new Uint8Array(bytes);
  }

  /** Whether what has been written is enough for a piece. */
  get isFull(): boolean {
    return this.length >= PIECE_BYTES;
  }

  /** What has been written since the last call. */
  take(): Uint8Array<ArrayBuffer> {
    const piece = this.#bytes.slice(0, this.length);
    this.length = 0;
    return piece;
  }

  /** Forgets what has been written: what a writer left that threw. */
  clear(): void {
    this.length = 0;
  }

  byte(byte: number): void {
    this.reserve(1)[this.length++] = byte;
  }

  /** A text as it is. */
  text(text: string): void {
    const { length } = text;
    const bytes = this.reserve(length * UNIT_BYTES_MAX);
    let at = this.length;
    if (length <= LOOP_LENGTH_MAX) {
      let index = 0;
      for (; index < length; index++) {
        const unit = text.charCodeAt(index);
        if (unit >= 0x80) break;
        bytes[at++] = unit;
      }
      if (index === length) {
        this.length = at;
        return;
      }
    }
    this.length += this.#encoder.encodeInto(text, bytes.subarray(this.length)).written;
  }

  /** A text as a JSON string. */
  string(text: string): void {
    const { length } = text;
    const bytes = this.reserve(length + 2);
    let at = this.length;
    bytes[at++] = QUOTE;
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit < 0x20 || unit >= 0x80 || unit === QUOTE || unit === BACKSLASH) {
        this.text(JSON.stringify(text));
        return;
      }
      bytes[at++] = unit;
    }
    bytes[at++] = QUOTE;
    this.length = at;
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    const { length } = bytes;
    const target = this.reserve(length);
    if (length > LOOP_LENGTH_MAX) target.set(bytes, this.length);
    else for (let i = 0, at = this.length; i < length; i++) target[at++] = bytes[i]!;
    this.length += length;
  }

  /** The buffer, with so much room behind what has been written. */
  reserve(bytes: number): Uint8Array<ArrayBuffer> {
    const needed = this.length + bytes;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.length));
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}
