/**
 * Entropy body of a column of numbers (numbers.ts), for the effort `small`: where bit packing pays the widest number of a run,
 * this pays each about what its frequency asks for.
 *
 * A number, or its difference to the one before, less `low`, is split: the low bits, which are as good as random, are
 * packed; what is above is a symbol of a prefix code (huffman.ts). Whatever lies outside the symbols' range is an escape.
 *
 *   1 byte   bits 0-5 low bits, at most 57, bit 6: differences, bit 7: there are escapes
 *   signed   low
 *   1 byte   symbols, the escape not counted, 1 to 64
 *   4 bits each (even ones lower): length of each symbol's word, the escape's last
 *   blocks of BLOCK_ROWS numbers, the last one shorter:
 *     varint   with differences: the first number; what is coded in its place counts as nothing
 *     varint   with escapes: their number, then each: signed, difference to low
 *     varint   x 4: bytes of the streams
 *     ...      low bits, packed in runs of 128 as in runs.ts
 *     ...      4 streams of words: symbol i is in stream i & 3; missing ones at the end are filled up
 */
import { alloc, TAG_SCRATCH } from "./memory";
import { RUN_ROWS, tailBytes, UNPACK_SLACK, unpackRun, unpackTail, unpackWideRun } from "./bits";
import { fillTable, lengths, SYMBOLS_MAX } from "./huffman";
import { finishLanes, finishNumbers } from "./runs";
import {
  BLOCK_SYMBOLS_MAX,
  decodeStreams,
  fillGroups,
  initSymbolStreams,
  STREAM_REACH,
  symbols,
} from "./symbol_streams";
import {
  endOfWindow,
  getByte,
  getCount,
  getSigned,
  getVarint,
  isDamaged,
  markDamaged,
  position,
  rewind,
  take,
} from "./varints";

export const BLOCK_ROWS: u32 = BLOCK_SYMBOLS_MAX;
export const DELTA: u32 = 64;
export const ESCAPES: u32 = 128;
const LOW_BITS_MAX: u32 = 57;
/** Low bits with which a number less `low` fits a lane, and a run's sum does. */
const LANE_LOW_BITS_MAX: u32 = 15;
/** Numbers to decode from which on the table of groups costs less than it saves. */
const GROUPS_ROWS_MIN: u32 = 1024;

// Scratch: lanes of a run, its numbers in 64 bits, a copy of streams, values of which a part is wanted.
let lanes: usize = 0;
let wide: usize = 0;
let streams: usize = 0;
let part: usize = 0;

export function initEntropy(): void {
  initSymbolStreams();
  lanes = alloc(RUN_ROWS * 4, TAG_SCRATCH);
  wide = alloc(RUN_ROWS * 8, TAG_SCRATCH);
  streams = alloc(STREAM_REACH * 5, TAG_SCRATCH);
  part = alloc(RUN_ROWS * 8, TAG_SCRATCH);
}

let lowBits: u32 = 0;
let isDelta: bool = false;
let hasEscapes: bool = false;
let low: i64 = 0;
let symbolCount: u32 = 0;
let inGroups: bool = false;
// The block at hand.
let blockFirst: u64 = 0;
let escapesAt: usize = 0;
let escapeCount: u32 = 0;
let lowsAt: usize = 0;
let streamAt: usize = 0;
let streamEnds: StaticArray<u32> = [0, 0, 0, 0];

/** Reads the head and builds the table. False when damaged. */
function openBody(): bool {
  const head = getByte();
  lowBits = head & 63;
  isDelta = (head & DELTA) != 0;
  hasEscapes = (head & ESCAPES) != 0;
  low = getSigned();
  symbolCount = getByte();
  if (symbolCount == 0 || symbolCount >= SYMBOLS_MAX || lowBits > LOW_BITS_MAX) {
    return false;
  }
  const all = symbolCount + (hasEscapes ? 1 : 0);
  const packed = take(all + 1 >> 1);
  if (isDamaged()) return false;
  for (let s: u32 = 0; s < all; s++) {
    const pair = <u32> load<u8>(packed + (s >> 1));
    store<u8>(lengths + s, <u8> ((s & 1) != 0 ? pair >> 4 : pair & 15));
  }
  return fillTable(all);
}

