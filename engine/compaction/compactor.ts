/**
 * Carries out a compaction: merges segments source by source into one, without the rows that tombstones or the retention
 * hide.
 *
 * Memory is bounded whatever the data's size: the index blocks at which the inputs stand, the chunks of one source that
 * overlap at the point that is being written, and the writer's buffer. A source with very many chunks is merged in slices
 * of time.
 *
 * Invariants
 * - Nothing is part of the database until the manifest names the output. After a crash or an error at any step the
 *   inputs are as they were; what was written is removed, at the latest when the database is opened.
 * - Precedence is that of the sequences: inputs are merged in ascending order, the output takes the highest.
 */
import { assert } from "../base/assert.ts";
import type { TimeRange } from "../base/types.ts";
import { toSourceId } from "../base/types.ts";
import { EFFORT } from "../chunk/chunk.ts";
import { type HiddenSlotRange, type MergeInput, RowMerger } from "../chunk/row_merger.ts";
import { isEngineError } from "../errors.ts";
import type { FileSystem } from "../fs/file_system.ts";
import { joinPath } from "../fs/paths.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { hiddenRows, mergeRanges, sourcesOf, tombstonesFor } from "../manifest/tombstones.ts";
import type { Tombstone } from "../manifest/version.ts";
import { BlockCache } from "../segment/block_cache.ts";
import { ChunkLease } from "../segment/chunk_lease.ts";
import { segmentFileName } from "../segment/format.ts";
import { OpenFiles } from "../segment/open_files.ts";
import type { SegmentStore } from "../segment/reader.ts";
import { SegmentWriter, type SourceEncoder } from "../segment/writer.ts";
import type { CompactionJob, CompactionResult } from "./job.ts";
import { DamagedInput, SegmentCursor } from "./segment_cursor.ts";

/** Pages and index blocks of the inputs that are kept in memory. */
const CACHE_BYTES = 8 << 20;
/** Chunks of one source that are merged in one piece. */
const SLICE_CHUNKS_MAX = 1_024;
const TIME_MIN = -(2n ** 63n);
const TIME_MAX = 2n ** 63n - 1n;

/** Where a compaction runs. */
export interface CompactorEnvironment {
  readonly fileSystem: FileSystem;
  readonly kernels: Kernels;
  readonly sources: SourceEncoder;
  /**
   * Called between pieces of work with the bytes written so far: undefined to go on at once, or a promise to wait for.
   * Throws "closed" to abort.
   */
  pace(writtenBytes: number): Promise<void> | undefined;
}

/** Runs a job. Throws "io" (a full disk too), "closed" when `pace` does. */
export async function compact(
  job: CompactionJob,
  environment: CompactorEnvironment,
): Promise<CompactionResult> {
  const compactor = new Compactor(job, environment);
  try {
    return await compactor.run();
  } catch (error) {
    if (!(error instanceof DamagedInput)) throw error;
    return { kind: "damaged", segment: error.segment, message: error.message };
  } finally {
    compactor[Symbol.dispose]();
  }
}

/** What is hidden of an input's rows. */
interface InputRules {
  readonly cursor: SegmentCursor;
  readonly tombstones: readonly Tombstone[];
}

class Compactor implements Disposable {
  readonly #job: CompactionJob;
  readonly #environment: CompactorEnvironment;
  readonly #cache: BlockCache;
  readonly #files: OpenFiles;
  readonly #inputs: InputRules[];
  readonly #leases: ChunkLease[] = [];
  readonly #freeLeases: ChunkLease[] = [];
  #merger: RowMerger | undefined;
  #writer: SegmentWriter | undefined;
  #readBytes = 0;

