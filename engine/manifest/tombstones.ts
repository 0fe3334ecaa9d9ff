/**
 * Which rows deletions hide, and when a deletion has done its work: pure functions over a version.
 *
 * A tombstone hides the rows that are older than itself: those of segments with a lower sequence, and in the log those
 * before its position. Rows written after it are never touched, so that deleted data can be written again.
 */
import type { SourceId, TimeRange } from "../base/types.ts";
import type { LogPosition } from "../wal/log.ts";
import type { SegmentRecord, Tombstone, Version } from "./version.ts";

/** What is hidden of one source's rows. Ranges are sorted, disjoint and not adjacent. */
export interface HiddenRows {
  /** Hidden in every column. */
  readonly rows: readonly TimeRange[];
  /** Hidden in single columns, ascending by slot; `rows` is not repeated here. */
  readonly columns: readonly { readonly slot: number; readonly ranges: readonly TimeRange[] }[];
}

export const NOTHING_HIDDEN: HiddenRows = { rows: [], columns: [] };

/** Tombstones that may hide something of the rows of `sequence` within inclusive bounds. */
export function tombstonesFor(
  tombstones: readonly Tombstone[],
  rows: { readonly sequence: number; readonly minTime: bigint; readonly maxTime: bigint },
): readonly Tombstone[] {
  return tombstones.filter((tombstone) =>
    tombstone.sequence > rows.sequence && tombstone.start <= rows.maxTime &&
    tombstone.end > rows.minTime
  );
}

/** Tombstones that hide log records at `position`. */
export function tombstonesForLog(
  tombstones: readonly Tombstone[],
  position: LogPosition,
): readonly Tombstone[] {
  return tombstones.filter(({ logPosition }) => comparePositions(position, logPosition) < 0);
}

/** What the given tombstones hide of one source. Select them with `tombstonesFor` first. */
export function hiddenRows(tombstones: readonly Tombstone[], source: SourceId): HiddenRows {
  if (tombstones.length === 0) return NOTHING_HIDDEN;
  const rows: TimeRange[] = [];
  const columns = new Map<number, TimeRange[]>();
  for (const { start, end, series } of tombstones) {
    if (series === undefined) {
      rows.push({ start, end });
      continue;
    }
    const last = (source + 1) * 65_536;
    for (let i = lowerBound(series, source * 65_536); i < series.length && series[i]! < last; i++) {
      const slot = series[i]! % 65_536;
      const ranges = columns.get(slot);
      if (ranges === undefined) columns.set(slot, [{ start, end }]);
      else ranges.push({ start, end });
    }
  }
  if (rows.length === 0 && columns.size === 0) return NOTHING_HIDDEN;
  return {
    rows: mergeRanges(rows),
    columns: [...columns].sort(([a], [b]) => a - b).map(([slot, ranges]) => ({
      slot,
      ranges: mergeRanges(ranges),
    })),
  };
}

/** Whether the tombstone speaks of the series (`source * 65536 + slot`), whatever the time. */
export function hidesSeries(tombstone: Tombstone, series: number): boolean {
  return tombstone.series === undefined || includes(tombstone.series, series);
}

/** Sources that the tombstones name, ascending; undefined when one of them hides every source. */
export function sourcesOf(tombstones: readonly Tombstone[]): Uint32Array | undefined {
  const sources = new Set<number>();
  for (const { series } of tombstones) {
    if (series === undefined) return undefined;
    for (const id of series) sources.add(Math.floor(id / 65_536));
  }
  return Uint32Array.from(sources).sort();
}

/** Whether a tombstone may hide rows of the segment that were not removed yet. */
export function isPending(tombstone: Tombstone, segment: SegmentRecord): boolean {
  return tombstone.sequence > segment.sequence && tombstone.sequence > segment.purged &&
    tombstone.start <= segment.maxTime && tombstone.end > segment.minTime;
}

/**
 * Tombstones that hide nothing any more: every segment that could hold such rows has been purged, and the log's floor has
 * passed the tombstone's position, so that neither the head nor a replay can bring such rows back.
 */
export function retirableTombstones(version: Version): Tombstone[] {
  return version.tombstones.filter((tombstone) =>
    comparePositions(version.logFloor, tombstone.logPosition) >= 0 &&
    !version.segments.some((segment) => isPending(tombstone, segment))
  );
}

/** Below 0 when `a` lies before `b`. */
export function comparePositions(a: LogPosition, b: LogPosition): number {
  return a.file - b.file || a.offset - b.offset;
}

/** Sorted, disjoint, not adjacent. */
export function mergeRanges(ranges: readonly TimeRange[]): TimeRange[] {
  if (ranges.length < 2) return [...ranges];
  const sorted = [...ranges].sort((a, b) => a.start < b.start ? -1 : a.start > b.start ? 1 : 0);
  const merged: TimeRange[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last === undefined || range.start > last.end) merged.push(range);
    else if (range.end > last.end) {
      merged[merged.length - 1] = { start: last.start, end: range.end };
    }
  }
  return merged;
}

function includes(ids: Float64Array, id: number): boolean {
  return ids[lowerBound(ids, id)] === id;
}

/** Position of the first id that is not below `id`. */
function lowerBound(ids: Float64Array, id: number): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
