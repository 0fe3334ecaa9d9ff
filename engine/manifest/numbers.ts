/** Numbers that are given out once: of segments and of edits. The manifest keeps how far they went. */
import { type SegmentId, type Sequence, toSegmentId, toSequence } from "../base/types.ts";
import type { Version, VersionEdit } from "./version.ts";

export class Numbers {
  #segment: number;
  #sequence: number;

  constructor(version: Version) {
    this.#segment = version.nextSegment;
    this.#sequence = version.nextSequence;
  }

  segment(): SegmentId {
    return toSegmentId(this.#segment++);
  }

  sequence(): Sequence {
    return toSequence(this.#sequence++);
  }

  /** What an edit must say of them, so that no number is given out again. */
  get edit(): Pick<VersionEdit, "nextSegment" | "nextSequence"> {
    return { nextSegment: this.#segment, nextSequence: this.#sequence };
  }
}
