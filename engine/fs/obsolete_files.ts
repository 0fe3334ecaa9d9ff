/**
 * Files that the database needs no more and keeps a while, so that a copy of its directory that was begun when they were
 * needed still finds them.
 *
 * Invariants
 * - The oldest goes first: when its time is over, or when all of them take more than their room.
 * - A file that the disk refuses to give up stays here and is tried again.
 */

/** A file that became obsolete. */
export interface ObsoleteFile {
  readonly path: string;
  readonly bytes: number;
  /** Gives the file up; false when the disk refuses. `forRoom`: the disk is full, so that the bytes have to be given back. */
  remove(forRoom: boolean): boolean;
}

export interface ObsoleteFilesOptions {
  /** How long they are kept, as things stand; 0 removes them at once. */
  readonly keepMs: () => number;
  /** Bytes that all of them may take. */
  readonly bytesMax: number;
  readonly monotonicMs: () => number;
}

interface WaitingFile {
  readonly path: string;
  readonly bytes: number;
  readonly file: ObsoleteFile;
  readonly sinceMs: number;
  /** The disk refused to give it up: when it is tried again. */
  readonly retryMs?: number;
}

/** What a copy takes beside the time for its bytes. */
const COPY_STARTS_MS = 2_000;

/** How long copying so many bytes takes at most, in milliseconds. */
export function copyMs(bytes: number, bytesPerSecond: number): number {
  return COPY_STARTS_MS + (bytes / bytesPerSecond) * 1_000;
}

/** When a file that could not be removed is tried again. */
const RETRY_MS = 60_000;

export class ObsoleteFiles {
  readonly #options: ObsoleteFilesOptions;
  /** Oldest first. */
  readonly #files = new Map<string, WaitingFile>();
  #bytes = 0;
  /** Called when a file was added that waits for its time. */
  onWaiting: () => void = () => {};

  constructor(options: ObsoleteFilesOptions) {
    this.#options = options;
  }

  /** Nothing is kept: for whoever owns files and has no database around them. */
  static none(): ObsoleteFiles {
    return new ObsoleteFiles({ keepMs: () => 0, bytesMax: 0, monotonicMs: () => 0 });
  }

  get count(): number {
    return this.#files.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  /** A file is obsolete from now on. */
  add(file: ObsoleteFile): void {
    if (this.#files.has(file.path)) return;
    const { path, bytes } = file;
    this.#files.set(path, { path, bytes, file, sinceMs: this.#options.monotonicMs() });
    this.#bytes += file.bytes;
    this.sweep();
    if (this.#files.size > 0) this.onWaiting();
  }

  /** Removes what has been kept long enough; milliseconds until more is due, undefined when nothing waits. */
  sweep(): number | undefined {
    const now = this.#options.monotonicMs();
    const keepMs = this.#options.keepMs();
    const dueMs = (file: WaitingFile) => file.retryMs ?? file.sinceMs + keepMs;
    const tries = this.#files.size;
    for (let i = 0; i < tries; i++) {
      const file: WaitingFile = this.#files.values().next().value!;
      if (dueMs(file) > now && this.#bytes <= this.#options.bytesMax) break;
      if (this.#remove(file, false)) continue;
      // Behind the others, so that it does not hold them up.
      this.#files.delete(file.path);
      this.#files.set(file.path, { ...file, retryMs: now + RETRY_MS });
    }
    const [next] = this.#files.values();
    return next === undefined ? undefined : Math.max(0, dueMs(next) - now);
  }

  /** Removes all of them, because their room is needed; whether that gave anything back. */
  release(): boolean {
    const before = this.#files.size;
    for (const file of [...this.#files.values()]) this.#remove(file, true);
    return this.#files.size < before;
  }

  #remove(file: WaitingFile, forRoom: boolean): boolean {
    if (!file.file.remove(forRoom)) return false;
    this.#files.delete(file.path);
    this.#bytes -= file.bytes;
    return true;
  }
}
