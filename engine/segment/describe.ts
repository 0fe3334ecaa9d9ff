/**
 * Labels the parts of a segment file's bytes, for people: `tsinkd inspect`, the golden file and docs/format/segment.md.
 * Reads plainly, without kernels: what it says is a second opinion on what the writer wrote.
 */
import { crc32, zstdDecompressSync } from "node:zlib";
import { ByteReader, MalformedError } from "../base/bytes.ts";
import { describeChunk } from "../chunk/describe.ts";
import { isEngineError } from "../errors.ts";
import { describeDefinitions } from "../series/describe_definitions.ts";
import {
  checkHeader,
  decodeFooter,
  DIRECTORY_ENTRY_BYTES,
  type DirectoryEntry,
  type DirectoryPlace,
  FOOTER_BYTES,
  getDirectoryEntry,
  HEADER_BYTES,
  PAGE_BYTES,
  PAGE_PAYLOAD,
  pageChecksum,
  physicalOffset,
  type SegmentFooter,
  SOURCE_BLOCK_BYTES_MAX,
} from "./format.ts";

/** Chunks of an index block, and fields of a source block, that are written out. */
const SHOWN = 32;

export interface DescribeOptions {
  /** Also every field of the chunks that are shown. */
  readonly chunks?: boolean;
}

type Line = (logical: number, text: string) => void;

/** One line a part: offset in the file, what it is. Damage is a line, too; what depends on it is not read. */
export function describeSegment(bytes: Uint8Array, options: DescribeOptions = {}): string {
  const lines: string[] = [];
  const at = (offset: number, text: string) =>
    lines.push(`${String(offset).padStart(10)}  ${text}`);
  const fileBytes = bytes.length;
  if (fileBytes < HEADER_BYTES + FOOTER_BYTES) return `         0  no segment: too short\n`;
  const footer = damageOr(() => {
    const footer = decodeFooter(bytes.subarray(fileBytes - FOOTER_BYTES), { path: "", fileBytes });
    checkHeader(bytes.subarray(0, HEADER_BYTES), { path: "", id: footer.id });
    return footer;
  });
  if (typeof footer === "string") {
    at(0, `damaged: ${footer}`);
    return lines.join("\n") + "\n";
  }
  at(0, `segment ${footer.id}, ${Math.ceil(footer.streamBytes / PAGE_PAYLOAD)} pages`);
  const stream = streamOf(bytes, footer, at);
  new Description(stream, options, (logical, text) => at(physicalOffset(logical), text)).add(
    footer,
  );
  describeFooter(footer, fileBytes - FOOTER_BYTES, at);
  return lines.join("\n") + "\n";
}

/** The stream without the pages' checksums; a wrong one is told. */
function streamOf(
  bytes: Uint8Array,
  footer: SegmentFooter,
  at: (offset: number, text: string) => void,
): Uint8Array {
  const stream = new Uint8Array(footer.streamBytes);
  for (let page = 0; page * PAGE_PAYLOAD < stream.length; page++) {
    const start = page * PAGE_BYTES;
    const length = Math.min(PAGE_PAYLOAD, stream.length - page * PAGE_PAYLOAD);
    const payload = bytes.subarray(start, start + length);
    stream.set(payload, page * PAGE_PAYLOAD);
    const stored = new DataView(bytes.buffer, bytes.byteOffset + start + length).getUint32(0, true);
    if (pageChecksum(payload, { id: footer.id, number: page }) !== stored) {
      at(start, `damaged: the checksum of page ${page} is wrong`);
    }
  }
  return stream;
}

/** What lies between header and footer. */
class Description {
  readonly #stream: Uint8Array;
  readonly #options: DescribeOptions;
  readonly #line: Line;

  constructor(stream: Uint8Array, options: DescribeOptions, line: Line) {
    this.#stream = stream;
    this.#options = options;
    this.#line = line;
  }

  add(footer: SegmentFooter): void {
    const index = this.#directory(footer.indexDirectory);
    const sources = this.#directory(footer.sourceDirectory);
    for (const [kind, block] of inOrder(index, sources)) {
      if (kind === "index") this.#indexBlock(block);
      else this.#sourceBlock(block);
    }
    this.#line(footer.indexDirectory.offset, `index directory, ${index.length} entries`);
    this.#line(footer.sourceDirectory.offset, `source directory, ${sources.length} entries`);
  }

