/**
 * Sealing: a builder's rows become an encoded chunk of the head. Rows are put in order of time; of rows with one time the
 * last value of each column stands.
 *
 *   chunk   48-byte header, then the encoded chunk
 *      0 u32 next older chunk of the source   4 u32 source   8 i64 lowest, 16 i64 highest time
 *     24 u32 rows   28 u32 points             32 u32 bytes   36 u32 generation   40 f64 stamp
 *
 * Stamps order chunks by the time of their sealing, so that a deletion hides what was sealed before it.
 */
import { chunkBytesBound, encodeChunk } from "./chunk";
import { alloc, free, TAG_HEAD, TAG_SCRATCH } from "./memory";
import {
  SOURCE_BUILDERS,
  SOURCE_CHUNKS,
  SOURCE_FLAGS,
  sourceById,
  sourceCount,
} from "./series_table";
import {
  B_COLUMNS,
  B_FLAGS,
  B_GENERATION,
  B_MAX,
  B_MIN,
  B_NEXT,
  B_ROWS,
  B_SLOTS,
  B_SOURCE,
  discardBuilder,
  DISORDERED,
  isPresent,
  presenceWords,
  retire,
  rowAt,
  SLAB_ROWS_MAX,
  SOURCE_HOT,
  strideOf,
} from "./builder";

export const HEAD_CHUNK_HEADER: usize = 48;
export const C_NEXT: usize = 0;
const C_SOURCE: usize = 4;
export const C_MIN: usize = 8;
export const C_MAX: usize = 16;
const C_ROWS: usize = 24;
const C_POINTS: usize = 28;
export const C_BYTES: usize = 32;
const C_GENERATION: usize = 36;
const C_STAMP: usize = 40;
/** Bytes of a staged column: values and a presence bitmap. */
const COLUMN_BYTES: u32 = SLAB_ROWS_MAX * 8 + SLAB_ROWS_MAX / 8;

let stamp: f64 = 1;
let stage: usize = 0, stageBytes: u32 = 0;
let encoded: usize = 0, encodedBytes: u32 = 0;

/** Stamp that the next sealed chunk gets: chunks with a lower one are older than now. */
export function headStamp(): f64 {
  return stamp;
}

/** Ranks of a builder's first `rows` rows by time, stable, as u32 at `order`. */
export function orderRows(b: usize, rows: u32, order: usize): void {
  const base = rowAt(b, 0);
  const stride = <usize> strideOf(load<u32>(b + B_COLUMNS), load<u32>(b + B_FLAGS));
  for (let i: u32 = 0; i < rows; i++) {
    const time = load<i64>(base + <usize> i * stride);
    let at = i;
    while (
      at > 0 && load<i64>(base + <usize> load<u32>(order + <usize> (at - 1) * 4) * stride) > time
    ) {
      store<u32>(order + <usize> at * 4, load<u32>(order + <usize> (at - 1) * 4));
      at--;
    }
    store<u32>(order + <usize> at * 4, i);
  }
}

/** Encodes a builder's rows as the source's newest chunk. The builder is left as it is: recycle or discard it. */
export function encodeBuilder(b: usize): void {
  const rows = load<u32>(b + B_ROWS);
  if (rows == 0) return;
  const columns = load<u32>(b + B_COLUMNS);
  const need = SLAB_ROWS_MAX * 12 + columns * (16 + COLUMN_BYTES);
  if (need > stageBytes) {
    if (stageBytes > 0) free(stage, TAG_SCRATCH);
    stageBytes = need;
    stage = alloc(need, TAG_SCRATCH);
  }
  const order = stage + SLAB_ROWS_MAX * 8;
  const table = order + SLAB_ROWS_MAX * 4;
  const values = table + <usize> columns * 16;
  const flags = load<u32>(b + B_FLAGS);
  const words = presenceWords(columns, flags);
  let count = rows, points: u32 = 0;
  if ((flags & DISORDERED) == 0 && words == 0) {
    stageDense(b, rows, table, values);
    points = rows * columns;
  } else {
    orderRows(b, rows, order);
    count = stageTimes(b, rows, order);
    for (let c: u32 = 0; c < columns; c++) {
      points += stageColumn(b, rows, order, c, words, values + <usize> c * COLUMN_BYTES, table);
    }
  }
  sortTable(table, columns);
  addChunk(b, count, table, columns, points);
}

