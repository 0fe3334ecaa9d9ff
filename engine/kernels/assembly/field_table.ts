/**
 * Fields of measurements: name, family and slot.
 *
 *   field record, 16 bytes; its index is the slot
 *     0 u32 name pointer          4 u16 name bytes       6 u8 family (FAMILY of engine/base/types.ts)   7 u8 zero
 *     8 u32 hash of the name     12 u16 prediction: bytes of "name=" as a line writes it, 0 when a line must escape the name
 *    14 u16 slot that followed in the line seen last (line_protocol.ts)
 *
 * A measurement of more than UNHASHED_FIELDS_MAX fields has a hash of their names (byte_table.ts, records are slot + 1).
 *
 * Invariants
 * - A field's family never changes, nor does its slot.
 * - A name is followed by "=" and may be read 32 bytes past its end; it stays where it is.
 * - Field records move when their measurement grows: read the pointer again after findField.
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
import { equalBytes, hashBytes, keepBytes, keepRoom } from "./bytes";
import { alloc, free, TAG_REGISTRY } from "./memory";
import {
  MEASUREMENT_CAPACITY,
  MEASUREMENT_FIELD_HASH,
  MEASUREMENT_FIELD_RECORDS,
  MEASUREMENT_FIELDS,
  NAME_BYTES_MAX,
} from "./series_table";

export const FIELD_NAME: usize = 0;
export const FIELD_NAME_BYTES: usize = 4;
export const FIELD_FAMILY: usize = 6;
const FIELD_HASH: usize = 8;
export const FIELD_PREDICTION: usize = 12;
export const FIELD_NEXT: usize = 14;
export const FIELD_BYTES: u32 = 16;

/** Fields of one measurement; slots run from 0 to this, exclusive. */
export const FIELDS_MAX: u32 = 65535;
/** Bytes up to which a field's name is predicted. */
const PREDICTION_BYTES_MAX: u32 = 1024;
/** Fields a measurement finds by comparing names; more are hashed. */
const UNHASHED_FIELDS_MAX: u32 = 8;

let fieldMeasurementList: usize = 0;
let fieldSlotList: usize = 0;
let fieldDefinitions: u32 = 0;

export function initFields(): void {
  fieldMeasurementList = alloc(LIST_BYTES * 2, TAG_REGISTRY);
  memory.fill(fieldMeasurementList, 0, LIST_BYTES * 2);
  fieldSlotList = fieldMeasurementList + LIST_BYTES;
}

/** Fields defined so far, over all measurements, in the order of their creation. */
export function fieldDefinitionCount(): u32 {
  return fieldDefinitions;
}

/** Measurement of the field defined as number `index` (from 0). */
export function fieldDefinitionMeasurement(index: u32): usize {
  return listAt(fieldMeasurementList, index);
}

/** Slot of the field defined as number `index` (from 0). */
export function fieldDefinitionSlot(index: u32): u32 {
  return listAt(fieldSlotList, index);
}

/**
 * Slot of a field, created with `family` (1..6) when missing. -1 not there (family 0 only looks), -2 the field has
 * another family, -3 too many fields or the name is too long.
 */
export function findField(measurement: usize, name: usize, nameBytes: u32, family: u32): i32 {
  const hash = hashBytes(name, nameBytes, 2);
  const known = lookUpField(measurement, name, nameBytes, hash);
  if (known >= 0) {
    if (family == 0) return known;
    const field = fieldRecord(measurement, known);
    return <u32> load<u8>(field, FIELD_FAMILY) == family ? known : -2;
  }
  if (family == 0) return -1;
  if (nameBytes > NAME_BYTES_MAX) return -3;
  return addField(measurement, name, nameBytes, family, hash);
}

/** Record of the field at a slot that exists. */
function fieldRecord(measurement: usize, slot: u32): usize {
  return <usize> load<u32>(measurement, MEASUREMENT_FIELD_RECORDS) + <usize> slot * FIELD_BYTES;
}

function isField(field: usize, name: usize, nameBytes: u32, hash: u32): bool {
  return load<u32>(field, FIELD_HASH) == hash &&
    <u32> load<u16>(field, FIELD_NAME_BYTES) == nameBytes &&
    equalBytes(load<u32>(field, FIELD_NAME), name, nameBytes);
}

