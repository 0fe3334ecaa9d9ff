/**
 * From label sets to where samples go: the source's record and the slot of its only field, `value`.
 *
 * A metric's name is the measurement, its labels are the tags. Names and values may be any UTF-8; empty values count as
 * missing labels. What is wrong with a label set or a value's type is a reason, never an exception.
 */
import type { Database, Labels } from "../../engine/mod.ts";
import { DEFAULT_FIELD, isEngineError, METRIC_NAME } from "../../engine/mod.ts";

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
      tags.sort(([left], [right]) => compareUtf8(left, right));
      const repeated = tags.findIndex(([name], index) => index > 0 && tags[index - 1]![0] === name);
      if (repeated !== -1) return `series "${metric}" has the label "${tags[repeated]![0]}" twice`;
    }
    return this.#source(metric, tags);
  }

  /** The slot of a series' samples; a text when the series holds another type. */
  slot(target: SeriesTarget, family: SampleFamily): number | string {
    let slot: number;
    try {
      slot = this.#database.registry.slotOf(target.source, DEFAULT_FIELD, family);
    } catch (error) {
      if (isEngineError(error, "invalid")) return error.message;
      throw error;
    }
    if (slot >= 0) return slot;
    return slot === -2
      ? `metric "${target.metric}" already exists with values of another type than ${
        family === "f64" ? "float" : "histogram"
      }`
      : `metric "${target.metric}" has too many fields`;
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

/** Whether names ascend strictly, which they do as senders send them. */
function inOrder(tags: Labels): boolean {
  for (let index = 1; index < tags.length; index++) {
    if (compareUtf8(tags[index - 1]![0], tags[index]![0]) >= 0) return false;
  }
  return true;
}

/** Order by UTF-8 bytes: that of UTF-16 units, but surrogates come last. */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a === b) continue;
    const last = (unit: number): number => unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
    return last(a) - last(b);
  }
  return left.length - right.length;
}
