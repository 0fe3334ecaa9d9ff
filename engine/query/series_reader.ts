/**
 * Reads one column of one source: chunks of segments, sealed chunks and open builders of the head, brought together in
 * linear memory as one run of times (i64) and bits (u64).
 *
 * Where pieces do not overlap in time, which is the rule, each is decoded straight to its place in the run. Where they
 * do, the newer one wins at equal times: segments by sequence, then the head's generations, in each chunks before builders.
 *
 * Invariants
 * - The run's memory grows to the largest series read, at most `scratchBytesMax`, and serves all views of a database.
 */
import { FAMILY, type FamilyCode } from "../base/types.ts";
import { EngineError } from "../errors.ts";
import type { HeadReader } from "../head/head.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { BlockCache } from "../segment/block_cache.ts";
import { ChunkLease } from "../segment/chunk_lease.ts";
import type { OpenSegment } from "../segment/segment_readers.ts";
import { mergeRuns, type Run } from "./run_merge.ts";
import type { HiddenRange, SourceSet } from "./source_set.ts";

/** Bounds of a read, inclusive, in ticks. */
export interface ReadBounds {
  readonly first: bigint;
  readonly last: bigint;
}

/** A column of a source. */
export interface ColumnOf {
  readonly slot: number;
  readonly family: FamilyCode;
}

/** Times of the first and last point added up, for where the kernels have not read them. */
export interface TotalTimes {
  readonly first: bigint;
  readonly last: bigint;
}

const KIND_SEGMENT = 0;
const KIND_HEAD_CHUNK = 1;
const KIND_BUILDER = 2;
const NO_HIDDEN: readonly HiddenRange[] = [];
/** Where a builder's generation stands; see engine/kernels/assembly/builder.ts. */
const BUILDER_GENERATION_WORD = 14;

export class SeriesReader {
  readonly #kernels: Kernels;
  readonly #head: Pick<HeadReader, "chunkAt">;
  readonly #lease: ChunkLease;
  readonly #scratchBytesMax: number;
  // The run: times, then bits; twice as much where pieces are merged.
  #block = 0;
  #capacity = 0;
  // Pieces of the series at hand, in order of precedence; parallel columns, reused.
  #pieces = 0;
  readonly #kinds: number[] = [];
  readonly #pointers: number[] = [];
  readonly #sizes: number[] = [];
  readonly #rows: number[] = [];
  readonly #mins: bigint[] = [];
  readonly #maxs: bigint[] = [];
  readonly #segments: (OpenSegment | undefined)[] = [];
  readonly #hides: (readonly HiddenRange[])[] = [];

  constructor(from: {
    readonly kernels: Kernels;
    readonly head: Pick<HeadReader, "chunkAt">;
    readonly cache: BlockCache;
    readonly scratchBytesMax: number;
  }) {
    this.#kernels = from.kernels;
    this.#head = from.head;
    this.#lease = new ChunkLease(from.cache);
    this.#scratchBytesMax = from.scratchBytesMax;
  }

  /** Where the last run's times lie, as i64; its bits lie at `bitsPointer`. */
  timesPointer = 0;
  bitsPointer = 0;

  /** Family whose values become doubles as they are read; undefined: bits are left as they are stored. */
  #doublesOf: FamilyCode | undefined;
  /** Ticks of a millisecond where times become milliseconds as they are read, 0 where they stay ticks. */
  #ticksPerMs = 0;

  /** Reads the points of a slot into the run. Returns how many. Throws "limit", "corrupt", "io". */
  read(set: SourceSet, position: number, slot: number, bounds: ReadBounds): number {
    this.#readAs(undefined, 0);
    this.#collect(set, position, slot, bounds);
    return this.#readCollected(this.#sortDisjoint(), slot, bounds);
  }

  /** The same for a numeric family, as doubles: values, and times in milliseconds of so many ticks; 0: times stay ticks. */
  readDoubles(
    set: SourceSet,
    position: number,
    { slot, family }: ColumnOf,
    bounds: ReadBounds,
    ticksPerMs: number,
  ): number {
    this.#collect(set, position, slot, bounds);
    const isDisjoint = this.#sortDisjoint();
    // What is merged or hidden is so by ticks.
    const areTicks = ticksPerMs > 0 && (!isDisjoint || this.#hidesAny());
    this.#readAs(family, areTicks ? 0 : ticksPerMs);
    const count = this.#readCollected(isDisjoint, slot, bounds);
    if (areTicks) this.#kernels.exports.timesToMs(this.timesPointer, count, ticksPerMs);
    return count;
  }

  #readAs(doublesOf: FamilyCode | undefined, ticksPerMs: number): void {
    this.#doublesOf = doublesOf;
    this.#ticksPerMs = ticksPerMs;
  }

