// deno-fmt-ignore-file: the formatter gives each lane of a shuffle a line of its own
/**
 * Decoding a block's symbols: four streams of words of a prefix code (huffman.ts), symbol i in stream i & 3.
 *
 * Two ways, of which the caller says which pays. Word by word, the table of the code is all that is needed. In groups, a
 * second table gives for the next GROUP_BITS bits all words that lie in them altogether: a step then yields several
 * symbols where words are short. A word that is longer than that is looked up by itself.
 *
 *   group table: for k = 0 to GROUP_BITS, at entry 1 << k, an entry for each value of k bits:
 *     u64 symbols, one a byte, the first one lowest; u32 bits of their words | number of symbols << 8; 4 bytes free
 */
import { alloc, TAG_SCRATCH } from "./memory";
import { LENGTH_MAX, table, tableBits } from "./huffman";

/** Symbols of a block, at most. */
export const BLOCK_SYMBOLS_MAX: u32 = 2048;
/** Bytes that reading a stream may touch, whatever is in it. */
export const STREAM_REACH: u32 = (BLOCK_SYMBOLS_MAX / 4 * LENGTH_MAX >> 3) + 16;

const GROUP_BITS: u32 = 8;
const GROUP_MASK: u32 = (1 << GROUP_BITS) - 1;
const ENTRY_BYTES: u32 = 16;
/** Symbols that an entry stores, whether they count or not: a word takes a bit at least. */
const GROUP_SYMBOLS: u32 = GROUP_BITS;
/** Words or groups that the 57 bits of an unaligned load hold in any case. */
const STEPS_A_LOAD: u32 = 57 / LENGTH_MAX;
/** Room of a stream's symbols. */
const STREAM_ROOM: u32 = BLOCK_SYMBOLS_MAX / 4 + GROUP_SYMBOLS;

/** Symbols of the block, in order. */
export let symbols: usize = 0;
let groups: usize = 0;
let perStream: usize = 0;

export function initSymbolStreams(): void {
  symbols = alloc(BLOCK_SYMBOLS_MAX + 64, TAG_SCRATCH);
  groups = alloc((ENTRY_BYTES << GROUP_BITS) * 2, TAG_SCRATCH);
  perStream = alloc(STREAM_ROOM * 4, TAG_SCRATCH);
}

/** Makes the group table of the code whose table is filled. */
export function fillGroups(): void {
  // Of no bits: nothing.
  store<u64>(groups + ENTRY_BYTES, 0);
  store<u32>(groups + ENTRY_BYTES, 0, 8);
  const mask = (1 << tableBits) - 1;
  for (let bits: u32 = 1; bits <= GROUP_BITS; bits++) {
    const size: u32 = 1 << bits;
    for (let value: u32 = 0; value < size; value++) {
      const to = groups + <usize> (size + value) * ENTRY_BYTES;
      const word = <u32> load<u16>(table + ((value & mask) << 1));
      const length = word >> 8;
      if (length > bits) {
        store<u64>(to, 0);
        store<u32>(to, 0, 8);
        continue;
      }
      const rest = groups + <usize> ((size + value) >> length) * ENTRY_BYTES;
      store<u64>(to, <u64> (word & 255) | (load<u64>(rest) << 8));
      store<u32>(to, load<u32>(rest, 8) + (length | 256), 8);
    }
  }
}

// Where each stream stands: a byte, and bits of it that are used up.
let at0: usize = 0, at1: usize = 0, at2: usize = 0, at3: usize = 0;
let used0: u64 = 0, used1: u64 = 0, used2: u64 = 0, used3: u64 = 0;

/**
 * Decodes `count` symbols from the four streams behind `start`, which end at ends[0] to ends[3] behind it. False when they
 * end elsewhere. With `inGroups`, fillGroups has made the table.
 */
