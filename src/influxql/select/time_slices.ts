/** Parts of a time range that long series are read in, so that no more than a part is held. */
import { forEachInSlices, type Pauses } from "../../slices.ts";
import type { Member } from "./group_reader.ts";
import type { Term } from "./select_plan.ts";
import type { SeriesOutline } from "../sources/series_source.ts";
import type { Bounds } from "../expressions/time_range.ts";
import type { Windows } from "../values/windows.ts";

/** Parts grow so, up to a length. */
const PART_GROWTH = 4n;
const PART_MAX_NS = 2n ** 50n;

/** Members that are looked at before the clock is. */
const MEMBERS_PER_LOOK = 32;

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

/** What is known of several series together. */
export class OutlineSum {
  /** One of them cannot be read in parts. */
  isUnknown = false;
  #sum: SeriesOutline | undefined;

  get sum(): SeriesOutline | undefined {
    return this.isUnknown ? undefined : this.#sum;
  }

  add({ series }: Member, bounds: Bounds): void {
    if (series.stored === undefined) this.isUnknown = true;
    const own = this.isUnknown ? undefined : series.stored?.outline(bounds);
    if (own === undefined) return;
    const sum = this.#sum;
    this.#sum = sum === undefined ? own : {
      rows: sum.rows + own.rows,
      bounds: {
        min: own.bounds.min < sum.bounds.min ? own.bounds.min : sum.bounds.min,
        max: own.bounds.max > sum.bounds.max ? own.bounds.max : sum.bounds.max,
      },
    };
  }
}

/** The slices of a range for one series, in the order of the answer; one where it is short or cannot be read in parts. */
export function memberSlices(member: Member, settings: SliceSettings): Iterable<Bounds> {
  const outline = new OutlineSum();
  outline.add(member, settings.bounds);
  return slicesOf(outline, settings);
}

/** The same for all series of a group at once. */
export async function groupSlices(
  members: readonly Member[],
  settings: SliceSettings & { readonly pauses: Pauses },
): Promise<Iterable<Bounds>> {
  const outline = new OutlineSum();
  const { bounds, pauses } = settings;
  await forEachInSlices(members, pauses, (member) => outline.add(member, bounds), MEMBERS_PER_LOOK);
  return slicesOf(outline, settings);
}

/** What is known of a group's series together; undefined: nothing, or that there are no rows. */
export async function groupOutline(
  members: readonly Member[],
  { bounds, pauses }: { readonly bounds: Bounds; readonly pauses: Pauses },
): Promise<SeriesOutline | undefined> {
  const outline = new OutlineSum();
  await forEachInSlices(members, pauses, (member) => outline.add(member, bounds), MEMBERS_PER_LOOK);
  return outline.sum;
}

function slicesOf({ isUnknown, sum }: OutlineSum, settings: SliceSettings): Iterable<Bounds> {
  const { bounds, slicePoints, terms, firstPoints } = settings;
  if (isUnknown) return [bounds];
  if (sum === undefined) return [];
  const fields = terms.filter(({ origin }) => origin.from === "field").length;
  const points = sum.rows * Math.max(1, fields);
  const wanted = Math.min(slicePoints, firstPoints ?? slicePoints);
  return points <= wanted ? [bounds] : cut(sum.bounds, settings, { points, wanted });
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

/** Parts of a range whose edges are those of buckets, the first of so many buckets and each next one of more. */
export function* partsFrom(
  { min, max }: Bounds,
  { windows, buckets, descending }: {
    readonly windows: Windows;
    readonly buckets: number;
    readonly descending: boolean;
  },
): Generator<Bounds> {
  let width = windows.every * BigInt(buckets);
  let [from, to] = [min, max];
  while (from <= to) {
    if (descending) {
      const start = windows.startOf(to - width + 1n);
      yield { min: start > from ? start : from, max: to };
      to = start - 1n;
    } else {
      const end = windows.next(windows.startOf(from + width - 1n));
      yield { min: from, max: end <= to ? end - 1n : to };
      from = end;
    }
    if (width < PART_MAX_NS) width *= PART_GROWTH;
  }
}