function lookUpField(measurement: usize, name: usize, nameBytes: u32, hash: u32): i32 {
  const table = <usize> load<u32>(measurement, MEASUREMENT_FIELD_HASH);
  if (table == 0) {
    const fields = load<u32>(measurement, MEASUREMENT_FIELDS);
    for (let slot: u32 = 0; slot < fields; slot++) {
      if (isField(fieldRecord(measurement, slot), name, nameBytes, hash)) return <i32> slot;
    }
    return -1;
  }
  let place = firstSlot(table, hash);
  while (true) {
    const slot = load<u32>(place) - 1;
    if (slot == 0xffffffff) return -1;
    if (
      load<u32>(place, 4) == hash &&
      isField(fieldRecord(measurement, slot), name, nameBytes, hash)
    ) return <i32> slot;
    place = nextSlot(table, place);
  }
}

function addField(
  measurement: usize,
  name: usize,
  nameBytes: u32,
  family: u32,
  hash: u32,
): i32 {
  const slot = load<u32>(measurement, MEASUREMENT_FIELDS);
  if (slot == FIELDS_MAX) return -3;
  if (slot == load<u32>(measurement, MEASUREMENT_CAPACITY)) growFields(measurement, slot);
  const field = fieldRecord(measurement, slot);
  store<u32>(field, <u32> keepBytes(name, nameBytes, 61), FIELD_NAME);
  store<u16>(field, <u16> nameBytes, FIELD_NAME_BYTES);
  store<u8>(field, <u8> family, FIELD_FAMILY);
  store<u8>(field, 0, FIELD_FAMILY + 1);
  store<u32>(field, hash, FIELD_HASH);
  store<u16>(field, isPlainName(name, nameBytes) ? <u16> (nameBytes + 1) : 0, FIELD_PREDICTION);
  store<u16>(field, <u16> (slot + 1), FIELD_NEXT);
  store<u32>(measurement, slot + 1, MEASUREMENT_FIELDS);
  hashField(measurement, slot);
  setListAt(fieldMeasurementList, fieldDefinitions, <u32> measurement, TAG_REGISTRY);
  setListAt(fieldSlotList, fieldDefinitions, slot, TAG_REGISTRY);
  fieldDefinitions++;
  return <i32> slot;
}

function growFields(measurement: usize, fields: u32): void {
  const capacity = max<u32>(fields * 2, 4);
  const records = alloc(capacity * FIELD_BYTES, TAG_REGISTRY);
  if (fields != 0) {
    const old = <usize> load<u32>(measurement, MEASUREMENT_FIELD_RECORDS);
    memory.copy(records, old, <usize> fields * FIELD_BYTES);
    free(old, TAG_REGISTRY);
  }
  store<u32>(measurement, <u32> records, MEASUREMENT_FIELD_RECORDS);
  store<u32>(measurement, capacity, MEASUREMENT_CAPACITY);
}

/** Enters a new field in the measurement's hash, which begins when comparing names would get slow. Entries are slot + 1. */
function hashField(measurement: usize, slot: u32): void {
  let table = <usize> load<u32>(measurement, MEASUREMENT_FIELD_HASH);
  if (table != 0) {
    addToTable(
      table,
      slot + 1,
      load<u32>(fieldRecord(measurement, slot), FIELD_HASH),
      TAG_REGISTRY,
    );
    return;
  }
  if (slot < UNHASHED_FIELDS_MAX) return;
  table = keepRoom(TABLE_BYTES);
  initTable(table, 32, TAG_REGISTRY);
  store<u32>(measurement, <u32> table, MEASUREMENT_FIELD_HASH);
  for (let i: u32 = 0; i <= slot; i++) {
    addToTable(table, i + 1, load<u32>(fieldRecord(measurement, i), FIELD_HASH), TAG_REGISTRY);
  }
}

/** Whether a line writes the name as it is, so that its bytes followed by "=" can be compared with a line's. */
function isPlainName(name: usize, bytes: u32): bool {
  if (bytes == 0 || bytes >= PREDICTION_BYTES_MAX) return false;
  if (bytes == 4 && load<u32>(name) == 0x656d6974) return false; // "time" is refused in a line
  for (let i: u32 = 0; i < bytes; i++) {
    const byte = load<u8>(name + i);
    if (byte <= 32 || byte == 44 || byte == 61 || byte == 92) return false;
  }
  return true;
}
