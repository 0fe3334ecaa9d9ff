/**
 * Writes one segment file: chunks in ascending source order, streamed with bounded memory.
 *
 * Chunks go through a buffer of a few pages straight to the file; the index of up to 256 sources follows them at once,
 * so that what is kept in memory is one directory entry (24 bytes) for 256 sources, whatever the segment's size.
 *
 * Invariants
 * - The file grows under staging/ and gets its name under segments/ only when all of it is on the device.
 * - After `finish` resolved, the name is on the device too; the segment joins the database when a manifest edit names it.
 * - After `abort`, or an error from any other method followed by it, nothing of the file is left.
 */
import { crc32, zstdCompressSync } from "node:zlib";
import { assert } from "../base/assert.ts";
import type { SegmentId, Sequence } from "../base/types.ts";
import type { FileHandle, FileSystem } from "../fs/file_system.ts";
import type { Kernels } from "../kernels/kernels.ts";
import {
  CHUNK_BYTES_MAX,
  DIRECTORY_ENTRY_BYTES,
  type DirectoryEntry,
  type DirectoryPlace,
  encodeFooter,
  encodeHeader,
  footerChecksum,
  INDEX_SOURCES_MAX,
  PAGE_BYTES,
  PAGE_PAYLOAD,
  pageChecksum,
  putDirectoryEntry,
  segmentFileName,
  SOURCE_BLOCK_SOURCES_MAX,
} from "./format.ts";
import {
  INDEX_BLOCK_BYTES_MAX,
  INDEX_CHUNKS_MAX,
  INDEX_TABLE_BYTES,
  TABLE,
} from "./index_table.ts";

/** Pages collected before they are written in one piece. */
const BUFFER_PAGES = 8;

/** Gives the definitions of sources (label sets, columns) as bytes, so that a lost registry can be rebuilt. */
export interface SourceEncoder {
  /** Definitions of the sources with these ascending ids. */
  encode(ids: Uint32Array): Uint8Array;
}

/** What a finished segment is: everything the manifest keeps of it but its tier. */
export interface SegmentSummary {
  readonly id: SegmentId;
  readonly level: number;
  /** Bytes of the file. */
  readonly bytes: number;
  /** Inclusive bounds. */
  readonly minTime: bigint;
  readonly maxTime: bigint;
  readonly rows: number;
  readonly points: number;
  readonly sources: number;
  readonly sequence: Sequence;
  /** The footer's checksum. */
  readonly checksum: number;
}

export interface SegmentWriterOptions {
  readonly fileSystem: FileSystem;
  readonly kernels: Kernels;
  /** Directory of files that are not finished; emptied when a database is opened. */
  readonly stagingDirectory: string;
  readonly segmentsDirectory: string;
  readonly id: SegmentId;
  readonly level: number;
  readonly sequence: Sequence;
  /** Without it the segment has no source blocks. */
  readonly sources?: SourceEncoder;
}

/** What is known of a chunk besides its bytes. */
export interface ChunkFacts {
  readonly rows: number;
  readonly points: number;
  /** Inclusive bounds. */
  readonly minTime: bigint;
  readonly maxTime: bigint;
}

