/**
 * Which points a disk limit may have taken, read from the manifest as it grows: edits that remove segments and add none.
 * A segment goes with all older ones that it meets, so that a point is gone or right, never an older value of itself.
 */
import { applyEdit, emptyVersion } from "../../engine/manifest/edit.ts";
import {
  decodePayload,
  HEADER_BYTES,
  payloadAt,
  RECORD_HEADER_BYTES,
} from "../../engine/manifest/format.ts";
import type { SegmentId } from "../../engine/base/types.ts";
import type { Version } from "../../engine/manifest/version.ts";
import type { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";

const MANIFEST = "/data/MANIFEST";

export class Evictions {
  readonly #memory: MemoryFileSystem;
  #version: Version | undefined;
  /** Number of the record that `#version` stands at. */
  #number = 0;
  #bytes = 0;
  #highest: bigint | undefined;
  readonly #gone = new Set<SegmentId>();

  constructor(memory: MemoryFileSystem) {
    this.#memory = memory;
  }

  /** Points up to it may be gone; undefined where none is. */
  get highest(): bigint | undefined {
    return this.#highest;
  }

  /** Segments that went. */
  get count(): number {
    return this.#gone.size;
  }

  /** Call after a power cut: what is appended next may have the size of what was lost. */
  forget(): void {
    this.#bytes = 0;
  }

  /** Call whenever time has gone on. */
  look(): void {
    if (!this.#memory.exists(MANIFEST)) return;
    if (this.#memory.fileBytes(MANIFEST) === this.#bytes) return;
    const bytes = this.#read();
    this.#bytes = bytes.length;
    let offset = HEADER_BYTES;
    for (;;) {
      const payload = payloadAt(bytes, offset);
      if (payload === undefined) break;
      this.#apply(payload);
      offset += RECORD_HEADER_BYTES + payload.length;
    }
  }

  #apply(payload: Uint8Array): void {
    const { kind, number, identity, edit } = decodePayload(payload);
    if (kind === "whole") {
      // A power cut may have taken records back whose numbers are given out again; a rewritten manifest begins anew.
      const version = applyEdit(emptyVersion(identity!), edit);
      if (this.#version !== undefined && number > this.#number) this.#drop(this.#version, version);
      this.#version = version;
      this.#number = number;
      return;
    }
    const before = this.#version!;
    this.#version = applyEdit(before, edit);
    this.#number = number;
    const adds = (edit.addSegments ?? []).length > 0;
    if (!adds && (edit.removeSegments ?? []).length > 0) this.#drop(before, this.#version);
  }

  #drop(before: Version, after: Version): void {
    const left = new Set(after.segments.map(({ id }) => id));
    for (const { id, maxTime } of before.segments) {
      if (left.has(id)) continue;
      this.#gone.add(id);
      if (this.#highest === undefined || maxTime > this.#highest) this.#highest = maxTime;
    }
  }

  #read(): Uint8Array {
    const handle = this.#memory.open(MANIFEST, "read");
    const bytes = new Uint8Array(handle.size());
    handle.read(bytes, 0);
    handle.close();
    return bytes;
  }
}
