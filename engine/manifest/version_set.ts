/**
 * The versions that are alive: the current one and those that readers still pin. Says which segments nobody needs any
 * more, so that their files can go.
 *
 * Invariants
 * - A segment is reported once, and only after the edit that removed it is durable and no pinned version names it.
 * - Numbers are given out once: what was taken and not committed is a gap.
 */
import { assert } from "../base/assert.ts";
import { type SegmentId, type Sequence, toSegmentId, toSequence } from "../base/types.ts";
import { isDiskFull } from "../fs/io_error.ts";
import type { ManifestFile, Version, VersionEdit } from "./version.ts";

/** A version that stays alive until it is disposed of. */
export interface VersionPin extends Disposable {
  readonly version: Version;
}

export interface VersionSetOptions {
  readonly manifest: ManifestFile;
  /** Called, in the same step as the publication or the unpinning, with segments that no version needs any more. */
  readonly onUnneeded: (segments: readonly SegmentId[]) => void;
  /** Called when the disk is full; true when room was made, so that a commit may be tried again. */
  readonly onDiskFull?: () => boolean;
}

export class VersionSet {
  readonly #manifest: ManifestFile;
  readonly #onUnneeded: (segments: readonly SegmentId[]) => void;
  readonly #onDiskFull: () => boolean;
  #current: Version;
  /** Holders of each living version: its pins, and one more for the current one. */
  readonly #holders = new Map<Version, number>();
  /** Living versions that name a segment. */
  readonly #uses = new Map<SegmentId, number>();
  #pins = 0;
  #nextSegment: number;
  #nextSequence: number;

  constructor(options: VersionSetOptions) {
    this.#manifest = options.manifest;
    this.#onUnneeded = options.onUnneeded;
    this.#onDiskFull = options.onDiskFull ?? (() => false);
    this.#current = options.manifest.version;
    this.#nextSegment = this.#current.nextSegment;
    this.#nextSequence = this.#current.nextSequence;
    this.#hold(this.#current);
  }

  get current(): Version {
    return this.#current;
  }

  /** Pins that are not disposed of yet. */
  get pins(): number {
    return this.#pins;
  }

  /** Versions alive. */
  get living(): number {
    return this.#holders.size;
  }

  /** Keeps the current version's segments until the pin is disposed of. */
  pin(): VersionPin {
    const version = this.#current;
    this.#hold(version);
    this.#pins++;
    let isHeld = true;
    return {
      version,
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#pins--;
        this.#letGo(version);
      },
    };
  }

  /** A number for a new segment. */
  takeSegmentId(): SegmentId {
    return toSegmentId(this.#nextSegment++);
  }

  /** A commit number: above that of every segment and tombstone so far. */
  takeSequence(): Sequence {
    return toSequence(this.#nextSequence++);
  }

  /**
   * Makes the edit durable, then current. `onPublish` runs in the same synchronous step: what a reader sees beside the
   * version (the head) changes with it. Rejects as ManifestFile.commit does.
   */
  async commit(edit: VersionEdit, onPublish?: (version: Version) => void): Promise<Version> {
    const version = await this.#manifest.commit(edit).catch((error: unknown) => {
      if (!isDiskFull(error) || !this.#onDiskFull()) throw error;
      return this.#manifest.commit(edit);
    });
    this.#publish(version, onPublish);
    return version;
  }

  /** The same, blocking; for opening and closing. */
  commitNow(edit: VersionEdit, onPublish?: (version: Version) => void): Version {
    const version = this.#manifest.commitNow(edit);
    this.#publish(version, onPublish);
    return version;
  }

  #publish(version: Version, onPublish: ((version: Version) => void) | undefined): void {
    const previous = this.#current;
    this.#hold(version);
    this.#current = version;
    onPublish?.(version);
    const quarantined = new Set(version.quarantined);
    const removed = previous.quarantined.filter((id) => !quarantined.has(id));
    this.#letGo(previous, removed.filter((id) => !this.#uses.has(id)));
  }

  #hold(version: Version): void {
    const holders = this.#holders.get(version) ?? 0;
    this.#holders.set(version, holders + 1);
    if (holders > 0) return;
    for (const { id } of version.segments) this.#uses.set(id, (this.#uses.get(id) ?? 0) + 1);
  }

  #letGo(version: Version, unneeded: SegmentId[] = []): void {
    const holders = this.#holders.get(version);
    assert(holders !== undefined && holders > 0, "Version was let go twice");
    if (holders > 1) this.#holders.set(version, holders - 1);
    else {
      this.#holders.delete(version);
      const quarantined = new Set(this.#current.quarantined);
      for (const { id } of version.segments) {
        const uses = this.#uses.get(id)!;
        if (uses > 1) this.#uses.set(id, uses - 1);
        else {
          this.#uses.delete(id);
          if (!quarantined.has(id)) unneeded.push(id);
        }
      }
    }
    if (unneeded.length > 0) this.#onUnneeded(unneeded);
  }
}
