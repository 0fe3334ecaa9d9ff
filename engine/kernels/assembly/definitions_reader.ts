/**
 * Reads definitions (definitions.ts) into the series table.
 *
 * Invariants
 * - Nothing outside the given bytes is read; what was applied before damage is met is sound and stays.
 * - Applying a block twice changes nothing.
 */
import { equalBytes } from "./bytes";
import { DEFINITIONS_LAYOUT, SOURCE_KEY_BYTES_MAX } from "./definitions";
import { alloc, free, TAG_SCRATCH } from "./memory";
import {
  defineSource,
  FIELD_BYTES,
  FIELD_FAMILY,
  FIELD_NAME,
  FIELD_NAME_BYTES,
  findField,
  findMeasurement,
  markSeen,
  MEASUREMENT_FIELD_RECORDS,
  MEASUREMENT_FIELDS,
  MEASUREMENT_NAME,
  MEASUREMENT_NAME_BYTES,
  SOURCE_MEASUREMENT,
  sourceCount,
} from "./series_table";
import { nextTag, tagsEnd, tagsOf, valueOf } from "./source_tags";

const FAMILY_MAX: u32 = 6;
const TEXT_BYTES_MAX: u32 = 65535;
const SEEN_WORDS_MAX: u32 = 1024;
/** Ids that may be missing before a defined one: more than the sources that linear memory can hold. */
const ID_GAP_MAX: u32 = 1 << 26;

/** What applyDefinitions answers besides 0. */
export const DEFINITIONS_MALFORMED: i32 = -1;
export const DEFINITIONS_FIELD_CONFLICT: i32 = -2;
export const DEFINITIONS_SOURCE_CONFLICT: i32 = -3;

let begin: usize = 0;
let cursor: usize = 0;
let limit: usize = 0;
let damaged: bool = false;

function getNumber(): u32 {
  let value: u64 = 0;
  for (let shift: u64 = 0; shift < 35; shift += 7) {
    if (cursor >= limit) break;
    const byte = load<u8>(cursor++);
    value |= <u64> (byte & 127) << shift;
    if (byte >= 128) continue;
    if (value > 0xffffffff) break;
    return <u32> value;
  }
  damaged = true;
  return 0;
}

/** A number of things of which each takes at least a byte. */
function getCount(): u32 {
  const count = getNumber();
  if (<usize> count > limit - cursor) damaged = true;
  return damaged ? 0 : count;
}

/** Bytes of the text that begins at the cursor, whose place is the cursor then. Not passed yet. */
function getTextBytes(most: u32): u32 {
  const bytes = getCount();
  if (bytes > most) damaged = true;
  return damaged ? 0 : bytes;
}

/** Where applyDefinitions stopped, in bytes from the block's begin. */
export function definitionsOffset(): u32 {
  return <u32> (cursor - begin);
}

/** Applies a block. Returns 0, or one of the DEFINITIONS_ codes when it is damaged or contradicts what is known. */
export function applyDefinitions(block: usize, bytes: u32): i32 {
  begin = block;
  cursor = block;
  limit = block + bytes;
  damaged = false;
  if (bytes == 0 || load<u8>(cursor++) != DEFINITIONS_LAYOUT) return DEFINITIONS_MALFORMED;
  const measurements = getCount();
  if (damaged) return DEFINITIONS_MALFORMED;
  const local = alloc(measurements * 4 + 4, TAG_SCRATCH);
  const key = alloc(SOURCE_KEY_BYTES_MAX, TAG_SCRATCH);
  let result: i32 = 0;
  for (let i: u32 = 0; i < measurements && result == 0; i++) {
    result = applyMeasurement(local + (<usize> i << 2));
  }
  if (result == 0) result = applySources(local, measurements, key);
  if (result == 0 && cursor != limit) result = DEFINITIONS_MALFORMED;
  free(key, TAG_SCRATCH);
  free(local, TAG_SCRATCH);
  return result;
}

function applyMeasurement(local: usize): i32 {
  const databaseBytes = getTextBytes(TEXT_BYTES_MAX);
  const database = cursor;
  cursor += databaseBytes;
  const nameBytes = getTextBytes(TEXT_BYTES_MAX);
  const name = cursor;
  cursor += nameBytes;
  const first = getNumber();
  const fields = getCount();
  if (damaged) return DEFINITIONS_MALFORMED;
  const measurement = findMeasurement(database, databaseBytes, name, nameBytes, true);
  if (measurement == 0) return DEFINITIONS_MALFORMED;
  store<u32>(local, <u32> measurement);
  for (let i: u32 = 0; i < fields; i++) {
    if (cursor >= limit) return DEFINITIONS_MALFORMED;
    const family = <u32> load<u8>(cursor++);
    const bytes = getTextBytes(TEXT_BYTES_MAX);
    if (damaged || family == 0 || family > FAMILY_MAX || bytes == 0) return DEFINITIONS_MALFORMED;
    if (!applyField(measurement, first + i, family, bytes)) return DEFINITIONS_FIELD_CONFLICT;
    cursor += bytes;
  }
  return 0;
}

