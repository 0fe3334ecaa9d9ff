/**
 * Ascending lists of ids that only grow, and sets of ids as arrays and bitmaps: what postings are made of.
 *
 *   list reference, 8 bytes: 0 u32 ids in the list   4 u32 the id when there is one, a list block when there are more
 *   list block: 0 u32 bytes of room   4 u32 bytes used   8 u32 last id   12 varints: the first id, then differences
 *   bitmap: bit i of a little-endian row of 64-bit words stands for id i
 *
 * A list of one id costs its reference alone; one more id among dense ones costs a byte.
 *
 * Invariants
 * - Ids are appended in ascending order, none twice.
 * - Arrays of ids are u32, ascending; the `keep...` functions filter them in place.
 */
import { alloc, blockBytes, free, TAG_REGISTRY } from "./memory";

export const ID_LIST_BYTES: usize = 8;

const BLOCK_USED: usize = 4;
const BLOCK_LAST: usize = 8;
const BLOCK_HEADER: u32 = 12;
const BLOCK_BYTES_MIN: u32 = 32;
const VARINT_BYTES_MAX: u32 = 5;
/** Blocks grow by half up to this size and by a quarter from there. */
const COARSE_BYTES: u32 = 32768;

/** Adds an id above all others of the list. */
export function appendId(list: usize, id: u32): void {
  const count = load<u32>(list);
  store<u32>(list, count + 1);
  if (count == 0) {
    store<u32>(list, id, 4);
    return;
  }
  let block = <usize> load<u32>(list, 4);
  if (count == 1) {
    const only = <u32> block;
    block = openBlock(BLOCK_BYTES_MIN);
    put(block, only);
    store<u32>(list, <u32> block, 4);
  } else if (load<u32>(block, BLOCK_USED) + VARINT_BYTES_MAX > load<u32>(block)) {
    block = growBlock(block);
    store<u32>(list, <u32> block, 4);
  }
  put(block, id);
}

function openBlock(bytes: u32): usize {
  const size = blockBytes(bytes);
  const block = alloc(size, TAG_REGISTRY);
  store<u32>(block, size - BLOCK_HEADER);
  store<u32>(block, 0, BLOCK_USED);
  store<u32>(block, 0, BLOCK_LAST);
  return block;
}

function growBlock(old: usize): usize {
  const used = load<u32>(old, BLOCK_USED);
  const size = used + BLOCK_HEADER;
  const block = openBlock(size + (size < COARSE_BYTES ? size >> 1 : size >> 2) + 8);
  memory.copy(block + BLOCK_USED, old + BLOCK_USED, <usize> used + 8);
  free(old, TAG_REGISTRY);
  return block;
}

function put(block: usize, id: u32): void {
  let rest = id - load<u32>(block, BLOCK_LAST);
  let at = block + BLOCK_HEADER + load<u32>(block, BLOCK_USED);
  while (rest >= 128) {
    store<u8>(at++, <u8> (rest | 128));
    rest >>= 7;
  }
  store<u8>(at++, <u8> rest);
  store<u32>(block, <u32> (at - block) - BLOCK_HEADER, BLOCK_USED);
  store<u32>(block, id, BLOCK_LAST);
}

/** Empties a list and gives its block back. */
export function dropIdList(list: usize): void {
  if (load<u32>(list) > 1) free(load<u32>(list, 4), TAG_REGISTRY);
  store<u64>(list, 0);
}

// The one list that is being walked.
let walkAt: usize = 0;
let walkLeft: u32 = 0;
let walkId: u32 = 0;

/** Begins to walk a list; `nextId` gives its ids. */
export function openIdList(list: usize): void {
  walkLeft = load<u32>(list);
  walkId = 0;
  // A list of one id is walked through its reference: `nextId` knows by walkAt.
  if (walkLeft == 1) walkId = load<u32>(list, 4);
  walkAt = walkLeft == 1 ? 0 : <usize> load<u32>(list, 4) + BLOCK_HEADER;
}

