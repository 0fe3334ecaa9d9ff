/**
 * Definitions: measurements, fields and sources as bytes, for log records, checkpoints of the registry and segments.
 *
 *   u8      layout, 1
 *   varint  measurements; for each
 *             varint database bytes, database, varint name bytes, name
 *             varint slot of the first field, varint fields; for each: u8 family, varint name bytes, name
 *   varint  sources; for each, ascending by id
 *             varint id less the previous one (the first: the id)
 *             varint 2 * number of its measurement in this block, + 1 when the tags have the names of the source before
 *             else varint tags; for each: varint name bytes, name
 *             for each tag: varint 2 * bytes of the value's rest, + 1 when it begins like the value before it in that place;
 *                           then varint bytes it shares with that; the rest
 *             varint slots seen: 2 * n for the slots below n, else 2 * w + 1 and w words of 64 bits, one bit a slot
 *
 * Measurements have no stored ids: a block numbers its own. Fields follow those that are known, without a gap.
 *
 * Read by definitions_reader.ts. See docs/format/registry.md.
 */
import { equalBytes } from "./bytes";
import { alloc, free, TAG_REGISTRY } from "./memory";
import {
  FIELD_BYTES,
  FIELD_FAMILY,
  FIELD_NAME,
  FIELD_NAME_BYTES,
  fieldDefinitionCount,
  fieldDefinitionMeasurement,
  fieldDefinitionSlot,
  MEASUREMENT_DATABASE,
  MEASUREMENT_DATABASE_BYTES,
  MEASUREMENT_FIELD_RECORDS,
  MEASUREMENT_FIELDS,
  MEASUREMENT_ID,
  MEASUREMENT_NAME,
  MEASUREMENT_NAME_BYTES,
  measurementById,
  measurementCount,
  SOURCE_CHECKPOINTED,
  SOURCE_KEY_BYTES,
  SOURCE_MEASUREMENT,
  SOURCE_SEEN,
  SOURCE_SEEN_MORE,
  sourceById,
  sourceCount,
} from "./series_table";
import { nextTag, tagsEnd, tagsOf, valueOf } from "./source_tags";

export const DEFINITIONS_LAYOUT: u8 = 1;
/** Bytes of a source's key; engine/series/labels.ts refuses longer ones. */
export const SOURCE_KEY_BYTES_MAX: u32 = 1 << 20;
/** A source whose count of seen slots does not fit is written into every checkpoint. */
const CHECKPOINTED_MAX: u32 = 65535;

// Measurements of the block being written: their numbers by id (u32 epoch, u32 number), and pointer and first slot by number.
let numbers: usize = 0;
let locals: usize = 0;
let numbersRoom: u32 = 0;
let epoch: u32 = 0;
let localCount: u32 = 0;

let cursor: usize = 0;

function makeRoom(): void {
  const needed = measurementCount() + 1;
  if (needed <= numbersRoom) return;
  if (numbersRoom != 0) {
    free(numbers, TAG_REGISTRY);
    free(locals, TAG_REGISTRY);
  }
  numbersRoom = max<u32>(needed + (needed >> 1), 64);
  numbers = alloc(numbersRoom * 8, TAG_REGISTRY);
  locals = alloc(numbersRoom * 8, TAG_REGISTRY);
  memory.fill(numbers, 0, <usize> numbersRoom * 8);
  epoch = 0;
}

/** Gives a measurement a number in this block unless it has one; its fields from `firstSlot` on will be written. */
function include(measurement: usize, firstSlot: u32): void {
  const entry = numbers + (<usize> load<u32>(measurement, MEASUREMENT_ID) << 3);
  if (load<u32>(entry) == epoch) return;
  store<u32>(entry, epoch);
  store<u32>(entry, localCount, 4);
  const local = locals + (<usize> (localCount++) << 3);
  store<u32>(local, <u32> measurement);
  store<u32>(local, firstSlot, 4);
}

function numberOf(measurement: usize): u32 {
  return load<u32>(numbers + (<usize> load<u32>(measurement, MEASUREMENT_ID) << 3), 4);
}

/**
 * Prepares a block of the given ascending source ids. With `complete` it holds their measurements with all fields; else
 * what was created since `measurements` measurements and `fields` fields existed, and the sources' measurements by name.
 * Returns the bytes that writeDefinitions needs at most.
 */
