/**
 * The sources that a view reads together: what the head held of them when they were selected, and where their chunks
 * lie in each segment. Looking all of them up at once costs one pass over a segment's index.
 */
import type { HeadCapture, HeadReader } from "../head/head.ts";
import type { Version } from "../manifest/version.ts";
import type { ChunkList, SpareChunkLists } from "../segment/chunk_list.ts";
import type { TimeBounds } from "../segment/reader.ts";
import type { OpenSegment } from "../segment/segment_readers.ts";

/** Which points a deletion hides: half-open ranges that apply to one piece. */
export interface HiddenRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** Tells what is hidden in pieces of a series; both give the ranges, or undefined when nothing is. */
export interface HiddenRanges {
  ofSegment(series: number, segment: OpenSegment): readonly HiddenRange[] | undefined;
  ofHead(series: number, stamp: number): readonly HiddenRange[] | undefined;
}

/** Chunks of the set's sources in one segment; those of source i are at starts[i] to starts[i + 1]. */
export interface SegmentChunks {
  readonly segment: OpenSegment;
  readonly list: ChunkList;
  readonly starts: Uint32Array;
}

/** What of a version a view looks at. */
export type ViewedVersion = Pick<Version, "segments">;

/** The state of the database at one moment: what is not in these segments is in the head at that moment. */
export interface ReadState {
  readonly version: ViewedVersion;
  /** Segments whose times meet the view's range, lowest sequence first. */
  readonly segments: readonly OpenSegment[];
  /** Absent when no deletion is in force. */
  readonly hidden: HiddenRanges | undefined;
}

/** What a set is made from, the same for all sets of a view but for the state. */
export interface SetOrigin {
  readonly head: HeadReader;
  readonly state: ReadState;
  readonly bounds: TimeBounds;
  readonly lists: SpareChunkLists;
}

export class SourceSet implements Disposable {
  /** Ascending ids. */
  readonly ids: Uint32Array;
  readonly capture: HeadCapture;
  readonly hidden: HiddenRanges | undefined;
  readonly #segments: readonly OpenSegment[];
  readonly #bounds: TimeBounds;
  readonly #lists: SpareChunkLists;
  #chunks: SegmentChunks[] | undefined;
  #last = 0;

  /** Captures the head at once, in the step in which `state` was taken; segments are looked into when the first source is read. */
  constructor(ids: Uint32Array, from: SetOrigin) {
    this.ids = ids;
    this.capture = from.head.capture(ids);
    this.hidden = from.state.hidden;
    this.#segments = from.state.segments;
    this.#bounds = from.bounds;
    this.#lists = from.lists;
  }

  /** Position of a source in the set, or -1. Reading sources in order finds them at once. */
  positionOf(source: number): number {
    const ids = this.ids;
    if (ids[this.#last] === source) return this.#last;
    if (ids[this.#last + 1] === source) return ++this.#last;
    let low = 0;
    let high = ids.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ids[middle]! < source) low = middle + 1;
      else high = middle;
    }
    if (ids[low] !== source) return -1;
    this.#last = low;
    return low;
  }

  /** Chunks in the segments that hold any, oldest segment first. Throws "corrupt", "io". */
  chunks(): readonly SegmentChunks[] {
    return this.#chunks ??= this.#search();
  }

  #search(): SegmentChunks[] {
    const { ids } = this;
    const found: SegmentChunks[] = [];
    for (const segment of this.#segments) {
      const list = this.#lists.take(Math.max(16, ids.length));
      try {
        segment.reader.chunksOf(ids, this.#bounds, list);
      } catch (error) {
        segment.onError(error);
        throw error;
      }
      if (list.count === 0) this.#lists.give(list);
      else found.push({ segment, list, starts: list.startsOf(ids) });
    }
    return found;
  }

  /** Gives its lists to others; nothing can be read any more. */
  [Symbol.dispose](): void {
    for (const { list } of this.#chunks ?? []) this.#lists.give(list);
    this.#chunks = [];
  }
}

/** Whether every id of `a` is in `b`; both ascend. */
export function isWithin(a: Uint32Array, b: Uint32Array): boolean {
  if (a === b) return true;
  let at = 0;
  for (const id of a) {
    while (at < b.length && b[at]! < id) at++;
    if (b[at] !== id) return false;
  }
  return true;
}

/** The ids of `a` that are not in `b`; both ascend. */
export function without(a: Uint32Array, b: Uint32Array): Uint32Array {
  let at = 0;
  return a.filter((id) => {
    while (at < b.length && b[at]! < id) at++;
    return b[at] !== id;
  });
}
