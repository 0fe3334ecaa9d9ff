/**
 * The view over an open database: for each selection the head as captured, the segments of the version and the deletions
 * of that moment. See view.ts for the contract.
 */
import { assert } from "../base/assert.ts";
import { TICKS_PER_MS } from "../base/time.ts";
import {
  FAMILY,
  type Family,
  type Labels,
  type SourceId,
  type TimeRange,
  type TimeUnit,
} from "../base/types.ts";
import { EngineError } from "../errors.ts";
import type { HeadReader, ViewMark } from "../head/head.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { SpareChunkLists } from "../segment/chunk_list.ts";
import type { SegmentReaders } from "../segment/segment_readers.ts";
import type { Matcher } from "../series/matcher.ts";
import type { SeriesGroup, SeriesRegistry, ShardFilter } from "../series/registry.ts";
import { blobBlocks } from "./blob_blocks.ts";
import { blocksOf, type ColumnBlock } from "./block.ts";
import { type Outline, outlineOf } from "./outline.ts";
import type { ReadBounds, SeriesReader } from "./series_reader.ts";
import { SetIndex } from "./set_index.ts";
import {
  type HiddenRanges,
  isWithin,
  type ReadState,
  SourceSet,
  type ViewedVersion,
  without,
} from "./source_set.ts";
import { NO_TOTALS, totalsOf } from "./totals.ts";
import type { NumberColumn, SeriesReference, Totals, View } from "./view.ts";

/** Sources whose chunks are looked for in one step: some milliseconds. */
const SET_SOURCES_MAX = 4_096;

/** A version that stays as long as this is not disposed. */
export interface ViewPin extends Disposable {
  readonly version: ViewedVersion;
}

/** Where versions come from; VersionSet is one. */
export interface ViewVersions {
  readonly current: ViewedVersion;
  pin(): ViewPin;
}

/** What the views of a database have in common. */
export interface ViewParts {
  readonly kernels: Kernels;
  readonly head: HeadReader;
  readonly registry: Pick<SeriesRegistry, "select" | "selectInShards" | "sourceCount" | "tagsOf">;
  readonly versions: ViewVersions;
  readonly readers: Pick<SegmentReaders, "openAll">;
  readonly timeUnit: TimeUnit;
  /** Deletions in force at this moment. */
  readonly deletions: () => HiddenRanges | undefined;
  readonly reader: SeriesReader;
  readonly lists: SpareChunkLists;
  /** Counts what is read. */
  readonly counters: QueryCounters;
}

export interface QueryCounters {
  selections: number;
  seriesRead: number;
  pointsRead: number;
}

const EMPTY = new Float64Array(0);
const NOTHING: NumberColumn = {
  count: 0,
  times: EMPTY,
  values: EMPTY,
  areSmallIntegers: false,
  mayHaveNaN: false,
  timesPointer: 0,
  valuesPointer: 0,
};

export class ReadView implements View {
  readonly range: TimeRange;
  readonly #parts: ViewParts;
  /** What can be read at most. */
  readonly bounds: ReadBounds;
  /** Sources that are in a set, by measurement. Each is in one at most: that of the selection that met it first. */
  readonly #captured = new Map<number, Uint32Array[]>();
  readonly #mark: ViewMark;
  readonly #pins: ViewPin[] = [];
  #state: ReadState | undefined;
  /** All sets in the order in which they were made. */
  readonly #setOrder: SourceSet[] = [];
  readonly #setIndex = new SetIndex(this.#setOrder);
  #lastSet: SourceSet | undefined;
  #closed = false;
  // The last bounds in milliseconds: all series of a selection are read with the same ones.
  #startMs = NaN;
  #endMs = NaN;
  #msBounds: ReadBounds = { first: 0n, last: 0n };
  // The same for ranges of ticks.
  #range: TimeRange | undefined;
  #rangeBounds: ReadBounds = { first: 0n, last: 0n };
  // The last column: most series of a selection have as many points as the one before, and lie in the same place.
  #lastColumn = NOTHING;

