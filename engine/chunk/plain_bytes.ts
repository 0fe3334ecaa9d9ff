/** A position in a chunk's bytes, for the plain reader. Every read throws MalformedError where bytes are missing. */
import { MalformedError } from "../base/bytes.ts";

/** Hears of a field: its offset and what it holds. */
export type Note = (offset: number, text: string) => void;

export class PlainBytes {
  readonly bytes: Uint8Array;
  readonly #end: number;
  at: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.at;
  }

  peek(): number | undefined {
    return this.at < this.#end ? this.bytes[this.at] : undefined;
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  u64(): bigint {
    const bytes = this.take(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 64n; shift += 7n) {
      const byte = this.byte();
      if (shift === 63n && byte > 1) break;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new MalformedError("a varint of more than 64 bits");
  }

  /** A varint of at most `most`. */
  count(most: number): number {
    const value = this.varint();
    if (value > BigInt(most)) throw new MalformedError(`${value} exceeds ${most}`);
    return Number(value);
  }

  signed(): bigint {
    const value = this.varint();
    return (value >> 1n) ^ -(value & 1n);
  }

  take(bytes: number): Uint8Array {
    if (bytes > this.left) throw new MalformedError(`${bytes} bytes where ${this.left} are left`);
    this.at += bytes;
    return this.bytes.subarray(this.at - bytes, this.at);
  }

  /** The next bytes as a reader of their own. */
  part(bytes: number): PlainBytes {
    const start = this.at;
    this.take(bytes);
    return new PlainBytes(this.bytes, start, start + bytes);
  }

  /** Reads a field and notes it as "name value". */
  noted<T>(note: Note, name: string, read: () => T): T {
    const { at } = this;
    const value = read();
    note(at, `${name} ${String(value)}`);
    return value;
  }

  /** All must have been read. */
  finish(): void {
    if (this.left > 0) throw new MalformedError(`${this.left} bytes too many`);
  }
}
