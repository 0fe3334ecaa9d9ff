/** Cases of the PromQL examples: their form, and how results compare with what they expect. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { histogramBuckets, type NativeHistogram } from "../../src/promql/histogram.ts";
import { labelsKey, labelsText, makeLabels } from "../../src/promql/labels.ts";
import type { Labels } from "../../src/promql/queryable.ts";
import type { Annotation, QueryResult } from "../../src/promql/value.ts";
import type { LoadBlock } from "./promql_series.ts";
import { toNumber } from "./promql_series.ts";

export interface ExpectedHistogram {
  readonly count: string;
  readonly sum: string;
  readonly buckets:
    readonly (readonly [rule: number, lower: string, upper: string, count: string])[];
  readonly notation: string;
}

type ExpectedText = { readonly message?: string; readonly regex?: string };
type ExpectedSample = string | ExpectedHistogram | null;

export interface PromqlCase {
  readonly id: string;
  readonly expr: string;
  readonly loads?: number;
  readonly at?: number;
  readonly start?: number;
  readonly end?: number;
  readonly step?: number;
  readonly scalar?: string;
  readonly string?: string;
  readonly vector?: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly value?: string;
    readonly histogram?: ExpectedHistogram;
  }[];
  readonly ordered?: boolean;
  readonly matrix?: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly values: readonly ExpectedSample[];
  }[];
  readonly grid?: { readonly start: number; readonly end: number; readonly step: number };
  readonly error?: ExpectedText;
  readonly warnings?: boolean | readonly ExpectedText[];
  readonly infos?: boolean | readonly ExpectedText[];
}

export interface CaseGroup {
  readonly load: readonly LoadBlock[];
  readonly cases: readonly PromqlCase[];
}

export interface CaseFile {
  readonly name: string;
  readonly groups: readonly CaseGroup[];
}

const FOLDER = join(
  dirname(fileURLToPath(import.meta.url)),
  "..",
  "..",
  "..",
  "shared",
  "promql-examples",
);

/** All files of the examples; none where they are absent. */
export function readCaseFiles(): CaseFile[] {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER).filter((name) => name.endsWith(".json")).sort()
    .map((name) => JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as CaseFile);
}

/** Numbers are equal up to rounding. */
export function isClose(actual: number, expected: number): boolean {
  if (Object.is(actual, expected) || actual === expected) return true;
  if (actual !== actual || expected !== expected) return false;
  if (actual === 0 || expected === 0 || Math.abs(actual) + Math.abs(expected) < 2.2e-308) {
    return Math.abs(actual - expected) < 2.2e-314;
  }
  const magnitude = Math.min(Math.abs(actual) + Math.abs(expected), Number.MAX_VALUE);
  return Math.abs(actual - expected) / magnitude < 1e-6;
}

/** One sample at one time, of either kind. */
export type Sample = number | NativeHistogram;
/** By labels and time. */
export type Samples = Map<string, Map<number, Sample>>;

export function labelsOf(metric: Readonly<Record<string, string>>): Labels {
  return makeLabels(Object.entries(metric));
}

/** The samples of a result; a scalar is a series without labels. */
export function samplesOf({ value }: QueryResult): Samples {
  const samples: Samples = new Map();
  if (value.type === "vector") {
    value.labels.forEach((labels, at) => {
      const sample = value.histograms?.[at] ?? value.values[at]!;
      samples.set(labelsText(labels), new Map([[value.timeMs, sample]]));
    });
  } else if (value.type === "matrix") {
    for (const { labels, count, times, values, histograms } of value.series) {
      const byTime = new Map<number, Sample>();
      for (let at = 0; at < count; at++) byTime.set(times[at]!, histograms?.[at] ?? values[at]!);
      samples.set(labelsText(labels), byTime);
    }
  } else if (value.type === "scalar") {
    samples.set("{}", new Map([[value.timeMs, value.value]]));
  }
  return samples;
}

