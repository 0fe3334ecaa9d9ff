/** What a registry holds and selects, written plainly over arrays of strings: the oracle for engine/series. */
import type { Labels } from "../../engine/base/types.ts";
import { metricName } from "../../engine/base/types.ts";
import type { Matcher } from "../../engine/series/matcher.ts";

export interface OracleSource {
  readonly id: number;
  readonly measurement: string;
  readonly tags: Labels;
  /** Fields that hold a value. */
  readonly fields: Set<string>;
}

/** Anchored, dot matches newline. Only for patterns that mean the same to the runtime's regular expressions. */
function accepts(matcher: Matcher, text: string): boolean {
  const { operator, value } = matcher;
  if (operator === "=") return text === value;
  if (operator === "!=") return text !== value;
  return new RegExp(`^(?:${value})$`, "su").test(text) === (operator === "=~");
}

export class RegistryOracle {
  readonly sources: OracleSource[] = [];

  /** Adds a source (once) and values in its fields. */
  add(measurement: string, tags: Labels, fields: readonly string[]): OracleSource {
    const key = JSON.stringify([measurement, tags]);
    let source = this.sources.find((each) => JSON.stringify([each.measurement, each.tags]) === key);
    if (source === undefined) {
      source = { id: this.sources.length + 1, measurement, tags, fields: new Set() };
      this.sources.push(source);
    }
    for (const field of fields) source.fields.add(field);
    return source;
  }

  /** Series as "metric|database|measurement|field|ids", sorted. */
  select(matchers: readonly Matcher[]): string[] {
    const groups = new Map<string, number[]>();
    for (const source of this.sources) {
      for (const field of source.fields) {
        const metric = metricName(source.measurement, field);
        const labels = new Map([...source.tags, ["__name__", metric]]);
        if (!matchers.every((each) => accepts(each, labels.get(each.name) ?? ""))) continue;
        const database = new Map(source.tags).get("db") ?? "";
        const key = [metric, database, source.measurement, field].join("|");
        groups.set(key, [...groups.get(key) ?? [], source.id]);
      }
    }
    return [...groups].map(([key, ids]) => `${key}|${ids.join(",")}`).sort();
  }

  #selected(matchers: readonly Matcher[]): { metric: string; tags: Labels }[] {
    return this.sources.flatMap((source) =>
      [...source.fields].map((field) => ({
        metric: metricName(source.measurement, field),
        tags: source.tags,
      }))
    ).filter(({ metric, tags }) => {
      const labels = new Map([...tags, ["__name__", metric]]);
      return matchers.every((each) => accepts(each, labels.get(each.name) ?? ""));
    });
  }

  labelNames(matchers: readonly Matcher[]): string[] {
    const names = new Set<string>();
    for (const { tags } of this.#selected(matchers)) {
      names.add("__name__");
      for (const [name, value] of tags) if (value !== "") names.add(name);
    }
    return [...names].sort(byCodePoint);
  }

  labelValues(name: string, matchers: readonly Matcher[]): string[] {
    const values = new Set<string>();
    for (const { metric, tags } of this.#selected(matchers)) {
      const value = new Map([...tags, ["__name__", metric]]).get(name) ?? "";
      if (value !== "") values.add(value);
    }
    return [...values].sort(byCodePoint);
  }
}

/** Order of UTF-8 bytes, which is that of code points. */
export function byCodePoint(a: string, b: string): number {
  const left = [...a].map((character) => character.codePointAt(0)!);
  const right = [...b].map((character) => character.codePointAt(0)!);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i]! - right[i]!;
  }
  return left.length - right.length;
}
