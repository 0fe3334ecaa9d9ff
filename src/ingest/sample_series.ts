/**
 * From label sets to where samples go: the source's record and the slot of its field `value`.
 *
 * A metric's name is the measurement, its labels are the tags. Names and values may be any UTF-8; empty values count as
 * missing labels. A field has one family, a series of this protocol may hold floats and histograms: samples of another
 * family than `value` go to a facet, a field of its own under the same metric; so do start timestamps. What is wrong with
 * a label set is a reason, never an exception.
 */
import type { Database, Labels } from "../../engine/mod.ts";
import { compareText, DEFAULT_FIELD, FACET, isEngineError, METRIC_NAME } from "../../engine/mod.ts";

/** Where the samples of one series go; slots of its two families are found when first needed. */
export interface SeriesTarget {
  /** Record of the source. */
  readonly source: number;
  readonly metric: string;
}

/** Label set without order; the value of `__name__` is the metric's name. */
export type LabelPairs = readonly (readonly [name: string, value: string])[];

/** Labels of one series. */
export const LABELS_MAX = 128;

/** The families that samples have. */
export type SampleFamily = "f64" | "histogram";

/** Where samples go that are of another family than the metric's field `value`. */
const FACET_OF: Readonly<Record<SampleFamily, string>> = {
  f64: FACET.floats,
  histogram: FACET.histograms,
};
const SLOT_OF_OTHER_FAMILY = -2;

export class SampleSeries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The source of a label set, created when missing; a text when there can be none. `db` names the database's label. */
  target(pairs: LabelPairs, db: string | undefined): SeriesTarget | string {
    if (pairs.length > LABELS_MAX) return `series has ${pairs.length} labels, above ${LABELS_MAX}`;
    let metric = "";
    const tags: [string, string][] = db === undefined ? [] : [["db", db]];
    for (const [name, value] of pairs) {
      if (name === METRIC_NAME) {
        if (metric !== "") return `series has two metric names: "${metric}" and "${value}"`;
        metric = value;
      } else if (name === "") {
        return "series has a label without a name";
      } else if (value !== "" && !(db !== undefined && name === "db")) {
        tags.push([name, value]);
      }
    }
    if (metric === "") return "series has no metric name";
    if (!inOrder(tags)) {
      tags.sort(([left], [right]) => compareText(left, right));
      const repeated = tags.findIndex(([name], index) => index > 0 && tags[index - 1]![0] === name);
      if (repeated !== -1) return `series "${metric}" has the label "${tags[repeated]![0]}" twice`;
    }
    return this.#source(metric, tags);
  }

  /** The slot of a series' samples; a text when there can be none. */
  slot(target: SeriesTarget, family: SampleFamily): number | string {
    const slot = this.#slot(target, DEFAULT_FIELD, family);
    return slot === SLOT_OF_OTHER_FAMILY
      ? slotOrReason(this.#slot(target, FACET_OF[family], family), target)
      : slotOrReason(slot, target);
  }

  /** The slot of a series' start timestamps, i64 in milliseconds; a text when there can be none. */
  startSlot(target: SeriesTarget): number | string {
    return slotOrReason(this.#slot(target, FACET.starts, "i64"), target);
  }

  #slot(target: SeriesTarget, field: string, family: SampleFamily | "i64"): number | string {
    try {
      return this.#database.registry.slotOf(target.source, field, family);
    } catch (error) {
      if (isEngineError(error, "invalid")) return error.message;
      throw error;
    }
  }

  #source(metric: string, tags: Labels): SeriesTarget | string {
    try {
      const source = this.#database.registry.sourceOf(metric, tags);
      return source === 0 ? "the limit of series is reached" : { source, metric };
    } catch (error) {
      if (isEngineError(error, "invalid")) return error.message;
      throw error;
    }
  }
}

function slotOrReason(slot: number | string, { metric }: SeriesTarget): number | string {
  if (typeof slot === "string" || slot >= 0) return slot;
  return slot === SLOT_OF_OTHER_FAMILY
    ? `metric "${metric}" already exists with values of another type`
    : `metric "${metric}" has too many fields`;
}

/** Whether names ascend strictly, which they do as senders send them. */
function inOrder(tags: Labels): boolean {
  for (let index = 1; index < tags.length; index++) {
    if (compareText(tags[index - 1]![0], tags[index]![0]) >= 0) return false;
  }
  return true;
}
