/**
 * The series registry: which sources and series exist, and which of them satisfy matchers. A face over the kernels'
 * series table and postings; strings appear only for what a caller reads.
 */
import { FAMILY, type Family, FAMILY_NAMES, type Labels, type SourceId } from "../base/types.ts";
import { EngineError } from "../errors.ts";
import type { KernelExports } from "../kernels/exports.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { Definitions } from "./definitions.ts";
import { KernelText } from "./kernel_text.ts";
import { checkSource, METRIC_BYTES_MAX, utf8Bytes } from "./labels.ts";
import type { Matcher } from "./matcher.ts";
import { type CardinalityStatistics, Metadata } from "./metadata.ts";
import { MetricIndex } from "./metric_index.ts";
import { Postings } from "./postings.ts";
import { Selector, type SeriesGroup, type ShardFilter } from "./selector.ts";

export type { CardinalityStatistics, NamedCount } from "./metadata.ts";
export type { SeriesGroup, ShardFilter } from "./selector.ts";

/** Its value is part of a measurement's identity (series_table.ts). */
const DATABASE_TAG = "db";
/** Sources whose tags are kept as strings. */
const TAGS_KEPT_MAX = 8_192;
/** Sources indexed in one kernel call before a query. */
const INDEX_SLICE = 0xffff_ffff;

/** What the rest of the engine asks of the registry. */
export interface SeriesRegistry {
  readonly sourceCount: number;
  readonly seriesCount: number;
  /** Series that may still be created. */
  readonly seriesRoom: number;
  /** Record of the source with this measurement and tags (sorted by name, no empty value dropped); 0 when the series limit refuses. Throws "invalid" for names beyond the limits. */
  sourceOf(measurement: string, tags: Labels): number;
  /** Slot of a field of the source's measurement, created when missing; -2 when it holds another family, -3 when there are too many fields. */
  slotOf(source: number, field: string, family: Family): number;
  /** Record of an existing source, 0 when there is none. */
  findSource(measurement: string, tags: Labels): number;
  /** Family of a field of the measurement that rows with these tags belong to; undefined while there is none. Creates nothing. */
  familyOf(measurement: string, tags: Labels, field: string): Family | undefined;
  /** Series that satisfy all matchers (`__name__` is the metric's name), whatever their time. Throws "invalid" for a bad regular expression. */
  select(matchers: readonly Matcher[]): SeriesGroup[];
  /**
   * The same, restricted to series whose identity (labels.ts) lies in some shards. Throws "invalid" for a bad scope,
   * "unsupported" when the database has no shards or another number of them.
   */
  selectInShards(matchers: readonly Matcher[], scope: ShardFilter): SeriesGroup[];
  /** Series that satisfy all matchers, at most `limit` of them, with their labels. */
  listSeries(matchers: readonly Matcher[], limit?: number): SeriesListing;
  /** How the series spread over metrics and labels, with the `limit` largest of each kind. */
  statistics(limit: number): CardinalityStatistics;
  /** Indexes up to `max` sources that no query has asked for yet; returns how many are left. For idle time: a query does the rest at once. */
  index(max: number): number;
  /** Tags of a source, sorted by name, without the metric's name. */
  tagsOf(source: SourceId): Labels;
  /** Label names that occur in series satisfying the matchers, sorted; `__name__` included. */
  labelNames(matchers: readonly Matcher[]): string[];
  /** Values of a label in series satisfying the matchers, sorted. */
  labelValues(name: string, matchers: readonly Matcher[]): string[];
  /** Whether any series has a tag of this name, be it called like the metric's name, which matchers cannot ask for. */
  hasTag(name: string): boolean;
  /** Definitions not yet in the log, as bytes for a record; undefined when there are none. */
  takeUnlogged(): Uint8Array | undefined;
  /** What takeUnlogged gave last is in the log. */
  markLogged(): void;
  /** Definitions of the sources with these ascending ids and of their measurements (all fields), self-contained. */
  encode(ids: Uint32Array): Uint8Array;
  /** Applies definitions from the log, a checkpoint or a segment; known ones are checked. Throws "corrupt" for a contradiction. */
  apply(definitions: Uint8Array): void;
}

