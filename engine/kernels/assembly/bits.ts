// deno-fmt-ignore-file: the formatter drops decorators of functions
/**
 * Bit packing.
 *
 * A whole run (RUN_ROWS numbers) is packed in four lanes of 32 bits: number i lies in lane i & 3, at bit (i >> 2) * width
 * of that lane's stream, the layout of SIMD-BP128. Four numbers then unpack with two loads and three shifts. A tail of
 * fewer numbers is packed one behind the other from the lowest bit, so that it wastes less than a byte.
 */

/** Numbers of a run. */
export const RUN_ROWS: u32 = 128;
/** Bytes behind packed numbers that the unpackers may read (and ignore). */
export const UNPACK_SLACK: u32 = 16;

/** Packs 128 u32 below 2^width; writes width * 16 bytes. */
export function packRun(source: usize, width: u32, target: usize): void {
  if (width == 0) return;
  let word = i32x4.splat(0);
  let shift: i32 = 0;
  for (let k: u32 = 0; k < RUN_ROWS / 4; k++) {
    const four = v128.load(source);
    source += 16;
    word = v128.or(word, i32x4.shl(four, shift));
    shift += width;
    if (shift >= 32) {
      v128.store(target, word);
      target += 16;
      shift -= 32;
      word = shift > 0 ? i32x4.shr_u(four, <i32> width - shift) : i32x4.splat(0);
    }
  }
}

/** The reverse of packRun, for widths up to 32; reads UNPACK_SLACK bytes behind the packed ones. */
export function unpackRun(source: usize, width: u32, target: usize): void {
  const end = target + RUN_ROWS * 4;
  if (width == 0) {
    memory.fill(target, 0, RUN_ROWS * 4);
    return;
  }
  const mask = i32x4.splat(width == 32 ? -1 : (1 << width) - 1);
  let bit: u32 = 0;
  while (target < end) {
    const word = source + ((bit >> 5) << 4);
    const shift = <i32> (bit & 31);
    const low = i32x4.shr_u(v128.load(word), shift);
    const high = i32x4.shl(i32x4.shl(v128.load(word, 16), 1), 31 - shift);
    v128.store(target, v128.and(v128.or(low, high), mask));
    bit += width;
    target += 16;
  }
}

/**
 * Packs 128 u64 below 2^width, for any width: up to 32 bits as packRun does, above first all low halves, then the high parts
 * packed. `lanes` is scratch of 512 bytes. Writes width * 16 bytes.
 */
export function packWideRun(source: usize, width: u32, target: usize, lanes: usize): void {
  const isWide = width > 32;
  for (let i: usize = 0; i < RUN_ROWS * 4; i += 16) {
    const a = v128.load(source + i * 2);
    const b = v128.load(source + i * 2, 16);
    const low = i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    v128.store(isWide ? target + i : lanes + i, low);
    if (isWide) v128.store(lanes + i, i8x16.shuffle(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31));
  }
  if (isWide) packRun(lanes, width - 32, target + RUN_ROWS * 4);
  else packRun(lanes, width, target);
}

/** The reverse of packWideRun; reads UNPACK_SLACK bytes behind the packed ones. */
export function unpackWideRun(source: usize, width: u32, target: usize, lanes: usize): void {
  const isWide = width > 32;
  if (isWide) unpackRun(source + RUN_ROWS * 4, width - 32, lanes);
  else unpackRun(source, width, lanes);
  for (let i: usize = 0; i < RUN_ROWS * 4; i += 16) {
    const low = isWide ? v128.load(source + i) : v128.load(lanes + i);
    const high = isWide ? v128.load(lanes + i) : i32x4.splat(0);
    v128.store(target + i * 2, i8x16.shuffle(low, high, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23));
    v128.store(target + i * 2, i8x16.shuffle(low, high, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31), 16);
  }
}

/** Packs the low `width` bits of `count` u64. Writes tailBytes(count, width) bytes and may touch 8 more. */
export function packTail(source: usize, count: u32, width: u32, target: usize): void {
  if (width == 0) return;
  const mask: u64 = width == 64 ? -1 : ((<u64> 1) << width) - 1;
  let word: u64 = 0;
  let filled: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const value = load<u64>(source + <usize> i * 8) & mask;
    word |= value << filled;
    filled += width;
    if (filled >= 64) {
      store<u64>(target, word);
      target += 8;
      filled -= 64;
      word = filled > 0 ? value >> (width - filled) : 0;
    }
  }
  if (filled > 0) store<u64>(target, word);
}

/** Bytes that a tail takes. */
export function tailBytes(count: u32, width: u32): u32 {
  return (count * width + 7) >> 3;
}

/** The reverse of packTail; reads up to UNPACK_SLACK bytes behind the packed ones. */
export function unpackTail(source: usize, count: u32, width: u32, target: usize): void {
  const mask: u64 = width == 64 ? -1 : ((<u64> 1) << width) - 1;
  let bit: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const word = source + (bit >> 3);
    const shift = bit & 7;
    let value = load<u64>(word) >> shift;
    if (shift + width > 64) value |= <u64> load<u8>(word, 8) << (64 - shift);
    store<u64>(target + <usize> i * 8, value & mask);
    bit += width;
  }
}

/** The same for widths up to 32, into u32. */
export function unpackNarrowTail(source: usize, count: u32, width: u32, target: usize): void {
  const mask: u64 = ((<u64> 1) << width) - 1;
  const end = target + <usize> count * 4;
  let bit: u32 = 0;
  for (; target < end; target += 4) {
    store<u32>(target, <u32> ((load<u64>(source + (bit >> 3)) >> (bit & 7)) & mask));
    bit += width;
  }
}
