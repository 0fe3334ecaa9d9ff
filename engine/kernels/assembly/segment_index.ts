/**
 * Index blocks of segment files: where the chunks of up to 256 sources lie. Layout in docs/format/segment.md.
 *
 *   1 byte   layout, 1
 *   varint   chunks
 *   varint   sources
 *   varint   logical offset of the first chunk; the others follow without gap
 *   8 bytes  base: the lowest first time of a source's first chunk, i64
 *   varint   scale: every time difference below is divided by it, at least 1
 *   for each source: varint id less the previous id (the first: the id), varint its chunks in this block
 *     for each chunk: varint (min - base, or min - max of the source's previous chunk) / scale,
 *                     varint (max - min) / scale, varint rows, varint bytes
 *
 * A staged or decoded table is columns of INDEX_CHUNKS_MAX entries: source u32, rows u32, bytes u32, place u32 (position
 * in the list of wanted ids), offset f64, min i64, max i64.
 *
 * Invariants
 * - Sources ascend; chunks of a source ascend in time and do not overlap.
 * - A decoder reads nothing outside the given bytes and answers -1 to whatever the encoder cannot have written.
 */

export const INDEX_CHUNKS_MAX: u32 = 1024;
/** Bytes of a table of INDEX_CHUNKS_MAX entries. */
export const INDEX_TABLE_BYTES: u32 = INDEX_CHUNKS_MAX * 40;
/** Upper bound of an encoded block. */
export const INDEX_BLOCK_BYTES_MAX: u32 = INDEX_CHUNKS_MAX * 42 + 64;

const ROWS: usize = 4 * 1024;
const BYTES: usize = 8 * 1024;
const PLACE: usize = 12 * 1024;
const OFFSET: usize = 16 * 1024;
const MIN: usize = 24 * 1024;
const MAX: usize = 32 * 1024;

let cursor: usize = 0;
let limit: usize = 0;
let damaged: bool = false;

function putVarint(at: usize, value: u64): usize {
  while (value >= 128) {
    store<u8>(at++, <u8> (value | 128));
    value >>= 7;
  }
  store<u8>(at, <u8> value);
  return at + 1;
}

function getVarint(): u64 {
  let value: u64 = 0;
  for (let shift: u64 = 0; shift < 64; shift += 7) {
    if (cursor >= limit) break;
    const byte = load<u8>(cursor++);
    if (shift == 63 && byte > 1) break;
    value |= <u64> (byte & 127) << shift;
    if (byte < 128) return value;
  }
  damaged = true;
  return 0;
}

function greatestDivisor(a: u64, b: u64): u64 {
  while (b != 0) {
    const rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

function startsSource(table: usize, i: u32): bool {
  return i == 0 || load<u32>(table + i * 4) != load<u32>(table + (i - 1) * 4);
}

/** What the chunk's first time is counted from. */
function anchorOf(table: usize, i: u32, base: i64): i64 {
  return startsSource(table, i) ? base : load<i64>(table + MAX + (i - 1) * 8);
}

/** Encodes the first `count` (at least 1) entries of a staged table; returns the bytes written at `dst`. */
export function encodeIndexBlock(table: usize, count: u32, dst: usize): u32 {
  let base = load<i64>(table + MIN);
  let sources: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (!startsSource(table, i)) continue;
    sources++;
    base = min<i64>(base, load<i64>(table + MIN + i * 8));
  }
  let scale: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const low = load<i64>(table + MIN + i * 8);
    scale = greatestDivisor(<u64> (low - anchorOf(table, i, base)), scale);
    scale = greatestDivisor(<u64> (load<i64>(table + MAX + i * 8) - low), scale);
  }
  if (scale == 0) scale = 1;
  store<u8>(dst, 1);
  let at = putVarint(dst + 1, count);
  at = putVarint(at, sources);
  at = putVarint(at, <u64> load<f64>(table + OFFSET));
  store<i64>(at, base);
  at = putVarint(at + 8, scale);
  let previous: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const low = load<i64>(table + MIN + i * 8);
    if (startsSource(table, i)) {
      const source = load<u32>(table + i * 4);
      let end = i + 1;
      while (end < count && load<u32>(table + end * 4) == source) end++;
      at = putVarint(at, source - previous);
      at = putVarint(at, end - i);
      previous = source;
    }
    at = putVarint(at, <u64> (low - anchorOf(table, i, base)) / scale);
    at = putVarint(at, <u64> (load<i64>(table + MAX + i * 8) - low) / scale);
    at = putVarint(at, load<u32>(table + ROWS + i * 4));
    at = putVarint(at, load<u32>(table + BYTES + i * 4));
  }
  return <u32> (at - dst);
}

/**
 * Decodes a block into a table: all entries when `idCount` is 0, else those whose source is among the ascending `ids`
 * and whose times meet first <= t <= last; it reads no further than it has to. Returns the entries, or -1 for a damaged
 * block.
 */
export function decodeIndexBlock(
  block: usize,
  bytes: u32,
  table: usize,
  ids: usize,
  idCount: u32,
  first: i64,
  last: i64,
): i32 {
  if (bytes < 14 || load<u8>(block) != 1) return -1;
  cursor = block + 1;
  limit = block + bytes;
  damaged = false;
  const chunks = getVarint();
  const sources = getVarint();
  let offset = getVarint();
  if (damaged || chunks == 0 || chunks > INDEX_CHUNKS_MAX || sources == 0 || sources > chunks) {
    return -1;
  }
  if (cursor + 8 > limit) return -1;
  const base = load<i64>(cursor);
  cursor += 8;
  const scale = getVarint();
  if (damaged || scale == 0) return -1;
  let out: u32 = 0;
  let place: u32 = 0;
  let source: u64 = 0;
  let left = <u32> chunks;
  for (let s: u64 = 0; s < sources; s++) {
    const step = getVarint();
    const count = getVarint();
    source += step;
    if (
      damaged || step == 0 || step > 0xffffffff || source > 0xffffffff || count == 0 || count > left
    ) return -1;
    left -= <u32> count;
    while (place < idCount && <u64> load<u32>(ids + place * 4) < source) place++;
    if (idCount != 0 && place == idCount) return <i32> out;
    const wanted = idCount == 0 || (place < idCount && <u64> load<u32>(ids + place * 4) == source);
    let anchor = base;
    for (let c: u64 = 0; c < count; c++) {
      const low = anchor + <i64> (getVarint() * scale);
      const high = low + <i64> (getVarint() * scale);
      const rows = getVarint();
      const size = getVarint();
      if (damaged || high < low || low < anchor || (c > 0 && low == anchor)) return -1;
      if (rows == 0 || rows > 0xffffffff || size == 0 || size > 0x7fffffff) return -1;
      if (wanted && low <= last && high >= first) {
        store<u32>(table + out * 4, <u32> source);
        store<u32>(table + ROWS + out * 4, <u32> rows);
        store<u32>(table + BYTES + out * 4, <u32> size);
        store<u32>(table + PLACE + out * 4, place);
        store<f64>(table + OFFSET + out * 8, <f64> offset);
        store<i64>(table + MIN + out * 8, low);
        store<i64>(table + MAX + out * 8, high);
        out++;
      }
      offset += size;
      anchor = high;
    }
  }
  return left == 0 && cursor == limit ? <i32> out : -1;
}