  /** Points before `cutoff` are expired. */
  constructor(parts: ViewParts, range: TimeRange, cutoff: bigint) {
    this.#parts = parts;
    this.range = range;
    this.bounds = { first: range.start > cutoff ? range.start : cutoff, last: range.end - 1n };
    this.#mark = parts.head.openView();
  }

  select(matchers: readonly Matcher[], scope?: ShardFilter): readonly SeriesGroup[] {
    this.#checkOpen();
    const { registry } = this.#parts;
    const groups = scope === undefined
      ? registry.select(matchers)
      : registry.selectInShards(matchers, scope);
    this.#parts.counters.selections++;
    for (const group of groups) this.#captureGroup(group);
    return groups;
  }

  tagsOf(source: SourceId): Labels {
    return this.#parts.registry.tagsOf(source);
  }

  /** The set that was made at this place in their order. Throws "closed" where there is none. */
  setAt(index: number): SourceSet {
    const set = this.#setOrder[index];
    if (set === undefined) throw new EngineError("closed", `Cannot read: there is no set ${index}`);
    return set;
  }

  readNumbers(series: SeriesReference, startMs: number, endMs: number): NumberColumn {
    const { set, position } = this.#locate(series.source);
    if (!isNumeric(series.family)) throw notNumbers(series.family);
    const bounds = this.#boundsOfMs(startMs, endMs);
    if (bounds.first > bounds.last) return NOTHING;
    const { kernels, reader, timeUnit } = this.#parts;
    const family = FAMILY[series.family];
    const column = { slot: series.slot, family };
    const count = reader.readDoubles(set, position, column, bounds, TICKS_PER_MS[timeUnit]);
    reader.release();
    this.#parts.counters.seriesRead++;
    this.#parts.counters.pointsRead += count;
    if (count === 0) return NOTHING;
    return this.#column(count, kernels.exports.valuesKind(reader.bitsPointer, count, family));
  }

  readOffsets(series: SeriesReference, range: TimeRange, origin: bigint): NumberColumn {
    const { set, position } = this.#locate(series.source);
    if (!isNumeric(series.family)) throw notNumbers(series.family);
    const bounds = this.#boundsOf(range);
    if (bounds.first > bounds.last) return NOTHING;
    if (origin - bounds.first > OFFSET_MAX || bounds.last - origin > OFFSET_MAX) {
      throw new EngineError("invalid", "Cannot read series: its range is too far from the origin");
    }
    const { kernels, reader, counters } = this.#parts;
    const family = FAMILY[series.family];
    const column = { slot: series.slot, family };
    const count = reader.readDoubles(set, position, column, bounds, 0);
    reader.release();
    kernels.exports.ticksToOffsets(reader.timesPointer, count, origin);
    counters.seriesRead++;
    counters.pointsRead += count;
    if (count === 0) return NOTHING;
    return this.#column(count, kernels.exports.valuesKind(reader.bitsPointer, count, family));
  }

  totals(series: SeriesReference, range: TimeRange): Totals {
    const { set, position } = this.#locate(series.source);
    if (!isNumeric(series.family)) throw notNumbers(series.family);
    const bounds = this.#boundsOf(range);
    if (bounds.first > bounds.last) return NO_TOTALS;
    const { kernels, reader, counters } = this.#parts;
    const column = { slot: series.slot, family: FAMILY[series.family] };
    const times = reader.total(set, position, column, bounds);
    reader.release();
    const totals = totalsOf(kernels, times);
    counters.seriesRead++;
    counters.pointsRead += totals.points;
    return totals;
  }

