/**
 * The series registry: which sources and series exist, and which of them satisfy matchers. A face over the kernels'
 * series table and postings; strings appear only for what a caller reads.
 */
import type { Family, Labels, SourceId } from "../base/types.ts";
import type { Matcher } from "./matcher.ts";

/** Series of one metric: one field of one measurement, and the sources that hold it. */
export interface SeriesGroup {
  /** Metric name as PromQL sees it: `measurement_field`, or `measurement` for the field `value`. */
  readonly metric: string;
  readonly measurement: string;
  readonly field: string;
  /** Record of the measurement in linear memory. */
  readonly measurementPointer: number;
  readonly slot: number;
  readonly family: Family;
  /** Ascending ids of the sources whose slot ever held a value. */
  readonly sources: Uint32Array;
}

/** What the rest of the engine asks of the registry. */
export interface SeriesRegistry {
  readonly sourceCount: number;
  readonly seriesCount: number;
  /** Record of the source with this measurement and tags (sorted by name, no empty value dropped); 0 when the series limit refuses. Throws "invalid" for names beyond the limits. */
  sourceOf(measurement: string, tags: Labels): number;
  /** Slot of a field of the source's measurement, created when missing; -2 when it holds another family, -3 when there are too many fields. */
  slotOf(source: number, field: string, family: Family): number;
  /** Record of an existing source, 0 when there is none. */
  findSource(measurement: string, tags: Labels): number;
  /** Series that satisfy all matchers (`__name__` is the metric's name), whatever their time. Throws "invalid" for a bad regular expression. */
  select(matchers: readonly Matcher[]): SeriesGroup[];
  /** Tags of a source, sorted by name, without the metric's name. */
  tagsOf(source: SourceId): Labels;
  /** Label names that occur in series satisfying the matchers, sorted; `__name__` included. */
  labelNames(matchers: readonly Matcher[]): string[];
  /** Values of a label in series satisfying the matchers, sorted. */
  labelValues(name: string, matchers: readonly Matcher[]): string[];
  /** Definitions not yet in the log, as bytes for a record; undefined when there are none. */
  takeUnlogged(): Uint8Array | undefined;
  /** What takeUnlogged gave last is in the log. */
  markLogged(): void;
  /** Definitions of the sources with these ascending ids and of their measurements (all fields), self-contained. */
  encode(ids: Uint32Array): Uint8Array;
  /** Applies definitions from the log, a checkpoint or a segment; known ones are checked. Throws "corrupt" for a contradiction. */
  apply(definitions: Uint8Array): void;
}
