/**
 * Packing: what a capture of the head (head_read.ts) points to as one run of bytes, for a reader in another thread with a
 * linear memory of its own.
 *
 *   packed   words of the captures of all sources, one after the other, as headCapture writes them, padding to 16 bytes,
 *            then the blocks; pointers are offsets from the beginning
 *
 * Only chunks and builders that meet the bounds are packed, of builders the captured rows. The blobs of a builder follow its
 * rows, and their cells are offsets as well, which `headRelocate` makes pointers.
 */
import {
  B_COLUMNS,
  B_FLAGS,
  B_MAX,
  B_MIN,
  B_SLOTS,
  BLOBS,
  isPresent,
  presenceWords,
  rowAt,
  strideOf,
} from "./builder";
import { C_BYTES, C_MAX, C_MIN, HEAD_CHUNK_HEADER } from "./seal";

const FAMILY_BLOB: u32 = 5;

function padded(bytes: u32): u32 {
  return (bytes + 15) & ~15;
}

function chunkMeets(chunk: usize, first: i64, last: i64): bool {
  return load<i64>(chunk + C_MIN) <= last && load<i64>(chunk + C_MAX) >= first;
}

function chunkBlockBytes(chunk: usize): u32 {
  return <u32> HEAD_CHUNK_HEADER + load<u32>(chunk + C_BYTES);
}

function builderMeets(builder: usize, rows: u32, first: i64, last: i64): bool {
  return rows > 0 && load<i64>(builder + B_MIN) <= last && load<i64>(builder + B_MAX) >= first;
}

function rowsEnd(builder: usize, rows: u32): u32 {
  const stride = strideOf(load<u32>(builder + B_COLUMNS), load<u32>(builder + B_FLAGS));
  return <u32> (rowAt(builder, 0) - builder) + rows * stride;
}

/** Cell of column `c` in row `r` if it holds a blob, else 0. */
function blobCell(builder: usize, c: u32, r: u32): usize {
  const columns = load<u32>(builder + B_COLUMNS);
  if (<u32> load<u8>(builder + B_SLOTS + <usize> columns * 2 + <usize> c) < FAMILY_BLOB) return 0;
  const words = presenceWords(columns, load<u32>(builder + B_FLAGS));
  const row = rowAt(builder, r);
  return isPresent(row, words, c) ? row + 8 + <usize> words * 8 + <usize> c * 8 : 0;
}

function builderBlockBytes(builder: usize, rows: u32): u32 {
  let bytes = rowsEnd(builder, rows);
  if ((load<u32>(builder + B_FLAGS) & BLOBS) == 0) return bytes;
  const columns = load<u32>(builder + B_COLUMNS);
  for (let c: u32 = 0; c < columns; c++) {
    for (let r: u32 = 0; r < rows; r++) {
      const cell = blobCell(builder, c, r);
      if (cell != 0) bytes += load<u32>(cell, 4);
    }
  }
  return bytes;
}

/** Copies a builder's rows and blobs to `block`, which is so far from the beginning. */
function packBuilder(builder: usize, rows: u32, block: usize, offset: u32): void {
  const end = rowsEnd(builder, rows);
  memory.copy(block, builder, end);
  if ((load<u32>(builder + B_FLAGS) & BLOBS) == 0) return;
  const columns = load<u32>(builder + B_COLUMNS);
  let at = end;
  for (let c: u32 = 0; c < columns; c++) {
    for (let r: u32 = 0; r < rows; r++) {
      const cell = blobCell(builder, c, r);
      if (cell == 0) continue;
      const bytes = load<u32>(cell, 4);
      memory.copy(block + <usize> at, <usize> load<u32>(cell), bytes);
      store<u32>(block + (cell - builder), offset + at);
      at += bytes;
    }
  }
}

/** Makes the offsets in the blob cells of a packed builder pointers, when what was packed lies at `base`. */
export function headRelocate(builder: usize, rows: u32, base: usize): void {
  if ((load<u32>(builder + B_FLAGS) & BLOBS) == 0) return;
  const columns = load<u32>(builder + B_COLUMNS);
  for (let c: u32 = 0; c < columns; c++) {
    for (let r: u32 = 0; r < rows; r++) {
      const cell = blobCell(builder, c, r);
      if (cell != 0) store<u32>(cell, load<u32>(cell) + <u32> base);
    }
  }
}

/** Room that headPack needs for the captures of so many sources at `words`. */
export function headPackBytes(words: usize, sources: u32, first: i64, last: i64): u32 {
  let at = words, bytes: u32 = 0;
  for (let i: u32 = 0; i < sources; i++) {
    const chunks = load<u32>(at), builders = load<u32>(at, 4);
    at += 8;
    for (let c: u32 = 0; c < chunks; c++, at += 4) {
      const chunk = <usize> load<u32>(at);
      if (chunkMeets(chunk, first, last)) bytes += padded(chunkBlockBytes(chunk));
    }
    for (let b: u32 = 0; b < builders; b++, at += 8) {
      const builder = <usize> load<u32>(at), rows = load<u32>(at, 4);
      if (builderMeets(builder, rows, first, last)) {
        bytes += padded(builderBlockBytes(builder, rows));
      }
    }
  }
  return padded(<u32> (at - words)) + bytes;
}

/** Packs the captures of so many sources at `words`; returns the words written. */
export function headPack(
  words: usize,
  sources: u32,
  first: i64,
  last: i64,
  target: usize,
): u32 {
  let at = words;
  for (let i: u32 = 0; i < sources; i++) {
    at += 8 + <usize> load<u32>(at) * 4 + <usize> load<u32>(at, 4) * 8;
  }
  let block = target + padded(<u32> (at - words));
  let out = target;
  at = words;
  for (let i: u32 = 0; i < sources; i++) {
    const chunks = load<u32>(at), builders = load<u32>(at, 4);
    const head = out;
    store<u64>(head, 0);
    at += 8;
    out += 8;
    for (let c: u32 = 0; c < chunks; c++, at += 4) {
      const chunk = <usize> load<u32>(at);
      if (!chunkMeets(chunk, first, last)) continue;
      const bytes = chunkBlockBytes(chunk);
      memory.copy(block, chunk, bytes);
      store<u32>(out, <u32> (block - target));
      store<u32>(head, load<u32>(head) + 1);
      block += padded(bytes);
      out += 4;
    }
    for (let b: u32 = 0; b < builders; b++, at += 8) {
      const builder = <usize> load<u32>(at), rows = load<u32>(at, 4);
      if (!builderMeets(builder, rows, first, last)) continue;
      const bytes = builderBlockBytes(builder, rows);
      packBuilder(builder, rows, block, <u32> (block - target));
      store<u32>(out, <u32> (block - target));
      store<u32>(out, rows, 4);
      store<u32>(head, load<u32>(head, 4) + 1, 4);
      block += padded(bytes);
      out += 8;
    }
  }
  return <u32> ((out - target) >> 2);
}
