/**
 * The file MANIFEST: a header and records, each of which is an edit; the first holds the whole version at that time.
 *
 *   header   32 bytes  magic "tsinkman", version u32, 20 zero bytes
 *   record    4        length of the payload, 1 ..= RECORD_BYTES_MAX
 *             4        crc32 over the length and the payload
 *             n        payload: kind u8, record number varint, fields until its end
 *   field     1        tag (FIELD), then its content
 *
 * Little-endian; varints hold seven bits a byte, lowest first. Records are packed.
 *
 * Invariants
 * - Record numbers ascend by one from the whole version's, so that no record can be lost or repeated between others.
 * - A record is on the device before the next one is begun: only the last one can be torn.
 *
 * See docs/format/manifest.md; bytes pinned by test/golden/manifest.hex.
 */
import { crc32 } from "node:zlib";
import { assert, unreachable } from "../base/assert.ts";
import { ByteReader, ByteWriter, MalformedError } from "../base/bytes.ts";
import { type SegmentId, type TimeUnit, toSegmentId, toSequence } from "../base/types.ts";
import type { DatabaseIdentity, SegmentRecord, Tombstone, VersionEdit } from "./version.ts";

export const MANIFEST_VERSION = 1;
export const HEADER_BYTES = 32;
export const RECORD_HEADER_BYTES = 8;
export const RECORD_BYTES_MAX: number = 256 << 20;
/** Bytes whose checksums are tried behind damage, as a multiple of the file's. */
const SEARCH_RATIO_MAX = 32;

/** Kinds of records; 0 is never valid. Written to disk: never reuse a value. */
export const RECORD_KIND = { whole: 1, edit: 2 } as const;
export type RecordKind = keyof typeof RECORD_KIND;

/** Tags of fields; 0 is never valid. Written to disk: never reuse a value. */
const FIELD = {
  identity: 1,
  addSegment: 2,
  removeSegment: 3,
  moveSegment: 4,
  purgeSegment: 5,
  quarantineSegment: 6,
  addTombstone: 7,
  removeTombstone: 8,
  registryFiles: 9,
  logFloor: 10,
  nextSegment: 11,
  nextSequence: 12,
  maxTime: 13,
} as const;
type FieldName = keyof typeof FIELD;
const FIELD_NAMES = new Map<number, FieldName>(
  Object.entries(FIELD).map(([name, tag]) => [tag, name as FieldName]),
);

/** Written to disk: never reuse a value. */
const TIME_UNIT_CODE: Readonly<Record<TimeUnit, number>> = { ns: 1, us: 2, ms: 3, s: 4 };
const MAGIC = "tsinkman";

export interface ManifestRecord {
  readonly kind: RecordKind;
  readonly number: number;
  /** Only in a record of the whole version. */
  readonly identity: DatabaseIdentity | undefined;
  readonly edit: VersionEdit;
}

export function encodeHeader(): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(new TextEncoder().encode(MAGIC));
  new DataView(bytes.buffer).setUint32(8, MANIFEST_VERSION, true);
  return bytes;
}

/** The version in a header, or undefined when it is not one. */
export function headerVersion(bytes: Uint8Array): number | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const expected = encodeHeader();
  for (let i = 0; i < HEADER_BYTES; i++) {
    const isVersion = i >= 8 && i < 12;
    if (!isVersion && bytes[i] !== expected[i]) return undefined;
  }
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
}

/** A record with its header. */
export function encodeRecord(record: ManifestRecord): Uint8Array {
  const payload = new ByteWriter();
  payload.u8(RECORD_KIND[record.kind]);
  payload.varint(record.number);
  if (record.identity !== undefined) putIdentity(payload, record.identity);
  putEdit(payload, record.edit);
  assert(payload.length <= RECORD_BYTES_MAX, "Manifest record is too long");
  const bytes = new Uint8Array(RECORD_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length, true);
  bytes.set(payload.bytes(), RECORD_HEADER_BYTES);
  view.setUint32(4, recordChecksum(bytes), true);
  return bytes;
}

