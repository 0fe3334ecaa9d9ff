/** What the memory file system is made of: files as lists of pages, directories as maps of names. */
import { assert } from "../base/assert.ts";

/** Bytes of a page of a file's content. */
const PAGE_BYTES = 16_384;

export type MemoryNode = MemoryFile | MemoryDirectory;

/** A directory: names and what they stand for. Several names may stand for one file. */
export class MemoryDirectory {
  readonly kind = "directory";
  readonly entries: Map<string, MemoryNode> = new Map();
  /** Whether somebody holds its process lock. */
  isLocked = false;
}

/** A file's content. Pages never written do not exist and read as zeros. */
export class MemoryFile {
  readonly kind = "file";
  /** Tells it from every other file of its file system. */
  readonly identity: number;
  /** Names that stand for this file, and handles that are open on it; without either its room is given back. */
  names = 0;
  handles = 0;
  readonly #pages: (Uint8Array | undefined)[] = [];
  #bytes = 0;

  constructor(identity: number) {
    this.identity = identity;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Fills `target` from `position`; returns the bytes read, fewer only at the end. */
  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.length, this.#bytes - position));
    for (let done = 0; done < count;) {
      const number = Math.floor((position + done) / PAGE_BYTES);
      const from = position + done - number * PAGE_BYTES;
      const take = Math.min(count - done, PAGE_BYTES - from);
      const page = this.#pages[number];
      if (page === undefined) target.fill(0, done, done + take);
      else target.set(page.subarray(from, from + take), done);
      done += take;
    }
    return count;
  }

  write(source: Uint8Array, position: number): void {
    for (let done = 0; done < source.length;) {
      const number = Math.floor((position + done) / PAGE_BYTES);
      const from = position + done - number * PAGE_BYTES;
      const take = Math.min(source.length - done, PAGE_BYTES - from);
      const page = this.#pages[number] ??= new Uint8Array(PAGE_BYTES);
      page.set(source.subarray(done, done + take), from);
      done += take;
    }
    this.#bytes = Math.max(this.#bytes, position + source.length);
  }

  /** Cuts the file, or extends it with zeros. */
  resize(bytes: number): void {
    assert(bytes >= 0);
    if (bytes < this.#bytes) {
      const pages = Math.ceil(bytes / PAGE_BYTES);
      if (this.#pages.length > pages) this.#pages.length = pages;
      this.#pages[pages - 1]?.fill(0, bytes - (pages - 1) * PAGE_BYTES);
    }
    this.#bytes = bytes;
  }
}
