/** Walks a whole segment file and says whether anything in it is damaged. For `verify`, scrubbing and tests. */
import { assert } from "../base/assert.ts";
import { isEngineError } from "../errors.ts";
import { ChunkLease } from "./chunk_lease.ts";
import { ChunkList } from "./chunk_list.ts";
import {
  checkHeader,
  corruptSegment,
  HEADER_BYTES,
  PAGE_PAYLOAD,
  physicalOffset,
  type SegmentFooter,
} from "./format.ts";
import type { SegmentReader, SegmentStore } from "./reader.ts";

/** Looks into a chunk in linear memory: returns its rows, throws "corrupt" or returns -1 when it is damaged. */
export type ChunkCheck = (
  chunk: { pointer: number; bytes: number; source: number },
) => number;

export interface VerifyOptions {
  /** Called for every chunk; without it chunks are covered by their pages' checksums only. */
  readonly checkChunk?: ChunkCheck;
}

/**
 * Checks header, footer, all pages, all index and source blocks, that chunks and blocks fill the stream without gap or
 * overlap, that order and totals are what the footer says. Throws the first damage as "corrupt"; "io" where reading fails.
 */
export function verifySegment(
  store: SegmentStore,
  reader: SegmentReader,
  options: VerifyOptions = {},
): SegmentFooter {
  const footer = reader.footer();
  const pages = Math.ceil(footer.streamBytes / PAGE_PAYLOAD);
  for (let page = 0; page < pages; page++) reader.checkPage(page);
  checkHeader(reader.streamBytes(0, HEADER_BYTES), reader.file);
  const walk = new Walk(reader, footer);
  using lease = new ChunkLease(store.cache);
  const list = new ChunkList();
  for (let block = 0; block < reader.indexBlockCount; block++) {
    list.clear();
    reader.chunksOfBlock(block, list);
    walk.block(block, list);
    for (let i = 0; i < list.count && options.checkChunk !== undefined; i++) {
      const place = { offset: list.offsets[i]!, bytes: list.bytes[i]! };
      const pointer = reader.readChunk(place, lease);
      const source = list.sources[i]!;
      const rows = options.checkChunk({ pointer, bytes: place.bytes, source });
      if (rows !== list.rows[i]) walk.fail(place.offset, "a chunk is malformed");
    }
  }
  walk.end();
  return footer;
}

/** The damage that `verifySegment` finds, or undefined for a whole file. */
export function findDamage(
  store: SegmentStore,
  reader: SegmentReader,
  options: VerifyOptions = {},
): string | undefined {
  try {
    verifySegment(store, reader, options);
    return undefined;
  } catch (error) {
    if (isEngineError(error, "corrupt")) return error.message;
    throw error;
  }
}

/** What has been seen of the stream so far. */
class Walk {
  readonly #reader: SegmentReader;
  readonly #footer: SegmentFooter;
  readonly #sourceBlocks: ReturnType<SegmentReader["sourceBlocks"]>;
  #at = HEADER_BYTES;
  #sourceBlock = 0;
  #lastSource = 0;
  #lastMax = 0n;
  #sources = 0;
  #chunks = 0;
  #rows = 0;
  #minTime = 2n ** 63n - 1n;
  #maxTime = -(2n ** 63n);

  constructor(reader: SegmentReader, footer: SegmentFooter) {
    this.#reader = reader;
    this.#footer = footer;
    this.#sourceBlocks = reader.sourceBlocks();
  }

  block(block: number, list: ChunkList): void {
    const entry = this.#reader.indexBlock(block);
    for (let i = 0; i < list.count; i++) this.#chunk(list, i);
    if (list.sources[0] !== entry.firstSource || this.#lastSource !== entry.lastSource) {
      this.fail(entry.offset, "its directory names other sources than an index block");
    }
    this.#expect(entry.offset);
    this.#at += entry.bytes;
    const sources = this.#sourceBlocks[this.#sourceBlock];
    if (sources !== undefined && sources.offset === this.#at) {
      this.#reader.readSourceBlock(sources);
      this.#at += sources.bytes;
      this.#sourceBlock++;
    }
  }

  end(): void {
    const footer = this.#footer;
    this.#expect(footer.indexDirectory.offset);
    const totals = this.#sources === footer.sources && this.#chunks === footer.chunks &&
      this.#rows === footer.rows && this.#minTime === footer.minTime &&
      this.#maxTime === footer.maxTime && this.#sourceBlock === this.#sourceBlocks.length;
    if (!totals) this.fail(footer.streamBytes, "its footer's totals are wrong");
  }

  fail(logical: number, what: string): never {
    throw corruptSegment(this.#reader.file.path, physicalOffset(logical), what);
  }

  #chunk(list: ChunkList, i: number): void {
    const source = list.sources[i]!;
    const min = list.minTimes[i]!;
    const max = list.maxTimes[i]!;
    assert(min <= max);
    this.#expect(list.offsets[i]!);
    const ordered = source > this.#lastSource ||
      (source === this.#lastSource && min > this.#lastMax);
    if (!ordered) this.fail(this.#at, "its chunks are out of order");
    if (source !== this.#lastSource) this.#sources++;
    this.#lastSource = source;
    this.#lastMax = max;
    this.#chunks++;
    this.#rows += list.rows[i]!;
    if (min < this.#minTime) this.#minTime = min;
    if (max > this.#maxTime) this.#maxTime = max;
    this.#at += list.bytes[i]!;
  }

  #expect(offset: number): void {
    if (offset !== this.#at) this.fail(this.#at, `something lies at ${offset} that belongs here`);
  }
}