/** One series by its labels. */
export interface ListedSeries {
  readonly metric: string;
  readonly source: SourceId;
  readonly slot: number;
  /** Tags, without the metric's name. */
  readonly labels: Labels;
}

export interface SeriesListing {
  readonly series: readonly ListedSeries[];
  /** How many there are in all. */
  readonly total: number;
}

export class Registry implements SeriesRegistry {
  readonly kernels: Kernels;
  readonly definitions: Definitions;
  readonly #exports: KernelExports;
  readonly #text: KernelText;
  readonly #postings: Postings;
  readonly #selector: Selector;
  readonly #metadata: Metadata;
  readonly #metadataShards: number;
  readonly #tags = new Map<SourceId, Labels>();

  /** The registry of a kernel instance; `metadataShards` is the geometry that scoped selections must name, 0 for none. */
  constructor(kernels: Kernels, options: { readonly metadataShards?: number } = {}) {
    this.kernels = kernels;
    this.#exports = kernels.exports;
    this.#metadataShards = options.metadataShards ?? 0;
    this.definitions = new Definitions(kernels);
    this.#text = new KernelText(kernels);
    this.#postings = new Postings(this.#text);
    const metrics = new MetricIndex(this.#text);
    this.#selector = new Selector(this.#text, this.#postings, metrics);
    this.#metadata = new Metadata(this.#text, this.#postings, metrics);
  }

  get sourceCount(): number {
    return this.#exports.sourceTotal();
  }

  get seriesCount(): number {
    return this.#exports.seriesCount();
  }

  get seriesRoom(): number {
    // Sources without a value count as well.
    const without = Math.max(0, this.sourceCount - this.seriesCount);
    return Math.max(0, this.#exports.seriesRoom() - without);
  }

  sourceOf(measurement: string, tags: Labels): number {
    return this.#source(measurement, tags, true);
  }

  findSource(measurement: string, tags: Labels): number {
    return this.#source(measurement, tags, false);
  }

  slotOf(source: number, field: string, family: Family): number {
    const { kernels } = this;
    kernels.refresh();
    const exports = this.#exports;
    const measurement = kernels.u32[(source + exports.SOURCE_MEASUREMENT.value) >> 2]!;
    const bytes = utf8Bytes(field);
    const name = kernels.u32[(measurement + exports.MEASUREMENT_NAME_BYTES.value) >> 2]!;
    if (bytes === 0 || name + 1 + bytes > METRIC_BYTES_MAX) {
      throw new EngineError(
        "invalid",
        `Cannot use field "${
          field.slice(0, 80)
        }": measurement and field have ${name} and ${bytes} bytes, ` +
          `allowed are 1 and more, together ${METRIC_BYTES_MAX - 1}`,
      );
    }
    this.#text.begin(bytes);
    const at = this.#text.pointer;
    return exports.findField(measurement, at, this.#text.put(field), FAMILY[family]);
  }

  familyOf(measurement: string, tags: Labels, field: string): Family | undefined {
    const database = tags.find(([name]) => name === DATABASE_TAG)?.[1] ?? "";
    const text = this.#text;
    text.begin(3 * (database.length + measurement.length + field.length));
    const databaseAt = text.pointer;
    const databaseBytes = text.put(database);
    const nameAt = text.pointer;
    const nameBytes = text.put(measurement);
    const exports = this.#exports;
    const found = exports.findMeasurement(databaseAt, databaseBytes, nameAt, nameBytes, false) >>>
      0;
    if (found === 0) return undefined;
    const fieldAt = text.pointer;
    const fieldBytes = text.put(field);
    if (exports.findField(found, fieldAt, fieldBytes, 0) < 0) return undefined;
    return FAMILY_NAMES.find((family) =>
      family !== undefined && exports.findField(found, fieldAt, fieldBytes, FAMILY[family]) >= 0
    );
  }

  select(matchers: readonly Matcher[]): SeriesGroup[] {
    this.index(INDEX_SLICE);
    return this.#selector.select(matchers);
  }

  selectInShards(matchers: readonly Matcher[], scope: ShardFilter): SeriesGroup[] {
    const { shardCount, shards } = scope;
    const isShard = (shard: number): boolean =>
      Number.isInteger(shard) && shard >= 0 && shard < shardCount;
    if (!Number.isInteger(shardCount) || shardCount < 1 || !shards.every(isShard)) {
      throw new EngineError(
        "invalid",
        `Cannot select shards ${shards.slice(0, 8).join(", ")} of ${shardCount}`,
      );
    }
    if (shards.length === 0) return [];
    if (this.#metadataShards === 0) {
      throw new EngineError("unsupported", "Cannot select by shard: the database has no shards");
    }
    if (this.#metadataShards !== shardCount) {
      throw new EngineError(
        "unsupported",
        `Cannot select by shard: the database has ${this.#metadataShards} shards, not ${shardCount}`,
      );
    }
    this.index(INDEX_SLICE);
    return this.#selector.select(matchers, scope);
  }

  tagsOf(source: SourceId): Labels {
    const known = this.#tags.get(source);
    if (known !== undefined) return known;
    const { kernels } = this;
    kernels.refresh();
    const record = this.#exports.sourceById(source) >>> 0;
    if (record === 0) return [];
    const tags = this.#decodeTags(
      kernels.u32[(record + this.#exports.SOURCE_KEY.value) >> 2]!,
      kernels.u32[(record + this.#exports.SOURCE_KEY_BYTES.value) >> 2]!,
    );
    if (this.#tags.size >= TAGS_KEPT_MAX) this.#tags.clear();
    this.#tags.set(source, tags);
    return tags;
  }

  labelNames(matchers: readonly Matcher[]): string[] {
    return this.#metadata.labelNames(this.#groups(matchers));
  }

  labelValues(name: string, matchers: readonly Matcher[]): string[] {
    return this.#metadata.labelValues(name, this.#groups(matchers));
  }

  hasTag(name: string): boolean {
    this.index(INDEX_SLICE);
    return this.#postings.label(name) !== undefined;
  }

  listSeries(matchers: readonly Matcher[], limit: number = Infinity): SeriesListing {
    const series: ListedSeries[] = [];
    let total = 0;
    for (const { metric, slot, sources } of this.select(matchers)) {
      total += sources.length;
      for (let i = 0; i < sources.length && series.length < limit; i++) {
        const source = sources[i]! as SourceId;
        series.push({ metric, source, slot, labels: this.tagsOf(source) });
      }
    }
    return { series, total };
  }

  statistics(limit: number): CardinalityStatistics {
    this.index(INDEX_SLICE);
    return this.#metadata.statistics(limit);
  }

  index(max: number): number {
    return this.#postings.index(max);
  }

  takeUnlogged(): Uint8Array | undefined {
    return this.definitions.takeUnlogged();
  }

  markLogged(): void {
    this.definitions.markLogged();
  }

  encode(ids: Uint32Array): Uint8Array {
    return this.definitions.encode(ids);
  }

  apply(definitions: Uint8Array): void {
    this.definitions.apply(definitions);
  }

  #source(measurement: string, tags: Labels, create: boolean): number {
    const room = checkSource(measurement, tags);
    const bytes = this.#text.putSourceKey(measurement, tags, room);
    return this.#exports.findSource(this.#text.start, bytes, create) >>> 0;
  }

  /** Groups that satisfy matchers; undefined for no matchers, which stands for everything. */
  #groups(matchers: readonly Matcher[]): SeriesGroup[] | undefined {
    if (matchers.length > 0) return this.select(matchers);
    this.index(INDEX_SLICE);
    return undefined;
  }

  #decodeTags(key: number, bytes: number): Labels {
    const { u8 } = this.kernels;
    // One string for the whole key: where every byte is one character, texts are its substrings.
    const whole = this.#text.read(key, bytes);
    const isPlain = whole.length === bytes;
    const tags: [string, string][] = [];
    let at = 0;
    const next = () => {
      const start = at + 2;
      at = start + (u8[key + at]! | u8[key + at + 1]! << 8);
      return isPlain ? whole.slice(start, at) : this.#text.read(key + start, at - start);
    };
    next();
    while (at < bytes) tags.push([next(), next()]);
    return tags;
  }
}
