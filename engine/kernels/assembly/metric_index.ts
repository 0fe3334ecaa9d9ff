/**
 * Metrics by name. A field of a measurement is a metric named `measurement_field`; the field `value` is the
 * measurement's name alone, and so is a facet: a field whose name begins with a zero byte (FACET of engine/base/types.ts).
 * Several fields may give one name: `a_b` with field `c`, `a` with field `b_c`, any of them in two databases.
 *
 * Fields are known by their number in the order of creation (series_table.ts) and indexed when a query asks.
 */
import { addToTable, firstSlot, initTable, nextSlot, TABLE_BYTES } from "./byte_table";
import { equalBytes, hashBytes } from "./bytes";
import { alloc, TAG_REGISTRY } from "./memory";
import {
  FIELD_BYTES,
  FIELD_NAME,
  FIELD_NAME_BYTES,
  fieldDefinitionCount,
  fieldDefinitionMeasurement,
  fieldDefinitionSlot,
  MEASUREMENT_FIELD_RECORDS,
  MEASUREMENT_NAME,
  MEASUREMENT_NAME_BYTES,
} from "./series_table";

/** Bytes that a metric's name may take. */
export const METRIC_NAME_ROOM: u32 = 2 * 65535 + 1;

const HASH_SEED_METRIC: u32 = 5;
const UNDERSCORE: u8 = 95;

let metricTable: usize = 0;
let nameRoom: usize = 0;
let indexed: u32 = 0;

/** Sets up an empty index. */
export function initMetricIndex(): void {
  metricTable = alloc(TABLE_BYTES, TAG_REGISTRY);
  initTable(metricTable, 64, TAG_REGISTRY);
}

/** Whether a field adds nothing to the measurement's name: it is called `value` or is a facet. */
function isNameless(name: usize, bytes: u32): bool {
  return (bytes == 5 && load<u32>(name) == 0x756c6176 && load<u8>(name, 4) == 0x65) ||
    (bytes != 0 && load<u8>(name) == 0);
}

/** Writes the metric's name of the field defined as number `definition` to `target`; returns its bytes. */
export function writeMetricName(definition: u32, target: usize): u32 {
  const measurement = fieldDefinitionMeasurement(definition);
  const field = <usize> load<u32>(measurement, MEASUREMENT_FIELD_RECORDS) +
    <usize> fieldDefinitionSlot(definition) * FIELD_BYTES;
  const nameBytes = load<u32>(measurement, MEASUREMENT_NAME_BYTES);
  memory.copy(target, load<u32>(measurement, MEASUREMENT_NAME), nameBytes);
  const fieldName = <usize> load<u32>(field, FIELD_NAME);
  const fieldBytes = <u32> load<u16>(field, FIELD_NAME_BYTES);
  if (isNameless(fieldName, fieldBytes)) return nameBytes;
  store<u8>(target + nameBytes, UNDERSCORE);
  memory.copy(target + nameBytes + 1, fieldName, fieldBytes);
  return nameBytes + 1 + fieldBytes;
}

function indexMetrics(): void {
  if (nameRoom == 0) nameRoom = alloc(METRIC_NAME_ROOM, TAG_REGISTRY);
  const count = fieldDefinitionCount();
  for (; indexed < count; indexed++) {
    const bytes = writeMetricName(indexed, nameRoom);
    const hash = hashBytes(nameRoom, bytes, HASH_SEED_METRIC);
    addToTable(metricTable, indexed + 1, hash, TAG_REGISTRY);
  }
}

/** Writes the numbers of up to `max` fields whose metric has this name to `target`; returns how many there are. */
export function findMetrics(name: usize, bytes: u32, target: usize, max: u32): u32 {
  indexMetrics();
  const hash = hashBytes(name, bytes, HASH_SEED_METRIC);
  let found: u32 = 0;
  let slot = firstSlot(metricTable, hash);
  while (true) {
    const definition = load<u32>(slot) - 1;
    if (definition == 0xffffffff) return found;
    if (
      load<u32>(slot, 4) == hash && writeMetricName(definition, nameRoom) == bytes &&
      equalBytes(nameRoom, name, bytes)
    ) {
      if (found < max) store<u32>(target + (<usize> found << 2), definition);
      found++;
    }
    slot = nextSlot(metricTable, slot);
  }
}
