/**
 * Log files, DATA/wal/0000000042.log: a header and records. Little-endian.
 *
 *   file header, 32 bytes
 *     0  8  magic "tsinkwal"
 *     8  2  version, 1                    10  2  mark of the file on its file system, 0 unknown
 *    12  4  number of the file            16  4  number of the file that the log came from, 0 for none
 *    20  4  where the log ended in that file
 *    24  4  up to where that file was known to be on the device when this one was begun
 *    28  4  crc32 over the bytes before
 *   record, packed
 *     0  4  crc32 over bytes 4 to the record's end
 *     4  4  bytes of the payload, 1 ..= RECORD_PAYLOAD_MAX
 *     8  4  up to where this file was known to be on the device when the record was written, 0 for nothing
 *    12  1  kind: 1 batch; 0 is never valid
 *    13  1  flags: 1 the record restarts (its rows count from nothing before it), 2 the text is compressed
 *    14  2  the low half of the crc32 over bytes 4 to 13
 *    16  n  payload
 *   payload: varint bytes of the columns, of the blobs, of the definitions; columns (record.ts); text: blobs, definitions;
 *            compressed by zstd where the flag says so
 *
 * Both checksums of a record are seeded with the file's number and the record's offset, so that what an earlier life of a
 * recycled file left behind is never taken for a record.
 *
 * A copy of a file has the mark of the file it was made from: replay knows by it that the copy may have been made while the
 * file was written, and may have holes that are no damage.
 *
 * Invariants
 * - The first record of a file restarts.
 * - Files that were begun follow one another by their headers' links; a file without a valid header has not been begun.
 *
 * See docs/format/wal.md; bytes pinned by test/golden/wal.hex.
 */
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { ByteReader, MalformedError } from "../base/bytes.ts";
import { EngineError } from "../errors.ts";

export const LOG_VERSION = 1;
export const FILE_HEADER_BYTES = 32;
export const RECORD_HEADER_BYTES = 16;
/** No record's payload is longer. */
export const RECORD_PAYLOAD_MAX: number = 64 << 20;
/** No payload's head (the three lengths) is longer. */
export const PAYLOAD_HEAD_MAX = 15;
/** Number of the highest file there may be. */
export const FILE_NUMBER_MAX = 0xffff_fffe;

/** Kinds of records. Written to disk: never reuse a value. */
export const RECORD_KIND = { batch: 1 } as const;
/** Flags of records. Written to disk: never reuse a value. */
export const RECORD_FLAG = { restart: 1, compressed: 2 } as const;
const RECORD_FLAGS_KNOWN = 3;

/** Texts shorter than this are not worth compressing. */
const COMPRESS_BYTES_MIN = 512;
const COMPRESS_LEVEL = 1;
const MAGIC = new TextEncoder().encode("tsinkwal");
const FILE_NAME = /^(\d{10})\.log$/;

export interface LogFileHeader {
  readonly file: number;
  /** fileMark of the file that the header was written to. */
  readonly mark: number;
  readonly previousFile: number;
  readonly previousEnd: number;
  readonly previousSynced: number;
}

/** Where a record lies. */
export interface RecordPlace {
  readonly file: number;
  readonly offset: number;
}

export interface RecordHeader {
  readonly payloadBytes: number;
  readonly synced: number;
  readonly restarts: boolean;
  readonly isCompressed: boolean;
}

/** A payload's parts. */
export interface RecordPayload {
  readonly columns: Uint8Array;
  readonly blobs: Uint8Array;
  readonly definitions: Uint8Array;
}

export function logFileName(file: number): string {
  return `${String(file).padStart(10, "0")}.log`;
}

/** Number of the log file with this name, undefined for other files. */
export function logFileNumber(name: string): number | undefined {
  const match = FILE_NAME.exec(name);
  const file = Number(match?.[1] ?? 0);
  return file >= 1 && file <= FILE_NUMBER_MAX ? file : undefined;
}

/** The mark of a file by its identity on its file system: 16 bits; 0 where that is not known. */
export function fileMark(identity: number): number {
  if (identity === 0) return 0;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, identity, true);
  return Math.max(1, crc32(bytes) & 0xffff);
}

export function encodeFileHeader(header: LogFileHeader): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  bytes.set(MAGIC);
  const view = new DataView(bytes.buffer);
  view.setUint16(8, LOG_VERSION, true);
  view.setUint16(10, header.mark, true);
  view.setUint32(12, header.file, true);
  view.setUint32(16, header.previousFile, true);
  view.setUint32(20, header.previousEnd, true);
  view.setUint32(24, header.previousSynced, true);
  view.setUint32(28, crc32(bytes.subarray(0, 28)), true);
  return bytes;
}

/**
 * The header at the start of `bytes`: "unused" for zeros and for too few bytes, undefined for a damaged one. Throws
 * "unsupported" for a newer version.
 */