  constructor(job: CompactionJob, environment: CompactorEnvironment) {
    this.#job = job;
    this.#environment = environment;
    this.#cache = new BlockCache(environment.kernels, CACHE_BYTES);
    this.#files = new OpenFiles(environment.fileSystem, Math.max(1, job.inputs.length));
    const store: SegmentStore = { cache: this.#cache, files: this.#files };
    this.#inputs = job.inputs.map((segment) => ({
      cursor: new SegmentCursor(
        store,
        segment,
        joinPath(job.segmentsDirectory, segmentFileName(segment.id)),
      ),
      tombstones: tombstonesFor(job.tombstones, segment),
    }));
  }

  async run(): Promise<CompactionResult> {
    if (this.#job.isPurge && !this.#hidesAnything()) return { kind: "untouched" };
    const { fileSystem, kernels, sources } = this.#environment;
    const { segmentsDirectory, stagingDirectory, output } = this.#job;
    const { id, level, sequence } = output;
    this.#merger = new RowMerger(kernels, { effort: EFFORT.small });
    this.#writer = SegmentWriter.open({
      fileSystem,
      kernels,
      sources,
      stagingDirectory,
      segmentsDirectory,
      id,
      level,
      sequence,
    });
    for (const { cursor } of this.#inputs) cursor.next();
    for (;;) {
      const source = Math.min(...this.#inputs.map(({ cursor }) => cursor.source));
      if (source === Infinity) break;
      await this.#mergeSource(source);
    }
    const summary = await this.#writer.finish();
    return {
      kind: "merged",
      output: summary === undefined ? undefined : { ...summary, purged: output.purged },
      readBytes: this.#readBytes,
    };
  }

  [Symbol.dispose](): void {
    this.#writer?.abort();
    this.#merger?.[Symbol.dispose]();
    for (const lease of this.#leases) lease[Symbol.dispose]();
    for (const { cursor } of this.#inputs) cursor[Symbol.dispose]();
    this.#files[Symbol.dispose]();
    this.#cache[Symbol.dispose]();
  }

  /** Whether a tombstone may hide a row of an input: looked up in the index, by source and time. */
  #hidesAnything(): boolean {
    return this.#inputs.some(({ cursor, tombstones }) =>
      tombstones.some((tombstone) =>
        cursor.hasChunks(sourcesOf([tombstone]), {
          first: tombstone.start,
          last: tombstone.end - 1n,
        })
      )
    );
  }

  async #mergeSource(source: number): Promise<void> {
    const parts = this.#inputs.filter(({ cursor }) => cursor.source === source).map((input) =>
      new SourcePart(input, { source, cutoff: this.#job.cutoff })
    );
    for (let start = TIME_MIN; start < TIME_MAX;) {
      const end = sliceEnd(parts, start);
      this.#mergeSlice(source, parts, { start, end });
      start = end;
      const pause = this.#environment.pace(this.#writer!.bytes);
      if (pause !== undefined) await pause;
    }
    for (const { cursor } of this.#inputs) if (cursor.source === source) cursor.next();
  }

  #mergeSlice(source: number, parts: readonly SourcePart[], slice: TimeRange): void {
    const merger = this.#merger!;
    const writer = this.#writer!;
    merger.begin();
    let inputs = 0;
    for (const part of parts) {
      for (const index of part.chunksIn(slice)) {
        merger.addInput(this.#inputOf(part, index, slice));
        inputs++;
      }
    }
    if (inputs === 0) return;
    try {
      merger.emit((chunk, facts) => writer.add(source, chunk, facts));
    } catch (error) {
      throw isEngineError(error, "corrupt") ? this.#findDamaged(parts, slice) ?? error : error;
    }
  }

  #inputOf(part: SourcePart, index: number, slice: TimeRange): MergeInput {
    const { chunks } = part.cursor;
    const minTime = chunks.minTimes[index]!;
    const maxTime = chunks.maxTimes[index]!;
    const place = { offset: chunks.offsets[index]!, bytes: chunks.bytes[index]! };
    let lease: ChunkLease | undefined;
    return {
      minTime,
      maxTime,
      hidden: part.hiddenIn({ minTime, maxTime }, slice),
      open: () => {
        const taken = this.#takeLease();
        try {
          const pointer = part.cursor.read(place, taken);
          lease = taken;
          this.#readBytes += place.bytes;
          return { pointer, bytes: place.bytes };
        } catch (error) {
          this.#freeLeases.push(taken);
          throw error;
        }
      },
      close: () => {
        assert(lease !== undefined);
        lease.release();
        this.#freeLeases.push(lease);
        lease = undefined;
      },
    };
  }

  #takeLease(): ChunkLease {
    const free = this.#freeLeases.pop();
    if (free !== undefined) return free;
    const lease = new ChunkLease(this.#cache);
    this.#leases.push(lease);
    return lease;
  }

  /** Which input has the chunk that could not be merged: merges each alone, for nothing. */
  #findDamaged(parts: readonly SourcePart[], slice: TimeRange): DamagedInput | undefined {
    for (const part of parts) {
      this.#merger!.begin();
      for (const index of part.chunksIn(slice)) {
        this.#merger!.addInput(this.#inputOf(part, index, slice));
      }
      try {
        this.#merger!.emit(() => {});
      } catch (error) {
        if (isEngineError(error, "corrupt")) {
          return new DamagedInput(part.cursor.segment.id, error);
        }
        throw error;
      }
    }
    return undefined;
  }
}

/** An input's chunks of one source and what is hidden of them. */
class SourcePart {
  readonly cursor: SegmentCursor;
  /** Hidden in every column; sorted and disjoint. */
  readonly #rows: readonly TimeRange[];
  readonly #columns: readonly HiddenSlotRange[];