/** Rows in order and without gaps: straight copies, column by column. */
function stageDense(b: usize, rows: u32, table: usize, values: usize): void {
  const columns = load<u32>(b + B_COLUMNS);
  const base = rowAt(b, 0);
  const stride: usize = 8 + <usize> columns * 8;
  let row = base;
  for (let r: u32 = 0; r < rows; r++) {
    store<i64>(stage + <usize> r * 8, load<i64>(row));
    row += stride;
  }
  for (let c: u32 = 0; c < columns; c++) {
    const target = values + <usize> c * COLUMN_BYTES;
    let cell = base + 8 + <usize> c * 8;
    for (let r: u32 = 0; r < rows; r++) {
      store<u64>(target + <usize> r * 8, load<u64>(cell));
      cell += stride;
    }
    putEntry(b, c, table, target, 0);
  }
}

function putEntry(b: usize, c: u32, table: usize, bits: usize, presence: usize): void {
  const families = b + B_SLOTS + <usize> load<u32>(b + B_COLUMNS) * 2;
  const entry = table + <usize> c * 16;
  store<u16>(entry, load<u16>(b + B_SLOTS + <usize> c * 2));
  store<u16>(entry, <u16> load<u8>(families + c), 2);
  store<u32>(entry, <u32> bits, 4);
  store<u32>(entry, <u32> presence, 8);
  store<u32>(entry, 0, 12);
}

/** Distinct times in order. Returns how many. */
function stageTimes(b: usize, rows: u32, order: usize): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < rows; i++) {
    const time = load<i64>(rowAt(b, load<u32>(order + <usize> i * 4)));
    if (count > 0 && load<i64>(stage + <usize> (count - 1) * 8) == time) continue;
    store<i64>(stage + <usize> count * 8, time);
    count++;
  }
  return count;
}

/** One column in time order, the last value of a time winning; fills its entry of the table. Returns values present. */
function stageColumn(
  b: usize,
  rows: u32,
  order: usize,
  c: u32,
  words: u32,
  target: usize,
  table: usize,
): u32 {
  const base = rowAt(b, 0);
  const stride = <usize> strideOf(load<u32>(b + B_COLUMNS), load<u32>(b + B_FLAGS));
  const value: usize = 8 + <usize> words * 8 + <usize> c * 8;
  const presence = target + SLAB_ROWS_MAX * 8;
  store<u64>(presence, 0);
  store<u64>(presence, 0, 8);
  let at: i32 = -1, present: u32 = 0;
  let last: i64 = 0;
  for (let i: u32 = 0; i < rows; i++) {
    const row = base + <usize> load<u32>(order + <usize> i * 4) * stride;
    const time = load<i64>(row);
    if (at < 0 || time != last) at++;
    last = time;
    if (!isPresent(row, words, c)) continue;
    store<u64>(target + <usize> at * 8, load<u64>(row + value));
    const word = presence + <usize> (at >> 6) * 8;
    const bit = <u64> 1 << <u64> (at & 63);
    const before = load<u64>(word);
    if ((before & bit) == 0) {
      store<u64>(word, before | bit);
      present++;
    }
  }
  putEntry(b, c, table, target, present == <u32> (at + 1) ? 0 : presence);
  return present;
}

