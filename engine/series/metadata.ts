/**
 * What there is: label names, label values and counts, of everything or of what matchers select.
 * Only series that ever held a value count; a source without any is not shown.
 */
import { METRIC_NAME } from "../base/types.ts";
import type { KernelExports } from "../kernels/exports.ts";
import { sortTexts } from "./labels.ts";
import type { KernelText } from "./kernel_text.ts";
import type { MetricIndex } from "./metric_index.ts";
import type { LabelRecord, Postings } from "./postings.ts";
import { Scratch } from "./scratch.ts";
import type { SeriesGroup } from "./selector.ts";

/** Values of a label that cost as much to check against a bitmap as one source's key to look at. */
const VALUES_PER_KEY = 4;

/** A name or pair and how many of something it has. */
export interface NamedCount {
  readonly name: string;
  readonly count: number;
}

/** How the series spread over metrics and labels; each list holds the largest first. */
export interface CardinalityStatistics {
  readonly sources: number;
  readonly series: number;
  readonly metrics: number;
  readonly labelNames: number;
  /** Distinct pairs of label name and value, metric names included. */
  readonly labelPairs: number;
  readonly seriesByMetric: readonly NamedCount[];
  readonly valuesByLabel: readonly NamedCount[];
  readonly valueBytesByLabel: readonly NamedCount[];
  /** Named `label=value`. */
  readonly seriesByPair: readonly NamedCount[];
}

export class Metadata {
  readonly #text: KernelText;
  readonly #exports: KernelExports;
  readonly #postings: Postings;
  readonly #metrics: MetricIndex;

  constructor(text: KernelText, postings: Postings, metrics: MetricIndex) {
    this.#text = text;
    this.#exports = text.kernels.exports;
    this.#postings = postings;
    this.#metrics = metrics;
  }

