/** Series as text, as the PromQL examples write them: `metric{label="value"} 0+10x10 {{count:4 buckets:[1 3]}}`. */
import {
  type CounterResetHint,
  CUSTOM_BUCKETS_SCHEMA,
  type NativeHistogram,
} from "../../src/promql/histogram.ts";
import { compact, sameBounds } from "../../src/promql/histogram_layout.ts";
import {
  addHistograms,
  detectReset,
  makeHistogram,
  subtractHistograms,
  withHint,
} from "../../src/promql/histogram_math.ts";
import { labelsKey, labelValue, makeLabels, METRIC_NAME } from "../../src/promql/labels.ts";
import { parseDuration } from "../../src/promql/durations.ts";
import { parseQuery } from "../../src/promql/parser.ts";
import type { Labels } from "../../src/promql/queryable.ts";
import type { StoredSample, StoredValue } from "./promql_storage.ts";

export interface LoadBlock {
  readonly every: string;
  readonly nhcb?: boolean;
  readonly series: readonly (string | readonly [line: string, starts: string])[];
}

/** Takes series, each with samples in the order of their times. */
export interface SeriesSink {
  add(labels: Labels, samples: readonly StoredSample[]): void;
}

type Item = StoredValue | undefined;

/** Writes a block; histograms get the hints they would be read with. */
export function loadBlock(storage: SeriesSink, block: LoadBlock): void {
  const stepMs = parseDuration(block.every)!;
  const lines = new Map<string, { labels: Labels; samples: StoredSample[] }>();
  for (const entry of block.series) {
    const [line, starts] = typeof entry === "string" ? [entry, ""] : entry;
    const { labels, values } = parseSeries(line);
    const offsets = parseStarts(starts);
    const samples: StoredSample[] = [];
    values.forEach((value, index) => {
      const timeMs = index * stepMs;
      const offset = offsets[index];
      // A start of 0 means that none is known.
      const startMs = offset === undefined || timeMs + offset === 0 ? undefined : timeMs + offset;
      if (value !== undefined) samples.push({ timeMs, value, startMs });
    });
    lines.set(labelsKey(labels), { labels, samples });
  }
  const all = [...lines.values()];
  if (block.nhcb === true) all.push(...customHistograms(all));
  for (const { labels, samples } of all) storage.add(labels, withReadHints(samples));
}

/** In a run of histograms without reset all but the first are known not to follow one. */
function withReadHints(samples: readonly StoredSample[]): StoredSample[] {
  let previous: NativeHistogram | undefined;
  return samples.map((sample) => {
    const { value } = sample;
    if (typeof value !== "object") {
      previous = undefined;
      return sample;
    }
    const continues = previous !== undefined && value.hint !== "gauge" &&
      previous.hint !== "gauge" &&
      value.schema === previous.schema && value.zeroThreshold === previous.zeroThreshold &&
      sameBounds(value.customValues, previous.customValues) && !detectReset(value, previous);
    previous = value;
    if (value.hint === "gauge") return sample;
    return { ...sample, value: withHint(value, continues ? "not_reset" : "unknown") };
  });
}

export function parseSeries(line: string): { labels: Labels; values: Item[] } {
  const start = line.startsWith("{") ? line.indexOf("}") + 1 : endOfMetric(line);
  return { labels: parseMetric(line.slice(0, start)), values: parseValues(line.slice(start)) };
}

/** Where the metric ends: at the closing brace outside of quotes, or at the first blank. */
function endOfMetric(line: string): number {
  let quote = "";
  let inBraces = false;
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    if (quote !== "") {
      if (character === "\\") at++;
      else if (character === quote) quote = "";
    } else if (character === '"' || character === "'") quote = character;
    else if (character === "{") inBraces = true;
    else if (character === "}") return at + 1;
    else if (character === " " && !inBraces) return at;
  }
  return line.length;
}

function parseMetric(text: string): Labels {
  if (text.trim() === "{}") return [];
  const selector = parseQuery(text);
  if (selector.kind !== "vector_selector") throw new Error(`Not a metric: ${text}`);
  return makeLabels(selector.matchers.map(({ name, value }) => [name, value] as const));
}

