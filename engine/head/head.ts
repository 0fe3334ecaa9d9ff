/**
 * The head: all rows that no segment holds yet. A face over the kernels' slabs (engine/kernels/assembly/slabs.ts), and
 * the keeper of what open views may still look at.
 *
 * Invariants
 * - A block that a view may have captured is freed only after that view is closed.
 */
import type { HeadKernel } from "../kernels/exports.ts";
import type { Kernels } from "../kernels/kernels.ts";

/** What a view holds of the sources it may read: chunks and builders at one moment. */
export interface HeadCapture {
  /** Word at which source i begins, in `words` as they are after the call; see engine/kernels/assembly/head_read.ts. */
  startOf(position: number): number;
  readonly words: Uint32Array;
}

/** The head as a view reads it. */
export interface HeadReader {
  readonly rows: number;
  /** Begins a view; give the mark back to `closeView`. */
  openView(): ViewMark;
  closeView(mark: ViewMark): void;
  /** What the sources with these ids hold now. Valid while the view that asked is open. */
  capture(ids: Uint32Array): HeadCapture;
  /** Reads the header of a captured chunk. */
  chunkAt(block: number): HeadChunk;
}

/** A capture of this thread's own head. */
export class CapturedHead implements HeadCapture {
  readonly words: Uint32Array;
  readonly #offsets: Uint32Array;

  constructor(offsets: Uint32Array, words: Uint32Array) {
    this.#offsets = offsets;
    this.words = words;
  }

  startOf(position: number): number {
    return this.#offsets[position] ?? this.words.length;
  }
}

/** Captures as bytes, for a reader in another thread; see engine/kernels/assembly/head_pack.ts. */
export interface PackedHead {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Words at the beginning that describe the captures. */
  readonly words: number;
}

/** One sealed chunk of the head, as it lies in linear memory. */
export interface HeadChunk {
  readonly pointer: number;
  readonly bytes: number;
  readonly rows: number;
  readonly points: number;
  /** Inclusive bounds. */
  readonly minTime: bigint;
  readonly maxTime: bigint;
  /** Chunks sealed before a deletion have a lower stamp than the deletion. */
  readonly stamp: number;
  readonly generation: number;
}

/** Inclusive. */
export interface TimeBounds {
  readonly minTime: bigint;
  readonly maxTime: bigint;
}

/** The views that keep retired blocks alive. */
export interface ViewMark {
  /** Blocks retired in all when the view was opened: it cannot look at those. */
  readonly retiredBefore: number;
}

export class Head implements HeadReader {
  readonly #kernels: Kernels;
  readonly #kernel: HeadKernel;
  readonly #headerBytes: number;
  // A Set keeps insertion order: the first mark is the oldest view's.
  readonly #views = new Set<ViewMark>();
  #released = 0;

  constructor(kernels: Kernels, partitionTicks: bigint) {
    this.#kernels = kernels;
    this.#kernel = kernels.exports;
    this.#headerBytes = kernels.exports.HEAD_CHUNK_HEADER.value as number;
    this.#kernel.headConfigure(partitionTicks);
  }

  get rows(): number {
    return this.#kernel.headRows.value as number;
  }

  get points(): number {
    return this.#kernel.headPoints.value as number;
  }

  /** Chunks and builders with rows, and the inclusive bounds of their times; one pass over all sources. */
  extent(): { readonly chunks: number; readonly bounds: TimeBounds | undefined } {
    const chunks = this.#kernel.headExtent();
    if (chunks === 0) return { chunks, bounds: undefined };
    const minTime = this.#kernel.headExtentMin.value as bigint;
    return { chunks, bounds: { minTime, maxTime: this.#kernel.headExtentMax.value as bigint } };
  }

  /** Bytes of builders, chunks and log bases. */
  get bytes(): number {
    return this.#kernels.usedBytes("head");
  }

  /** Stamp that separates what was sealed before from what is sealed later. */
  get stamp(): number {
    return this.#kernel.headStamp();
  }

  /** Begins a view; give the mark back to `closeView`. */
  openView(): ViewMark {
    const mark = { retiredBefore: this.#released + this.#kernel.headRetiredCount() };
    this.#views.add(mark);
    this.#kernel.headSetViews(1);
    return mark;
  }

  closeView(mark: ViewMark): void {
    if (!this.#views.delete(mark)) return;
    const oldest = this.#views.values().next().value;
    const waiting = this.#kernel.headRetiredCount();
    const count = oldest === undefined
      ? waiting
      : Math.min(waiting, oldest.retiredBefore - this.#released);
    if (oldest === undefined) this.#kernel.headSetViews(0);
    if (count > 0) {
      this.#kernel.headReleaseRetired(count);
      this.#released += count;
    }
  }

  get openViews(): number {
    return this.#views.size;
  }

  capture(ids: Uint32Array): CapturedHead {
    const kernels = this.#kernels;
    const idBytes = ids.length * 4;
    const list = kernels.alloc(Math.max(16, idBytes * 2), "query");
    kernels.u32.set(ids, list >> 2);
    const words = this.#kernel.headCaptureWords(list, ids.length);
    const target = kernels.alloc(Math.max(16, words * 4), "query");
    this.#kernel.headCapture(list, ids.length, target, list + idBytes);
    const from = (list + idBytes) >> 2;
    const capture = new CapturedHead(
      kernels.u32.slice(from, from + ids.length),
      kernels.u32.slice(target >> 2, (target >> 2) + words),
    );
    kernels.free(target, "query");
    kernels.free(list, "query");
    return capture;
  }

  /** What a capture holds of its sources start ..< end within bounds. The view that made it is open. */
  pack(
    capture: CapturedHead,
    sources: { readonly start: number; readonly end: number },
    bounds: { readonly first: bigint; readonly last: bigint },
  ): PackedHead {
    const { start, end } = sources;
    const { first, last } = bounds;
    const words = capture.words.subarray(capture.startOf(start), capture.startOf(end));
    const kernels = this.#kernels;
    const list = kernels.alloc(Math.max(16, words.length * 4), "query");
    kernels.u32.set(words, list >> 2);
    const bytes = this.#kernel.headPackBytes(list, end - start, first, last) >>> 0;
    const target = kernels.alloc(Math.max(16, bytes), "query");
    const written = this.#kernel.headPack(list, end - start, first, last, target);
    const packed = { bytes: kernels.u8.slice(target, target + bytes), words: written };
    kernels.free(target, "query");
    kernels.free(list, "query");
    return packed;
  }

  chunkAt(block: number): HeadChunk {
    return headChunkAt(this.#kernels, block, this.#headerBytes);
  }
}

/** Reads the header of a chunk of the head that lies at `block`. */
export function headChunkAt(kernels: Kernels, block: number, headerBytes: number): HeadChunk {
  const { u32, i64, f64 } = kernels;
  const word = block >> 2;
  const double = block >> 3;
  return {
    pointer: block + headerBytes,
    bytes: u32[word + 8]!,
    rows: u32[word + 6]!,
    points: u32[word + 7]!,
    minTime: i64[double + 1]!,
    maxTime: i64[double + 2]!,
    stamp: f64[double + 5]!,
    generation: u32[word + 9]!,
  };
}
