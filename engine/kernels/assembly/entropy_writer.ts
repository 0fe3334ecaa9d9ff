/**
 * Writing the entropy body of a column of numbers; the layout stands in entropy.ts, what is chosen in entropy_window.ts.
 */
import { alloc, TAG_SCRATCH } from "./memory";
import { packTail, packWideRun, RUN_ROWS, tailBytes } from "./bits";
import { BLOCK_ROWS, DELTA, ESCAPES } from "./entropy";
import {
  counts,
  findWindow,
  initWindows,
  windowBits,
  windowEscapes,
  windowIsDelta,
  windowLow,
  windowRange,
  windowSymbols,
} from "./entropy_window";
import { assignWords, chooseLengths, LENGTH_MAX, lengths, words } from "./huffman";
import { putSigned, putVarint, varintBytes } from "./varints";

// Scratch: symbols of a block, their low bits (u64), lanes for packing them.
let symbols: usize = 0;
let lows: usize = 0;
let lanes: usize = 0;

export function initEntropyWriter(): void {
  symbols = alloc(BLOCK_ROWS + 64, TAG_SCRATCH);
  lows = alloc(BLOCK_ROWS * 8, TAG_SCRATCH);
  lanes = alloc(RUN_ROWS * 4, TAG_SCRATCH);
  initWindows();
}

function numberAt(numbers: usize, i: u32, isDelta: bool): i64 {
  const number = load<i64>(numbers + i * 8);
  return isDelta ? number - load<i64>(numbers + i * 8 - 8) : number;
}

/** Bytes of all escapes. */
function escapeBytes(numbers: usize, count: u32): u32 {
  if (windowEscapes == 0) return 0;
  let bytes: u32 = 0;
  for (let i: u32 = windowIsDelta ? 1 : 0; i < count; i++) {
    const distance = numberAt(numbers, i, windowIsDelta) - windowLow;
    if (<u64> distance <= windowRange) continue;
    bytes += varintBytes(<u64> ((distance << 1) ^ (distance >> 63)));
  }
  return bytes;
}

/**
 * Encodes the numbers of a column if that takes clearly less than `limit` bytes: below the 31st part of it saved, decoding
 * costs more than the bytes are worth. Returns the address behind, 0 when it does not pay.
 */
export function encodeEntropy(numbers: usize, count: u32, at: usize, limit: u32): usize {
  if (!findWindow(numbers, count)) return 0;
  const all = windowSymbols + (windowEscapes > 0 ? 1 : 0);
  const codeBits = chooseLengths(counts, all);
  if (codeBits == 0) return 0;
  const blocks = (count + BLOCK_ROWS - 1) / BLOCK_ROWS;
  const perBlock: u32 = 26 + 2 * LENGTH_MAX / 8;
  const bound: u32 = 13 + (all + 1 >> 1) + (codeBits + count * windowBits >> 3) +
    blocks * perBlock +
    escapeBytes(numbers, count);
  if (bound + (bound >> 5) >= limit) return 0;
  assignWords(all);
  store<u8>(
    at++,
    <u8> (windowBits | (windowIsDelta ? DELTA : 0) | (windowEscapes > 0 ? ESCAPES : 0)),
  );
  at = putSigned(at, windowLow);
  store<u8>(at++, <u8> windowSymbols);
  for (let s: u32 = 0; s < all; s += 2) {
    const high: u32 = s + 1 < all ? load<u8>(lengths + s + 1) : 0;
    store<u8>(at++, <u8> (<u32> load<u8>(lengths + s) | (high << 4)));
  }
  for (let i: u32 = 0; i < count; i += BLOCK_ROWS) {
    at = putBlock(numbers + i * 8, min<u32>(BLOCK_ROWS, count - i), at);
  }
  return at;
}

/** The symbol with the shortest word: what stands where any would do. */
function cheapSymbol(): u32 {
  let best: u32 = 0;
  let bestLength: u32 = 255;
  for (let s: u32 = 0; s < windowSymbols; s++) {
    const length = <u32> load<u8>(lengths + s);
    if (length == 0 || length >= bestLength) continue;
    best = s;
    bestLength = length;
  }
  return best;
}

/** Splits a block's numbers into symbols and low bits. Returns the escapes. */
function splitBlock(numbers: usize, count: u32): u32 {
  const mask = ((<u64> 1) << windowBits) - 1;
  const cheap = cheapSymbol();
  let escapes: u32 = 0;
  let first: u32 = 0;
  if (windowIsDelta) {
    store<u8>(symbols, <u8> cheap);
    store<u64>(lows, 0);
    first = 1;
  }
  for (let i = first; i < count; i++) {
    const distance = <u64> (numberAt(numbers, i, windowIsDelta) - windowLow);
    let symbol = distance >> windowBits;
    let low = distance & mask;
    if (distance > windowRange) {
      symbol = windowSymbols;
      low = 0;
      escapes++;
    }
    store<u8>(symbols + i, <u8> symbol);
    store<u64>(lows + i * 8, low);
  }
  for (let i = count; (i & 3) != 0; i++) store<u8>(symbols + i, <u8> cheap);
  return escapes;
}

function putBlock(numbers: usize, count: u32, at: usize): usize {
  const escapes = splitBlock(numbers, count);
  if (windowIsDelta) at = putVarint(at, load<u64>(numbers));
  if (windowEscapes > 0) {
    at = putVarint(at, escapes);
    for (let i: u32 = 0; i < count && escapes > 0; i++) {
      if (<u32> load<u8>(symbols + i) != windowSymbols) continue;
      at = putSigned(at, numberAt(numbers, i, windowIsDelta) - windowLow);
    }
  }
  for (let stream: u32 = 0; stream < 4; stream++) {
    let bits: u32 = 0;
    for (let i = stream; i < count + 3 - (count + 3 & 3); i += 4) {
      bits += load<u8>(lengths + <usize> load<u8>(symbols + i));
    }
    at = putVarint(at, bits + 7 >> 3);
  }
  at = putLows(count, at);
  for (let stream: u32 = 0; stream < 4; stream++) at = putStream(stream, count, at);
  return at;
}

function putLows(count: u32, at: usize): usize {
  if (windowBits == 0) return at;
  let i: u32 = 0;
  for (; i + RUN_ROWS <= count; i += RUN_ROWS) {
    packWideRun(lows + i * 8, windowBits, at, lanes);
    at += windowBits * 16;
  }
  if (i == count) return at;
  packTail(lows + i * 8, count - i, windowBits, at);
  return at + tailBytes(count - i, windowBits);
}

function putStream(stream: u32, count: u32, at: usize): usize {
  let word: u64 = 0;
  let filled: u32 = 0;
  for (let i = stream; i < count + 3 - (count + 3 & 3); i += 4) {
    const symbol = <usize> load<u8>(symbols + i);
    word |= <u64> load<u16>(words + symbol * 2) << filled;
    filled += load<u8>(lengths + symbol);
    if (filled >= 32) {
      store<u32>(at, <u32> word);
      at += 4;
      word >>= 32;
      filled -= 32;
    }
  }
  for (; filled > 0; filled = filled > 8 ? filled - 8 : 0) {
    store<u8>(at++, <u8> word);
    word >>= 8;
  }
  return at;
}
