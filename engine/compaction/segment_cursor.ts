/**
 * Walks a segment source by source: an index block at a time, so that memory is bounded whatever the segment's size.
 *
 * Whatever is damaged is reported as DamagedInput, which names the segment.
 */
import type { SegmentId } from "../base/types.ts";
import { isEngineError } from "../errors.ts";
import type { SegmentRecord } from "../manifest/version.ts";
import type { ChunkLease } from "../segment/chunk_lease.ts";
import { ChunkList } from "../segment/chunk_list.ts";
import { SegmentReader, type SegmentStore } from "../segment/reader.ts";

/** Damage found in an input. */
export class DamagedInput extends Error {
  readonly segment: SegmentId;

  constructor(segment: SegmentId, cause: Error) {
    super(cause.message, { cause });
    this.name = "DamagedInput";
    this.segment = segment;
  }
}

export class SegmentCursor implements Disposable {
  readonly segment: SegmentRecord;
  /** Chunks of the current source, ascending in time. */
  readonly chunks: ChunkList = new ChunkList();
  readonly #reader: SegmentReader;
  readonly #block = new ChunkList();
  #nextBlock = 0;
  #at = 0;
  #source = 0;

  constructor(store: SegmentStore, segment: SegmentRecord, path: string) {
    this.segment = segment;
    const { id, bytes, checksum } = segment;
    this.#reader = new SegmentReader(store, { path, id, bytes, checksum });
  }

  /** The current source; 0 before the first, Infinity behind the last. */
  get source(): number {
    return this.#source;
  }

  /** Goes to the next source and collects its chunks. Throws DamagedInput, "io". */
  next(): void {
    this.chunks.clear();
    this.#source = Infinity;
    while (this.#fill()) {
      const { sources } = this.#block;
      const source = sources[this.#at]!;
      if (this.#source !== Infinity && source !== this.#source) return;
      this.#source = source;
      let end = this.#at + 1;
      while (end < this.#block.count && sources[end] === source) end++;
      this.chunks.appendFrom(this.#block, { start: this.#at, end });
      this.#at = end;
    }
  }

  /** Whether any of these ascending sources has a chunk within the inclusive bounds. */
  hasChunks(
    sources: Uint32Array | undefined,
    bounds: { readonly first: bigint; readonly last: bigint },
  ): boolean {
    this.#block.clear();
    this.#guard(() => this.#reader.chunksOf(sources, bounds, this.#block));
    const found = this.#block.count > 0;
    this.#block.clear();
    return found;
  }

  /** The chunk in linear memory, until the lease is used again. */
  read(chunk: { readonly offset: number; readonly bytes: number }, lease: ChunkLease): number {
    return this.#guard(() => this.#reader.readChunk(chunk, lease));
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
  }

  /** Makes sure that the current block holds another chunk; false at the segment's end. */
  #fill(): boolean {
    while (this.#at === this.#block.count) {
      this.#block.clear();
      this.#at = 0;
      if (this.#guard(() => this.#nextBlock === this.#reader.indexBlockCount)) return false;
      this.#guard(() => this.#reader.chunksOfBlock(this.#nextBlock, this.#block));
      this.#nextBlock++;
    }
    return true;
  }

  #guard<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw isEngineError(error, "corrupt") ? new DamagedInput(this.segment.id, error) : error;
    }
  }
}
