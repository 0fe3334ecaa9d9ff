/** A catalog over plain label sets; bounds are remembered and not looked at. */
import type { CatalogSelection, SeriesCatalog } from "../../src/http/prometheus_catalog.ts";
import { compareText } from "../../engine/mod.ts";
import type { LabelMatcher } from "../../src/promql/queryable.ts";

export class FakeCatalog implements SeriesCatalog {
  readonly selections: CatalogSelection[] = [];
  readonly #series: readonly Readonly<Record<string, string>>[];

  constructor(series: readonly Readonly<Record<string, string>>[]) {
    this.#series = series;
  }

  async *seriesJson(selection: CatalogSelection): AsyncGenerator<readonly string[]> {
    for (const labels of this.#select(selection)) yield [await JSON.stringify(labels)];
  }

  labelNames(selection: CatalogSelection): Promise<string[]> {
    return Promise.resolve(
      sorted(this.#select(selection).flatMap((labels) => Object.keys(labels))),
    );
  }

  labelValues(name: string, selection: CatalogSelection): Promise<string[]> {
    return Promise.resolve(
      sorted(this.#select(selection).flatMap((labels) => labels[name] ?? [])),
    );
  }

  #select(selection: CatalogSelection): Readonly<Record<string, string>>[] {
    this.selections.push(selection);
    if (selection.selectors.length === 0) return [...this.#series];
    return this.#series.filter((labels) =>
      selection.selectors.some((matchers) => matchers.every((matcher) => holds(matcher, labels)))
    );
  }
}

function sorted(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort(compareText);
}

function holds(
  { name, operator, value }: LabelMatcher,
  labels: Readonly<Record<string, string>>,
): boolean {
  const actual = labels[name] ?? "";
  switch (operator) {
    case "=":
      return actual === value;
    case "!=":
      return actual !== value;
    case "=~":
      return new RegExp(`^(?:${value})$`, "s").test(actual);
    case "!~":
      return !new RegExp(`^(?:${value})$`, "s").test(actual);
  }
}
