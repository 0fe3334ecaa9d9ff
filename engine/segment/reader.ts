/**
 * Reads one segment file: lazily, by ranges, through the shared block cache and the shared open files.
 *
 * Opening does no input at all. The first search reads the footer and the directory, each search the index blocks it
 * needs, each chunk its pages. Everything is checked when it is read, never at start.
 *
 * Invariants
 * - What a method returns was covered by a checksum that fitted; anything else is EngineError "corrupt", naming file and offset.
 * - A chunk's pointer is valid until its lease reads again or is released.
 */
import { crc32, zstdDecompressSync } from "node:zlib";
import { assert } from "../base/assert.ts";
import type { SegmentId } from "../base/types.ts";
import type { BlockCache } from "./block_cache.ts";
import { DIRECTORY_ORDINAL, INDEX_BLOCK_ORDINAL } from "./block_cache.ts";
import type { ChunkLease } from "./chunk_lease.ts";
import type { ChunkList } from "./chunk_list.ts";
import {
  CHUNK_BYTES_MAX,
  corruptSegment,
  decodeFooter,
  DIRECTORY_ENTRY_BYTES,
  type DirectoryEntry,
  FOOTER_BYTES,
  footerChecksum,
  getDirectoryEntry,
  HEADER_BYTES,
  PAGE_BYTES,
  PAGE_PAYLOAD,
  pageChecksum,
  physicalBytes,
  physicalOffset,
  type SegmentFooter,
  SOURCE_BLOCK_BYTES_MAX,
} from "./format.ts";
import { INDEX_BLOCK_BYTES_MAX, INDEX_TABLE_BYTES } from "./index_table.ts";
import type { OpenFiles } from "./open_files.ts";

/** Ids handed to the index kernel at once. */
const IDS_MAX = 4_096;
const ENTRY_WORDS = DIRECTORY_ENTRY_BYTES / 4;

/** What all readers of a database share. */
export interface SegmentStore {
  readonly cache: BlockCache;
  readonly files: OpenFiles;
}

/** The file a reader is for; `bytes` and `checksum` as the manifest has them. */
export interface SegmentFile {
  readonly path: string;
  readonly id: SegmentId;
  readonly bytes: number;
  readonly checksum: number;
}

/** Inclusive time bounds. */
export interface TimeBounds {
  readonly first: bigint;
  readonly last: bigint;
}

export class SegmentReader implements Disposable {
  readonly file: SegmentFile;
  readonly #store: SegmentStore;
  readonly #cacheFile: number;
  #footer: SegmentFooter | undefined;
  #closed = false;

  constructor(store: SegmentStore, file: SegmentFile) {
    this.#store = store;
    this.file = file;
    this.#cacheFile = store.cache.registerFile();
  }

