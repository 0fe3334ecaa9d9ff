/**
 * Postings: which sources have which label value, and which sources a measurement has.
 *
 *   label record, 48 bytes
 *     0 u32 pointer to the name: u16 bytes, then the bytes, within some source's key
 *     4 u32 values, numbered from 0 in the order of their appearance; numbers never change
 *     8 u32 pointer to value records   12 u32 room for so many values
 *    16 table of values by their bytes (byte_table.ts); its records are the values' numbers + 1
 *    32 list of the sources that have a value which is not empty (id_list.ts)
 *    40 u32 bytes of all values       44 u32 zero
 *   value record, 12 bytes
 *     0 u32 pointer to the value, as the name's   4 list of the sources that have it
 *
 * Nothing is copied from the keys. A value that one source has costs its record and its place in the table.
 * Sources are indexed when a query asks, so that creating them costs nothing here.
 *
 * Invariants
 * - All existing sources up to `indexedId` are in the lists, none above.
 * - A source that appears below it (healing from segments) makes the index start over.
 */
import {
  addToTable,
  firstSlot,
  initTable,
  LIST_BYTES,
  listAt,
  nextSlot,
  setListAt,
  TABLE_BYTES,
} from "./byte_table";
import { equalBytes, hashBytes } from "./bytes";
import { appendId, dropIdList, ID_LIST_BYTES } from "./id_list";
import { alloc, free, TAG_REGISTRY } from "./memory";
import {
  lateSourceCount,
  MEASUREMENT_ID,
  SOURCE_MEASUREMENT,
  sourceById,
  sourceCount,
} from "./series_table";
import { nextTag, tagsEnd, tagsOf, valueOf } from "./source_tags";

export const LABEL_NAME: usize = 0;
export const LABEL_VALUES: usize = 4;
const LABEL_VALUE_RECORDS: usize = 8;
const LABEL_CAPACITY: usize = 12;
const LABEL_TABLE: usize = 16;
/** Offset of a label's list of sources. */
export const LABEL_SOURCES: usize = 32;
export const LABEL_VALUE_BYTES: usize = 40;
const LABEL_BYTES: u32 = 48;

const VALUE_BYTES: usize = 12;
/** Offset of a value's list of sources. */
const VALUE_SOURCES: usize = 4;

const HASH_SEED_VALUE: u32 = 3;
const HASH_SEED_NAME: u32 = 4;
/** Tags of a source whose labels are guessed from the source before. */
const RECENT_LABELS: u32 = 64;

let labelTable: usize = 0;
let labelList: usize = 0;
let labels: u32 = 0;
let measurementSources: usize = 0;
let measurementRoom: u32 = 0;
let recentLabels: usize = 0;
let indexedId: u32 = 0;
let indexedLate: u32 = 0;
let generation: u32 = 0;

/** Sets up an empty index. */
export function initPostings(): void {
  labelTable = alloc(TABLE_BYTES + LIST_BYTES, TAG_REGISTRY);
  labelList = labelTable + TABLE_BYTES;
  memory.fill(labelTable, 0, TABLE_BYTES + LIST_BYTES);
  initTable(labelTable, 16, TAG_REGISTRY);
  recentLabels = alloc(RECENT_LABELS * 4, TAG_REGISTRY);
  memory.fill(recentLabels, 0, RECENT_LABELS * 4);
}

/**
 * Indexes up to `max` sources that are not yet; returns how many ids are left. Queries call it until nothing is left,
 * idle time in slices.
 */
export function indexSources(max: u32): u32 {
  if (lateSourceCount() != indexedLate) {
    dropPostings();
    indexedLate = lateSourceCount();
  }
  const last = sourceCount();
  while (max > 0 && indexedId < last) {
    indexedId++;
    const source = sourceById(indexedId);
    if (source == 0) continue;
    indexSource(indexedId, source);
    max--;
  }
  return last - indexedId;
}

