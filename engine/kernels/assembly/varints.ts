/**
 * Varints and the reading position of the chunk decoders.
 *
 * Writers take an address and return the one behind what they wrote. Readers work on one window of bytes at a time:
 * a read that would leave it, or that finds what no writer writes, marks the window damaged and yields 0.
 *
 * Invariants
 * - cursor <= windowEnd always, so a loop that checks `isDamaged` only at its end reads nothing outside.
 */

let cursor: usize = 0;
let windowEnd: usize = 0;
let damaged: bool = false;

/** Begins reading at `start`; nothing at or behind `end` will be read. */
export function openWindow(start: usize, end: usize): void {
  cursor = start;
  windowEnd = end;
  damaged = start > end;
  if (damaged) cursor = end;
}

/** Address of the next byte to read. */
export function position(): usize {
  return cursor;
}

/** End of the window. */
export function endOfWindow(): usize {
  return windowEnd;
}

export function isDamaged(): bool {
  return damaged;
}

export function markDamaged(): void {
  damaged = true;
}

/** Address of the next `bytes` bytes, which count as read. */
export function take(bytes: u64): usize {
  const start = cursor;
  if (bytes > <u64> (windowEnd - cursor)) {
    damaged = true;
    cursor = windowEnd;
    return start;
  }
  cursor += <usize> bytes;
  return start;
}

export function getByte(): u32 {
  if (cursor >= windowEnd) {
    damaged = true;
    return 0;
  }
  return load<u8>(cursor++);
}

/** The next byte, still to be read; 256 at the window's end. */
export function peekByte(): u32 {
  return cursor < windowEnd ? load<u8>(cursor) : 256;
}

export function getVarint(): u64 {
  let value: u64 = 0;
  for (let shift: u64 = 0; shift < 64; shift += 7) {
    if (cursor >= windowEnd) break;
    const byte = load<u8>(cursor++);
    if (shift == 63 && byte > 1) break;
    value |= <u64> (byte & 127) << shift;
    if (byte < 128) return value;
  }
  damaged = true;
  return 0;
}

/** A varint that must not exceed `most`. */
export function getCount(most: u32): u32 {
  const value = getVarint();
  if (value <= <u64> most) return <u32> value;
  damaged = true;
  return 0;
}

/** A signed number: zigzag, so that small ones of either sign are short. */
export function getSigned(): i64 {
  const value = getVarint();
  return <i64> (value >> 1) ^ -<i64> (value & 1);
}

export function putVarint(at: usize, value: u64): usize {
  while (value >= 128) {
    store<u8>(at++, <u8> (value | 128));
    value >>= 7;
  }
  store<u8>(at, <u8> value);
  return at + 1;
}

export function putSigned(at: usize, value: i64): usize {
  return putVarint(at, <u64> ((value << 1) ^ (value >> 63)));
}

/** Bytes of a varint. */
export function varintBytes(value: u64): u32 {
  return value == 0 ? 1 : (70 - <u32> clz<u64>(value)) / 7;
}

/** Bits needed to write any number from 0 to `most`. */
export function bitsFor(most: u64): u32 {
  return 64 - <u32> clz<u64>(most);
}

export function greatestDivisor(a: u64, b: u64): u64 {
  while (b != 0) {
    const rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/** Goes back to a place read before. */
export function rewind(place: usize): void {
  cursor = place;
}
