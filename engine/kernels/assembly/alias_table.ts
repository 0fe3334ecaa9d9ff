/**
 * Aliases: line prefixes (measurement and tags as a line writes them) that lead to a source without parsing them.
 * A prefix means something within a context: the database of a request and how strictly tags are read.
 *
 *   alias, 16 bytes and the prefix
 *     0 u32 source     4 u32 bytes of the prefix     8 u32 alias seen after this one, or 0
 *    12 u16 slot of the first field    14 u16 context    16.. prefix, then a space
 *   context, 16 bytes
 *     0 u32 database pointer     4 u32 database bytes     8 u32 flags     12 u32 alias seen last, or 0
 *
 * Aliases are a cache: when there are too many for the sources that exist (the order of tags varies, or lines are
 * refused), all go and the table starts over.
 *
 * Invariants
 * - A prefix of an alias is valid UTF-8 and passed every check of its context.
 * - 16 bytes past an alias's prefix and space may be read.
 */
import { addToTable, firstSlot, initTable, nextSlot, TABLE_BYTES } from "./byte_table";
import { equalBytes, hashBytes, keepBytes, keepRoom } from "./bytes";
import { alloc, free, TAG_REGISTRY } from "./memory";
import { sourceTotal } from "./series_table";

export const ALIAS_SOURCE: usize = 0;
export const ALIAS_BYTES: usize = 4;
export const ALIAS_NEXT: usize = 8;
export const ALIAS_FIRST_SLOT: usize = 12;
const ALIAS_CONTEXT: usize = 14;
export const ALIAS_PREFIX: usize = 16;

export const CONTEXT_DATABASE: usize = 0;
export const CONTEXT_DATABASE_BYTES: usize = 4;
export const CONTEXT_FLAGS: usize = 8;
export const CONTEXT_LAST: usize = 12;
const CONTEXT_BYTES: u32 = 16;
const CONTEXTS_MAX: u32 = 65535;

const BLOCK_BYTES: u32 = 1 << 16;
const BLOCK_SLACK: u32 = 32;
/** Aliases that may exist however few sources there are. */
const ALIASES_SPARE: u32 = 1 << 16;

let table: usize = 0;
let aliases: u32 = 0;
/** The newest block of aliases; each begins with a pointer to the one before. */
let block: usize = 0;
let blockAt: usize = 0;
let blockEnd: usize = 0;
let bytes: f64 = 0;
let contextList: usize = 0;
let contextRoom: u32 = 0;
let contexts: u32 = 0;

export function initAliases(): void {
  table = alloc(TABLE_BYTES, TAG_REGISTRY);
  initTable(table, 1024, TAG_REGISTRY);
  findContext(0, 0, 0);
}

/** Aliases so far; a number for tests and statistics. */
export function aliasCount(): u32 {
  return aliases;
}

/** Bytes that aliases occupy beside their table. */
export function aliasBytes(): f64 {
  return bytes;
}

/** Number of the context with this database and flags, made when missing; -1 when there are too many. */
export function findContext(database: usize, databaseBytes: u32, flags: u32): i32 {
  for (let i: u32 = 0; i < contexts; i++) {
    const known = contextAt(i);
    if (
      load<u32>(known, CONTEXT_FLAGS) == flags &&
      load<u32>(known, CONTEXT_DATABASE_BYTES) == databaseBytes &&
      equalBytes(load<u32>(known, CONTEXT_DATABASE), database, databaseBytes)
    ) return <i32> i;
  }
  if (contexts == CONTEXTS_MAX) return -1;
  if (contexts == contextRoom) {
    const room = max<u32>(contextRoom * 2, 16);
    const list = alloc(room * 4, TAG_REGISTRY);
    if (contextRoom != 0) {
      memory.copy(list, contextList, contexts * 4);
      free(contextList, TAG_REGISTRY);
    }
    contextList = list;
    contextRoom = room;
  }
  const context = keepRoom(CONTEXT_BYTES);
  store<u32>(context, <u32> keepBytes(database, databaseBytes, 0), CONTEXT_DATABASE);
  store<u32>(context, databaseBytes, CONTEXT_DATABASE_BYTES);
  store<u32>(context, flags, CONTEXT_FLAGS);
  store<u32>(context, 0, CONTEXT_LAST);
  store<u32>(contextList + (<usize> contexts << 2), <u32> context);
  contexts++;
  return <i32> contexts - 1;
}

/** Record of a context by its number. */
export function contextAt(context: u32): usize {
  return load<u32>(contextList + (<usize> context << 2));
}

/** The alias with this prefix in a context, or 0. */
export function findAlias(context: u32, prefix: usize, size: u32): usize {
  const hash = hashBytes(prefix, size, context);
  let slot = firstSlot(table, hash);
  while (true) {
    const alias = <usize> load<u32>(slot);
    if (alias == 0) return 0;
    if (
      load<u32>(slot, 4) == hash && load<u32>(alias, ALIAS_BYTES) == size &&
      <u32> load<u16>(alias, ALIAS_CONTEXT) == context &&
      equalBytes(alias + ALIAS_PREFIX, prefix, size)
    ) return alias;
    slot = nextSlot(table, slot);
  }
}

/** Adds an alias that is not in the table; pointers to others are stale afterwards, since all may have gone. */
export function addAlias(context: u32, prefix: usize, size: u32, source: usize): usize {
  if (aliases >= sourceTotal() * 2 + ALIASES_SPARE) clearAliases();
  const alias = aliasRoom((<u32> ALIAS_PREFIX + size + 1 + 3) & ~3);
  store<u32>(alias, <u32> source, ALIAS_SOURCE);
  store<u32>(alias, size, ALIAS_BYTES);
  store<u32>(alias, 0, ALIAS_NEXT);
  store<u16>(alias, 0, ALIAS_FIRST_SLOT);
  store<u16>(alias, <u16> context, ALIAS_CONTEXT);
  memory.copy(alias + ALIAS_PREFIX, prefix, size);
  store<u8>(alias + ALIAS_PREFIX + size, 32);
  addToTable(table, alias, hashBytes(prefix, size, context), TAG_REGISTRY);
  aliases++;
  return alias;
}

function aliasRoom(size: u32): usize {
  if (blockAt + size > blockEnd) {
    const whole = max<u32>(BLOCK_BYTES, size + 4 + BLOCK_SLACK);
    const fresh = alloc(whole, TAG_REGISTRY);
    store<u32>(fresh, <u32> block);
    block = fresh;
    blockAt = fresh + 4;
    blockEnd = fresh + whole - BLOCK_SLACK;
    bytes += <f64> whole;
  }
  const at = blockAt;
  blockAt += size;
  return at;
}

/** Forgets all aliases. */
export function clearAliases(): void {
  while (block != 0) {
    const before = <usize> load<u32>(block);
    free(block, TAG_REGISTRY);
    block = before;
  }
  blockAt = 0;
  blockEnd = 0;
  bytes = 0;
  aliases = 0;
  free(load<u32>(table), TAG_REGISTRY);
  initTable(table, 1024, TAG_REGISTRY);
  for (let i: u32 = 0; i < contexts; i++) store<u32>(contextAt(i), 0, CONTEXT_LAST);
}
