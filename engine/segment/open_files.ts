/**
 * A bounded number of open segment files, shared by all segments of a database. A read opens its file when it is not
 * open and closes the one that was read longest ago when too many are.
 *
 * Invariant: reads are synchronous, so no handle is in use when another one is opened.
 */
import { assert } from "../base/assert.ts";
import type { FileHandle, FileSystem } from "../fs/file_system.ts";
import { isMissing } from "../fs/io_error.ts";

export class OpenFiles implements Disposable {
  readonly #fileSystem: FileSystem;
  readonly #filesMax: number;
  // A Map keeps insertion order: the first entry is the one used longest ago.
  readonly #handles = new Map<string, FileHandle>();

  /** At most `filesMax` (at least 1) files are open at once. */
  constructor(fileSystem: FileSystem, filesMax: number) {
    assert(filesMax >= 1);
    this.#fileSystem = fileSystem;
    this.#filesMax = filesMax;
  }

  get openCount(): number {
    return this.#handles.size;
  }

  /** Reads at `position`; returns the bytes read, fewer than asked for only at the end of the file. Throws "io". */
  read(path: string, target: Uint8Array, position: number): number {
    return this.#handle(path).read(target, position);
  }

  /** Bytes of the file; undefined when it is missing. Throws "io". */
  size(path: string): number | undefined {
    try {
      return this.#handle(path).size();
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Closes the file if it is open, for instance because it was renamed or removed. */
  close(path: string): void {
    const handle = this.#handles.get(path);
    if (handle === undefined) return;
    this.#handles.delete(path);
    handle.close();
  }

  [Symbol.dispose](): void {
    for (const path of [...this.#handles.keys()]) this.close(path);
  }

  #handle(path: string): FileHandle {
    let handle = this.#handles.get(path);
    if (handle === undefined) {
      while (this.#handles.size >= this.#filesMax) this.close(this.#handles.keys().next().value!);
      handle = this.#fileSystem.open(path, "read");
    } else {
      this.#handles.delete(path);
    }
    this.#handles.set(path, handle);
    return handle;
  }
}