/** What differs; empty if nothing does. */
export function compareSamples(
  actual: Samples,
  expected: ReadonlyMap<string, ReadonlyMap<number, ExpectedSample>>,
  /** Whether the hints of histograms are compared, where the example names one. */
  hints = true,
): string[] {
  const problems: string[] = [];
  for (const labels of actual.keys()) {
    if (!expected.has(labels)) problems.push(`unexpected ${labels}`);
  }
  for (const [labels, byTime] of expected) {
    const own = actual.get(labels);
    if (own === undefined) {
      problems.push(`missing ${labels}`);
      continue;
    }
    for (const timeMs of own.keys()) {
      if (!byTime.has(timeMs)) problems.push(`${labels}: unexpected sample at ${timeMs}`);
    }
    for (const [timeMs, sample] of byTime) {
      const difference = compareSample(own.get(timeMs), sample, hints);
      if (difference !== undefined) problems.push(`${labels} at ${timeMs}: ${difference}`);
    }
  }
  return problems;
}

function compareSample(
  actual: Sample | undefined,
  expected: ExpectedSample,
  hints: boolean,
): string | undefined {
  if (expected === null) return actual === undefined ? undefined : `${show(actual)} for nothing`;
  if (actual === undefined) return "nothing";
  if (typeof expected === "string") {
    const same = typeof actual === "number" && isClose(actual, toNumber(expected));
    return same ? undefined : `${show(actual)} for ${expected}`;
  }
  const problem = typeof actual === "number"
    ? "a float"
    : compareHistogram(actual, expected, hints);
  return problem === undefined ? undefined : `${problem}: ${show(actual)} for ${expected.notation}`;
}

function show(sample: Sample): string {
  if (typeof sample === "number") return String(sample);
  const buckets = histogramBuckets(sample).map(({ lower, upper, count }) =>
    `${lower}..${upper}:${count}`
  );
  return `{count ${sample.count}, sum ${sample.sum}, ${buckets.join(" ")}, ${sample.hint}}`;
}

function compareHistogram(
  actual: NativeHistogram,
  expected: ExpectedHistogram,
  hints: boolean,
): string | undefined {
  if (!isClose(actual.count, toNumber(expected.count))) return "count";
  if (!isClose(actual.sum, toNumber(expected.sum))) return "sum";
  const buckets = histogramBuckets(actual);
  if (buckets.length !== expected.buckets.length) return "number of buckets";
  for (const [at, { rule, lower, upper, count }] of buckets.entries()) {
    const bucket = expected.buckets[at]!;
    const numbers = bucket.slice(1).map((text) => toNumber(String(text)));
    if (rule !== bucket[0]) return `rule of bucket ${at}`;
    if (![lower, upper, count].every((value, place) => isClose(value, numbers[place]!))) {
      return `bucket ${at}`;
    }
  }
  if (!hints) return undefined;
  const hint = /counter_reset_hint:(\w+)/.exec(expected.notation)?.[1];
  return hint === undefined || hint === actual.hint ? undefined : `hint ${actual.hint}`;
}

/** What is wrong with annotations of one kind. */
export function compareTexts(
  actual: readonly Annotation[],
  expected: boolean | readonly ExpectedText[] | undefined,
  kind: string,
): string[] {
  const messages = actual.map(({ message }) => message);
  if (expected === undefined) return [];
  if (expected === true) return messages.length > 0 ? [] : [`no ${kind}`];
  if (expected === false) return messages.map((message) => `unexpected ${kind}: ${message}`);
  return [
    ...messages.filter((message) => !expected.some((text) => isText(message, text)))
      .map((message) => `unexpected ${kind}: ${message}`),
    ...expected.filter((text) => !messages.some((message) => isText(message, text)))
      .map((text) => `missing ${kind}: ${text.message ?? text.regex}`),
  ];
}

export function isText(message: string, { message: part, regex }: ExpectedText): boolean {
  if (part !== undefined) return message.includes(part);
  return regex === undefined || new RegExp(regex).test(message);
}

export { labelsKey };