export function decodeStreams(
  start: usize,
  ends: StaticArray<u32>,
  count: u32,
  inGroups: bool,
): bool {
  at0 = start;
  at1 = start + ends[0];
  at2 = start + ends[1];
  at3 = start + ends[2];
  used0 =
    used1 =
    used2 =
    used3 =
      0;
  if (inGroups) decodeGroups((count + 3) >> 2);
  else decodeWords(count);
  return at0 + <usize> (used0 + 7 >> 3) == start + ends[0] &&
    at1 + <usize> (used1 + 7 >> 3) == start + ends[1] &&
    at2 + <usize> (used2 + 7 >> 3) == start + ends[2] &&
    at3 + <usize> (used3 + 7 >> 3) == start + ends[3];
}

function decodeWords(count: u32): void {
  let a0 = at0, a1 = at1, a2 = at2, a3 = at3;
  let b0: u64 = 0, b1: u64 = 0, b2: u64 = 0, b3: u64 = 0;
  const mask = (1 << tableBits) - 1;
  let out = symbols;
  const end = symbols + ((count + 3) & ~3);
  while (out < end) {
    let w0 = load<u64>(a0) >> b0;
    let w1 = load<u64>(a1) >> b1;
    let w2 = load<u64>(a2) >> b2;
    let w3 = load<u64>(a3) >> b3;
    for (let k = min<usize>(end - out, STEPS_A_LOAD * 4); k > 0; k -= 4) {
      const e0 = <u32> load<u16>(table + ((<u32> w0 & mask) << 1));
      const e1 = <u32> load<u16>(table + ((<u32> w1 & mask) << 1));
      const e2 = <u32> load<u16>(table + ((<u32> w2 & mask) << 1));
      const e3 = <u32> load<u16>(table + ((<u32> w3 & mask) << 1));
      w0 >>= e0 >> 8;
      w1 >>= e1 >> 8;
      w2 >>= e2 >> 8;
      w3 >>= e3 >> 8;
      b0 += e0 >> 8;
      b1 += e1 >> 8;
      b2 += e2 >> 8;
      b3 += e3 >> 8;
      store<u8>(out, <u8> e0);
      store<u8>(out, <u8> e1, 1);
      store<u8>(out, <u8> e2, 2);
      store<u8>(out, <u8> e3, 3);
      out += 4;
    }
    a0 += <usize> (b0 >> 3);
    a1 += <usize> (b1 >> 3);
    a2 += <usize> (b2 >> 3);
    a3 += <usize> (b3 >> 3);
    b0 &= 7;
    b1 &= 7;
    b2 &= 7;
    b3 &= 7;
  }
  at0 = a0;
  at1 = a1;
  at2 = a2;
  at3 = a3;
  used0 = b0;
  used1 = b1;
  used2 = b2;
  used3 = b3;
}

/** The entry of the next bits; where their first word is longer than a group, one of its own. */
function groupOf(word: u64): usize {
  return groups + ((<usize> (<u32> word & GROUP_MASK) | (1 << GROUP_BITS)) << 4);
}