  #hidesAny(): boolean {
    for (let i = 0; i < this.#pieces; i++) if (this.#hides[i]!.length > 0) return true;
    return false;
  }

  #readCollected(isDisjoint: boolean, slot: number, bounds: ReadBounds): number {
    if (this.#pieces === 0) return 0;
    let rows = 0;
    for (let i = 0; i < this.#pieces; i++) rows += this.#rows[i]!;
    if (isDisjoint) {
      this.#begin(rows);
      let count = 0;
      for (let i = 0; i < this.#pieces; i++) count += this.#readPiece(i, count, slot, bounds);
      return count;
    }
    return this.#readMerged(rows, slot, bounds);
  }

  /**
   * Adds the points of a slot to the kernels' totals. Chunks are added up where they lie unless pieces overlap or a deletion
   * hides; what is left is read as `read` does.
   */
  total(
    set: SourceSet,
    position: number,
    series: ColumnOf,
    bounds: ReadBounds,
  ): TotalTimes {
    const { slot } = series;
    const { totalsBegin, totalRun } = this.#kernels.exports;
    this.#readAs(series.family, 0);
    this.#collect(set, position, slot, bounds);
    totalsBegin(bounds.first, bounds.last);
    let first = -1;
    let last = -1;
    if (this.#pieces <= 1 || this.#sortDisjoint()) {
      for (let i = 0; i < this.#pieces; i++) {
        if (this.#totalPiece(i, slot, bounds) === 0) continue;
        if (first < 0) first = i;
        last = i;
      }
    } else {
      let rows = 0;
      for (let i = 0; i < this.#pieces; i++) rows += this.#rows[i]!;
      const count = this.#readMerged(rows, slot, bounds);
      totalRun(this.timesPointer, this.bitsPointer, count, FAMILY.f64);
    }
    // A chunk whose times were not read is whole: its bounds are its first and last time.
    return { first: this.#mins[first] ?? 0n, last: this.#maxs[last] ?? 0n };
  }

  /** Adds piece `i`; returns its points. */
  #totalPiece(i: number, slot: number, bounds: ReadBounds): number {
    const { totalColumn, totalRun } = this.#kernels.exports;
    if (this.#kinds[i] === KIND_BUILDER || this.#hides[i]!.length > 0) {
      this.#begin(this.#rows[i]!);
      const count = this.#readPiece(i, 0, slot, bounds);
      totalRun(this.timesPointer, this.bitsPointer, count, FAMILY.f64);
      return count;
    }
    const segment = this.#segments[i];
    const isWhole = this.#mins[i]! >= bounds.first && this.#maxs[i]! <= bounds.last;
    try {
      const count = totalColumn(this.#chunkPointer(i), this.#sizes[i]!, slot, isWhole);
      if (count < 0) throw damagedChunk(segment);
      return count;
    } catch (error) {
      segment?.onError(error);
      throw error;
    }
  }

  /** Calls `each` with every piece's points, oldest piece first: for values that must be copied before the next piece is read. */
  forEachPiece(
    set: SourceSet,
    position: number,
    slot: number,
    bounds: ReadBounds,
    each: (count: number) => void,
  ): void {
    this.#readAs(undefined, 0);
    this.#collect(set, position, slot, bounds);
    for (let i = 0; i < this.#pieces; i++) {
      this.#begin(this.#rows[i]!);
      each(this.#readPiece(i, 0, slot, bounds));
    }
  }

  /** Whether the slot has any point in the bounds. Reads pieces until one has. */
  hasAny(set: SourceSet, position: number, slot: number, bounds: ReadBounds): boolean {
    this.#readAs(undefined, 0);
    this.#collect(set, position, slot, bounds);
    for (let i = this.#pieces - 1; i >= 0; i--) {
      const isWhole = this.#mins[i]! >= bounds.first && this.#maxs[i]! <= bounds.last;
      if (isWhole && this.#hides[i]!.length === 0 && this.#kinds[i] !== KIND_BUILDER) {
        if (this.#holdsColumn(i, slot)) return true;
        continue;
      }
      this.#begin(this.#rows[i]!);
      if (this.#readPiece(i, 0, slot, bounds) > 0) return true;
    }
    return false;
  }

  /** Whether a chunk has the column: then some row of it has a value there. Looks at the chunk's header only. */
  #holdsColumn(i: number, slot: number): boolean {
    const segment = this.#segments[i];
    try {
      const holds = this.#kernels.exports.chunkHolds(this.#chunkPointer(i), this.#sizes[i]!, slot);
      if (holds < 0) throw damagedChunk(segment);
      return holds === 1;
    } catch (error) {
      segment?.onError(error);
      throw error;
    }
  }

  /** Lets the chunk read last go. */
  release(): void {
    this.#lease.release();
  }

  /** Gives all memory back; the next read takes some again. */
  rest(): void {
    this.#lease[Symbol.dispose]();
    this.#freeRun();
  }

  #freeRun(): void {
    if (this.#capacity > 0) this.#kernels.free(this.#block, "query");
    this.#capacity = 0;
  }

  #collect(set: SourceSet, position: number, slot: number, bounds: ReadBounds): void {
    this.#pieces = 0;
    const series = set.ids[position]! * 65_536 + slot;
    const chunks = set.chunks();
    for (let each = 0; each < chunks.length; each++) {
      const { segment, list, starts } = chunks[each]!;
      const end = starts[position + 1]!;
      for (let i = starts[position]!; i < end; i++) {
        if (list.minTimes[i]! > bounds.last || list.maxTimes[i]! < bounds.first) continue;
        const at = this.#add(KIND_SEGMENT, list.offsets[i]!, list.bytes[i]!, list.rows[i]!);
        this.#mins[at] = list.minTimes[i]!;
        this.#maxs[at] = list.maxTimes[i]!;
        this.#segments[at] = segment;
        this.#hides[at] = set.hidden?.ofSegment(series, segment) ?? NO_HIDDEN;
      }
    }
    this.#collectHead(set, position, series, bounds);
  }

  /**
   * Chunks and builders of the head, oldest first: by generation, since a flush seals builders of its generation when newer
   * ones have been sealed already, and within one chunks before builders.
   */
  #collectHead(set: SourceSet, position: number, series: number, bounds: ReadBounds): void {
    const start = set.capture.startOf(position);
    const { words } = set.capture;
    const chunks = words[start]!;
    const builders = start + 2 + chunks;
    let builder = words[start + 1]! - 1;
    for (let i = chunks - 1; i >= 0; i--) {
      const chunk = this.#head.chunkAt(words[start + 2 + i]!);
      for (; builder >= 0; builder--) {
        const at = builders + 2 * builder;
        if (this.#generationOf(words[at]!) >= chunk.generation) break;
        this.#addBuilder(words[at]!, words[at + 1]!);
      }
      if (chunk.minTime > bounds.last || chunk.maxTime < bounds.first) continue;
      const at = this.#add(KIND_HEAD_CHUNK, chunk.pointer, chunk.bytes, chunk.rows);
      this.#mins[at] = chunk.minTime;
      this.#maxs[at] = chunk.maxTime;
      this.#segments[at] = undefined;
      this.#hides[at] = set.hidden?.ofHead(series, chunk.stamp) ?? NO_HIDDEN;
    }
    for (; builder >= 0; builder--) {
      const at = builders + 2 * builder;
      this.#addBuilder(words[at]!, words[at + 1]!);
    }
  }

  #generationOf(builder: number): number {
    return this.#kernels.u32[(builder >> 2) + BUILDER_GENERATION_WORD]!;
  }

  #addBuilder(pointer: number, rows: number): void {
    if (rows === 0) return;
    const at = this.#add(KIND_BUILDER, pointer, 0, rows);
    // Bounds of a builder may have grown since the capture; they only have to cover what is read.
    this.#mins[at] = this.#kernels.i64[(pointer >> 3) + 3]!;
    this.#maxs[at] = this.#kernels.i64[(pointer >> 3) + 4]!;
    this.#segments[at] = undefined;
    this.#hides[at] = NO_HIDDEN;
  }

  #add(kind: number, pointer: number, bytes: number, rows: number): number {
    const at = this.#pieces++;
    this.#kinds[at] = kind;
    this.#pointers[at] = pointer;
    this.#sizes[at] = bytes;
    this.#rows[at] = rows;
    return at;
  }

  /** Puts pieces in order of time if no two overlap; else leaves them and says no. */
  #sortDisjoint(): boolean {
    let inOrder = true;
    for (let i = 1; i < this.#pieces && inOrder; i++) inOrder = this.#mins[i]! > this.#maxs[i - 1]!;
    if (inOrder) return true;
    const order = Array.from({ length: this.#pieces }, (_, i) => i);
    order.sort((a, b) => this.#mins[a]! < this.#mins[b]! ? -1 : 1);
    for (let i = 1; i < order.length; i++) {
      if (this.#mins[order[i]!]! <= this.#maxs[order[i - 1]!]!) return false;
    }
    const permute = <T>(column: T[]) => {
      const copy = order.map((i) => column[i]!);
      for (let i = 0; i < copy.length; i++) column[i] = copy[i]!;
    };
    permute(this.#kinds);
    permute(this.#pointers);
    permute(this.#sizes);
    permute(this.#rows);
    permute(this.#mins);
    permute(this.#maxs);
    permute(this.#segments);
    permute(this.#hides);
    return true;
  }

  /** An empty run with room for so many points. */
  #begin(rows: number): void {
    this.#room(rows);
    this.timesPointer = this.#block;
    this.bitsPointer = this.#block + this.#capacity * 8;
  }

  #room(rows: number): void {
    if (rows <= this.#capacity) return;
    if (rows * 16 > this.#scratchBytesMax) {
      throw new EngineError(
        "limit",
        `Cannot read series: its ${rows} points in the range need ${
          rows * 16
        } bytes, the setting queryScratchBytes allows ${this.#scratchBytesMax}; ask for a shorter range`,
      );
    }
    this.#freeRun();
    this.#capacity = Math.max(2_048, rows);
    this.#block = this.#kernels.alloc(this.#capacity * 16, "query");
  }

  /** Decodes piece `i` behind the first `at` points of the run; returns its points. */
  #readPiece(i: number, at: number, slot: number, bounds: ReadBounds): number {
    try {
      return this.#decodePiece(i, at, slot, bounds);
    } catch (error) {
      this.#segments[i]?.onError(error);
      throw error;
    }
  }

  #decodePiece(i: number, at: number, slot: number, bounds: ReadBounds): number {
    const times = this.timesPointer + at * 8;
    const bits = this.bitsPointer + at * 8;
    const { first, last } = bounds;
    const exports = this.#kernels.exports;
    let count: number;
    if (this.#kinds[i] === KIND_BUILDER) {
      const rows = this.#rows[i]!;
      count = exports.headReadBuilder(this.#pointers[i]!, rows, slot, first, last, times, bits);
      if (this.#doublesOf !== undefined) exports.bitsToDoubles(bits, count, this.#doublesOf);
      if (this.#ticksPerMs > 0) exports.timesToMs(times, count, this.#ticksPerMs);
    } else {
      const pointer = this.#chunkPointer(i);
      const bytes = this.#sizes[i]!;
      count = this.#doublesOf === undefined
        ? exports.readColumn(pointer, bytes, slot, first, last, times, bits)
        : exports.readColumnDoubles(
          pointer,
          bytes,
          slot,
          first,
          last,
          times,
          bits,
          this.#ticksPerMs,
        );
      if (count < 0) throw damagedChunk(this.#segments[i]);
    }
    for (const { start, end } of this.#hides[i]!) {
      count = exports.hideRange(times, bits, count, start, end);
    }
    return count;
  }

  /** Where chunk `i` lies in linear memory, until the next one is asked for. */
  #chunkPointer(i: number): number {
    const offset = this.#pointers[i]!;
    const segment = this.#segments[i];
    if (segment === undefined) return offset;
    return segment.reader.readChunk({ offset, bytes: this.#sizes[i]! }, this.#lease);
  }

  /** Pieces that overlap: neighbours in precedence are merged until one run is left. */
  #readMerged(rows: number, slot: number, bounds: ReadBounds): number {
    // Two areas of `rows` points each, between which the runs go back and forth.
    this.#room(rows * 2);
    const half = rows * 8;
    const areas = [
      { times: this.#block, bits: this.#block + half * 2 },
      { times: this.#block + half, bits: this.#block + half * 3 },
    ] as const;
    this.timesPointer = areas[0].times;
    this.bitsPointer = areas[0].bits;
    const runs: Run[] = [];
    for (let i = 0, at = 0; i < this.#pieces; i++) {
      const count = this.#readPiece(i, at, slot, bounds);
      runs.push({ at, count });
      at += count;
    }
    const merged = mergeRuns(this.#kernels, runs, areas);
    this.timesPointer = merged.times;
    this.bitsPointer = merged.bits;
    return merged.count;
  }
}

function damagedChunk(segment: OpenSegment | undefined): EngineError {
  const where = segment === undefined ? "in memory" : `of segment "${segment.reader.file.path}"`;
  return new EngineError(
    "corrupt",
    `Cannot read chunk ${where}: its bytes are not a valid encoding`,
  );
}
