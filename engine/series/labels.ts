/**
 * Names and labels: their limits, their order, and the identity of a series.
 *
 * Identity bytes: u16 LE bytes of the metric's name, the name, then for each label in order u16 name bytes, name, u16 value
 * bytes, value. Length prefixes keep different label sets apart whatever characters they hold. Its FNV-1a 64 hash gives the
 * series' shard; both never change.
 *
 * Lengths are bytes of UTF-8. An empty label value is legal and part of the identity, although matchers treat it as absence.
 */
import { assert } from "../base/assert.ts";
import type { Label, Labels } from "../base/types.ts";
import { EngineError } from "../errors.ts";

export const METRIC_BYTES_MAX = 65_535;
export const LABEL_NAME_BYTES_MAX = 256;
export const LABEL_VALUE_BYTES_MAX = 16_384;
/** Bytes of a measurement and all its tags. */
export const SOURCE_KEY_BYTES_MAX = 1_048_576;

const FNV_BASIS = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

const encoder = new TextEncoder();

/** Bytes of a text in UTF-8. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    // A surrogate pair is four bytes, two for each half; a lone half becomes U+FFFD, three bytes.
    bytes += code < 0x800 ? 1 : isPairAt(text, i) ? 1 : 2;
  }
  return bytes;
}

/** Whether the code unit at `i` is half of a surrogate pair. */
function isPairAt(text: string, i: number): boolean {
  const code = text.charCodeAt(i) & 0xfc00;
  if (code === 0xd800) return (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
  return code === 0xdc00 && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800;
}

/** Order of two texts by their UTF-8 bytes: negative, zero or positive. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return orderOf(left) - orderOf(right);
  }
  return a.length - b.length;
}

/** Code units in the order of the characters they belong to: surrogates stand for what is beyond U+FFFF. */
function orderOf(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Sorts texts by their UTF-8 bytes, in place. */
export function sortTexts(texts: string[]): string[] {
  // The runtime's own order differs from that of bytes only where surrogates stand, and is many times faster.
  return texts.some((text) => /[\ud800-\uffff]/.test(text))
    ? texts.sort(compareText)
    : texts.sort();
}

/** Labels in canonical order; a name that stands twice stays twice. */
export function sortLabels(labels: Labels): Labels {
  return [...labels].sort(([a], [b]) => compareText(a, b));
}

/** Throws "invalid" unless the metric's (or measurement's) name is usable. Returns its bytes. */
export function checkMetric(name: string): number {
  const bytes = utf8Bytes(name);
  if (bytes === 0) throw new EngineError("invalid", "Cannot use a metric without a name");
  if (bytes > METRIC_BYTES_MAX) throw tooLong("metric name", name, [bytes, METRIC_BYTES_MAX]);
  return bytes;
}

/** Throws "invalid" unless the label's name is usable. Returns its bytes. */
export function checkLabelName(name: string): number {
  const bytes = utf8Bytes(name);
  if (bytes === 0) throw new EngineError("invalid", "Cannot use a label without a name");
  if (bytes > LABEL_NAME_BYTES_MAX) {
    throw tooLong("label name", name, [bytes, LABEL_NAME_BYTES_MAX]);
  }
  return bytes;
}

/** Throws "invalid" unless the value is usable. Returns its bytes. */
export function checkLabelValue(name: string, value: string): number {
  const bytes = utf8Bytes(value);
  if (bytes > LABEL_VALUE_BYTES_MAX) {
    throw tooLong(`value of label "${name}"`, value, [bytes, LABEL_VALUE_BYTES_MAX]);
  }
  return bytes;
}

/**
 * Throws "invalid" unless the labels are in canonical order, each name once, all within the limits, and together with the
 * measurement small enough for a source's key. Returns the key's bytes.
 */
export function checkSource(measurement: string, labels: Labels): number {
  let bytes = 2 + checkMetric(measurement);
  let previous: Label | undefined;
  for (const label of labels) {
    const [name, value] = label;
    bytes += 4 + checkLabelName(name) + checkLabelValue(name, value);
    if (previous !== undefined) checkOrder(previous[0], name);
    previous = label;
  }
  if (bytes > SOURCE_KEY_BYTES_MAX) {
    throw new EngineError(
      "invalid",
      `Cannot use labels: together they have ${bytes} bytes, more than ${SOURCE_KEY_BYTES_MAX}`,
    );
  }
  return bytes;
}

function checkOrder(previous: string, name: string): void {
  const order = compareText(previous, name);
  if (order === 0) {
    throw new EngineError("invalid", `Cannot use labels: "${abridged(name)}" stands twice`);
  }
  if (order > 0) {
    throw new EngineError(
      "invalid",
      `Cannot use labels: "${abridged(name)}" stands after "${abridged(previous)}", not in order`,
    );
  }
}

/** Labels in canonical order, checked. Throws "invalid" for a name that stands twice or anything beyond the limits. */
export function canonicalLabels(labels: Labels): Labels {
  const sorted = sortLabels(labels);
  for (let i = 0; i < sorted.length; i++) {
    const [name, value] = sorted[i]!;
    checkLabelName(name);
    checkLabelValue(name, value);
    if (i > 0) checkOrder(sorted[i - 1]![0], name);
  }
  return sorted;
}

/** Identity bytes of a series. The labels are canonical. */
export function seriesIdentity(metric: string, labels: Labels): Uint8Array {
  const texts = [metric, ...labels.flat()].map((text) => encoder.encode(text));
  const bytes = new Uint8Array(texts.reduce((sum, text) => sum + 2 + text.length, 0));
  let at = 0;
  for (const text of texts) {
    assert(text.length <= 0xffff, "A text of an identity is too long");
    bytes[at] = text.length & 255;
    bytes[at + 1] = text.length >> 8;
    bytes.set(text, at + 2);
    at += 2 + text.length;
  }
  return bytes;
}

/** FNV-1a 64 of identity bytes. */
export function identityHash(identity: Uint8Array): bigint {
  let hash = FNV_BASIS;
  for (const byte of identity) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  return hash;
}

/** Which of `shards` shards holds a series. */
export function shardOf(hash: bigint, shards: number): number {
  return Number(hash % BigInt(shards));
}

function tooLong(what: string, text: string, [actual, allowed]: [number, number]): EngineError {
  return new EngineError(
    "invalid",
    `Cannot use ${what} "${abridged(text)}": it has ${actual} bytes, more than ${allowed}`,
  );
}

function abridged(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}...`;
}
