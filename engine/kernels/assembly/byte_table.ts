/**
 * Hash tables from byte strings to records, and lists of pointers by number. Both know nothing of what they hold.
 *
 *   table header, 16 bytes: 0 u32 pointer to slots   4 u32 mask   8 u32 entries
 *   slot, 8 bytes: u32 record, u32 hash; record 0 = free. Linear probing, at most three quarters full.
 *   list header, 8 bytes: 0 u32 pointer to directory   4 u32 directory entries
 *   directory: u32 pointers to pages of LIST_PAGE_ENTRIES u32 each, 0 = a page of zeros
 */
import { alloc, free } from "./memory";

const LIST_PAGE_SHIFT: u32 = 10;
const LIST_PAGE_ENTRIES: u32 = 1 << LIST_PAGE_SHIFT;

/** Bytes of a table's header. */
export const TABLE_BYTES: u32 = 16;
/** Bytes of a list's header. */
export const LIST_BYTES: u32 = 8;

/** Makes an empty table of `slots` (a power of two) under a header. */
export function initTable(table: usize, slots: u32, tag: u32): void {
  const at = alloc(slots * 8, tag);
  memory.fill(at, 0, slots * 8);
  store<u32>(table, <u32> at);
  store<u32>(table, slots - 1, 4);
  store<u32>(table, 0, 8);
}

/** First slot that may hold a record of this hash. Walk with nextSlot while slotRecord is not 0. */
export function firstSlot(table: usize, hash: u32): usize {
  return <usize> load<u32>(table) + (<usize> (hash & load<u32>(table, 4)) << 3);
}

export function nextSlot(table: usize, slot: usize): usize {
  const base = <usize> load<u32>(table);
  return base + ((slot - base + 8) & ((<usize> load<u32>(table, 4) << 3) | 7));
}

function place(base: usize, mask: u32, record: u32, hash: u32): void {
  let index = hash & mask;
  while (load<u32>(base + (<usize> index << 3)) != 0) index = (index + 1) & mask;
  store<u32>(base + (<usize> index << 3), record);
  store<u32>(base + (<usize> index << 3), hash, 4);
}

/** Adds a record that is not in the table. */
export function addToTable(table: usize, record: usize, hash: u32, tag: u32): void {
  let base = <usize> load<u32>(table);
  let mask = load<u32>(table, 4);
  const entries = load<u32>(table, 8) + 1;
  if (entries > mask - (mask >> 2)) {
    const old = base;
    const end = old + (<usize> mask + 1) * 8;
    mask = mask * 2 + 1;
    base = alloc((mask + 1) * 8, tag);
    memory.fill(base, 0, (<usize> mask + 1) * 8);
    for (let slot = old; slot < end; slot += 8) {
      if (load<u32>(slot) != 0) place(base, mask, load<u32>(slot), load<u32>(slot, 4));
    }
    free(old, tag);
    store<u32>(table, <u32> base);
    store<u32>(table, mask, 4);
  }
  place(base, mask, <u32> record, hash);
  store<u32>(table, entries, 8);
}

/** Value at an index, 0 where nothing was set. */
export function listAt(list: usize, index: u32): u32 {
  const page = index >> LIST_PAGE_SHIFT;
  if (page >= load<u32>(list, 4)) return 0;
  const at = <usize> load<u32>(<usize> load<u32>(list) + (<usize> page << 2));
  return at == 0 ? 0 : load<u32>(at + (<usize> (index & (LIST_PAGE_ENTRIES - 1)) << 2));
}

/** Sets the value at an index; pages in between that were never set cost nothing. */
export function setListAt(list: usize, index: u32, value: u32, tag: u32): void {
  const page = index >> LIST_PAGE_SHIFT;
  const pages = load<u32>(list, 4);
  if (page >= pages) {
    const more = max<u32>(max<u32>(pages * 2, page + 1), 64);
    const directory = alloc(more * 4, tag);
    memory.fill(directory + <usize> pages * 4, 0, <usize> (more - pages) * 4);
    if (pages != 0) {
      memory.copy(directory, load<u32>(list), <usize> pages * 4);
      free(load<u32>(list), tag);
    }
    store<u32>(list, <u32> directory);
    store<u32>(list, more, 4);
  }
  const entry = <usize> load<u32>(list) + (<usize> page << 2);
  let at = <usize> load<u32>(entry);
  if (at == 0) {
    at = alloc(LIST_PAGE_ENTRIES * 4, tag);
    memory.fill(at, 0, LIST_PAGE_ENTRIES * 4);
    store<u32>(entry, <u32> at);
  }
  store<u32>(at + (<usize> (index & (LIST_PAGE_ENTRIES - 1)) << 2), value);
}
