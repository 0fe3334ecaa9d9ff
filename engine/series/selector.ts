/**
 * Selection: from matchers to the sources of each metric.
 *
 * The metric's name gives fields of measurements; the smallest set among the measurements' sources and the conditions
 * that keep few gives the first candidates; the other conditions filter them, cheap ones first: a few candidates are looked
 * at one by one, many are compared with a list or a bitmap. Last, for each field, come the sources whose slot ever held
 * a value.
 */
import { METRIC_NAME } from "../base/types.ts";
import type { KernelExports } from "../kernels/exports.ts";
import { CandidateCache, CANDIDATES_KEPT_MAX, selectionKey } from "./candidate_cache.ts";
import { type Condition, conditionsOf, resolved } from "./conditions.ts";
import type { KernelText } from "./kernel_text.ts";
import { type CompiledMatcher, compileMatcher, type Matcher, satisfies } from "./matcher.ts";
import type { Metric, MetricIndex } from "./metric_index.ts";
import type { Postings } from "./postings.ts";
import { Scratch } from "./scratch.ts";

/** Ids of a list that cost as much to walk as one candidate's key to look at. */
const LIST_IDS_PER_KEY = 32;
/**
 * What it costs to look at a candidate's key and test its text, in nanoseconds, and how much cheaper than testing all texts of
 * a list that must be: the answers for the list are kept for the next query.
 */
const TEST_KEY_NS = 1_000;
const KEPT_ANSWERS_FACTOR = 4;
/** What it costs to take one id from a list. */
const LIST_ID_NS = 10;

/** Series of one metric: one field of one measurement, and the sources that hold it. */
export interface SeriesGroup extends Metric {
  /** Ascending ids of the sources whose slot ever held a value. */
  readonly sources: Uint32Array;
}

/** Restricts a selection to the series of some shards. */
export interface ShardFilter {
  readonly shardCount: number;
  readonly shards: readonly number[];
}

/** Ascending ids in linear memory. */
interface IdArray {
  readonly pointer: number;
  count: number;
}

export class Selector {
  readonly #text: KernelText;
  readonly #exports: KernelExports;
  readonly #postings: Postings;
  readonly #metrics: MetricIndex;
  readonly #recent: CandidateCache;

  constructor(text: KernelText, postings: Postings, metrics: MetricIndex) {
    this.#text = text;
    this.#exports = text.kernels.exports;
    this.#postings = postings;
    this.#metrics = metrics;
    this.#recent = new CandidateCache(postings);
  }