  /** The run of the reader as a column. */
  #column(count: number, kind: number): NumberColumn {
    const { timesPointer, bitsPointer: valuesPointer } = this.#parts.reader;
    const { f64, exports } = this.#parts.kernels;
    const areSmallIntegers = kind === exports.SMALL_WHOLES.value;
    const mayHaveNaN = !areSmallIntegers && kind !== exports.NO_NAN.value;
    const last = this.#lastColumn;
    const isSame = last.count === count && last.timesPointer === timesPointer &&
      last.valuesPointer === valuesPointer && last.areSmallIntegers === areSmallIntegers &&
      last.mayHaveNaN === mayHaveNaN && last.times.buffer === f64.buffer;
    if (isSame) return last;
    return this.#lastColumn = {
      count,
      times: f64.subarray(timesPointer >> 3, (timesPointer >> 3) + count),
      values: f64.subarray(valuesPointer >> 3, (valuesPointer >> 3) + count),
      areSmallIntegers,
      mayHaveNaN,
      timesPointer,
      valuesPointer,
    };
  }

  readBlocks(series: SeriesReference, range: TimeRange): ColumnBlock[] {
    const { set, position } = this.#locate(series.source);
    const bounds = this.#clip({ first: range.start, last: range.end - 1n });
    if (bounds.first > bounds.last) return [];
    const { kernels, reader } = this.#parts;
    const family = FAMILY[series.family];
    const column = (count: number) => ({
      family,
      times: kernels.i64.subarray(reader.timesPointer >> 3, (reader.timesPointer >> 3) + count),
      bits: kernels.i64.subarray(reader.bitsPointer >> 3, (reader.bitsPointer >> 3) + count),
      memory: kernels.u8,
    });
    if (!isNumeric(series.family)) {
      const pieces: ColumnBlock[] = [];
      reader.forEachPiece(set, position, series.slot, bounds, (count) => {
        if (count > 0) pieces.push(...blocksOf(column(count)));
      });
      reader.release();
      return blobBlocks(pieces);
    }
    const count = reader.read(set, position, series.slot, bounds);
    reader.release();
    return count === 0 ? [] : blocksOf(column(count));
  }

  hasPoints(series: SeriesReference, range: TimeRange): boolean {
    const { set, position } = this.#locate(series.source);
    const bounds = this.#clip({ first: range.start, last: range.end - 1n });
    if (bounds.first > bounds.last) return false;
    const { reader } = this.#parts;
    const found = reader.hasAny(set, position, series.slot, bounds);
    reader.release();
    return found;
  }

  outline(source: SourceId, range: TimeRange): Outline | undefined {
    const { set, position } = this.#locate(source);
    const bounds = this.#clip({ first: range.start, last: range.end - 1n });
    const { head, kernels } = this.#parts;
    return outlineOf(set, position, { head, kernels, bounds });
  }

  pointsPerSeries(): number {
    const { head, registry } = this.#parts;
    let points = head.rows / Math.max(1, registry.sourceCount);
    const first = Number(this.bounds.first);
    const last = Number(this.bounds.last);
    for (const { record } of this.#takeState().segments) {
      const min = Number(record.minTime);
      const max = Number(record.maxTime);
      const overlap = (Math.min(last, max) - Math.max(first, min) + 1) / (max - min + 1);
      points += Math.max(0, Math.min(1, overlap)) * record.rows / record.sources;
    }
    return points;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.reader.rest();
    for (const set of this.#setOrder) set[Symbol.dispose]();
    this.#captured.clear();
    for (const pin of this.#pins) pin[Symbol.dispose]();
    this.#parts.head.closeView(this.#mark);
    this.#setOrder.length = 0;
  }

  #checkOpen(): void {
    if (this.#closed) throw new EngineError("closed", "Cannot read: the view is closed");
  }

  /**
   * Fields of one measurement mostly live in the same sources: the same sets serve them all. They are small enough that looking
   * for their chunks keeps nobody waiting.
   */
  #captureGroup(group: SeriesGroup): void {
    const key = group.measurementPointer;
    const known = this.#captured.get(key);
    let missing = group.sources;
    for (const ids of known ?? []) {
      if (isWithin(missing, ids)) return;
      missing = without(missing, ids);
    }
    if (missing.length === 0) return;
    if (known === undefined) this.#captured.set(key, [missing]);
    else known.push(missing);
    for (let start = 0; start < missing.length; start += SET_SOURCES_MAX) {
      this.#addSet(missing.subarray(start, start + SET_SOURCES_MAX));
    }
  }

  #addSet(ids: Uint32Array): SourceSet {
    const { head, lists } = this.#parts;
    const state = this.#takeState();
    const set = new SourceSet(ids, { head, state, bounds: this.bounds, lists });
    this.#setOrder.push(set);
    return set;
  }

  /** The state of this moment; its segments stay until the view is closed. */
  #takeState(): ReadState {
    const { versions, readers, deletions } = this.#parts;
    const hidden = deletions();
    const known = this.#state;
    if (known !== undefined && known.hidden === hidden && known.version === versions.current) {
      return known;
    }
    const pin = versions.pin();
    this.#pins.push(pin);
    const { version } = pin;
    const segments = readers.openAll(version.segments, this.bounds);
    return this.#state = { version, segments, hidden };
  }

  #locate(source: number): { set: SourceSet; position: number } {
    this.#checkOpen();
    const last = this.#lastSet;
    if (last !== undefined) {
      const position = last.positionOf(source);
      if (position >= 0) return { set: last, position };
    }
    // One that is in no set was not selected through this view.
    const set = this.#setIndex.find(source) ?? this.#addSet(Uint32Array.of(source));
    this.#lastSet = set;
    return { set, position: set.positionOf(source) };
  }

  #boundsOf(range: TimeRange): ReadBounds {
    if (range !== this.#range) {
      this.#range = range;
      this.#rangeBounds = this.#clip({ first: range.start, last: range.end - 1n });
    }
    return this.#rangeBounds;
  }

  #boundsOfMs(startMs: number, endMs: number): ReadBounds {
    if (startMs !== this.#startMs || endMs !== this.#endMs) {
      assert(!Number.isNaN(startMs) && !Number.isNaN(endMs), "Bounds must be numbers");
      const unit = this.#parts.timeUnit;
      this.#startMs = startMs;
      this.#endMs = endMs;
      this.#msBounds = this.#clip({
        first: ceilTicks(startMs, unit),
        last: floorTicks(endMs, unit),
      });
    }
    return this.#msBounds;
  }

  #clip(bounds: ReadBounds): ReadBounds {
    const { first, last } = this.bounds;
    return {
      first: bounds.first > first ? bounds.first : first,
      last: bounds.last < last ? bounds.last : last,
    };
  }
}

