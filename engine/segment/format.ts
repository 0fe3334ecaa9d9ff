/**
 * Segment files: header, chunks, index blocks and source blocks in one paged stream, footer at the end.
 *
 *   stream   32 bytes  header: magic "tsinkseg", version u32, page bytes u32, segment id u64, 8 zero bytes
 *            n         chunks of up to 256 sources in ascending order, then their index block; repeated
 *            n         a source block (definitions of up to 4,096 sources) after the index block that completes it
 *            24 each   index directory, then source directory: where the blocks lie
 *   footer  128 bytes  see FOOTER_BYTES; bare, behind the last page
 *
 * The stream is cut into pages: PAGE_PAYLOAD bytes and their crc32, so that a page checks itself when it is read first
 * and nothing is read at start. Offsets within the stream are called logical; `physicalOffset` gives the place in the file.
 * Numbers are little-endian; 64-bit counts are below 2^53.
 *
 * Invariants
 * - Chunks ascend by source; chunks of one source ascend in time and do not overlap.
 * - Each page's checksum is seeded with segment id and page number: a page in the wrong place is damage.
 *
 * See docs/format/segment.md; bytes pinned by test/golden/segment.hex.
 */
import { crc32 } from "node:zlib";
import { assert } from "../base/assert.ts";
import { type SegmentId, type Sequence, toSegmentId, toSequence } from "../base/types.ts";
import { EngineError } from "../errors.ts";

export const SEGMENT_VERSION = 1;
/** Bytes of a page in the file: payload and checksum. */
export const PAGE_BYTES = 65_536;
/** Bytes of the stream that a page carries. */
export const PAGE_PAYLOAD: number = PAGE_BYTES - 4;
export const HEADER_BYTES = 32;
export const FOOTER_BYTES = 128;
/** Bytes of an entry in the index directory and in the source directory. */
export const DIRECTORY_ENTRY_BYTES = 24;
/** Sources whose chunks one index block describes. */
export const INDEX_SOURCES_MAX = 256;
/** Sources that one source block defines. */
export const SOURCE_BLOCK_SOURCES_MAX = 4_096;
/** Bytes that a source block may have once it is unpacked. */
export const SOURCE_BLOCK_BYTES_MAX: number = 256 << 20;
/** Bytes of one chunk. */
export const CHUNK_BYTES_MAX: number = 256 << 20;

const HEADER_MAGIC = "tsinkseg";
const FOOTER_MAGIC = "tsinkend";
const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/** What a footer says. Times are inclusive bounds in the database's unit. */
export interface SegmentFooter {
  readonly id: SegmentId;
  readonly sequence: Sequence;
  /** Level the segment was written at; the manifest's level counts. */
  readonly level: number;
  readonly minTime: bigint;
  readonly maxTime: bigint;
  readonly rows: number;
  readonly points: number;
  readonly chunks: number;
  readonly sources: number;
  /** Bytes of the stream, directories included. */
  readonly streamBytes: number;
  readonly indexDirectory: DirectoryPlace;
  readonly sourceDirectory: DirectoryPlace;
}

/** Where a directory lies in the stream. */
export interface DirectoryPlace {
  readonly offset: number;
  readonly entries: number;
  readonly crc: number;
}

/** Where a block lies in the stream and which sources it speaks of, both ends inclusive. */
export interface DirectoryEntry {
  readonly firstSource: number;
  readonly lastSource: number;
  readonly offset: number;
  readonly bytes: number;
  readonly crc: number;
}

/** Place in the file of a byte of the stream. */
export function physicalOffset(logical: number): number {
  return logical + 4 * Math.floor(logical / PAGE_PAYLOAD);
}

/** Bytes in the file that a stream of `logical` bytes takes, checksums included. */
export function physicalBytes(logical: number): number {
  return logical + 4 * Math.ceil(logical / PAGE_PAYLOAD);
}

/** File name of a segment. */
export function segmentFileName(id: SegmentId): string {
  return `${String(id).padStart(10, "0")}.seg`;
}

/** The id in a segment's file name; undefined for any other name. */
export function segmentIdOfFileName(name: string): SegmentId | undefined {
  const match = /^(\d{10,16})\.seg$/.exec(name);
  return match === null || Number(match[1]) === 0 ? undefined : toSegmentId(Number(match[1]));
}

/** Checksum of a page's payload. */
export function pageChecksum(payload: Uint8Array, page: { id: number; number: number }): number {
  return crc32(payload, (Math.imul(page.id, 0x9e3779b1) + page.number + 1) >>> 0);
}

export function encodeHeader(id: SegmentId): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(encoder.encode(HEADER_MAGIC));
  view.setUint32(8, SEGMENT_VERSION, true);
  view.setUint32(12, PAGE_BYTES, true);
  view.setBigUint64(16, BigInt(id), true);
  return bytes;
}

/** Throws "unsupported" for a newer version and "corrupt" for anything that is not this segment's header. */
export function checkHeader(bytes: Uint8Array, given: { path: string; id: SegmentId }): void {
  const expected = encodeHeader(given.id);
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
  if (decoder.decode(bytes.subarray(0, 8)) === HEADER_MAGIC && version > SEGMENT_VERSION) {
    throw newerVersion(given.path, version);
  }
  for (let i = 0; i < HEADER_BYTES; i++) {
    if (bytes[i] !== expected[i]) throw corruptSegment(given.path, i, "its header is damaged");
  }
}

