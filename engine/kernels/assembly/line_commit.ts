/**
 * From the tokens of a line to a row of the batch: canonical key, source, fields, limits. The way of lines that the
 * quick path of line_protocol.ts does not take.
 *
 * Invariants
 * - Until every check but the series limit of a new source has passed, nothing is created and nothing in the input changed.
 * - A row holds a slot once; of two fields with one name the later value stands.
 */
import { CONTEXT_DATABASE, CONTEXT_DATABASE_BYTES, CONTEXT_FLAGS } from "./alias_table";
import {
  cellBitsPtr,
  cellCount,
  CELLS_MAX,
  cellSlotPtr,
  rowCount,
  ROWS_MAX,
  rowSourcePtr,
  rowTimePtr,
  setBatch,
} from "./batch";
import { compareBytes } from "./bytes";
import {
  REASON_DUPLICATE_TAGS,
  REASON_FIELD_LIMIT,
  REASON_KEY_TOO_LONG,
  REASON_NONE,
  REASON_RESERVED_TAG,
  REASON_SERIES_LIMIT,
  REASON_TIME_FIELD,
  REASON_TIME_TAG,
  REASON_TYPE_CONFLICT,
} from "./line_reasons";
import {
  addTagToken,
  FIELD_TOKEN_BYTES,
  fieldTokenCount,
  fieldTokens,
  measurementEnd,
  prefixEnd,
  TAG_TOKEN_BYTES,
  tagTokenCount,
  tagTokens,
} from "./line_syntax";
import { countLineFeeds } from "./line_values";
import { alloc, TAG_SCRATCH } from "./memory";
import {
  FIELD_BYTES,
  FIELD_FAMILY,
  FIELDS_MAX,
  findField,
  findMeasurement,
  findSource,
  isSeen,
  markSeen,
  MEASUREMENT_FIELD_RECORDS,
  MEASUREMENT_FIELDS,
  seriesRoom,
  SOURCE_MEASUREMENT,
} from "./series_table";
import { hasBackslash, unescapeName, unescapeString } from "./text";

/** Refuse the tags `_field` and `_measurement`. */
export const CONTEXT_RESERVED_TAGS: u32 = 1;
/** Drop tags without a value instead of refusing the line. */
export const CONTEXT_DROP_EMPTY_TAGS: u32 = 2;

/** Bytes of measurement and tags as written; with a field's name and 4 more, likewise. */
const KEY_BYTES_MAX: u32 = 65535;
/** A canonical key: the text, two lengths for each of 16,384 tags, and a database. */
const KEY_ROOM: u32 = KEY_BYTES_MAX * 2 + 4 * 16385 + 64;

const TIME: u32 = 0x656d6974;
const BLOB_STRING: u8 = 2;
const FAMILY_BLOB: u32 = 5;

/** What a reason is about: KEY_TOO_LONG length; RESERVED_TAG pointer and bytes; TYPE_CONFLICT measurement, slot, family. */
export let detailA: u32 = 0;
export let detailB: u32 = 0;
export let detailC: u32 = 0;

let keyBuffer: usize = 0;
let keyBytes: u32 = 0;
let textBuffer: usize = 0;
let nameBuffer: usize = 0;
/** For each slot the cell that holds it, valid when that cell belongs to the row and names the slot. */
let slotCells: usize = 0;
let exportedName: usize = 0;
let hasTimeTag: bool = false;

export function initCommit(): void {
  keyBuffer = alloc(KEY_ROOM, TAG_SCRATCH);
  textBuffer = alloc(KEY_BYTES_MAX + 16, TAG_SCRATCH);
  nameBuffer = alloc(KEY_BYTES_MAX + 16, TAG_SCRATCH);
  slotCells = alloc((FIELDS_MAX + 1) * 4, TAG_SCRATCH);
  memory.fill(slotCells, 0, (FIELDS_MAX + 1) * 4);
  // "exported_db", whose end is "db".
  exportedName = alloc(16, TAG_SCRATCH);
  store<u64>(exportedName, 0x646574726f707865);
  store<u32>(exportedName, 0x0062645f, 8);
}