export function prepareDefinitions(
  ids: usize,
  count: u32,
  complete: bool,
  measurements: u32,
  fields: u32,
): u32 {
  makeRoom();
  epoch++;
  localCount = 0;
  if (!complete) {
    for (let field = fields; field < fieldDefinitionCount(); field++) {
      include(fieldDefinitionMeasurement(field), fieldDefinitionSlot(field));
    }
    for (let id = measurements + 1; id <= measurementCount(); id++) include(measurementById(id), 0);
  }
  let bytes: u32 = 16;
  for (let i: u32 = 0; i < count; i++) {
    const source = sourceById(load<u32>(ids + (<usize> i << 2)));
    const measurement = <usize> load<u32>(source, SOURCE_MEASUREMENT);
    include(measurement, complete ? 0 : load<u32>(measurement, MEASUREMENT_FIELDS));
    const more = <usize> load<u32>(source, SOURCE_SEEN_MORE);
    // A tag takes at most five bytes more than in the key, and a tag's key at least five bytes.
    bytes += 2 * load<u32>(source, SOURCE_KEY_BYTES) + 40 + (more == 0 ? 0 : load<u32>(more) * 8);
  }
  for (let i: u32 = 0; i < localCount; i++) bytes += measurementBytesMax(locals + (<usize> i << 3));
  return bytes;
}

function measurementBytesMax(local: usize): u32 {
  const measurement = <usize> load<u32>(local);
  let bytes = load<u32>(measurement, MEASUREMENT_NAME_BYTES) +
    load<u32>(measurement, MEASUREMENT_DATABASE_BYTES) + 20;
  const fields = load<u32>(measurement, MEASUREMENT_FIELDS);
  for (let slot = load<u32>(local, 4); slot < fields; slot++) {
    bytes += <u32> load<u16>(fieldAt(measurement, slot), FIELD_NAME_BYTES) + 4;
  }
  return bytes;
}

function fieldAt(measurement: usize, slot: u32): usize {
  return <usize> load<u32>(measurement, MEASUREMENT_FIELD_RECORDS) + <usize> slot * FIELD_BYTES;
}

function putNumber(value: u32): void {
  while (value >= 128) {
    store<u8>(cursor++, <u8> (value | 128));
    value >>= 7;
  }
  store<u8>(cursor++, <u8> value);
}

function putBytes(from: usize, bytes: u32): void {
  memory.copy(cursor, from, bytes);
  cursor += bytes;
}

function putText(from: usize, bytes: u32): void {
  putNumber(bytes);
  putBytes(from, bytes);
}

/** Writes the block prepared last, of the same ids, to `target`; returns its bytes. */
export function writeDefinitions(ids: usize, count: u32, target: usize): u32 {
  cursor = target;
  store<u8>(cursor++, DEFINITIONS_LAYOUT);
  putNumber(localCount);
  for (let i: u32 = 0; i < localCount; i++) putMeasurement(locals + (<usize> i << 3));
  putNumber(count);
  let previous: usize = 0;
  let previousId: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(ids + (<usize> i << 2));
    const source = sourceById(id);
    putNumber(id - previousId);
    putTags(source, previous);
    putSeen(source);
    previous = source;
    previousId = id;
  }
  return <u32> (cursor - target);
}

function putMeasurement(local: usize): void {
  const measurement = <usize> load<u32>(local);
  const first = load<u32>(local, 4);
  const fields = load<u32>(measurement, MEASUREMENT_FIELDS);
  putText(
    load<u32>(measurement, MEASUREMENT_DATABASE),
    load<u32>(measurement, MEASUREMENT_DATABASE_BYTES),
  );
  putText(load<u32>(measurement, MEASUREMENT_NAME), load<u32>(measurement, MEASUREMENT_NAME_BYTES));
  putNumber(first);
  putNumber(fields - first);
  for (let slot = first; slot < fields; slot++) {
    const field = fieldAt(measurement, slot);
    store<u8>(cursor++, load<u8>(field, FIELD_FAMILY));
    putText(load<u32>(field, FIELD_NAME), load<u16>(field, FIELD_NAME_BYTES));
  }
}

function hasSameNames(source: usize, other: usize): bool {
  let a = tagsOf(source);
  let b = tagsOf(other);
  const aEnd = tagsEnd(source);
  const bEnd = tagsEnd(other);
  while (a < aEnd && b < bEnd) {
    const bytes = <u32> load<u16>(a);
    if (<u32> load<u16>(b) != bytes || !equalBytes(a + 2, b + 2, bytes)) return false;
    a = nextTag(a);
    b = nextTag(b);
  }
  return a == aEnd && b == bEnd;
}