const NUMBER = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?[iI]nf|[nN]a[nN]`;
const FLOATS = new RegExp(
  `^(${NUMBER})(?:([+-](?:${NUMBER.replaceAll("[+-]?(", "(")}))x(\\d+)|x(\\d+))?$`,
);
const HISTOGRAMS = /^(\{\{[^}]*\}\})(?:([+-])(\{\{[^}]*\}\})x(\d+)|x(\d+))?$/;

function parseValues(text: string): Item[] {
  const tokens = text.match(/\{\{[^}]*\}\}(?:[+-]\{\{[^}]*\}\})?(?:x\d+)?|\S+/g) ?? [];
  return tokens.flatMap(parseItem);
}

function parseItem(token: string): Item[] {
  if (token === "stale") return ["stale"];
  const gap = /^_(?:x(\d+))?$/.exec(token);
  if (gap !== null) return new Array(Number(gap[1] ?? 1)).fill(undefined);
  const histograms = HISTOGRAMS.exec(token);
  if (histograms !== null) {
    const [, first, sign, step, times, repeats] = histograms;
    const items: NativeHistogram[] = [parseHistogram(first!)];
    for (let left = Number(times ?? repeats ?? 0); left > 0; left--) {
      const last = items[items.length - 1]!;
      if (step === undefined) items.push(last);
      else {items.push(
          (sign === "-" ? subtractHistograms : addHistograms)(last, parseHistogram(step)).histogram,
        );}
    }
    return items;
  }
  const floats = FLOATS.exec(token);
  if (floats === null) throw new Error(`Not a value: ${token}`);
  const [, first, step, times, repeats] = floats;
  const items = [toNumber(first!)];
  for (let left = Number(times ?? repeats ?? 0); left > 0; left--) {
    items.push(items[items.length - 1]! + (step === undefined ? 0 : toNumber(step)));
  }
  return items;
}

export function toNumber(text: string): number {
  const inf = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (inf !== null) return inf[1] === "-" ? -Infinity : Infinity;
  return /^nan$/i.test(text) ? NaN : Number(text);
}

/** The `{{...}}` form. */
export function parseHistogram(text: string): NativeHistogram {
  const fields = new Map<string, string>();
  for (const [, key, list, single] of text.matchAll(/(\w+):(?:\[([^\]]*)\]|([^\s}]+))/g)) {
    fields.set(key!, list ?? single ?? "");
  }
  const number = (key: string, otherwise = 0) => toNumber(fields.get(key) ?? String(otherwise));
  const numbers = (key: string) => (fields.get(key)?.match(/\S+/g) ?? []).map(toNumber);
  const buckets = (key: string, offset: string) => {
    const counts = Float64Array.from(numbers(key));
    return { indices: Int32Array.from(counts, (_, at) => at + number(offset)), counts };
  };
  return makeHistogram({
    schema: number("schema"),
    hint: (fields.get("counter_reset_hint") ?? "unknown") as CounterResetHint,
    zeroThreshold: number("z_bucket_w"),
    zeroCount: number("z_bucket"),
    count: number("count"),
    sum: number("sum"),
    positive: buckets("buckets", "offset"),
    negative: buckets("n_buckets", "n_offset"),
    customValues: Float64Array.from(numbers("custom_values")),
  });
}

const OFFSET = /^([+-]?(?:0|(?:\d+[a-z]+)+))(?:([+-](?:0|(?:\d+[a-wyz]+)+)))?(?:x(\d+))?$/;

/** Offsets of start timestamps in milliseconds. */
function parseStarts(text: string): (number | undefined)[] {
  return (text.match(/\S+/g) ?? []).flatMap((token) => {
    const gap = /^_(?:x(\d+))?$/.exec(token);
    if (gap !== null) return new Array<undefined>(Number(gap[1] ?? 1)).fill(undefined);
    const [head, count] = token.split("x") as [string, string | undefined];
    const match = OFFSET.exec(head);
    if (match === null) throw new Error(`Not a start timestamp: ${token}`);
    const step = match[2] === undefined ? 0 : signedDuration(match[2]);
    const first = signedDuration(match[1]!);
    return Array.from({ length: Number(count ?? 0) + 1 }, (_, at) => first + at * step);
  });
}

function signedDuration(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  return sign * parseDuration(text.replace(/^[+-]/, ""))!;
}

interface Series {
  readonly labels: Labels;
  readonly samples: readonly StoredSample[];
}

interface Classic {
  readonly buckets: Map<number, number>;
  count?: number;
  sum?: number;
}

/** For each classic histogram a native one with the same bounds. */
function customHistograms(all: readonly Series[]): { labels: Labels; samples: StoredSample[] }[] {
  const found = new Map<string, { labels: Labels; byTime: Map<number, Classic> }>();
  for (const { labels, samples } of all) {
    const part = /^(.+)_(bucket|count|sum)$/.exec(labelValue(labels, METRIC_NAME));
    if (part === null) continue;
    const bound = part[2] === "bucket" ? toNumber(labelValue(labels, "le") || "x") : 0;
    if (bound !== bound) continue;
    const own = makeLabels([
      ...labels.filter(([name]) => name !== "le"),
      [METRIC_NAME, part[1]!] as const,
    ]);
    const key = labelsKey(own);
    let histogram = found.get(key);
    if (histogram === undefined) found.set(key, histogram = { labels: own, byTime: new Map() });
    for (const { timeMs, value } of samples) {
      if (typeof value !== "number") continue;
      let classic = histogram.byTime.get(timeMs);
      if (classic === undefined) histogram.byTime.set(timeMs, classic = { buckets: new Map() });
      if (part[2] === "bucket") classic.buckets.set(bound, value);
      else classic[part[2] as "count" | "sum"] = value;
    }
  }
  return [...found.values()].map(({ labels, byTime }) => ({
    labels,
    samples: [...byTime].sort(([left], [right]) => left - right).map(([timeMs, classic]) => ({
      timeMs,
      value: customHistogram(classic),
    })),
  }));
}

function customHistogram({ buckets, count, sum }: Classic): NativeHistogram {
  const bounds = [...buckets.keys()].filter(Number.isFinite).sort((left, right) => left - right);
  const highest = Math.max(0, ...buckets.values());
  const total = count ?? highest;
  let before = 0;
  const counts = [...bounds.map((bound) => buckets.get(bound)!), buckets.get(Infinity) ?? total]
    .map(
      (cumulative) => {
        const own = cumulative - before;
        before = cumulative;
        return own;
      },
    );
  return compact(makeHistogram({
    schema: CUSTOM_BUCKETS_SCHEMA,
    count: total,
    sum: sum ?? 0,
    positive: {
      indices: Int32Array.from(counts, (_, at) => at),
      counts: Float64Array.from(counts),
    },
    customValues: Float64Array.from(bounds),
  }));
}