/** The cell of the row begun at `first` that holds a slot, or -1; when there is none, `cell` is noted as the one. */
export function cellOfSlot(slot: u32, first: u32, cell: u32): i32 {
  const at = slotCells + (<usize> slot << 2);
  const known = load<u32>(at);
  if (
    known >= first && known < cell && <u32> load<u16>(cellSlotPtr + (<usize> known << 1)) == slot
  ) {
    return <i32> known;
  }
  store<u32>(at, cell);
  return -1;
}

function isText(at: usize, bytes: u32, text: u32): bool {
  return bytes == 4 && load<u32>(at) == text;
}

/** `_field` or `_measurement`. */
function isReserved(at: usize, bytes: u32): bool {
  if (bytes == 6) return load<u32>(at) == 0x6569665f && load<u16>(at + 4) == 0x646c;
  return bytes == 12 && load<u32>(at) == 0x61656d5f && load<u64>(at + 4) == 0x746e656d65727573;
}

/**
 * Checks the tags of the scanned line at `start` and builds its canonical key: unescaped, sorted, with the context's
 * database as tag `db` (a tag of that name becomes `exported_db`).
 */
export function buildKey(start: usize, context: usize): u32 {
  const prefixBytes = <u32> (prefixEnd - start);
  if (prefixBytes > KEY_BYTES_MAX) {
    detailA = prefixBytes;
    return REASON_KEY_TOO_LONG;
  }
  let measurement = start;
  let measurementBytes = <u32> (measurementEnd - start);
  if (hasBackslash(start, prefixBytes)) {
    measurementBytes = unescapeName(textBuffer, start, measurementBytes, false);
    measurement = textBuffer;
    unescapeTags(textBuffer + measurementBytes);
  }
  const flags = load<u32>(context, CONTEXT_FLAGS);
  const databaseBytes = load<u32>(context, CONTEXT_DATABASE_BYTES);
  hasTimeTag = false;
  const end = tagTokens + <usize> tagTokenCount * TAG_TOKEN_BYTES;
  for (let token = tagTokens; token < end; token += TAG_TOKEN_BYTES) {
    const name = <usize> load<u32>(token);
    const bytes = load<u32>(token, 4);
    if (isText(name, bytes, TIME)) hasTimeTag = true;
    else if ((flags & CONTEXT_RESERVED_TAGS) != 0 && isReserved(name, bytes)) {
      detailA = <u32> name;
      detailB = bytes;
      return REASON_RESERVED_TAG;
    } else if (databaseBytes != 0 && bytes == 2 && load<u16>(name) == 0x6264) {
      store<u32>(token, <u32> exportedName);
      store<u32>(token, 11, 4);
    }
  }
  if (databaseBytes != 0) {
    addTagToken(exportedName + 9, 2, load<u32>(context, CONTEXT_DATABASE), databaseBytes);
  }
  if (!sortTags()) return REASON_DUPLICATE_TAGS;
  writeKey(measurement, measurementBytes);
  return REASON_NONE;
}

function unescapeTags(to: usize): void {
  const end = tagTokens + <usize> tagTokenCount * TAG_TOKEN_BYTES;
  for (let part = tagTokens; part < end; part += 8) {
    const bytes = unescapeName(to, load<u32>(part), load<u32>(part, 4), false);
    store<u32>(part, <u32> to);
    store<u32>(part, bytes, 4);
    to += bytes;
  }
}

function tagOrder(a: usize, b: usize): i32 {
  return compareBytes(load<u32>(a), load<u32>(a, 4), load<u32>(b), load<u32>(b, 4));
}

