/**
 * Bits in a growing buffer, the highest first, and the two ways in which Prometheus' chunks write numbers: XOR with the
 * value before, and integers in as many bits as they need.
 *
 *   xor      0 for the same value; else 1, then 0 and the bits of the window before, or 1, leading zeros (5 bits),
 *            significant bits (6 bits, 64 as 0) and those bits
 *   varbits  0 for 0; else ones and a zero that tell the width, then 3, 6, 9, 12, 18, 25 or 56 bits
 */

const TWO_TO_32 = 4_294_967_296;
/** The first window of significant bits is none. */
const NO_WINDOW = 255;

export class BitWriter {
  #bytes = new Uint8Array(1_024);
  #used = 0;
  /** Free bits of the last byte. */
  #free = 0;

  /** Begins anew. */
  reset(): void {
    this.#bytes.fill(0, 0, this.#used);
    this.#used = 0;
    this.#free = 0;
  }

  /** What was written; valid until the next `reset`. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  /** Appends the low `count` bits of a number, 1 to 32 of them. */
  bits(value: number, count: number): void {
    let rest = count;
    while (rest > 0) {
      if (this.#free === 0) {
        if (this.#used === this.#bytes.length) this.#grow();
        this.#used++;
        this.#free = 8;
      }
      const take = Math.min(rest, this.#free);
      const part = value >>> (rest - take) & (1 << take) - 1;
      this.#bytes[this.#used - 1]! |= part << (this.#free - take);
      this.#free -= take;
      rest -= take;
    }
  }

  /** Appends 64 bits. */
  word(high: number, low: number): void {
    this.bits(high, 32);
    this.bits(low, 32);
  }

  /** Appends a whole number of at most 53 bits in two's complement. */
  signedVarbits(value: number): void {
    if (value === 0) return this.bits(0, 1);
    for (let at = 0; at < WIDTHS.length - 1; at++) {
      const half = 2 ** (WIDTHS[at]! - 1);
      if (value > -half && value <= half) return this.#varbits(value, at);
    }
    this.#varbits(value, WIDTHS.length - 1);
  }

  /** Appends a whole number from 0 to 2^53. */
  unsignedVarbits(value: number): void {
    if (value === 0) return this.bits(0, 1);
    const at = WIDTHS.findIndex((width) => value < 2 ** width);
    this.#varbits(value, at);
  }

  #varbits(value: number, at: number): void {
    const width = WIDTHS[at]!;
    // One more 1 for each width, then a 0.
    this.bits(2 ** (at + 2) - 2, at + 2);
    if (width > 32) this.bits(Math.floor(value / TWO_TO_32), width - 32);
    this.bits(value % TWO_TO_32 | 0, Math.min(32, width));
  }

  #grow(): void {
    const larger = new Uint8Array(this.#bytes.length * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** Widths of varbits. */
const WIDTHS = [3, 6, 9, 12, 18, 25, 56];

/** One column of doubles, each written as what changed since the one before. */
export class XorColumn {
  #high = 0;
  #low = 0;
  #leading = NO_WINDOW;
  #trailing = 0;

  /** Writes the first value, all of its bits. */
  first(writer: BitWriter, high: number, low: number): void {
    this.#high = high;
    this.#low = low;
    this.#leading = NO_WINDOW;
    writer.word(high, low);
  }

  /** Writes a further value. */
  next(writer: BitWriter, high: number, low: number): void {
    const changedHigh = this.#high ^ high;
    const changedLow = this.#low ^ low;
    this.#high = high;
    this.#low = low;
    if (changedHigh === 0 && changedLow === 0) return writer.bits(0, 1);
    this.#change(writer, changedHigh, changedLow);
  }

  #change(writer: BitWriter, high: number, low: number): void {
    writer.bits(1, 1);
    const leading = Math.min(31, high === 0 ? 32 + Math.clz32(low) : Math.clz32(high));
    const trailing = low === 0 ? 32 + trailingZeros(high) : trailingZeros(low);
    const isInWindow = this.#leading !== NO_WINDOW && leading >= this.#leading &&
      trailing >= this.#trailing;
    if (isInWindow) {
      writer.bits(0, 1);
    } else {
      this.#leading = leading;
      this.#trailing = trailing;
      writer.bits(1, 1);
      writer.bits(leading, 5);
      writer.bits(64 - leading - trailing & 63, 6);
    }
    const count = 64 - this.#leading - this.#trailing;
    const shift = this.#trailing;
    const shiftedLow = shift >= 32
      ? high >>> (shift - 32)
      : shift === 0
      ? low
      : low >>> shift | high << (32 - shift);
    if (count > 32) writer.bits(shift >= 32 ? 0 : high >>> shift, count - 32);
    writer.bits(shiftedLow, Math.min(32, count));
  }
}

function trailingZeros(value: number): number {
  return 31 - Math.clz32(value & -value);
}
