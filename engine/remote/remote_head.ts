/** Rows of the head that another thread holds: fetched for many sources at once, when the first of them is read. */
import type { HeadCapture, HeadChunk, HeadReader, ViewMark } from "../head/head.ts";
import { headChunkAt } from "../head/head.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { headOf, type RemoteQuestion } from "./messages.ts";

/** Sources whose rows are fetched at once. */
const SOURCES_PER_QUESTION = 256;

export interface RemoteHeadParts {
  readonly view: number;
  readonly kernels: Kernels;
  readonly ask: (question: RemoteQuestion) => Uint8Array<ArrayBuffer>;
  /** Called once, when the view is closed. */
  readonly onClose: () => void;
}

/** Headers of the head's chunks in this thread's memory. */
export class HeadChunks {
  readonly #kernels: Kernels;
  readonly #headerBytes: number;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#headerBytes = kernels.exports.HEAD_CHUNK_HEADER.value as number;
  }

  chunkAt(block: number): HeadChunk {
    return headChunkAt(this.#kernels, block, this.#headerBytes);
  }
}

/** The head as one remote view sees it. */
export class RemoteHead extends HeadChunks implements HeadReader {
  readonly parts: RemoteHeadParts;
  /** Not known here. */
  readonly rows = 0;
  readonly #blocks: number[] = [];
  #sets = 0;

  constructor(parts: RemoteHeadParts) {
    super(parts.kernels);
    this.parts = parts;
  }

  /** The other thread keeps what the view may look at. */
  openView(): ViewMark {
    return { retiredBefore: 0 };
  }

  closeView(): void {
    for (const block of this.#blocks) this.parts.kernels.free(block, "query");
    this.#blocks.length = 0;
    this.parts.onClose();
  }

  capture(ids: Uint32Array): HeadCapture {
    return new RemoteCapture(this, this.#sets++, ids.length);
  }

  /** Puts bytes into linear memory until the view is closed; returns where they lie. */
  keep(bytes: Uint8Array): number {
    const { kernels } = this.parts;
    // Decoders may look at some bytes beyond the last chunk.
    const block = kernels.alloc(bytes.length + 64, "query");
    kernels.u8.set(bytes, block);
    this.#blocks.push(block);
    return block;
  }
}

/** The captures of some sources that follow each other. */
interface Batch {
  readonly words: Uint32Array;
  readonly starts: Uint32Array;
}

class RemoteCapture implements HeadCapture {
  words = new Uint32Array(0);
  readonly #head: RemoteHead;
  readonly #set: number;
  readonly #count: number;
  readonly #batches: (Batch | undefined)[] = [];

  constructor(head: RemoteHead, set: number, count: number) {
    this.#head = head;
    this.#set = set;
    this.#count = count;
  }

  startOf(position: number): number {
    const number = Math.floor(position / SOURCES_PER_QUESTION);
    const batch = this.#batches[number] ??= this.#load(number * SOURCES_PER_QUESTION);
    this.words = batch.words as Uint32Array<ArrayBuffer>;
    return batch.starts[position % SOURCES_PER_QUESTION]!;
  }

  #load(start: number): Batch {
    const { view, ask } = this.#head.parts;
    const end = Math.min(this.#count, start + SOURCES_PER_QUESTION);
    const packed = headOf(ask({ kind: "head", view, set: this.#set, start, end }));
    const block = this.#head.keep(packed.bytes);
    const { kernels } = this.#head.parts;
    const words = kernels.u32.slice(block >> 2, (block >> 2) + packed.words);
    return { words, starts: place(words, end - start, { kernels, block }) };
  }
}

/** Makes the pointers in captures those of this memory; returns where each source's begins. */
function place(
  words: Uint32Array,
  sources: number,
  { kernels, block }: { readonly kernels: Kernels; readonly block: number },
): Uint32Array {
  const starts = new Uint32Array(sources);
  let at = 0;
  for (let source = 0; source < sources; source++) {
    starts[source] = at;
    const chunks = words[at]!;
    const builders = words[at + 1]!;
    at += 2;
    for (let i = 0; i < chunks; i++) words[at++]! += block;
    for (let i = 0; i < builders; i++, at += 2) {
      words[at]! += block;
      kernels.exports.headRelocate(words[at]!, words[at + 1]!, block);
    }
  }
  return starts;
}
