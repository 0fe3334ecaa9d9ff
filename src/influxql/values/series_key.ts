/** Series as SHOW SERIES has them: their keys, and the order in which they come. */
import { compareText, type Labels } from "../../../engine/mod.ts";

/** As in line protocol: `measurement,tag=value`, with its escapes. */
export function seriesKey(measurement: string, tags: Labels): string {
  const escaped = (text: string) => text.replace(/[,= ]/g, "\\$&");
  const parts = tags.map(([key, value]) => `${escaped(key)}=${escaped(value)}`);
  return [measurement.replace(/[, ]/g, "\\$&"), ...parts].join(",");
}

/** The least of many series, without keeping all of them. */
export class LeastSeries {
  readonly #count: number;
  #items: Labels[] = [];

  constructor(count: number) {
    this.#count = count;
  }

  get items(): Labels[] {
    return this.#items;
  }

  add(tags: Labels): void {
    this.#items.push(tags);
    if (this.#items.length < 2 * this.#count + 64) return;
    this.#items.sort(compareTags);
    this.#items = this.#items.filter((each, i, all) =>
      i === 0 || compareTags(all[i - 1]!, each) !== 0
    );
    this.#items.length = Math.min(this.#items.length, this.#count);
  }
}

/** As InfluxDB sorts series: tag by tag, by name and value; one that ends earlier comes first. */
export function compareTags(left: Labels, right: Labels): number {
  for (let i = 0; i < left.length && i < right.length; i++) {
    const order = compareRows(left[i]!, right[i]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

export function compareRows(
  left: readonly [string, string],
  right: readonly [string, string],
): number {
  return compareText(left[0], right[0]) || compareText(left[1], right[1]);
}
