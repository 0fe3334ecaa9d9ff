/**
 * Which segments go, by age and by room: pure functions. Only whole segments go; what is expired within a segment is
 * hidden by the cutoff and disappears with the file, or earlier in a compaction.
 *
 * Invariants
 * - A segment goes only together with every older one (by sequence) that it overlaps in time: otherwise a value that was
 *   overwritten would come to light again.
 * - After the clock has jumped forward, by age at most a share of the stored bytes goes within an hour, so that a wrong clock is
 *   noticed before all is gone. Otherwise, and by room, there is no such bound.
 */
import type { SegmentId, Sequence } from "../base/types.ts";
import type { DiskLimitAction } from "../settings.ts";

/** What is looked at in a segment. Times are inclusive bounds. */
export interface DatedSegment {
  readonly id: SegmentId;
  readonly bytes: number;
  readonly minTime: bigint;
  readonly maxTime: bigint;
  readonly sequence: Sequence;
}

const HOUR_MS = 3_600_000;
/** Evicting goes on to this share of the limit, and writing is possible again below it. */
export const DISK_LIMIT_LOW = 0.95;

/** What has expired in the current hour. */
export interface ExpiryBudget {
  readonly hourBeganMs: number;
  /** Bytes stored when the hour began. */
  readonly storedBytes: number;
  readonly droppedBytes: number;
}

export interface ExpiryDecision {
  /** Oldest first. */
  readonly drop: readonly SegmentId[];
  readonly budget: ExpiryBudget;
  /** Expired segments that wait for the next hour, or for an older one to expire. */
  readonly waiting: number;
}

/** Segments that are wholly older than `cutoff` and may go now. */
export function pickExpired(
  segments: readonly DatedSegment[],
  given: {
    readonly cutoff: bigint;
    readonly monotonicMs: number;
    readonly budget: ExpiryBudget | undefined;
    /** Share of the stored bytes that may go within an hour, from 0; one segment may in any case. 1 sets no bound. */
    readonly share: number;
  },
): ExpiryDecision {
  const { cutoff, monotonicMs, share } = given;
  let budget = given.budget;
  if (budget === undefined || monotonicMs - budget.hourBeganMs >= HOUR_MS) {
    budget = { hourBeganMs: monotonicMs, storedBytes: sumBytes(segments), droppedBytes: 0 };
  }
  const expired = segments.filter((segment) => segment.maxTime < cutoff).sort(byAge);
  const drop: SegmentId[] = [];
  const gone = new Set<DatedSegment>();
  const bytesMax = share < 1 ? budget.storedBytes * share : Infinity;
  let { droppedBytes } = budget;
  for (const segment of expired) {
    if (gone.has(segment)) continue;
    const set = withOverwritten(segment, segments, gone);
    if (set.some((each) => each.maxTime >= cutoff)) continue;
    const bytes = sumBytes(set);
    if (droppedBytes > 0 && droppedBytes + bytes > bytesMax) break;
    droppedBytes += bytes;
    for (const each of set) {
      gone.add(each);
      drop.push(each.id);
    }
  }
  return { drop, budget: { ...budget, droppedBytes }, waiting: expired.length - drop.length };
}

export type DiskDecision =
  | { readonly kind: "fits" }
  /** These segments go, oldest first; with `readOnly` that is not enough. */
  | { readonly kind: "evict"; readonly drop: readonly SegmentId[]; readonly readOnly: boolean }
  | { readonly kind: "read-only" };

/** What to do about the bytes that the data directory takes. */
export function decideDiskLimit(
  segments: readonly DatedSegment[],
  given: {
    /** Everything in the data directory: segments, log, registry, manifest. */
    readonly usedBytes: number;
    /** 0 sets no limit. */
    readonly limitBytes: number;
    readonly action: DiskLimitAction;
    readonly isReadOnly: boolean;
  },
): DiskDecision {
  const { usedBytes, limitBytes, action, isReadOnly } = given;
  const lowBytes = limitBytes * DISK_LIMIT_LOW;
  if (limitBytes === 0) return { kind: "fits" };
  if (usedBytes <= (isReadOnly ? lowBytes : limitBytes)) return { kind: "fits" };
  if (action === "read-only") return { kind: "read-only" };
  const drop: SegmentId[] = [];
  const gone = new Set<DatedSegment>();
  let left = usedBytes;
  for (const segment of [...segments].sort(byAge)) {
    if (left <= lowBytes) break;
    if (gone.has(segment)) continue;
    for (const each of withOverwritten(segment, segments, gone)) {
      gone.add(each);
      drop.push(each.id);
      left -= each.bytes;
    }
  }
  if (drop.length === 0) return { kind: "read-only" };
  return { kind: "evict", drop, readOnly: left > limitBytes };
}

/** The segment and, through all of them, the older ones that overlap it; those in `gone` left out. */
function withOverwritten(
  segment: DatedSegment,
  segments: readonly DatedSegment[],
  gone: ReadonlySet<DatedSegment>,
): DatedSegment[] {
  const set = [segment];
  const found = new Set(set);
  for (const newer of set) {
    for (const older of segments) {
      if (found.has(older) || gone.has(older) || older.sequence > newer.sequence) continue;
      const meets = older.minTime <= newer.maxTime && older.maxTime >= newer.minTime;
      if (!meets) continue;
      found.add(older);
      set.push(older);
    }
  }
  return set;
}

function sumBytes(segments: readonly DatedSegment[]): number {
  return segments.reduce((sum, segment) => sum + segment.bytes, 0);
}

function byAge(a: DatedSegment, b: DatedSegment): number {
  if (a.maxTime !== b.maxTime) return a.maxTime < b.maxTime ? -1 : 1;
  return a.sequence - b.sequence || a.id - b.id;
}
