/**
 * Flush: writes one generation of the head into level-0 segments, one for each partition that it touches. Data spread
 * over very many partitions (a backfill) goes into wider windows, which are higher levels, so that files stay few.
 *
 * Chunks are copied as they are where a source's do not overlap in time; only overlapping ones, and those with deleted
 * points, are merged. Work is done in slices, so that the event loop is never held up.
 *
 * Invariants
 * - Nothing of the generation leaves the head before the manifest names the segments: that is the caller's next step.
 * - After an error, no file is left.
 */
import type { SegmentId, Sequence } from "../base/types.ts";
import { type HiddenSlotRange, RowMerger } from "../chunk/row_merger.ts";
import type { FileSystem } from "../fs/file_system.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { segmentFileName } from "../segment/format.ts";
import { type SegmentSummary, SegmentWriter, type SourceEncoder } from "../segment/writer.ts";
import type { Head, HeadChunk } from "./head.ts";

/** Windows written at once; each has a file buffer of half a megabyte. */
const WRITERS_MAX = 8;
/** Windows beyond which the next wider level is taken. */
const WINDOWS_MAX = 16;
/** Windows of the widest level beyond which wider ones are taken. */
const SCATTERED_WINDOWS_MAX = 128;
/** The level of the widest windows. */
const LEVEL_MAX = 2;
/** Milliseconds of work between two breaks. */
const SLICE_MS = 6;

/** Half-open ranges of times that are deleted in a chunk of the head. */
export type HiddenInHead = (
  source: number,
  chunk: HeadChunk,
) => readonly HiddenSlotRange[] | undefined;

export interface FlushParts {
  readonly kernels: Kernels;
  readonly head: Head;
  readonly fileSystem: FileSystem;
  readonly stagingDirectory: string;
  readonly segmentsDirectory: string;
  /** Width in ticks of the windows of a level, 0 to 2; a whole number of partitions. */
  readonly windowTicks: (level: number) => bigint;
  readonly encoder: SourceEncoder;
  readonly nextSegmentId: () => SegmentId;
  readonly sequence: Sequence;
  /** Rows up to and with this generation are written. */
  readonly generation: number;
  readonly hidden: HiddenInHead | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicMs: () => number;
  /** Lets other work of the event loop run; undefined to write without a break. */
  readonly pause: (() => Promise<void>) | undefined;
}

export interface FlushOutcome {
  readonly segments: readonly SegmentSummary[];
  readonly rows: number;
  readonly points: number;
  /** Rows and points of the generation as the head counted them. */
  readonly sources: number;
}

/** Writes the generation. Throws "io"; the head is as it was, but for builders of the generation, which are sealed. */
export async function flushHead(parts: FlushParts): Promise<FlushOutcome> {
  const plan = planWindows(parts);
  const run = new FlushRun(parts, plan.width, plan.level);
  try {
    for (let from = 0; from < plan.windows.length; from += WRITERS_MAX) {
      await run.pass(plan.windows.slice(from, from + WRITERS_MAX));
    }
  } catch (error) {
    run.abort();
    throw error;
  }
  return run.outcome();
}

interface WindowPlan {
  readonly level: number;
  readonly width: bigint;
  readonly windows: readonly bigint[];
}

/**
 * The lowest level at which the generation's rows lie in few windows. Rows that lie scattered over more of the widest ones
 * go into wider ones still, which no merge will touch: a file for each would be worse.
 */
function planWindows(parts: FlushParts): WindowPlan {
  for (let level = 0; level < LEVEL_MAX; level++) {
    const width = parts.windowTicks(level);
    const windows = windowsOf(parts, width, WINDOWS_MAX);
    if (windows !== undefined) return { level, width, windows };
  }
  for (let width = parts.windowTicks(LEVEL_MAX);; width *= 2n) {
    const windows = windowsOf(parts, width, SCATTERED_WINDOWS_MAX);
    if (windows !== undefined) return { level: LEVEL_MAX, width, windows };
  }
}

/** The windows of a width that the generation's rows lie in; undefined when they are more than `most`. */
function windowsOf(parts: FlushParts, width: bigint, most: number): bigint[] | undefined {
  const { kernels, generation } = parts;
  const list = kernels.alloc((most + 1) * 8, "scratch");
  try {
    const count = kernels.exports.headWindows(generation, width, list, most);
    if (count > most) return undefined;
    return Array.from(kernels.i64.subarray(list >> 3, (list >> 3) + count));
  } finally {
    kernels.free(list, "scratch");
  }
}

class FlushRun {
  readonly #parts: FlushParts;
  readonly #width: bigint;
  readonly #level: number;
  readonly #merger: RowMerger;
  readonly #open = new Map<bigint, SegmentWriter>();
  readonly #segments: SegmentSummary[] = [];
  #rows = 0;
  #points = 0;
  #sources = 0;
  #sliceEnd = 0;

  constructor(parts: FlushParts, width: bigint, level: number) {
    this.#parts = parts;
    this.#width = width;
    this.#level = level;
    this.#merger = new RowMerger(parts.kernels);
  }