/** Whether the field named at the cursor has this slot and family, now if not before. */
function applyField(measurement: usize, slot: u32, family: u32, nameBytes: u32): bool {
  const fields = load<u32>(measurement, MEASUREMENT_FIELDS);
  if (slot > fields) return false;
  if (slot == fields) return findField(measurement, cursor, nameBytes, family) == <i32> slot;
  const field = <usize> load<u32>(measurement, MEASUREMENT_FIELD_RECORDS) +
    <usize> slot * FIELD_BYTES;
  return <u32> load<u8>(field, FIELD_FAMILY) == family &&
    <u32> load<u16>(field, FIELD_NAME_BYTES) == nameBytes &&
    equalBytes(load<u32>(field, FIELD_NAME), cursor, nameBytes);
}

function applySources(local: usize, measurements: u32, key: usize): i32 {
  const count = getCount();
  let id: u64 = 0;
  let previous: usize = 0;
  for (let i: u32 = 0; i < count; i++) {
    const step = getNumber();
    const head = getNumber();
    id += step;
    if (damaged || step == 0 || id > 0xffffffff || (head >> 1) >= measurements) {
      return DEFINITIONS_MALFORMED;
    }
    if (id > <u64> sourceCount() + ID_GAP_MAX) return DEFINITIONS_SOURCE_CONFLICT;
    const measurement = <usize> load<u32>(local + (<usize> (head >> 1) << 2));
    if ((head & 1) != 0 && previous == 0) return DEFINITIONS_MALFORMED;
    const bytes = getKey(measurement, (head & 1) != 0 ? previous : 0, key);
    if (damaged) return DEFINITIONS_MALFORMED;
    const source = defineSource(<u32> id, key, bytes);
    if (source == 0 || <usize> load<u32>(source, SOURCE_MEASUREMENT) != measurement) {
      return DEFINITIONS_SOURCE_CONFLICT;
    }
    applySeen(source, load<u32>(measurement, MEASUREMENT_FIELDS));
    previous = source;
  }
  return damaged ? DEFINITIONS_MALFORMED : 0;
}

// The key being put together.
let keyAt: usize = 0;
let keyEnd: usize = 0;

/** Appends a text behind its u16 length to the key: `shared` bytes of another one, then `bytes` from the cursor. */
function appendText(other: usize, shared: u32, bytes: u32): void {
  if (damaged || shared + bytes > TEXT_BYTES_MAX || keyAt + 2 + shared + bytes > keyEnd) {
    damaged = true;
    return;
  }
  store<u16>(keyAt, <u16> (shared + bytes));
  memory.copy(keyAt + 2, other, shared);
  memory.copy(keyAt + 2 + shared, cursor, bytes);
  keyAt += 2 + shared + bytes;
  cursor += bytes;
}

/** Puts the key of the source at the cursor together; `previous` is the source that has the same tag names, or 0. */
function getKey(measurement: usize, previous: usize, key: usize): u32 {
  keyAt = key;
  keyEnd = key + SOURCE_KEY_BYTES_MAX;
  appendText(
    load<u32>(measurement, MEASUREMENT_NAME),
    load<u32>(measurement, MEASUREMENT_NAME_BYTES),
    0,
  );
  if (previous == 0) {
    // The names stand together before the values: walk both.
    const tags = getCount();
    let name = cursor;
    for (let i: u32 = 0; i < tags && !damaged; i++) {
      const bytes = getTextBytes(TEXT_BYTES_MAX);
      cursor += bytes;
    }
    for (let i: u32 = 0; i < tags && !damaged; i++) {
      const values = cursor;
      cursor = name;
      const bytes = getTextBytes(TEXT_BYTES_MAX);
      appendText(0, 0, bytes);
      name = cursor;
      cursor = values;
      getValue(0);
    }
    return <u32> (keyAt - key);
  }
  const end = tagsEnd(previous);
  for (let tag = tagsOf(previous); tag < end && !damaged; tag = nextTag(tag)) {
    appendText(tag + 2, load<u16>(tag), 0);
    getValue(valueOf(tag));
  }
  return <u32> (keyAt - key);
}

/** Appends the value at the cursor; `other` is the one it may share bytes with, behind its u16 length, or 0. */
function getValue(other: usize): void {
  const head = getNumber();
  let shared: u32 = 0;
  if ((head & 1) != 0) {
    shared = getNumber();
    if (other == 0 || shared > <u32> load<u16>(other)) damaged = true;
  }
  if (<usize> (head >> 1) > limit - cursor) damaged = true;
  appendText(other + 2, shared, head >> 1);
}

/** Marks the slots at the cursor as seen; `fields` is how many there are. */
function applySeen(source: usize, fields: u32): void {
  const head = getNumber();
  if (damaged) return;
  if ((head & 1) == 0) {
    const slots = head >> 1;
    if (slots > min<u32>(fields, 64)) damaged = true;
    for (let slot: u32 = 0; slot < slots && !damaged; slot++) markSeen(source, slot);
    return;
  }
  const words = head >> 1;
  if (words > SEEN_WORDS_MAX || <usize> words * 8 > limit - cursor) {
    damaged = true;
    return;
  }
  for (let word: u32 = 0; word < words; word++, cursor += 8) {
    for (let seen = load<u64>(cursor); seen != 0; seen &= seen - 1) {
      const slot = word * 64 + <u32> ctz<u64>(seen);
      if (slot >= fields) {
        damaged = true;
        return;
      }
      markSeen(source, slot);
    }
  }
}