  /** The footer; read and checked by the first call. Throws "corrupt", "io". */
  footer(): SegmentFooter {
    if (this.#footer !== undefined) return this.#footer;
    assert(!this.#closed, "Segment reader is closed");
    const { path, bytes, checksum, id } = this.file;
    const actual = this.#store.files.size(path);
    // Damage, as one that was cut to nothing: it is set aside, and the rest is served.
    if (actual === undefined) throw corruptSegment(path, 0, "the file is missing");
    if (actual !== bytes) {
      throw corruptSegment(path, actual, `it has ${actual} bytes, the manifest says ${bytes}`);
    }
    if (bytes < FOOTER_BYTES + HEADER_BYTES) throw corruptSegment(path, 0, "it is too short");
    const raw = new Uint8Array(FOOTER_BYTES);
    this.#readExactly(raw, bytes - FOOTER_BYTES);
    const footer = decodeFooter(raw, { path, fileBytes: bytes });
    if (footerChecksum(raw) !== checksum || footer.id !== id) {
      throw corruptSegment(
        path,
        bytes - FOOTER_BYTES,
        "it is not the file that the manifest names",
      );
    }
    this.#footer = footer;
    return footer;
  }

  /**
   * Appends to `into` the chunks of the given ascending source ids (undefined: of all) that meet the bounds, ascending by
   * source and time. Cheap for one source and for all of a million. Throws "corrupt", "io".
   */
  chunksOf(ids: Uint32Array | undefined, bounds: TimeBounds, into: ChunkList): void {
    if (ids !== undefined && ids.length === 0) return;
    const entries = this.footer().indexDirectory.entries;
    const kernels = this.#store.cache.kernels;
    const scratch = kernels.alloc(INDEX_TABLE_BYTES + IDS_MAX * 4, "query");
    try {
      let at = 0;
      for (
        let block = ids === undefined ? 0 : this.#firstBlock(ids[0]!);
        block < entries;
        block++
      ) {
        if (ids === undefined) {
          this.#searchBlock(block, { scratch, ids: undefined, bounds, into });
          continue;
        }
        const entry = this.#entry(block);
        at = lowerBound(ids, entry.firstSource, at);
        if (at === ids.length) break;
        const end = lowerBound(ids, entry.lastSource + 1, at);
        // No id in this block: go straight to the one that may hold the next id.
        if (end === at) block = Math.max(block, this.#firstBlock(ids[at]!) - 1);
        for (let from = at; from < end; from += IDS_MAX) {
          const part = ids.subarray(from, Math.min(end, from + IDS_MAX));
          this.#searchBlock(block, { scratch, ids: part, bounds, into });
        }
      }
    } finally {
      kernels.free(scratch, "query");
    }
  }

  /** Number of index blocks, for readers that walk the whole segment. */
  get indexBlockCount(): number {
    return this.footer().indexDirectory.entries;
  }

  /** Appends all chunks of one index block. Throws "corrupt", "io". */
  chunksOfBlock(block: number, into: ChunkList): void {
    const kernels = this.#store.cache.kernels;
    const scratch = kernels.alloc(INDEX_TABLE_BYTES, "query");
    try {
      this.#searchBlock(block, { scratch, ids: undefined, bounds: ALL, into });
    } finally {
      kernels.free(scratch, "query");
    }
  }

  /**
   * The chunk at `offset` of the stream, in linear memory: within a cached page, or put together when it spans pages.
   * Valid until `lease` reads again or is released. Throws "corrupt", "io".
   */
  readChunk(chunk: { offset: number; bytes: number }, lease: ChunkLease): number {
    const { offset, bytes } = chunk;
    lease.release();
    this.#checkRange(offset, bytes);
    const first = Math.floor(offset / PAGE_PAYLOAD);
    const within = offset - first * PAGE_PAYLOAD;
    if (within + bytes <= PAGE_PAYLOAD) {
      const slot = this.#page(first);
      lease.hold(slot);
      return this.#store.cache.pointer(slot) + within;
    }
    const target = lease.room(bytes);
    this.#store.cache.kernels.refresh();
    for (let done = 0; done < bytes;) {
      const page = Math.floor((offset + done) / PAGE_PAYLOAD);
      const from = offset + done - page * PAGE_PAYLOAD;
      const take = Math.min(bytes - done, PAGE_PAYLOAD - from);
      const slot = this.#page(page);
      const pointer = this.#store.cache.pointer(slot) + from;
      this.#store.cache.kernels.u8.copyWithin(target + done, pointer, pointer + take);
      this.#store.cache.unpin(slot);
      done += take;
    }
    return target;
  }

  /** Places of the source blocks. */
  sourceBlocks(): DirectoryEntry[] {
    const place = this.footer().sourceDirectory;
    const raw = this.#readStream(place.offset, place.entries * DIRECTORY_ENTRY_BYTES);
    this.#checkCrc(raw, place.offset, place.crc);
    const view = new DataView(raw.buffer);
    return Array.from(
      { length: place.entries },
      (_, i) => getDirectoryEntry(view, i * DIRECTORY_ENTRY_BYTES),
    );
  }

  /** The definitions in a source block, unpacked, as the SourceEncoder gave them. Throws "corrupt", "io". */
  readSourceBlock(entry: DirectoryEntry): Uint8Array {
    const raw = this.#readStream(entry.offset, entry.bytes);
    this.#checkCrc(raw, entry.offset, entry.crc);
    const bytes = raw.length < 4 ? 0 : new DataView(raw.buffer).getUint32(0, true);
    try {
      assert(bytes <= SOURCE_BLOCK_BYTES_MAX, "Source block is too large");
      const unpacked = zstdDecompressSync(raw.subarray(4), { maxOutputLength: Math.max(1, bytes) });
      assert(unpacked.length === bytes, "Source block has another length");
      return unpacked;
    } catch {
      throw this.#corrupt(entry.offset, "a source block cannot be unpacked");
    }
  }

  /** Reads and checks a page without keeping it; for `verify`. */
  checkPage(page: number): void {
    this.#store.cache.unpin(this.#page(page));
  }

  /** Copies bytes of the stream, through checked pages. */
  streamBytes(offset: number, bytes: number): Uint8Array {
    this.#checkRange(offset, bytes, 0);
    const out = new Uint8Array(bytes);
    this.#store.cache.kernels.refresh();
    for (let done = 0; done < bytes;) {
      const page = Math.floor((offset + done) / PAGE_PAYLOAD);
      const from = offset + done - page * PAGE_PAYLOAD;
      const take = Math.min(bytes - done, PAGE_PAYLOAD - from);
      const slot = this.#page(page);
      const pointer = this.#store.cache.pointer(slot) + from;
      out.set(this.#store.cache.kernels.u8.subarray(pointer, pointer + take), done);
      this.#store.cache.unpin(slot);
      done += take;
    }
    return out;
  }

  /** Place of index block `block`. */
  indexBlock(block: number): DirectoryEntry {
    return this.#entry(block);
  }

  /** Forgets what is cached of this file and closes it. No lease may hold a chunk of it. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#store.cache.dropFile(this.#cacheFile);
    this.#store.files.close(this.file.path);
  }

  #searchBlock(
    block: number,
    search: { scratch: number; ids: Uint32Array | undefined; bounds: TimeBounds; into: ChunkList },
  ): void {
    const { scratch, ids, bounds, into } = search;
    const { cache } = this.#store;
    const slot = this.#indexBlock(block);
    const idsAt = scratch + INDEX_TABLE_BYTES;
    if (ids !== undefined) cache.kernels.u32.set(ids, idsAt >> 2);
    const count = cache.kernels.exports.decodeIndexBlock(
      cache.pointer(slot),
      cache.length(slot),
      scratch,
      idsAt,
      ids?.length ?? 0,
      bounds.first,
      bounds.last,
    );
    cache.unpin(slot);
    if (count < 0) throw this.#corrupt(this.#entry(block).offset, "an index block is malformed");
    into.append(cache.kernels, scratch, count);
  }

  /** Pinned slot of a page, read and checked. */
  #page(page: number): number {
    const { cache } = this.#store;
    const cached = cache.find(this.#cacheFile, page);
    if (cached >= 0) return cached;
    const start = page * PAGE_BYTES;
    const bytes = Math.min(PAGE_BYTES, physicalBytes(this.footer().streamBytes) - start);
    return this.#load({ ordinal: page, start, bytes }, (content) => {
      const payload = content.subarray(0, bytes - 4);
      const stored = (content[bytes - 4]! | content[bytes - 3]! << 8 | content[bytes - 2]! << 16 |
        content[bytes - 1]! << 24) >>> 0;
      if (pageChecksum(payload, { id: this.file.id, number: page }) !== stored) {
        throw corruptSegment(this.file.path, start, `the checksum of page ${page} is wrong`);
      }
    });
  }

  /** Pinned slot of an index block, read and checked. */
  #indexBlock(block: number): number {
    const { cache } = this.#store;
    const ordinal = INDEX_BLOCK_ORDINAL + block;
    const cached = cache.find(this.#cacheFile, ordinal);
    if (cached >= 0) return cached;
    const entry = this.#entry(block);
    if (entry.bytes > INDEX_BLOCK_BYTES_MAX) {
      throw this.#corrupt(entry.offset, "an index block is too large");
    }
    return this.#loadStream(ordinal, entry);
  }

  /** Pinned slot of the index directory. */
  #directory(): number {
    const { cache } = this.#store;
    const cached = cache.find(this.#cacheFile, DIRECTORY_ORDINAL);
    if (cached >= 0) return cached;
    const { offset, entries, crc } = this.footer().indexDirectory;
    return this.#loadStream(DIRECTORY_ORDINAL, {
      offset,
      bytes: entries * DIRECTORY_ENTRY_BYTES,
      crc,
    });
  }

