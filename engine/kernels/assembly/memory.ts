/**
 * The allocator of the kernels' linear memory: pages of 64 KiB, small blocks in size classes, large blocks in runs.
 *
 * Linear memory never shrinks, so what matters is reuse: a page whose blocks are all free goes back to the pool and
 * may serve any other size. Every byte handed out is counted under a tag, which is what memory budgets read.
 *
 * Invariants
 * - Every pointer is aligned to 16 bytes; SIMD loads and stores never cross into another page's bookkeeping.
 * - `free` takes the tag the block was allocated with.
 * - A block's rounded size, not the requested one, is counted: `blockBytes` tells it.
 */

/** Who a block is counted for. Values are shared with engine/kernels/kernels.ts. */
export const TAG_SCRATCH: u32 = 0;
export const TAG_REGISTRY: u32 = 1;
export const TAG_HEAD: u32 = 2;
export const TAG_CACHE: u32 = 3;
export const TAG_QUERY: u32 = 4;
export const TAG_COUNT: u32 = 5;

const PAGE_SHIFT: u32 = 16;
const PAGE_BYTES: u32 = 1 << PAGE_SHIFT;
const PAGES_MAX: u32 = 65535;
const SMALL_MAX: u32 = 32768;
const CLASS_COUNT: u32 = 40;

const CLASS_FREE: u8 = 0;
const CLASS_RUN_HEAD: u8 = 254;
const CLASS_RUN_BODY: u8 = 255;

// Page table, one entry a page: class + 1 of small pages, blocks in use, first free block, neighbours in the list of
// pages of this class that still have room. For the head of a run `pageFree` holds the pages of the run.
let pageClass: usize = 0;
let pageUsed: usize = 0;
let pageFree: usize = 0;
let pageNext: usize = 0;
let pagePrevious: usize = 0;
let classPages: usize = 0;
let tagBytes: usize = 0;
let pageTop: u32 = 0;
let pageLowestFree: u32 = 0;
let freePages: u32 = 0;

/** Sets up the page table behind the static data. Called once, before anything else. */
export function initMemory(): void {
  let p = (__heap_base + 63) & ~63;
  pageClass = p;
  p += PAGES_MAX + 1;
  pageUsed = p;
  p += (PAGES_MAX + 1) * 2;
  pageFree = p;
  p += (PAGES_MAX + 1) * 4;
  pageNext = p;
  p += (PAGES_MAX + 1) * 4;
  pagePrevious = p;
  p += (PAGES_MAX + 1) * 4;
  classPages = p;
  p += CLASS_COUNT * 4;
  tagBytes = p;
  p += TAG_COUNT * 8;
  pageTop = <u32> ((p + PAGE_BYTES - 1) >> PAGE_SHIFT);
  pageLowestFree = pageTop;
  const have = <u32> memory.size();
  if (have < pageTop) memory.grow(<i32> (pageTop - have));
}

/** Size class of a small block: steps of 16 up to 128, then four steps a doubling. */
function classOf(size: u32): u32 {
  if (size <= 128) return size == 0 ? 0 : (size - 1) >> 4;
  const log = 31 - <u32> clz<u32>(size - 1);
  return 8 + ((log - 7) << 2) + (((size - 1) >> (log - 2)) & 3);
}

function classBytes(c: u32): u32 {
  if (c < 8) return (c + 1) << 4;
  const log = ((c - 8) >> 2) + 7;
  return (1 << log) + ((((c - 8) & 3) + 1) << (log - 2));
}

