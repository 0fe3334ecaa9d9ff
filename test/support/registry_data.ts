/** Random sources and matchers for tests of the registry, and a registry filled with them. */
import fc from "fast-check";
import type { Family, Labels } from "../../engine/base/types.ts";
import { Kernels } from "../../engine/kernels/kernels.ts";
import { compareText } from "../../engine/series/labels.ts";
import type { Matcher } from "../../engine/series/matcher.ts";
import { Registry, type SeriesGroup } from "../../engine/series/registry.ts";
import { RegistryOracle } from "./registry_oracle.ts";

export interface Addition {
  readonly measurement: string;
  readonly tags: Labels;
  readonly fields: readonly string[];
}

const NAMES = ["app", "db", "host", "é", "zone"];
const VALUES = ["", "a", "ab", "b", "web-1", "web-2", "web-10", "x.y", "été", "😀", "\uffee"];
/** Families by field, so that no two additions contradict each other. */
const FIELDS: Readonly<Record<string, Family>> = {
  value: "f64",
  usage: "i64",
  b_c: "u64",
  c: "bool",
  note: "blob",
};

const tags: fc.Arbitrary<Labels> = fc.dictionary(
  fc.constantFrom(...NAMES),
  fc.constantFrom(...VALUES),
  { maxKeys: 4, noNullPrototype: true },
).map((entries) => Object.entries(entries).sort(([a], [b]) => compareText(a, b)));

export const addition: fc.Arbitrary<Addition> = fc.record({
  measurement: fc.constantFrom("a", "a_b", "cpu", "été"),
  tags,
  fields: fc.uniqueArray(fc.constantFrom(...Object.keys(FIELDS)), { maxLength: 3 }),
});

const pattern = fc.constantFrom(
  "",
  ".*",
  ".+",
  "a|b",
  "a|",
  "web-.*",
  ".*1.*",
  ".*b",
  "web-[0-9]+",
  "[ab]*",
  "(a|web-1.*)",
  "x\\.y",
  "nothing",
  "a_b.*",
  ".*_usage|cpu",
  ".",
);

export const matcher: fc.Arbitrary<Matcher> = fc.oneof(
  fc.record({
    name: fc.constantFrom(...NAMES, "missing"),
    operator: fc.constantFrom("=" as const, "!=" as const),
    value: fc.constantFrom(...VALUES, "other"),
  }),
  fc.record({
    name: fc.constantFrom("__name__"),
    operator: fc.constantFrom("=" as const, "!=" as const),
    value: fc.constantFrom("a_b_c", "cpu", "cpu_usage", "a", "", "été_note"),
  }),
  fc.record({
    name: fc.constantFrom(...NAMES, "missing", "__name__"),
    operator: fc.constantFrom("=~" as const, "!~" as const),
    value: pattern,
  }),
);

/** A registry and its oracle, filled alike. */
export class RegistryPair {
  readonly registry: Registry;
  readonly oracle: RegistryOracle = new RegistryOracle();

  constructor(options: { metadataShards?: number } = {}) {
    this.registry = new Registry(new Kernels(), options);
  }

  add({ measurement, tags, fields }: Addition): number {
    this.oracle.add(measurement, tags, fields);
    return fill(this.registry, { measurement, tags, fields });
  }
}

/** Adds a source and values in its fields; returns its record. */
export function fill(registry: Registry, { measurement, tags, fields }: Addition): number {
  const source = registry.sourceOf(measurement, tags);
  for (const field of fields) {
    const slot = registry.slotOf(source, field, FIELDS[field] ?? "f64");
    registry.kernels.exports.markSeen(source, slot);
  }
  return source;
}

/** Groups in the oracle's words. */
export function groupTexts(registry: Registry, groups: readonly SeriesGroup[]): string[] {
  const { kernels } = registry;
  kernels.refresh();
  const { MEASUREMENT_DATABASE, MEASUREMENT_DATABASE_BYTES } = kernels.exports;
  return groups.map((group) => {
    const at = group.measurementPointer;
    const database = kernels.u32[(at + MEASUREMENT_DATABASE.value) >> 2]!;
    const bytes = kernels.u32[(at + MEASUREMENT_DATABASE_BYTES.value) >> 2]!;
    const name = new TextDecoder().decode(kernels.u8.slice(database, database + bytes));
    const parts = [group.metric, name, group.measurement, group.field, group.sources.join(",")];
    return parts.join("|");
  }).sort();
}