export function decodeFileHeader(bytes: Uint8Array): LogFileHeader | "unused" | undefined {
  if (bytes.length < FILE_HEADER_BYTES) return "unused";
  const header = bytes.subarray(0, FILE_HEADER_BYTES);
  if (header.every((byte) => byte === 0)) return "unused";
  const view = new DataView(header.buffer, header.byteOffset);
  if (MAGIC.some((byte, index) => header[index] !== byte)) return undefined;
  if (view.getUint32(28, true) !== crc32(header.subarray(0, 28))) return undefined;
  const version = view.getUint16(8, true);
  if (version !== LOG_VERSION) {
    throw new EngineError(
      "unsupported",
      `Cannot read log file: its version is ${version}, this program knows ${LOG_VERSION}`,
    );
  }
  return {
    file: view.getUint32(12, true),
    mark: view.getUint16(10, true),
    previousFile: view.getUint32(16, true),
    previousEnd: view.getUint32(20, true),
    previousSynced: view.getUint32(24, true),
  };
}

/** Writes the header of a record whose payload lies behind it in `record`. */
export function sealRecord(
  record: Uint8Array,
  given: { readonly place: RecordPlace; readonly synced: number; readonly flags: number },
): void {
  const view = new DataView(record.buffer, record.byteOffset);
  const seed = seedOf(given.place);
  view.setUint32(4, record.length - RECORD_HEADER_BYTES, true);
  view.setUint32(8, given.synced, true);
  record[12] = RECORD_KIND.batch;
  record[13] = given.flags;
  view.setUint16(14, crc32(record.subarray(4, 14), seed) & 0xffff, true);
  view.setUint32(0, crc32(record.subarray(4), seed), true);
}

/** The record header at the start of `bytes` if it is one of this place; whether the payload is sound is another matter. */
export function decodeRecordHeader(
  bytes: Uint8Array,
  place: RecordPlace,
): RecordHeader | undefined {
  if (bytes.length < RECORD_HEADER_BYTES || bytes[12] !== RECORD_KIND.batch) return undefined;
  const flags = bytes[13]!;
  if (flags > RECORD_FLAGS_KNOWN) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const payloadBytes = view.getUint32(4, true);
  if (payloadBytes === 0 || payloadBytes > RECORD_PAYLOAD_MAX) return undefined;
  const check = crc32(bytes.subarray(4, 14), seedOf(place)) & 0xffff;
  if (view.getUint16(14, true) !== check) return undefined;
  return {
    payloadBytes,
    synced: view.getUint32(8, true),
    restarts: (flags & RECORD_FLAG.restart) !== 0,
    isCompressed: (flags & RECORD_FLAG.compressed) !== 0,
  };
}

/** Whether a whole record, header included, is as it was written to this place. */
export function isRecordSound(record: Uint8Array, place: RecordPlace): boolean {
  const view = new DataView(record.buffer, record.byteOffset);
  return view.getUint32(0, true) === crc32(record.subarray(4), seedOf(place));
}

function seedOf(place: RecordPlace): number {
  return (Math.imul(place.file, 0x9e37_79b1) ^ Math.imul(place.offset, 0x85eb_ca6b)) >>> 0;
}

/** Writes the three lengths so that they end at `end` of `bytes`; returns where they begin. */
export function putPayloadHead(
  bytes: Uint8Array,
  end: number,
  lengths: readonly [columns: number, blobs: number, definitions: number],
): number {
  const head: number[] = [];
  for (const length of lengths) {
    let rest = length;
    while (rest >= 128) {
      head.push(rest % 128 + 128);
      rest = Math.floor(rest / 128);
    }
    head.push(rest);
  }
  bytes.set(head, end - head.length);
  return end - head.length;
}

/** A text in fewer bytes, or undefined where that does not pay. */
export function compressText(text: Uint8Array): Uint8Array | undefined {
  if (text.length < COMPRESS_BYTES_MIN) return undefined;
  const compressed = zstdCompressSync(text, {
    params: { [constants.ZSTD_c_compressionLevel]: COMPRESS_LEVEL },
  });
  return compressed.length < text.length - (text.length >> 3) ? compressed : undefined;
}

/** The parts of a payload; they are views on it unless it is compressed. Throws MalformedError. */
export function decodePayload(payload: Uint8Array, isCompressed: boolean): RecordPayload {
  const reader = new ByteReader(payload);
  const columnBytes = reader.varint();
  const blobBytes = reader.varint();
  const definitionBytes = reader.varint();
  const start = reader.offset;
  if (columnBytes > reader.left) throw new MalformedError("its columns end too early");
  const stored = payload.subarray(start + columnBytes);
  const textBytes = blobBytes + definitionBytes;
  const text = isCompressed ? decompressText(stored, textBytes) : stored;
  if (text.length !== textBytes) throw new MalformedError("its text has another length");
  return {
    columns: payload.subarray(start, start + columnBytes),
    blobs: text.subarray(0, blobBytes),
    definitions: text.subarray(blobBytes),
  };
}

function decompressText(stored: Uint8Array, bytes: number): Uint8Array {
  if (bytes > RECORD_PAYLOAD_MAX) throw new MalformedError("its text is too long");
  try {
    return zstdDecompressSync(stored, { maxOutputLength: Math.max(1, bytes) });
  } catch {
    throw new MalformedError("its text cannot be decompressed");
  }
}