function isNumeric(family: Family): boolean {
  return family !== "blob" && family !== "histogram";
}

function notNumbers(family: Family): EngineError {
  return new EngineError("invalid", `Cannot read a series of family ${family} as numbers`);
}

/** Ticks that doubles tell apart. */
const OFFSET_MAX = 2n ** 53n - 1n;
const I64_MAX = 2n ** 63n - 1n;

function clampToI64(ticks: bigint): bigint {
  return ticks > I64_MAX ? I64_MAX : ticks < -I64_MAX - 1n ? -I64_MAX - 1n : ticks;
}

/** Milliseconds as ticks, rounded down; a fraction counts as far as the unit has it. */
function floorTicks(ms: number, unit: TimeUnit): bigint {
  return roundTicks(ms, unit, Math.floor);
}

function ceilTicks(ms: number, unit: TimeUnit): bigint {
  return roundTicks(ms, unit, Math.ceil);
}

function roundTicks(ms: number, unit: TimeUnit, round: (value: number) => number): bigint {
  if (ms === Infinity) return I64_MAX;
  if (ms === -Infinity) return -I64_MAX - 1n;
  const perMs = TICKS_PER_MS[unit];
  if (perMs < 1) return clampToI64(BigInt(round(ms * perMs)));
  const whole = Math.floor(ms);
  return clampToI64(BigInt(whole) * BigInt(perMs) + BigInt(round((ms - whole) * perMs)));
}