  /** One walk over the sources, writing the rows of a few windows. */
  async pass(windows: readonly bigint[]): Promise<void> {
    const { kernels, generation } = this.#parts;
    for (const window of windows) this.#open.set(window, this.#newWriter());
    this.#startSlice();
    for (let id = 1;; id++) {
      id = kernels.exports.headNextSource(id, generation);
      if (id === 0) break;
      this.#writeSource(id);
      await this.#breathe();
    }
    for (const [window, writer] of this.#open) {
      const summary = await writer.finish();
      if (summary !== undefined) this.#segments.push(summary);
      this.#open.delete(window);
    }
  }

  outcome(): FlushOutcome {
    this.#merger[Symbol.dispose]();
    return {
      segments: this.#segments,
      rows: this.#rows,
      points: this.#points,
      sources: this.#sources,
    };
  }

  abort(): void {
    for (const writer of this.#open.values()) writer.abort();
    const { fileSystem, segmentsDirectory } = this.#parts;
    for (const { id } of this.#segments) {
      // A finished file of a failed flush; the next open removes what the manifest does not name.
      removeQuietly(fileSystem, `${segmentsDirectory}/${segmentFileName(id)}`);
    }
    this.#merger[Symbol.dispose]();
  }

  #newWriter(): SegmentWriter {
    const { fileSystem, kernels, stagingDirectory, segmentsDirectory, sequence } = this.#parts;
    return SegmentWriter.open({
      fileSystem,
      kernels,
      stagingDirectory,
      segmentsDirectory,
      id: this.#parts.nextSegmentId(),
      level: this.#level,
      sequence,
      sources: this.#parts.encoder,
    });
  }

  #writeSource(id: number): void {
    const { kernels, generation } = this.#parts;
    const source = kernels.exports.sourceById(id) >>> 0;
    kernels.exports.headSealSource(source, generation);
    kernels.refresh();
    this.#sources++;
    const chunks = this.#chunksOf(source);
    for (const [window, writer] of this.#open) {
      const start = window * this.#width;
      const end = start + this.#width;
      const inside = chunks.filter((chunk) => chunk.minTime >= start && chunk.minTime < end);
      if (inside.length > 0) this.#writeChunks(id, inside, writer);
    }
  }

  /** The source's chunks of the generation, oldest first. */
  #chunksOf(source: number): HeadChunk[] {
    const { kernels, head, generation } = this.#parts;
    const chunks: HeadChunk[] = [];
    let block = kernels.u32[(source >> 2) + SOURCE_CHUNKS_WORD]!;
    for (; block !== 0; block = kernels.u32[block >> 2]!) {
      const chunk = head.chunkAt(block);
      if (chunk.generation <= generation) chunks.push(chunk);
    }
    return chunks.reverse();
  }

  #writeChunks(id: number, chunks: HeadChunk[], writer: SegmentWriter): void {
    const hidden = this.#parts.hidden;
    const ranges = hidden === undefined ? undefined : chunks.map((chunk) => hidden(id, chunk));
    const anyHidden = ranges?.some((range) => range !== undefined) ?? false;
    if (!anyHidden) {
      const ordered = inTimeOrder(chunks);
      if (ordered !== undefined) {
        for (const chunk of ordered) {
          writer.add(id, chunk, chunk);
          this.#count(chunk);
        }
        return;
      }
    }
    const merger = this.#merger;
    merger.begin();
    chunks.forEach((chunk, i) => merger.addChunk(chunk, ranges?.[i]));
    merger.emit((chunk, facts) => {
      writer.add(id, chunk, facts);
      this.#count(facts);
    });
  }

  #count(facts: { readonly rows: number; readonly points: number }): void {
    this.#rows += facts.rows;
    this.#points += facts.points;
  }

  #startSlice(): void {
    this.#sliceEnd = this.#parts.monotonicMs() + SLICE_MS;
  }

  async #breathe(): Promise<void> {
    const { pause, monotonicMs, kernels } = this.#parts;
    if (pause === undefined || monotonicMs() < this.#sliceEnd) return;
    await pause();
    kernels.refresh();
    this.#startSlice();
  }
}

/** Word of a source record that holds its newest chunk; see engine/kernels/assembly/series_table.ts. */
const SOURCE_CHUNKS_WORD = 8;

/** The chunks ascending in time, or undefined where two overlap. */
function inTimeOrder(chunks: HeadChunk[]): HeadChunk[] | undefined {
  let ordered = chunks;
  for (let i = 1; i < chunks.length; i++) {
    if (chunks[i]!.minTime <= chunks[i - 1]!.maxTime) {
      ordered = [...chunks].sort((a, b) => a.minTime < b.minTime ? -1 : 1);
      break;
    }
  }
  for (let i = 1; i < ordered.length; i++) {
    if (ordered[i]!.minTime <= ordered[i - 1]!.maxTime) return undefined;
  }
  return ordered;
}

function removeQuietly(fileSystem: FileSystem, path: string): void {
  try {
    fileSystem.remove(path);
  } catch {
    // The disk is failing; the next open removes files that the manifest does not name.
  }
}