/** Sorts the tags by name (Shell's sort: short, in place, good for 5 as for 16,384); false when a name occurs twice. */
function sortTags(): bool {
  const end = tagTokens + <usize> tagTokenCount * TAG_TOKEN_BYTES;
  let sorted = true;
  for (let at = tagTokens + TAG_TOKEN_BYTES; at < end; at += TAG_TOKEN_BYTES) {
    if (tagOrder(at - TAG_TOKEN_BYTES, at) >= 0) {
      sorted = false;
      break;
    }
  }
  if (sorted) return true;
  let gap: u32 = 1;
  while (gap < tagTokenCount / 3) gap = gap * 3 + 1;
  for (; gap > 0; gap /= 3) {
    const step = <usize> gap * TAG_TOKEN_BYTES;
    for (let at = tagTokens + step; at < end; at += TAG_TOKEN_BYTES) {
      let hole = at;
      const moving = v128.load(at);
      v128.store(end, moving);
      while (hole >= tagTokens + step && tagOrder(hole - step, end) > 0) {
        v128.store(hole, v128.load(hole - step));
        hole -= step;
      }
      v128.store(hole, moving);
    }
  }
  for (let at = tagTokens + TAG_TOKEN_BYTES; at < end; at += TAG_TOKEN_BYTES) {
    if (tagOrder(at - TAG_TOKEN_BYTES, at) == 0) return false;
  }
  return true;
}

function putText(to: usize, text: usize, bytes: u32): usize {
  store<u16>(to, <u16> bytes);
  memory.copy(to + 2, text, bytes);
  return to + 2 + bytes;
}

function writeKey(measurement: usize, measurementBytes: u32): void {
  let to = putText(keyBuffer, measurement, measurementBytes);
  const end = tagTokens + <usize> tagTokenCount * TAG_TOKEN_BYTES;
  for (let part = tagTokens; part < end; part += 8) {
    to = putText(to, load<u32>(part), load<u32>(part, 4));
  }
  keyBytes = <u32> (to - keyBuffer);
}

/** Checks the names of fields against the limit of keys, as InfluxDB counts it. */
export function checkFieldNames(start: usize): u32 {
  const prefixBytes = <u32> (prefixEnd - start);
  const end = fieldTokens + <usize> fieldTokenCount * FIELD_TOKEN_BYTES;
  for (let token = fieldTokens; token < end; token += FIELD_TOKEN_BYTES) {
    const bytes = prefixBytes + 4 + load<u32>(token, 4);
    if (bytes > KEY_BYTES_MAX) {
      detailA = bytes;
      return REASON_KEY_TOO_LONG;
    }
  }
  return REASON_NONE;
}

/** Whether the batch has room for the scanned line's row. */
export function hasRowRoom(): bool {
  return rowCount < ROWS_MAX && cellCount + min<u32>(fieldTokenCount, FIELDS_MAX) <= CELLS_MAX;
}

// Of the name unescaped last.
let nameAt: usize = 0;
let nameBytes: u32 = 0;

function readName(token: usize): void {
  nameAt = load<u32>(token);
  nameBytes = load<u32>(token, 4);
  if (!hasBackslash(nameAt, nameBytes)) return;
  nameBytes = unescapeName(nameBuffer, nameAt, nameBytes, true);
  nameAt = nameBuffer;
}

/** Source of the row written last. */
export let committedSource: usize = 0;

/** Writes the scanned line, whose key stands built, as a row; returns why not. */
export function commitLine(context: usize, time: i64): u32 {
  if (hasTimeTag) return REASON_TIME_TAG;
  let source = findSource(keyBuffer, keyBytes, false);
  let measurement = source != 0 ? <usize> load<u32>(source, SOURCE_MEASUREMENT) : findMeasurement(
    load<u32>(context, CONTEXT_DATABASE),
    load<u32>(context, CONTEXT_DATABASE_BYTES),
    keyBuffer + 2,
    load<u16>(keyBuffer),
    false,
  );
  const reason = matchFields(source, measurement);
  if (reason != REASON_NONE) return reason;
  if (source == 0) {
    source = findSource(keyBuffer, keyBytes, true);
    if (source == 0) return REASON_SERIES_LIMIT;
    measurement = load<u32>(source, SOURCE_MEASUREMENT);
  }
  const first = cellCount;
  let cell = first;
  const end = fieldTokens + <usize> fieldTokenCount * FIELD_TOKEN_BYTES;
  for (let token = fieldTokens; token < end; token += FIELD_TOKEN_BYTES) {
    let slot = load<i32>(token, 24);
    if (slot == SLOT_DROPPED) continue;
    if (slot < 0) {
      slot = createField(measurement, token);
      if (slot < 0) return slot == -2 ? REASON_TYPE_CONFLICT : REASON_FIELD_LIMIT;
    }
    let place = cellOfSlot(slot, first, cell);
    if (place < 0) {
      place = <i32> cell;
      cell++;
    }
    store<u16>(cellSlotPtr + (<usize> place << 1), <u16> slot);
    const target = cellBitsPtr + (<usize> place << 3);
    store<u64>(target, load<u64>(token, 16));
    if (load<u32>(token, 8) == FAMILY_BLOB) finishString(target, load<u32>(token, 12) != 0);
    markSeen(source, slot);
  }
  pushFinishedRow(source, time, cell);
  committedSource = source;
  return REASON_NONE;
}