export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  readonly #kernels: Kernels;
  readonly #path: string;
  readonly #stagingPath: string;
  #handle: FileHandle | undefined;
  // One block of linear memory: page buffer, staged table, encoded index block.
  readonly #buffer: number;
  readonly #table: number;
  readonly #block: number;
  /** Bytes of the stream so far, and bytes of the file written so far. */
  #logical = 0;
  #written = 0;
  /** Bytes in the buffer, and payload bytes in its last page. */
  #filled = 0;
  #pageFilled = 0;
  #pages = 0;
  #staged = 0;
  #stagedSources = 0;
  #lastSource = 0;
  #lastMax = 0n;
  #sourceIds: number[] = [];
  readonly #index: DirectoryEntry[] = [];
  readonly #sourceBlocks: DirectoryEntry[] = [];
  #sources = 0;
  #chunks = 0;
  #rows = 0;
  #points = 0;
  #minTime = 0n;
  #maxTime = 0n;

  private constructor(options: SegmentWriterOptions) {
    this.#options = options;
    this.#kernels = options.kernels;
    const name = segmentFileName(options.id);
    this.#path = `${options.segmentsDirectory}/${name}`;
    this.#stagingPath = `${options.stagingDirectory}/${name}`;
    const bytes = BUFFER_PAGES * PAGE_BYTES + INDEX_TABLE_BYTES + INDEX_BLOCK_BYTES_MAX;
    this.#buffer = this.#kernels.alloc(bytes, "scratch");
    this.#table = this.#buffer + BUFFER_PAGES * PAGE_BYTES;
    this.#block = this.#table + INDEX_TABLE_BYTES;
  }

  /** Begins a file. Throws "io". */
  static open(options: SegmentWriterOptions): SegmentWriter {
    const writer = new SegmentWriter(options);
    try {
      if (options.fileSystem.exists(writer.#stagingPath)) {
        options.fileSystem.remove(writer.#stagingPath);
      }
      writer.#handle = options.fileSystem.open(writer.#stagingPath, "create");
      writer.#putBytes(encodeHeader(options.id));
    } catch (error) {
      writer.abort();
      throw error;
    }
    return writer;
  }

  /** Bytes of the file as it would be without directories and footer. */
  get bytes(): number {
    return this.#logical;
  }

  get chunkCount(): number {
    return this.#chunks;
  }

  /**
   * Adds the chunk at `pointer` in linear memory. Sources ascend; chunks of one source ascend in time without overlap.
   * Throws "io".
   */
  add(source: number, chunk: { pointer: number; bytes: number }, facts: ChunkFacts): void {
    assert(this.#handle !== undefined, "Segment writer is closed");
    assert(source >= this.#lastSource && source > 0, "Sources must ascend");
    assert(chunk.bytes > 0 && chunk.bytes <= CHUNK_BYTES_MAX);
    assert(facts.rows > 0 && facts.points >= 0);
    assert(facts.minTime <= facts.maxTime);
    const isNew = source !== this.#lastSource;
    assert(isNew || facts.minTime > this.#lastMax, "Chunks of a source must ascend in time");
    if (
      this.#staged === INDEX_CHUNKS_MAX || (isNew && this.#stagedSources === INDEX_SOURCES_MAX)
    ) {
      this.#closeIndexBlock();
    }
    this.#stage(source, chunk.bytes, facts);
    if (isNew) {
      this.#sources++;
      this.#sourceIds.push(source);
    }
    this.#count(facts);
    this.#lastSource = source;
    this.#lastMax = facts.maxTime;
    this.#put(chunk.pointer, chunk.bytes);
  }

  /**
   * Completes the file: on the device and under its final name when this resolves. Undefined, and no file, when no chunk
   * was added. Throws "io"; call `abort` then.
   */
  async finish(): Promise<SegmentSummary | undefined> {
    if (this.#chunks === 0) {
      this.abort();
      return undefined;
    }
    const { summary, handle } = this.#complete();
    await handle.sync();
    this.#publish(handle);
    return summary;
  }

  /** The same, blocking: for shutdown and worker threads. */
  finishNow(): SegmentSummary | undefined {
    if (this.#chunks === 0) {
      this.abort();
      return undefined;
    }
    const { summary, handle } = this.#complete();
    handle.syncNow();
    this.#publish(handle);
    return summary;
  }

  /** Gives up: closes and removes what was written. Harmless after `finish`. */
  abort(): void {
    const handle = this.#handle;
    if (this.#released) return;
    this.#release();
    handle?.close();
    try {
      this.#options.fileSystem.remove(this.#stagingPath);
    } catch {
      // The file was never made or the disk is failing; the next open empties staging/ anyway.
    }
  }

  #released = false;

  #release(): void {
    this.#handle = undefined;
    this.#released = true;
    this.#kernels.free(this.#buffer, "scratch");
  }

  #complete(): { summary: SegmentSummary; handle: FileHandle } {
    const handle = this.#handle;
    assert(handle !== undefined, "Segment writer is closed");
    this.#closeIndexBlock();
    if (this.#sourceIds.length > 0) this.#closeSourceBlock();
    const indexDirectory = this.#putDirectory(this.#index);
    const sourceDirectory = this.#putDirectory(this.#sourceBlocks);
    const streamBytes = this.#logical;
    if (this.#pageFilled > 0) this.#closePage();
    this.#flush();
    const { id, level, sequence } = this.#options;
    const counts = {
      id,
      level,
      sequence,
      minTime: this.#minTime,
      maxTime: this.#maxTime,
      rows: this.#rows,
      points: this.#points,
      sources: this.#sources,
    };
    const footer = encodeFooter({
      ...counts,
      chunks: this.#chunks,
      streamBytes,
      indexDirectory,
      sourceDirectory,
    });
    handle.write(footer, this.#written);
    const bytes = this.#written + footer.length;
    return { summary: { ...counts, bytes, checksum: footerChecksum(footer) }, handle };
  }

  #publish(handle: FileHandle): void {
    const { fileSystem, segmentsDirectory } = this.#options;
    handle.close();
    fileSystem.rename(this.#stagingPath, this.#path);
    this.#release();
    fileSystem.syncDirectory(segmentsDirectory);
  }

  #count(facts: ChunkFacts): void {
    if (this.#chunks === 0 || facts.minTime < this.#minTime) this.#minTime = facts.minTime;
    if (this.#chunks === 0 || facts.maxTime > this.#maxTime) this.#maxTime = facts.maxTime;
    this.#chunks++;
    this.#rows += facts.rows;
    this.#points += facts.points;
  }

  #stage(source: number, bytes: number, facts: ChunkFacts): void {
    this.#kernels.refresh();
    const { u32, f64, i64 } = this.#kernels;
    const word = (this.#table >> 2) + this.#staged;
    const double = (this.#table >> 3) + this.#staged;
    u32[word] = source;
    u32[word + TABLE.rows / 4] = facts.rows;
    u32[word + TABLE.bytes / 4] = bytes;
    f64[double + TABLE.offsets / 8] = this.#logical;
    i64[double + TABLE.min / 8] = facts.minTime;
    i64[double + TABLE.max / 8] = facts.maxTime;
    if (this.#staged === 0 || source !== this.#lastSource) this.#stagedSources++;
    this.#staged++;
  }

  #closeIndexBlock(): void {
    assert(this.#staged > 0);
    const bytes = this.#kernels.exports.encodeIndexBlock(this.#table, this.#staged, this.#block);
    assert(bytes <= INDEX_BLOCK_BYTES_MAX);
    this.#kernels.refresh();
    this.#index.push({
      firstSource: this.#kernels.u32[this.#table >> 2]!,
      lastSource: this.#lastSource,
      offset: this.#logical,
      bytes,
      crc: crc32(this.#kernels.u8.subarray(this.#block, this.#block + bytes)),
    });
    this.#staged = 0;
    this.#stagedSources = 0;
    this.#put(this.#block, bytes);
    if (this.#sourceIds.length + INDEX_SOURCES_MAX > SOURCE_BLOCK_SOURCES_MAX) {
      this.#closeSourceBlock();
    }
  }

  #closeSourceBlock(): void {
    const ids = Uint32Array.from(this.#sourceIds);
    this.#sourceIds = [];
    if (this.#options.sources === undefined) return;
    const block = packSourceBlock(this.#options.sources.encode(ids));
    this.#sourceBlocks.push({
      firstSource: ids[0]!,
      lastSource: ids[ids.length - 1]!,
      offset: this.#logical,
      bytes: block.length,
      crc: crc32(block),
    });
    this.#putBytes(block);
  }

  #putDirectory(entries: readonly DirectoryEntry[]): DirectoryPlace {
    const bytes = new Uint8Array(entries.length * DIRECTORY_ENTRY_BYTES);
    const view = new DataView(bytes.buffer);
    entries.forEach((entry, i) => putDirectoryEntry(view, i * DIRECTORY_ENTRY_BYTES, entry));
    const place = { offset: this.#logical, entries: entries.length, crc: crc32(bytes) };
    this.#putBytes(bytes);
    return place;
  }

  /** Appends bytes of linear memory to the stream. */
  #put(pointer: number, bytes: number): void {
    for (let done = 0; done < bytes;) {
      const take = Math.min(bytes - done, PAGE_PAYLOAD - this.#pageFilled);
      const target = this.#buffer + this.#filled;
      this.#kernels.u8.copyWithin(target, pointer + done, pointer + done + take);
      this.#advance(take);
      done += take;
    }
  }

  #putBytes(bytes: Uint8Array): void {
    this.#kernels.refresh();
    for (let done = 0; done < bytes.length;) {
      const take = Math.min(bytes.length - done, PAGE_PAYLOAD - this.#pageFilled);
      this.#kernels.u8.set(bytes.subarray(done, done + take), this.#buffer + this.#filled);
      this.#advance(take);
      done += take;
    }
  }

  #advance(bytes: number): void {
    this.#filled += bytes;
    this.#pageFilled += bytes;
    this.#logical += bytes;
    if (this.#pageFilled === PAGE_PAYLOAD) this.#closePage();
    if (this.#filled === BUFFER_PAGES * PAGE_BYTES) this.#flush();
  }

  #closePage(): void {
    const end = this.#buffer + this.#filled;
    const payload = this.#kernels.u8.subarray(end - this.#pageFilled, end);
    const crc = pageChecksum(payload, { id: this.#options.id, number: this.#pages });
    for (let i = 0; i < 4; i++) this.#kernels.u8[end + i] = crc >>> (8 * i);
    this.#filled += 4;
    this.#pageFilled = 0;
    this.#pages++;
  }

  #flush(): void {
    if (this.#filled === 0) return;
    const bytes = this.#kernels.u8.subarray(this.#buffer, this.#buffer + this.#filled);
    this.#handle!.write(bytes, this.#written);
    this.#written += this.#filled;
    this.#filled = 0;
  }
}

/** A source block: bytes once unpacked (u32), then a zstd frame. */
function packSourceBlock(definitions: Uint8Array): Uint8Array {
  const packed = zstdCompressSync(definitions);
  const block = new Uint8Array(4 + packed.length);
  new DataView(block.buffer).setUint32(0, definitions.length, true);
  block.set(packed, 4);
  return block;
}