/** The payload of the record at `offset`, or undefined when it is torn, damaged or not a record. */
export function payloadAt(bytes: Uint8Array, offset: number): Uint8Array | undefined {
  if (offset + RECORD_HEADER_BYTES > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
  const length = view.getUint32(0, true);
  if (length === 0 || length > RECORD_BYTES_MAX) return undefined;
  const end = offset + RECORD_HEADER_BYTES + length;
  if (end > bytes.length) return undefined;
  const record = bytes.subarray(offset, end);
  return recordChecksum(record) === view.getUint32(4, true)
    ? record.subarray(RECORD_HEADER_BYTES)
    : undefined;
}

/** Kind and number at the start of a payload. Throws MalformedError. */
export function readRecordStart(reader: ByteReader): { kind: RecordKind; number: number } {
  const code = reader.u8();
  const number = reader.varint();
  if (code === RECORD_KIND.whole) return { kind: "whole", number };
  if (code === RECORD_KIND.edit) return { kind: "edit", number };
  throw new MalformedError(`there is no record kind ${code}`);
}

/**
 * Whether a later record lies behind damage: then the damage is not the torn end of the last write. So is what looks like
 * records nearly everywhere, which would take a checksum of the rest at each byte to tell.
 */
export function hasRecordBehind(
  bytes: Uint8Array,
  { offset, number }: { readonly offset: number; readonly number: number },
): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let searchBytes = bytes.length * SEARCH_RATIO_MAX;
  for (let at = offset + 1; at + RECORD_HEADER_BYTES < bytes.length; at++) {
    // The kind byte first: it is wrong nearly everywhere and costs no checksum.
    const kind = bytes[at + RECORD_HEADER_BYTES]!;
    if (kind !== 1 && kind !== 2) continue;
    const length = view.getUint32(at, true);
    if (length > bytes.length - at - RECORD_HEADER_BYTES) continue;
    searchBytes -= length;
    if (searchBytes < 0) return true;
    const payload = payloadAt(bytes, at);
    if (payload === undefined) continue;
    try {
      if (readRecordStart(new ByteReader(payload)).number > number) return true;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
    }
  }
  return false;
}

/** Decodes a payload. Throws MalformedError. */
export function decodePayload(payload: Uint8Array): ManifestRecord {
  const fields = new EditCollector();
  const start = readFields(payload, (name, value) => fields.add(name, value));
  return { ...start, identity: fields.identity, edit: fields.edit() };
}

/** Reads kind, number and fields, in order. Throws MalformedError. */
export function readFields(
  payload: Uint8Array,
  visit: (name: FieldName, value: unknown, offset: number) => void,
): { kind: RecordKind; number: number } {
  const reader = new ByteReader(payload);
  const start = readRecordStart(reader);
  while (reader.left > 0) {
    const { offset } = reader;
    const tag = reader.u8();
    const name = FIELD_NAMES.get(tag);
    if (name === undefined) throw new MalformedError(`there is no field ${tag}`);
    visit(name, getField(reader, name), offset);
  }
  return start;
}

function recordChecksum(record: Uint8Array): number {
  return crc32(record.subarray(RECORD_HEADER_BYTES), crc32(record.subarray(0, 4)));
}

function putIdentity(writer: ByteWriter, identity: DatabaseIdentity): void {
  writer.u8(FIELD.identity);
  writer.u8(TIME_UNIT_CODE[identity.timeUnit]);
  writer.varint(identity.partitionMs);
  writer.varint(identity.metadataShards);
}

function putEdit(writer: ByteWriter, edit: VersionEdit): void {
  for (const id of edit.removeSegments ?? []) putNumbers(writer, FIELD.removeSegment, [id]);
  for (const segment of edit.addSegments ?? []) putSegment(writer, segment);
  for (const { id, level } of edit.moveSegments ?? []) {
    putNumbers(writer, FIELD.moveSegment, [id, level]);
  }
  for (const { id, purged } of edit.purgeSegments ?? []) {
    putNumbers(writer, FIELD.purgeSegment, [id, purged]);
  }
  for (const id of edit.quarantineSegments ?? []) {
    putNumbers(writer, FIELD.quarantineSegment, [id]);
  }
  for (const sequence of edit.removeTombstones ?? []) {
    putNumbers(writer, FIELD.removeTombstone, [sequence]);
  }
  for (const tombstone of edit.addTombstones ?? []) putTombstone(writer, tombstone);
  if (edit.registryFiles !== undefined) {
    putNumbers(writer, FIELD.registryFiles, [edit.registryFiles.length]);
    for (const name of edit.registryFiles) writer.text(name);
  }
  if (edit.logFloor !== undefined) {
    putNumbers(writer, FIELD.logFloor, [edit.logFloor.file, edit.logFloor.offset]);
  }
  if (edit.nextSegment !== undefined) putNumbers(writer, FIELD.nextSegment, [edit.nextSegment]);
  if (edit.nextSequence !== undefined) putNumbers(writer, FIELD.nextSequence, [edit.nextSequence]);
  if (edit.maxTime !== undefined) {
    writer.u8(FIELD.maxTime);
    writer.i64(edit.maxTime);
  }
}

function putNumbers(writer: ByteWriter, tag: number, numbers: readonly number[]): void {
  writer.u8(tag);
  for (const number of numbers) writer.varint(number);
}

function putSegment(writer: ByteWriter, segment: SegmentRecord): void {
  putNumbers(writer, FIELD.addSegment, [segment.id, segment.level, segment.bytes]);
  writer.i64(segment.minTime);
  writer.i64(segment.maxTime);
  for (
    const number of [
      segment.rows,
      segment.points,
      segment.sources,
      segment.sequence,
      segment.purged,
    ]
  ) writer.varint(number);
  writer.u32(segment.checksum);
}