/** Reads a block's head and steps over its bytes. */
function openBlock(count: u32): void {
  blockFirst = isDelta ? getVarint() : 0;
  escapeCount = hasEscapes ? getCount(count) : 0;
  escapesAt = position();
  for (let i: u32 = 0; i < escapeCount; i++) getVarint();
  let total: u32 = 0;
  for (let stream: u32 = 0; stream < 4; stream++) {
    total += getCount(STREAM_REACH);
    streamEnds[stream] = total;
  }
  const runs = count / RUN_ROWS;
  const rest = count % RUN_ROWS;
  lowsAt = take(runs * lowBits * 16 + tailBytes(rest, lowBits));
  streamAt = take(total);
}

/**
 * Decodes the first `wanted` symbols of the block, or the few more that fill a run. False when all of them are decoded and the
 * streams do not end where they should.
 */
function decodeSymbols(count: u32, wanted: u32): bool {
  let start = streamAt;
  // No stream is read further than STREAM_REACH behind its start; the last one starts last.
  if (endOfWindow() - start < <usize> (streamEnds[2] + STREAM_REACH)) {
    memory.copy(streams, start, streamEnds[3]);
    start = streams;
  }
  const first = min<u32>(count, (wanted + RUN_ROWS - 1) & ~(RUN_ROWS - 1));
  return decodeStreams(start, streamEnds, first, inGroups) || first < count;
}

/** Address of a run's packed low bits, with UNPACK_SLACK readable bytes behind them. */
function lowsOf(run: u32, count: u32): usize {
  const bytes = count == RUN_ROWS ? lowBits * 16 : tailBytes(count, lowBits);
  const source = lowsAt + run * lowBits * 16;
  if (endOfWindow() - source >= <usize> bytes + UNPACK_SLACK) return source;
  memory.copy(streams, source, bytes);
  return streams;
}

/** Puts a run's symbols and low bits together in `lanes`; `count` of them are wanted. */
function joinLanes(run: u32, count: u32): void {
  const symbolsAt = symbols + run * RUN_ROWS;
  if (lowBits == 0) memory.fill(lanes, 0, RUN_ROWS * 4);
  else if (count == RUN_ROWS) unpackRun(lowsOf(run, count), lowBits, lanes);
  else {
    unpackTail(lowsOf(run, count), count, lowBits, wide);
    for (let i: u32 = 0; i < count; i++) store<u32>(lanes + i * 4, load<u32>(wide + i * 8));
  }
  const shift = <i32> lowBits;
  for (let i: u32 = 0; i < RUN_ROWS; i += 16) {
    const sixteen = v128.load(symbolsAt + i);
    const a = i16x8.extend_low_i8x16_u(sixteen);
    const b = i16x8.extend_high_i8x16_u(sixteen);
    const to = lanes + i * 4;
    v128.store(to, v128.or(v128.load(to), i32x4.shl(i32x4.extend_low_i16x8_u(a), shift)));
    v128.store(to, v128.or(v128.load(to, 16), i32x4.shl(i32x4.extend_high_i16x8_u(a), shift)), 16);
    v128.store(to, v128.or(v128.load(to, 32), i32x4.shl(i32x4.extend_low_i16x8_u(b), shift)), 32);
    v128.store(to, v128.or(v128.load(to, 48), i32x4.shl(i32x4.extend_high_i16x8_u(b), shift)), 48);
  }
}

