/**
 * The log file that is being appended to.
 *
 * A file whose size does not change costs one page for a small synced write, one that grows also a journal entry of the
 * file system (17 KB instead of 4 on ext4). So a file is grown ahead by zeros, in steps, while syncs are small; where they
 * are large, zeros would double what goes to the device, and the file simply grows. Recycled files have their size already.
 *
 * Invariants
 * - Bytes before `end` are whole records; what a failed write left behind is cut off before the next one is written.
 */
import type { FileHandle } from "../fs/file_system.ts";
import { FILE_HEADER_BYTES, RECORD_HEADER_BYTES } from "./format.ts";

/** Bytes of zeros written ahead at once. */
export const ZERO_STEP_BYTES: number = 256 << 10;

const zeros = new Uint8Array(ZERO_STEP_BYTES);

export class LogFile {
  readonly file: number;
  readonly handle: FileHandle;
  /** Bytes the file has; from `end` on zeros, or records of an earlier life. */
  #allocated: number;
  #end = FILE_HEADER_BYTES;
  /** Up to where it is known to be on the device. */
  synced = 0;
  #isUnclean = false;

  constructor(file: number, handle: FileHandle, header: Uint8Array) {
    this.file = file;
    this.handle = handle;
    handle.write(header, 0);
    this.#allocated = Math.max(handle.size(), header.length);
  }

  /** Where the next record begins. */
  get end(): number {
    return this.#end;
  }

  get allocated(): number {
    return this.#allocated;
  }

  /** Writes a record at `end`. Throws "io"; the file then ends where it did before. */
  write(record: Uint8Array): void {
    this.clean();
    this.#isUnclean = true;
    try {
      this.handle.write(record, this.#end);
    } catch (error) {
      try {
        this.clean();
      } catch {
        // Tried again before the next record; the first error is the one that tells why.
      }
      throw error;
    }
    this.#isUnclean = false;
    this.#end += record.length;
    this.#allocated = Math.max(this.#allocated, this.#end);
  }

  /** Cuts off what a failed write left behind. Throws "io". */
  clean(): void {
    if (!this.#isUnclean) return;
    if (this.handle.size() > this.#allocated) this.handle.truncate(this.#allocated);
    const header = Math.min(RECORD_HEADER_BYTES, this.#allocated - this.#end);
    if (header > 0) this.handle.write(zeros.subarray(0, header), this.#end);
    this.#isUnclean = false;
  }

  /** Grows the file ahead of its end when less than a record's header is left, up to `bytesMax`. */
  growAhead(bytesMax: number): void {
    if (this.#allocated > this.#end) return;
    const target = Math.min(
      bytesMax,
      Math.ceil((this.#end + 1) / ZERO_STEP_BYTES) * ZERO_STEP_BYTES,
    );
    if (target <= this.#allocated) return;
    try {
      this.handle.write(zeros.subarray(0, target - this.#allocated), this.#allocated);
      this.#allocated = target;
    } catch {
      // A full disk: records may still fit, and what there is of these zeros does no harm.
    }
  }
}