  #directory(place: DirectoryPlace): DirectoryEntry[] {
    const bytes = this.#stream.subarray(
      place.offset,
      place.offset + place.entries * DIRECTORY_ENTRY_BYTES,
    );
    if (crc32(bytes) !== place.crc) {
      this.#line(place.offset, "damaged: the directory's checksum is wrong");
      return [];
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return Array.from(
      { length: place.entries },
      (_, i) => getDirectoryEntry(view, i * DIRECTORY_ENTRY_BYTES),
    );
  }

  /** The bytes of a block, or undefined, which is told. */
  #block(entry: DirectoryEntry, what: string): Uint8Array | undefined {
    const { offset, bytes, crc } = entry;
    const block = this.#stream.subarray(offset, offset + bytes);
    if (block.length === bytes && crc32(block) === crc) return block;
    this.#line(Math.min(offset, this.#stream.length), `damaged: the checksum of ${what} is wrong`);
    return undefined;
  }

  #indexBlock(entry: DirectoryEntry): void {
    const block = this.#block(entry, "an index block");
    if (block === undefined) return;
    const problem = damageOr(() => this.#chunks(block));
    const { firstSource, lastSource, bytes } = entry;
    this.#line(
      entry.offset,
      `index block, sources ${firstSource} to ${lastSource}, ${bytes} bytes`,
    );
    if (problem !== undefined) this.#line(entry.offset, `  damaged: ${problem}`);
  }

  /** Chunks as an index block has them; its layout is drawn in kernels/assembly/segment_index.ts. */
  #chunks(block: Uint8Array): undefined {
    const reader = new ByteReader(block);
    if (reader.u8() !== 1) throw new MalformedError("its layout is unknown");
    const chunks = reader.varint();
    const sources = reader.varint();
    let offset = reader.varint();
    const base = reader.i64();
    const scale = wideVarint(reader);
    let source = 0;
    let shown = 0;
    for (let s = 0; s < sources; s++) {
      source += reader.varint();
      let anchor = base;
      for (let left = reader.varint(); left > 0; left--) {
        const min = anchor + wideVarint(reader) * scale;
        const max = min + wideVarint(reader) * scale;
        const rows = reader.varint();
        const bytes = reader.varint();
        if (shown++ < SHOWN) {
          const times = `${min} to ${max}`;
          this.#line(offset, `chunk of source ${source}, ${rows} rows, ${times}, ${bytes} bytes`);
          if (this.#options.chunks) this.#chunk(offset, bytes);
        }
        anchor = max;
        offset += bytes;
      }
    }
    if (shown !== chunks || reader.left > 0) throw new MalformedError("its counts are wrong");
    if (chunks > SHOWN) this.#line(offset, `after ${chunks - SHOWN} further chunks:`);
    return undefined;
  }

  #chunk(offset: number, bytes: number): void {
    for (const text of describeChunk(this.#stream.subarray(offset, offset + bytes)).split("\n")) {
      const [, at, field] = /^ *(\d+) {2}(.*)$/.exec(text) ?? [];
      if (field !== undefined) this.#line(offset + Number(at), `  ${field}`);
    }
  }

  #sourceBlock(entry: DirectoryEntry): void {
    const block = this.#block(entry, "a source block");
    if (block === undefined) return;
    const { offset, firstSource, lastSource, bytes } = entry;
    this.#line(offset, `source block, sources ${firstSource} to ${lastSource}, ${bytes} bytes`);
    const fields = damageOr(() => {
      const maxOutputLength = SOURCE_BLOCK_BYTES_MAX;
      return describeDefinitions(zstdDecompressSync(block.subarray(4), { maxOutputLength }));
    });
    if (typeof fields === "string") {
      this.#line(offset, `  damaged: ${fields}`);
      return;
    }
    for (const { text } of fields.slice(0, SHOWN)) this.#line(offset, `  ${text}`);
    if (fields.length > SHOWN) this.#line(offset, `  and ${fields.length - SHOWN} more`);
  }
}

/** Blocks of both kinds in the order in which they lie. */
function inOrder(
  index: readonly DirectoryEntry[],
  sources: readonly DirectoryEntry[],
): (readonly ["index" | "source", DirectoryEntry])[] {
  return [
    ...index.map((block) => ["index", block] as const),
    ...sources.map((block) => ["source", block] as const),
  ].sort(([, a], [, b]) => a.offset - b.offset);
}

function describeFooter(
  footer: SegmentFooter,
  offset: number,
  at: (offset: number, text: string) => void,
): void {
  at(offset, "footer");
  at(offset, `  id ${footer.id}`);
  at(offset + 8, `  sequence ${footer.sequence}`);
  at(offset + 16, `  level ${footer.level}`);
  at(offset + 24, `  times ${footer.minTime} to ${footer.maxTime}`);
  at(offset + 40, `  rows ${footer.rows}`);
  at(offset + 48, `  points ${footer.points}`);
  at(offset + 56, `  chunks ${footer.chunks}`);
  at(offset + 64, `  sources ${footer.sources}`);
  at(offset + 72, `  stream ${footer.streamBytes} bytes`);
  const { indexDirectory, sourceDirectory } = footer;
  at(offset + 80, `  index directory at ${indexDirectory.offset} of the stream`);
  at(offset + 96, `  source directory at ${sourceDirectory.offset} of the stream`);
}

/** A number of up to 64 bits. */
function wideVarint(reader: ByteReader): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 64n; shift += 7n) {
    const byte = reader.u8();
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return value;
  }
  throw new MalformedError("a number does not end");
}

/** What `read` gives, or what is wrong with the bytes. */
function damageOr<Result>(read: () => Result): Result | string {
  try {
    return read();
  } catch (error) {
    const expected = error instanceof MalformedError || isEngineError(error, "corrupt") ||
      isEngineError(error, "unsupported") || error instanceof RangeError ||
      (error instanceof Error && "code" in error);
    if (!expected) throw error;
    return error.message;
  }
}