/** Table entries ascending by slot; they arrive nearly so. */
function sortTable(table: usize, columns: u32): void {
  for (let i: u32 = 1; i < columns; i++) {
    const low = load<u64>(table + <usize> i * 16);
    const high = load<u64>(table + <usize> i * 16, 8);
    let at = i;
    while (at > 0 && load<u16>(table + <usize> (at - 1) * 16) > <u16> low) {
      store<u64>(table + <usize> at * 16, load<u64>(table + <usize> (at - 1) * 16));
      store<u64>(table + <usize> at * 16, load<u64>(table + <usize> (at - 1) * 16, 8), 8);
      at--;
    }
    store<u64>(table + <usize> at * 16, low);
    store<u64>(table + <usize> at * 16, high, 8);
  }
}

function addChunk(b: usize, rows: u32, table: usize, columns: u32, points: u32): void {
  const bound = chunkBytesBound(rows, table, columns);
  if (bound > encodedBytes) {
    if (encodedBytes > 0) free(encoded, TAG_SCRATCH);
    encodedBytes = bound;
    encoded = alloc(bound, TAG_SCRATCH);
  }
  const bytes = encodeChunk(stage, rows, table, columns, encoded, 0);
  const source = <usize> load<u32>(b + B_SOURCE);
  const chunk = alloc(<u32> HEAD_CHUNK_HEADER + bytes, TAG_HEAD);
  store<u32>(chunk + C_SOURCE, <u32> source);
  store<i64>(chunk + C_MIN, load<i64>(stage));
  store<i64>(chunk + C_MAX, load<i64>(stage + <usize> (rows - 1) * 8));
  store<u32>(chunk + C_ROWS, rows);
  store<u32>(chunk + C_POINTS, points);
  store<u32>(chunk + C_BYTES, bytes);
  store<u32>(chunk + C_GENERATION, load<u32>(b + B_GENERATION));
  store<f64>(chunk + C_STAMP, stamp);
  stamp += 1;
  memory.copy(chunk + HEAD_CHUNK_HEADER, encoded, bytes);
  linkChunk(source, chunk);
  store<u32>(source + SOURCE_FLAGS, load<u32>(source + SOURCE_FLAGS) | SOURCE_HOT);
}

/** Puts a chunk before the source's others, but behind those of later generations: a flush seals its builders late. */
function linkChunk(source: usize, chunk: usize): void {
  const generation = load<u32>(chunk + C_GENERATION);
  let previous: usize = 0;
  let next = <usize> load<u32>(source + SOURCE_CHUNKS);
  while (next != 0 && load<u32>(next + C_GENERATION) > generation) {
    previous = next;
    next = load<u32>(next + C_NEXT);
  }
  store<u32>(chunk + C_NEXT, <u32> next);
  if (previous == 0) store<u32>(source + SOURCE_CHUNKS, <u32> chunk);
  else store<u32>(previous + C_NEXT, <u32> chunk);
}

/** Seals the source's builders up to a generation, oldest first, so that chunks keep their precedence; the builders go. */
export function headSealSource(source: usize, generation: u32): void {
  sealFrom(<usize> load<u32>(source + SOURCE_BUILDERS), generation);
}

function sealFrom(b: usize, generation: u32): void {
  if (b == 0) return;
  // The list begins with the newest: what is behind it goes first.
  sealFrom(<usize> load<u32>(b + B_NEXT), generation);
  if (load<u32>(b + B_GENERATION) > generation) return;
  encodeBuilder(b);
  discardBuilder(b);
}

/** Gives up the source's chunks and builders up to a generation: they are in a segment, or were never to be kept. */
export function headDropSource(source: usize, generation: u32): void {
  let previous: usize = 0;
  let chunk = <usize> load<u32>(source + SOURCE_CHUNKS);
  while (chunk != 0) {
    const next = <usize> load<u32>(chunk + C_NEXT);
    if (load<u32>(chunk + C_GENERATION) <= generation) {
      if (previous == 0) store<u32>(source + SOURCE_CHUNKS, <u32> next);
      else store<u32>(previous + C_NEXT, <u32> next);
      retire(chunk, false);
    } else previous = chunk;
    chunk = next;
  }
  let b = <usize> load<u32>(source + SOURCE_BUILDERS);
  while (b != 0) {
    const next = <usize> load<u32>(b + B_NEXT);
    if (load<u32>(b + B_GENERATION) <= generation) discardBuilder(b);
    b = next;
  }
}