  /** Series that satisfy all matchers, one group for each field with at least one. The postings are up to date. */
  select(matchers: readonly Matcher[], filter?: ShardFilter): SeriesGroup[] {
    const onName: CompiledMatcher[] = [];
    const onLabels: CompiledMatcher[] = [];
    for (const matcher of matchers) {
      (matcher.name === METRIC_NAME ? onName : onLabels).push(compileMatcher(matcher));
    }
    const definitions = this.#metrics.select(onName);
    if (definitions.length === 0) return [];
    const measurements = new Set<number>();
    for (const definition of definitions) {
      measurements.add(this.#metrics.measurementOf(definition));
    }
    const key = selectionKey(measurements, matchers);
    using scratch = new Scratch(this.#text.kernels);
    const parts = this.#recall(key, scratch) ?? this.#find(measurements, onLabels, key, scratch);
    let most = 0;
    for (const part of parts.values()) if (part.count > most) most = part.count;
    if (most === 0) return [];
    const target = scratch.take(most * 4);
    const shards = filter === undefined ? undefined : this.#shards(filter, scratch);
    const groups: SeriesGroup[] = [];
    for (const definition of definitions) {
      const part = parts.get(this.#metrics.measurementOf(definition));
      if (part === undefined) continue;
      const slot = this.#metrics.slotOf(definition);
      let count = this.#exports.keepSeen(part.pointer, part.count, slot, target);
      if (count === 0) continue;
      const metric = this.#metrics.describe(definition);
      if (shards !== undefined) count = shards(metric.metric, { pointer: target, count });
      if (count === 0) continue;
      const { u32 } = this.#text.kernels;
      groups.push({ ...metric, sources: u32.slice(target >> 2, (target >> 2) + count) });
    }
    return groups;
  }

  /** The candidates of a recent selection, if they are still known. */
  #recall(key: string, scratch: Scratch): Map<number, IdArray> | undefined {
    const known = this.#recent.get(key);
    if (known === undefined) return undefined;
    const parts = new Map<number, IdArray>();
    for (const [measurement, ids] of known) {
      parts.set(measurement, { pointer: scratch.takeNumbers(ids), count: ids.length });
    }
    return parts;
  }

  /** Sources that satisfy all matchers on labels, by measurement. */
  #find(
    measurements: ReadonlySet<number>,
    matchers: readonly CompiledMatcher[],
    key: string,
    scratch: Scratch,
  ): Map<number, IdArray> {
    const conditions = conditionsOf(this.#postings, matchers);
    if (conditions === undefined) return new Map();
    const { ids, owner } = this.#candidates(measurements, conditions, scratch);
    const parts = owner === undefined
      ? this.#partition(ids, measurements, scratch)
      : new Map([[owner, ids]]);
    const { u32 } = this.#text.kernels;
    const copies = new Map<number, Uint32Array>();
    for (const [measurement, { pointer, count }] of parts) {
      if (count > CANDIDATES_KEPT_MAX) return parts;
      copies.set(measurement, u32.slice(pointer >> 2, (pointer >> 2) + count));
    }
    this.#recent.set(key, copies);
    return parts;
  }

  /** Sources of the measurements, or of more, that satisfy the conditions; and whose they all are, when that is known. */
  #candidates(
    measurements: ReadonlySet<number>,
    conditions: readonly Condition[],
    scratch: Scratch,
  ): { ids: IdArray; owner: number | undefined } {
    const lists: number[] = [];
    let smallest = 0;
    let owner: number | undefined;
    for (const measurement of measurements) {
      const list = this.#postings.measurementSources(measurement);
      if (list === 0) continue;
      lists.push(list);
      smallest += this.#postings.listCount(list);
      owner = measurement;
    }
    const sized: { readonly condition: Condition; readonly size: number }[] = [];
    for (const given of conditions) {
      const cheap = this.#postings.searchNs(given.label, given.regex) <= smallest * LIST_ID_NS;
      const condition = cheap ? resolved(this.#postings, given) : given;
      sized.push({ condition, size: this.#sizeOf(condition) });
    }
    if (sized.length > 1) sized.sort((a, b) => a.size - b.size);
    let lead: Condition | undefined;
    for (const { condition, size } of sized) {
      const { keep, except, values } = condition;
      if (!keep || except || values === undefined || size >= smallest) continue;
      smallest = size;
      lead = condition;
    }
    const ids = this.#union(lead === undefined ? lists : this.#listsOf(lead), smallest, scratch);
    for (const { condition } of sized) {
      if (ids.count === 0) break;
      if (condition !== lead) this.#apply(condition, ids, scratch);
    }
    return { ids, owner: lead === undefined && lists.length === 1 ? owner : undefined };
  }

  /** Sources that a condition's set has at most; Infinity while its values are not known. */
  #sizeOf({ label, except, values }: Condition): number {
    if (values === undefined) return Infinity;
    if (!except && values.length === 1) {
      return this.#postings.listCount(this.#postings.valueSources(label, values[0]!));
    }
    const all = this.#postings.listCount(this.#postings.labelSources(label));
    if (except && values.length === 0) return all;
    using scratch = new Scratch(this.#text.kernels);
    const at = scratch.takeNumbers(values);
    const size = this.#exports.countValueSources(label.pointer, at, values.length) >>> 0;
    return except ? all - size : size;
  }

  #listsOf({ label, values }: Condition): number[] {
    return Array.from(values!, (value) => this.#postings.valueSources(label, value));
  }

  /** Ids of all lists, of which no two share one; `total` is their number. */
  #union(lists: readonly number[], total: number, scratch: Scratch): IdArray {
    const pointer = scratch.take(total * 4);
    if (lists.length === 0) return { pointer, count: 0 };
    if (lists.length === 1) {
      return { pointer, count: this.#exports.decodeIdList(lists[0]!, pointer) };
    }
    const bytes = this.#postings.bitmapBytes;
    const bitmap = scratch.takeZeros(bytes);
    for (const list of lists) this.#exports.setIdListBits(list, bitmap);
    return { pointer, count: this.#exports.bitmapToIds(bitmap, bytes, pointer) };
  }

  /** Leaves the ids that satisfy a condition. */
  #apply(condition: Condition, ids: IdArray, scratch: Scratch): void {
    const { label, keep, regex } = condition;
    if (regex !== undefined) {
      const testNs = ids.count * TEST_KEY_NS * KEPT_ANSWERS_FACTOR;
      if (testNs < this.#postings.searchNs(label, regex)) {
        return this.#keepTested(condition.matcher, ids, scratch);
      }
      return this.#apply(resolved(this.#postings, condition), ids, scratch);
    }
    if (ids.count * LIST_IDS_PER_KEY < this.#walked(condition)) {
      return this.#keepByKey(condition, ids, scratch);
    }
    const single = this.#singleList(condition);
    if (single === undefined) return this.#keepByBitmap(condition, ids, scratch);
    if (single !== 0) ids.count = this.#exports.keepInIdList(ids.pointer, ids.count, single, keep);
    else if (keep) ids.count = 0;
  }

  /** Ids of lists that a condition has to walk. */
  #walked(condition: Condition): number {
    const size = this.#sizeOf(condition);
    if (!condition.except) return size;
    return 2 * this.#postings.listCount(this.#postings.labelSources(condition.label)) - size;
  }

  /** The one list that a condition's set is; 0 for the empty set, undefined when it is made of several. */
  #singleList({ label, except, values }: Condition): number | undefined {
    if (except) return values!.length === 0 ? this.#postings.labelSources(label) : undefined;
    if (values!.length === 0) return 0;
    return values!.length === 1 ? this.#postings.valueSources(label, values![0]!) : undefined;
  }

  /** Looks at each candidate's key: for a few of them that is cheaper than lists are. */
  #keepByKey(
    { label, matcher, keep, except, values }: Condition,
    ids: IdArray,
    scratch: Scratch,
  ): void {
    if (except || values!.length !== 1) return this.#keepTested(matcher, ids, scratch);
    const tag = { name: label.name, value: this.#postings.value(label, values![0]!) };
    this.#text.begin((tag.name.length + tag.value.length) * 3);
    const name = this.#text.pointer;
    const nameBytes = this.#text.put(tag.name);
    const value = this.#text.pointer;
    const valueBytes = this.#text.put(tag.value);
    const { pointer, count } = ids;
    ids.count = this.#exports.keepByTag(
      pointer,
      count,
      name,
      nameBytes,
      value,
      valueBytes,
      keep,
    );
  }

  #keepByBitmap(condition: Condition, ids: IdArray, scratch: Scratch): void {
    const { label, keep, except } = condition;
    const values = condition.values!;
    const bitmap = scratch.takeZeros(this.#postings.bitmapBytes);
    const numbers = scratch.takeNumbers(values);
    if (except) {
      this.#exports.setIdListBits(this.#postings.labelSources(label), bitmap);
      this.#exports.clearValueBits(label.pointer, numbers, values.length, bitmap);
    } else {
      this.#exports.setValueBits(label.pointer, numbers, values.length, bitmap);
    }
    ids.count = this.#exports.keepInBitmap(ids.pointer, ids.count, bitmap, keep);
  }

  /** Tests each candidate's own value. */
  #keepTested(matcher: CompiledMatcher, ids: IdArray, scratch: Scratch): void {
    const target = scratch.take(ids.count * 4);
    this.#text.begin(matcher.name.length * 3);
    const name = this.#text.pointer;
    const nameBytes = this.#text.put(matcher.name);
    this.#exports.tagValues(ids.pointer, ids.count, name, nameBytes, target);
    const { u32 } = this.#text.kernels;
    const known = new Map<string, boolean>();
    let kept = 0;
    for (let i = 0; i < ids.count; i++) {
      const pointer = u32[(target >> 2) + i]!;
      const text = pointer === 0 ? "" : this.#text.readCounted(pointer);
      let accepted = known.get(text);
      if (accepted === undefined) {
        accepted = satisfies(matcher, text);
        known.set(text, accepted);
      }
      if (accepted) u32[(ids.pointer >> 2) + kept++] = u32[(ids.pointer >> 2) + i]!;
    }
    ids.count = kept;
  }

