/**
 * Decides what to compact next: a pure function of the segments, the tombstones and the time.
 *
 * A segment's level says what was done to it: 0 a flush wrote it, 1 it was merged while its window was open, 2 it has its
 * final form. Windows are aligned: a partition, four and sixteen of them (narrower under a short retention, so that whole
 * files still expire in time). Every byte is written once by a flush, once for each factor of
 * four by which flushes of one partition are merged, and as a rule once more when its level-2 window is closed. Files
 * stay few: one in each closed window (and up to three small late ones), at most WINDOW_FILES_MAX in an open one.
 *
 * Invariants
 * - A merge set is contiguous: no other segment that meets its time span has a sequence between the set's, so that the
 *   output, which takes the highest sequence, keeps its place in the order of precedence.
 * - Every merge leaves fewer files, or removes rows hidden by tombstones; so picking comes to an end.
 *
 * Tested by text scripts: test/engine/compaction/picker.test.ts.
 */
import { floorDiv } from "../base/time.ts";
import type { SegmentId, Sequence } from "../base/types.ts";

/** What the picker looks at in a segment. Times are inclusive bounds. */
export interface PickableSegment {
  readonly id: SegmentId;
  readonly level: number;
  readonly bytes: number;
  readonly minTime: bigint;
  readonly maxTime: bigint;
  readonly sequence: Sequence;
  /** Tombstones up to this sequence have been applied to the segment's rows. */
  readonly purged: Sequence;
}

/** Range (half-open) and sequence of a tombstone. */
export interface PickableTombstone {
  readonly sequence: Sequence;
  readonly start: bigint;
  readonly end: bigint;
}

export interface PickerState {
  readonly segments: readonly PickableSegment[];
  readonly tombstones: readonly PickableTombstone[];
}

export interface PickerSettings {
  readonly partitionTicks: bigint;
  /** 0 when data is kept for ever. */
  readonly retentionTicks: bigint;
  /** Bytes above which no merge makes a file. */
  readonly segmentBytesMax: number;
}

export interface PickerTime {
  /** The newest time that counts as now: wall clock or newest data. */
  readonly now: bigint;
  /** Rows before this are expired; such whole segments are left to retention. */
  readonly cutoff: bigint;
  /** Treats every window as closed and waits for no more late files: all into final form, at once. */
  readonly full?: boolean;
}

export type CompactionReason =
  | "crowded partition" // several flushes of one partition
  | "crowded window" // too many files in a window that still grows
  | "closed window" // no more data is expected there
  | "final form" // a flush alone in its closed window: encoded again, smaller
  | "tombstones"; // rows are hidden and wait to be removed

export type CompactionPlan =
  | {
    readonly kind: "merge";
    /** Ascending by sequence. */
    readonly inputs: readonly SegmentId[];
    readonly level: number;
    readonly reason: CompactionReason;
  }
  /** The segments only change their level: an edit of the manifest, no rewriting. */
  | { readonly kind: "move"; readonly inputs: readonly SegmentId[]; readonly level: number };

/** Levels: 0, 1, 2. */
export const LEVEL_MAX = 2;
/** Partitions in a window of each level. */
const WINDOW_PARTITIONS = [1n, 4n, 16n] as const;
/** Files of like size that make a merge within a partition worth it. */
const TIER_FILES = 4;
/** Files of one level-1 window that are merged when it closes. */
const CLOSED_FILES = 8;
/** Files that a level-2 window may hold while it is open. */
const WINDOW_FILES_MAX = 32;
/** Inputs of one merge: bounds its buffers. */
const INPUTS_MAX = 32;
/** Late files of a closed window wait until they are this share of the large one, or too many. */
const LATE_SHARE = 8;
const LATE_FILES_MAX = 3;
/** Size of the lowest tier; each further one is four times as large. */
const TIER_BYTES = 64 << 10;
/** Windows span at most this share of the retention. */
const RETENTION_SHARE = 4n;

/** Width in ticks of a level's windows. */
export function windowTicks(level: number, settings: PickerSettings): bigint {
  const { partitionTicks, retentionTicks } = settings;
  let width = partitionTicks;
  for (let step = 1; step <= level; step++) {
    const wider = partitionTicks * WINDOW_PARTITIONS[step]!;
    if (retentionTicks > 0n && wider > retentionTicks / RETENTION_SHARE) break;
    width = wider;
  }
  return width;
}

/** The next thing to do, or undefined when all is well. Segments in `busy` are left alone. */
export function pickCompaction(
  state: PickerState,
  settings: PickerSettings,
  time: PickerTime,
  busy: ReadonlySet<SegmentId> = new Set(),
): CompactionPlan | undefined {
  const picker = new Picker(state, settings, time, busy);
  return picker.pickMove() ?? picker.pickCrowdedPartition() ?? picker.pickCrowdedWindow() ??
    picker.pickClosed(2) ?? picker.pickClosed(1) ?? picker.pickFinal() ?? picker.pickPurge();
}