/** Whether a run has an escape. */
function runHasEscape(run: u32): bool {
  const wanted = i8x16.splat(<i8> symbolCount);
  const symbolsAt = symbols + run * RUN_ROWS;
  let found = i8x16.splat(0);
  for (let i: u32 = 0; i < RUN_ROWS; i += 16) {
    found = v128.or(found, i8x16.eq(v128.load(symbolsAt + i), wanted));
  }
  return v128.any_true(found);
}

/** Makes values of a run in 64-bit arithmetic, escapes among them. Returns the last number, 0 when damaged. */
function finishWideRun(run: u32, count: u32, before: u64, target: usize): u64 {
  if (count == RUN_ROWS) unpackWideRun(lowsOf(run, count), lowBits, wide, lanes);
  else unpackTail(lowsOf(run, count), count, lowBits, wide);
  const symbolsAt = symbols + run * RUN_ROWS;
  const shift = <u64> lowBits;
  let last = before;
  for (let i: u32 = 0; i < count; i++) {
    const symbol = <u32> load<u8>(symbolsAt + i);
    let distance = load<u64>(wide + i * 8) | (<u64> symbol << shift);
    if (symbol == symbolCount) {
      if (escapeCount == 0) {
        markDamaged();
        return 0;
      }
      escapeCount--;
      distance = <u64> getSigned();
    }
    if (!isDelta) last = <u64> low + distance;
    else if (run + i > 0) last += <u64> low + distance;
    store<u64>(wide + i * 8, last);
  }
  finishNumbers(wide, count, 0, target);
  return last;
}

/** Decodes rows from <= i < to of the block whose head has been read into `target`. */
function decodeBlock(count: u32, from: u32, to: u32, target: usize): void {
  if (!decodeSymbols(count, to)) {
    markDamaged();
    return;
  }
  // 32-bit lanes hold a run's sums: 128 differences below 2^22 each.
  const isNarrow = lowBits <= LANE_LOW_BITS_MAX &&
    (!isDelta || (low >= -0x400000 && low <= 0x400000));
  const behind = position();
  rewind(escapesAt);
  let last = blockFirst;
  for (let i: u32 = 0; i < to; i += RUN_ROWS) {
    const rows = min<u32>(RUN_ROWS, count - i);
    const run = i / RUN_ROWS;
    if (!isDelta && i + rows <= from && escapeCount == 0) continue;
    const isWhole = i >= from && i + RUN_ROWS <= to;
    const place = isWhole ? target + (i - from) * 8 : part;
    if (!isNarrow || (escapeCount > 0 && runHasEscape(run))) {
      last = finishWideRun(run, rows, last, place);
    } else {
      joinLanes(run, rows);
      if (isDelta && i == 0) store<i32>(lanes, -(<i32> low));
      const sum = finishLanes(lanes, isDelta, <i32> low, isDelta ? <i64> last : low, place);
      last += <u64> <i64> sum;
    }
    if (isDamaged()) return;
    if (isWhole) continue;
    const first = max<u32>(from, i);
    const end = min<u32>(to, i + rows);
    if (first < end) {
      memory.copy(target + (first - from) * 8, part + (first - i) * 8, (end - first) * 8);
    }
  }
  rewind(behind);
}

/** Decodes numbers from <= i < to of a body of `count`, as setOutput tells. Marks the window when damaged. */
export function decodeEntropy(count: u32, from: u32, to: u32, target: usize): void {
  if (!openBody()) {
    markDamaged();
    return;
  }
  inGroups = to - min<u32>(from, to) >= GROUPS_ROWS_MIN;
  if (inGroups) fillGroups();
  for (let i: u32 = 0; i < to; i += BLOCK_ROWS) {
    const rows = min<u32>(BLOCK_ROWS, count - i);
    openBlock(rows);
    if (isDamaged()) return;
    if (i + rows <= from) continue;
    const first = max<u32>(from, i);
    decodeBlock(rows, first - i, min<u32>(to - i, rows), target + (first - from) * 8);
    if (isDamaged()) return;
  }
}
