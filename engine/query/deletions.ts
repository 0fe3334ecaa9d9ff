/**
 * Deletions in force: which points of which piece a tombstone hides.
 *
 * A tombstone hides what was written before it. For segments the sequences tell: a segment with a lower sequence is
 * older. For the head, whose chunks have no sequence yet, the stamp taken when the tombstone was made tells.
 */
import { toSourceId } from "../base/types.ts";
import type { HiddenSlotRange } from "../chunk/row_merger.ts";
import type { HiddenInHead } from "../head/flush.ts";
import type { HeadChunk } from "../head/head.ts";
import { hiddenRows, hidesSeries } from "../manifest/tombstones.ts";
import type { Tombstone } from "../manifest/version.ts";
import type { HiddenRange, HiddenRanges } from "./source_set.ts";
import type { OpenSegment } from "../segment/segment_readers.ts";

/** Tombstones of a moment with the head's stamps at which they were made. */
export class Deletions implements HiddenRanges {
  readonly #tombstones: readonly Tombstone[];
  readonly #stamps: ReadonlyMap<number, number>;

  constructor(tombstones: readonly Tombstone[], stamps: ReadonlyMap<number, number>) {
    this.#tombstones = tombstones;
    this.#stamps = stamps;
  }

  ofSegment(series: number, segment: OpenSegment): readonly HiddenRange[] | undefined {
    let ranges: HiddenRange[] | undefined;
    const { sequence, purged } = segment.record;
    for (const tombstone of this.#tombstones) {
      if (tombstone.sequence <= sequence || tombstone.sequence <= purged) continue;
      if (hidesSeries(tombstone, series)) (ranges ??= []).push(tombstone);
    }
    return ranges;
  }

  ofHead(series: number, stamp: number): readonly HiddenRange[] | undefined {
    let ranges: HiddenRange[] | undefined;
    for (const tombstone of this.#tombstones) {
      if (stamp >= (this.#stamps.get(tombstone.sequence) ?? 0)) continue;
      if (hidesSeries(tombstone, series)) (ranges ??= []).push(tombstone);
    }
    return ranges;
  }

  /** What a flush leaves out, as it stands now. */
  forFlush(): HiddenInHead {
    return (source, chunk) => this.#inHeadChunk(source, chunk);
  }

  #inHeadChunk(source: number, chunk: HeadChunk): readonly HiddenSlotRange[] | undefined {
    const later = this.#tombstones.filter(({ sequence, start, end }) =>
      chunk.stamp < (this.#stamps.get(sequence) ?? 0) && start <= chunk.maxTime &&
      end > chunk.minTime
    );
    if (later.length === 0) return undefined;
    const { rows, columns } = hiddenRows(later, toSourceId(source));
    const ranges = rows.map((range): HiddenSlotRange => ({ slot: undefined, ...range }));
    for (const { slot, ranges: hidden } of columns) {
      for (const range of hidden) ranges.push({ slot, ...range });
    }
    return ranges.length === 0 ? undefined : ranges;
  }
}
