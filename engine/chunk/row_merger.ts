/**
 * Merges the chunks of one source into new ones: for flush and compaction.
 *
 * Inputs are added in order of precedence: where two have a row of the same time, the row has the fields of both, and a
 * field of both has the later input's value. Output ascends in time without overlap.
 *
 * Memory: an input is open from when the output reaches its first time until the output has passed its last. An open input
 * takes 10 bytes a row beside its chunk; the merger takes MERGE_WORK_BYTES (0.2 MB) and room for the chunk it makes. An
 * output chunk ends early when the open inputs exceed INPUT_BYTES_SOFT_MAX, so a source of any length is merged in bounds.
 */
import { assert } from "../base/assert.ts";
import { EngineError } from "../errors.ts";
import type { Kernels, MemoryTag } from "../kernels/kernels.ts";
import { CHUNK_ROWS_MAX, EFFORT } from "./chunk.ts";

/** Bytes of open chunks beyond which the output is cut before another one is opened. */
const INPUT_BYTES_SOFT_MAX = 4 << 20;
const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;
/** Offsets in an input's record; the layout stands in assembly/row_merge.ts. */
const RECORD = { chunk: 0, bytes: 4, rows: 8, times: 12, places: 16, next: 24 } as const;
const HIDDEN_BYTES = 24;
const ALL_SLOTS = 0xffff_ffff;

/** Where an encoded chunk lies in linear memory. */
export interface ChunkPlace {
  readonly pointer: number;
  readonly bytes: number;
}

/** What is known of a chunk besides its bytes. */
export interface ChunkFacts {
  readonly rows: number;
  readonly points: number;
  /** Inclusive bounds. */
  readonly minTime: bigint;
  readonly maxTime: bigint;
}

/** A deleted range of one column, or of all (`slot` undefined); half open. */
export interface HiddenSlotRange {
  readonly slot: number | undefined;
  readonly start: bigint;
  readonly end: bigint;
}

/** A chunk that is brought into memory only while it is needed. */
export interface MergeInput {
  /** Inclusive bounds. */
  readonly minTime: bigint;
  readonly maxTime: bigint;
  readonly hidden?: readonly HiddenSlotRange[] | undefined;
  /** Brings the chunk into linear memory. */
  open(): ChunkPlace;
  /** Lets it go; called once for each `open`, also when merging fails. */
  close(): void;
}

export interface RowMergerOptions {
  /** Rows of an output chunk at most; CHUNK_ROWS_MAX by default. */
  readonly rowsMax?: number;
  /** EFFORT.fast by default. */
  readonly effort?: number;
  /** What memory is counted for; "scratch" by default. */
  readonly tag?: MemoryTag;
}

/** Takes one output chunk; its bytes are valid during the call. */
export type ChunkSink = (chunk: ChunkPlace, facts: ChunkFacts) => void;

interface OpenInput {
  readonly input: MergeInput;
  readonly order: number;
  readonly record: number;
  readonly place: ChunkPlace;
  readonly rows: number;
  /** Memory of the hidden ranges, 0 for none. */
  readonly ranges: number;
}

export class RowMerger implements Disposable {
  readonly #kernels: Kernels;
  readonly #rowsMax: number;
  readonly #effort: number;
  readonly #tag: MemoryTag;
  readonly #work: number;
  #inputs: MergeInput[] = [];
  #open: OpenInput[] = [];
  #openBytes = 0;
  #list = 0;
  #listLength = 0;
  #isDisposed = false;

