/** Series in plain arrays as the evaluator reads them, for tests. */
import { compileRegex } from "../../engine/mod.ts";
import type { NativeHistogram } from "../../src/promql/histogram.ts";
import { labelsKey, labelValue } from "../../src/promql/labels.ts";
import type {
  LabelMatcher,
  Labels,
  MsBounds,
  Queryable,
  QuerySession,
  SampleColumns,
  SelectedSeries,
} from "../../src/promql/queryable.ts";

/** A number, a histogram, or the end of a series. */
export type StoredValue = number | NativeHistogram | "stale";

export interface StoredSample {
  readonly timeMs: number;
  readonly value: StoredValue;
  readonly startMs?: number | undefined;
}

const STALE_BITS = Uint32Array.of(2, 0x7ff00000);

export class ArrayStorage implements Queryable {
  readonly #series = new Map<string, { labels: Labels; samples: Map<number, StoredSample> }>();

  /** A later sample of the same time replaces an earlier one. */
  add(labels: Labels, samples: readonly StoredSample[]): void {
    const key = labelsKey(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      this.#series.set(key, series = { labels, samples: new Map() });
    }
    for (const sample of samples) series.samples.set(sample.timeMs, sample);
  }

  open(): QuerySession {
    return {
      select: (matchers, bounds) => this.#select(matchers, bounds),
      [Symbol.dispose]: () => {},
    };
  }

  #select(matchers: readonly LabelMatcher[], bounds: MsBounds): SelectedSeries[] {
    const selected: SelectedSeries[] = [];
    for (const { labels, samples } of this.#series.values()) {
      if (!matchers.every((matcher) => isMatch(matcher, labels))) continue;
      const sorted = [...samples.values()].sort((left, right) => left.timeMs - right.timeMs);
      if (!sorted.some(({ timeMs }) => timeMs >= bounds.startMs && timeMs <= bounds.endMs)) {
        continue;
      }
      selected.push({ labels, read: (inner) => columnsOf(sorted, inner) });
    }
    return selected;
  }
}

export function isMatch({ name, operator, value }: LabelMatcher, labels: Labels): boolean {
  const text = labelValue(labels, name);
  if (operator === "=") return text === value;
  if (operator === "!=") return text !== value;
  return compileRegex(value).matches(text) === (operator === "=~");
}

function columnsOf(samples: readonly StoredSample[], { startMs, endMs }: MsBounds): SampleColumns {
  const inside = samples.filter(({ timeMs }) => timeMs >= startMs && timeMs <= endMs);
  const values = new Float64Array(inside.length);
  const bits = new Uint32Array(values.buffer);
  inside.forEach(({ value }, at) => {
    if (value === "stale") bits.set(STALE_BITS, at * 2);
    else if (typeof value === "number") values[at] = value;
  });
  const columns = {
    count: inside.length,
    times: Float64Array.from(inside, ({ timeMs }) => timeMs),
    values,
  };
  const hasStarts = inside.some(({ startMs: start }) => start !== undefined);
  return {
    ...columns,
    ...inside.some(({ value }) => typeof value === "object")
      ? { histograms: inside.map(({ value }) => typeof value === "object" ? value : undefined) }
      : {},
    ...hasStarts
      ? { startTimes: Float64Array.from(inside, ({ startMs: start }) => start ?? NaN) }
      : {},
  };
}
