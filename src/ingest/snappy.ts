/**
 * Snappy's block format, as remote write and read use it.
 *
 *   length    LEB128 of the decoded length
 *   elements  tag byte, low two bits: 0 literal, 1 copy with 11-bit offset, 2 copy with 16-bit offset, 3 copy with
 *             32-bit offset; a copy repeats what was decoded `offset` bytes before, and may overlap itself
 *
 * Decoding never allocates more than the declared length, which is checked against a limit first.
 */

import type { Pauses } from "../slices.ts";

/** The bytes are not a snappy block, or decode to more than the limit. */
export class SnappyError extends Error {
  constructor(reason: string) {
    super(`Cannot decode snappy block: ${reason}`);
    this.name = "SnappyError";
  }
}

/** The decoded length a block declares. Throws a SnappyError. */
export function snappyLength(block: Uint8Array): number {
  return readLength(block).length;
}

function readLength(block: Uint8Array): { readonly length: number; readonly at: number } {
  let length = 0;
  for (let at = 0; at < 5; at++) {
    const byte = block[at];
    if (byte === undefined) throw new SnappyError("it ends within its length");
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) {
      if (length > 0xffff_ffff) break;
      return { length, at: at + 1 };
    }
  }
  throw new SnappyError("its length is above 32 bits");
}

/** Decodes a block of at most `bytesMax` decoded bytes. Throws a SnappyError. */
export function decodeSnappy(block: Uint8Array, bytesMax: number): Uint8Array {
  const { length, at: start } = readLength(block);
  if (length > bytesMax) throw new SnappyError(`its length ${length} is above ${bytesMax}`);
  // The longest element of a byte is a copy of 64 from three bytes: more is a lie, found before memory is taken.
  if (length > block.length * 64) throw new SnappyError(`its length ${length} cannot come from it`);
  const target = new Uint8Array(length);
  let at = start;
  let written = 0;
  while (at < block.length) {
    const tag = block[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let count = (tag >> 2) + 1;
      if (count > 60) {
        const extra = count - 60;
        if (at + extra > block.length) throw new SnappyError("it ends within a literal's length");
        count = 1;
        for (let index = 0; index < extra; index++) count += block[at + index]! * 2 ** (8 * index);
        at += extra;
      }
      if (at + count > block.length) throw new SnappyError("it ends within a literal");
      if (written + count > length) throw new SnappyError("it is longer than it declares");
      if (count <= 16) {
        for (let index = 0; index < count; index++) target[written + index] = block[at + index]!;
      } else {
        target.set(block.subarray(at, at + count), written);
      }
      at += count;
      written += count;
      continue;
    }
    const extra = kind === 3 ? 4 : kind;
    if (at + extra > block.length) throw new SnappyError("it ends within a copy");
    let count: number;
    let offset: number;
    if (kind === 1) {
      count = ((tag >> 2) & 7) + 4;
      offset = (tag >> 5 << 8) | block[at]!;
    } else {
      count = (tag >> 2) + 1;
      offset = block[at]! | block[at + 1]! << 8;
      if (kind === 3) offset = (offset | block[at + 2]! << 16 | block[at + 3]! << 24) >>> 0;
    }
    at += extra;
    if (offset === 0 || offset > written) throw new SnappyError("a copy reaches before its start");
    if (written + count > length) throw new SnappyError("it is longer than it declares");
    if (offset >= count && count > 32) {
      target.copyWithin(written, written - offset, written - offset + count);
    } else {
      // Byte by byte, since a copy may repeat what it writes itself.
      const from = written - offset;
      for (let index = 0; index < count; index++) target[written + index] = target[from + index]!;
    }
    written += count;
  }
  if (written < length) throw new SnappyError("it is shorter than it declares");
  return target;
}

/** Copies have 16-bit offsets: matches are looked for within this distance. */
const DISTANCE_MAX = 65_535;
const HASH_BITS = 14;
const MATCH_MIN = 4;
/** Where nothing repeats, the steps grow by one with every 32 bytes looked at in vain. */
const MISSES_FIRST = 32;