export function encodeFooter(footer: SegmentFooter): Uint8Array {
  const bytes = new Uint8Array(FOOTER_BYTES);
  const view = new DataView(bytes.buffer);
  const put = (at: number, value: number) => view.setBigUint64(at, BigInt(value), true);
  put(0, footer.id);
  put(8, footer.sequence);
  view.setUint8(16, footer.level);
  view.setBigInt64(24, footer.minTime, true);
  view.setBigInt64(32, footer.maxTime, true);
  put(40, footer.rows);
  put(48, footer.points);
  put(56, footer.chunks);
  view.setUint32(64, footer.sources, true);
  put(72, footer.streamBytes);
  [footer.indexDirectory, footer.sourceDirectory].forEach((place, i) => {
    put(80 + i * 16, place.offset);
    view.setUint32(88 + i * 16, place.entries, true);
    view.setUint32(92 + i * 16, place.crc, true);
  });
  view.setUint32(112, SEGMENT_VERSION, true);
  view.setUint32(116, crc32(bytes.subarray(0, 116)), true);
  bytes.set(encoder.encode(FOOTER_MAGIC), 120);
  return bytes;
}

/** Checksum that stands in a footer: what a manifest keeps to recognise the file. */
export function footerChecksum(footer: Uint8Array): number {
  return new DataView(footer.buffer, footer.byteOffset).getUint32(116, true);
}

/** Decodes and checks a footer read from the last bytes of a file. `offset` is where it lies, for messages. */
export function decodeFooter(
  bytes: Uint8Array,
  given: { path: string; fileBytes: number },
): SegmentFooter {
  assert(bytes.length === FOOTER_BYTES);
  const offset = given.fileBytes - FOOTER_BYTES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (decoder.decode(bytes.subarray(120)) !== FOOTER_MAGIC) {
    throw corruptSegment(given.path, offset, "it does not end in a footer");
  }
  if (crc32(bytes.subarray(0, 116)) !== view.getUint32(116, true)) {
    throw corruptSegment(given.path, offset, "its footer's checksum is wrong");
  }
  const version = view.getUint32(112, true);
  if (version > SEGMENT_VERSION) throw newerVersion(given.path, version);
  const get = (at: number) => Number(view.getBigUint64(at, true));
  const place = (at: number): DirectoryPlace => ({
    offset: get(at),
    entries: view.getUint32(at + 8, true),
    crc: view.getUint32(at + 12, true),
  });
  const footer: SegmentFooter = {
    id: get(0) as SegmentId,
    sequence: toSequence(get(8)),
    level: view.getUint8(16),
    minTime: view.getBigInt64(24, true),
    maxTime: view.getBigInt64(32, true),
    rows: get(40),
    points: get(48),
    chunks: get(56),
    sources: view.getUint32(64, true),
    streamBytes: get(72),
    indexDirectory: place(80),
    sourceDirectory: place(96),
  };
  if (!isConsistent(footer, given.fileBytes)) {
    throw corruptSegment(given.path, offset, "its footer contradicts the file's size");
  }
  return footer;
}

function isConsistent(footer: SegmentFooter, fileBytes: number): boolean {
  const { indexDirectory: index, sourceDirectory: sources } = footer;
  return physicalBytes(footer.streamBytes) + FOOTER_BYTES === fileBytes &&
    index.offset >= HEADER_BYTES && index.entries > 0 &&
    index.offset + index.entries * DIRECTORY_ENTRY_BYTES === sources.offset &&
    sources.offset + sources.entries * DIRECTORY_ENTRY_BYTES === footer.streamBytes;
}

/** Writes an entry into a directory that is being collected. */
export function putDirectoryEntry(view: DataView, at: number, entry: DirectoryEntry): void {
  view.setUint32(at, entry.firstSource, true);
  view.setUint32(at + 4, entry.lastSource, true);
  view.setBigUint64(at + 8, BigInt(entry.offset), true);
  view.setUint32(at + 16, entry.bytes, true);
  view.setUint32(at + 20, entry.crc, true);
}

export function getDirectoryEntry(view: DataView, at: number): DirectoryEntry {
  return {
    firstSource: view.getUint32(at, true),
    lastSource: view.getUint32(at + 4, true),
    offset: Number(view.getBigUint64(at + 8, true)),
    bytes: view.getUint32(at + 16, true),
    crc: view.getUint32(at + 20, true),
  };
}

/** The error for damage: names the file, the byte and what is wrong. */
export function corruptSegment(path: string, offset: number, what: string): EngineError {
  return new EngineError("corrupt", `Cannot read segment "${path}" at offset ${offset}: ${what}`);
}

function newerVersion(path: string, version: number): EngineError {
  return new EngineError(
    "unsupported",
    `Cannot read segment "${path}": its version ${version} is newer than ${SEGMENT_VERSION}; update this program`,
  );
}
