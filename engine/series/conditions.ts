/**
 * Matchers on labels as operations on sets of sources.
 *
 * A matcher that refuses the empty value selects the sources of the values it accepts. One that accepts it, and with it all
 * sources without the label, removes the sources of the values it refuses. So each is "keep" or "drop" of a set, and the set is
 * the sources of some values, or those of all values that are not empty except some.
 */
import type { CompiledMatcher } from "./matcher.ts";
import type { LabelRecord, Postings } from "./postings.ts";
import type { Regex } from "./regex.ts";

/** Keep (or drop) the sources of these values of the label, or of all values but these. */
export interface Condition {
  readonly label: LabelRecord;
  readonly matcher: CompiledMatcher;
  readonly keep: boolean;
  /** Whether the set is all non-empty values except the described ones. */
  readonly except: boolean;
  /** The values, when they are known without testing texts; none of them is the empty one. */
  readonly values: Uint32Array | undefined;
  /** The expression that finds them, else. */
  readonly regex: Regex | undefined;
}

const NO_VALUES = new Uint32Array(0);

/** The conditions that matchers on labels amount to; undefined when nothing can satisfy them. */
export function conditionsOf(
  postings: Postings,
  matchers: readonly CompiledMatcher[],
): Condition[] | undefined {
  const conditions: Condition[] = [];
  for (const matcher of matchers) {
    const label = postings.label(matcher.name);
    if (label === undefined) {
      if (!matcher.acceptsEmpty) return undefined;
      continue;
    }
    const condition = conditionOf(postings, label, matcher);
    if (condition === "all") continue;
    if (condition === "none") return undefined;
    conditions.push(condition);
  }
  return conditions;
}

function conditionOf(
  postings: Postings,
  label: LabelRecord,
  matcher: CompiledMatcher,
): Condition | "all" | "none" {
  const keep = !matcher.acceptsEmpty;
  // What the matcher describes is what it accepts, or refuses when negated; the set wanted is what it accepts when it
  // keeps and what it refuses when it drops.
  const except = matcher.negated === keep;
  const base = { label, matcher, keep, except };
  const values = knownValues(postings, label, matcher);
  if (values === undefined) return { ...base, values, regex: matcher.regex };
  if (values === "every") {
    // Every non-empty value is described: the set is everything that is not empty, or nothing at all.
    if (!except) return { ...base, except: true, values: NO_VALUES, regex: undefined };
    return keep ? "none" : "all";
  }
  if (values.length === 0 && !except) return keep ? "none" : "all";
  return { ...base, values, regex: undefined };
}

/** Numbers of the non-empty values that the matcher describes, where no text needs to be tested to know them. */
function knownValues(
  postings: Postings,
  label: LabelRecord,
  { value, regex }: CompiledMatcher,
): Uint32Array | "every" | undefined {
  if (value !== undefined) return numbersOf(postings, label, [value]);
  if (regex!.literals !== undefined) return numbersOf(postings, label, regex!.literals);
  const glob = regex!.glob;
  const isGap = glob !== undefined && glob.parts.length === 2 && glob.parts.join("") === "";
  // `.*` and `.+` accept every value that is not empty.
  return isGap && glob.gaps[0]! <= 1 ? "every" : undefined;
}

function numbersOf(postings: Postings, label: LabelRecord, texts: readonly string[]): Uint32Array {
  const numbers: number[] = [];
  for (const text of texts) {
    const number = text === "" ? -1 : postings.findValue(label, text);
    if (number >= 0) numbers.push(number);
  }
  return new Uint32Array(numbers);
}

/** The condition with its values known, after testing the texts that were not yet. */
export function resolved(postings: Postings, condition: Condition): Condition {
  const { label, regex } = condition;
  if (regex === undefined) return condition;
  let values = postings.accepted(label, regex);
  if (regex.matchesEmpty) values = values.filter((each) => postings.value(label, each) !== "");
  return { ...condition, values, regex: undefined };
}