/** headDropSource for the sources with first <= id < end. */
export function headDropSources(first: u32, end: u32, generation: u32): void {
  for (let id = first; id < end; id++) {
    const source = sourceById(id);
    if (source != 0) headDropSource(source, generation);
  }
}

/** The first source with an id of at least `from` that has rows up to the generation; 0 when there is none. */
export function headNextSource(from: u32, generation: u32): u32 {
  const count = sourceCount();
  for (let id = from; id <= count; id++) {
    const source = sourceById(id);
    if (source != 0 && hasRows(source, generation)) return id;
  }
  return 0;
}

function hasRows(source: usize, generation: u32): bool {
  for (
    let chunk = <usize> load<u32>(source + SOURCE_CHUNKS);
    chunk != 0;
    chunk = load<u32>(chunk + C_NEXT)
  ) {
    if (load<u32>(chunk + C_GENERATION) <= generation) return true;
  }
  for (let b = <usize> load<u32>(source + SOURCE_BUILDERS); b != 0; b = load<u32>(b + B_NEXT)) {
    if (load<u32>(b + B_GENERATION) <= generation && load<u32>(b + B_ROWS) > 0) return true;
  }
  return false;
}

/** Numbers (time divided by `width`, rounded down) of the windows that rows up to the generation lie in, ascending as i64 at
 * `target`, at most `most`. Returns how many there are; `most` + 1 when they are more. A chunk counts for every window it meets. */
export function headWindows(generation: u32, width: i64, target: usize, most: u32): u32 {
  const count = sourceCount();
  let found: u32 = 0;
  for (let id: u32 = 1; id <= count; id++) {
    const source = sourceById(id);
    if (source == 0) continue;
    for (
      let chunk = <usize> load<u32>(source + SOURCE_CHUNKS);
      chunk != 0;
      chunk = load<u32>(chunk + C_NEXT)
    ) {
      if (load<u32>(chunk + C_GENERATION) > generation) continue;
      found = addWindows(
        load<i64>(chunk + C_MIN),
        load<i64>(chunk + C_MAX),
        width,
        target,
        found,
        most,
      );
      if (found > most) return found;
    }
    for (let b = <usize> load<u32>(source + SOURCE_BUILDERS); b != 0; b = load<u32>(b + B_NEXT)) {
      if (load<u32>(b + B_GENERATION) > generation || load<u32>(b + B_ROWS) == 0) continue;
      found = addWindows(load<i64>(b + B_MIN), load<i64>(b + B_MAX), width, target, found, most);
      if (found > most) return found;
    }
  }
  return found;
}

function addWindows(low: i64, high: i64, width: i64, target: usize, found: u32, most: u32): u32 {
  const last = floorDivide(high, width);
  for (let number = floorDivide(low, width); number <= last && found <= most; number++) {
    let at = found;
    while (at > 0 && load<i64>(target + <usize> (at - 1) * 8) > number) at--;
    if (at > 0 && load<i64>(target + <usize> (at - 1) * 8) == number) continue;
    if (found == most) return most + 1;
    for (let i = found; i > at; i--) {
      store<i64>(target + <usize> i * 8, load<i64>(target + <usize> (i - 1) * 8));
    }
    store<i64>(target + <usize> at * 8, number);
    found++;
  }
  return found;
}

function floorDivide(value: i64, width: i64): i64 {
  const quotient = value / width;
  return value % width < 0 ? quotient - 1 : quotient;
}