/** Next id of the list being walked, 0 at its end. */
export function nextId(): u32 {
  if (walkLeft == 0) return 0;
  walkLeft--;
  if (walkAt == 0) return walkId;
  let byte = <u32> load<u8>(walkAt++);
  let step = byte & 127;
  for (let shift: u32 = 7; byte >= 128; shift += 7) {
    byte = load<u8>(walkAt++);
    step |= (byte & 127) << shift;
  }
  walkId += step;
  return walkId;
}

/** Writes all ids of a list to `target`; returns how many. */
export function decodeIdList(list: usize, target: usize): u32 {
  openIdList(list);
  const count = walkLeft;
  for (let i: u32 = 0; i < count; i++) store<u32>(target + (<usize> i << 2), nextId());
  return count;
}

/** Sets the bits of all ids of a list. */
export function setIdListBits(list: usize, bitmap: usize): void {
  openIdList(list);
  for (let id = nextId(); id != 0; id = nextId()) {
    const at = bitmap + <usize> (id >> 3);
    store<u8>(at, load<u8>(at) | <u8> 1 << <u8> (id & 7));
  }
}

/** Clears the bits of all ids of a list. */
export function clearIdListBits(list: usize, bitmap: usize): void {
  openIdList(list);
  for (let id = nextId(); id != 0; id = nextId()) {
    const at = bitmap + <usize> (id >> 3);
    store<u8>(at, load<u8>(at) & ~(<u8> 1 << <u8> (id & 7)));
  }
}

/** Whether a bitmap holds an id. */
export function hasBit(bitmap: usize, id: u32): bool {
  return (load<u8>(bitmap + <usize> (id >> 3)) >> <u8> (id & 7) & 1) != 0;
}

/** Whether a list has an id whose bit is set. */
export function idListMeets(list: usize, bitmap: usize): bool {
  openIdList(list);
  for (let id = nextId(); id != 0; id = nextId()) {
    if (hasBit(bitmap, id)) return true;
  }
  return false;
}

/** Sets the bits of `count` ids. */
export function setIdBits(ids: usize, count: u32, bitmap: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(ids + (<usize> i << 2));
    const at = bitmap + <usize> (id >> 3);
    store<u8>(at, load<u8>(at) | <u8> 1 << <u8> (id & 7));
  }
}

/** Writes the ids of a bitmap of `bytes` (a multiple of 8) to `target`; returns how many. */
export function bitmapToIds(bitmap: usize, bytes: u32, target: usize): u32 {
  let out: u32 = 0;
  for (let at: u32 = 0; at < bytes; at += 8) {
    let word = load<u64>(bitmap + at);
    while (word != 0) {
      store<u32>(target + (<usize> (out++) << 2), at * 8 + <u32> ctz<u64>(word));
      word &= word - 1;
    }
  }
  return out;
}

/** Bits set in a bitmap of `bytes` (a multiple of 8). */
export function bitmapCount(bitmap: usize, bytes: u32): u32 {
  let total: u32 = 0;
  for (let at: u32 = 0; at < bytes; at += 8) total += <u32> popcnt<u64>(load<u64>(bitmap + at));
  return total;
}

/** Keeps the ids that are in the bitmap, or those that are not; returns how many are left. */
export function keepInBitmap(ids: usize, count: u32, bitmap: usize, inside: bool): u32 {
  let out: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(ids + (<usize> i << 2));
    if (hasBit(bitmap, id) == inside) store<u32>(ids + (<usize> (out++) << 2), id);
  }
  return out;
}

/** Keeps the ids that are in the list, or those that are not; returns how many are left. */
export function keepInIdList(ids: usize, count: u32, list: usize, inside: bool): u32 {
  let out: u32 = 0;
  openIdList(list);
  let other = nextId();
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(ids + (<usize> i << 2));
    while (other != 0 && other < id) other = nextId();
    if ((other == id) == inside) store<u32>(ids + (<usize> (out++) << 2), id);
  }
  return out;
}
