/** Parts of a time range that long series are read in, so that no more than a part is held. */
import type { Member } from "./group_reader.ts";
import type { Term } from "./select_plan.ts";
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

/** The slices of a range, in the order of the answer; one where the series are short or cannot be read in parts. */
export function* slicesOf(
  members: readonly Member[],
  settings: SliceSettings,
): Generator<Bounds> {
  const { bounds, slicePoints, terms, firstPoints } = settings;
  let rows = 0;
  let extent: Bounds | undefined;
  for (const { series } of members) {
    if (series.stored === undefined) return yield bounds;
    const own = series.stored.outline(bounds);
    if (own === undefined) continue;
    rows += own.rows;
    extent = extent === undefined ? own.bounds : {
      min: own.bounds.min < extent.min ? own.bounds.min : extent.min,
      max: own.bounds.max > extent.max ? own.bounds.max : extent.max,
    };
  }
  if (extent === undefined) return;
  const points = rows * Math.max(1, terms.filter(({ origin }) => origin.from === "field").length);
  const wanted = Math.min(slicePoints, firstPoints ?? slicePoints);
  if (points <= wanted) return yield bounds;
  yield* cut(extent, settings, { points, wanted });
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