  constructor(
    input: InputRules,
    given: { readonly source: number; readonly cutoff: bigint | undefined },
  ) {
    this.cursor = input.cursor;
    const hidden = hiddenRows(input.tombstones, toSourceId(given.source));
    const { cutoff } = given;
    this.#rows = cutoff === undefined || cutoff === TIME_MIN
      ? hidden.rows
      : mergeRanges([...hidden.rows, { start: TIME_MIN, end: cutoff }]);
    this.#columns = hidden.columns.flatMap(({ slot, ranges }) =>
      ranges.map((range) => ({ slot, ...range }))
    );
  }

  /** Chunks that meet the slice and are not hidden as a whole. */
  chunksIn(slice: TimeRange): readonly number[] {
    const { chunks } = this.cursor;
    const isLast = slice.end === TIME_MAX;
    const found: number[] = [];
    const first = slice.start === TIME_MIN ? 0 : firstEndingFrom(this.cursor, slice.start);
    for (let i = first; i < chunks.count; i++) {
      const minTime = chunks.minTimes[i]!;
      if (!isLast && minTime >= slice.end) break;
      if (this.#rows.length === 0 || !this.#hidesWhole(minTime, chunks.maxTimes[i]!)) found.push(i);
    }
    return found;
  }

  #hidesWhole(minTime: bigint, maxTime: bigint): boolean {
    return this.#rows.some(({ start, end }) => start <= minTime && maxTime < end);
  }

  /** What is hidden of a chunk within these bounds; what lies outside the slice is. */
  hiddenIn(
    chunk: { readonly minTime: bigint; readonly maxTime: bigint },
    slice: TimeRange,
  ): readonly HiddenSlotRange[] | undefined {
    const isWhole = slice.start === TIME_MIN && slice.end === TIME_MAX;
    if (isWhole && this.#rows.length === 0 && this.#columns.length === 0) return undefined;
    const { minTime, maxTime } = chunk;
    const meets = ({ start, end }: TimeRange) => start <= maxTime && end > minTime;
    const hidden: HiddenSlotRange[] = [];
    if (minTime < slice.start) hidden.push({ slot: undefined, start: TIME_MIN, end: slice.start });
    if (slice.end < TIME_MAX && maxTime >= slice.end) {
      hidden.push({ slot: undefined, start: slice.end, end: TIME_MAX });
    }
    for (const range of this.#rows) if (meets(range)) hidden.push({ slot: undefined, ...range });
    for (const range of this.#columns) if (meets(range)) hidden.push(range);
    return hidden.length === 0 ? undefined : hidden;
  }
}

/**
 * Where the slice that begins at `start` ends, so that it begins at most SLICE_CHUNKS_MAX chunks; TIME_MAX for the last,
 * which includes it.
 */
function sliceEnd(parts: readonly SourcePart[], start: bigint): bigint {
  const all = parts.reduce((sum, { cursor }) => sum + cursor.chunks.count, 0);
  if (start === TIME_MIN && all <= SLICE_CHUNKS_MAX) return TIME_MAX;
  const next = parts.map(({ cursor }) => firstBeginningFrom(cursor, start));
  const left = parts.reduce((sum, { cursor }, i) => sum + cursor.chunks.count - next[i]!, 0);
  // The last instant cannot be left out of a chunk by a half-open range, so such a source is merged in one piece.
  const hasLastInstant = parts.some(({ cursor: { chunks } }) =>
    chunks.maxTimes[chunks.count - 1] === TIME_MAX
  );
  if (left <= SLICE_CHUNKS_MAX || hasLastInstant) return TIME_MAX;
  const times: bigint[] = [];
  parts.forEach(({ cursor: { chunks } }, i) => {
    const end = Math.min(chunks.count, next[i]! + SLICE_CHUNKS_MAX + 1);
    for (let at = next[i]!; at < end; at++) times.push(chunks.minTimes[at]!);
  });
  times.sort((a, b) => a < b ? -1 : a > b ? 1 : 0);
  return times.slice(SLICE_CHUNKS_MAX).find((time) => time > start) ?? TIME_MAX;
}

/** First chunk whose last time is at or behind `time`. */
function firstEndingFrom({ chunks }: SegmentCursor, time: bigint): number {
  return firstFrom(chunks.maxTimes, chunks.count, time);
}

/** First chunk whose first time is at or behind `time`. */
function firstBeginningFrom({ chunks }: SegmentCursor, time: bigint): number {
  return firstFrom(chunks.minTimes, chunks.count, time);
}

function firstFrom(times: BigInt64Array, count: number, time: bigint): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
