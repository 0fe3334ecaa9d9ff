/** The kernels' postings as the registry uses them: labels and values by name, and which values an expression accepts. */
import type { KernelExports } from "../kernels/exports.ts";
import { AcceptedTexts, type TextList } from "./accepted_texts.ts";
import type { KernelText } from "./kernel_text.ts";
import type { Regex } from "./regex.ts";
import type { Glob } from "./regex_shape.ts";
import { Scratch } from "./scratch.ts";

/** Labels that are found without asking the kernels. */
const LABELS_KEPT_MAX = 256;
/** Values that are searched in one kernel call. */
const SEARCH_SLICE = 16_384;

/** What it costs to test a value in the kernel, and as a string. */
const GLOB_NS = 25;
const TEXT_NS = 600;

/** One label: its record in linear memory and its name. */
export interface LabelRecord {
  readonly pointer: number;
  readonly name: string;
}

export class Postings {
  readonly #text: KernelText;
  readonly #exports: KernelExports;
  readonly #accepted = new AcceptedTexts();
  readonly #labels = new Map<string, LabelRecord>();
  readonly #labelValues: number;
  readonly #labelSources: number;
  readonly #labelValueBytes: number;
  #generation = 0;

  constructor(text: KernelText) {
    this.#text = text;
    this.#exports = text.kernels.exports;
    this.#labelValues = this.#exports.LABEL_VALUES.value;
    this.#labelSources = this.#exports.LABEL_SOURCES.value;
    this.#labelValueBytes = this.#exports.LABEL_VALUE_BYTES.value;
  }

  /** Indexes up to `max` sources that are not yet; returns how many are left. Refreshes the views. */
  index(max: number): number {
    const left = this.#exports.indexSources(max) >>> 0;
    const generation = this.#exports.postingsGeneration();
    if (generation !== this.#generation) {
      this.#generation = generation;
      this.#accepted.clear();
      this.#labels.clear();
    }
    this.#text.kernels.refresh();
    return left;
  }

  /** Differs when labels and values were numbered anew. */
  get generation(): number {
    return this.#generation;
  }

  /** Differs, within a generation, when sources were added or removed. */
  get sourceCount(): number {
    return this.#exports.sourceCount();
  }

