/**
 * Deletions in force: which points of which piece a tombstone hides.
 *
 * A tombstone hides what was written before it. For segments the sequences tell: a segment with a lower sequence is
 * older. For the head, whose chunks have no sequence yet, the stamp taken when the tombstone was made tells.
 */
import { type SeriesId, slotOfSeries, sourceOfSeries } from "../base/types.ts";
import type { HiddenSlotRange } from "../chunk/row_merger.ts";
import type { HiddenInHead } from "../head/flush.ts";
import type { HeadChunk } from "../head/head.ts";
import type { Tombstone } from "../manifest/version.ts";
import type { HiddenRange, HiddenRanges } from "./series_reader.ts";
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
      if (hides(tombstone, series)) (ranges ??= []).push(tombstone);
    }
    return ranges;
  }

  ofHead(series: number, stamp: number): readonly HiddenRange[] | undefined {
    let ranges: HiddenRange[] | undefined;
    for (const tombstone of this.#tombstones) {
      if (stamp >= (this.#stamps.get(tombstone.sequence) ?? 0)) continue;
      if (hides(tombstone, series)) (ranges ??= []).push(tombstone);
    }
    return ranges;
  }

  /** What a flush leaves out, as it stands now. */
  forFlush(): HiddenInHead {
    return (source, chunk) => this.#inHeadChunk(source, chunk);
  }

  /** Ranges of all columns of a source that are deleted in a chunk of the head. */
  #inHeadChunk(source: number, chunk: HeadChunk): readonly HiddenSlotRange[] | undefined {
    let ranges: HiddenSlotRange[] | undefined;
    for (const tombstone of this.#tombstones) {
      if (chunk.stamp >= (this.#stamps.get(tombstone.sequence) ?? 0)) continue;
      if (tombstone.start > chunk.maxTime || tombstone.end <= chunk.minTime) continue;
      for (const slot of hiddenSlots(tombstone, source)) {
        (ranges ??= []).push({ slot, start: tombstone.start, end: tombstone.end });
      }
    }
    return ranges;
  }
}

/** Whether the tombstone speaks of the series. */
function hides(tombstone: Tombstone, series: number): boolean {
  const list = tombstone.series;
  if (list === undefined) return true;
  const at = lowerBound(list, series);
  return list[at] === series;
}

/** Slots of a source that the tombstone hides; one undefined for all of them. */
export function hiddenSlots(tombstone: Tombstone, source: number): readonly (number | undefined)[] {
  const list = tombstone.series;
  if (list === undefined) return [undefined];
  const slots: number[] = [];
  for (let i = lowerBound(list, source * 65_536); i < list.length; i++) {
    const series = list[i]! as SeriesId;
    if (sourceOfSeries(series) !== source) break;
    slots.push(slotOfSeries(series));
  }
  return slots;
}

function lowerBound(list: Float64Array, value: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
