/** Parts of a time range that long series are read in, so that no more than a part is held. */
import type { Member } from "./group_reader.ts";
import type { Term } from "./select_plan.ts";
import type { SeriesOutline } from "./series_source.ts";
import type { Bounds } from "./time_range.ts";
import type { Windows } from "./windows.ts";

export interface SliceSettings {
  readonly bounds: Bounds;
  /** Points that are read at once. */
  readonly slicePoints: number;
  readonly terms: readonly Term[];
  /** Slices end where buckets do; undefined: anywhere. */
  readonly windows: Windows | undefined;
  /** Fewer points are enough for the first slices. */
  readonly firstPoints: number | undefined;
  readonly descending: boolean;
}

/** What is known of all members; "unknown" where one cannot be read in parts. */
export function outlineOf(
  members: readonly Member[],
  bounds: Bounds,
): SeriesOutline | undefined | "unknown" {
  let outline: SeriesOutline | undefined;
  for (const { series } of members) {
    if (series.stored === undefined) return "unknown";
    const own = series.stored.outline(bounds);
    if (own === undefined) continue;
    outline = outline === undefined ? own : {
      rows: outline.rows + own.rows,
      bounds: {
        min: own.bounds.min < outline.bounds.min ? own.bounds.min : outline.bounds.min,
        max: own.bounds.max > outline.bounds.max ? own.bounds.max : outline.bounds.max,
      },
    };
  }
  return outline;
}

/** The slices of a range, in the order of the answer; one where the series are short or cannot be read in parts. */
export function* slicesOf(
  members: readonly Member[],
  settings: SliceSettings,
): Generator<Bounds> {
  const { bounds, slicePoints, terms, firstPoints } = settings;
  const outline = outlineOf(members, bounds);
  if (outline === "unknown") return yield bounds;
  if (outline === undefined) return;
  const points = outline.rows *
    Math.max(1, terms.filter(({ origin }) => origin.from === "field").length);
  const wanted = Math.min(slicePoints, firstPoints ?? slicePoints);
  if (points <= wanted) return yield bounds;
  yield* cut(outline.bounds, settings, { points, wanted });
}

function* cut(
  extent: Bounds,
  { windows, descending, slicePoints }: SliceSettings,
  { points, wanted }: { readonly points: number; readonly wanted: number },
): Generator<Bounds> {
  const length = extent.max - extent.min + 1n;
  let size = wanted;
  let at = descending ? extent.max : extent.min;
  while (at >= extent.min && at <= extent.max) {
    const width = BigInt(Math.max(1, Math.ceil(Number(length) * Math.min(1, size / points))));
    if (descending) {
      const from = at - width + 1n;
      const start = windows === undefined ? from : windows.startOf(from);
      yield { min: start > extent.min ? start : extent.min, max: at };
      at = start - 1n;
    } else {
      const end = at + width;
      const next = windows === undefined ? end : windows.next(windows.startOf(end - 1n));
      yield { min: at, max: next - 1n < extent.max ? next - 1n : extent.max };
      at = next;
    }
    size = Math.min(slicePoints, size * 4);
  }
}