/** Decodes `each` symbols of every stream to its own room, then puts them in order. */
function decodeGroups(each: u32): void {
  let a0 = at0, a1 = at1, a2 = at2, a3 = at3;
  let b0: u64 = 0, b1: u64 = 0, b2: u64 = 0, b3: u64 = 0;
  let o0 = perStream;
  let o1 = perStream + STREAM_ROOM;
  let o2 = perStream + STREAM_ROOM * 2;
  let o3 = perStream + STREAM_ROOM * 3;
  const end0 = o0 + each, end1 = o1 + each, end2 = o2 + each, end3 = o3 + each;
  const ahead = STEPS_A_LOAD * GROUP_SYMBOLS;
  while (o0 + ahead <= end0 && o1 + ahead <= end1 && o2 + ahead <= end2 && o3 + ahead <= end3) {
    let w0 = load<u64>(a0) >> b0;
    let w1 = load<u64>(a1) >> b1;
    let w2 = load<u64>(a2) >> b2;
    let w3 = load<u64>(a3) >> b3;
    for (let step: u32 = 0; step < STEPS_A_LOAD; step++) {
      const g0 = groupOf(w0), g1 = groupOf(w1), g2 = groupOf(w2), g3 = groupOf(w3);
      let e0 = load<u32>(g0, 8),
        e1 = load<u32>(g1, 8),
        e2 = load<u32>(g2, 8),
        e3 = load<u32>(g3, 8);
      store<u64>(o0, load<u64>(g0));
      store<u64>(o1, load<u64>(g1));
      store<u64>(o2, load<u64>(g2));
      store<u64>(o3, load<u64>(g3));
      if (e0 == 0) e0 = longWord(w0, o0);
      if (e1 == 0) e1 = longWord(w1, o1);
      if (e2 == 0) e2 = longWord(w2, o2);
      if (e3 == 0) e3 = longWord(w3, o3);
      w0 >>= e0 & 255;
      w1 >>= e1 & 255;
      w2 >>= e2 & 255;
      w3 >>= e3 & 255;
      b0 += e0 & 255;
      b1 += e1 & 255;
      b2 += e2 & 255;
      b3 += e3 & 255;
      o0 += e0 >> 8;
      o1 += e1 >> 8;
      o2 += e2 >> 8;
      o3 += e3 >> 8;
    }
    a0 += <usize> (b0 >> 3);
    a1 += <usize> (b1 >> 3);
    a2 += <usize> (b2 >> 3);
    a3 += <usize> (b3 >> 3);
    b0 &= 7;
    b1 &= 7;
    b2 &= 7;
    b3 &= 7;
  }
  used0 = finishStream(a0, b0, o0, end0);
  at0 = stoppedAt;
  used1 = finishStream(a1, b1, o1, end1);
  at1 = stoppedAt;
  used2 = finishStream(a2, b2, o2, end2);
  at2 = stoppedAt;
  used3 = finishStream(a3, b3, o3, end3);
  at3 = stoppedAt;
  interleave(each);
}

/** Looks up one word by itself and stores its symbol; what an entry would tell of it. */
function longWord(word: u64, out: usize): u32 {
  const entry = <u32> load<u16>(table + ((<u32> word & ((1 << tableBits) - 1)) << 1));
  store<u8>(out, <u8> entry);
  return (entry >> 8) | 256;
}

let stoppedAt: usize = 0;

/** Decodes a stream to its end, in groups while they cannot pass it. Returns the bits used of the byte `stoppedAt`. */
function finishStream(at: usize, used: u64, out: usize, end: usize): u64 {
  while (out + GROUP_SYMBOLS <= end) {
    const word = load<u64>(at) >> used;
    const group = groupOf(word);
    let entry = load<u32>(group, 8);
    store<u64>(out, load<u64>(group));
    if (entry == 0) entry = longWord(word, out);
    out += entry >> 8;
    used += entry & 255;
    at += <usize> (used >> 3);
    used &= 7;
  }
  while (out < end) {
    used += longWord(load<u64>(at) >> used, out) & 255;
    out++;
    at += <usize> (used >> 3);
    used &= 7;
  }
  stoppedAt = at;
  return used;
}

/** Takes the streams' symbols in turn; reads and writes up to 15 symbols more of each. */
function interleave(each: u32): void {
  let out = symbols;
  for (let i: usize = 0; i < each; i += 16) {
    const from = perStream + i;
    const s0 = v128.load(from), s1 = v128.load(from + STREAM_ROOM);
    const s2 = v128.load(from + STREAM_ROOM * 2), s3 = v128.load(from + STREAM_ROOM * 3);
    const low02 = i8x16.shuffle(s0, s2, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const high02 = i8x16.shuffle(s0, s2, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    const low13 = i8x16.shuffle(s1, s3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const high13 = i8x16.shuffle(s1, s3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    v128.store(out, i8x16.shuffle(low02, low13, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    v128.store(out, i8x16.shuffle(low02, low13, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 16);
    v128.store(out, i8x16.shuffle(high02, high13, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), 32);
    v128.store(out, i8x16.shuffle(high02, high13, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 48);
    out += 64;
  }
}
