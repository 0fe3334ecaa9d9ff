/**
 * Definitions for people, and a plain reading of their bytes that the kernel's is checked against.
 * The layout is drawn in kernels/assembly/definitions.ts and docs/format/registry.md.
 */
import { ByteReader, MalformedError } from "../base/bytes.ts";
import { FAMILY_NAMES } from "../base/types.ts";
import { EngineError } from "../errors.ts";

/** One field of the bytes. */
export interface DescribedField {
  /** Offset in the definitions. */
  readonly at: number;
  readonly text: string;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

interface Tag {
  readonly name: string;
  value: Uint8Array;
}

/** All fields in order. Throws "corrupt" where the bytes cannot be definitions. */
export function describeDefinitions(definitions: Uint8Array): DescribedField[] {
  const reader = new ByteReader(definitions);
  const fields: DescribedField[] = [];
  try {
    const layout = reader.u8();
    if (layout !== 1) throw new MalformedError(`layout ${layout} is unknown`);
    const measurements = describeMeasurements(reader, fields);
    describeSources(reader, fields, measurements);
    if (reader.left > 0) throw new MalformedError("they go on after their end");
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new EngineError(
      "corrupt",
      `Cannot describe definitions at byte ${reader.offset}: ${error.message}`,
    );
  }
  return fields;
}

/** Names of the measurements in the block. */
function describeMeasurements(reader: ByteReader, fields: DescribedField[]): string[] {
  const names: string[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const at = reader.offset;
    const database = decoder.decode(reader.block());
    const name = decoder.decode(reader.block());
    const first = reader.varint();
    const count = reader.varint();
    const place = database === "" ? "" : ` of database ${JSON.stringify(database)}`;
    fields.push({ at, text: `measurement ${JSON.stringify(name)}${place}, ${count} fields` });
    for (let slot = first; slot < first + count; slot++) {
      const at = reader.offset;
      const code = reader.u8();
      const family = FAMILY_NAMES[code];
      if (family === undefined) throw new MalformedError(`family ${code} is unknown`);
      const field = JSON.stringify(decoder.decode(reader.block()));
      fields.push({ at, text: `  slot ${slot} ${field} ${family}` });
    }
    names.push(name);
  }
  return names;
}

function describeSources(
  reader: ByteReader,
  fields: DescribedField[],
  measurements: readonly string[],
): void {
  let id = 0;
  let tags: Tag[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const at = reader.offset;
    id += reader.varint();
    const head = reader.varint();
    const measurement = measurements[head >>> 1];
    if (measurement === undefined) throw new MalformedError("a measurement is not in the block");
    const before = head % 2 === 1 ? tags : undefined;
    tags = before?.map((tag) => ({ ...tag })) ?? Array.from(
      { length: countOf(reader) },
      () => ({ name: decoder.decode(reader.block()), value: new Uint8Array(0) }),
    );
    for (const tag of tags) tag.value = readValue(reader, tag.value);
    const texts = tags.map((tag) => `${tag.name}=${JSON.stringify(decoder.decode(tag.value))}`);
    const slots = readSlots(reader).join(",");
    fields.push({
      at,
      text: `source ${id} ${JSON.stringify(measurement)} {${texts.join(",")}} slots [${slots}]`,
    });
  }
}

/** A number of things of which each takes at least a byte. */
function countOf(reader: ByteReader): number {
  const count = reader.varint();
  if (count > reader.left) throw new MalformedError("it ends too early");
  return count;
}

/** A value: what it shares with the one before, and the rest. */
function readValue(reader: ByteReader, before: Uint8Array): Uint8Array {
  const head = reader.varint();
  const shared = head % 2 === 1 ? reader.varint() : 0;
  const rest = Math.floor(head / 2);
  if (shared > before.length || rest > reader.left) throw new MalformedError("it ends too early");
  const value = new Uint8Array(shared + rest);
  value.set(before.subarray(0, shared));
  for (let i = shared; i < value.length; i++) value[i] = reader.u8();
  return value;
}

function readSlots(reader: ByteReader): number[] {
  const head = reader.varint();
  if (head % 2 === 0) return Array.from({ length: Math.min(head / 2, 64) }, (_, slot) => slot);
  const slots: number[] = [];
  for (let word = 0; word < (head - 1) / 2; word++) {
    for (let half = 0; half < 2; half++) {
      const bits = reader.u32();
      for (let bit = 0; bit < 32; bit++) {
        if (bits >>> bit & 1) slots.push(word * 64 + half * 32 + bit);
      }
    }
  }
  return slots;
}
