/** A database for reading only, over plain points in milliseconds: select, tags, numbers, histograms. */
import type {
  ColumnBlock,
  Database,
  Family,
  Labels,
  Matcher,
  SeriesGroup,
  SeriesReference,
  TimeRange,
  View,
} from "../../engine/mod.ts";
import { compileRegex, completeSettings } from "../../engine/mod.ts";

export interface FakeSeries {
  readonly metric: string;
  readonly tags: Labels;
  readonly family?: Family;
  /** Milliseconds and values; a value given as bigint is the bits of a double. */
  readonly points?: readonly (readonly [timeMs: number, value: number | bigint])[];
  readonly blobs?: readonly (readonly [timeMs: number, blob: Uint8Array])[];
}

export class FakeDatabase {
  readonly database: Database;
  /** Views that are open. */
  open = 0;
  /** Ranges of all views. */
  readonly ranges: TimeRange[] = [];
  readonly #series: readonly FakeSeries[];

  constructor(series: readonly FakeSeries[], timeUnit: "ns" | "ms" = "ms") {
    this.#series = series;
    const perMs = timeUnit === "ns" ? 1_000_000n : 1n;
    const partial: Partial<Database> = {
      settings: completeSettings({ timeUnit }),
      view: (range) => {
        this.open++;
        this.ranges.push(range);
        return this.#view(range, perMs);
      },
      registry: {
        select: (matchers: readonly Matcher[]) => this.#select(matchers),
        tagsOf: (source: number) => this.#series[source - 1]!.tags,
        seriesCount: series.length,
        labelNames: (matchers: readonly Matcher[]) =>
          [
            ...new Set(
              this.#select(matchers).flatMap((group) => this.#labels(group).map(([name]) => name)),
            ),
          ].sort(),
        labelValues: (name: string, matchers: readonly Matcher[]) =>
          [
            ...new Set(
              this.#select(matchers).flatMap((group) =>
                this.#labels(group).flatMap((label) => label[0] === name ? [label[1]] : [])
              ),
            ),
          ].sort(),
      } as unknown as Database["registry"],
    };
    this.database = partial as Database;
  }

  #labels({ sources }: SeriesGroup): Labels {
    const { metric, tags } = this.#series[sources[0]! - 1]!;
    return [["__name__", metric], ...tags];
  }

  /** One group a series. */
  #select(matchers: readonly Matcher[]): SeriesGroup[] {
    return this.#series.flatMap((series, index) => {
      const labels = new Map([["__name__", series.metric] as const, ...series.tags]);
      if (!matchers.every((matcher) => holds(matcher, labels.get(matcher.name) ?? ""))) return [];
      return [{
        metric: series.metric,
        measurement: series.metric,
        field: "value",
        measurementPointer: 0,
        slot: 0,
        family: series.family ?? "f64",
        sources: Uint32Array.of(index + 1),
      }];
    });
  }

  #view(range: TimeRange, perMs: bigint): View {
    const seriesOf = (reference: SeriesReference): FakeSeries =>
      this.#series[reference.source - 1]!;
    const ticks = (ms: number): bigint => BigInt(Math.round(ms * Number(perMs)));
    const partial: Partial<View> = {
      range,
      select: (matchers) => this.#select(matchers),
      tagsOf: (source) => this.#series[source - 1]!.tags,
      hasPoints: (reference, { start, end }) =>
        (seriesOf(reference).points ?? []).some(([ms]) => ticks(ms) >= start && ticks(ms) < end),
      readNumbers: (reference, startMs, endMs) => {
        const points = (seriesOf(reference).points ?? []).filter(([ms]) =>
          ms >= startMs && ms <= endMs
        );
        const values = new Float64Array(points.length);
        const bits = new BigUint64Array(values.buffer);
        points.forEach(([, value], index) => {
          if (typeof value === "bigint") bits[index] = value;
          else values[index] = value;
        });
        const times = Float64Array.from(points, ([ms]) => ms);
        return {
          count: points.length,
          times,
          values,
          areSmallIntegers: false,
          mayHaveNaN: true,
          timesPointer: 0,
          valuesPointer: 0,
        };
      },
      readBlocks: (reference, { start, end }): ColumnBlock[] => {
        const blobs = (seriesOf(reference).blobs ?? []).filter(([ms]) =>
          ticks(ms) >= start && ticks(ms) < end
        );
        if (blobs.length === 0) return [];
        const origin = ticks(blobs[0]![0]);
        return [{
          count: blobs.length,
          origin,
          offsets: Float64Array.from(blobs, ([ms]) => Number(ticks(ms) - origin)),
          family: reference.family,
          numbers: new Float64Array(0),
          blobs: blobs.map(([, blob]) => blob),
        }];
      },
      [Symbol.dispose]: () => void this.open--,
    };
    return partial as View;
  }
}

function holds({ operator, value }: Matcher, text: string): boolean {
  switch (operator) {
    case "=":
      return text === value;
    case "!=":
      return text !== value;
    case "=~":
      return compileRegex(value).matches(text);
    case "!~":
      return !compileRegex(value).matches(text);
  }
}