const SLOT_DROPPED: i32 = -3;

/** Finds the slots of known fields; checks families and limits, creates nothing. */
function matchFields(source: usize, measurement: usize): u32 {
  let kept: u32 = 0;
  let unseen: u32 = 0;
  let unknown: u32 = 0;
  const end = fieldTokens + <usize> fieldTokenCount * FIELD_TOKEN_BYTES;
  for (let token = fieldTokens; token < end; token += FIELD_TOKEN_BYTES) {
    readName(token);
    if (isText(nameAt, nameBytes, TIME)) {
      store<i32>(token, SLOT_DROPPED, 24);
      continue;
    }
    kept++;
    const slot = measurement == 0 ? -1 : findField(measurement, nameAt, nameBytes, 0);
    store<i32>(token, slot, 24);
    if (slot < 0) {
      unknown++;
      continue;
    }
    const record = <usize> load<u32>(measurement, MEASUREMENT_FIELD_RECORDS) +
      <usize> slot * FIELD_BYTES;
    if (<u32> load<u8>(record, FIELD_FAMILY) != load<u32>(token, 8)) {
      noteConflict(measurement, slot, load<u32>(token, 8));
      return REASON_TYPE_CONFLICT;
    }
    if (source == 0 || !isSeen(source, slot)) unseen++;
  }
  if (kept == 0) return REASON_TIME_FIELD;
  if (unseen + unknown > seriesRoom()) return REASON_SERIES_LIMIT;
  const fields: u32 = measurement == 0 ? 0 : load<u32>(measurement, MEASUREMENT_FIELDS);
  return unknown > FIELDS_MAX - fields ? REASON_FIELD_LIMIT : REASON_NONE;
}

function noteConflict(measurement: usize, slot: i32, family: u32): void {
  detailA = <u32> measurement;
  detailB = <u32> slot;
  detailC = family;
}

/** Creates a field; a conflict is possible when the line names a new field twice. */
function createField(measurement: usize, token: usize): i32 {
  readName(token);
  const family = load<u32>(token, 8);
  const slot = findField(measurement, nameAt, nameBytes, family);
  if (slot == -2) noteConflict(measurement, findField(measurement, nameAt, nameBytes, 0), family);
  return slot;
}

/** Line feeds within the strings finished so far. */
export let stringLineFeeds: u32 = 0;

export function setStringLineFeeds(count: u32): void {
  stringLineFeeds = count;
}

/** Counts the line feeds within a string cell as scanned. */
export function countStringLineFeeds(target: usize): void {
  const open = <usize> load<u32>(target);
  stringLineFeeds += countLineFeeds(open + 1, open + 1 + load<u32>(target, 4));
}

/** Turns a string cell (opening quote, bytes between the quotes) into a blob, in place: kind byte, text without escapes. */
export function finishString(target: usize, escapes: bool): void {
  countStringLineFeeds(target);
  const open = <usize> load<u32>(target);
  const bytes = load<u32>(target, 4);
  store<u8>(open, BLOB_STRING);
  store<u32>(target, 1 + (escapes ? unescapeString(open + 1, bytes) : bytes), 4);
}

/** Ends a row whose cells stand up to `cells`. */
export function pushFinishedRow(source: usize, time: i64, cells: u32): void {
  store<u32>(rowSourcePtr + (<usize> rowCount << 2), <u32> source);
  store<i64>(rowTimePtr + (<usize> rowCount << 3), time);
  setBatch(rowCount + 1, cells);
}
