/**
 * Texts on their way between strings and linear memory: arguments of kernel calls are written to a block of
 * scratch, results are read in place.
 *
 * Invariants
 * - What `begin` and `put...` wrote is valid until the next `begin`.
 */
import { assert } from "../base/assert.ts";
import type { Labels } from "../base/types.ts";
import type { Kernels } from "../kernels/kernels.ts";

const ROOM_MIN = 4_096;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class KernelText {
  readonly kernels: Kernels;
  #block = 0;
  #room = 0;
  #used = 0;

  constructor(kernels: Kernels) {
    this.kernels = kernels;
  }

  /** The text at `pointer`. Bytes that are not UTF-8 become U+FFFD. */
  read(pointer: number, bytes: number): string {
    return decoder.decode(this.kernels.u8.subarray(pointer, pointer + bytes));
  }

  /** The text whose u16 length stands before it. */
  readCounted(pointer: number): string {
    const { u8 } = this.kernels;
    return this.read(pointer + 2, u8[pointer]! | u8[pointer + 1]! << 8);
  }

  /** Begins a new set of arguments of up to `room` bytes; refreshes the views. */
  begin(room: number): void {
    if (room > this.#room) {
      if (this.#block !== 0) this.kernels.free(this.#block, "scratch");
      this.#room = Math.max(room, ROOM_MIN);
      this.#block = this.kernels.alloc(this.#room, "scratch");
    }
    this.kernels.refresh();
    this.#used = 0;
  }

  /** Where the arguments begin. */
  get start(): number {
    return this.#block;
  }

  /** Where the next text will stand. */
  get pointer(): number {
    return this.#block + this.#used;
  }

  /** Writes a text; returns its bytes. Ask for its pointer before. */
  put(text: string): number {
    const { u8 } = this.kernels;
    const start = this.#block + this.#used;
    let bytes = text.length;
    assert(this.#used + bytes <= this.#room, "No room for a text");
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        const { read, written } = encoder.encodeInto(
          text,
          u8.subarray(start, this.#block + this.#room),
        );
        assert(read === text.length, "No room for a text");
        bytes = written;
        break;
      }
      u8[start + i] = code;
    }
    this.#used += bytes;
    return bytes;
  }

  /** Writes a text behind its u16 length; returns the bytes of both. */
  putCounted(text: string): number {
    const start = this.pointer;
    this.#used += 2;
    const bytes = this.put(text);
    assert(bytes <= 0xffff, "A text is too long for its length field");
    this.kernels.u8[start] = bytes & 255;
    this.kernels.u8[start + 1] = bytes >> 8;
    return bytes + 2;
  }

  /** Writes the canonical key of a source (series_table.ts) as a new set of arguments; returns its bytes. */
  putSourceKey(measurement: string, tags: Labels, bytesMax: number): number {
    this.begin(bytesMax);
    this.putCounted(measurement);
    for (const [name, value] of tags) {
      this.putCounted(name);
      this.putCounted(value);
    }
    return this.#used;
  }

  /** Leaves `bytes` free, aligned to 4, for numbers; returns where. */
  leave(bytes: number): number {
    this.#used += (4 - (this.pointer & 3)) & 3;
    const at = this.pointer;
    this.#used += bytes;
    assert(this.#used <= this.#room, "No room for numbers");
    return at;
  }
}