  /** Candidates by measurement; those of other measurements are left out. */
  #partition(
    ids: IdArray,
    measurements: ReadonlySet<number>,
    scratch: Scratch,
  ): Map<number, IdArray> {
    const parts = new Map<number, IdArray>();
    if (ids.count === 0) return parts;
    const owners = scratch.take(ids.count * 4);
    this.#exports.measurementsOf(ids.pointer, ids.count, owners);
    const counts = countRuns(
      this.#text.kernels.u32.subarray(owners >> 2, (owners >> 2) + ids.count),
    );
    if (counts.size === 1) {
      const [measurement] = counts.keys();
      if (measurements.has(measurement!)) parts.set(measurement!, ids);
      return parts;
    }
    let pointer = scratch.take(ids.count * 4);
    for (const [measurement, count] of counts) {
      if (!measurements.has(measurement)) continue;
      parts.set(measurement, { pointer, count: 0 });
      pointer += count * 4;
    }
    const { u32 } = this.#text.kernels;
    let owner = 0;
    let part: IdArray | undefined;
    for (let i = 0; i < ids.count; i++) {
      const next = u32[(owners >> 2) + i]!;
      if (next !== owner) {
        owner = next;
        part = parts.get(next);
      }
      if (part !== undefined) {
        u32[(part.pointer >> 2) + part.count++] = u32[(ids.pointer >> 2) + i]!;
      }
    }
    return parts;
  }

  /** What leaves the ids of a metric whose series lie in the shards. */
  #shards(filter: ShardFilter, scratch: Scratch): (metric: string, ids: IdArray) => number {
    const bitmap = scratch.takeZeros((filter.shardCount + 7) >> 3);
    for (const shard of filter.shards) {
      this.#text.kernels.u8[bitmap + (shard >> 3)]! |= 1 << (shard & 7);
    }
    return (metric, { pointer, count }) => {
      this.#text.begin(metric.length * 3);
      const at = this.#text.pointer;
      const bytes = this.#text.put(metric);
      return this.#exports.keepInShards(pointer, count, at, bytes, filter.shardCount, bitmap);
    };
  }
}

/** How often each number occurs; equal ones mostly follow each other. */
function countRuns(numbers: Uint32Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (let i = 0; i < numbers.length;) {
    const number = numbers[i]!;
    const start = i;
    while (i < numbers.length && numbers[i] === number) i++;
    counts.set(number, (counts.get(number) ?? 0) + i - start);
  }
  return counts;
}