  /** Names of the labels in the groups' series, or in all series; sorted. */
  labelNames(groups: readonly SeriesGroup[] | undefined): string[] {
    if (groups?.length === 0 || (groups === undefined && !this.#metricDefinitions().length)) {
      return [];
    }
    const names = [METRIC_NAME];
    using scratch = new Scratch(this.#text.kernels);
    const bitmap = groups === undefined ? 0 : this.#bitmapOf(groups, scratch).pointer;
    for (const label of this.#postings.labels()) {
      // A tag that is called like the metric's name cannot be asked for.
      if (label.name === METRIC_NAME) continue;
      if (this.#isPresent(this.#postings.labelSources(label), bitmap)) names.push(label.name);
    }
    return sortTexts(names);
  }

  /** Values of a label in the groups' series, or in all series, without the empty one; sorted. */
  labelValues(name: string, groups: readonly SeriesGroup[] | undefined): string[] {
    if (name === METRIC_NAME) {
      const metrics = groups?.map((group) => group.metric) ??
        this.#metricDefinitions().map((definition) => this.#metrics.nameOf(definition));
      return sortTexts([...new Set(metrics)]);
    }
    const label = this.#postings.label(name);
    if (label === undefined || groups?.length === 0) return [];
    using scratch = new Scratch(this.#text.kernels);
    const found = groups === undefined ? undefined : this.#bitmapOf(groups, scratch);
    const few = found !== undefined &&
      found.count * VALUES_PER_KEY < this.#postings.valueCount(label);
    const values = few
      ? this.#valuesOfSources(label, found, scratch)
      : this.#presentValues(label, found?.pointer ?? 0);
    return sortTexts(values);
  }

  /** Counts, with the `limit` largest of each kind. */
  statistics(limit: number): CardinalityStatistics {
    const labels = this.#postings.labels();
    const metrics = this.#seriesByMetric();
    const values = labels.map((label) => ({
      name: label.name,
      count: this.#postings.valueCount(label),
    }));
    const bytes = labels.map((label) => ({
      name: label.name,
      count: this.#postings.valueBytes(label),
    }));
    return {
      sources: this.#exports.sourceTotal(),
      series: this.#exports.seriesCount(),
      metrics: metrics.length,
      labelNames: labels.length + (metrics.length === 0 ? 0 : 1),
      labelPairs: values.reduce((sum, each) => sum + each.count, metrics.length),
      seriesByMetric: largest(metrics, limit),
      valuesByLabel: largest([...values, { name: METRIC_NAME, count: metrics.length }], limit),
      valueBytesByLabel: largest(bytes, limit),
      seriesByPair: this.#largestPairs(labels, limit),
    };
  }

  /** Definitions whose field holds a value in some source. */
  #metricDefinitions(): number[] {
    const definitions: number[] = [];
    for (let definition = 0; definition < this.#metrics.count; definition++) {
      const list = this.#postings.measurementSources(this.#metrics.measurementOf(definition));
      if (list === 0) continue;
      const slot = this.#metrics.slotOf(definition);
      if (this.#exports.idListHasSeen(list, slot) !== 0) definitions.push(definition);
    }
    return definitions;
  }

  /** Whether a list has a source in the bitmap, or (bitmap 0) any source with a series. */
  #isPresent(list: number, bitmap: number): boolean {
    return bitmap === 0
      ? this.#exports.idListHasSeen(list, -1) !== 0
      : this.#exports.idListMeets(list, bitmap) !== 0;
  }

  #bitmapOf(groups: readonly SeriesGroup[], scratch: Scratch): { pointer: number; count: number } {
    const bytes = this.#postings.bitmapBytes;
    const pointer = scratch.takeZeros(bytes);
    for (const { sources } of groups) {
      using ids = new Scratch(this.#text.kernels);
      this.#exports.setIdBits(ids.takeNumbers(sources), sources.length, pointer);
    }
    return { pointer, count: this.#exports.bitmapCount(pointer, bytes) };
  }

  #presentValues(label: LabelRecord, bitmap: number): string[] {
    const values: string[] = [];
    const count = this.#postings.valueCount(label);
    for (let number = 0; number < count; number++) {
      if (!this.#isPresent(this.#postings.valueSources(label, number), bitmap)) continue;
      const value = this.#postings.value(label, number);
      if (value !== "") values.push(value);
    }
    return values;
  }

  #valuesOfSources(
    label: LabelRecord,
    sources: { pointer: number; count: number },
    scratch: Scratch,
  ): string[] {
    const bytes = this.#postings.bitmapBytes;
    const ids = scratch.take(sources.count * 4);
    const places = scratch.take(sources.count * 4);
    this.#exports.bitmapToIds(sources.pointer, bytes, ids);
    this.#text.begin(label.name.length * 3);
    const name = this.#text.pointer;
    const nameBytes = this.#text.put(label.name);
    this.#exports.tagValues(ids, sources.count, name, nameBytes, places);
    const values = new Set<string>();
    for (let i = 0; i < sources.count; i++) {
      const place = this.#text.kernels.u32[(places >> 2) + i]!;
      if (place !== 0) values.add(this.#text.readCounted(place));
    }
    values.delete("");
    return [...values];
  }

  #seriesByMetric(): NamedCount[] {
    const counts = new Map<string, number>();
    const perMeasurement = new Map<number, number[]>();
    for (let definition = 0; definition < this.#metrics.count; definition++) {
      const measurement = this.#metrics.measurementOf(definition);
      const slots = perMeasurement.get(measurement);
      if (slots === undefined) perMeasurement.set(measurement, [definition]);
      else slots.push(definition);
    }
    for (const [measurement, definitions] of perMeasurement) {
      const list = this.#postings.measurementSources(measurement);
      if (list === 0) continue;
      using scratch = new Scratch(this.#text.kernels);
      const at = scratch.takeZeros(definitions.length * 4);
      this.#exports.countSeries(list, at, definitions.length);
      for (const definition of definitions) {
        const count = this.#text.kernels.u32[(at >> 2) + this.#metrics.slotOf(definition)]!;
        if (count === 0) continue;
        const name = this.#metrics.nameOf(definition);
        counts.set(name, (counts.get(name) ?? 0) + count);
      }
    }
    return [...counts].map(([name, count]) => ({ name, count }));
  }

  /** Pairs with the most series. Lists too short to be among them are not counted. */
  #largestPairs(labels: readonly LabelRecord[], limit: number): NamedCount[] {
    let most = 0;
    for (let definition = 0; definition < this.#metrics.count; definition++) {
      most = Math.max(most, this.#metrics.slotOf(definition) + 1);
    }
    let pairs: { label: LabelRecord; number: number; count: number }[] = [];
    let least = 0;
    const trim = () => {
      pairs = pairs.sort((a, b) => b.count - a.count).slice(0, limit);
      if (pairs.length === limit) least = pairs[limit - 1]!.count;
    };
    for (const label of labels) {
      for (let number = 0; number < this.#postings.valueCount(label); number++) {
        const list = this.#postings.valueSources(label, number);
        if (this.#postings.listCount(list) * most <= least) continue;
        const count = this.#exports.countSeries(list, 0, 0);
        if (count > least) pairs.push({ label, number, count });
        if (pairs.length >= 2 * limit) trim();
      }
    }
    trim();
    return pairs.map(({ label, number, count }) => ({
      name: `${label.name}=${this.#postings.value(label, number)}`,
      count,
    }));
  }
}

/** The largest counts, greatest first, ties by name. */
function largest(counts: readonly NamedCount[], limit: number): NamedCount[] {
  return [...counts].sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
    .slice(0, limit);
}