function putTombstone(writer: ByteWriter, tombstone: Tombstone): void {
  putNumbers(writer, FIELD.addTombstone, [tombstone.sequence]);
  writer.i64(tombstone.start);
  writer.i64(tombstone.end);
  writer.varint(tombstone.logPosition.file);
  writer.varint(tombstone.logPosition.offset);
  // 0: every series; else one more than the count, then the differences.
  writer.varint(tombstone.series === undefined ? 0 : tombstone.series.length + 1);
  let previous = 0;
  for (const series of tombstone.series ?? []) {
    assert(series > previous, "Series of a tombstone must ascend");
    writer.varint(series - previous);
    previous = series;
  }
}

function getField(reader: ByteReader, name: FieldName): unknown {
  switch (name) {
    case "identity":
      return getIdentity(reader);
    case "addSegment":
      return getSegment(reader);
    case "removeSegment":
    case "quarantineSegment":
      return getSegmentId(reader);
    case "moveSegment":
      return { id: getSegmentId(reader), level: reader.varint() };
    case "purgeSegment":
      return { id: getSegmentId(reader), purged: toSequence(reader.varint()) };
    case "addTombstone":
      return getTombstone(reader);
    case "registryFiles":
      return Array.from({ length: getCount(reader) }, () => reader.text());
    case "logFloor":
      return { file: reader.varint(), offset: reader.varint() };
    case "removeTombstone":
    case "nextSegment":
    case "nextSequence":
      return reader.varint();
    case "maxTime":
      return reader.i64();
    default:
      return unreachable(name);
  }
}

function getIdentity(reader: ByteReader): DatabaseIdentity {
  const code = reader.u8();
  const unit = Object.entries(TIME_UNIT_CODE).find(([, value]) => value === code);
  if (unit === undefined) throw new MalformedError(`there is no time unit ${code}`);
  return {
    timeUnit: unit[0] as TimeUnit,
    partitionMs: reader.varint(),
    metadataShards: reader.varint(),
  };
}

function getSegmentId(reader: ByteReader): SegmentId {
  const id = reader.varint();
  if (id === 0) throw new MalformedError("a segment has id 0");
  return toSegmentId(id);
}

function getSegment(reader: ByteReader): SegmentRecord {
  const id = getSegmentId(reader);
  const level = reader.varint();
  const bytes = reader.varint();
  const minTime = reader.i64();
  const maxTime = reader.i64();
  return {
    id,
    level,
    bytes,
    minTime,
    maxTime,
    rows: reader.varint(),
    points: reader.varint(),
    sources: reader.varint(),
    sequence: toSequence(reader.varint()),
    purged: toSequence(reader.varint()),
    checksum: reader.u32(),
  };
}

function getTombstone(reader: ByteReader): Tombstone {
  const sequence = toSequence(reader.varint());
  const start = reader.i64();
  const end = reader.i64();
  const logPosition = { file: reader.varint(), offset: reader.varint() };
  const length = getCount(reader);
  if (length === 0) return { sequence, start, end, logPosition, series: undefined };
  const series = new Float64Array(length - 1);
  let previous = 0;
  for (let i = 0; i < series.length; i++) {
    const step = reader.varint();
    previous += step;
    if (step === 0 || !Number.isSafeInteger(previous)) {
      throw new MalformedError("series do not ascend");
    }
    series[i] = previous;
  }
  return { sequence, start, end, logPosition, series };
}

/** A count of things that take at least a byte each, but for one. */
function getCount(reader: ByteReader): number {
  const count = reader.varint();
  if (count > reader.left + 1) throw new MalformedError("a count is too large");
  return count;
}

/** Puts the fields of a record together again. */
class EditCollector {
  identity: DatabaseIdentity | undefined;
  readonly #lists = new Map<FieldName, unknown[]>();
  readonly #values = new Map<FieldName, unknown>();

  add(name: FieldName, value: unknown): void {
    if (name === "identity") this.identity = value as DatabaseIdentity;
    else if (LIST_FIELDS[name] === undefined) this.#values.set(name, value);
    else {
      const list = this.#lists.get(name);
      if (list === undefined) this.#lists.set(name, [value]);
      else list.push(value);
    }
  }

  edit(): VersionEdit {
    const edit: Record<string, unknown> = {};
    for (const [name, list] of this.#lists) edit[LIST_FIELDS[name]!] = list;
    for (const [name, value] of this.#values) edit[name] = value;
    return edit as VersionEdit;
  }
}

/** Fields that may occur several times, and where their values go. */
const LIST_FIELDS: { readonly [Name in FieldName]?: keyof VersionEdit } = {
  addSegment: "addSegments",
  removeSegment: "removeSegments",
  moveSegment: "moveSegments",
  purgeSegment: "purgeSegments",
  quarantineSegment: "quarantineSegments",
  addTombstone: "addTombstones",
  removeTombstone: "removeTombstones",
};
export type { FieldName };
