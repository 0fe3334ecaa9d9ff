/**
 * Protocol buffers: a reader over bytes that makes no objects, and a writer.
 *
 * The reader walks one message after the other in the same bytes: `enter` narrows it to a nested message, `leave`
 * widens it again. Whatever the bytes, it throws a ProtobufError or ends.
 */

/** The bytes are no message of the expected form. */
export class ProtobufError extends Error {
  constructor(reason: string) {
    super(`Cannot read message: ${reason}`);
    this.name = "ProtobufError";
  }
}

/** How a field's value lies in the bytes. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const TWO_TO_32 = 4_294_967_296;

export class ProtobufReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where reading goes on. */
  at: number;
  /** Where the current message ends. */
  end: number;
  /** Halves of the last varint. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
    this.end = bytes.length;
  }

  /** The next field's tag: number * 8 + wire form; 0 at the end of the message. */
  tag(): number {
    if (this.at >= this.end) return 0;
    const tag = this.varint();
    if (tag < 8 || tag > 0xffff_ffff) throw new ProtobufError("a field has no number");
    return tag;
  }

  /** An unsigned number; exact below 2^53. */
  varint(): number {
    const first = this.bytes[this.at]!;
    if (first < 128 && this.at < this.end) {
      this.at++;
      return first;
    }
    this.#halves();
    return (this.#high >>> 0) * TWO_TO_32 + (this.#low >>> 0);
  }

  /** A number in two's complement, as int32 and int64 have it. */
  signed(): number {
    const first = this.bytes[this.at]!;
    if (first < 128 && this.at < this.end) {
      this.at++;
      return first;
    }
    this.#halves();
    return (this.#high | 0) * TWO_TO_32 + (this.#low >>> 0);
  }

  /** A number in zigzag form, as sint32 and sint64 have it. */
  zigzag(): number {
    this.#halves();
    const odd = this.#low & 1;
    const low = (this.#low >>> 1 | this.#high << 31) >>> 0;
    const half = (this.#high >>> 1) * TWO_TO_32 + low;
    return odd === 0 ? half : -half - 1;
  }

  double(): number {
    return this.view.getFloat64(this.take(8), true);
  }

  /** Takes this many bytes; where they begin. */
  take(count: number): number {
    const start = this.at;
    if (count > this.end - start) throw new ProtobufError("it ends within a field");
    this.at = start + count;
    return start;
  }

  /** Length of a field of bytes that lies ahead whole. */
  length(): number {
    const length = this.varint();
    if (length > this.end - this.at) throw new ProtobufError("it ends within a field");
    return length;
  }

  /** Narrows reading to the nested message ahead; returns what `leave` wants. */
  enter(): number {
    const length = this.length();
    const outer = this.end;
    this.end = this.at + length;
    return outer;
  }

  leave(outer: number): void {
    this.at = this.end;
    this.end = outer;
  }

  /** Passes over the value of a field that nobody wants. */
  skip(tag: number): void {
    switch (tag & 7) {
      case WIRE.varint:
        this.#halves();
        return;
      case WIRE.fixed64:
        this.take(8);
        return;
      case WIRE.bytes:
        this.take(this.length());
        return;
      case WIRE.fixed32:
        this.take(4);
        return;
      default:
        throw new ProtobufError(`field ${tag >>> 3} has the unknown form ${tag & 7}`);
    }
  }

  #halves(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= this.end) throw new ProtobufError("it ends within a number");
      const byte = this.bytes[this.at++]!;
      const bits = byte & 127;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= bits << 31;
      if (byte < 128) {
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    throw new ProtobufError("a number is longer than ten bytes");
  }
}

const textEncoder = new TextEncoder();

/** Builds messages; nested ones are written with `message`. */
export class ProtobufWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #used = 0;

  constructor(capacity: number = 1_024) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#used;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#used);
  }

  /** What was written, without a copy: nothing may be written any more. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  reset(): void {
    this.#used = 0;
  }

  varintField(field: number, value: number): void {
    this.varint(field * 8 + WIRE.varint);
    this.varint(value);
  }

  /** An int64; whole and within 2^53. */
  signedField(field: number, value: number): void {
    this.varint(field * 8 + WIRE.varint);
    this.signed(value);
  }

  zigzagField(field: number, value: number): void {
    this.varintField(field, value < 0 ? -value * 2 - 1 : value * 2);
  }

  doubleField(field: number, value: number): void {
    this.varint(field * 8 + WIRE.fixed64);
    this.double(value);
  }

  textField(field: number, text: string): void {
    this.bytesField(field, textEncoder.encode(text));
  }

  bytesField(field: number, bytes: Uint8Array): void {
    this.varint(field * 8 + WIRE.bytes);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A nested message, written by `body`. */
  message(field: number, body: () => void): void {
    const start = this.begin(field);
    body();
    this.end(start);
  }

  /** Begins a nested message, of which what is written from now on is the content; returns what `end` wants. */
  begin(field: number): number {
    this.varint(field * 8 + WIRE.bytes);
    return this.#used;
  }

  end(start: number): void {
    const length = this.#used - start;
    let bytes = 1;
    for (let rest = length; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
    this.#reserve(bytes);
    this.#bytes.copyWithin(start + bytes, start, start + length);
    this.#used = start;
    this.varint(length);
    this.#used += length;
  }

  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#used++] = rest % 128 | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#used++] = rest;
  }

  signed(value: number): void {
    if (value >= 0) return this.varint(value);
    // Two's complement: the low seven bits of what is left, ten times.
    this.#reserve(10);
    let rest = value;
    for (let index = 0; index < 9; index++) {
      const low = ((rest % 128) + 128) % 128;
      this.#bytes[this.#used++] = low | 128;
      rest = (rest - low) / 128;
    }
    this.#bytes[this.#used++] = 1;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#used, value, true);
    this.#used += 8;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#used + bytes));
    larger.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
