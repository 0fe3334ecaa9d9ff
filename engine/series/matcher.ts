/** Conditions on labels. A missing label is the empty string; several matchers are ANDed. */
import { EngineError } from "../errors.ts";
import { checkLabelName, checkLabelValue } from "./labels.ts";
import { compileRegex, type Regex } from "./regex.ts";

export type MatchOperator = "=" | "!=" | "=~" | "!~";

/** One condition on one label. Regular expressions have RE2's syntax, are anchored at both ends, and run in linear time. */
export interface Matcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
}

/** A matcher that was checked, in the form that selection works with: accepted values, or all but some. */
export interface CompiledMatcher {
  readonly name: string;
  /** Whether what `value` or `regex` describe is refused instead of accepted. */
  readonly negated: boolean;
  /** The one value it is about; undefined for a regular expression. */
  readonly value: string | undefined;
  readonly regex: Regex | undefined;
  /** Whether series without the label satisfy it. */
  readonly acceptsEmpty: boolean;
}

/** Checks a matcher. Throws "invalid" for an empty or overlong name, an overlong value, a bad regular expression. */
export function compileMatcher(matcher: Matcher): CompiledMatcher {
  const { name, operator, value } = matcher;
  checkLabelName(name);
  switch (operator) {
    case "=":
    case "!=": {
      // The metric's name may be longer than a label's value; a value beyond that limit matches nothing.
      if (name !== "__name__") checkLabelValue(name, value);
      const negated = operator === "!=";
      return { name, negated, value, regex: undefined, acceptsEmpty: (value === "") !== negated };
    }
    case "=~":
    case "!~": {
      const regex = compileRegex(value);
      const negated = operator === "!~";
      const acceptsEmpty = regex.matchesEmpty !== negated;
      return { name, negated, value: undefined, regex, acceptsEmpty };
    }
    default:
      throw new EngineError(
        "invalid",
        `Cannot match: "${String(operator)}" is none of = != =~ !~`,
      );
  }
}

/** Whether a text satisfies the matcher. */
export function satisfies(matcher: CompiledMatcher, text: string): boolean {
  const { value, regex } = matcher;
  const described = regex === undefined ? text === value : regex.matches(text);
  return described !== matcher.negated;
}
