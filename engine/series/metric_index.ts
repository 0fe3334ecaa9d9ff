/**
 * Metrics by name: which fields of which measurements a metric's name stands for.
 * A field is known by its number in the order of creation (its definition); numbers never change.
 */
import { type Family, FAMILY_NAMES, METRIC_NAME } from "../base/types.ts";
import { assert } from "../base/assert.ts";
import type { KernelExports } from "../kernels/exports.ts";
import { AcceptedTexts, type TextList } from "./accepted_texts.ts";
import type { KernelText } from "./kernel_text.ts";
import { type CompiledMatcher, satisfies } from "./matcher.ts";
import { Scratch } from "./scratch.ts";

/** Descriptions that are kept as strings. */
const DESCRIPTIONS_MAX = 1_024;
/** Names whose definitions are kept. */
const NAMES_MAX = 1_024;
/** Fields of one name that are found without asking twice. */
const FOUND_ROOM = 256;

/** A field as a metric. */
export interface Metric {
  readonly metric: string;
  readonly measurement: string;
  readonly field: string;
  /** Record of the measurement in linear memory. */
  readonly measurementPointer: number;
  readonly slot: number;
  readonly family: Family;
}

export class MetricIndex {
  readonly #text: KernelText;
  readonly #exports: KernelExports;
  readonly #accepted = new AcceptedTexts();
  readonly #descriptions = new Map<number, Metric>();
  /** Definitions by name, as far as there were definitions when they were looked for. */
  readonly #byName = new Map<string, Uint32Array>();
  #byNameCount = 0;
  readonly #room: number;

  constructor(text: KernelText) {
    this.#text = text;
    this.#exports = text.kernels.exports;
    this.#room = text.kernels.alloc(this.#exports.METRIC_NAME_ROOM.value, "scratch");
  }

  /** Fields so far; definitions are numbered from 0 to this, exclusive. */
  get count(): number {
    return this.#exports.fieldDefinitionCount();
  }

  nameOf(definition: number): string {
    const bytes = this.#exports.writeMetricName(definition, this.#room);
    this.#text.kernels.refresh();
    return this.#text.read(this.#room, bytes);
  }

  /** Record of the definition's measurement. */
  measurementOf(definition: number): number {
    return this.#exports.fieldDefinitionMeasurement(definition) >>> 0;
  }

  slotOf(definition: number): number {
    return this.#exports.fieldDefinitionSlot(definition);
  }

  describe(definition: number): Metric {
    const known = this.#descriptions.get(definition);
    if (known !== undefined) return known;
    const metric = this.nameOf(definition);
    const measurementPointer = this.measurementOf(definition);
    const { u32, u8 } = this.#text.kernels;
    const word = (offset: WebAssembly.Global) => u32[(measurementPointer + offset.value) >> 2]!;
    const exports = this.#exports;
    const slot = this.slotOf(definition);
    const record = word(exports.MEASUREMENT_FIELD_RECORDS) + slot * exports.FIELD_BYTES.value;
    const nameBytes = record + exports.FIELD_NAME_BYTES.value;
    const family = FAMILY_NAMES[u8[record + exports.FIELD_FAMILY.value]!];
    assert(family !== undefined, "A field has no family");
    const description: Metric = {
      metric,
      measurement: this.#text.read(
        word(exports.MEASUREMENT_NAME),
        word(exports.MEASUREMENT_NAME_BYTES),
      ),
      field: this.#text.read(
        u32[(record + exports.FIELD_NAME.value) >> 2]!,
        u8[nameBytes]! | u8[nameBytes + 1]! << 8,
      ),
      measurementPointer,
      slot,
      family,
    };
    if (this.#descriptions.size >= DESCRIPTIONS_MAX) this.#descriptions.clear();
    this.#descriptions.set(definition, description);
    return description;
  }

  /** Definitions whose metric satisfies all matchers (all of them about the name), ascending. */
  select(matchers: readonly CompiledMatcher[]): Uint32Array {
    const [only] = matchers;
    if (matchers.length === 1 && !only!.negated) return this.#described(only!);
    const lead = matchers.find((each) => !each.negated && each.value !== undefined) ??
      matchers.find((each) => !each.negated && each.regex?.literals !== undefined) ??
      matchers.find((each) => !each.negated);
    const found = lead === undefined
      ? Uint32Array.from({ length: this.count }, (_, definition) => definition)
      : this.#described(lead);
    const others = matchers.filter((each) => each !== lead);
    if (others.length === 0) return found;
    return found.filter((definition) => {
      const name = this.nameOf(definition);
      return others.every((matcher) => satisfies(matcher, name));
    });
  }

  /** Definitions whose name is what a matcher describes; not to be changed. */
  #described(matcher: CompiledMatcher): Uint32Array {
    const { value, regex } = matcher;
    if (value !== undefined) return this.#named(value);
    const literals = regex!.literals;
    if (literals === undefined) return this.#accepted.find(this.#names(), regex!).slice();
    return Uint32Array.from(literals.flatMap((literal) => [...this.#named(literal)])).sort();
  }

  #names(): TextList {
    return {
      key: METRIC_NAME,
      count: this.count,
      find: (regex, from, until) => {
        const all = Uint32Array.from({ length: until - from }, (_, i) => from + i);
        return all.filter((definition) => regex.matches(this.nameOf(definition)));
      },
    };
  }

  /** Definitions with exactly this name. */
  #named(name: string): Uint32Array {
    const { count: countNow } = this;
    if (countNow !== this.#byNameCount) {
      this.#byNameCount = countNow;
      this.#byName.clear();
    }
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    this.#text.begin(name.length * 3);
    const at = this.#text.pointer;
    const bytes = this.#text.put(name);
    using scratch = new Scratch(this.#text.kernels);
    let target = scratch.take(FOUND_ROOM * 4);
    const count = this.#exports.findMetrics(at, bytes, target, FOUND_ROOM);
    if (count > FOUND_ROOM) {
      target = scratch.take(count * 4);
      this.#exports.findMetrics(at, bytes, target, count);
    }
    this.#text.kernels.refresh();
    const definitions = this.#text.kernels.u32.slice(target >> 2, (target >> 2) + count).sort();
    if (this.#byName.size >= NAMES_MAX) this.#byName.clear();
    this.#byName.set(name, definitions);
    return definitions;
  }
}
