/**
 * Prometheus' XOR chunks, which streamed remote read consists of.
 *
 *   u16 big-endian  number of samples
 *   bits            first sample: time as zigzag LEB128, value as 64 bits; second: difference of times as LEB128; then for
 *                   each the difference of differences d: 0 -> 0, 14 bits -> 10, 17 -> 110, 20 -> 1110, else 1111 and 64
 *                   values: XOR with the one before x: 0 -> 0; else 1, then 0 and the bits of the window before, or
 *                   1, leading zeros (5 bits), significant bits (6 bits, 64 as 0) and those bits
 */

/** Samples of one chunk; what readers expect. */
export const XOR_CHUNK_SAMPLES_MAX = 120;
/** Bytes of a chunk at worst: every difference in 68 bits, every value in 77. */
const CHUNK_BYTES_MAX = 2 + 10 + 8 + XOR_CHUNK_SAMPLES_MAX * 20;
/** The first window of significant bits is none. */
const NO_WINDOW = 255;

/** Encodes one chunk after the other in one buffer. */
export class XorChunkEncoder {
  readonly #bytes = new Uint8Array(CHUNK_BYTES_MAX);
  #used = 0;
  /** Free bits of the last byte. */
  #free = 0;
  #leading = NO_WINDOW;
  #trailing = 0;

  /**
   * Encodes samples `[start, end)`, at most XOR_CHUNK_SAMPLES_MAX of them; times are whole milliseconds and ascend. The
   * bytes are valid until the next call.
   */
  encode(times: Float64Array, values: Float64Array, start: number, end: number): Uint8Array {
    const halves = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
    this.#bytes.fill(0, 0, this.#used);
    this.#used = 2;
    this.#free = 0;
    this.#leading = NO_WINDOW;
    this.#bytes[0] = (end - start) >> 8;
    this.#bytes[1] = end - start;
    let previousTime = 0;
    let previousDelta = 0;
    for (let index = start; index < end; index++) {
      const time = times[index]!;
      const low = halves[index * 2]!;
      const high = halves[index * 2 + 1]!;
      const delta = time - previousTime;
      if (index === start) {
        this.#varint(time < 0 ? -time * 2 - 1 : time * 2);
        this.#bits(high, 32);
        this.#bits(low, 32);
      } else {
        if (index === start + 1) this.#varint(delta);
        else this.#difference(delta - previousDelta);
        this.#xor(high ^ halves[index * 2 - 1]!, low ^ halves[index * 2 - 2]!);
        previousDelta = delta;
      }
      previousTime = time;
    }
    return this.#bytes.subarray(0, this.#used);
  }

  #difference(value: number): void {
    if (value === 0) return this.#bits(0, 1);
    if (value >= -8191 && value <= 8192) {
      this.#bits(0b10, 2);
      return this.#bits(value & 0x3fff, 14);
    }
    if (value >= -65535 && value <= 65536) {
      this.#bits(0b110, 3);
      return this.#bits(value & 0x1ffff, 17);
    }
    if (value >= -524287 && value <= 524288) {
      this.#bits(0b1110, 4);
      return this.#bits(value & 0xfffff, 20);
    }
    this.#bits(0b1111, 4);
    this.#bits(Math.floor(value / 4294967296), 32);
    this.#bits(value % 4294967296 | 0, 32);
  }

  #xor(high: number, low: number): void {
    if (high === 0 && low === 0) return this.#bits(0, 1);
    this.#bits(1, 1);
    const leading = Math.min(31, high === 0 ? 32 + Math.clz32(low) : Math.clz32(high));
    const trailing = low === 0 ? 32 + trailingZeros(high) : trailingZeros(low);
    if (
      this.#leading !== NO_WINDOW && leading >= this.#leading && trailing >= this.#trailing
    ) {
      this.#bits(0, 1);
    } else {
      this.#leading = leading;
      this.#trailing = trailing;
      this.#bits(1, 1);
      this.#bits(leading, 5);
      this.#bits(64 - leading - trailing & 63, 6);
    }
    const count = 64 - this.#leading - this.#trailing;
    const shift = this.#trailing;
    const shiftedLow = shift >= 32
      ? high >>> (shift - 32)
      : shift === 0
      ? low
      : low >>> shift | high << (32 - shift);
    if (count > 32) this.#bits(shift >= 32 ? 0 : high >>> shift, count - 32);
    this.#bits(shiftedLow, Math.min(32, count));
  }

  /** Appends the low `count` bits of a number, 1 to 32 of them, the highest first. */
  #bits(value: number, count: number): void {
    let rest = count;
    while (rest > 0) {
      if (this.#free === 0) {
        this.#bytes[this.#used++] = 0;
        this.#free = 8;
      }
      const take = Math.min(rest, this.#free);
      const part = value >>> (rest - take) & (1 << take) - 1;
      this.#bytes[this.#used - 1]! |= part << (this.#free - take);
      this.#free -= take;
      rest -= take;
    }
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bits(rest % 128 | 128, 8);
    this.#bits(rest, 8);
  }
}

function trailingZeros(value: number): number {
  return 31 - Math.clz32(value & -value);
}
