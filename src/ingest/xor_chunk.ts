/**
 * Prometheus' XOR chunks, which streamed remote read consists of.
 *
 *   u16 big-endian  number of samples
 *   bits            first sample: time as zigzag LEB128, value as 64 bits; second: difference of times as LEB128; then for
 *                   each the difference of differences d: 0 -> 0, 14 bits -> 10, 17 -> 110, 20 -> 1110, else 1111 and 64
 *                   values: XOR with the one before (bit_writer.ts)
 */
import { BitWriter, XorColumn } from "./bit_writer.ts";

/** Samples of one chunk; what readers expect. */
export const CHUNK_SAMPLES_MAX = 120;

/** Encodes one chunk after the other in one buffer. */
export class XorChunkEncoder {
  readonly #writer = new BitWriter();
  readonly #column = new XorColumn();

  /**
   * Encodes samples `[start, end)`, at most CHUNK_SAMPLES_MAX of them; times are whole milliseconds and ascend. The
   * bytes are valid until the next call.
   */
  encode(times: Float64Array, values: Float64Array, start: number, end: number): Uint8Array {
    const halves = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
    const writer = this.#writer;
    writer.reset();
    writer.bits(end - start, 16);
    let previousTime = 0;
    let previousDelta = 0;
    for (let index = start; index < end; index++) {
      const time = times[index]!;
      const low = halves[index * 2]!;
      const high = halves[index * 2 + 1]!;
      const delta = time - previousTime;
      if (index === start) {
        this.#varint(time < 0 ? -time * 2 - 1 : time * 2);
        this.#column.first(writer, high, low);
      } else {
        if (index === start + 1) this.#varint(delta);
        else this.#difference(delta - previousDelta);
        this.#column.next(writer, high, low);
        previousDelta = delta;
      }
      previousTime = time;
    }
    return writer.written;
  }

  #difference(value: number): void {
    const writer = this.#writer;
    if (value === 0) return writer.bits(0, 1);
    if (value >= -8191 && value <= 8192) {
      writer.bits(0b10, 2);
      return writer.bits(value & 0x3fff, 14);
    }
    if (value >= -65535 && value <= 65536) {
      writer.bits(0b110, 3);
      return writer.bits(value & 0x1ffff, 17);
    }
    if (value >= -524287 && value <= 524288) {
      writer.bits(0b1110, 4);
      return writer.bits(value & 0xfffff, 20);
    }
    writer.bits(0b1111, 4);
    writer.word(Math.floor(value / 4294967296), value % 4294967296 | 0);
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#writer.bits(rest % 128 | 128, 8);
    this.#writer.bits(rest, 8);
  }
}