/** Changes when labels and value numbers are given out anew. */
export function postingsGeneration(): u32 {
  return generation;
}

function indexSource(id: u32, source: usize): void {
  const measurement = load<u32>(<usize> load<u32>(source, SOURCE_MEASUREMENT), MEASUREMENT_ID);
  if (measurement >= measurementRoom) growMeasurements(measurement);
  appendId(measurementSources + <usize> measurement * ID_LIST_BYTES, id);
  const end = tagsEnd(source);
  let position: u32 = 0;
  for (let tag = tagsOf(source); tag < end; tag = nextTag(tag)) {
    const label = labelOfTag(tag, position++);
    const value = valueOf(tag);
    const bytes = <u32> load<u16>(value);
    appendId(valueOfTag(label, value, bytes) + VALUE_SOURCES, id);
    if (bytes > 0) appendId(label + LABEL_SOURCES, id);
  }
}

function growMeasurements(measurement: u32): void {
  const room = max<u32>(measurement + 1, max<u32>(measurementRoom * 2, 64));
  const lists = alloc(room * <u32> ID_LIST_BYTES, TAG_REGISTRY);
  const used = <usize> measurementRoom * ID_LIST_BYTES;
  memory.fill(lists + used, 0, <usize> room * ID_LIST_BYTES - used);
  if (measurementRoom != 0) {
    memory.copy(lists, measurementSources, used);
    free(measurementSources, TAG_REGISTRY);
  }
  measurementSources = lists;
  measurementRoom = room;
}

/** Record of the label whose name is at `name`; made when missing. Sources in a row mostly have the same tags. */
function labelOfTag(name: usize, position: u32): usize {
  const bytes = <u32> load<u16>(name);
  const recent = recentLabels + (<usize> min<u32>(position, RECENT_LABELS - 1) << 2);
  const guess = <usize> load<u32>(recent);
  if (guess != 0) {
    const known = <usize> load<u32>(guess, LABEL_NAME);
    if (<u32> load<u16>(known) == bytes && equalBytes(known + 2, name + 2, bytes)) return guess;
  }
  let label = findLabel(name + 2, bytes);
  if (label == 0) label = addLabel(name, bytes);
  store<u32>(recent, <u32> label);
  return label;
}

/** Record of a label by its name's bytes, 0 when no source has it. */
export function findLabel(name: usize, bytes: u32): usize {
  const hash = hashBytes(name, bytes, HASH_SEED_NAME);
  let slot = firstSlot(labelTable, hash);
  while (true) {
    const label = <usize> load<u32>(slot);
    if (label == 0) return 0;
    if (load<u32>(slot, 4) == hash) {
      const known = <usize> load<u32>(label, LABEL_NAME);
      if (<u32> load<u16>(known) == bytes && equalBytes(known + 2, name, bytes)) return label;
    }
    slot = nextSlot(labelTable, slot);
  }
}

function addLabel(name: usize, bytes: u32): usize {
  const label = alloc(LABEL_BYTES, TAG_REGISTRY);
  memory.fill(label, 0, LABEL_BYTES);
  store<u32>(label, <u32> name, LABEL_NAME);
  initTable(label + LABEL_TABLE, 8, TAG_REGISTRY);
  addToTable(labelTable, label, hashBytes(name + 2, bytes, HASH_SEED_NAME), TAG_REGISTRY);
  setListAt(labelList, labels++, <u32> label, TAG_REGISTRY);
  return label;
}

/** Labels that occur. */
export function labelCount(): u32 {
  return labels;
}

/** Record of the label that appeared as number `index` (from 0). */
export function labelAt(index: u32): usize {
  return listAt(labelList, index);
}

function valueRecord(label: usize, value: u32): usize {
  return <usize> load<u32>(label, LABEL_VALUE_RECORDS) + <usize> value * VALUE_BYTES;
}