/** Bytes that are encoded between two looks at the clock. */
const STEP_BYTES = 65_536;

/** Encodes bytes as a block. */
export function encodeSnappy(source: Uint8Array): Uint8Array<ArrayBuffer> {
  const encoder = new BlockEncoder(source);
  encoder.encode(Infinity);
  return encoder.finish();
}

/** The same, with pauses. */
export async function encodeSnappyInSlices(
  source: Uint8Array,
  pauses: Pauses,
): Promise<Uint8Array<ArrayBuffer>> {
  const encoder = new BlockEncoder(source);
  for (let end = STEP_BYTES; !encoder.encode(end); end += STEP_BYTES) {
    if (pauses.isDue) await pauses.pause();
  }
  return encoder.written();
}

class BlockEncoder {
  readonly #source: Uint8Array;
  readonly #target: Uint8Array<ArrayBuffer>;
  #used = 0;
  /** Position + 1 of the last place where four bytes with this hash stood. */
  readonly #table = new Int32Array(1 << HASH_BITS);
  #at = 0;
  /** Where the bytes begin that no copy covers. */
  #literalStart = 0;
  #misses = MISSES_FIRST;

  constructor(source: Uint8Array) {
    this.#source = source;
    // What literals cost at worst: five bytes for each run of up to 65,536, and the length.
    this.#target = new Uint8Array(32 + source.length + Math.ceil(source.length / 6));
    let rest = source.length;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#byte(rest % 128 | 128);
    this.#byte(rest);
  }

  /** Goes on at least up to some position; true at the end. */
  encode(until: number): boolean {
    const source = this.#source;
    const table = this.#table;
    const last = source.length - MATCH_MIN;
    let literal = this.#literalStart;
    let at = this.#at;
    let misses = this.#misses;
    while (at <= last && at < until) {
      const word = this.#word(at);
      const hash = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);
      const candidate = table[hash]! - 1;
      table[hash] = at + 1;
      if (candidate < 0 || at - candidate > DISTANCE_MAX || this.#word(candidate) !== word) {
        at += misses++ >> 5;
        continue;
      }
      misses = MISSES_FIRST;
      this.#literal(literal, at);
      let end = at + MATCH_MIN;
      const shift = at - candidate;
      while (end < source.length && source[end] === source[end - shift]) end++;
      this.#copy(shift, end - at);
      literal = at = end;
    }
    this.#literalStart = literal;
    this.#at = at;
    this.#misses = misses;
    return at > last;
  }

  /** The block, once all is encoded. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.written().slice();
  }

  /** The same as part of a larger buffer, for large ones that are soon sent. */
  written(): Uint8Array<ArrayBuffer> {
    this.#literal(this.#literalStart, this.#source.length);
    return this.#target.subarray(0, this.#used);
  }

  #word(at: number): number {
    const source = this.#source;
    return source[at]! | source[at + 1]! << 8 | source[at + 2]! << 16 | source[at + 3]! << 24;
  }

  #byte(value: number): void {
    this.#target[this.#used++] = value;
  }

  #literal(start: number, end: number): void {
    for (let from = start; from < end; from += 65_536) {
      const to = Math.min(end, from + 65_536);
      const last = to - from - 1;
      if (last < 60) {
        this.#byte(last << 2);
      } else if (last < 256) {
        this.#byte(60 << 2);
        this.#byte(last);
      } else {
        this.#byte(61 << 2);
        this.#byte(last & 0xff);
        this.#byte(last >> 8);
      }
      this.#target.set(this.#source.subarray(from, to), this.#used);
      this.#used += to - from;
    }
  }

  #copy(offset: number, length: number): void {
    let rest = length;
    while (rest > 0) {
      // The last copy must not be shorter than one byte; any length up to 64 is fine for this form.
      const count = Math.min(rest, 64);
      this.#byte((count - 1) << 2 | 2);
      this.#byte(offset & 0xff);
      this.#byte(offset >> 8);
      rest -= count;
    }
  }
}