/** Whether merging `set` keeps precedence against the segments that are not in it. */
export function isContiguous(
  set: readonly PickableSegment[],
  others: Iterable<PickableSegment>,
): boolean {
  const span = spanOf(set);
  const members = new Set(set);
  for (const other of others) {
    if (members.has(other)) continue;
    const meets = other.minTime <= span.maxTime && other.maxTime >= span.minTime;
    if (meets && other.sequence > span.minSequence && other.sequence <= span.maxSequence) {
      return false;
    }
  }
  return true;
}

interface Window {
  readonly start: bigint;
  readonly segments: PickableSegment[];
}

class Picker {
  readonly #state: PickerState;
  readonly #settings: PickerSettings;
  readonly #time: PickerTime;
  readonly #busy: ReadonlySet<SegmentId>;

  constructor(
    state: PickerState,
    settings: PickerSettings,
    time: PickerTime,
    busy: ReadonlySet<SegmentId>,
  ) {
    this.#state = state;
    this.#settings = settings;
    this.#time = time;
    this.#busy = busy;
  }

  /** Merged segments alone in their closed window are at home there as they are. */
  pickMove(): CompactionPlan | undefined {
    const alone = this.#alone().filter((segment) =>
      !this.#busy.has(segment.id) && (segment.level > 0 || !this.#isMergeable([segment]))
    );
    const inputs = alone.map((segment) => segment.id);
    return inputs.length === 0 ? undefined : { kind: "move", inputs, level: LEVEL_MAX };
  }

  /** What a flush wrote in haste becomes smaller when it is encoded once more. */
  pickFinal(): CompactionPlan | undefined {
    const first = this.#alone().find((segment) => this.#isCandidate(segment));
    return first === undefined ? undefined : merge([first], LEVEL_MAX, "final form");
  }

  /** Segments below the highest level that are alone in their closed window. */
  #alone(): PickableSegment[] {
    return this.#windows(LEVEL_MAX)
      .filter((window) => this.#isClosed(window, LEVEL_MAX) && window.segments.length === 1)
      .map((window) => window.segments[0]!)
      .filter((segment) => segment.level < LEVEL_MAX);
  }

  /** Several flushes of one partition: merge those of like size, so that each byte moves once a factor of four. */
  pickCrowdedPartition(): CompactionPlan | undefined {
    for (const { segments } of this.#windows(0)) {
      if (segments.length < TIER_FILES) continue;
      const highest = Math.max(...segments.map((segment) => tierOf(segment.bytes)));
      for (let tier = 0; tier <= highest; tier++) {
        const runs = this.#runs(segments, (segment) => tierOf(segment.bytes) <= tier);
        const run = runs.find((each) => countTier(each, tier) >= TIER_FILES);
        if (run !== undefined) return merge(run, 1, "crowded partition");
      }
    }
    return undefined;
  }

  /** Too many files in an open window, for instance late data for many partitions: merge the cheapest few. */
  pickCrowdedWindow(): CompactionPlan | undefined {
    for (const { segments } of this.#windows(LEVEL_MAX)) {
      if (segments.length <= WINDOW_FILES_MAX) continue;
      let best: PickableSegment[] | undefined;
      for (const run of this.#runs(segments, () => true)) {
        for (let from = 0; from < run.length - 1; from++) {
          const part = run.slice(from, from + 2 * TIER_FILES);
          const better = best === undefined || part.length > best.length ||
            (part.length === best.length && sumBytes(part) < sumBytes(best));
          if (better && this.#isMergeable(part)) best = part;
        }
      }
      if (best !== undefined) {
        return merge(best, Math.max(1, this.#levelOf(best)), "crowded window");
      }
    }
    return undefined;
  }

  /** Windows in which no more data is expected become one file, unless little came late to a large one. */
  pickClosed(level: 1 | 2): CompactionPlan | undefined {
    for (const window of this.#windows(level)) {
      const { segments } = window;
      if (!this.#isClosed(window, level) || segments.length < (level === 1 ? CLOSED_FILES : 2)) {
        continue;
      }
      const candidates = level === 1 || this.#time.full === true ? segments : worthwhile(segments);
      const chosen = new Set(candidates);
      const runs = this.#runs(segments, (segment) => chosen.has(segment));
      const run = runs.find((each) => each.length >= 2);
      if (run !== undefined) return merge(run, level, "closed window");
    }
    return undefined;
  }

  /** Rows hidden by tombstones take room until the segment is rewritten; the smallest goes first. */
  pickPurge(): CompactionPlan | undefined {
    const waiting = this.#state.segments.filter((segment) =>
      this.#isCandidate(segment) && hasPendingTombstone(segment, this.#state.tombstones)
    );
    if (waiting.length === 0) return undefined;
    const smallest = waiting.reduce((a, b) => b.bytes < a.bytes ? b : a);
    return merge([smallest], smallest.level, "tombstones");
  }

  /** Segments by the window of `level` that they lie in, oldest window first, ascending by sequence. */
  #windows(level: number): Window[] {
    const width = windowTicks(level, this.#settings);
    const windows = new Map<bigint, Window>();
    for (const segment of this.#state.segments) {
      const number = floorDiv(segment.minTime, width);
      if (number !== floorDiv(segment.maxTime, width)) continue;
      let window = windows.get(number);
      if (window === undefined) {
        windows.set(number, window = { start: number * width, segments: [] });
      }
      window.segments.push(segment);
    }
    const ordered = [...windows.values()].sort((a, b) => a.start < b.start ? -1 : 1);
    for (const window of ordered) window.segments.sort(bySequence);
    return ordered;
  }

  /** Whether a partition's width has passed since the window ended. */
  #isClosed(window: Window, level: number): boolean {
    if (this.#time.full === true) return true;
    const end = window.start + windowTicks(level, this.#settings);
    return end + this.#settings.partitionTicks <= this.#time.now;
  }

  #isCandidate(segment: PickableSegment): boolean {
    return !this.#busy.has(segment.id) && segment.maxTime >= this.#time.cutoff;
  }

  /** The longest runs of candidates, in order of sequence, that may be merged. */
  #runs(
    segments: readonly PickableSegment[],
    wanted: (segment: PickableSegment) => boolean,
  ): PickableSegment[][] {
    const runs: PickableSegment[][] = [];
    let run: PickableSegment[] = [];
    for (const segment of segments) {
      if (!this.#isCandidate(segment) || !wanted(segment)) continue;
      const longer = [...run, segment];
      if (run.length > 0 && !this.#isMergeable(longer)) {
        runs.push(run);
        run = [segment];
      } else run = longer;
    }
    if (run.length > 0) runs.push(run);
    return runs;
  }

  #isMergeable(set: readonly PickableSegment[]): boolean {
    return set.length <= INPUTS_MAX && sumBytes(set) <= this.#settings.segmentBytesMax &&
      isContiguous(set, this.#state.segments);
  }

  /** The lowest level whose window holds all of the set. */
  #levelOf(set: readonly PickableSegment[]): number {
    const span = spanOf(set);
    for (let level = 0; level < LEVEL_MAX; level++) {
      const width = windowTicks(level, this.#settings);
      if (floorDiv(span.minTime, width) === floorDiv(span.maxTime, width)) return level;
    }
    return LEVEL_MAX;
  }
}

/** All of a closed window's segments, or only the small late ones when the large one is not worth rewriting yet. */
function worthwhile(segments: readonly PickableSegment[]): readonly PickableSegment[] {
  const largest = segments.reduce((a, b) => b.bytes > a.bytes ? b : a);
  const late = segments.filter((segment) => segment !== largest);
  if (sumBytes(late) * LATE_SHARE >= largest.bytes) return segments;
  return late.length > LATE_FILES_MAX ? late : [];
}

/** Whether a tombstone that is newer than the segment may hide rows of it and was not applied yet. */
export function hasPendingTombstone(
  segment: PickableSegment,
  tombstones: readonly PickableTombstone[],
): boolean {
  return tombstones.some((tombstone) =>
    tombstone.sequence > segment.sequence && tombstone.sequence > segment.purged &&
    tombstone.start <= segment.maxTime && tombstone.end > segment.minTime
  );
}

function tierOf(bytes: number): number {
  let tier = 0;
  for (let limit = TIER_BYTES; bytes > limit; limit *= 4) tier++;
  return tier;
}

function countTier(run: readonly PickableSegment[], tier: number): number {
  // Files of lower tiers come along, but only like ones make a merge worth it.
  return run.filter((segment) => tierOf(segment.bytes) === tier).length;
}

function sumBytes(segments: readonly PickableSegment[]): number {
  return segments.reduce((sum, segment) => sum + segment.bytes, 0);
}

function spanOf(set: readonly PickableSegment[]) {
  const first = set[0]!;
  let { minTime, maxTime } = first;
  let minSequence = first.sequence;
  let maxSequence = first.sequence;
  for (const segment of set) {
    if (segment.minTime < minTime) minTime = segment.minTime;
    if (segment.maxTime > maxTime) maxTime = segment.maxTime;
    if (segment.sequence < minSequence) minSequence = segment.sequence;
    if (segment.sequence > maxSequence) maxSequence = segment.sequence;
  }
  return { minTime, maxTime, minSequence, maxSequence };
}

function bySequence(a: PickableSegment, b: PickableSegment): number {
  return a.sequence - b.sequence || a.id - b.id;
}

function merge(
  set: readonly PickableSegment[],
  level: number,
  reason: CompactionReason,
): CompactionPlan {
  const inputs = [...set].sort(bySequence).map((segment) => segment.id);
  return { kind: "merge", inputs, level, reason };
}