function putTags(source: usize, previous: usize): void {
  const same = previous != 0 && hasSameNames(source, previous);
  putNumber(numberOf(load<u32>(source, SOURCE_MEASUREMENT)) * 2 + (same ? 1 : 0));
  const end = tagsEnd(source);
  if (!same) {
    let tags: u32 = 0;
    for (let tag = tagsOf(source); tag < end; tag = nextTag(tag)) tags++;
    putNumber(tags);
    for (let tag = tagsOf(source); tag < end; tag = nextTag(tag)) putText(tag + 2, load<u16>(tag));
  }
  let before = same ? tagsOf(previous) : 0;
  for (let tag = tagsOf(source); tag < end; tag = nextTag(tag)) {
    const value = valueOf(tag);
    const bytes = <u32> load<u16>(value);
    let shared: u32 = 0;
    if (same) {
      shared = sharedBytes(value, valueOf(before));
      before = nextTag(before);
    }
    putNumber((bytes - shared) * 2 + (shared > 0 ? 1 : 0));
    if (shared > 0) putNumber(shared);
    putBytes(value + 2 + shared, bytes - shared);
  }
}

/** Bytes that two values, each behind its u16 length, begin with alike. */
function sharedBytes(a: usize, b: usize): u32 {
  const most = min<u32>(load<u16>(a), load<u16>(b));
  let shared: u32 = 0;
  while (shared < most && load<u8>(a + 2 + shared) == load<u8>(b + 2 + shared)) shared++;
  return shared;
}

function putSeen(source: usize): void {
  const more = <usize> load<u32>(source, SOURCE_SEEN_MORE);
  let words: u32 = more == 0 ? 0 : load<u32>(more);
  while (words > 0 && load<u64>(more + 8 + (<usize> (words - 1) << 3)) == 0) words--;
  const first = load<u64>(source, SOURCE_SEEN);
  if (words == 0 && (first & (first + 1)) == 0) {
    putNumber(<u32> popcnt<u64>(first) * 2);
    return;
  }
  putNumber((words + 1) * 2 + 1);
  store<u64>(cursor, first);
  memory.copy(cursor + 8, more + 8, <usize> words * 8);
  cursor += 8 + <usize> words * 8;
}

/** Writes the ids of the sources from `first` until `end`, exclusive, to `target`; returns how many. */
export function sourceIds(first: u32, end: u32, target: usize): u32 {
  let out: u32 = 0;
  for (let id = first; id < end; id++) {
    if (sourceById(id) != 0) store<u32>(target + (<usize> (out++) << 2), id);
  }
  return out;
}

/** What a source's field SOURCE_CHECKPOINTED says when a checkpoint has it as it is: its seen slots + 1. */
function checkpointMark(source: usize): u32 {
  let slots = <u32> popcnt<u64>(load<u64>(source, SOURCE_SEEN)) + 1;
  const more = <usize> load<u32>(source, SOURCE_SEEN_MORE);
  const words: u32 = more == 0 ? 0 : load<u32>(more);
  for (let i: u32 = 0; i < words; i++) {
    slots += <u32> popcnt<u64>(load<u64>(more + 8 + (<usize> i << 3)));
  }
  return min<u32>(slots, CHECKPOINTED_MAX);
}

/**
 * Writes up to `max` ids above `after` of sources that are not in a checkpoint as they are now, and takes them as
 * checkpointed; returns how many. Ends early when their keys exceed `bytesMax`. Slots are only ever added, so that their
 * count tells whether any was.
 */
export function takeChanged(after: u32, target: usize, max: u32, bytesMax: u32): u32 {
  const last = sourceCount();
  let out: u32 = 0;
  let bytes: u32 = 0;
  for (let id = after + 1; id <= last && out < max && bytes <= bytesMax && id != 0; id++) {
    const source = sourceById(id);
    if (source == 0) continue;
    const mark = checkpointMark(source);
    if (<u32> load<u16>(source, SOURCE_CHECKPOINTED) == mark && mark != CHECKPOINTED_MAX) continue;
    store<u16>(source, <u16> mark, SOURCE_CHECKPOINTED);
    bytes += load<u32>(source, SOURCE_KEY_BYTES);
    store<u32>(target + (<usize> (out++) << 2), id);
  }
  return out;
}

/** Takes every source as checkpointed, as it is (`known`), or as never checkpointed. */
export function setCheckpointed(known: bool): void {
  const last = sourceCount();
  for (let id: u32 = 1; id <= last && id != 0; id++) {
    const source = sourceById(id);
    if (source != 0) {
      store<u16>(source, <u16> (known ? checkpointMark(source) : 0), SOURCE_CHECKPOINTED);
    }
  }
}