  constructor(kernels: Kernels, options: RowMergerOptions = {}) {
    this.#kernels = kernels;
    this.#rowsMax = options.rowsMax ?? CHUNK_ROWS_MAX;
    this.#effort = options.effort ?? EFFORT.fast;
    this.#tag = options.tag ?? "scratch";
    assert(this.#rowsMax > 0 && this.#rowsMax <= CHUNK_ROWS_MAX, "Bad rows of a chunk");
    this.#work = kernels.alloc(Number(kernels.exports.MERGE_WORK_BYTES.value), this.#tag);
  }

  /** Begins with another source; what was added before is forgotten. */
  begin(): void {
    this.#inputs = [];
  }

  /** Adds a chunk that stays in memory until `emit` has returned. Later ones take precedence. */
  addChunk(
    chunk: ChunkPlace & { readonly minTime: bigint; readonly maxTime: bigint },
    hidden?: readonly HiddenSlotRange[],
  ): void {
    const { minTime, maxTime } = chunk;
    this.addInput({ minTime, maxTime, hidden, open: () => chunk, close: () => {} });
  }

  /** Adds a chunk that is opened when the output reaches it. Later ones take precedence. */
  addInput(input: MergeInput): void {
    this.#inputs.push(input);
  }

  /**
   * Merges what was added since `begin` and gives the chunks to `sink` in order. Throws "corrupt" for a damaged chunk, and what
   * `open` and `sink` throw; some chunks may have been given then.
   */
  emit(sink: ChunkSink): void {
    const waiting = this.#inputs.map((input, order) => ({ input, order }));
    // Mostly they come in order of time.
    if (waiting.some(({ input }, i) => i > 0 && input.minTime < waiting[i - 1]!.input.minTime)) {
      waiting.sort((a, b) =>
        a.input.minTime < b.input.minTime ? -1 : a.input.minTime > b.input.minTime ? 1 : 0
      );
    }
    this.#kernels.exports.mergeUse(this.#work);
    this.#outRows = 0;
    try {
      for (let i = 0; i < waiting.length; i++) {
        const { input, order } = waiting[i]!;
        this.#advance(input.minTime === I64_MIN ? undefined : input.minTime - 1n, sink);
        if (this.#openBytes > INPUT_BYTES_SOFT_MAX) this.#cut(sink);
        const open = this.#activate(input, order);
        if (this.#passThrough(open, waiting[i + 1]?.input.minTime, sink)) this.#letGo(() => true);
      }
      this.#advance(I64_MAX, sink);
      this.#cut(sink);
    } finally {
      this.#letGo(() => true);
      this.#inputs = [];
    }
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#kernels.free(this.#work, this.#tag);
    if (this.#list !== 0) this.#kernels.free(this.#list, this.#tag);
    this.#kernels.exports.mergeRelease();
  }

  /** Rows in the output that is being made. */
  #outRows = 0;

  /** Takes rows up to and with `last` into the output; gives full chunks away. */
  #advance(last: bigint | undefined, sink: ChunkSink): void {
    if (last === undefined || this.#open.length === 0) return;
    this.#writeList();
    for (;;) {
      this.#outRows = this.#kernels.exports.mergeTimes(
        this.#list,
        this.#open.length,
        last,
        this.#rowsMax,
      );
      if (this.#outRows < this.#rowsMax) return;
      this.#cut(sink);
      this.#writeList();
    }
  }

  /** Ends the output chunk and lets inputs go that have nothing left. */
  #cut(sink: ChunkSink): void {
    const { exports } = this.#kernels;
    const rows = this.#outRows;
    this.#outRows = 0;
    if (rows > 0) {
      this.#writeList();
      const bytes = exports.mergeEncode(this.#list, this.#open.length, this.#effort);
      if (bytes < 0) throw damaged();
      this.#kernels.refresh();
      const first = this.#work >> 3;
      const points = Number(exports.mergedPoints.value);
      const minTime = this.#kernels.i64[first]!;
      const maxTime = this.#kernels.i64[first + rows - 1]!;
      const pointer = Number(exports.mergedChunk.value) >>> 0;
      if (points > 0) sink({ pointer, bytes }, { rows, points, minTime, maxTime });
      this.#kernels.refresh();
    }
    this.#letGo((open) => this.#nextRow(open) === open.rows);
  }

  #nextRow(open: OpenInput): number {
    return this.#kernels.u32[(open.record + RECORD.next) >> 2]!;
  }

  /**
   * Gives a chunk on as it is, when nothing overlaps it, nothing in it is hidden and encoding it again would not make it much
   * better: it is at least half full, and so is the output in front of it. True when it did.
   */
  #passThrough(open: OpenInput, nextTime: bigint | undefined, sink: ChunkSink): boolean {
    const { exports } = this.#kernels;
    const { input, place, record, rows } = open;
    const half = this.#rowsMax / 2;
    if (input.hidden !== undefined || rows < half || rows > this.#rowsMax) return false;
    if (nextTime !== undefined && nextTime <= input.maxTime) return false;
    if (this.#outRows > 0 && this.#outRows < half) return false;
    if (this.#open.some((other) => other !== open && this.#nextRow(other) < other.rows)) {
      return false;
    }
    if (exports.chunkEffort(place.pointer, place.bytes) < this.#effort) return false;
    this.#cutBefore(open, sink);
    const points = exports.mergeCountPoints(record);
    if (points < 0) throw damaged();
    sink(place, { rows, points, minTime: input.minTime, maxTime: input.maxTime });
    this.#kernels.refresh();
    return true;
  }

  /** Ends the output chunk, to which `open`, the newest input, has not contributed. */
  #cutBefore(open: OpenInput, sink: ChunkSink): void {
    if (this.#outRows === 0) return;
    this.#open = this.#open.filter((other) => other !== open);
    try {
      this.#cut(sink);
    } finally {
      this.#open.push(open);
    }
  }

  /** Opens an input. Its times must be what was said of them. */
  #activate(input: MergeInput, order: number): OpenInput {
    const { exports } = this.#kernels;
    const place = input.open();
    let record = 0;
    let ranges = 0;
    let isOpen = false;
    try {
      const rows = exports.chunkRows(place.pointer, place.bytes);
      if (rows < 0) throw damaged();
      record = this.#newRecord(place, rows);
      if (exports.mergeOpen(record) !== rows || !this.#hasBounds(record, rows, input)) {
        throw damaged();
      }
      if (input.hidden !== undefined && input.hidden.length > 0) {
        ranges = this.#hide(record, rows, input.hidden);
      }
      // The list stays in order of precedence: that is the order in which columns are laid over each other.
      const open = { input, order, record, place, rows, ranges };
      const at = this.#open.findIndex((other) => other.order > order);
      this.#open.splice(at < 0 ? this.#open.length : at, 0, open);
      this.#openBytes += place.bytes;
      isOpen = true;
      return open;
    } finally {
      if (!isOpen) {
        if (ranges !== 0) this.#kernels.free(ranges, this.#tag);
        if (record !== 0) this.#kernels.free(record, this.#tag);
        input.close();
      }
    }
  }

  #hasBounds(record: number, rows: number, input: MergeInput): boolean {
    const { i64, u32 } = this.#kernels;
    const times = u32[(record + RECORD.times) >> 2]! >> 3;
    return i64[times] === input.minTime && i64[times + rows - 1] === input.maxTime;
  }

  /** One block: the record, times, a bitmap of live rows, places. */
  #newRecord(place: ChunkPlace, rows: number): number {
    const head = Number(this.#kernels.exports.MERGE_INPUT_BYTES.value);
    const bitmap = (rows + 63 >> 6) * 8;
    const record = this.#kernels.alloc(head + rows * 10 + bitmap, this.#tag);
    const word = record >> 2;
    const { u32 } = this.#kernels;
    u32[word + RECORD.chunk / 4] = place.pointer;
    u32[word + RECORD.bytes / 4] = place.bytes;
    u32[word + RECORD.times / 4] = record + head;
    u32[word + RECORD.places / 4] = record + head + rows * 8 + bitmap;
    return record;
  }

  #hide(record: number, rows: number, hidden: readonly HiddenSlotRange[]): number {
    const ranges = this.#kernels.alloc(hidden.length * HIDDEN_BYTES, this.#tag);
    const { u32, i64 } = this.#kernels;
    hidden.forEach(({ slot, start, end }, i) => {
      const at = ranges + i * HIDDEN_BYTES;
      u32[at >> 2] = slot ?? ALL_SLOTS;
      u32[(at >> 2) + 1] = 0;
      i64[(at >> 3) + 1] = start;
      i64[(at >> 3) + 2] = end;
    });
    const head = Number(this.#kernels.exports.MERGE_INPUT_BYTES.value);
    const live = record + head + rows * 8;
    if (this.#kernels.exports.mergeHide(record, ranges, hidden.length, live) < 0) {
      this.#kernels.free(ranges, this.#tag);
      throw damaged();
    }
    return ranges;
  }

  /** Closes the open inputs that `isDone` names. */
  #letGo(isDone: (open: OpenInput) => boolean): void {
    const kept: OpenInput[] = [];
    for (const open of this.#open) {
      if (!isDone(open)) {
        kept.push(open);
        continue;
      }
      this.#openBytes -= open.place.bytes;
      this.#kernels.free(open.record, this.#tag);
      if (open.ranges !== 0) this.#kernels.free(open.ranges, this.#tag);
      open.input.close();
    }
    this.#open = kept;
  }

  /** Lists the open inputs' records for the kernel. */
  #writeList(): void {
    if (this.#open.length > this.#listLength) {
      if (this.#list !== 0) this.#kernels.free(this.#list, this.#tag);
      this.#listLength = this.#open.length * 2;
      this.#list = this.#kernels.alloc(this.#listLength * 4, this.#tag);
    }
    this.#open.forEach((open, i) => this.#kernels.u32[(this.#list >> 2) + i] = open.record);
  }
}

function damaged(): EngineError {
  return new EngineError("corrupt", "Cannot merge chunks: a chunk is damaged");
}