  /** Loads bytes of the stream that have a checksum of their own, leaving out the checksums of pages. */
  #loadStream(ordinal: number, place: { offset: number; bytes: number; crc: number }): number {
    this.#checkRange(place.offset, place.bytes);
    const start = physicalOffset(place.offset);
    const bytes = physicalOffset(place.offset + place.bytes - 1) + 1 - start;
    return this.#load({ ordinal, start, bytes, keep: place.bytes }, (content) => {
      closeGaps(content, place.offset);
      this.#checkCrc(content.subarray(0, place.bytes), place.offset, place.crc);
    });
  }

  #load(
    place: { ordinal: number; start: number; bytes: number; keep?: number },
    check: (content: Uint8Array) => void,
  ): number {
    const { cache } = this.#store;
    const slot = cache.insert(this.#cacheFile, place.ordinal, place.bytes, place.keep);
    try {
      const pointer = cache.pointer(slot);
      const content = cache.kernels.u8.subarray(pointer, pointer + place.bytes);
      this.#readExactly(content, place.start);
      check(content);
    } catch (error) {
      cache.discard(slot);
      throw error;
    }
    return slot;
  }

  #readStream(offset: number, bytes: number): Uint8Array<ArrayBuffer> {
    if (bytes === 0) return new Uint8Array(0);
    this.#checkRange(offset, bytes);
    const start = physicalOffset(offset);
    const raw = new Uint8Array(physicalOffset(offset + bytes - 1) + 1 - start);
    this.#readExactly(raw, start);
    closeGaps(raw, offset);
    return raw.subarray(0, bytes);
  }

  #readExactly(target: Uint8Array, position: number): void {
    const read = this.#store.files.read(this.file.path, target, position);
    if (read !== target.length) {
      throw corruptSegment(this.file.path, position + read, "it ends here, earlier than it should");
    }
  }

  #checkRange(offset: number, bytes: number, bytesMin = 1): void {
    const end = this.footer().streamBytes;
    const fits = bytes >= bytesMin && bytes <= Math.max(CHUNK_BYTES_MAX, end) && offset >= 0 &&
      offset + bytes <= end;
    if (!fits) throw this.#corrupt(offset, `${bytes} bytes there would reach past its end`);
  }

  #checkCrc(bytes: Uint8Array, offset: number, crc: number): void {
    if (crc32(bytes) !== crc) throw this.#corrupt(offset, "a checksum is wrong");
  }

  #corrupt(logical: number, what: string): Error {
    return corruptSegment(this.file.path, physicalOffset(logical), what);
  }

  #entry(block: number): DirectoryEntry {
    const slot = this.#directory();
    const { pointer, kernels } = this.#directoryWords(slot);
    const at = pointer + block * ENTRY_WORDS;
    const entry = {
      firstSource: kernels.u32[at]!,
      lastSource: kernels.u32[at + 1]!,
      offset: kernels.u32[at + 2]! + kernels.u32[at + 3]! * 2 ** 32,
      bytes: kernels.u32[at + 4]!,
      crc: kernels.u32[at + 5]!,
    };
    this.#store.cache.unpin(slot);
    return entry;
  }

  #directoryWords(slot: number): { pointer: number; kernels: BlockCache["kernels"] } {
    const { cache } = this.#store;
    cache.kernels.refresh();
    return { pointer: cache.pointer(slot) >> 2, kernels: cache.kernels };
  }

  /** The first index block whose last source is not below `source`. */
  #firstBlock(source: number): number {
    const slot = this.#directory();
    const { pointer, kernels } = this.#directoryWords(slot);
    let low = 0;
    let high = this.footer().indexDirectory.entries;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (kernels.u32[pointer + middle * ENTRY_WORDS + 1]! < source) low = middle + 1;
      else high = middle;
    }
    this.#store.cache.unpin(slot);
    return low;
  }
}

const ALL: TimeBounds = { first: -(2n ** 63n), last: 2n ** 63n - 1n };

/** First position at or after `from` whose id is at least `id`; gallops, because the next id is mostly near. */
function lowerBound(ids: Uint32Array, id: number, from: number): number {
  let step = 1;
  let low = from;
  let high = from;
  while (high < ids.length && ids[high]! < id) {
    low = high + 1;
    high += step;
    step *= 2;
  }
  if (high > ids.length) high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Moves bytes read from the file together over the page checksums between them. */
function closeGaps(raw: Uint8Array, logical: number): void {
  let from = PAGE_PAYLOAD - (logical % PAGE_PAYLOAD);
  let to = from;
  while (from + 4 < raw.length) {
    const take = Math.min(PAGE_PAYLOAD, raw.length - from - 4);
    raw.copyWithin(to, from + 4, from + 4 + take);
    from += 4 + take;
    to += take;
  }
}
