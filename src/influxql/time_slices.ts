/** Parts of a time range that long series are read in, so that no more than a part is held. */
import type { Member } from "./group_reader.ts";
import { fieldsOf } from "./group_reader.ts";
import type { Term } from "./select_plan.ts";
import type { Bounds } from "./time_range.ts";
import type { Windows } from "./windows.ts";

export interface SliceSettings {
  readonly bounds: Bounds;
  /** Points that a series has about. */
  readonly pointsPerSeries: number;
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
  const { bounds, pointsPerSeries, slicePoints, terms, firstPoints } = settings;
  const fields = Math.max(1, terms.filter(({ origin }) => origin.from === "field").length);
  const points = pointsPerSeries * members.length * fields;
  const wanted = Math.min(slicePoints, firstPoints ?? slicePoints);
  const areStored = members.every(({ series }) => series.stored !== undefined);
  if (points <= wanted || !areStored) return yield bounds;
  const extent = extentOf(members, settings);
  if (extent === undefined) return;
  yield* cut(extent, settings, { points, wanted });
}

function extentOf(
  members: readonly Member[],
  { bounds, terms }: SliceSettings,
): Bounds | undefined {
  let extent: Bounds | undefined;
  for (const { source, series, condition } of members) {
    const own = series.stored?.extent(fieldsOf(terms, source, condition), bounds);
    if (own === undefined) continue;
    extent = extent === undefined ? own : {
      min: own.min < extent.min ? own.min : extent.min,
      max: own.max > extent.max ? own.max : extent.max,
    };
  }
  return extent;
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