  /** Bytes of a bitmap of all source ids. */
  get bitmapBytes(): number {
    return Math.floor((this.#exports.sourceCount() >>> 0) / 64 + 1) * 8;
  }

  /** All labels that occur. */
  labels(): LabelRecord[] {
    return Array.from({ length: this.#exports.labelCount() }, (_, i) => {
      const pointer = this.#exports.labelAt(i) >>> 0;
      return { pointer, name: this.#text.readCounted(this.#word(pointer)) };
    });
  }

  /** The label with this name, undefined when no source has it. */
  label(name: string): LabelRecord | undefined {
    const known = this.#labels.get(name);
    if (known !== undefined) return known;
    this.#text.begin(name.length * 3);
    const at = this.#text.pointer;
    const pointer = this.#exports.findLabel(at, this.#text.put(name)) >>> 0;
    if (pointer === 0) return undefined;
    const label = { pointer, name };
    if (this.#labels.size < LABELS_KEPT_MAX) this.#labels.set(name, label);
    return label;
  }

  /** How many distinct values a label has, the empty one included. */
  valueCount(label: LabelRecord): number {
    return this.#word(label.pointer + this.#labelValues);
  }

  /** Bytes of all values of a label. */
  valueBytes(label: LabelRecord): number {
    return this.#word(label.pointer + this.#labelValueBytes);
  }

  /** Number of a value, -1 when no source has it. */
  findValue(label: LabelRecord, value: string): number {
    this.#text.begin(value.length * 3);
    const at = this.#text.pointer;
    return this.#exports.findLabelValue(label.pointer, at, this.#text.put(value));
  }

  value(label: LabelRecord, number: number): string {
    return this.#text.readCounted(this.#exports.labelValueText(label.pointer, number) >>> 0);
  }

  /** List of the sources with a value. */
  valueSources(label: LabelRecord, number: number): number {
    return this.#exports.labelValueSources(label.pointer, number) >>> 0;
  }

  /** List of the sources that have the label with a value that is not empty. */
  labelSources(label: LabelRecord): number {
    return label.pointer + this.#labelSources;
  }

  /** List of a measurement's sources, 0 when it has none. */
  measurementSources(measurement: number): number {
    return this.#exports.measurementSourceList(measurement) >>> 0;
  }

  /** Ids in a list. */
  listCount(list: number): number {
    return list === 0 ? 0 : this.#word(list);
  }

  /** What `accepted` will cost, in nanoseconds: only values that were not yet tested against the expression count. */
  searchNs(label: LabelRecord, regex: Regex | undefined): number {
    if (regex === undefined) return 0;
    const isKernels = regex.glob !== undefined || regex.prefixes.length > 0;
    return this.#accepted.untested(this.#valueList(label), regex) *
      (isKernels ? GLOB_NS : TEXT_NS);
  }

  /** Numbers of the label's values that the expression accepts; valid until the next call. */
  accepted(label: LabelRecord, regex: Regex): Uint32Array {
    if (regex.literals === undefined) {
      return this.#accepted.find(this.#valueList(label), regex);
    }
    const numbers = regex.literals.map((literal) => this.findValue(label, literal))
      .filter((number) => number >= 0);
    return Uint32Array.from(numbers);
  }

  #valueList(label: LabelRecord): TextList {
    return {
      key: label.name,
      count: this.valueCount(label),
      find: (regex, from, until) => this.#search(label, regex, [from, until]),
    };
  }

  #search(label: LabelRecord, regex: Regex, [from, until]: [number, number]): Uint32Array {
    const globs = regex.glob !== undefined
      ? [regex.glob]
      : regex.prefixes.map((prefix): Glob => ({ parts: [prefix, ""], gaps: [0] }));
    const parts: Uint32Array[] = [];
    for (let start = from; start < until; start += SEARCH_SLICE) {
      const slice: [number, number] = [start, Math.min(until, start + SEARCH_SLICE)];
      const found = globs.map((glob) => this.#searchGlob(label, glob, slice));
      let numbers = globs.length === 0
        ? Uint32Array.from({ length: slice[1] - start }, (_, i) => start + i)
        : concatenate(found).sort();
      if (regex.glob === undefined) {
        numbers = numbers.filter((number) => regex.matches(this.value(label, number)));
      }
      parts.push(numbers);
    }
    return concatenate(parts);
  }

  #searchGlob(label: LabelRecord, glob: Glob, [from, until]: [number, number]): Uint32Array {
    using scratch = new Scratch(this.#text.kernels);
    const target = scratch.take((until - from) * 4);
    const at = putGlob(this.#text, glob);
    const count = this.#exports.findValuesByGlob(label.pointer, from, until, at, target);
    return this.#text.kernels.u32.slice(target >> 2, (target >> 2) + count);
  }

  #word(pointer: number): number {
    return this.#text.kernels.u32[pointer >> 2]!;
  }
}

/** Writes a glob as selection.ts has it; returns where. */
function putGlob(text: KernelText, glob: Glob): number {
  const { parts, gaps } = glob;
  const characters = parts.reduce((sum, part) => sum + part.length, 0);
  text.begin(16 + parts.length * 12 + characters * 3);
  const at = text.leave(4 + parts.length * 12);
  text.kernels.u32[at >> 2] = parts.length;
  parts.forEach((part, i) => {
    const word = (at + 4 + i * 12) >> 2;
    text.kernels.u32[word] = i === 0 ? 0 : gaps[i - 1]!;
    text.kernels.u32[word + 1] = text.pointer;
    text.kernels.u32[word + 2] = text.put(part);
  });
  return at;
}

function concatenate(parts: readonly Uint32Array[]): Uint32Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