function valueOfTag(label: usize, value: usize, bytes: u32): usize {
  const hash = hashBytes(value + 2, bytes, HASH_SEED_VALUE);
  const known = lookUpValue(label, value + 2, bytes, hash);
  if (known >= 0) return valueRecord(label, known);
  const number = load<u32>(label, LABEL_VALUES);
  if (number == load<u32>(label, LABEL_CAPACITY)) growValues(label, number);
  const record = valueRecord(label, number);
  store<u32>(record, <u32> value);
  store<u64>(record, 0, VALUE_SOURCES);
  store<u32>(label, number + 1, LABEL_VALUES);
  store<u32>(label, load<u32>(label, LABEL_VALUE_BYTES) + bytes, LABEL_VALUE_BYTES);
  addToTable(label + LABEL_TABLE, number + 1, hash, TAG_REGISTRY);
  return record;
}

/** Room grows by a quarter: a label with a million values must not hold another million's room. */
function growValues(label: usize, values: u32): void {
  const room = values + max<u32>(values >> 2, 4);
  const records = alloc(room * <u32> VALUE_BYTES, TAG_REGISTRY);
  if (values != 0) {
    const old = <usize> load<u32>(label, LABEL_VALUE_RECORDS);
    memory.copy(records, old, <usize> values * VALUE_BYTES);
    free(old, TAG_REGISTRY);
  }
  store<u32>(label, <u32> records, LABEL_VALUE_RECORDS);
  store<u32>(label, room, LABEL_CAPACITY);
}

function lookUpValue(label: usize, value: usize, bytes: u32, hash: u32): i32 {
  const table = label + LABEL_TABLE;
  let slot = firstSlot(table, hash);
  while (true) {
    const number = load<u32>(slot) - 1;
    if (number == 0xffffffff) return -1;
    if (load<u32>(slot, 4) == hash) {
      const known = <usize> load<u32>(valueRecord(label, number));
      if (<u32> load<u16>(known) == bytes && equalBytes(known + 2, value, bytes)) {
        return <i32> number;
      }
    }
    slot = nextSlot(table, slot);
  }
}

/** Number of a label's value by its bytes, -1 when no source has it. */
export function findLabelValue(label: usize, value: usize, bytes: u32): i32 {
  return lookUpValue(label, value, bytes, hashBytes(value, bytes, HASH_SEED_VALUE));
}

/** Where a label's value stands: u16 bytes, then the bytes. */
export function labelValueText(label: usize, value: u32): usize {
  return load<u32>(valueRecord(label, value));
}

/** List of the sources that have a label's value. */
export function labelValueSources(label: usize, value: u32): usize {
  return valueRecord(label, value) + VALUE_SOURCES;
}

/** List of the sources of a measurement, 0 when it has none. */
export function measurementSourceList(measurement: usize): usize {
  const id = load<u32>(measurement, MEASUREMENT_ID);
  return id < measurementRoom ? measurementSources + <usize> id * ID_LIST_BYTES : 0;
}

/** Empties the index. */
function dropPostings(): void {
  for (let i: u32 = 0; i < labels; i++) {
    const label = labelAt(i);
    const values = load<u32>(label, LABEL_VALUES);
    for (let value: u32 = 0; value < values; value++) dropIdList(labelValueSources(label, value));
    dropIdList(label + LABEL_SOURCES);
    free(load<u32>(label, LABEL_VALUE_RECORDS), TAG_REGISTRY);
    free(load<u32>(label, LABEL_TABLE), TAG_REGISTRY);
    free(label, TAG_REGISTRY);
  }
  for (let i: u32 = 0; i < measurementRoom; i++) {
    dropIdList(measurementSources + <usize> i * ID_LIST_BYTES);
  }
  free(load<u32>(labelTable), TAG_REGISTRY);
  initTable(labelTable, 16, TAG_REGISTRY);
  memory.fill(recentLabels, 0, RECENT_LABELS * 4);
  labels = 0;
  indexedId = 0;
  generation++;
}
