/**
 * Prefix codes of at most LENGTH_MAX bits for up to SYMBOLS_MAX symbols, built from counts and written as lengths: codes
 * are canonical (by length, then by symbol), their first bit is the lowest. A code is complete: its words fill the table.
 */
import { alloc, TAG_SCRATCH } from "./memory";

export const LENGTH_MAX: u32 = 10;
export const SYMBOLS_MAX: u32 = 65;
const TABLE_SIZE: u32 = 1 << LENGTH_MAX;

/** Length of each symbol's word (u8), 0 for symbols without one. */
export let lengths: usize = 0;
/** Word of each symbol (u16), lowest bit first. */
export let words: usize = 0;
/** For the next bits: symbol | length << 8 (u16); 1 << tableBits entries. */
export let table: usize = 0;
export let tableBits: u32 = 0;

// Building: symbols by count, and the tree: weight and parent of each node.
let order: usize = 0;
let weights: usize = 0;
let parents: usize = 0;

export function initHuffman(): void {
  const block = alloc(TABLE_SIZE * 2 + 16 + SYMBOLS_MAX * 16 + 64, TAG_SCRATCH);
  table = block;
  words = table + TABLE_SIZE * 2;
  weights = words + 144;
  parents = weights + SYMBOLS_MAX * 8;
  order = parents + SYMBOLS_MAX * 2;
  lengths = order + SYMBOLS_MAX;
}

/** Symbols that occur, rarest first. */
function sortSymbols(counts: usize, symbols: u32): u32 {
  let used: u32 = 0;
  for (let s: u32 = 0; s < symbols; s++) {
    const count = load<u32>(counts + s * 4);
    if (count == 0) continue;
    let at = used++;
    while (at > 0) {
      const before = load<u8>(order + at - 1);
      if (load<u32>(counts + <usize> before * 4) <= count) break;
      store<u8>(order + at, before);
      at--;
    }
    store<u8>(order + at, <u8> s);
  }
  return used;
}

/** Depths of a tree of `used` leaves whose counts ascend, as lengths of the symbols, at most LENGTH_MAX. */
function buildTree(counts: usize, used: u32): void {
  for (let i: u32 = 0; i < used; i++) {
    store<u32>(weights + i * 4, load<u32>(counts + <usize> load<u8>(order + i) * 4));
  }
  let leaf: u32 = 0;
  let inner = used;
  const nodes = used * 2 - 1;
  for (let node = used; node < nodes; node++) {
    let weight: u32 = 0;
    for (let child: u32 = 0; child < 2; child++) {
      const takeLeaf = leaf < used &&
        (inner == node || load<u32>(weights + leaf * 4) <= load<u32>(weights + inner * 4));
      const chosen = takeLeaf ? leaf++ : inner++;
      weight += load<u32>(weights + chosen * 4);
      store<u8>(parents + chosen, <u8> node);
    }
    store<u32>(weights + node * 4, weight);
  }
  // From here on `weights` holds depths.
  store<u32>(weights + (nodes - 1) * 4, 0);
  for (let node = <i32> nodes - 2; node >= 0; node--) {
    const depth = load<u32>(weights + <usize> load<u8>(parents + node) * 4) + 1;
    store<u32>(weights + node * 4, depth);
    if (<u32> node < used) {
      store<u8>(lengths + <usize> load<u8>(order + node), <u8> min<u32>(depth, LENGTH_MAX));
    }
  }
}

/** Makes the code complete after lengths were cut: first no longer too full, then no longer too empty. */
function fitLengths(used: u32): void {
  let room: i32 = 1 << LENGTH_MAX;
  for (let i: u32 = 0; i < used; i++) room -= share(i);
  while (room < 0) {
    for (let i: u32 = 0; i < used && room < 0; i++) {
      if (lengthAt(i) < LENGTH_MAX) {
        room += share(i) >> 1;
        setLength(i, lengthAt(i) + 1);
      }
    }
  }
  while (room > 0) {
    for (let i = used; i > 0 && room > 0; i--) {
      if (lengthAt(i - 1) > 1 && share(i - 1) <= room) {
        room -= share(i - 1);
        setLength(i - 1, lengthAt(i - 1) - 1);
      }
    }
  }
}

/** Length of the i-th symbol in order. */
function lengthAt(i: u32): u32 {
  return load<u8>(lengths + <usize> load<u8>(order + i));
}

function setLength(i: u32, length: u32): void {
  store<u8>(lengths + <usize> load<u8>(order + i), <u8> length);
}

/** What the i-th symbol takes of the table. */
function share(i: u32): i32 {
  return <i32> 1 << (LENGTH_MAX - lengthAt(i));
}

/** Chooses lengths for counts (u32 each). Returns the bits that all symbols take, 0 when fewer than two occur. */
export function chooseLengths(counts: usize, symbols: u32): u32 {
  memory.fill(lengths, 0, symbols);
  const used = sortSymbols(counts, symbols);
  if (used < 2) return 0;
  buildTree(counts, used);
  fitLengths(used);
  let bits: u32 = 0;
  for (let s: u32 = 0; s < symbols; s++) {
    bits += load<u32>(counts + s * 4) * load<u8>(lengths + s);
  }
  return bits;
}

function reversed(word: u32, length: u32): u32 {
  let result: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    result = (result << 1) | (word & 1);
    word >>= 1;
  }
  return result;
}

/** Gives each symbol its word. */
export function assignWords(symbols: u32): void {
  let word: u32 = 0;
  for (let length: u32 = 1; length <= LENGTH_MAX; length++) {
    for (let s: u32 = 0; s < symbols; s++) {
      if (<u32> load<u8>(lengths + s) != length) continue;
      store<u16>(words + s * 2, <u16> reversed(word, length));
      word++;
    }
    word <<= 1;
  }
}

/** Fills the table from the lengths. False when they are no complete code of at least two words. */
export function fillTable(symbols: u32): bool {
  let room: i32 = 1 << LENGTH_MAX;
  let longest: u32 = 0;
  for (let s: u32 = 0; s < symbols; s++) {
    const length = <u32> load<u8>(lengths + s);
    if (length == 0) continue;
    if (length > LENGTH_MAX) return false;
    room -= 1 << <i32> (LENGTH_MAX - length);
    longest = max<u32>(longest, length);
  }
  if (room != 0 || longest == 0) return false;
  tableBits = longest;
  let word: u32 = 0;
  // The table of words up to a length, twice, is the one for the next length.
  for (let length: u32 = 1; length <= longest; length++) {
    const half = 1 << (length - 1);
    memory.copy(table + half * 2, table, half * 2);
    for (let s: u32 = 0; s < symbols; s++) {
      if (<u32> load<u8>(lengths + s) != length) continue;
      store<u16>(table + reversed(word, length) * 2, <u16> (s | (length << 8)));
      word++;
    }
    word <<= 1;
  }
  return true;
}