/** The bytes that a request for `size` really takes. */
export function blockBytes(size: u32): u32 {
  if (size <= SMALL_MAX) return classBytes(classOf(size));
  return (size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

function takePages(count: u32): u32 {
  if (freePages >= count) {
    let run: u32 = 0;
    let lowest: u32 = 0;
    for (let page = pageLowestFree; page < pageTop; page++) {
      if (load<u8>(pageClass + page) == CLASS_FREE) {
        if (lowest == 0) lowest = page;
        if (++run == count) {
          const first = page - count + 1;
          pageLowestFree = lowest == first ? page + 1 : lowest;
          freePages -= count;
          return first;
        }
      } else run = 0;
    }
    if (lowest != 0) pageLowestFree = lowest;
  }
  const first = pageTop;
  const have = <u32> memory.size();
  if (first + count > PAGES_MAX) unreachable();
  if (first + count > have) {
    // Grow by an eighth so that growth, which may move the memory, stays rare.
    const more = max<u32>(first + count - have, min<u32>(have >> 3, 256));
    if (memory.grow(<i32> more) < 0 && memory.grow(<i32> (first + count - have)) < 0) unreachable();
  }
  pageTop = first + count;
  return first;
}

function linkPage(c: u32, page: u32): void {
  const head = load<u32>(classPages + c * 4);
  store<u32>(pageNext + page * 4, head);
  store<u32>(pagePrevious + page * 4, 0);
  if (head != 0) store<u32>(pagePrevious + head * 4, page);
  store<u32>(classPages + c * 4, page);
}

function unlinkPage(c: u32, page: u32): void {
  const next = load<u32>(pageNext + page * 4);
  const previous = load<u32>(pagePrevious + page * 4);
  if (next != 0) store<u32>(pagePrevious + next * 4, previous);
  if (previous != 0) store<u32>(pageNext + previous * 4, next);
  else store<u32>(classPages + c * 4, next);
}

function openPage(c: u32): u32 {
  const page = takePages(1);
  const size = classBytes(c);
  const start = <usize> page << PAGE_SHIFT;
  const blocks = PAGE_BYTES / size;
  let next: usize = 0;
  for (let i = <i32> blocks - 1; i >= 0; i--) {
    const block = start + <usize> i * size;
    store<u32>(block, <u32> next);
    next = block;
  }
  store<u8>(pageClass + page, <u8> (c + 1));
  store<u16>(pageUsed + page * 2, 0);
  store<u32>(pageFree + page * 4, <u32> next);
  linkPage(c, page);
  return page;
}

function count(tag: u32, bytes: i64): void {
  const at = tagBytes + tag * 8;
  store<i64>(at, load<i64>(at) + bytes);
}

/** A block of at least `size` bytes, contents undefined. Traps when linear memory cannot grow. */
export function alloc(size: u32, tag: u32): usize {
  if (size > SMALL_MAX) {
    const pages = (size + PAGE_BYTES - 1) >> PAGE_SHIFT;
    const first = takePages(pages);
    store<u8>(pageClass + first, CLASS_RUN_HEAD);
    store<u32>(pageFree + first * 4, pages);
    for (let i: u32 = 1; i < pages; i++) store<u8>(pageClass + first + i, CLASS_RUN_BODY);
    count(tag, <i64> pages << PAGE_SHIFT);
    return <usize> first << PAGE_SHIFT;
  }
  const c = classOf(size);
  let page = load<u32>(classPages + c * 4);
  if (page == 0) page = openPage(c);
  const block = <usize> load<u32>(pageFree + page * 4);
  const next = load<u32>(block);
  store<u32>(pageFree + page * 4, next);
  store<u16>(pageUsed + page * 2, load<u16>(pageUsed + page * 2) + 1);
  if (next == 0) unlinkPage(c, page);
  count(tag, classBytes(c));
  return block;
}

/** Gives a block back. `tag` must be the one it was allocated with. */
export function free(block: usize, tag: u32): void {
  const page = <u32> (block >> PAGE_SHIFT);
  const kind = load<u8>(pageClass + page);
  if (kind == CLASS_RUN_HEAD) {
    const pages = load<u32>(pageFree + page * 4);
    for (let i: u32 = 0; i < pages; i++) store<u8>(pageClass + page + i, CLASS_FREE);
    freePages += pages;
    if (page < pageLowestFree) pageLowestFree = page;
    count(tag, -(<i64> pages << PAGE_SHIFT));
    return;
  }
  const c = <u32> kind - 1;
  const head = load<u32>(pageFree + page * 4);
  const used = <u32> load<u16>(pageUsed + page * 2) - 1;
  store<u32>(block, head);
  store<u32>(pageFree + page * 4, <u32> block);
  store<u16>(pageUsed + page * 2, <u16> used);
  if (head == 0) linkPage(c, page);
  if (used == 0) {
    unlinkPage(c, page);
    store<u8>(pageClass + page, CLASS_FREE);
    freePages++;
    if (page < pageLowestFree) pageLowestFree = page;
  }
  count(tag, -<i64> classBytes(c));
}

/** Bytes in use under a tag, block rounding included. */
export function usedBytes(tag: u32): f64 {
  return <f64> load<i64>(tagBytes + tag * 8);
}

/** Bytes of all blocks in use, counted anew from the page table: what the figures of all tags must add up to. */
export function occupiedBytes(): f64 {
  let bytes: u64 = 0;
  for (let page = <u32> (tagBytes >> PAGE_SHIFT) + 1; page < pageTop; page++) {
    const kind = load<u8>(pageClass + page);
    if (kind == CLASS_RUN_HEAD) bytes += <u64> load<u32>(pageFree + page * 4) << PAGE_SHIFT;
    else if (kind != CLASS_FREE && kind != CLASS_RUN_BODY) {
      bytes += <u64> load<u16>(pageUsed + page * 2) * classBytes(<u32> kind - 1);
    }
  }
  return <f64> bytes;
}

/** Bytes of linear memory that no block occupies but that the process may still hold. */
export function spareBytes(): f64 {
  return <f64> freePages * <f64> PAGE_BYTES;
}
